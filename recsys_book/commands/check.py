"""``recsys-book check``: run every notebook again and compare every output."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from recsys_book.book.catalog import Page, find_chapters, require_repository
from recsys_book.book.record import RESULTS_VARIABLE
from recsys_book.commands.processes import Outcome, environment, for_each, python, run_process

_COUNT = re.compile(r"(\d+) (passed|failed|errors?)\b")


def check(names: Sequence[str], *, jobs: int, timeout: float) -> int:
    """Compare the outputs of chapters with the committed ones; the last line counts cells.

    Args:
        names: Chapters; none means all.
        jobs: How many at a time.
        timeout: Seconds that one chapter may take.

    Returns:
        The exit status: 0 if every cell of every chapter agrees.
    """
    root = require_repository()
    pages = find_chapters(root, names)
    print(f"comparing every output of {len(pages)} notebook(s), {jobs} at a time")
    with tempfile.TemporaryDirectory() as results:
        outcomes = for_each(
            pages,
            lambda page: compare(page, root, Path(results), timeout),
            jobs=jobs,
            verdict=lambda outcome: "{} passed, {} failed".format(*counts(outcome)),
        )
    passed = failed = 0
    for outcome in outcomes:
        good, bad = counts(outcome)
        passed, failed = passed + good, failed + bad
        if bad:
            reason = f"ended after {timeout:.0f} s\n" if outcome.code is None else ""
            print(f"\n== {outcome.page.name}\n{reason}{outcome.text.strip()}")
    total = sum(outcome.seconds for outcome in outcomes)
    print(f"\n{len(outcomes)} notebook(s), {total:.1f} s of running")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def compare(page: Page, root: Path, results: Path, timeout: float) -> Outcome:
    """Compare one notebook's outputs, in a pytest process of its own.

    Args:
        page: The chapter.
        root: The repository, whose pytest settings hold.
        results: A folder for what the chapter records.
        timeout: Seconds that it may take.

    Returns:
        How pytest ended, and what it printed.
    """
    env = environment("book", **{RESULTS_VARIABLE: str(results)})
    options = ["-q", "--tb=short", "--color=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command = python("-m", "pytest", "--nbval", *options, str(page.path))
    return Outcome(page, *run_process(command, cwd=root, env=env, timeout=timeout))


def counts(outcome: Outcome) -> tuple[int, int]:
    """Return how many cells of a notebook agreed and how many did not.

    Args:
        outcome: How its pytest process ended.

    Returns:
        Passed and failed; a process that ended badly without a failing cell counts as one failed.
    """
    lines = [line for line in outcome.text.splitlines() if _COUNT.search(line)]
    found = dict.fromkeys(("passed", "failed", "error"), 0)
    for number, word in _COUNT.findall(lines[-1]) if lines else ():
        found[word.removesuffix("s")] += int(number)
    bad = found["failed"] + found["error"]
    if outcome.code != 0:
        bad = max(bad, 1)
    return found["passed"], bad
