"""The book's figures: one palette, one style, legible on a phone.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recsys_book.book.flow import flow

#: The Okabe–Ito palette.
PALETTE = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "black": "#000000",
    "grey": "#999999",
}
#: The order in which series take their colours (yellow is too light for a line on white).
CYCLE = ("blue", "orange", "green", "vermillion", "purple", "sky", "black")
#: Width in inches; at 12 points the type is still about 9 pixels high on a 390-pixel screen.
WIDTHS = {"full": 6.4, "half": 4.4}
_INK = "#222222"

_STYLE = {
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "savefig.dpi": 144,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 12,
    "axes.labelcolor": _INK,
    "axes.edgecolor": "#666666",
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": plt.cycler(color=[PALETTE[name] for name in CYCLE]),
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "lines.markersize": 6,
    "image.cmap": "cividis",
    "svg.hashsalt": "recsys-book",
}

__all__ = [
    "CYCLE",
    "PALETTE",
    "WIDTHS",
    "bars_with_intervals",
    "dots_with_intervals",
    "flow",
    "lines_with_bands",
    "new",
    "use_style",
]


def use_style(dpi: int = 144) -> None:
    """Give every later figure of this process the book's style; ``book.start`` calls it.

    Args:
        dpi: Pixels an inch of the figures that a notebook shows.
    """
    plt.rcParams.update({**_STYLE, "figure.dpi": dpi})


def color_of(name: str | None, default: str = "blue") -> str:
    """Return a colour by its name in the palette.

    Args:
        name: A name of ``PALETTE``, any other matplotlib colour, or ``None`` for the default.
        default: The name to use for ``None``.

    Returns:
        A colour that matplotlib understands.
    """
    return PALETTE.get(name or default, name or default)


def new(
    width: str = "full",
    rows: int = 1,
    cols: int = 1,
    *,
    height: float | None = None,
    title: str = "",
    **options: Any,
) -> tuple[Figure, Any]:
    """Return a new figure in the book's style.

    Args:
        width: ``"full"`` (6.4 inches) or ``"half"`` (4.4 inches).
        rows: Rows of axes.
        cols: Columns of axes; more than two are hard to read on a phone.
        height: Height in inches; by default it follows from width, rows and columns.
        title: The figure's message, above all axes.
        **options: Passed to ``matplotlib.pyplot.subplots`` (``sharex`` and the like).

    Returns:
        The figure, and its axes: one, or an array as ``subplots`` gives it.

    Raises:
        ValueError: If the width is neither ``"full"`` nor ``"half"``.
    """
    if width not in WIDTHS:
        raise ValueError(f"figures.new was asked for the width {width!r}: use 'full' or 'half'.")
    inches = WIDTHS[width]
    if height is None:
        height = rows * min(3.6, max(2.6, 0.62 * inches / cols))
    # Not in an rc_context: leaving one would take back the interactive mode that Jupyter's backend
    # sets with the first figure, and no later figure would show.
    plt.rcParams.update(_STYLE)
    figure, axes = plt.subplots(rows, cols, figsize=(inches, height), **options)
    if title:
        figure.suptitle(title, x=0.02, ha="left", fontsize=13, fontweight="bold")
    return figure, axes


def _interval_arrays(
    where: str, n: int, *columns: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    means, lows, highs = (np.asarray(column, dtype=float).ravel() for column in columns)
    if not n == len(means) == len(lows) == len(highs):
        raise ValueError(
            f"{where} got {n} positions, {len(means)} means, {len(lows)} lows and {len(highs)}"
            " highs: give as many of each."
        )
    if np.any(lows > highs):
        at = int(np.flatnonzero(lows > highs)[0])
        raise ValueError(f"{where}: the interval at position {at} ends below its start: swap them.")
    return means, lows, highs


def _colors(colors: Any, n: int, highlight: Sequence[int] | int | None) -> list[str]:
    if isinstance(colors, list | tuple) and len(colors) == n:
        return [color_of(color) for color in colors]
    base = [color_of(colors)] * n
    if highlight is not None:
        chosen = {highlight} if isinstance(highlight, int) else set(highlight)
        base = [color_of(colors) if j in chosen else PALETTE["grey"] for j in range(n)]
    return base


def _label_positions(ax: Axes, labels: Sequence[str], horizontal: bool) -> np.ndarray:
    positions = np.arange(len(labels))
    if horizontal:
        ax.set_yticks(positions, labels)
        ax.set_ylim(len(labels) - 0.4, -0.6)  # the first label on top
        ax.grid(axis="y", visible=False)
    else:
        ax.set_xticks(positions, labels)
        ax.set_xlim(-0.6, len(labels) - 0.4)
        ax.grid(axis="x", visible=False)
    return positions


def bars_with_intervals(
    ax: Axes,
    labels: Sequence[str],
    means: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    *,
    color: Any = "blue",
    highlight: Sequence[int] | int | None = None,
    horizontal: bool = True,
) -> None:
    """Draw bars from zero with intervals; the first label is on top (or on the left).

    Args:
        ax: Where to draw.
        labels: (n,) names.
        means: (n,) bar lengths.
        lows: (n,) lower ends of the intervals.
        highs: (n,) upper ends of the intervals.
        color: A palette name or colour for all, or n of them.
        highlight: Positions to colour; the other bars are grey.
        horizontal: Whether the bars lie, which leaves room for long names.

    Raises:
        ValueError: If the lengths differ or an interval ends below its start.
    """
    means, lows, highs = _interval_arrays("bars_with_intervals", len(labels), means, lows, highs)
    positions = _label_positions(ax, labels, horizontal)
    shades = _colors(color, len(labels), highlight)
    error = np.abs(np.vstack([means - lows, highs - means]))
    style = {"ecolor": _INK, "capsize": 4, "error_kw": {"elinewidth": 1.6}}
    if horizontal:
        ax.barh(positions, means, height=0.66, color=shades, xerr=error, **style)
    else:
        ax.bar(positions, means, width=0.66, color=shades, yerr=error, **style)


def dots_with_intervals(
    ax: Axes,
    labels: Sequence[str],
    means: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    *,
    color: Any = "blue",
    highlight: Sequence[int] | int | None = None,
    horizontal: bool = True,
    offset: float = 0.0,
    label: str | None = None,
    zero: bool = False,
    marker: str = "o",
) -> None:
    """Draw dots with intervals, for differences and for values far from zero.

    Args:
        ax: Where to draw.
        labels: (n,) names.
        means: (n,) dots.
        lows: (n,) lower ends of the intervals.
        highs: (n,) upper ends of the intervals.
        color: A palette name or colour for all, or n of them.
        highlight: Positions to colour; the other dots are grey.
        horizontal: Whether the intervals lie.
        offset: Shift across the intervals, so that several series can share the labels.
        label: The series' name in the legend.
        zero: Whether to draw a line at zero.
        marker: A matplotlib marker, so that series differ by more than colour.

    Raises:
        ValueError: If the lengths differ or an interval ends below its start.
    """
    means, lows, highs = _interval_arrays("dots_with_intervals", len(labels), means, lows, highs)
    positions = _label_positions(ax, labels, horizontal) + offset
    for j, shade in enumerate(_colors(color, len(labels), highlight)):
        ends = ([lows[j], highs[j]], [positions[j]] * 2)
        point = ([means[j]], [positions[j]])
        if not horizontal:
            ends, point = ends[::-1], point[::-1]
        ax.plot(*ends, color=shade, linewidth=2.4, solid_capstyle="round")
        ax.plot(*point, marker, color=shade, markersize=8, label=label if j == 0 else None)
    if zero:
        line = ax.axvline if horizontal else ax.axhline
        line(0, color=_INK, linewidth=1.2, zorder=1)


def lines_with_bands(
    ax: Axes,
    x: Sequence[float],
    means: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    *,
    color: str | None = None,
    label: str | None = None,
    marker: str | None = None,
    linestyle: str = "-",
) -> None:
    """Draw a line with a shaded band.

    Args:
        ax: Where to draw.
        x: (n,) positions.
        means: (n,) the line.
        lows: (n,) lower edge of the band.
        highs: (n,) upper edge of the band.
        color: A palette name or colour; by default the next one of the cycle.
        label: The series' name in the legend.
        marker: A matplotlib marker.
        linestyle: A matplotlib line style, so that series differ by more than colour.

    Raises:
        ValueError: If the lengths differ or the band crosses itself.
    """
    x = np.asarray(x, dtype=float)
    means, lows, highs = _interval_arrays("lines_with_bands", len(x), means, lows, highs)
    shade = {} if color is None else {"color": color_of(color)}
    (line,) = ax.plot(x, means, label=label, marker=marker, linestyle=linestyle, **shade)
    ax.fill_between(x, lows, highs, color=line.get_color(), alpha=0.22, linewidth=0)
