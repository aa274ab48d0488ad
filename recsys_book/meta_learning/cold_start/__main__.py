"""Measure the models of newcomers on all splits and keep the results, one file a model.

Run from the root of the repository: ``python -m recsys_book.meta_learning.cold_start``, or with the
names of the models that are to be measured again.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from recsys_book.data import load_movielens
from recsys_book.meta_learning.cold_start import chosen, contenders
from recsys_book.meta_learning.cold_start.measure import measure, save_measured


def file_name(name: str) -> str:
    """Return the file that holds a model's measurements: lower case, words joined by ``_``."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") + ".json"


def main(names: list[str], folder: str = "results/cold_users") -> None:
    """Measure models on all splits.

    Args:
        names: Models to measure; empty means all.
        folder: Where the files go.

    Raises:
        ValueError: If a name is unknown.
    """
    movielens = load_movielens("100k")
    models = contenders.simple_models(movielens) | chosen.gradient_models(movielens)
    tried = contenders.TRIED | chosen.TRIED
    unknown = sorted(set(names) - set(models))
    if unknown:
        raise ValueError(f"There is no model {unknown[0]!r}; choose among {', '.join(models)}.")
    for name in names or models:
        measured = measure(models[name], movielens.interactions, name, tried=tried.get(name, 0))
        save_measured(measured, Path(folder) / file_name(name))


if __name__ == "__main__":
    main(sys.argv[1:])
