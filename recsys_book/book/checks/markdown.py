"""Just enough of MyST Markdown to tell prose from code and mathematics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_FENCE = re.compile(r"^\s*(?P<mark>`{3,}|~{3,}|:{3,})\s*(?P<rest>.*)$")
_DIRECTIVE = re.compile(r"^\{(?P<name>[\w:.+-]+)\}\s*(?P<argument>.*)$")
_CODE = {"code-block", "code", "code-cell", "math", "eval-rst", "literalinclude", "raw"}
_INLINE = (
    re.compile(r"<!--.*?-->"),
    re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)"),
    re.compile(r"(?<![\\$])\$(?!\$)(?:[^$\\]|\\.)+\$"),
    re.compile(r"(?<=\])\([^()\s]*(?:\([^()]*\)[^()\s]*)*\)"),
    re.compile(r"https?://\S+"),
)


@dataclass(frozen=True)
class Fence:
    """A fenced block that a line stands in.

    Attributes:
        name: The directive's name; ``""`` for plain code.
        argument: What follows the name on the opening line.
        opened: The number of the opening line, from 1.
    """

    name: str
    argument: str
    opened: int

    @property
    def is_code(self) -> bool:
        """Whether the block's content is not prose."""
        return not self.name or self.name in _CODE


@dataclass(frozen=True)
class Line:
    """One line of a page.

    Attributes:
        number: Its number in its cell or file, from 1.
        text: The line.
        fences: The blocks around it, the outermost first; an opening line is in its own block.
        kind: ``"prose"``, ``"code"``, ``"math"``, ``"fence"``, ``"option"`` or ``"label"``.
    """

    number: int
    text: str
    fences: tuple[Fence, ...]
    kind: str


def lines_of(text: str) -> Iterator[Line]:
    """Read a page line by line.

    Args:
        text: MyST Markdown.

    Yields:
        Each line with what it is.
    """
    stack: list[tuple[str, Fence]] = []
    in_math = options = False
    for number, line in enumerate(text.splitlines(), start=1):
        fences = tuple(fence for _, fence in stack)
        found = None if in_math else _FENCE.match(line)
        if found and _closes(stack, found):
            yield Line(number, line, fences, "fence")
            stack.pop()
            options = False
        elif found and not (stack and stack[-1][1].is_code):
            rest = found["rest"].strip()
            inner = _DIRECTIVE.match(rest)
            name = inner["name"] if inner else ""
            argument = inner["argument"] if inner else rest
            stack.append((found["mark"], Fence(name, argument, number)))
            options = bool(inner)
            yield Line(number, line, tuple(fence for _, fence in stack), "fence")
        elif options and re.match(r"^\s*:[\w-]+:", line):
            yield Line(number, line, fences, "option")
        elif stack and stack[-1][1].is_code:
            options = False
            yield Line(number, line, fences, "math" if stack[-1][1].name == "math" else "code")
        else:
            options = False
            stripped = line.strip()
            marks = stripped.count("$$")
            if in_math or marks:
                yield Line(number, line, fences, "math")
                in_math = in_math != (marks % 2 == 1)
            else:
                label = re.fullmatch(r"\([\w.:-]+\)=", stripped)
                yield Line(number, line, fences, "label" if label else "prose")


def _closes(stack: list[tuple[str, Fence]], found: re.Match) -> bool:
    if not stack or found["rest"].strip():
        return False
    mark = stack[-1][0]
    return found["mark"][0] == mark[0] and len(found["mark"]) >= len(mark)


def plain_prose(line: str) -> str:
    """Return a line of prose without code spans, roles, mathematics, link targets and comments.

    Args:
        line: One line.

    Returns:
        The same line with those parts blanked out.
    """
    line = re.sub(r"\{[\w:.+-]+\}(?=`)", "", line)
    for pattern in _INLINE:
        line = pattern.sub(" ", line)
    return line


def headings(text: str) -> list[tuple[int, str]]:
    """Return the headings of a page.

    Args:
        text: MyST Markdown.

    Returns:
        Level and title of each, in order.
    """
    found = []
    for line in lines_of(text):
        match = re.match(r"^(#{1,6})\s+(.*?)\s*$", line.text) if line.kind == "prose" else None
        if match:
            found.append((len(match[1]), match[2]))
    return found


def markdown_cells(notebook: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the Markdown cells of a notebook.

    Args:
        notebook: A notebook.

    Returns:
        Each with its number among all cells, from 1.
    """
    numbered = enumerate(notebook["cells"], start=1)
    return [(number, cell) for number, cell in numbered if cell["cell_type"] == "markdown"]
