"""Measure every gradient-based learner of newcomers and keep the results, one file a model.

Run from the root of the repository as ``python -m recsys_book.meta_learning.cold_start``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from recsys_book.data import load_movielens
from recsys_book.meta_learning.cold_start.chosen import gradient_models
from recsys_book.meta_learning.cold_start.measure import measure, save_measured


def main(folder: str = "results/cold_users") -> None:
    """Measure the models on all splits.

    Args:
        folder: Where the files go.
    """
    movielens = load_movielens("100k")
    for name, make in gradient_models(movielens).items():
        file = "".join(c if c.isalnum() else "_" for c in name.lower())
        save_measured(measure(make, movielens.interactions, name), Path(folder) / f"{file}.json")


if __name__ == "__main__":
    main(*sys.argv[1:])
