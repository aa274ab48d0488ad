import numpy as np
import pytest
import scipy.sparse as sp

from recsys_book.evaluation import (
    calibration_kl,
    catalog_coverage,
    exposure,
    gini,
    intra_list_diversity,
    novelty,
    self_information,
    serendipity,
    user_coverage,
)

LISTS = np.array([[0, 1, 2], [0, 1, -1], [-1, -1, -1]])


def test_coverage():
    assert catalog_coverage(LISTS, 6) == 0.5
    assert user_coverage(LISTS, 6) == pytest.approx(2 / 3)
    assert user_coverage(LISTS, 6, at_least=3) == pytest.approx(1 / 3)
    np.testing.assert_array_equal(exposure(LISTS, 4), [2, 2, 1, 0])


def test_gini():
    assert gini([3, 3, 3, 3]) == 0
    assert gini([0, 0, 0, 7]) == pytest.approx(3 / 4)
    x = np.random.default_rng(0).integers(0, 50, 40)
    pairs = np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean())
    assert gini(x) == pytest.approx(pairs)
    for bad in ([0, 0], [-1, 2]):
        with pytest.raises(ValueError, match="zero or above, and not all zero"):
            gini(bad)


def test_novelty():
    np.testing.assert_allclose(self_information([7, 3, 0], 7), [0, 1, 3])
    np.testing.assert_allclose(novelty(LISTS, [7, 3, 0], 7), [4 / 3, 0.5, np.nan])
    with pytest.raises(ValueError, match="goes from 0 to 9 for 7 users"):
        self_information([0, 9], 7)


def test_intra_list_diversity_equals_all_pairs():
    rng = np.random.default_rng(1)
    features = rng.random((8, 4))
    features[7] = 0
    lists = np.array([[0, 1, 2, 3], [4, 7, 5, -1], [1, -1, -1, -1], [-1] * 4])
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-300)
    got = intra_list_diversity(lists, features)
    for line, items in enumerate(([0, 1, 2, 3], [4, 7, 5])):
        similarity = unit[items] @ unit[items].T
        want = 1 - similarity[np.triu_indices(len(items), 1)].mean()
        assert got[line] == pytest.approx(want)
    assert np.isnan(got[2:]).all()
    assert intra_list_diversity(np.array([[0, 0]]), features)[0] == pytest.approx(0)


def test_serendipity():
    relevant = sp.csr_matrix(np.array([[1, 1, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1]]))
    expected = np.array([[0, 3], [0, 1], [-1, -1]])
    np.testing.assert_allclose(serendipity(LISTS, relevant, expected, 4), [2 / 3, 0, np.nan])
    full_of_blanks = np.array([[1, -1], [-1, -1], [1, 2]])
    other = np.array([[2, -1], [-1, -1], [2, -1]])
    np.testing.assert_allclose(serendipity(full_of_blanks, relevant, other, 4), [1, np.nan, 0.5])
    with pytest.raises(ValueError, match="lists has 3 rows, expected 2 and relevant 3"):
        serendipity(LISTS, relevant, expected[:2], 4)


def test_calibration():
    groups = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    history = sp.csr_matrix(np.array([[2.0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]))
    lists = np.array([[0, 1], [1, 1], [0, 1]])
    got = calibration_kl(lists, history, groups)
    assert got[0] == pytest.approx(0)
    assert got[1] == pytest.approx(np.log(1 / 0.01))
    assert np.isnan(got[2])
    assert np.isnan(calibration_kl(np.array([[3, -1]]), history[:1], groups)[0])
    mixed = calibration_kl(np.array([[2, 0]]), history[:1], groups, alpha=0.2)[0]
    q = 0.8 * np.array([0.75, 0.25]) + 0.2 * np.array([0.5, 0.5])
    assert mixed == pytest.approx((0.5 * np.log(0.5 / q)).sum())
    with pytest.raises(ValueError, match="alpha is 0"):
        calibration_kl(lists, history, groups, alpha=0)
    with pytest.raises(ValueError, match="history has shape"):
        calibration_kl(lists, history[:2], groups)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (np.array([0, 1]), "pass item positions, one row a user"),
        (np.array([[0.5]]), "lists is float64"),
        (np.zeros((0, 3), int), "pass item positions"),
        (np.array([[0, 4]]), "from 0 to 4 and the catalogue has 4"),
        (np.array([[-2, 0]]), "from -2 to 0"),
    ],
)
def test_bad_lists_are_refused(lists, message):
    with pytest.raises(ValueError, match=message):
        catalog_coverage(lists, 4)
