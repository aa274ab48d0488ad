"""How fast nDCG@10 of a million rows is, beside RecTools and ranx on the same data in the same run.

    python benchmarks/metrics.py [--rectools-python PATH] [--rounds 5]

Ten thousand users have a hundred scored items each, ten of them relevant. "Long" starts from four
columns (user, item, score, relevance); the time includes whatever a library needs to turn them into
its own input. "Arrays" starts from two tables of shape (users, items). ranx runs in this
environment (``pip install ranx``). RecTools needs NumPy 1, so it runs in an environment of its own:

    python -m venv rectools && rectools/bin/pip install rectools==0.19.0
    python benchmarks/metrics.py --rectools-python rectools/bin/python

The libraries take turns, one round each, and the median counts; the first round (compilation) does
not. "Rows shuffled" gives this package the same rows in random order, and the others keep theirs in
order. Each line reads ``name value unit (target ...) ok|short``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402

USERS, ITEMS, RELEVANT, K = 10_000, 100, 10, 10


def make_data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return user, item, score and relevance columns; the same in NumPy 1 and 2."""
    rng = np.random.default_rng(0)
    score = rng.random((USERS, ITEMS))
    relevance = np.zeros((USERS, ITEMS), np.int64)
    chosen = np.argsort(rng.random((USERS, ITEMS)), axis=1)[:, :RELEVANT]
    relevance[np.arange(USERS)[:, None], chosen] = 1
    user, item = np.repeat(np.arange(USERS), ITEMS), np.tile(np.arange(ITEMS), USERS)
    return user, item, score.ravel(), relevance.ravel()


def ours_long(user, item, score, relevance) -> float:
    from recsys_book.evaluation import Ranked, ndcg_at_k

    return float(ndcg_at_k(Ranked.from_rows(user, item, score, relevance, K), K).mean())


def ours_arrays(scores, relevance) -> float:
    from recsys_book.evaluation import Ranked, ndcg_at_k

    return float(ndcg_at_k(Ranked.from_arrays(scores, relevance, K), K).mean())


def ranx_long(user, item, score, relevance) -> float:
    import pandas as pd
    from ranx import Qrels, Run, evaluate

    users, items, hit = user.astype(str), item.astype(str), relevance > 0
    kinds = {"q_id": object, "doc_id": object}  # pandas 3 infers str, ranx insists on object
    known = pd.DataFrame({"q_id": users[hit], "doc_id": items[hit], "score": relevance[hit]})
    listed = pd.DataFrame({"q_id": users, "doc_id": items, "score": score})
    run = Run.from_df(listed.astype(kinds))
    return float(evaluate(Qrels.from_df(known.astype(kinds)), run, f"ndcg@{K}"))


def rectools_long(user, item, score, relevance) -> float:
    import pandas as pd
    from rectools import Columns
    from rectools.metrics import NDCG, calc_metrics

    listed = pd.DataFrame({Columns.User: user, Columns.Item: item, Columns.Score: score})
    listed = listed.sort_values([Columns.User, Columns.Score], ascending=[True, False])
    listed[Columns.Rank] = listed.groupby(Columns.User).cumcount() + 1
    hit = relevance > 0
    known = pd.DataFrame({Columns.User: user[hit], Columns.Item: item[hit]})
    metric = NDCG(k=K, log_base=2)
    return float(calc_metrics({"ndcg": metric}, listed, known)["ndcg"])


def timed(call: Callable[[], float]) -> tuple[float, float]:
    start = time.perf_counter()
    value = call()
    return time.perf_counter() - start, value


def serve_rectools() -> None:
    """Answer one measurement for each line that comes in; runs in RecTools' environment."""
    data = make_data()
    for _ in sys.stdin:
        print(json.dumps(timed(lambda: rectools_long(*data))), flush=True)


class Neighbour:
    """RecTools in its own environment, waiting between its turns."""

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, __file__, "--serve-rectools"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self) -> tuple[float, float]:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("RecTools' environment answered nothing; see its message above.")
        return tuple(json.loads(line))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def show(name: str, value: float, unit: str, target: str = "", ok: bool | None = None) -> None:
    verdict = "" if ok is None else f"  (target {target})  {'ok' if ok else 'short'}"
    print(f"{name:44s} {value:10.4g} {unit}{verdict}", flush=True)


def measure(rounds: int, rectools_python: str | None) -> dict[str, list[tuple[float, float]]]:
    data = make_data()
    table = data[2].reshape(USERS, ITEMS), data[3].reshape(USERS, ITEMS)
    mixed = np.random.default_rng(1).permutation(len(data[0]))
    shuffled = [column[mixed] for column in data]
    takes = {
        "ours long": lambda: timed(lambda: ours_long(*data)),
        "ours long, rows shuffled": lambda: timed(lambda: ours_long(*shuffled)),
        "ours arrays": lambda: timed(lambda: ours_arrays(*table)),
        "ranx long": lambda: timed(lambda: ranx_long(*data)),
    }
    try:
        import ranx  # noqa: F401
    except ModuleNotFoundError:
        del takes["ranx long"]
    neighbour = Neighbour(rectools_python) if rectools_python else None
    if neighbour:
        takes["rectools long"] = neighbour
    results = {name: [] for name in takes}
    for _ in range(rounds + 1):
        for name, take in takes.items():
            results[name].append(take())
    if neighbour:
        neighbour.close()
    return {name: rows[1:] for name, rows in results.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rectools-python", help="Python of an environment with RecTools 0.19")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve-rectools", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_rectools:
        return serve_rectools()
    results = measure(options.rounds, options.rectools_python)
    seconds = {name: statistics.median(t for t, _ in rows) for name, rows in results.items()}
    values = {name: rows[0][1] for name, rows in results.items()}
    for name, value in seconds.items():
        show(f"{name}, seconds", value, "s")
        show(f"{name}, rate", USERS * ITEMS / value / 1e6, "M rows/s")
    for other, ours, bar in (
        ("rectools long", "ours long", 3),
        ("rectools long", "ours long, rows shuffled", 3),
        ("ranx long", "ours long", 8),
        ("ranx long", "ours long, rows shuffled", 8),
        ("rectools long", "ours arrays", 20),
    ):
        if other in seconds:
            ratio = seconds[other] / seconds[ours]
            show(f"time of {other.split()[0]} over {ours}", ratio, "x", f">= {bar} x", ratio >= bar)
    gap = max(values.values()) - min(values.values())
    show("largest difference of values", gap, "", "<= 1e-9", gap <= 1e-9)


if __name__ == "__main__":
    main()
