"""One table for all models of newcomers: measured, kept, loaded, and compared user by user."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from recsys_book.data import Interactions
from recsys_book.evaluation import paired_test
from recsys_book.meta_learning.cold_start.protocol import (
    SPLITS,
    ColdUserModel,
    World,
    cold_user_world,
    episodes,
    judge_episodes,
    pooled_rmse,
    predict_episodes,
)

#: What is kept of each split: two values a newcomer, and the RMSE over all of its queries.
_KEPT = ("rmse", "ndcg@5", "pooled")


@dataclass(frozen=True)
class Measured:
    """What a model reached on every split, number of ratings shown, and kind of support.

    Attributes:
        name: Name of the model.
        cells: From (how, k) to one entry a split: ``"rmse"`` and ``"ndcg@5"`` of each newcomer, and
            ``"pooled"``, the RMSE over all queries, shape (1,).
        seconds: CPU seconds of fitting and predicting, a split.
        tried: How many settings were compared on the tuning split; 0 where there is nothing to set.
    """

    name: str
    cells: dict[tuple[str, int], list[dict[str, np.ndarray]]]
    seconds: float = float("nan")
    tried: int = 0

    def rmse(self, how: str, k: int) -> float:
        """Return the pooled RMSE, averaged over the splits, in stars."""
        return float(np.mean(self.rmse_by_split(how, k)))

    def rmse_by_split(self, how: str, k: int) -> np.ndarray:
        """Return the pooled RMSE of each split, shape (n_splits,)."""
        return np.concatenate([kept["pooled"] for kept in self.cells[how, k]])

    def per_user(self, how: str, k: int, metric: str = "rmse") -> np.ndarray:
        """Return one value a newcomer, all splits in a row; metric is ``rmse`` or ``ndcg@5``."""
        return np.concatenate([kept[metric] for kept in self.cells[how, k]])


def measure(
    make: Callable[[], ColdUserModel],
    log: Interactions,
    name: str = "",
    splits: Sequence[int] | Sequence[World] = SPLITS,
    ks: Sequence[int] = (5, 10),
    hows: Sequence[str] = ("random", "first"),
    tried: int = 0,
) -> Measured:
    """Fit a model on every split and ask it for every newcomer's ratings.

    Args:
        make: Makes an unfitted model; called once a split.
        log: All events.
        name: Name for the table.
        splits: Numbers of the splits, or splits that were cut already.
        ks: Numbers of ratings shown.
        hows: Kinds of support, ``"random"`` or ``"first"``.
        tried: How many settings were compared before.

    Returns:
        The measurements.
    """
    start = time.process_time()
    cells: dict[tuple[str, int], list] = {(how, k): [] for how in hows for k in ks}
    for split in splits:
        world = split if isinstance(split, World) else cold_user_world(log, split)
        model = make().fit(world.warm)
        for (how, k), judged in cells.items():
            tasks = episodes(world, k, how)
            answer = judge_episodes(predict_episodes(model, world, tasks), world, tasks)
            answer["pooled"] = np.array([pooled_rmse(answer)])
            judged.append({key: answer[key] for key in _KEPT})
    seconds = (time.process_time() - start) / len(splits)
    return Measured(name, cells, seconds, tried)


def save_measured(measured: Measured, path: Path | str) -> None:
    """Write measurements to a JSON file, five decimals a number.

    Args:
        measured: The measurements.
        path: Where; folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = {
        f"{how} {k}": [{key: _short(judged[key]) for key in _KEPT} for judged in splits]
        for (how, k), splits in measured.cells.items()
    }
    about = {"name": measured.name, "tried": measured.tried, "seconds": round(measured.seconds, 2)}
    path.write_text(json.dumps(about | {"cells": cells}) + "\n", encoding="utf-8")


def load_measured(path: Path | str) -> Measured:
    """Read measurements that ``save_measured`` wrote.

    Args:
        path: The file.

    Returns:
        The measurements.

    Raises:
        ValueError: If there is no such file, or it holds something else.
    """
    try:
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
        cells = {_cell(label): [_judged(j) for j in js] for label, js in kept["cells"].items()}
        return Measured(kept["name"], cells, kept["seconds"], kept["tried"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds no measurements of cold users ({error}); write it with "
            "`python -m recsys_book.meta_learning.cold_start`."
        ) from error


def compare(
    models: Sequence[Measured], reference: Measured, how: str, k: int, n: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Set models beside a reference, newcomer by newcomer.

    Args:
        models: Measured on the same splits as the reference.
        reference: What the differences are taken to.
        how: Kind of support.
        k: Number of ratings shown.
        n: Resamples of the interval.
        seed: Seed of the resampling.

    Returns:
        One row a model, ordered by RMSE: ``rmse`` (pooled, mean of the splits), ``sd`` (over the
        splits), ``ndcg@5``, ``difference`` of the newcomers' own RMSE to the reference with
        ``low``, ``high`` (95 %), and ``verdict``.

    Raises:
        ValueError: If a model was measured on other newcomers than the reference.
    """
    rows = []
    for model in models:
        mine, theirs = model.per_user(how, k), reference.per_user(how, k)
        if len(mine) != len(theirs):
            raise ValueError(
                f"{model.name} was measured on {len(mine)} newcomers and {reference.name} on "
                f"{len(theirs)}; measure both on the same splits."
            )
        test = paired_test(mine, theirs, n=n, seed=seed)
        verdict = "tie" if test.low <= 0 <= test.high else "better" if test.high < 0 else "worse"
        by_split, ndcg = model.rmse_by_split(how, k), model.per_user(how, k, "ndcg@5").mean()
        spread = (test.difference, test.low, test.high, verdict)
        rows.append((model.name, by_split.mean(), by_split.std(), ndcg, *spread))
    columns = ("model", "rmse", "sd", "ndcg@5", "difference", "low", "high", "verdict")
    return pd.DataFrame(rows, columns=columns).set_index("model").sort_values("rmse")


def _short(values: np.ndarray) -> list:
    return [round(float(value), 5) for value in values]


def _cell(label: str) -> tuple[str, int]:
    how, k = label.split()
    return how, int(k)


def _judged(kept: dict[str, list]) -> dict[str, np.ndarray]:
    return {key: np.array(kept[key], dtype=np.float64) for key in _KEPT}
