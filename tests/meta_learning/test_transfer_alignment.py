"""Measures of the gap between domains, and the three penalties on it."""

import numpy as np
import pytest
import torch

from recsys_book.meta_learning import transfer as tr
from recsys_book.meta_learning.transfer.adversarial import DomainNetwork


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.equation("eq-domain-discrepancy")
def test_mmd_is_the_sum_over_pairs():
    a, b = draws(7, 3), draws(5, 3, seed=1) + 1

    def k(x, y):
        return np.exp(-np.sum((x - y) ** 2) / (2 * 1.5**2))

    A, B = a.numpy(), b.numpy()
    want = (
        np.mean([[k(x, y) for y in A] for x in A])
        + np.mean([[k(x, y) for y in B] for x in B])
        - 2 * np.mean([[k(x, y) for y in B] for x in A])
    )
    assert abs(float(tr.mmd(a, b, 1.5)) - want) < 1e-12
    assert abs(float(tr.mmd(a, a))) < 1e-12 and float(tr.mmd(a, a + 4)) > 0.5


@pytest.mark.equation("eq-coral")
def test_coral_compares_covariances_and_nothing_else():
    a, b = draws(50, 4), draws(60, 4, seed=1) * 2
    gap = np.cov(a.numpy().T) - np.cov(b.numpy().T)
    assert abs(float(tr.coral(a, b)) - np.sum(gap**2) / (4 * 16)) < 1e-12
    assert float(tr.coral(a, a + 9)) < 1e-20
    with pytest.raises(ValueError, match="1 and 60 rows"):
        tr.coral(a[:1], b)


def test_proxy_distance_runs_from_guessing_to_certain():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400, 3))
    assert tr.proxy_distance(a, b) < 0.3
    assert tr.proxy_distance(a, b + 9) == 2.0
    middle = tr.proxy_distance(a, b + 1)
    assert 0.8 < middle < 1.8
    # The larger domain does not decide: balanced error.
    assert abs(tr.proxy_distance(a, np.vstack([b + 1] * 5)) - middle) < 0.3


def test_the_bound_adds_its_three_terms():
    assert tr.target_error_bound(0.1, 0.6, 0.05) == pytest.approx(0.45)


@pytest.mark.equation("eq-gradient-reversal")
def test_the_gradient_is_reversed_and_the_value_is_not():
    x = draws(4, 2).requires_grad_()
    y = tr.reverse_gradient(x, 0.5)
    assert torch.equal(y, x)
    (y**2).sum().backward()
    torch.testing.assert_close(x.grad, -0.5 * 2 * x.detach())


@pytest.mark.equation("eq-gradient-reversal")
def test_one_backward_pass_pulls_head_and_features_apart():
    network = DomainNetwork(3, 4, seed=0)
    a, b = draws(20, 3).float(), draws(20, 3, seed=1).float() + 1
    tr.domain_loss(network, network.features(a), network.features(b), 2.0).backward()
    head = network.domain[0].weight.grad.clone()
    body = network.features[0].weight.grad.clone()
    network.zero_grad()
    features = [network.features(x) for x in (a, b)]
    logits = [network.domain(f).squeeze(-1) for f in features]
    plain = (
        torch.nn.functional.softplus(logits[0]).mean()
        + torch.nn.functional.softplus(-logits[1]).mean()
    ) / 2
    plain.backward()
    torch.testing.assert_close(head, network.domain[0].weight.grad)
    torch.testing.assert_close(body, -2.0 * network.features[0].weight.grad)


def shops(offset, seed, n=150):
    g = np.random.default_rng(seed)
    w = np.r_[2.0, -1.5, 1.0, np.zeros(5)]
    x, y = g.normal(size=(2, n, 8))
    labels = [v @ w + 0.5 * g.normal(size=n) > 0 for v in (x, y)]
    y = y + offset * g.choice([-1, 1], 8)
    return [torch.tensor(v, dtype=torch.float32) for v in (x, labels[0], y, labels[1])]


@pytest.mark.parametrize("penalty", ["coral", "mmd", "adversarial"])
def test_each_penalty_closes_the_gap_and_mends_offsets(penalty):
    weight = {"coral": 0.3, "mmd": 3.0, "adversarial": 3.0}[penalty]
    found = {"none": [], penalty: []}
    for seed in range(3):
        x, sells, y, truth = shops(1.0, seed)
        for name in found:
            network = tr.train_across(x, sells, y, name, weight, width=8, steps=80, seed=seed)
            with torch.no_grad():
                error = ((network(y) > 0) != (truth > 0)).float().mean()
                gap = tr.proxy_distance(*(network.features(v).numpy() for v in (x, y)))
            found[name].append((float(error), gap))
    plain, helped = (np.mean(found[name], axis=0) for name in ("none", penalty))
    assert helped[0] < plain[0] and helped[1] < plain[1]


def test_training_is_seeded_and_learns_the_source():
    x, sells, y, _ = shops(0.0, 0)
    one, two = (tr.train_across(x, sells, y, steps=60, seed=1) for _ in "12")
    assert torch.equal(one(y), two(y))
    assert ((one(x) > 0) == (sells > 0)).float().mean() > 0.9


def test_bad_input_is_named():
    x, y = torch.zeros(5, 3), torch.zeros(5)
    with pytest.raises(ValueError, match="penalty is 'hope'"):
        tr.train_across(x, y, x, "hope")
    with pytest.raises(ValueError, match="target has 0 rows"):
        tr.train_across(x, y, x[:0])
    with pytest.raises(ValueError, match="3 features and the target 2"):
        tr.train_across(x, y, x[:, :2])
    holed = x.clone()
    holed[2, 1] = torch.nan
    with pytest.raises(ValueError, match="Row 2 of the source"):
        tr.train_across(holed, y, x)
    with pytest.raises(ValueError, match="at least 4 are needed"):
        tr.proxy_distance(np.zeros((3, 2)), np.zeros((9, 2)))
