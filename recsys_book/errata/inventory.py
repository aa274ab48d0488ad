"""The appendix page that shows where everything that the five articles name works in this book.

``python -m recsys_book.errata.inventory`` rewrites the page; tests hold that the committed page is
what this module makes, that every name in it can be imported and that every label exists.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from recsys_book.errata.catalog import ARTICLES
from recsys_book.errata.inventory_items import GROUPS, LATER, Item, load_inventory, sections
from recsys_book.errata.page import REPOSITORY, Place, markdown_of, table

PAGE = "chapters/appendix/inventory.md"
LABEL, TITLE = "app-inventory", "What the articles name"

INTRODUCTION = """\
(app-inventory)=

# What the articles name

The {ref}`source check <app-source-check>` lists what the five articles behind this book get wrong.
This page lists what they *name*: every method, metric, kind of data, formula, listing, figure, tool
and book, {total} in all, each once, with the places where it occurs. The aim of the book is that
every one of them ends as something that works, or as a reference that is right. For {done} of them
this has been done; the others come with a later part, which the last column names.

An entry is done when the names in its last column do what the articles only speak of. A name in
`code` can be imported from the room of the package behind it; a link leads to the place where the
book shows it. Tests import every name and look up every link. The page is written by a program
(`python -m recsys_book.errata.inventory`).

The articles are cited as in the source check: S0a and S0b are two versions of one article (S0 means
both), S1 to S4 the others. Section numbers are the printed ones; *8.x* stands for 8.1 to 8.3, *Q4*
for the fourth question at an article's end.

"""


def find_labels(root: Path) -> dict[str, Place]:
    """Find every label that a page below ``chapters`` gives: sections, boxes, exercises, figures.

    Args:
        root: the repository.

    Returns:
        Label and page by label.
    """
    found = {LABEL: Place(LABEL, TITLE)}
    for path in sorted((root / "chapters").rglob("*")):
        page = path.relative_to(root).as_posix()
        if path.suffix not in (".ipynb", ".md") or "checkpoint" in page or page == PAGE:
            continue
        text = markdown_of(path)
        heading = re.search(r"^# (.+)$", text, re.MULTILINE)
        title = heading[1].strip() if heading else path.stem
        labels = re.findall(r"^\(([\w-]+)\)=\s*$|^:(?:label|name): *(\S+)", text, re.MULTILINE)
        names = [a or b for a, b in labels]
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            metadata = (cell.get("metadata", {}).get("mystnb", {}) for cell in cells)
            names += [m["figure"]["name"] for m in metadata if m.get("figure", {}).get("name")]
        for name in names:
            found.setdefault(name, Place(name, title))
    return found


def link(label: str, places: dict[str, Place]) -> str:
    """Write a link to a label, named so that a reader knows what to expect.

    Args:
        label: of a box, an exercise, a figure or a page.
        places: where the labels are; one that is not there yet is written as code.

    Returns:
        MyST text.
    """
    if label not in places:
        return f"`{label}`"
    title = places[label].title
    box = re.fullmatch(r"src-([a-z]+-\d\d)", label)
    if box:
        text = box[1].upper()
    elif label.startswith("fig-"):
        text = f"figure in {title}"
    else:
        text = title
    return f"{{ref}}`{text} <{label}>`"


def where(item: Item, places: dict[str, Place]) -> str:
    """Say where an entry works, as one table cell.

    Args:
        item: the entry.
        places: pages by label.

    Returns:
        Names by room and links, or the part of the book that will bring it.
    """
    if item.state != "done":
        return f"comes with *{item.part}*"
    cells = []
    for room, names in groupby(item.names, key=lambda name: name.split(".")[1]):
        short = ", ".join(f"`{name.split('.', 2)[2]}`" for name in names)
        cells.append(f"{short} ({{ref}}`{room} <app-api-{room}>`)")
    return "; ".join(cells + [link(label, places) for label in item.labels])


def summary(items: tuple[Item, ...]) -> str:
    """Write the table of counts, a row a group.

    Args:
        items: the inventory.

    Returns:
        The table.
    """
    rows = []
    for group, theme in GROUPS.items():
        members = [item for item in items if item.group == group]
        later = Counter(item.part for item in members if item.state != "done")
        parts = ", ".join(f"{part} {later[part]}" for part in LATER if later[part])
        done = sum(item.state == "done" for item in members)
        name = f"{{ref}}`{group}: {theme} <inventory-{group.lower()}>`"
        rows.append([name, str(len(members)), str(done or ""), parts])
    done = sum(item.state == "done" for item in items)
    rows.append(["**all**", str(len(items)), str(done), ""])
    return table(["group", "named", "done", "comes with"], rows)


def chapter_map(items: tuple[Item, ...]) -> str:
    """Write which entries each chapter of each article gave.

    Args:
        items: the inventory.

    Returns:
        One folded table an article.
    """
    by: dict[tuple[str, str], list[str]] = {}
    for item in items:
        for place in sections(item.sources):
            by.setdefault(place, []).append(item.id)
    parts = []
    for article in ARTICLES:
        keys = sorted(
            (chapter for name, chapter in by if name == article),
            key=lambda c: (not c.isdigit(), int(c) if c.isdigit() else 0, c),
        )
        rows = [[key if key.isdigit() else f"*{key}*", ", ".join(by[article, key])] for key in keys]
        body = table(["chapter", "entries"], rows)
        parts.append(f":::{{admonition}} Article {article}\n:class: note dropdown\n\n{body}:::\n")
    return "\n".join(parts)


def render(items: tuple[Item, ...], places: dict[str, Place]) -> str:
    """Write the whole page.

    Args:
        items: the inventory.
        places: pages by label.

    Returns:
        The page as MyST Markdown.
    """
    done = sum(item.state == "done" for item in items)
    text = INTRODUCTION.replace("{total}", str(len(items))).replace("{done}", str(done))
    parts = [text, summary(items)]
    for group, theme in GROUPS.items():
        parts.append(f"\n(inventory-{group.lower()})=\n\n## {theme} ({group})\n\n")
        rows = [
            [item.id, item.item, item.sources, where(item, places)]
            for item in items
            if item.group == group
        ]
        head = ["entry", "what the articles name", "article and section", "where it works"]
        parts.append(table(head, rows))
    parts.append("\n(inventory-chapters)=\n\n## By article and chapter\n\n")
    parts.append(
        "The same entries from the other side: what each chapter of each article names. A place "
        "without a number is a heading or an appendix as it is printed.\n\n"
    )
    return "".join([*parts, chapter_map(items)])


def main(root: Path = REPOSITORY) -> int:
    """Rewrite the page.

    Args:
        root: the repository.

    Returns:
        The exit status, 0.
    """
    page = root / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(load_inventory(), find_labels(root)), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
    return 0


def missing_labels(items: Iterable[Item], places: dict[str, Place]) -> list[str]:
    """List the labels that no page gives.

    Args:
        items: the inventory.
        places: pages by label.

    Returns:
        Entry and label of each, such as ``"C-05: src-pre-06"``.
    """
    return [f"{x.id}: {label}" for x in items for label in x.labels if label not in places]


if __name__ == "__main__":
    raise SystemExit(main())
