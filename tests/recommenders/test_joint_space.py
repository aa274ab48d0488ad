"""One space for two views: partners are found there, and shuffled partners are not."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch.nn import functional

from recsys_book.encoders import title_vectors
from recsys_book.recommenders import NotFittedError
from recsys_book.recommenders.joint_space import JointSpace, PairProblem, joint_contrastive_loss
from recsys_book.recommenders.knowledge_graph import (
    graph_features,
    movielens_triples,
    without_leaves,
)


def test_the_loss_is_torchs_cross_entropy_both_ways():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 7, 5, generator=generator, dtype=torch.double)
    logits = functional.cosine_similarity(a[:, None], b[None], dim=2) / 0.3
    own = torch.arange(7)
    rows, columns = (functional.cross_entropy(x, own) for x in (logits, logits.T))
    assert abs(rows - columns) > 0.01  # or the two ways could not be told apart
    torch.testing.assert_close(joint_contrastive_loss(a, b, 0.3), (rows + columns) / 2)
    torch.testing.assert_close(joint_contrastive_loss(9 * a, b, 0.3), (rows + columns) / 2)


def test_the_gradient_is_right_by_finite_differences():
    generator = torch.Generator().manual_seed(1)
    pair = torch.randn(2, 4, 3, generator=generator, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: joint_contrastive_loss(x[0], x[1], 0.5), pair)


def planted(n=500, seed=0):
    """Two views of the same four hidden numbers, each behind its own noise and its own scale."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 4))
    left = hidden @ rng.normal(size=(4, 12)) + 0.1 * rng.normal(size=(n, 12))
    right = 50 + 7 * (hidden @ rng.normal(size=(4, 9)) + 0.1 * rng.normal(size=(n, 9)))
    return left, right


def partner_ranks(space, left, right):
    cosine = space.transform(left) @ space.transform(right, "right").T
    return 1 + (cosine > cosine.diagonal()[:, None]).sum(1)


SETTINGS = {"width": 6, "temperature": 0.1, "rate": 0.02, "epochs": 15, "batch_size": 64}


@pytest.mark.parametrize("hidden", [0, 16])
def test_planted_partners_are_found_and_shuffled_ones_are_not(hidden):
    left, right = planted()
    train, test = slice(0, 400), slice(400, None)
    space = JointSpace(hidden=hidden, **SETTINGS).fit(left[train], right[train])
    ranks = partner_ranks(space, left[test], right[test])
    assert (ranks <= 5).mean() > 0.9  # of 100 candidates, chance is 0.05
    assert space.step_loss_[-5:].mean() < space.step_loss_[0] / 3
    shuffled = np.random.default_rng(1).permutation(400)
    lost = JointSpace(hidden=hidden, **SETTINGS).fit(left[train], right[train][shuffled])
    assert (partner_ranks(lost, left[test], right[test]) <= 5).mean() < 0.15


def test_each_side_retrieves_from_the_other():
    left, right = planted(200)
    space = JointSpace(**SETTINGS).fit(left, right)
    found, cosine = space.retrieve(left[:3], right, 4)
    wanted = space.transform(left[:3]) @ space.transform(right, "right").T
    np.testing.assert_array_equal(found, np.argsort(-wanted, axis=1)[:, :4])
    np.testing.assert_allclose(cosine, -np.sort(-wanted, axis=1)[:, :4])
    back, _ = space.retrieve(right[:3], left, 4, of="right")
    wanted = space.transform(right[:3], "right") @ space.transform(left).T
    np.testing.assert_array_equal(back, np.argsort(-wanted, axis=1)[:, :4])


def test_units_and_offsets_do_not_matter():
    left, right = planted(100)
    one = JointSpace(**SETTINGS).fit(left, right)
    two = JointSpace(**SETTINGS).fit(1000 * left - 3, right)
    np.testing.assert_allclose(
        one.transform(left), two.transform(1000 * left - 3), rtol=1e-3, atol=1e-3
    )
    assert one.means_[1] == pytest.approx(right.mean(axis=0))
    np.testing.assert_allclose(np.linalg.norm(one.transform(left), axis=1), 1, rtol=1e-6)


def test_items_without_a_view_teach_nothing_and_are_projected_to_zero():
    left, right = planted(100)
    dense, gaps = sp.csr_matrix(np.maximum(left, 0)).toarray(), right.copy()
    gaps[7] = np.nan
    empty = dense.copy()
    empty[3] = 0
    keep = np.delete(np.arange(100), [3, 7])
    whole = JointSpace(**SETTINGS).fit(dense[keep], right[keep])
    holed = JointSpace(**SETTINGS).fit(sp.csr_matrix(empty), gaps)
    np.testing.assert_allclose(holed.transform(dense), whole.transform(dense), atol=1e-5)
    assert (holed.transform(sp.csr_matrix(empty))[3] == 0).all()
    assert (holed.transform(gaps, "right")[7] == 0).all()


def test_the_same_seed_gives_the_same_space():
    left, right = planted(60)
    one, two = (JointSpace(epochs=2).fit(left, right).transform(left) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    other = JointSpace(epochs=2, seed=1).fit(left, right).transform(left)
    assert not np.allclose(one, other)


def test_constant_views_and_a_last_batch_of_one_are_no_trouble():
    left, right = planted(33)
    space = JointSpace(epochs=2, batch_size=32).fit(left, np.ones((33, 2)))
    assert (
        len(space.step_loss_) == 2 and np.isfinite(space.transform(np.ones((3, 2)), "right")).all()
    )
    parts = torch.ones(3, 2), torch.ones(3, 2)
    assert PairProblem(parts, (2, 0), 1.0, 2).validate(None) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature is 0"),
        ({"width": 0}, "width is 0"),
        ({"hidden": -1}, "hidden is -1"),
        ({"decay": float("nan")}, "decay is nan"),
        ({"batch_size": 1}, "batch_size is 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        JointSpace(**settings).fit(*planted(20))


def test_views_that_do_not_fit_are_refused():
    left, right = planted(20)
    with pytest.raises(ValueError, match="20 rows and the right one 19"):
        JointSpace().fit(left, right[:19])
    with pytest.raises(ValueError, match="0 items have both views"):
        JointSpace().fit(left, np.full((20, 2), np.nan))
    with pytest.raises(ValueError, match="finite"):
        JointSpace().fit(np.full((20, 2), np.inf), right)
    with pytest.raises(NotFittedError, match="fit"):
        JointSpace().transform(left)
    space = JointSpace(epochs=1).fit(left, right)
    with pytest.raises(ValueError, match="9 columns and was fitted with 12"):
        space.transform(right)
    with pytest.raises(ValueError, match="side is 'middle'"):
        space.retrieve(left, right, of="middle")
    with pytest.raises(ValueError, match="k is 21"):
        space.retrieve(left, right, 21)


def test_the_title_of_a_new_film_finds_its_facts(ml100k):
    titles = title_vectors(ml100k)
    facts = {}
    for correct in (True, False):
        graph = without_leaves(movielens_triples(ml100k, correct_links=correct))
        facts[correct] = graph_features(graph, min_items=3, weight_by_rarity=True)[0]
    known = np.diff(facts[True].indptr) > 0
    first = np.unique(ml100k.items["title"], return_index=True)[1]  # two copies are no test
    films = np.random.default_rng(0).permutation(first[known[first]])
    test, train = films[:200], films[200:]
    hits = {}
    for correct, table in facts.items():
        space = JointSpace().fit(titles[train], table[train])
        hits[correct] = (partner_ranks(space, titles[test], table[test]) <= 10).mean()
    assert hits[True] > 0.25, hits  # chance is 10 of 200, and its standard error 0.015
    assert hits[False] < 0.1, hits  # with the links as published, the facts are another film's
