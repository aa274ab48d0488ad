"""Show a function's own source, so that what the reader reads is what runs."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from recsys_book.book.display import show


def trimmed_source(thing: Callable[..., Any] | type) -> str:
    """Return the source of a function or class with each docstring cut to its first line.

    Args:
        thing: A function, a method or a class.

    Returns:
        Dedented source without a newline at the end.

    Raises:
        ValueError: If its source cannot be found.
    """
    name = getattr(thing, "__qualname__", repr(thing))
    if isinstance(thing, property):
        thing = thing.fget
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(thing)))
    except (OSError, TypeError) as error:
        raise ValueError(
            f"the source of {name} cannot be found: pass a Python function."
        ) from error
    return trimmed(source)


def trimmed(source: str) -> str:
    """Cut each docstring of a piece of source to its first line.

    Args:
        source: Dedented source.

    Returns:
        The source without a newline at the end.
    """
    lines = source.splitlines()
    for first, last in sorted(_docstrings(source), reverse=True):
        if last > first:
            quote = '"""' if '"""' in lines[first] else "'''"
            lines[first : last + 1] = [lines[first].rstrip() + quote]
    return "\n".join(lines).rstrip()


def _docstrings(source: str) -> list[tuple[int, int]]:
    """Return the zero-based first and last line of every docstring."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    spans = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            spans.append((text.lineno - 1, text.end_lineno - 1))
    return spans


def show_source(*things: Callable[..., Any] | type) -> None:
    """Show the source of functions or classes as a highlighted block of code.

    Args:
        *things: Functions, methods or classes; each gets a block of its own.

    Raises:
        ValueError: If a source cannot be found.
    """
    for thing in things:
        code = trimmed_source(thing)
        function = thing.fget if isinstance(thing, property) else thing
        module = getattr(inspect.unwrap(function), "__module__", "") or ""
        if module.partition(".")[0] == "recsys_book":
            code = f"# {module.replace('.', '/')}.py\n{code}"
        show({"text/plain": code, "text/markdown": f"```python\n{code}\n```"})
