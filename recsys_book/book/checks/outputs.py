"""Stored outputs: made by these cells, in order, without errors, and alike on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from recsys_book.book.notebooks import code_cells, joined, source_hash, tags

MAXIMUM_BYTES = 3 * 2**20
_PATH = re.compile(r"(?<![\w.])(?:/(?:home|root|Users|tmp|work|var|opt|mnt|private)/|[A-Z]:\\\\)")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,16}")
_RAW_FLOAT = re.compile(r"(?<![\w.])\d+\.\d{5,}")


def output_problems(notebook: dict[str, Any], size: int = 0) -> list[str]:
    """Find stored outputs that a fresh run in order would not give everywhere.

    Args:
        notebook: A chapter.
        size: The size of its file in bytes.

    Returns:
        One sentence a problem.
    """
    problems = []
    if size > MAXIMUM_BYTES:
        problems.append(f"the file has {size} bytes: keep it below {MAXIMUM_BYTES}.")
    counts = [cell.get("execution_count") for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        problems.append("the cells were not executed in order, each once.")
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] != "code":
            continue
        if not cell["source"].strip():
            problems.append(f"cell {number}: the code cell is empty.")
        # What nbval does not compare may vary, but it may not name the machine that it ran on.
        ignored = "nbval-ignore-output" in tags(cell)
        for kind, text in _texts(cell):
            problems += [f"cell {number}: {p}" for p in _text_problems(kind, text, ignored)]
    return problems


def _texts(cell: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for output in cell.get("outputs", ()):
        if output["output_type"] == "error":
            yield "error", f"{output.get('ename')}: {output.get('evalue')}"
        elif output["output_type"] == "stream":
            yield output["name"], joined(output["text"])
        else:
            for mime, data in output.get("data", {}).items():
                if mime.startswith("text/"):
                    yield mime, joined(data)


def _text_problems(kind: str, text: str, ignored: bool) -> list[str]:
    if kind == "error":
        return [f"it raised {text}."]
    problems = []
    if found := _PATH.search(text):
        problems.append(f"the output names a place on one machine ({found.group()}…).")
    if kind == "stderr":
        problems.append(f"it writes to the error stream: {text.strip().splitlines()[0][:80]}")
    if ignored:
        return problems
    if found := _ADDRESS.search(text):
        problems.append("the output shows an object without a text of its own.")
    if kind != "text/markdown" and (found := _RAW_FLOAT.search(text)):
        problems.append(f"the output shows the raw number {found.group()}: use run.expect.")
    return problems


def hash_problems(notebook: dict[str, Any]) -> list[str]:
    """Find out whether the stored outputs were made by other cells than those that stand there.

    Args:
        notebook: A chapter.

    Returns:
        One sentence a problem.
    """
    noted = notebook["metadata"].get("recsys_book") or {}
    if "source_sha256" not in noted:
        return ["its outputs were never made: run `recsys-book refresh`."]
    problems = []
    if noted.get("profile") != "book":
        problems.append(f"its outputs come from the profile {noted.get('profile')!r}.")
    if noted.get("source_sha256") != source_hash(notebook):
        problems.append("its code changed after its outputs: run `recsys-book refresh`.")
    return problems
