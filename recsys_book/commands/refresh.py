"""``recsys-book refresh``: make the committed outputs of chapters again, in place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from recsys_book.book.catalog import Page, find_chapters, require_repository
from recsys_book.book.notebooks import failing_cell, normalise, read_notebook, write_notebook
from recsys_book.book.record import RESULTS_VARIABLE, note_wall_time
from recsys_book.commands.processes import Outcome, environment, for_each, python, run_process
from recsys_book.commands.run import indented, verdict

PROFILE = "book"


def refresh(names: Sequence[str], *, jobs: int, timeout: float) -> int:
    """Execute chapters at the book profile and store their outputs.

    A chapter that fails keeps its old outputs.

    Args:
        names: Chapters, or ``all``.
        jobs: How many at a time.
        timeout: Seconds that one chapter may take.

    Returns:
        The exit status: 0 if every chapter ran.
    """
    root = require_repository()
    pages = find_chapters(root, names)
    results = os.environ.get(RESULTS_VARIABLE, "").strip() or str(root / "results")
    print(f"making the outputs of {len(pages)} chapter(s) again, {jobs} at a time")
    outcomes = for_each(
        pages, lambda page: execute(page, results, timeout), jobs=jobs, verdict=verdict
    )
    failed = [outcome for outcome in outcomes if outcome.code != 0]
    for outcome in failed:
        text = f"ended after {timeout:.0f} s" if outcome.code is None else outcome.text
        print(f"\n== {outcome.page.name} {verdict(outcome)}; its old outputs stay\n{text}")
    return 1 if failed else 0


def execute(page: Page, results: str, timeout: float) -> Outcome:
    """Execute one chapter in place.

    Args:
        page: The chapter.
        results: The folder for its results.
        timeout: Seconds that it may take.

    Returns:
        How that ended; the text is the failing cell and its error.
    """
    env = environment(PROFILE, **{RESULTS_VARIABLE: results})
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "executed.ipynb"
        command = python("-W", "ignore", "-m", "recsys_book.commands.execute")
        status, seconds, text = run_process(
            [*command, str(page.path), str(copy)], cwd=page.path.parent, env=env, timeout=timeout
        )
        if status != 0:
            return Outcome(page, status, seconds, "\n".join(text.strip().splitlines()[-15:]))
        notebook = read_notebook(copy)
    if found := failing_cell(notebook):
        number, source, error = found
        text = f"cell {number}:\n{indented(source)}\n\nraised:\n{indented(error)}"
        return Outcome(page, 1, seconds, text)
    normalise(notebook, PROFILE)
    write_notebook(page.path, notebook)
    note_wall_time(page.name, PROFILE, Path(results), seconds)
    return Outcome(page, 0, seconds, text)
