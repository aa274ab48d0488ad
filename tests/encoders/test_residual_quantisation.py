"""Residual k-means: nearest words, the error's fall by level, and faiss with a beam of one."""

import numpy as np
import pytest

from recsys_book.encoders.residual_quantisation import (
    ResidualKMeans,
    error_by_level,
    kmeans,
    nearest,
    quantise,
)


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    middles = 3 * rng.normal(size=(8, 5))
    return middles[rng.integers(8, size=400)] + rng.normal(size=(400, 5))


def test_nearest_is_the_smallest_distance(vectors):
    centers = vectors[:7]
    distance = ((vectors[:, None] - centers) ** 2).sum(axis=2)
    assert np.array_equal(nearest(vectors, centers), distance.argmin(axis=1))


def test_kmeans_ends_where_no_vector_moves(vectors):
    centers, members = kmeans(vectors, 8, seed=1)
    assert np.array_equal(members, nearest(vectors, centers))
    means = np.stack([vectors[members == j].mean(axis=0) for j in range(8)])
    np.testing.assert_allclose(centers, means, rtol=0, atol=1e-12)


def test_kmeans_finds_planted_clusters():
    rng = np.random.default_rng(3)
    label = np.repeat(np.arange(6), 30)
    planted = 20 * np.eye(6)[label] + 0.1 * rng.normal(size=(180, 6))
    _, members = kmeans(planted, 6, seed=0)
    assert len(np.unique(np.stack([label, members], axis=1), axis=0)) == 6


def test_an_empty_centre_takes_the_worst_served_vector(monkeypatch):
    from recsys_book.encoders import residual_quantisation as module

    line = np.array([[100.0], [101.0], [102.0], [150.0]])
    # Two centres at the same place: the second gets nobody.
    monkeypatch.setattr(module, "_spread_start", lambda v, k, rng: np.array([[101.5], [101.5]]))
    centers, members = kmeans(line, 2)
    assert sorted(centers.ravel()) == [101.0, 150.0]
    assert members[3] != members[0]


def test_more_centres_than_different_vectors_is_no_error():
    centers, members = kmeans(np.ones((5, 2)), 3, seed=0)
    assert np.all(centers == 1) and set(members) == {0}


def test_the_round_limit_holds(vectors):
    one, _ = kmeans(vectors, 8, seed=1, max_iter=1)
    assert not np.allclose(one, kmeans(vectors, 8, seed=1)[0])


@pytest.mark.equation("eq-residual-quantisation")
def test_digits_by_hand():
    books = [np.array([[0.0], [10.0]]), np.array([[-1.0], [0.0], [2.0]])]
    digits, rest = quantise(np.array([[9.0], [12.5], [0.4]]), books)
    assert digits.tolist() == [[1, 0], [1, 2], [0, 1]]
    np.testing.assert_allclose(rest.ravel(), [0.0, 0.5, 0.4], atol=1e-12)


@pytest.mark.equation("eq-quantisation-error")
def test_a_level_takes_away_the_energy_of_its_words(vectors):
    model = ResidualKMeans(levels=3, codes=8, seed=2).fit(vectors)
    errors, digits = model.error(vectors), model.encode(vectors)
    assert np.all(np.diff(errors) < 0)
    for level, words in enumerate(model.codebooks_):
        energy = (words[digits[:, level]] ** 2).sum(axis=1).mean()
        np.testing.assert_allclose(errors[level] - errors[level + 1], energy, rtol=1e-10)


def test_the_error_is_that_of_the_decoded_vectors(vectors):
    model = ResidualKMeans(levels=2, codes=8, seed=2).fit(vectors)
    digits = model.encode(vectors)
    for level in (1, 2):
        gap = ((vectors - model.decode(digits[:, :level])) ** 2).sum(axis=1).mean()
        np.testing.assert_allclose(gap, model.error(vectors)[level], rtol=1e-10)
    np.testing.assert_allclose(
        error_by_level(vectors - vectors.mean(axis=0), [])[0], model.error(vectors)[0]
    )


def test_faiss_with_a_beam_of_one_writes_the_same_digits(vectors):
    faiss = pytest.importorskip("faiss")
    model = ResidualKMeans(levels=3, codes=8, seed=0).fit(vectors)
    theirs = faiss.ResidualQuantizer(5, 3, 3)
    theirs.max_beam_size = 1
    theirs.train((vectors[:50]).astype(np.float32))  # makes its tables; the words are ours
    words = np.concatenate(model.codebooks_).astype(np.float32)
    faiss.copy_array_to_vector(words.ravel(), theirs.codebooks)
    theirs.compute_codebook_tables()
    packed = theirs.compute_codes((vectors - model.center_).astype(np.float32))
    bits = np.unpackbits(packed, axis=1, bitorder="little")[:, :9].reshape(-1, 3, 3)
    digits = (bits * np.array([1, 2, 4])).sum(axis=2)
    assert (digits == model.encode(vectors)).all(axis=1).mean() > 0.995  # float32 ties


def test_faiss_does_not_find_much_better_codebooks(vectors):
    faiss = pytest.importorskip("faiss")
    centred = (vectors - vectors.mean(axis=0)).astype(np.float32)
    theirs = faiss.ResidualQuantizer(5, 3, 3)
    theirs.max_beam_size = 1
    theirs.train(centred)
    gap = ((centred - theirs.decode(theirs.compute_codes(centred))) ** 2).sum(axis=1).mean()
    ours = ResidualKMeans(levels=3, codes=8, seed=0).fit(vectors).error(vectors)[-1]
    assert ours < 1.1 * gap


def test_the_same_seed_gives_the_same_digits(vectors):
    one, two = (ResidualKMeans(2, 8, seed=5).fit(vectors).encode(vectors) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: ResidualKMeans(levels=0), "at least one digit"),
        (lambda: ResidualKMeans(codes=5).fit(np.zeros((3, 2))), "5 centres"),
        (lambda: ResidualKMeans().fit(np.zeros(3)), "one row an item"),
        (lambda: ResidualKMeans().fit(np.array([[0.0], [np.nan]])), "item 1 is not finite"),
    ],
)
def test_bad_input_is_refused(make, hint):
    with pytest.raises(ValueError, match=hint):
        make()
