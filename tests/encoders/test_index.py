import hashlib
import os
import re

import faiss
import numpy as np
import pytest

from recsys_book.encoders.geometry import unit_rows
from recsys_book.encoders.index import ExactIndex, build_index, load_index, recall, save_index
from recsys_book.encoders.index_theory import (
    ivf_cost,
    list_imbalance,
    pq_decode,
    pq_scores,
    pq_table,
)

SMALL = {
    "exact": {"block": 100},
    "flat": {},
    "ivf": {"nlist": 12, "nprobe": 4},
    "hnsw": {"M": 8, "ef": 48},
    "pq": {"parts": 8, "bits": 6},
    "ivf_pq": {"nlist": 12, "nprobe": 4, "parts": 8, "bits": 8},
}


@pytest.fixture(scope="module")
def vectors():
    """Six hundred unit rows in clumps."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(20, 32))
    clumped = centers[rng.integers(20, size=600)] + 0.7 * rng.normal(size=(600, 32))
    return unit_rows(clumped).astype(np.float32)


@pytest.fixture(scope="module")
def truth(vectors):
    return np.argsort(-(vectors.astype(float) @ vectors.T.astype(float)), kind="stable")[:, :10]


@pytest.fixture(scope="module", params=list(SMALL))
def built(request, vectors):
    """An index of every kind."""
    return build_index(request.param, vectors, **SMALL[request.param])


class TestExact:
    def test_it_sorts_all_scores(self, vectors, truth):
        items, scores = ExactIndex(vectors, block=70).search(vectors, 10)
        np.testing.assert_array_equal(items, truth)
        rows = np.arange(len(vectors))[:, None]
        np.testing.assert_allclose(scores, (vectors @ vectors.T)[rows, items], atol=1e-6)

    @pytest.mark.parametrize("block", [1, 7, 4096])
    def test_equal_vectors_come_by_position(self, vectors, block):
        twins = np.tile(vectors[:40], (5, 1))
        items, _ = ExactIndex(twins, block).search(vectors[:40], 7)
        for row, found in enumerate(items):
            assert found[:5].tolist() == [row, row + 40, row + 80, row + 120, row + 160]

    def test_the_last_place_goes_to_the_first_of_equals(self):
        items, _ = ExactIndex(np.array([[0.5], [1.0], [0.5], [0.5]])).search(np.ones((1, 1)), 3)
        assert items.tolist() == [[1, 0, 2]]

    def test_long_vectors_are_rounded_in_proportion(self, vectors):
        rows = np.tile(vectors[:50], (3, 1)) * 1e4
        items, _ = ExactIndex(rows, 13).search(rows[:50], 3)
        assert items.tolist() == [[r, r + 50, r + 100] for r in range(50)]

    def test_a_block_holds_something(self, vectors):
        with pytest.raises(ValueError, match="block is 0"):
            build_index("exact", vectors, block=0)


class TestEveryKind:
    def test_it_finds_most_of_what_is_there(self, built, vectors, truth):
        items, scores = built.search(vectors, 10)
        least = {"exact": 1, "flat": 1, "hnsw": 0.98, "ivf": 0.9, "pq": 0.6, "ivf_pq": 0.6}
        assert recall(items, truth).mean() >= least[built.kind]
        assert items.dtype == np.int64 and scores.dtype == np.float32
        assert (np.diff(scores, axis=1) <= 0).all()

    def test_a_score_is_the_inner_product(self, built, vectors):
        items, scores = built.search(vectors[:20], 5)
        wide = 0.35 if "pq" in built.kind else 1e-6  # codes give an approximation of it
        exact = np.take_along_axis(vectors[:20] @ vectors.T, items, axis=1)
        np.testing.assert_allclose(scores, exact, atol=wide)

    def test_the_same_vectors_give_the_same_index(self, built, vectors):
        again = build_index(built.kind, vectors, **SMALL[built.kind])
        for a, b in zip(built.search(vectors, 10), again.search(vectors, 10)):
            np.testing.assert_array_equal(a, b)
        assert built.bytes == again.bytes

    def test_float64_is_cast_and_a_view_is_copied(self, built, vectors):
        wide = np.asfortranarray(vectors.astype(np.float64))
        items, _ = build_index(built.kind, wide, **SMALL[built.kind]).search(wide[:9], 3)
        np.testing.assert_array_equal(items, built.search(vectors[:9], 3)[0])

    def test_a_file_brings_it_back(self, built, vectors, tmp_path):
        save_index(built, tmp_path / "films.index")
        back = load_index(tmp_path / "films.index")
        assert back.kind == built.kind and len(back) == len(built) == 600
        for a, b in zip(built.search(vectors, 10), back.search(vectors, 10)):
            np.testing.assert_array_equal(a, b)
        assert os.listdir(tmp_path) == ["films.index"]

    def test_no_queries_have_no_neighbours(self, built):
        items, scores = built.search(np.empty((0, 32)), 4)
        assert items.shape == scores.shape == (0, 4) and items.dtype == np.int64

    @pytest.mark.parametrize(
        ("change", "k", "message"),
        [
            (lambda q: q[:, :31], 3, "31 coordinates and the index 32"),
            (lambda q: q[0], 3, r"queries have shape \(32,\)"),
            (lambda q: np.where(np.arange(len(q))[:, None] == 2, np.nan, q), 3, "Row 2 of the q"),
            (lambda q: q, 0, "k is 0, but the index holds 600"),
            (lambda q: q, 601, "k is 601, but the index holds 600"),
        ],
    )
    def test_queries_are_looked_at(self, built, vectors, change, k, message):
        for call in (built.search, built.comparisons):
            with pytest.raises(ValueError, match=message):
                call(change(vectors[:5]), k)

    def test_vectors_are_looked_at(self, built, vectors):
        bad = vectors.copy()
        bad[7, 0] = np.inf
        for given, message in ((bad, "Row 7"), (vectors[:0], "no vectors"), (vectors[0], "shape")):
            with pytest.raises(ValueError, match=message):
                build_index(built.kind, given)


class TestSettings:
    @pytest.mark.parametrize(
        ("kind", "settings", "message"),
        [
            ("annoy", {}, "choose one of exact, flat"),
            ("hnsw", {"links": 3}, "no setting 'links': choose from M, ef_c"),
            ("hnsw", {"M": 1}, "M is 1, but a whole number at least 2"),
            ("ivf", {"nlist": 601}, "from 1 to 600"),
            ("ivf", {"nlist": 5, "nprobe": 6}, "nprobe is 6, but a whole number from 1 to 5"),
            ("ivf", {"nlist": 5.0}, "nlist is 5.0"),
            ("ivf", {"nprobe": True}, "nprobe is True"),
            ("flat", {"seed": -1}, "seed is -1"),
            ("pq", {"parts": 5}, "32 coordinates cannot be cut into 5"),
            ("pq", {"parts": 8, "bits": 9}, "bits is 9"),
        ],
    )
    def test_one_out_of_range(self, vectors, kind, settings, message):
        with pytest.raises(ValueError, match=message):
            build_index(kind, vectors, **settings)

    def test_too_few_vectors_for_the_code_words(self, vectors):
        with pytest.raises(ValueError, match="100 vectors cannot teach 256"):
            build_index("pq", vectors[:100], parts=8)

    def test_lists_are_the_square_root(self, vectors):
        assert build_index("ivf", vectors).settings["nlist"] == 24

    def test_few_vectors_need_few_lists(self, vectors):
        index = build_index("ivf", vectors[:3])
        assert index.settings == {"nlist": 2, "nprobe": 2, "seed": 0}

    def test_numbers_of_numpy_are_whole_too(self, vectors, tmp_path):
        index = build_index("ivf", vectors, nlist=np.int64(7))
        save_index(index, tmp_path / "a")
        assert load_index(tmp_path / "a").settings == {"nlist": 7, "nprobe": 4, "seed": 0}

    def test_another_seed_is_another_clustering(self, vectors):
        a, b = (build_index("ivf", vectors, nlist=12, seed=s).list_sizes for s in (0, 1))
        assert a.tolist() != b.tolist()

    def test_the_callers_threads_are_given_back(self, vectors):
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(2)
        try:
            build_index("flat", vectors).search(vectors, 1)
            assert faiss.omp_get_max_threads() == 2
        finally:
            faiss.omp_set_num_threads(before)

    def test_a_list_with_too_little_says_so(self, vectors):
        items, scores = build_index("ivf", vectors, nlist=100, nprobe=1).search(vectors, 300)
        assert (items[:, 0] >= 0).all() and (items[:, -1] == -1).all()
        assert (scores[items == -1] == -np.inf).all()


class TestCost:
    def test_codes_are_small_and_a_graph_is_large(self, vectors):
        sizes = {k: build_index(k, vectors, **s).bytes for k, s in SMALL.items()}
        assert sizes["exact"] == vectors.nbytes
        assert sizes["pq"] < 0.25 * sizes["flat"] < sizes["flat"] < sizes["ivf"] < sizes["hnsw"]

    def test_more_probes_compare_more_and_find_more(self, vectors, truth):
        found = [build_index("ivf", vectors, nlist=24, nprobe=p) for p in (1, 2, 24)]
        costs = [index.comparisons(vectors, 10) for index in found]
        recalls = [recall(index.search(vectors, 10)[0], truth).mean() for index in found]
        assert costs == sorted(costs) and costs[-1] == 24 + 600
        assert recalls[0] < recalls[1] < recalls[2] == 1

    def test_a_graph_looks_at_a_part(self, vectors):
        narrow, wide = (
            build_index("hnsw", vectors, M=8, ef=w).comparisons(vectors, 5) for w in (8, 64)
        )
        assert 8 < narrow < wide < 600

    @pytest.mark.parametrize("kind", ["exact", "flat", "pq"])
    def test_the_others_look_at_all(self, vectors, kind):
        assert build_index(kind, vectors, **SMALL[kind]).comparisons(vectors[:3], 5) == 600

    @pytest.mark.equation("eq-ivf-cost")
    def test_one_probe_costs_what_the_lists_say(self, vectors):
        index = build_index("ivf", vectors, nlist=12, nprobe=1)
        nearest = index.inner.quantizer.search(vectors, 1)[1][:, 0]
        sizes = np.bincount(nearest, minlength=12)  # counted without the index's own lists
        np.testing.assert_array_equal(sizes, index.list_sizes)
        expected = ivf_cost(600, 12, 1, list_imbalance(sizes))
        assert index.comparisons(vectors, 5) == pytest.approx(expected, rel=1e-12)
        assert list_imbalance(sizes) == pytest.approx(index.inner.invlists.imbalance_factor())

    @pytest.mark.equation("eq-ivf-cost")
    def test_the_cheapest_number_of_lists(self):
        costs = [ivf_cost(2500, lists, 4) for lists in range(1, 2501)]
        assert 1 + int(np.argmin(costs)) == 100  # the square root of 4 * 2500
        assert ivf_cost(2500, 100, 4) == 200


class TestProductQuantisation:
    @pytest.mark.equation("eq-pq-distance")
    def test_the_table_gives_faiss_s_scores(self, vectors):
        index = build_index("pq", vectors, **SMALL["pq"] | {"bits": 8})
        items, scores = index.search(vectors[:10], 600)
        for row in range(10):
            table = pq_table(vectors[row], index.codebooks, "inner")
            got = pq_scores(table, index.codes)
            np.testing.assert_allclose(got[items[row]], scores[row], atol=1e-5)

    @pytest.mark.equation("eq-pq-distance")
    def test_the_table_gives_faiss_s_distances(self, vectors):
        peer = faiss.IndexPQ(32, 4, 8)
        peer.pq.cp.min_points_per_centroid = 1
        peer.train(vectors)
        peer.add(vectors)
        books = faiss.vector_to_array(peer.pq.centroids).reshape(4, 256, 8)
        codes = faiss.vector_to_array(peer.codes).reshape(600, 4)
        distances, items = peer.search(vectors[:1], 600)
        table = pq_table(vectors[0], books)
        np.testing.assert_allclose(pq_scores(table, codes)[items[0]], distances[0], atol=1e-5)
        np.testing.assert_allclose(
            pq_scores(table, codes),
            ((vectors[0] - pq_decode(codes, books)) ** 2).sum(axis=1),
            atol=1e-5,
        )

    def test_decoding_is_faiss_s(self, vectors):
        index = build_index("pq", vectors, parts=8)
        got = pq_decode(index.codes, index.codebooks)
        np.testing.assert_array_equal(got, index.inner.reconstruct_n(0, 600))

    def test_another_width_or_metric(self):
        with pytest.raises(ValueError, match=r"2 parts of 3 coordinates need \(6,\)"):
            pq_table(np.ones(5), np.ones((2, 4, 3)))
        with pytest.raises(ValueError, match="choose 'l2' or 'inner'"):
            pq_table(np.ones(6), np.ones((2, 4, 3)), "cosine")


class TestRecall:
    @pytest.mark.equation("eq-ann-recall")
    def test_it_counts_for_each_query(self):
        found = np.array([[1, 2, 3, 4], [4, 3, 2, 1], [9, -1, -1, -1]])
        exact = np.array([[4, 3, 2, 1], [1, 7, 8, 9], [5, 6, 7, 8]])
        assert recall(found, exact).tolist() == [1.0, 0.25, 0.0]

    @pytest.mark.parametrize("shape", [(3, 4), (2, 5), (2,), (0, 5)])
    def test_shapes_must_agree(self, shape):
        other = shape if 0 in shape or len(shape) == 1 else (2, 4)
        with pytest.raises(ValueError, match="both need the same"):
            recall(np.zeros(shape, int), np.zeros(other, int))


class TestFile:
    @pytest.fixture
    def file(self, vectors, tmp_path):
        save_index(build_index("flat", vectors), tmp_path / "a.index")
        return tmp_path / "a.index"

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda raw: raw[:-5], "damaged or cut short"),
            (lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "damaged or cut short"),
            (lambda raw: raw[:30], "damaged or cut short"),
            (lambda raw: raw.replace(b'"flat"', b'"fl4t"'), "damaged or cut short"),
            (lambda raw: b"PK" + raw, "not an index of this package"),
            (lambda raw: b"", "not an index of this package"),
        ],
    )
    def test_a_file_that_is_not_whole_is_refused(self, file, damage, message):
        file.write_bytes(damage(file.read_bytes()))
        with pytest.raises(ValueError, match=message):
            load_index(file)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(
            ValueError, match=re.escape(f"{tmp_path / 'b'} cannot be read (No such")
        ):
            load_index(tmp_path / "b")

    def test_an_interrupted_write_leaves_the_old_file(self, file, vectors, monkeypatch):
        before = hashlib.sha256(file.read_bytes()).digest()

        def interrupted(source, target):
            raise OSError("no space")

        monkeypatch.setattr("os.replace", interrupted)
        with pytest.raises(OSError, match="no space"):
            save_index(build_index("exact", vectors), file)
        assert os.listdir(file.parent) == ["a.index"]
        assert hashlib.sha256(file.read_bytes()).digest() == before
