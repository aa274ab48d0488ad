"""No measured number in the prose: a measured number stands in a cell's output."""

from __future__ import annotations

import re
from typing import Any

from recsys_book.book.checks.markdown import Line, lines_of, markdown_cells, plain_prose

#: A decimal fraction or a percentage; section numbers such as 4.4.1 are neither.
_NUMBER = re.compile(
    r"(?<![\w.§-])(?:\d[\d,]*\.\d+(?![\d.]*\.\d)(?!\w)|\d+(?:\.\d+)?\s?(?:%|per cent\b|percent\b))"
)
#: Words after which a dotted number is a name and not a measurement.
_NAMES = re.compile(
    r"(?:§+|\b(?:S\d[a-z]?|section|sections|article|chapter|figure|fig\.|table|appendix|equation"
    r"|python|numpy|pandas|torch|pytorch|version|cc by|licen[cs]e|release))\s*$",
    re.IGNORECASE,
)
#: A level that we choose, such as "a 95 % bootstrap interval".
_LEVEL = re.compile(
    r"\b(?:90|95|99)\s?(?:%|per cent)(?=[\w\s-]{0,30}\b(?:intervals?|bands?|confidence|levels?)\b)"
)


def number_problems(notebook: dict[str, Any]) -> list[str]:
    """Find decimals and percentages in the prose of a notebook.

    Allowed are those in code spans, mathematics and citations, in *Source check* boxes, which
    quote, and in the level of an interval. A Markdown cell may carry the metadata
    ``allow_numbers`` with the reason as its value.

    Args:
        notebook: A notebook.

    Returns:
        One sentence a number.
    """
    problems = []
    for number, cell in markdown_cells(notebook):
        reason = cell["metadata"].get("allow_numbers")
        if reason is not None:
            if not (isinstance(reason, str) and len(reason.split()) >= 3):
                problems.append(f"cell {number}: allow_numbers needs a reason of a few words.")
            continue
        for line in lines_of(cell["source"]):
            problems += [
                f"cell {number}, line {line.number}: the prose carries the number {found!r}:"
                " let a cell's output show it."
                for found in _numbers(line)
            ]
    return problems


def _numbers(line: Line) -> list[str]:
    titled = line.kind == "fence" and line.fences and not line.fences[-1].is_code
    if line.kind != "prose" and not titled:
        return []
    if any("source check" in fence.argument.lower() for fence in line.fences):
        return []
    text = _LEVEL.sub(" ", plain_prose(line.text))
    return [m.group() for m in _NUMBER.finditer(text) if not _NAMES.search(text[: m.start()])]


def word_count(notebook: dict[str, Any]) -> int:
    """Count the words of a notebook's prose.

    Args:
        notebook: A notebook.

    Returns:
        Words outside code, mathematics, roles and options.
    """
    words = 0
    for _, cell in markdown_cells(notebook):
        for line in lines_of(cell["source"]):
            if line.kind == "prose":
                words += len(re.findall(r"[^\W\d_][\w’'-]*", plain_prose(line.text)))
    return words
