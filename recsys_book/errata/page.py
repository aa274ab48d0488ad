"""The appendix page of the source check, written from the catalogue and the chapters.

``python -m recsys_book.errata.page`` rewrites it; a test holds that the committed page is what this
module makes, so that the page cannot drift from the chapters.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from recsys_book.errata.catalog import (
    ARTICLES,
    GROUPS,
    SEVERITIES,
    VERIFIED,
    Erratum,
    load_catalog,
)

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = "chapters/appendix/source_check.md"
BOX = re.compile(r"^\((src-[a-z]+-\d\d)\)=\s*$", re.MULTILINE)
EXERCISE = re.compile(r"^(`{3,}|:{3,})\{exercise\}.*?^\1\s*$", re.MULTILINE | re.DOTALL)
INTRODUCTION = """\
(app-source-check)=

# Source check

This book started from five articles about language models in recommender systems, written in
Chinese. They name most of the field, and they are wrong in ways that teach. We read every formula,
every listing and every reference, and kept what we found in a catalogue of {total} entries. The
articles are not part of this book; the catalogue quotes their words.

Where a chapter treats the subject, a *Source check* box shows the entry in three parts: what the
source says, what is true, and a cell that runs both. The faulty version is a function in
`recsys_book.errata` with the entry's number in its name, and a test asserts that it fails as
described and that the package's own version does not. This page says where each box stands, or with
which part of the book it comes. The page is written by a program from the catalogue and the
chapters (`python -m recsys_book.errata.page`).

"""


@dataclass(frozen=True)
class Place:
    """Where an entry is shown: the label to link to, and the title of its page."""

    label: str
    title: str


def markdown_of(path: Path) -> str:
    """Read the prose of a page.

    Args:
        path: a notebook or a Markdown file.

    Returns:
        The Markdown text, cells joined by blank lines.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def find_places(root: Path) -> tuple[dict[str, Place], dict[str, Place]]:
    """Find the boxes and the exercises on the pages below ``chapters``.

    Args:
        root: the repository.

    Returns:
        Boxes by label (``src-pre-07``), and exercises by the entry they name (``CLM-03``).
    """
    boxes: dict[str, Place] = {}
    exercises: dict[str, Place] = {}
    for path in sorted((root / "chapters").rglob("*")):
        if path.suffix not in (".ipynb", ".md") or ".ipynb_checkpoints" in path.parts:
            continue
        if path == root / PAGE:
            continue
        text = markdown_of(path)
        heading = re.search(r"^# (.+)$", text, re.MULTILINE)
        title = heading[1].strip() if heading else path.stem
        for label in BOX.findall(text):
            boxes.setdefault(label, Place(label, title))
        for block in EXERCISE.finditer(text):
            label = re.search(r"^:label: *(\S+)", block[0], re.MULTILINE)
            for id in re.findall(r"\bCLM-\d\d\b", block[0]) if label else ():
                exercises.setdefault(id, Place(label[1], title))
    return boxes, exercises


def state(entry: Erratum, boxes: dict[str, Place], exercises: dict[str, Place]) -> str:
    """Say where an entry is shown, as one table cell.

    Args:
        entry: the entry.
        boxes: places by label.
        exercises: places by entry.

    Returns:
        A link, or the part of the book that will bring it.
    """
    place = boxes.get(entry.label)
    if place:
        return f"{{ref}}`{place.title} <{place.label}>`"
    place = exercises.get(entry.id)
    if place:
        return f"{{ref}}`exercise in {place.title} <{place.label}>`"
    seen = [boxes[f"src-{id.lower()}"] for id in re.findall(r"[A-Z]+-\d\d", entry.truth)
            if f"src-{id.lower()}" in boxes]  # fmt: skip
    if entry.group == "CLM" and seen:
        return f"answered in {{ref}}`{seen[0].title} <{seen[0].label}>`"
    return f"comes with *{entry.chapter}*"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table.

    Args:
        header: the column heads.
        rows: the cells; a ``|`` inside is escaped.

    Returns:
        The table, ending in a newline.
    """
    lines = [list(header)]
    lines.append(["---"] * len(lines[0]))
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def summary(entries: tuple[Erratum, ...], shown: Counter) -> str:
    """Write the table of counts, a row a group.

    Args:
        entries: the catalogue.
        shown: how many entries of each group stand in the book by now.

    Returns:
        The table.
    """
    rows = []
    for group in GROUPS:
        members = [entry for entry in entries if entry.group == group]
        kinds = Counter(entry.severity for entry in members)
        program = sum(entry.demonstrated for entry in members)
        counts = [len(members), *(kinds[s] for s in SEVERITIES), program, shown[group]]
        rows.append(
            [
                f"{{ref}}`{group} <source-check-{group.lower()}>`",
                *(str(n) if n else "" for n in counts),
            ]
        )
    total = [sum(int(row[k] or 0) for row in rows) for k in range(1, len(rows[0]))]
    rows.append(["**all**", *(str(n) for n in total)])
    return table(["group", "entries", *SEVERITIES, "run", "here"], rows)


def render(
    entries: tuple[Erratum, ...], boxes: dict[str, Place], exercises: dict[str, Place]
) -> str:
    """Write the whole page.

    Args:
        entries: the catalogue.
        boxes: places of boxes by label.
        exercises: places of exercises by entry.

    Returns:
        The page as MyST Markdown.
    """
    states = {entry.id: state(entry, boxes, exercises) for entry in entries}
    shown = Counter(e.group for e in entries if not states[e.id].startswith("comes with"))
    parts = [INTRODUCTION.format(total=len(entries))]
    parts.append("## How to read the tables\n\n")
    parts.append("An entry cites its article by a short name and the printed section number.\n\n")
    parts.append(table(["name", "article"], ARTICLES.items()) + "\n")
    parts.append("Severity says what the fault costs.\n\n")
    parts.append(table(["severity", "meaning"], SEVERITIES.items()) + "\n")
    parts.append(table(["checked", "meaning"], VERIFIED.items()) + "\n")
    parts.append(
        "The entries by group and severity; *run* counts those that a program shows, *here* those "
        "that stand in the book by now.\n\n"
    )
    parts.append(summary(entries, shown))
    for group, theme in GROUPS.items():
        parts.append(f"\n(source-check-{group.lower()})=\n\n## {theme} ({group})\n\n")
        rows = [
            [e.id, e.title, e.severity, e.source, e.verified, states[e.id]]
            for e in entries
            if e.group == group
        ]
        head = ["entry", "what goes wrong", "severity", "article and section", "checked", "where"]
        parts.append(table(head, rows))
    return "".join(parts)


def main(root: Path | None = None) -> int:
    """Rewrite the page.

    Args:
        root: the repository; by default the one that holds this file.

    Returns:
        The exit status, 0.
    """
    root = root or REPOSITORY
    page = root / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(load_catalog(), *find_places(root)), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
