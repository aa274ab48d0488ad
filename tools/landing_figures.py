"""Draw the landing page's three figures: ``python tools/landing_figures.py``.

The pictures are SVG with their text as paths, on a white card, and the same on every machine
that has the locked matplotlib. The third one shows what the introduction's run recorded.
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from recsys_book.book import figures
from recsys_book.book.figures import PALETTE

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "_static" / "landing"
RESULT = ROOT / "results" / "book" / "foundations__introduction.json"

PARTS = {
    "foundations": "Foundations\nsplit, measure",
    "optimizers": "Optimizers\na better step",
    "encoders": "Encoders\nread the text",
    "recommenders": "Recommenders\nmake the list",
    "meta": "Meta-learning\na new user",
    "exploration": "Exploration\nask by showing",
    "cases": "Case studies\nthe whole way",
    "production": "Production\nsmall, private",
}
PLACES = {
    "foundations": (1, 0),
    "optimizers": (0, 1),
    "encoders": (2, 1),
    "recommenders": (1, 2),
    "meta": (0, 3),
    "exploration": (2, 3),
    "cases": (1, 4),
    "production": (1, 5),
}
ARROWS = [
    ("foundations", "optimizers"),
    ("foundations", "encoders"),
    ("optimizers", "recommenders"),
    ("encoders", "recommenders"),
    ("recommenders", "meta"),
    ("recommenders", "exploration"),
    ("meta", "cases"),
    ("exploration", "cases"),
    ("cases", "production"),
]
TIMESCALES = [
    # what adapts, from and to in seconds, colour, where the text is anchored
    ("a step: the rate of each parameter", 1e-3, 1e0, "sky", "left"),
    ("a run: schedules, stopping, tuning", 1e1, 1e5, "green", "center"),
    ("a user, a domain: learning from few events", 1e3, 2e6, "orange", "right"),
    ("a stream: drift and exploration", 1e4, 1e8, "vermillion", "right"),
]
TICKS = {
    1e-3: "1 ms",
    1e0: "1 s",
    60.0: "1 min",
    3600.0: "1 h",
    86_400.0: "1 day",
    2.6e6: "1 month",
    3.2e7: "1 year",
}
MARKED = {"collaborative": "blue", "recent popularity": "vermillion"}


def draw_map() -> None:
    """Draw the parts of the book and how they build on each other."""
    here = [name for name in PARTS if name != "production"]
    figures.flow(PARTS, ARROWS, positions=PLACES, highlight=here)


def draw_timescales() -> None:
    """Draw what adapts at which timescale."""
    _, ax = figures.new(height=3.4)
    for row, (what, low, high, color, side) in enumerate(TIMESCALES):
        ax.plot([low, high], [row, row], linewidth=16, color=PALETTE[color], solid_capstyle="butt")
        anchor = {"left": low, "center": np.sqrt(low * high), "right": high}[side]
        white = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        ax.text(anchor, row - 0.42, what, va="center", ha=side, bbox=white)
    ax.set_xscale("log")
    ax.set_xticks(list(TICKS), list(TICKS.values()), rotation=30, ha="right")
    ax.minorticks_off()
    ax.set(xlim=(5e-4, 3e8), ylim=(len(TIMESCALES) - 0.5, -0.8), yticks=[])
    ax.set_title("Adaptivity at four timescales")
    ax.spines["left"].set_visible(False)


def draw_questions(result: dict) -> None:
    """Draw the same recommenders under two questions.

    Args:
        result: what the introduction recorded: mean nDCG@10 by recommender, for each question.
    """
    means = {"Tomorrow": "tomorrow", "The last item": "last_item"}
    values = {title: result["metrics"][key] for title, key in means.items()}
    names = sorted(values["Tomorrow"], key=values["Tomorrow"].get)
    colors = [next((c for part, c in MARKED.items() if part in name), "grey") for name in names]
    _, axes = figures.new(cols=2, height=0.36 * len(names) + 1.2, sharey=True)
    for ax, (title, mean) in zip(axes, values.items()):
        heights = [mean[name] for name in names]
        ax.barh(np.arange(len(names)), heights, color=[PALETTE[color] for color in colors])
        ax.set_yticks(np.arange(len(names)), names)
        ax.grid(axis="y", visible=False)
        ax.locator_params(axis="x", nbins=4)
        ax.set(xlabel="nDCG@10", title=title)


def save(name: str) -> Path:
    """Write the current figure and close it.

    Args:
        name: the file's stem.

    Returns:
        The file.
    """
    path = FOLDER / f"{name}.svg"
    plt.gcf().savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close("all")
    return path


def main() -> None:
    """Draw all three."""
    figures.use_style()
    plt.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": "recsys-book"})
    FOLDER.mkdir(parents=True, exist_ok=True)
    draw_map()
    print(save("map").relative_to(ROOT))
    draw_timescales()
    print(save("timescales").relative_to(ROOT))
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    if "tomorrow" not in result["metrics"]:
        raise SystemExit(
            f"{RESULT.name} is of an unfinished run: `make outputs CH=foundations/introduction`."
        )
    draw_questions(result)
    print(save("questions").relative_to(ROOT))


if __name__ == "__main__":
    main()
