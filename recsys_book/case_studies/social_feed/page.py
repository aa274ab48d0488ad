"""The case on one page: the eight headings of article S2 §8.2, filled by a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from recsys_book.case_studies.report import Section, write_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEXTS = {
    "Background": "A simulated social feed with known truth. Eight posts a visit; a post lives for"
    " a day; half of the people change their taste on the way.",
    "Sources": "Views, likes, comments, shares and follows; the texts of the posts; who follows"
    " whom; and the log of one day of random lists.",
    "Preprocessing": "Each pattern of like, comment and share gets a value: the share of people"
    " with that pattern who said, when asked, that the post was worth it.",
    "Embedding": "A frozen sentence encoder reads each post once. Sixteen principal axes are kept;"
    " clusters of sentences stand for topics.",
    "Algorithm": "Weights that all users share, and a posterior for each user around them. A"
    " detector reads promised minus received value; lists are mixed by rates of the topics.",
    "Evaluation": "Several independent worlds. In each, every feed meets the same people with the"
    " same luck; intervals are Student's, over worlds.",
    "Feedback": "The same system, learning from another event.",
    "Effect": "Enjoyed posts a user and day against the full system, with one switch changed.",
}
#: The eight headings, in their order.
STEPS: tuple[str, ...] = tuple(_TEXTS)


def feed_sections(
    tables: Mapping[str, pd.DataFrame], figures: Mapping[str, tuple[Figure, str]] | None = None
) -> list[Section]:
    """Return the eight steps of the case, with what a run measured.

    Args:
        tables: Tables by heading.
        figures: Figures by heading, each with its alternative text.

    Returns:
        Eight sections.

    Raises:
        ValueError: If something belongs to none of the eight.
    """
    figures = figures or {}
    for name in (*tables, *figures):
        if name not in STEPS:
            raise ValueError(f"{name!r} is no step; choose among {', '.join(STEPS)}.")
    return [
        Section(name, text, figures.get(name, (None, ""))[0], tables.get(name), alt)
        for name, text in _TEXTS.items()
        for alt in [figures.get(name, (None, ""))[1]]
    ]


def write_feed_page(
    path: str | Path,
    verdict: str,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, tuple[Figure, str]] | None = None,
) -> Path:
    """Write the page of this case.

    Args:
        path: Where it goes.
        verdict: What the run found, in one sentence.
        tables: As in ``feed_sections``.
        figures: As in ``feed_sections``.

    Returns:
        The path.
    """
    question = "Which parts of an adaptive feed earn their place, and what do they show to whom?"
    return write_report(path, "A social feed", question, verdict, feed_sections(tables, figures))
