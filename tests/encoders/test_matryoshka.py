import numpy as np
import pytest
import torch
from torch.nn.functional import kl_div, normalize

from recsys_book.encoders.geometry import PrincipalTruncation, unit_rows
from recsys_book.encoders.matryoshka import MatryoshkaProblem, matryoshka_loss, neighbor_loss
from recsys_book.optimizers import Adam, train


@pytest.fixture(scope="module")
def clumps():
    """Eight clumps at right angles: two principal directions tell few of them apart."""
    rng = np.random.default_rng(0)
    centers = np.eye(8)[rng.integers(8, size=400)]
    return unit_rows(centers + 0.1 * rng.normal(size=(400, 8)))


@pytest.mark.equation("eq-matryoshka")
def test_the_loss_is_the_weighted_sum_over_prefixes():
    vectors = torch.arange(12.0).reshape(3, 4)
    got = matryoshka_loss(vectors, [1, 3], lambda p: p.sum(), weights=[2.0, 0.5])
    assert got.item() == 2.0 * (0 + 4 + 8) + 0.5 * (3 + 15 + 27)
    assert matryoshka_loss(vectors, [4], lambda p: p.sum()).item() == 66


@pytest.mark.equation("eq-matryoshka")
def test_early_coordinates_are_in_every_prefix():
    vectors = torch.ones(2, 4, requires_grad=True)
    matryoshka_loss(vectors, [1, 2, 4], lambda p: p.sum()).backward()
    assert vectors.grad[0].tolist() == [3, 2, 1, 1]


@pytest.mark.parametrize("widths", [[], [0, 2], [2, 5]])
def test_widths_out_of_range(widths):
    with pytest.raises(ValueError, match="prefixes of 4 coordinates have 1 to 4"):
        matryoshka_loss(torch.ones(2, 4), widths, torch.sum)


def test_one_weight_a_width():
    with pytest.raises(ValueError, match="1 weights for 2 widths"):
        matryoshka_loss(torch.ones(2, 4), [1, 2], torch.sum, weights=[1.0])


def test_neighbour_loss_is_entropy_plus_divergence():
    generator = torch.Generator().manual_seed(0)
    full, short = (torch.randn(5, w, generator=generator, dtype=torch.double) for w in (4, 2))
    logs = []
    for vectors in (full, short):
        cosines = normalize(vectors) @ normalize(vectors).T / 0.3
        cosines.fill_diagonal_(-torch.inf)
        logs.append(cosines.log_softmax(dim=1))
    (p, q), off = logs, ~torch.eye(5, dtype=torch.bool)
    p, q = p[off].view(5, 4), q[off].view(5, 4)
    entropy = -(p.exp() * p).sum(dim=1).mean()
    expected = entropy + kl_div(q, p, log_target=True, reduction="batchmean")
    assert neighbor_loss(short, full, 0.3).item() == pytest.approx(expected.item(), rel=1e-10)


def test_it_starts_as_the_principal_directions(clumps):
    problem = MatryoshkaProblem(clumps[:300], clumps[300:], widths=(4, 8))
    start = problem.model(3)
    pca = PrincipalTruncation(8).fit(clumps[:300])
    np.testing.assert_allclose(start.matrix.detach(), pca.matrix_, atol=1e-6)
    assert start.transform(clumps).shape == (400, 8)


def test_training_improves_held_out_prefixes(clumps):
    problem = MatryoshkaProblem(clumps[:300], clumps[300:], widths=(2, 4), batch_size=100)
    run = train(problem, Adam(lr=0.05), epochs=8, seed=0)
    again = train(problem, Adam(lr=0.05), epochs=8, seed=0)
    np.testing.assert_array_equal(run.epoch_validation, again.epoch_validation)
    entropy = neighbor_loss(problem._valid, problem._valid, 0.05).item()
    excess = run.epoch_validation - 2 * entropy  # what no map could avoid is taken away
    assert excess[-1] < 0.8 * excess[0]


def test_weights_reach_the_loss(clumps):
    problem, double = (
        MatryoshkaProblem(clumps[:300], clumps[300:], widths=(4, 8), weights=w)
        for w in (None, (2.0, 2.0))
    )
    model = problem.model(0)
    assert double.validate(model) == pytest.approx(2 * problem.validate(model), rel=1e-6)


def test_batches_are_the_rows_once_and_leave_out_a_rest_of_two(clumps):
    problem = MatryoshkaProblem(clumps[:302], clumps[302:], widths=(4,), batch_size=100)
    batches = list(problem.batches(0))
    assert [len(b) for b in batches] == [100, 100, 100]
    assert len(np.unique(torch.cat(batches).numpy(), axis=0)) == 300
    assert not torch.equal(batches[0], next(iter(problem.batches(1))))


def test_too_few_rows(clumps):
    with pytest.raises(ValueError, match="at least 3 of each"):
        MatryoshkaProblem(clumps[:300], clumps[:2])


def test_a_row_that_is_not_finite(clumps):
    bad = clumps.copy()
    bad[5] = np.nan
    with pytest.raises(ValueError, match="Row 5"):
        MatryoshkaProblem(bad, clumps)
    with pytest.raises(ValueError, match="Row 5"):
        MatryoshkaProblem(clumps, clumps, widths=(4,)).model(0).transform(bad)
