"""``recsys-book run``: run chapters with papermill, outside the committed notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recsys_book.book.catalog import Page, find_chapters, require_repository
from recsys_book.book.notebooks import failing_cell, read_notebook
from recsys_book.book.record import note_wall_time, results_folder
from recsys_book.book.tables import text_table
from recsys_book.commands.processes import Outcome, environment, for_each, python, run_process


def run(names: Sequence[str], *, profile: str, jobs: int, timeout: float) -> int:
    """Run chapters and print a summary.

    Args:
        names: Chapters; none means all.
        profile: ``"smoke"``, ``"book"`` or ``"full"``.
        jobs: How many at a time.
        timeout: Seconds that one chapter may take.

    Returns:
        The exit status: 0 if every chapter ran.
    """
    root = require_repository()
    pages = find_chapters(root, names)
    folder = root / "_build" / "runs" / profile
    folder.mkdir(parents=True, exist_ok=True)
    print(f"running {len(pages)} chapter(s) at the {profile} profile, {jobs} at a time")

    def work(page: Page) -> Outcome:
        command = papermill_command(page, profile, output_path(folder, page))
        output_path(folder, page).unlink(missing_ok=True)
        env = environment(profile)
        outcome = Outcome(page, *run_process(command, cwd=root, env=env, timeout=timeout))
        if outcome.code == 0:
            note_wall_time(page.name, profile, results_folder(), outcome.seconds)
        return outcome

    outcomes = for_each(pages, work, jobs=jobs, verdict=verdict)
    failed = [outcome for outcome in outcomes if outcome.code != 0]
    for outcome in failed:
        print(f"\n== {outcome.page.name} {verdict(outcome)}\n{details(outcome, folder, timeout)}")
    rows = [[o.page.name, verdict(o), f"{o.seconds:.1f} s"] for o in outcomes]
    total = sum(outcome.seconds for outcome in outcomes)
    rows.append(["all", f"{len(outcomes) - len(failed)} of {len(outcomes)} ran", f"{total:.1f} s"])
    print("\n" + text_table(["chapter", profile, "time"], rows, [False, False, True]))
    print(f"the executed notebooks are in {folder}")
    return 1 if failed else 0


def output_path(folder: Path, page: Page) -> Path:
    """Return where a chapter's executed copy goes.

    Args:
        folder: The folder of the profile's runs.
        page: The chapter.

    Returns:
        A file in ``folder``.
    """
    return folder / f"{page.name.replace('/', '__')}.ipynb"


def papermill_command(page: Page, profile: str, output: Path) -> list[str]:
    """Return the command that runs one chapter.

    Args:
        page: The chapter.
        profile: The profile.
        output: Where the executed copy goes.

    Returns:
        The command line.
    """
    arguments = [str(page.path), str(output), "--cwd", str(page.path.parent)]
    options = ["--kernel", "python3", "--language", "python", "--no-progress-bar"]
    options += ["-r", "profile", profile]
    if profile == "smoke":  # seconds long: nothing to lose between two cells, and saving takes time
        options += ["--no-request-save-on-cell-execute", "--autosave-cell-every", "0"]
    return python("-W", "ignore", "-m", "papermill", *arguments, *options)


def verdict(outcome: Outcome) -> str:
    """Return a word on an outcome.

    Args:
        outcome: How a chapter's process ended.

    Returns:
        ``"ok"``, ``"FAILED"`` or ``"TIMED OUT"``.
    """
    return "TIMED OUT" if outcome.code is None else "ok" if outcome.code == 0 else "FAILED"


def details(outcome: Outcome, folder: Path, timeout: float) -> str:
    """Return what a reader needs to repair a chapter.

    Args:
        outcome: How its process ended.
        folder: The folder of the executed copies.
        timeout: Seconds that it was given.

    Returns:
        The failing cell's source and error, or the end of what the process printed.
    """
    if outcome.code is None:
        return f"ended after {timeout:.0f} s: give it more time with --timeout."
    try:
        found = failing_cell(read_notebook(output_path(folder, outcome.page)))
    except ValueError:
        found = None
    if found is None:
        return "\n".join(outcome.text.strip().splitlines()[-15:])
    number, source, error = found
    return f"cell {number}:\n{indented(source)}\n\nraised:\n{indented(error)}"


def indented(text: str) -> str:
    """Return a text set off by a bar.

    Args:
        text: Any text.

    Returns:
        The same lines, each after ``"  | "``.
    """
    return "\n".join(f"  | {line}".rstrip() for line in text.strip("\n").splitlines())
