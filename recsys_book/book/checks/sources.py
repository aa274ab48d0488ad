"""Does the source that a chapter shows still stand in the package?"""

from __future__ import annotations

import ast
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

from recsys_book.book.notebooks import joined
from recsys_book.book.source import trimmed

_SHOWN = re.compile(r"```python\n# (recsys_book/[\w/]+\.py)\n(.*)\n```", re.DOTALL)


def source_problems(notebook: dict[str, Any], root: Path) -> list[str]:
    """Find shown functions and classes that the package no longer holds word for word.

    A change of a function is a change of every chapter that shows it; without this check it would
    come out only when all notebooks are run again.

    Args:
        notebook: A chapter with its stored outputs.
        root: The repository.

    Returns:
        One sentence a problem.
    """
    problems = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            text = joined(output.get("data", {}).get("text/markdown", ""))
            for file, code in _SHOWN.findall(text):
                if code not in _pieces(root / file):
                    first = next(line for line in code.splitlines() if not line.startswith("@"))
                    problems.append(
                        f"`{first.strip()}` of {file} was changed after it was shown: run "
                        "`recsys-book refresh`."
                    )
    return problems


@cache
def _pieces(file: Path) -> frozenset[str]:
    """Every function and class of a file, as `show_source` shows it."""
    if not file.exists():
        return frozenset()
    text = file.read_text(encoding="utf-8")
    lines, found = text.splitlines(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            piece = textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))
            found.add(trimmed(piece))
    return frozenset(found)
