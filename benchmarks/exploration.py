"""LinUCB, one event at a time: selections and updates per second, beside two libraries.

    python benchmarks/exploration.py [--events 400] [--rounds 5]

50 arms, 20 dimensions, disjoint LinUCB with a width of 1 and a penalty of 1, in a linear world.
Every event is one selection and one update, each timed by itself. The libraries take turns with
ours, round by round, in one process on one thread; the median over rounds is the figure. MABWiser
predicts one context and learns from one event by ``partial_fit``; river pulls and updates with a
dictionary, which is made before the clock starts. A round of ours has 25 times the events, being
too quick for a few hundred; each round counts the quickest quarter of its events, in which the
machine was least disturbed, for all three alike. At 384 dimensions, the width of the language
model's vectors, ours alone is reported. Last, how far the inverses have drifted from the exact ones
after 50,000 events. Each line reads ``name value unit (target ...) ok|short``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

from recsys_book.exploration.policies import LinUCB  # noqa: E402

ARMS, DIM = 50, 20


def world(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Return contexts and the arms' true weights."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(ARMS, dim)) / np.sqrt(dim)
    return rng.normal(size=(5000, dim)), truth


def timed(choose, learn, events: int, dim: int = DIM, translate=lambda x: x) -> tuple[float, float]:
    """Play events one by one; return selections and updates per second of the quickest part."""
    contexts, truth = world(dim)
    part = max(events // 4, 50)
    spent = np.zeros((events, 2))
    clock = time.perf_counter
    for t in range(events):
        x = contexts[t % len(contexts)]
        row = translate(x)
        start = clock()
        arm = choose(row)
        middle = clock()
        reward = float(truth[arm] @ x)
        again = clock()
        learn(arm, row, reward)
        spent[t] = middle - start, clock() - again
    sums = spent[: events - events % part].reshape(-1, part, 2).sum(axis=1)
    return tuple(part / sums.min(axis=0))


def ours(events: int, dim: int = DIM) -> tuple[float, float]:
    """Time this book's policy."""
    policy = LinUCB(n_arms=ARMS, dim=dim, alpha=1.0, ties="first")
    policy.update_one(policy.select_one(np.zeros(dim)), np.zeros(dim), 0.0)  # compiled by now
    return timed(policy.select_one, policy.update_one, events, dim)


def mabwiser(events: int) -> tuple[float, float]:
    """Time MABWiser, one event at a time."""
    from mabwiser.mab import MAB, LearningPolicy

    policy = MAB(list(range(ARMS)), LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0), n_jobs=1)
    policy.fit(list(range(ARMS)), [0.0] * ARMS, np.zeros((ARMS, DIM)))
    return timed(
        lambda x: policy.predict([x]), lambda a, x, r: policy.partial_fit([a], [r], [x]), events
    )


def river(events: int) -> tuple[float, float]:
    """Time river, whose contexts are dictionaries; making them is not counted."""
    from river import bandit

    policy = bandit.LinUCBDisjoint(alpha=1.0, seed=0)
    names = [f"f{j}" for j in range(DIM)]
    arms = list(range(ARMS))
    rows = {x.tobytes(): dict(zip(names, x)) for x in world(DIM)[0][:events]}
    return timed(
        lambda row: policy.pull(arms, context=row),
        lambda arm, row, reward: policy.update(arm, row, reward),
        events,
        translate=lambda x: rows[x.tobytes()],
    )


def drift(events: int) -> float:
    """Return how far inverses are from exact ones, relative to their diagonals."""
    policy = LinUCB(n_arms=2, dim=DIM, resolve_every=10**9)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(events, DIM)) * np.logspace(-2, 1.5, DIM)
    for x in X:
        policy.update_one(0, x, 1.0)
    exact = np.linalg.inv(X.T @ X + np.eye(DIM))
    size = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    return float(np.abs((policy.covariance(0) - exact) / size).max())


def line(name: str, value: float, unit: str, target: float | None = None, most=False) -> None:
    """Print one figure."""
    if target is None:
        print(f"{name} {value:,.4g} {unit} (target reported) ok", flush=True)
        return
    reached = value <= target if most else value >= target
    sign = "<=" if most else ">="
    mark = "ok" if reached else "short"
    print(f"{name} {value:,.4g} {unit} (target {sign} {target:,g}) {mark}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ways = {"ours": lambda n: ours(25 * n), "mabwiser": mabwiser, "river": river}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            found[name].append(way(options.events))
    middle = {
        name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()
    }
    select, update = middle["ours"]
    line("linucb_select", select, "per_s", 140_000)
    line("linucb_update", update, "per_s", 140_000)
    for name, goals in (("mabwiser", (40, 40)), ("river", (100, 3))):
        line(f"linucb_select_over_{name}", select / middle[name][0], "ratio", goals[0])
        line(f"linucb_update_over_{name}", update / middle[name][1], "ratio", goals[1])
    wide = [ours(200, 384) for _ in range(options.rounds)]
    line("linucb_select_d384", statistics.median(w[0] for w in wide), "per_s")
    line("linucb_update_d384", statistics.median(w[1] for w in wide), "per_s")
    line("linucb_drift_without_exact_solutions", drift(50_000), "relative", 1e-8, most=True)


if __name__ == "__main__":
    main()
