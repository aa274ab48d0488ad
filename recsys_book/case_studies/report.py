"""A page of results that a colleague would rather look at than read: one self-contained file.

The page carries its style and its figures (as inline SVG) with it.  It runs no script and asks
nothing from outside, and it says so to the browser; it follows the reader's light or dark setting
and fits a screen of 390 pixels.
"""

from __future__ import annotations

import html
import io
import math
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#1c1c1e;--soft:#55585f;--line:#d5d8dd;
--card:#f1f5f9;--mark:#0072b2}
@media (prefers-color-scheme:dark){:root{--page:#15171a;--ink:#eceef1;--soft:#aab0ba;
--line:#3a3f47;--card:#20242a;--mark:#56b4e9}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:46rem;padding:1.25rem 1rem 3rem;background:var(--page);
color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",sans-serif;
overflow-wrap:break-word}
h1{font-size:1.7rem;line-height:1.2;margin:.4rem 0 .6rem}
h2{font-size:1.2rem;margin:2.2rem 0 .4rem;padding-top:.8rem;border-top:1px solid var(--line)}
.question{color:var(--soft);font-size:1.1rem;margin:0 0 1rem}
.verdict{background:var(--card);border-left:4px solid var(--mark);padding:.8rem 1rem;
border-radius:.4rem;font-weight:600;margin:0 0 1rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1rem;margin:0;padding:0}
a{color:var(--mark)}
figure{margin:1rem 0;padding:.6rem;background:#fff;border:1px solid var(--line);
border-radius:.4rem;overflow-x:auto}
figure svg{display:block;width:100%;height:auto}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .7rem;text-align:left;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
th{vertical-align:bottom}th.number,td.number{text-align:right}td.number{white-space:nowrap}
@media (max-width:36rem){figure svg{min-width:34rem}
table{font-size:.85rem}th,td{padding:.3rem .4rem}}
footer{margin-top:2.5rem;color:var(--soft);font-size:.88rem}
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"


@dataclass(frozen=True)
class Section:
    """One section of a report.

    Attributes:
        heading: The section's name.
        text: Plain text; a blank line starts a new paragraph.  Markup in it is shown, not obeyed.
        figure: A matplotlib figure, or ``None``.
        table: A table, or ``None``; its index is shown where it has names of its own.
        alt: What the figure shows, in one sentence, for a reader who cannot see it.
    """

    heading: str
    text: str
    figure: Figure | None = None
    table: pd.DataFrame | None = None
    alt: str = ""


def _safe(text: Any) -> str:
    """Escape text for HTML; what no page may hold (control characters) becomes a mark."""
    visible = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", "\ufffd", str(text))
    return html.escape(visible, quote=True)


def _paragraphs(text: str) -> str:
    pieces = (piece.strip() for piece in re.split(r"\n\s*\n", text))
    return "\n".join(f"<p>{_safe(piece)}</p>" for piece in pieces if piece)


def _svg(figure: Figure, alt: str, prefix: str) -> str:
    """Draw a figure as inline SVG whose ids are its own on the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'\bid="', f'id="{prefix}', drawing)
    drawing = re.sub(r'(url\(|href=")#', rf"\g<1>#{prefix}", drawing)
    opening = f'<svg role="img" aria-label="{_safe(alt)}"'
    return f'<figure tabindex="0">{drawing.strip().replace("<svg", opening, 1)}</figure>'


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _decimals(values: Sequence[Any]) -> int | None:
    """Decimals that give a column's largest number four digits, without idle zeros.

    ``None`` is for a column of tiny numbers, which decimals would hide.
    """
    numbers = [float(v) for v in values if _is_number(v) and np.isfinite(v)]
    largest = max(map(abs, numbers), default=0.0)
    if largest == 0:
        return 0
    if largest < 1e-4:
        return None
    most = max(3 - math.floor(math.log10(largest)), 0)
    return next(d for d in range(most + 1) if all(round(x, d) == round(x, most) for x in numbers))


def _cell(value: Any, decimals: int | None) -> str:
    if not _is_number(value):
        return f"<td>{_safe(value)}</td>"
    if isinstance(value, Integral):
        shown = f"{value:,}"
    elif np.isnan(value):
        shown = "–"
    else:
        shown = f"{value:.4g}" if decimals is None else f"{value:z,.{decimals}f}"
    return f'<td class="number">{_safe(shown)}</td>'


def _table(table: pd.DataFrame, heading: str) -> str:
    named = not isinstance(table.index, pd.RangeIndex)
    columns = [table.iloc[:, j].tolist() for j in range(table.shape[1])]
    heads = [f'<th scope="col">{_safe(table.index.name or "")}</th>'] if named else []
    for name, values in zip(table.columns, columns, strict=True):
        right = ' class="number"' if all(map(_is_number, values)) else ""
        heads.append(f'<th scope="col"{right}>{_safe(name)}</th>')
    lines, decimals = ["".join(heads)], [_decimals(values) for values in columns]
    for row, label in enumerate(table.index):
        first = f'<th scope="row">{_safe(label)}</th>' if named else ""
        cells = (_cell(v[row], d) for v, d in zip(columns, decimals, strict=True))
        lines.append(first + "".join(cells))
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    label = f'role="region" tabindex="0" aria-label="Table: {_safe(heading)}"'
    return f'<div class="wide" {label}><table>\n{body}\n</table></div>'


def _section(number: int, section: Section) -> str:
    parts = [f'<h2 id="part-{number}">{_safe(section.heading)}</h2>', _paragraphs(section.text)]
    if section.figure is not None:
        parts.append(_svg(section.figure, section.alt, f"f{number}-"))
    if section.table is not None:
        parts.append(_table(section.table, section.heading))
    return "<section>\n" + "\n".join(part for part in parts if part) + "\n</section>"


def _check(title: str, question: str, verdict: str, sections: Sequence[Section]) -> None:
    for name, text in (("title", title), ("question", question), ("verdict", verdict)):
        if not str(text).strip():
            raise ValueError(f"The report's {name} is empty: say it in one sentence.")
    if not sections:
        raise ValueError("The report has no section: give at least one Section.")
    for number, section in enumerate(sections, 1):
        if not section.heading.strip():
            raise ValueError(f"Section {number} of the report has no heading: name it.")
        if section.figure is not None and not section.alt.strip():
            raise ValueError(
                f"The figure of section {section.heading!r} has no alt text: say in one sentence"
                " what it shows."
            )


def render_report(title: str, question: str, verdict: str, sections: Sequence[Section]) -> str:
    """Return a report as the text of one HTML page.

    Args:
        title: The page's title.
        question: What the project asked, in one sentence.
        verdict: What it found, in one sentence.
        sections: The sections, in their order.

    Returns:
        The page: no script, nothing from outside, every string escaped.

    Raises:
        ValueError: If a string that the reader needs is empty, there is no section, or a figure
            has no alt text.
    """
    _check(title, question, verdict, sections)
    links = "".join(
        f'<li><a href="#part-{number}">{_safe(section.heading)}</a></li>'
        for number, section in enumerate(sections, 1)
    )
    body = "\n".join(_section(number, section) for number, section in enumerate(sections, 1))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{_safe(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{_safe(title)}</h1>
<p class="question">{_safe(question)}</p>
<p class="verdict">{_safe(verdict)}</p>
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<footer>Every number on this page was measured by the run that wrote it.</footer>
</body>
</html>
"""


def write_report(
    path: str | Path, title: str, question: str, verdict: str, sections: Sequence[Section]
) -> Path:
    """Write a report as one self-contained HTML page, whole or not at all.

    Args:
        path: Where the page goes; missing folders are made.
        title: The page's title.
        question: What the project asked, in one sentence.
        verdict: What it found, in one sentence.
        sections: The sections, in their order.

    Returns:
        The path of the page.  A page that stood there before stays as it was until the new one is
        complete.

    Raises:
        ValueError: As ``render_report``; then nothing is written.
    """
    page = render_report(title, question, verdict, sections)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
