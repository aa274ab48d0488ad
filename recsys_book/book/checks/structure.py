"""A chapter's shape: sections in order, the setup cells, figures that a blind reader can follow."""

from __future__ import annotations

import ast
import re
from typing import Any

from recsys_book.book.bootstrap import bootstrap_source
from recsys_book.book.checks.equations import label_of_equation
from recsys_book.book.checks.markdown import headings, lines_of, markdown_cells
from recsys_book.book.checks.prose import word_count
from recsys_book.book.notebooks import code_cells, tags

#: Level-2 headings that every chapter has, in this order; a colon means "begins with".
SECTIONS = (
    "What this chapter gives you",
    "The data",
    "Experiment:",
    "Source check",
    "What breaks",
    "In production",
    "Full run",
    "Summary",
    "Exercises",
    "Further reading",
)
LISTS = ("**You will do**", "**You will learn**", "**You need**")
MINIMUM_WORDS = 1200
_SUBTITLE = re.compile(r"^\*Runs in about .+ \(book profile\) · .+ · .+\*$")


def structure_problems(notebook: dict[str, Any], name: str, address: str = "") -> list[str]:
    """Find what a chapter lacks.

    Args:
        notebook: A chapter.
        name: Its name, for instance ``"foundations/cleaning"``.
        address: The book's address, which the bootstrap cell must carry.

    Returns:
        One sentence a problem.
    """
    return [
        *_head_problems(notebook, name),
        *_section_problems(notebook),
        *_setup_problems(notebook, name, address),
        *_figure_problems(notebook),
        *_length_problems(notebook),
    ]


def _head_problems(notebook: dict[str, Any], name: str) -> list[str]:
    label = "ch-" + name.rpartition("/")[2].replace("_", "-")
    first = notebook["cells"][0] if notebook["cells"] else {"cell_type": "", "source": ""}
    lines = [line.strip() for line in first["source"].splitlines() if line.strip()]
    problems = []
    if first["cell_type"] != "markdown" or lines[:1] != [f"({label})="]:
        problems.append(f"cell 1 does not begin with the label ({label})=.")
    if not any(line.startswith("# ") for line in lines[1:2]):
        problems.append("cell 1 has no title (`# …`) right after its label.")
    if not any(_SUBTITLE.match(line) for line in lines):
        expected = "*Runs in about … s (book profile) · CPU · MovieLens-100K*"
        problems.append(f"cell 1 has no line {expected}.")
    return problems


def _section_problems(notebook: dict[str, Any]) -> list[str]:
    text = "\n\n".join(cell["source"] for _, cell in markdown_cells(notebook))
    titles = [title for level, title in headings(text) if level == 2]
    problems, position = [], -1
    for section in SECTIONS:
        at = next((j for j, title in enumerate(titles) if _is(title, section)), None)
        if at is None:
            problems.append(f"there is no section `## {section}`.")
        elif at < position:
            problems.append(f"the section `## {section}` stands too early.")
        else:
            position = at
    if "Setup" not in titles:
        problems.append("there is no section `## Setup`.")
    elif "The data" in titles and titles.index("Setup") > titles.index("The data"):
        problems.append("the section `## Setup` stands after `## The data`.")
    own = [t for t in titles if t != "Setup" and not any(_is(t, s) for s in SECTIONS)]
    if len(own) < 2:
        problems.append("there are fewer than two sections with titles of their own.")
    problems += [f"there is no list {head}." for head in LISTS if head not in text]
    levels = [level for level, _ in headings(text)]
    if levels.count(1) != 1:
        problems.append(f"there are {levels.count(1)} titles (`# …`) instead of one.")
    if any(after > before + 1 for before, after in zip(levels, levels[1:])):
        problems.append("a heading skips a level.")
    return problems


def _is(title: str, section: str) -> bool:
    return title.startswith(section) if section.endswith(":") else title == section


def _setup_problems(notebook: dict[str, Any], name: str, address: str) -> list[str]:
    problems = []
    cells = code_cells(notebook)
    bootstrap = [cell for cell in cells if "bootstrap" in tags(cell)]
    if len(bootstrap) != 1:
        problems.append(f"there are {len(bootstrap)} cells tagged 'bootstrap' instead of one.")
    elif cells[0] is not bootstrap[0]:
        problems.append("the bootstrap cell is not the first code cell.")
    for cell in bootstrap:
        if cell["source"] != bootstrap_source(address):
            problems.append("the bootstrap cell is not book.bootstrap_source(…) of the address.")
        if "hide-input" not in tags(cell):
            problems.append("the bootstrap cell lacks the tag 'hide-input'.")
    parameters = [cell for cell in cells if "parameters" in tags(cell)]
    values = _assigned(parameters[0]["source"]) if len(parameters) == 1 else None
    if values is None or values.get("profile") != "" or not isinstance(values.get("seed"), int):
        problems.append("there is not one cell tagged 'parameters' with profile = \"\" and a seed.")
    starts = [cell for cell in cells if "book.start(" in cell["source"]]
    if len(starts) != 1 or f'"{name}"' not in starts[0]["source"]:
        problems.append(f'there is not one cell that calls book.start("{name}", …).')
    elif parameters and cells.index(starts[0]) < cells.index(parameters[0]):
        problems.append("book.start stands before the parameters.")
    elif not any("SETTINGS" in cell["source"] for cell in cells):
        problems.append("there is no settings table SETTINGS.")
    return problems


def _assigned(source: str) -> dict[str, Any] | None:
    """Return the constants that a cell assigns, or ``None`` if it is no Python."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    return {
        target.id: node.value.value
        for node in body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def has_image(cell: dict[str, Any]) -> bool:
    """Return whether a cell's outputs hold a picture.

    Args:
        cell: A code cell.

    Returns:
        True for any output of an image type.
    """
    return any(
        mime.startswith("image/")
        for output in cell.get("outputs", ())
        for mime in output.get("data", ())
    )


def _figure_problems(notebook: dict[str, Any]) -> list[str]:
    problems, names = [], []
    first_figure = first_equation = None
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "markdown" and first_equation is None:
            if any(label_of_equation(line) for line in lines_of(cell["source"])):
                first_equation = number
        elif cell["cell_type"] == "code" and has_image(cell):
            first_figure = first_figure or number
            settings = cell["metadata"].get("mystnb") or {}
            alt = str((settings.get("image") or {}).get("alt") or "")
            if len(alt.split()) < 5:
                problems.append(f"cell {number}: the figure has no alt text that describes it.")
            figure = settings.get("figure") or {}
            if not figure.get("caption"):
                problems.append(f"cell {number}: the figure has no caption.")
            names.append(str(figure.get("name") or ""))
            shown = [o for o in cell.get("outputs", []) if "data" in o]
            if figure and len(shown) > 1:
                problems.append(
                    f"cell {number}: a figure's cell shows {len(shown)} things, and each would "
                    "bear its name; show the others in a cell of their own."
                )
    problems += [f"two figures are named {n!r}." for n in set(names) if n and names.count(n) > 1]
    if first_figure is None:
        problems.append("there is no figure.")
    elif first_equation is not None and first_equation < first_figure:
        problems.append("an equation stands before the motivating figure.")
    return problems


def _length_problems(notebook: dict[str, Any]) -> list[str]:
    words = word_count(notebook)
    if words < MINIMUM_WORDS:
        return [f"there are {words} words of prose: a chapter has at least {MINIMUM_WORDS}."]
    return []
