"""What an epoch of implicit ALS costs, beside the library ``implicit`` in the same run.

    python benchmarks/factorization.py [--rounds 3] [--threads 2] [--only 64] [--skip-large]

The large matrix has 10 million pairs of 100,000 users and 50,000 items: popularity falls with the
0.8th power of an item's rank, activity is log-normal. It is made once, in a temporary file. An
epoch improves users and items by three conjugate-gradient steps each. Both start from the same
factors and take turns, epoch by epoch; the first epoch does not count, and the ratio is the median
of the ratios of the rounds. The loss of both is computed by the same function. Memory is the peak
of a fresh process that loads the matrix and fits, with our compiled code already in its cache.
Each line reads ``name value unit (target ...) ok|short``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

USERS, ITEMS, PAIRS = 100_000, 50_000, 10_000_000
#: Peak of the peer on this matrix, in MiB, measured once in a process of its own.
PEER_PEAK = {64: 301.1, 128: 325.9}
L2, ALPHA = 0.1, 1.0


def line(name: str, value: float, unit: str, target: float | None = None) -> None:
    """Print one figure, with its target where it has one."""
    text = f"{name:<58} {value:>9.4g} {unit}"
    if target is not None:
        text += f"  (target ≤ {target:g})  {'ok' if value <= target else 'short'}"
    print(text, flush=True)


def synthetic(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return where each user's history starts, and the items of the histories."""
    rng = np.random.default_rng(seed)
    popularity = np.cumsum((np.arange(ITEMS) + 10.0) ** -0.8)
    activity = np.cumsum(rng.lognormal(0, 1, USERS))
    pairs = np.empty(0, np.int64)
    while len(pairs) < PAIRS:
        n = int((PAIRS - len(pairs)) * 1.3) + 1000
        user = np.searchsorted(activity / activity[-1], rng.random(n)).clip(max=USERS - 1)
        item = np.searchsorted(popularity / popularity[-1], rng.random(n)).clip(max=ITEMS - 1)
        pairs = np.unique(np.concatenate([pairs, user * ITEMS + item]))
    pairs = np.sort(rng.permutation(pairs)[:PAIRS])
    names = rng.permutation(ITEMS)
    pairs = np.sort(pairs // ITEMS * ITEMS + names[pairs % ITEMS])
    indptr = np.searchsorted(pairs // ITEMS, np.arange(USERS + 1))
    return indptr.astype(np.int64), (pairs % ITEMS).astype(np.int32)


def movielens() -> tuple[np.ndarray, np.ndarray]:
    """Return the histories of MovieLens-100K in the same form."""
    from recsys_book.data import load_movielens

    matrix = load_movielens("100k").interactions.to_csr(1.0)
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)


def load(path: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Return histories from a file, and the number of items."""
    with np.load(path) as file:
        return file["indptr"], file["indices"], int(file["items"])


def first(n_users: int, n_items: int, factors: int) -> list[np.ndarray]:
    """Return the factors that both start from."""
    rng = np.random.default_rng(0)
    return [0.01 * rng.random((n, factors), dtype=np.float32) for n in (n_users, n_items)]


def compare(name: str, path: str, factors: int, rounds: int, threads: int) -> None:
    """Print seconds, their ratio, and the losses, the two taking turns."""
    import scipy.sparse as sp
    from implicit.cpu import _als

    from recsys_book.recommenders.implicit.als import Pattern, ials_half_step, ials_loss

    indptr, indices, n_items = load(path)
    R = Pattern(indptr, indices, np.ones(1, np.float32))
    Rt = R.transposed(n_items)
    P, Q = first(len(indptr) - 1, n_items, factors)
    P_peer, Q_peer = P.copy(), Q.copy()
    confidence = np.full(len(indices), 1 + ALPHA, np.float32)
    shape = (len(indptr) - 1, n_items)
    C = sp.csr_matrix((confidence, indices, indptr.astype(np.int32)), shape=shape)
    Ct = C.T.tocsr()

    def ours() -> None:
        ials_half_step(R, P, Q, ALPHA, L2, 0, 3)
        ials_half_step(Rt, Q, P, ALPHA, L2, 0, 3)

    def peers() -> None:
        for M, X, Y in ((C, P_peer, Q_peer), (Ct, Q_peer, P_peer)):
            _als._least_squares_cg(
                M.indptr, M.indices, M.data, X, Y, L2, num_threads=threads, cg_steps=3
            )

    seconds: dict[str, list[float]] = {"implicit": [], "ours": []}
    for _ in range(rounds + 1):
        for who, epoch in (("implicit", peers), ("ours", ours)):
            start = time.perf_counter()
            epoch()
            seconds[who].append(time.perf_counter() - start)
    label = f"{name}, {factors} factors"
    for who, values in seconds.items():
        line(f"{label}: epoch, {who}", statistics.median(values[1:]), "s")
    ratios = [a / b for a, b in zip(seconds["ours"][1:], seconds["implicit"][1:])]
    line(f"{label}: epoch, ours / implicit", statistics.median(ratios), "x", 1.2)
    losses = [ials_loss(R, *F, ALPHA, L2) for F in ((P, Q), (P_peer, Q_peer))]
    line(f"{label}: loss, {rounds + 1} epochs, ours / implicit", losses[0] / losses[1], "x", 1.001)


def solvers(path: str, factors: int) -> None:
    """Print the loss that each of our solvers has after equal epochs, and its seconds an epoch."""
    from recsys_book.recommenders.implicit.als import ImplicitALS, Pattern, ials_loss

    indptr, indices, n_items = load(path)
    R = Pattern(indptr, indices, np.ones(1, np.float32))
    loss = {}
    for solver in ("cholesky", "cg", "subspace"):
        model = ImplicitALS(factors, L2, ALPHA, 15, solver, block=factors // 4)
        ImplicitALS(factors, L2, ALPHA, 1, solver, block=factors // 4).factorise(R, n_items)
        start = time.perf_counter()
        P, Q = model.factorise(R, n_items)
        label = f"ML-100K, {factors} factors, {solver}"
        line(f"{label}: epoch", (time.perf_counter() - start) / 15, "s")
        loss[solver] = ials_loss(R, P, Q, ALPHA, L2)
        line(f"{label}: loss after 15 epochs / cholesky", loss[solver] / loss["cholesky"], "x")


def set_threads(threads: int) -> None:
    """Let our compiled code use that many threads, and BLAS one, as the library asks for."""
    import numba
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, "blas")
    numba.set_num_threads(threads)


def resident(field: str) -> float:
    """Return a memory figure of this process, in MiB (Linux)."""
    for row in Path("/proc/self/status").read_text().splitlines():
        if row.startswith(field):
            return int(row.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def print_peak(path: str, factors: int) -> None:
    """Print what this process held before the fit and at its peak."""
    from recsys_book.recommenders.implicit.als import ImplicitALS, Pattern

    indptr, indices, n_items = load(path)
    before = resident("VmRSS")
    model = ImplicitALS(factors, L2, ALPHA, epochs=2)
    model.factorise(Pattern(indptr, indices, np.ones(1, np.float32)), n_items)
    print(before, resident("VmHWM"))


def peak(path: str, factors: int) -> tuple[float, float]:
    """Return what a fresh process holds before the fit and at its peak, in MiB."""
    command = [sys.executable, __file__, "--peak", path, "--only", str(factors)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    before, highest = output.split()
    return float(before), float(highest)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", type=int, choices=PEER_PEAK)
    parser.add_argument("--skip-large", action="store_true")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    if arguments.peak:
        print_peak(arguments.peak, arguments.only)
        return
    sizes = [arguments.only] if arguments.only else list(PEER_PEAK)
    with tempfile.TemporaryDirectory() as folder:
        small, large = f"{folder}/small.npz", f"{folder}/large.npz"
        indptr, indices = movielens()
        np.savez(small, indptr=indptr, indices=indices, items=indices.max() + 1)
        for factors in sizes:
            compare("ML-100K", small, factors, 10, arguments.threads)
        solvers(small, 64)
        if arguments.skip_large:
            return
        indptr, indices = synthetic()
        np.savez(large, indptr=indptr, indices=indices, items=ITEMS)
        for factors in sizes:
            compare("10 M pairs", large, factors, arguments.rounds, arguments.threads)
        for factors in sizes:
            before, highest = peak(large, factors)
            line(f"10 M pairs, {factors} factors: memory before the fit", before, "MiB")
            target = round(1.2 * PEER_PEAK[factors])
            line(f"10 M pairs, {factors} factors: peak memory", highest, "MiB", target)


if __name__ == "__main__":
    main()
