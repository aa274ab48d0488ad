"""``recsys-book list``: the chapters and their last runs."""

from __future__ import annotations

from typing import Any

from recsys_book.book.catalog import chapters, require_repository
from recsys_book.book.record import read_result, results_folder
from recsys_book.book.settings import PROFILES
from recsys_book.book.tables import text_table


def list_chapters() -> int:
    """Print every chapter with its part, title, and last run in each profile.

    Returns:
        The exit status, 0.
    """
    root = require_repository()
    rows = []
    for page in chapters(root):
        results = [read_result(page.name, name, results_folder()) for name in PROFILES]
        newest = max(filter(None, results), key=lambda r: str(r.get("finished")), default={})
        device = str(newest.get("device", "–"))
        rows.append([page.name, page.part, page.title, *map(_last_run, results), device])
    if not rows:
        print(f"there is no chapter under {root / 'chapters'} yet")
        return 0
    header = ["chapter", "part", "title", *PROFILES, "last device"]
    print(text_table(header, rows, [False] * len(header)))
    return 0


def _last_run(result: dict[str, Any] | None) -> str:
    if result is None:
        return "–"
    wall = float(result.get("wall_seconds") or result.get("seconds") or 0)
    return f"{wall:.0f} s, {str(result.get('finished', '?'))[:10]}"
