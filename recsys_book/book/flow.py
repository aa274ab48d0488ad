"""Diagrams as figures: boxes and arrows in the book's style."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

_GAP_X, _GAP_Y = 0.62, 0.62  # between boxes, in inches
_FILL, _EDGE, _INK = "#EAF3FA", "#0072B2", "#222222"
_POINTS = 12.0
_CHARACTER = 0.62 * _POINTS / 72  # width of an average character, in inches
_LINE = 1.32 * _POINTS / 72


def flow(
    steps: Sequence[str] | Mapping[str, str],
    arrows: Sequence[tuple] | None = None,
    *,
    positions: Mapping[Any, tuple[float, float]] | Sequence[tuple[float, float]] | None = None,
    wrap: int | None = None,
    characters: int | None = None,
    width: str | float = "full",
    title: str = "",
    highlight: Sequence[Any] = (),
    ax: Axes | None = None,
) -> None:
    """Draw boxes and arrows.

    Args:
        steps: The boxes' texts in order, or a mapping from short keys to the texts; newlines stay.
        arrows: Pairs ``(from, to)`` or triples ``(from, to, text)`` of positions or keys; by
            default each step points at the next.
        positions: Column and row of each box (row 0 on top; fractions are fine), by position or
            key; by default the steps stand in rows, every second one running back.
        wrap: Steps in a row; by default as many as stay legible (at most three).
        characters: Where to break a box's text; by default as wide as the column allows.
        width: ``"full"``, ``"half"`` or inches.
        title: The diagram's message.
        highlight: Positions or keys of boxes drawn in orange.
        ax: Where to draw; by default a new figure.

    Raises:
        ValueError: If there are no steps, or an arrow or a position names an unknown box.
    """
    keys, texts = _boxes(steps)
    wrap = wrap or min(3, len(keys))
    places = _places(keys, positions, wrap)
    links = _links(keys, arrows)
    columns = max(x for x, _ in places.values()) - min(x for x, _ in places.values()) + 1
    total = width if isinstance(width, int | float) else {"full": 6.4, "half": 4.4}.get(width)
    if total is None:
        raise ValueError(f"figures.flow was asked for the width {width!r}: use 'full' or 'half'.")
    labelled = any(link[2] for link in links)
    gap = _GAP_X + (0.5 if labelled else 0.0)
    box = (total - 0.1 - gap * (columns - 1)) / columns
    breadth = characters or max(6, int((box - 0.16) / _CHARACTER))
    wrapped = [_wrap(text, breadth) for text in texts]
    height = max(text.count("\n") + 1 for text in wrapped) * _LINE + 0.26
    canvas = _Canvas(places, box, height, gap, _GAP_Y + (0.12 if labelled else 0.0))
    if ax is None:
        _, ax = plt.subplots(figsize=(total, canvas.inches_high + (0.4 if title else 0.0)))
    marked = {_key(keys, name, "highlight") for name in highlight}
    for key, text in zip(keys, wrapped):
        canvas.draw_box(ax, key, text, key in marked)
    for source, target, text in links:
        both_ways = any(link[:2] == (target, source) for link in links)
        canvas.draw_arrow(ax, source, target, text, both_ways)
    canvas.finish(ax, title)


def _boxes(steps: Sequence[str] | Mapping[str, str]) -> tuple[list[Any], list[str]]:
    if isinstance(steps, Mapping):
        keys, texts = list(steps), [str(text) for text in steps.values()]
    else:
        texts = ["\n".join(s) if isinstance(s, tuple | list) else str(s) for s in steps]
        keys = list(range(len(texts)))
    if not keys:
        raise ValueError("figures.flow got no steps: give at least one.")
    return keys, texts


def _key(keys: list[Any], name: Any, what: str) -> Any:
    if name in keys:
        return name
    if isinstance(name, int) and 0 <= name < len(keys):
        return keys[name]
    known = ", ".join(map(str, keys))
    raise ValueError(f"figures.flow: {what} names the unknown box {name!r}; there are: {known}.")


def _places(keys: list[Any], positions: Any, wrap: int) -> dict[Any, tuple[float, float]]:
    if positions is None:
        # Every second row runs back, so that no arrow crosses a box.
        grid = [divmod(j, wrap) for j in range(len(keys))]
        return {
            key: (float(column if row % 2 == 0 else wrap - 1 - column), float(row))
            for key, (row, column) in zip(keys, grid)
        }
    if not isinstance(positions, Mapping):
        positions = dict(enumerate(positions))
    placed = {_key(keys, name, "positions"): tuple(map(float, p)) for name, p in positions.items()}
    if missing := [key for key in keys if key not in placed]:
        raise ValueError(f"figures.flow: the box {missing[0]!r} has no position: give it one.")
    return placed


def _links(keys: list[Any], arrows: Sequence[tuple] | None) -> list[tuple[Any, Any, str]]:
    if arrows is None:
        arrows = list(zip(keys, keys[1:]))
    return [
        (
            _key(keys, arrow[0], "an arrow"),
            _key(keys, arrow[1], "an arrow"),
            str(arrow[2]) if len(arrow) > 2 else "",
        )
        for arrow in arrows
    ]


def _wrap(text: str, breadth: int) -> str:
    lines = []
    for line in text.split("\n"):
        lines += textwrap.wrap(line, breadth, break_long_words=False) or [""]
    return "\n".join(lines)


class _Canvas:
    """Boxes of one size on a grid, in inches; y grows upwards."""

    def __init__(
        self,
        places: dict[Any, tuple[float, float]],
        box: float,
        height: float,
        gap_x: float,
        gap_y: float,
    ) -> None:
        self.box, self.height = box, height
        left = min(x for x, _ in places.values())
        self.centres = {
            key: ((x - left) * (box + gap_x) + box / 2, -y * (height + gap_y))
            for key, (x, y) in places.items()
        }
        self.patches: dict[Any, FancyBboxPatch] = {}
        ys = [y for _, y in self.centres.values()]
        self.top, self.bottom = max(ys) + height / 2, min(ys) - height / 2
        self.right = max(x for x, _ in self.centres.values()) + box / 2
        self.inches_high = self.top - self.bottom + 0.1

    def draw_box(self, ax: Axes, key: Any, text: str, marked: bool) -> None:
        x, y = self.centres[key]
        fill, edge = ("#FDF1D9", "#E69F00") if marked else (_FILL, _EDGE)
        self.patches[key] = FancyBboxPatch(
            (x - self.box / 2, y - self.height / 2),
            self.box,
            self.height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=fill,
            edgecolor=edge,
            linewidth=1.6,
        )
        ax.add_patch(self.patches[key])
        ax.text(x, y, text, ha="center", va="center", fontsize=_POINTS, color=_INK)

    def draw_arrow(self, ax: Axes, source: Any, target: Any, text: str, both_ways: bool) -> None:
        start, end = np.array(self.centres[source]), np.array(self.centres[target])
        tail, head = np.array(self._edge(start, end)), np.array(self._edge(end, start))
        if both_ways:  # two arrows between the same boxes run side by side
            side = np.sign([head[1] - tail[1], tail[0] - head[0]])
            tail, head = (at + side * [0.25 * self.box, 0.25 * self.height] for at in (tail, head))
        arrow = {"arrowstyle": "-|>", "mutation_scale": 15, "linewidth": 1.6, "color": "#555555"}
        ax.add_patch(FancyArrowPatch(tail, head, shrinkA=1, shrinkB=1, **arrow))
        if text:
            patch = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
            middle = (tail + head) / 2
            ax.text(*middle, text, ha="center", va="center", fontsize=11, color=_INK, bbox=patch)

    def _edge(self, start: np.ndarray, end: np.ndarray) -> tuple[float, float]:
        """Return where the arrow leaves the box at ``start``: the middle of the facing side."""
        dx, dy = end - start
        beside = abs(dx) > self.box and (abs(dy) < self.height or abs(dx) > 2 * abs(dy))
        if beside or dy == 0:
            return float(start[0] + np.sign(dx) * self.box / 2), float(start[1])
        # Between rows the arrow leaves at the bottom or top, shifted towards where it goes.
        shift = float(np.clip(dx, -0.3 * self.box, 0.3 * self.box)) if abs(dx) > 1e-9 else 0.0
        return float(start[0] + shift), float(start[1] + np.sign(dy) * self.height / 2)

    def finish(self, ax: Axes, title: str) -> None:
        ax.set_xlim(-0.05, self.right + 0.05)
        ax.set_ylim(self.bottom - 0.05, self.top + 0.05)
        ax.set_aspect("equal")
        ax.axis("off")
        if title:
            ax.set_title(title, loc="left", fontsize=13, fontweight="bold")
