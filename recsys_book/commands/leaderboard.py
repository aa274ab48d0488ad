"""``recsys-book leaderboard``: fit every model on the same splits and store what it reached."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from recsys_book.book.catalog import require_repository
from recsys_book.book.provenance import provenance
from recsys_book.book.record import results_folder, write_json


def leaderboard(
    names: Sequence[str], *, part: str | None = None, protocol: str | None = None
) -> int:
    """Measure entries of the leaderboard and write one JSON file an entry and protocol.

    Args:
        names: Names of entries; none means all.
        part: Only the entries of one part, such as ``"neighbours"``.
        protocol: Only one protocol; None for all that an entry takes part in.

    Returns:
        The exit status, 0.

    Raises:
        ValueError: If a name, part or protocol is unknown.
    """
    from recsys_book.data import load_movielens
    from recsys_book.recommenders.leaderboard import PROTOCOLS, Side, entries, measure

    found = {entry.name: entry for entry in entries(part)}
    for name in names:
        if name not in found:
            raise ValueError(f"The leaderboard has no model {name!r}; it has {', '.join(found)}.")
    if protocol is not None and protocol not in PROTOCOLS:
        raise ValueError(f"There is no protocol {protocol!r}; use one of {', '.join(PROTOCOLS)}.")
    root, side = require_repository(), Side(load_movielens())
    folder = (results_folder() or root / "results") / "leaderboard"
    for name in names or found:
        for each in [protocol] if protocol else PROTOCOLS:
            if found[name].maker(each) is None:
                continue
            result = {**measure(found[name], each, side), "provenance": provenance(root)}
            write_json(leaderboard_path(folder, name, each), result, indent=None)
            print(f"{each:15}{name:40}{headline(result)}", flush=True)
    return 0


def leaderboard_path(folder: Path, name: str, protocol: str) -> Path:
    """Return the file of one entry and protocol.

    Args:
        folder: The folder of the leaderboard.
        name: The entry.
        protocol: The protocol.

    Returns:
        For instance ``results/leaderboard/temporal/item_knn_cosine.json``.
    """
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return folder / protocol / f"{slug}.json"


def headline(result: dict) -> str:
    """Return the mean over users of what was measured, for the terminal.

    Args:
        result: What ``measure`` returned.

    Returns:
        For instance ``"nDCG@10 0.1477, fit 0.4 CPU s a split"``.
    """
    splits = result["splits"]
    cpu = sum(split["fit_cpu_seconds"] for split in splits) / len(splits)
    if "rmse" in splits[0]:
        return f"RMSE {splits[0]['rmse']:.4f}, fit {cpu:.1f} CPU s"
    values = [value for split in splits for value in split["ndcg"]]
    return f"nDCG@10 {sum(values) / len(values):.4f}, fit {cpu:.1f} CPU s a split"
