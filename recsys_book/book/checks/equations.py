"""Every labelled equation has a function that cites it and a test that executes it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from recsys_book.book.checks.markdown import Line, lines_of, markdown_cells

_MATH_LABEL = re.compile(r"\$\$\s*\(([\w:.-]+)\)\s*$")
_AMS_LABEL = re.compile(r"\\label\{([\w:.-]+)\}")
_OPTION_LABEL = re.compile(r"^\s*:label:\s*(\S+)")
_CITED = re.compile(r"\bEquations?:\s*((?:eq-[\w-]+)(?:\s*,\s*(?:and\s+)?eq-[\w-]+)*)")


@dataclass
class Equations:
    """Where equations are named.

    Attributes:
        labels: Places of each label in the pages.
        markers: Places of each label in the tests' markers.
        citations: Places of each label in the package's docstrings.
    """

    labels: dict[str, list[str]] = field(default_factory=dict)
    markers: dict[str, list[str]] = field(default_factory=dict)
    citations: dict[str, list[str]] = field(default_factory=dict)


def label_of_equation(line: Line) -> str | None:
    """Return the label that a line gives to an equation.

    Args:
        line: A line of a page.

    Returns:
        The label, or ``None``.
    """
    found = None
    if line.kind == "math":
        found = _MATH_LABEL.search(line.text) or _AMS_LABEL.search(line.text)
    elif line.kind == "option" and line.fences[-1].name == "math":
        found = _OPTION_LABEL.match(line.text)
    return found[1] if found else None


def labelled_equations(notebook: dict[str, Any]) -> list[str]:
    """Return the labels of a notebook's equations.

    Args:
        notebook: A notebook.

    Returns:
        The labels in order.
    """
    lines = (line for _, cell in markdown_cells(notebook) for line in lines_of(cell["source"]))
    return [label for label in map(label_of_equation, lines) if label]


def marked_equations(source: str) -> list[str]:
    """Return the labels that a test file marks with ``pytest.mark.equation``.

    Args:
        source: Python source.

    Returns:
        The labels in order.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            holder = node.func.value
            is_mark = isinstance(holder, ast.Attribute) and holder.attr == "mark"
            if is_mark and node.func.attr == "equation":
                found += [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
    return found


def cited_equations(source: str) -> list[str]:
    """Return the labels that the docstrings of a module cite.

    Args:
        source: Python source.

    Returns:
        The labels in order.
    """
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds):
            for match in _CITED.finditer(ast.get_docstring(node) or ""):
                found += re.findall(r"eq-[\w-]+", match[1])
    return found


def equation_problems(equations: Equations, *, complete: bool = True) -> list[str]:
    """Find labels, markers and citations that do not meet.

    Args:
        equations: Where they are.
        complete: Whether every chapter is there; only then must each marker have a label.

    Returns:
        One sentence a problem.
    """
    labels, markers, citations = equations.labels, equations.markers, equations.citations
    problems = []
    for label, places in labels.items():
        if len(places) > 1:
            problems.append(f"the equation {label} is labelled twice: {_list(places)}.")
        if label not in markers:
            problems.append(f"no test executes the equation {label} of {_list(places)}.")
        if label not in citations:
            problems.append(f"no function cites the equation {label} of {_list(places)}.")
    if complete:
        for what, found in (("test marker", markers), ("docstring", citations)):
            problems += [
                f"a {what} names {label}, which no page labels: {_list(places)}."
                for label, places in found.items()
                if label not in labels
            ]
    return problems


def _list(places: Iterable[str]) -> str:
    counted = Counter(places)
    return ", ".join(f"{place} ({n}×)" if n > 1 else place for place, n in counted.items())
