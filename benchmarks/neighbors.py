"""How fast neighbours are found, beside implicit and faiss on the same data in the same run.

    python benchmarks/neighbors.py [--rounds 5] [--threads 2]

The build of an item-kNN model (cosine, 100 neighbours) is compared with the fit of implicit's
``CosineRecommender`` on MovieLens-100K and on a made-up log of a million events (20,000 users,
10,000 items, popular items and busy users as in real logs). The search for the ten largest of
50,000 inner products of width 64 for 10,000 users is compared with faiss's flat index. The
libraries take turns, one round each, with the same number of threads, and the median counts; the
first round (compilation) does not. Each line reads ``name value unit (target ...) ok|short``.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time
import warnings
from collections.abc import Callable

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "2"

import numpy as np  # noqa: E402
import scipy.sparse as sp  # noqa: E402

K_NEIGHBOURS, K_ITEMS, USERS, ITEMS, WIDTH = 100, 10, 10_000, 50_000, 64


def movielens() -> sp.csr_matrix:
    from recsys_book.data import load_movielens

    return sp.csr_matrix(load_movielens("100k").interactions.to_csr(1.0))


def made_up(n_users: int = 20_000, n_items: int = 10_000, n: int = 1_000_000) -> sp.csr_matrix:
    """Distinct pairs; an item's popularity falls with its rank, users' activity is log-normal."""
    rng = np.random.default_rng(0)
    popularity = (np.arange(n_items) + 10.0) ** -0.8
    activity = rng.lognormal(0, 1, n_users)
    pairs = np.empty(0, np.int64)
    while len(pairs) < n:
        size = int((n - len(pairs)) * 1.3) + 1000
        user = rng.choice(n_users, size, p=activity / activity.sum())
        item = rng.choice(n_items, size, p=popularity / popularity.sum())
        pairs = np.unique(np.r_[pairs, user * n_items + item])
    pairs, names = rng.permutation(pairs)[:n], rng.permutation(n_items)
    cells = (pairs // n_items, names[pairs % n_items])
    return sp.csr_matrix((np.ones(n), cells), (n_users, n_items))


def ours_build(X: sp.csr_matrix, threads: int) -> sp.csr_matrix:
    from recsys_book.recommenders.similarity import nearest

    return nearest(X.T.tocsr(), K_NEIGHBOURS, threads=threads)


def implicit_build(X: sp.csr_matrix, threads: int) -> sp.csr_matrix:
    from implicit.nearest_neighbours import CosineRecommender

    # implicit counts the item itself among the neighbours.
    model = CosineRecommender(K=K_NEIGHBOURS + 1, num_threads=threads)
    model.fit(X, show_progress=False)
    return model.similarity


def timed(call: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    value = call()
    return time.perf_counter() - start, value


def take_turns(takes: dict[str, Callable[[], object]], rounds: int) -> tuple[dict, dict]:
    """Median seconds and last value of each, the first round left out."""
    seconds, values = {name: [] for name in takes}, {}
    for _ in range(rounds + 1):
        for name, take in takes.items():
            took, values[name] = timed(take)
            seconds[name].append(took)
    return {name: statistics.median(took[1:]) for name, took in seconds.items()}, values


def show(name: str, value: float, unit: str, target: str = "", ok: bool | None = None) -> None:
    verdict = "" if ok is None else f"  (target {target})  {'ok' if ok else 'short'}"
    print(f"{name:44s} {value:10.4g} {unit}{verdict}", flush=True)


def sums_of_rows(similarity: sp.csr_matrix) -> np.ndarray:
    """Sum of the neighbours' similarities; ties at the last place leave it alone."""
    similarity = sp.csr_matrix(similarity, copy=True)
    similarity.setdiag(0)
    return np.asarray(similarity.sum(axis=1)).ravel()


def build(name: str, X: sp.csr_matrix, rounds: int, threads: int) -> None:
    takes = {
        "implicit": lambda: implicit_build(X, threads),
        "ours": lambda: ours_build(X, threads),
    }
    seconds, values = take_turns(takes, rounds)
    for library, took in seconds.items():
        show(f"item-kNN build, {name}, {library}", took, "s")
    ratio = seconds["ours"] / seconds["implicit"]
    show(f"item-kNN build, {name}, ours over implicit", ratio, "x", "<= 1.2 x", ratio <= 1.2)
    gap = np.abs(sums_of_rows(values["ours"]) - sums_of_rows(values["implicit"])).max()
    show(f"item-kNN build, {name}, largest difference", gap, "", "<= 1e-6", gap <= 1e-6)


def search(rounds: int, threads: int) -> None:
    import faiss

    from recsys_book.recommenders import top_k_inner

    rng = np.random.default_rng(0)
    users, items = (rng.normal(size=(n, WIDTH)).astype(np.float32) for n in (USERS, ITEMS))
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(WIDTH)
    index.add(items)
    takes = {
        "faiss": lambda: index.search(users, K_ITEMS)[1],
        "ours": lambda: top_k_inner(users, items, K_ITEMS, threads=threads)[0],
    }
    seconds, values = take_turns(takes, rounds)
    for library, took in seconds.items():
        show(f"exact top-{K_ITEMS} search, {library}", USERS / took, "users/s")
    ratio = seconds["faiss"] / seconds["ours"]
    show("exact search, ours over faiss flat", ratio, "x", ">= 0.8 x", ratio >= 0.8)
    same = float((values["ours"] == values["faiss"]).mean())
    show("exact search, share of equal places", same, "", ">= 0.999", same >= 0.999)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="Method expects CSR")
    logging.getLogger("implicit").setLevel(logging.ERROR)
    build("MovieLens-100K", movielens(), options.rounds, options.threads)
    build("1M events", made_up(), options.rounds, options.threads)
    search(options.rounds, options.threads)


if __name__ == "__main__":
    main()
