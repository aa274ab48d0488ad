"""Run one process a chapter, a few at a time, each with a time-out."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from recsys_book.book.catalog import Page
from recsys_book.book.settings import THREAD_VARIABLES

#: Seconds that a process has to end before it is killed.
GRACE = 5.0


@dataclass(frozen=True)
class Outcome:
    """How one process ended.

    Attributes:
        page: The chapter.
        code: The exit status; ``None`` after a time-out.
        seconds: How long it took.
        text: What it printed, both streams together.
    """

    page: Page
    code: int | None
    seconds: float
    text: str


def environment(profile: str, **more: str) -> dict[str, str]:
    """Return the environment of a chapter's process.

    Args:
        profile: The profile to run.
        **more: Variables to set as well.

    Returns:
        This process's environment with the book's settings; one thread outside ``full``.
    """
    env = {**os.environ, "RECSYS_BOOK_PROFILE": profile, "PYTHONHASHSEED": "0"}
    env["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the debugger's remark would become an output
    env["PYTHONWARNINGS"] = "ignore"
    env["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not one of the user's
    if profile != "full":
        for name in THREAD_VARIABLES:
            env[name] = "1"  # two notebooks at a time on two cores
    for name in ("MPLBACKEND", "PYTEST_ADDOPTS", "COVERAGE_PROCESS_START"):
        env.pop(name, None)
    return {**env, **more}


def run_process(
    command: Sequence[str], *, cwd: Path, env: dict[str, str], timeout: float
) -> tuple[int | None, float, str]:
    """Run one process and everything that it starts.

    Args:
        command: The program and its arguments.
        cwd: The working directory.
        env: The environment.
        timeout: Seconds until it is ended.

    Returns:
        Exit status (``None`` after a time-out), seconds, and the text of both streams.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        text, _ = process.communicate(timeout=timeout)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        text, code = _stop(process), None
    except BaseException:
        _stop(process)
        raise
    return code, time.perf_counter() - began, text or ""


def _stop(process: subprocess.Popen) -> str:
    # A kernel watches its parent and ends itself when the parent is gone.
    text = ""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            text, _ = process.communicate(timeout=GRACE)
            break
    return text or ""


def for_each(
    pages: Sequence[Page],
    work: Callable[[Page], Outcome],
    *,
    jobs: int,
    verdict: Callable[[Outcome], str],
) -> list[Outcome]:
    """Do the work for each chapter and print a line when it starts and when it ends.

    Args:
        pages: The chapters.
        work: What to do with one.
        jobs: How many at a time.
        verdict: A few words on an outcome.

    Returns:
        The outcomes, in the order of the chapters.
    """
    total, done = len(pages), 0

    def one(page: Page) -> Outcome:
        nonlocal done
        print(f"        {page.name} …", flush=True)
        outcome = work(page)
        done += 1
        line = f"[{done}/{total}]   {page.name}: {verdict(outcome)}, {outcome.seconds:.1f} s"
        print(line, flush=True)
        return outcome

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(one, page) for page in pages]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def python(*arguments: str) -> list[str]:
    """Return a command line for this very Python.

    Args:
        *arguments: What follows the interpreter.

    Returns:
        The command.
    """
    return [sys.executable, *arguments]
