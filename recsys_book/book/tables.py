"""Tables with a stable text form."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recsys_book.book.catalog import find_repository
from recsys_book.book.display import show
from recsys_book.book.record import read_result, results_folder

#: A recorded list of no more numbers than this stands in the table of a full run.
SHORT = 5


def format_cell(value: Any, decimals: int = 3) -> str:
    """Return a table cell's text.

    Args:
        value: A number, a string, a missing value or anything else.
        decimals: Decimals of a float.

    Returns:
        Integers with thousands separated, floats with ``decimals``, a dash for a missing value.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if math.isnan(value):
            return "–"
        text = f"{value:,.{decimals}f}"
        return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
    return str(value)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Return a table as plain text.

    Args:
        header: Column titles.
        rows: The cells, already text.
        right: Whether each column is set flush right.

    Returns:
        Lines of equal columns; no blanks at the line ends.
    """
    columns = [[title, *(row[j] for row in rows)] for j, title in enumerate(header)]
    widths = [max(map(_width, column)) for column in columns]
    lines = []
    for row in [header, *rows]:
        cells = []
        for cell, width, flush in zip(row, widths, right):
            pad = " " * (width - _width(cell))
            cells.append(pad + cell if flush else cell + pad)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def html_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[bool],
    marked: int | None = None,
    caption: str = "",
) -> str:
    """Return a table as HTML that scrolls sideways on a narrow screen.

    Args:
        header: Column titles.
        rows: The cells, already text.
        right: Whether each column is set flush right.
        marked: A row to set in bold.
        caption: A line above the table.

    Returns:
        HTML without styles of its own but alignment.
    """

    def cell(tag: str, text: str, flush: bool) -> str:
        align = "right" if flush else "left"
        return f'<{tag} style="text-align: {align}">{html.escape(text)}</{tag}>'

    lines = ['<div style="overflow-x: auto">', '<table class="table">']
    if caption:
        lines.append(f"<caption>{html.escape(caption)}</caption>")
    titles = "".join(cell("th", title, flush) for title, flush in zip(header, right))
    lines.append(f"<thead><tr>{titles}</tr></thead>")
    lines.append("<tbody>")
    for i, row in enumerate(rows):
        style = ' style="font-weight: bold"' if i == marked else ""
        cells = "".join(cell("td", text, flush) for text, flush in zip(row, right))
        lines.append(f"<tr{style}>{cells}</tr>")
    lines += ["</tbody>", "</table>", "</div>"]
    return "\n".join(lines)


def table(frame: Any, decimals: int = 3, caption: str = "", index: bool | None = None) -> None:
    """Show a pandas frame as a clean table whose text form does not depend on versions.

    Only for values that do not vary between machines: counts, names and exact results.

    Args:
        frame: A ``DataFrame`` or a ``Series``.
        decimals: Decimals of every float.
        caption: A line above the table.
        index: Whether to show the index; by default unless it only counts the rows.
    """
    if not hasattr(frame, "columns"):
        frame = frame.to_frame(name=str(frame.name if frame.name is not None else "value"))
    if index is None:
        index = list(frame.index) != list(range(len(frame))) or frame.index.name is not None
    columns = [frame.iloc[:, j].tolist() for j in range(frame.shape[1])]
    header = [_title(title) for title in frame.columns]
    if index:
        levels = frame.index.nlevels
        columns = [[*frame.index.get_level_values(j)] for j in range(levels)] + columns
        header = [str(name) if name is not None else "" for name in frame.index.names] + header
    shown = [[format_cell(value, decimals) for value in column] for column in columns]
    right = [all(_is_number(value) for value in column) for column in columns]
    rows = [list(row) for row in zip(*shown)]
    text = text_table(header, rows, right)
    text = f"{caption}\n{text}" if caption else text
    show({"text/plain": text, "text/html": html_table(header, rows, right, caption=caption)})


def _title(title: Any) -> str:
    return " ".join(map(str, title)).strip() if isinstance(title, tuple) else str(title)


def _is_number(value: Any) -> bool:
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    missing = value is None or type(value).__name__ in {"NAType", "NaTType"}
    return missing or (isinstance(value, int | float) and not isinstance(value, bool))


def full_run_table(chapter: str, measures: Sequence[str] | None = None) -> None:
    """Show what the full profile measured, and on which device; longer lists are left out.

    Args:
        chapter: For instance ``"foundations/cleaning"``.
        measures: Names under which the chapter recorded what is to be shown; all, if None.

    Raises:
        KeyError: If the full run recorded nothing under one of the names.
    """
    if not (result := _full_result(chapter)):
        print(f"not yet run: `recsys-book run {chapter} --profile full` fills this table")
        return
    metrics = result.get("metrics", {})
    if measures is not None:
        if unknown := [name for name in measures if name not in metrics]:
            raise KeyError(
                f"The full run of {chapter} recorded nothing as {unknown[0]!r};"
                f" it has {', '.join(metrics)}."
            )
        metrics = {name: metrics[name] for name in measures}
    values = _flatten(metrics)
    rows = [[name, format_cell(value)] for name, value in values]
    caption = f"full profile · seed {result.get('seed')} · {result.get('device')}"
    header, right = ["measured", "value"], [False, True]
    text = f"{caption}\n{text_table(header, rows, right)}"
    show({"text/plain": text, "text/html": html_table(header, rows, right, caption=caption)})


def full_metrics(chapter: str) -> dict[str, Any]:
    """Return what the full profile recorded, for a figure of it.

    Args:
        chapter: For instance ``"foundations/cleaning"``.

    Returns:
        The recorded metrics by name; empty if the full profile has not been run.
    """
    return _full_result(chapter).get("metrics", {})


def _full_result(chapter: str) -> dict[str, Any]:
    """Return the record of the full profile, empty if there is none."""
    # The repository's own results come first, so that `recsys-book check`, which sends new results
    # elsewhere, shows the same table as the committed one.
    for folder in (_repository_results(), results_folder()):
        if result := read_result(chapter, "full", folder):
            return result
    return {}


def _repository_results() -> Path | None:
    root = find_repository() or find_repository(Path(__file__).parent)
    return root / "results" if root else None


def _flatten(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            flat += _flatten(value, f"{prefix}{name} · ")
        elif not isinstance(value, list):
            flat.append((prefix + name, value))
        elif len(value) <= SHORT and not any(isinstance(one, (list, dict)) for one in value):
            flat.append((prefix + name, ", ".join(map(format_cell, value))))
    return flat
