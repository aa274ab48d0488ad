"""The case in eight steps, written from a run: background, sources, ..., effect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from recsys_book.case_studies.report import Section, write_report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The eight steps of article S2, §8.1, in its order.
STEPS = (
    "Background",
    "Sources",
    "Preprocessing",
    "Embedding",
    "Algorithm",
    "Evaluation",
    "Feedback",
    "Effect",
)

_TEXTS = {
    "Background": "A fashion shop shows three items at the top of a page. Two policies filled the "
    "places in the same week: chance, and Thompson sampling. Which policy should the shop run?",
    "Sources": "The small release of the Open Bandit Dataset: six logs of ten thousand rows, three "
    "campaigns under two policies, with the probability of every choice (CC BY 4.0).",
    "Preprocessing": "One row a shown item: position, item, quarter of the day, four hashed user "
    "features, four item features of which three are hashed. Nothing was dropped.",
    "Embedding": "There is no text in these logs: names, pictures and descriptions are hashed "
    "away, so no language model can help here. What can be embedded are the hashes, by a "
    "factorisation machine.",
    "Algorithm": "Click models of rising size, each fitted on the days before the day it predicts.",
    "Evaluation": "Values of five policies, in clicks per thousand views, estimated in three ways "
    "on rows that none of them was made from, with 95 per cent intervals.",
    "Feedback": "A simulated shop, since the logs end at the click: what three switches add to its "
    "clicks, in per cent of the shop that fits once and serves.",
    "Effect": "Clicks under the two policies of the real week, with the uplift's interval, and the "
    "views that an experiment would need for it.",
}


def eight_steps(
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, tuple[Figure, str]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> list[Section]:
    """Arrange what a run has measured under the eight headings.

    Args:
        tables: Table of a step, by heading.
        figures: Figure of a step and its alt text, by heading.
        notes: A sentence of the run's own for a step, by heading.

    Returns:
        Eight sections.

    Raises:
        ValueError: If something belongs to none of the eight.
    """
    figures, notes = figures or {}, notes or {}
    for given in (tables, figures, notes):
        for name in given:
            if name not in STEPS:
                raise ValueError(f"{name!r} is no step; choose among {', '.join(STEPS)}.")
    sections = []
    for name in STEPS:
        figure, alt = figures.get(name, (None, ""))
        text = _TEXTS[name] + ("\n\n" + notes[name] if name in notes else "")
        sections.append(Section(name, text, figure, tables.get(name), alt))
    return sections


def write_shop_page(
    path: str | Path,
    verdict: str,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, tuple[Figure, str]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Path:
    """Write the page of this case.

    Args:
        path: Where it goes.
        verdict: What the run found, in one sentence.
        tables: As in ``eight_steps``.
        figures: As in ``eight_steps``.
        notes: As in ``eight_steps``.

    Returns:
        The path.
    """
    question = "Which policy should fill three places of the page, and how sure can one be?"
    return write_report(
        path, "A fashion shop", question, verdict, eight_steps(tables, figures, notes)
    )
