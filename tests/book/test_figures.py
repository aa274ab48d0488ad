"""Figures in the book's style: legible, honest about lengths, and loud about bad input."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from recsys_book.book import figures


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        figures.use_style()
        yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def pixels_on_a_phone(points, inches):
    """Height of type when the figure is shown 350 pixels wide."""
    return points / 72 * 350 / inches


def test_type_is_legible_on_a_phone():
    fig, ax = figures.new()
    ax.set(title="t", xlabel="x", ylabel="y")
    sizes = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels()]
    assert fig.get_figwidth() == 6.4
    assert min(pixels_on_a_phone(text.get_fontsize(), 6.4) for text in sizes) > 8
    assert to_hex(fig.get_facecolor()) == "#ffffff"
    assert not ax.spines["top"].get_visible() and not ax.spines["right"].get_visible()


def test_new_sizes_and_titles():
    fig, axes = figures.new("half", rows=2, cols=2, title="The message", sharex=True)
    assert axes.shape == (2, 2)
    assert fig.get_figwidth() == 4.4
    assert fig.get_suptitle() == "The message"
    assert figures.new(height=2.0)[0].get_figheight() == 2.0
    with pytest.raises(ValueError, match="the width 'wide': use 'full' or 'half'"):
        figures.new("wide")


def test_jupyter_keeps_showing_figures(monkeypatch):
    real = plt.subplots

    def first_figure(*args, **options):
        matplotlib.interactive(True)  # what Jupyter's backend does when it is first used
        return real(*args, **options)

    monkeypatch.setattr(plt, "subplots", first_figure)
    matplotlib.interactive(False)
    try:
        figures.new()
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(False)


def test_palette_is_that_of_okabe_and_ito():
    assert len(figures.PALETTE) == 9
    assert figures.PALETTE["vermillion"] == "#D55E00"
    assert set(figures.CYCLE) <= set(figures.PALETTE)
    assert figures.color_of("blue") == "#0072B2"
    assert figures.color_of(None) == "#0072B2"
    assert figures.color_of("#123456") == "#123456"


@pytest.mark.parametrize("horizontal", [True, False])
def test_bars_start_at_zero_and_carry_intervals(horizontal):
    _, ax = figures.new()
    data = (["a", "b"], [0.2, 0.4], [0.1, 0.3], [0.25, 0.6])
    figures.bars_with_intervals(ax, *data, highlight=1, horizontal=horizontal)
    bars = ax.patches
    lengths = [bar.get_width() if horizontal else bar.get_height() for bar in bars]
    assert lengths == [0.2, 0.4]
    colors = [to_hex(bar.get_facecolor()).upper() for bar in bars]
    assert colors == [figures.PALETTE["grey"], figures.PALETTE["blue"]]
    labels = ax.get_yticklabels() if horizontal else ax.get_xticklabels()
    assert [label.get_text() for label in labels] == ["a", "b"]
    segments = ax.collections[0].get_segments()
    axis = 0 if horizontal else 1
    ends = [sorted(segment[:, axis]) for segment in segments]
    np.testing.assert_allclose(ends, [[0.1, 0.25], [0.3, 0.6]])
    if horizontal:
        low, high = ax.get_ylim()
        assert low > high  # the first label is on top


@pytest.mark.parametrize("horizontal", [True, False])
def test_dots_carry_intervals(horizontal):
    _, ax = figures.new()
    data = (["a", "b"], [-0.1, 0.4], [-0.2, 0.3], [0.1, 0.6])
    options = {"label": "series", "zero": True, "offset": 0.2, "horizontal": horizontal}
    figures.dots_with_intervals(ax, *data, color=["green", "orange"], **options)
    interval, dot = ax.lines[0], ax.lines[1]
    values = [line.get_xdata() if horizontal else line.get_ydata() for line in (interval, dot)]
    np.testing.assert_allclose(values[0], [-0.2, 0.1])
    np.testing.assert_allclose(values[1], [-0.1])
    other = dot.get_ydata() if horizontal else dot.get_xdata()
    np.testing.assert_allclose(other, [0.2])
    assert [h.get_label() for h in ax.get_legend_handles_labels()[0]] == ["series"]
    assert to_hex(dot.get_color()).upper() == figures.PALETTE["green"]
    assert len(ax.lines) == 5  # two intervals, two dots, the line at zero
    _, ax = figures.new()
    figures.dots_with_intervals(ax, *data, highlight=[0])
    assert len(ax.lines) == 4


def test_lines_and_bands():
    _, ax = figures.new()
    x = np.arange(3)
    figures.lines_with_bands(ax, x, x, x - 1, x + 1, label="a", color="purple")
    figures.lines_with_bands(ax, x, x, x - 1, x + 1, linestyle="--", marker="s")
    assert to_hex(ax.lines[0].get_color()).upper() == figures.PALETTE["purple"]
    assert to_hex(ax.lines[1].get_color()).upper() == figures.PALETTE["blue"]
    assert ax.collections[0].get_datalim(ax.transData).intervaly.tolist() == [-1, 3]


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (figures.bars_with_intervals, ["a", "b"]),
        (figures.dots_with_intervals, ["a", "b"]),
        (figures.lines_with_bands, [0, 1]),
    ],
)
def test_bad_intervals_are_one_sentence(draw, labels):
    _, ax = figures.new()
    with pytest.raises(ValueError, match="got 2 positions, 3 means, 2 lows and 2 highs"):
        draw(ax, labels, [1, 2, 3], [0, 1], [2, 3])
    with pytest.raises(ValueError, match="the interval at position 1 ends below its start"):
        draw(ax, labels, [1, 2], [0, 3], [2, 1])


def test_flow_in_rows_runs_back_in_every_second_row():
    figures.flow(["one", ("two", "lines"), "three", "four", "five"], title="Steps")
    ax = plt.gca()
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert (len(boxes), len(arrows)) == (5, 4)
    assert texts(ax) == ["one", "two\nlines", "three", "four", "five"]
    assert boxes[3].get_x() == boxes[2].get_x()
    assert boxes[3].get_y() < boxes[2].get_y()
    assert boxes[4].get_x() == boxes[1].get_x()
    assert ax.get_title(loc="left") == "Steps"


def test_flow_as_a_graph():
    steps = {"a": "All films and everything that is known about them", "b": "B", "c": "C"}
    links = [("a", "b", "choose"), ("b", "a"), ("a", "c"), (1, 2)]
    places = {"a": (0, 0), "b": (2, 0), "c": (1, 1)}
    _, ax = figures.new()
    figures.flow(steps, links, positions=places, highlight=["b"], width=8, ax=ax)
    assert "choose" in texts(ax)
    assert "\n" in texts(ax)[0]
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    assert len({to_hex(box.get_edgecolor()) for box in boxes}) == 2
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    there, back = (arrow._posA_posB for arrow in arrows[:2])
    assert there[0][1] != back[0][1]  # side by side, not on top of each other


def test_text_stays_inside_its_box():
    figures.flow(["A rather long step", "Evaluate with intervals", "Split"], wrap=3)
    ax = plt.gca()
    ax.figure.canvas.draw()
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    for text, box in zip(ax.texts, boxes):
        inside, outside = text.get_window_extent(), box.get_window_extent()
        assert outside.x0 < inside.x0 and inside.x1 < outside.x1
        assert outside.y0 < inside.y0 and inside.y1 < outside.y1


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        (([],), {}, "got no steps"),
        ((["a"],), {"width": "wide"}, "the width 'wide'"),
        ((["a"], [(0, 1)]), {}, "an arrow names the unknown box 1; there are: 0"),
        ((["a"],), {"positions": {"z": (0, 0)}}, "positions names the unknown box 'z'"),
        ((["a", "b"],), {"positions": [(0, 0)]}, "the box 1 has no position"),
        ((["a"],), {"highlight": ["x"]}, "highlight names the unknown box 'x'"),
    ],
)
def test_bad_flow_is_one_sentence(arguments, options, problem):
    with pytest.raises(ValueError, match=problem):
        figures.flow(*arguments, **options)
