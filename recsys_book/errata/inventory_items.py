"""What the five source articles name, entry by entry, and what makes each entry work."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

INVENTORY = Path(__file__).with_name("inventory.json")
STATES = ("done", "comes with")
HERE = (
    "Foundations",
    "Optimizers",
    "Encoders",
    "Recommenders",
    "Meta-learning",
    "Exploration",
    "Case studies",
    "Appendix",
)
LATER = ("Production",)

GROUPS = {
    "A": "Recommender systems: concepts and architecture",
    "B": "Data: kinds, sources and data sets",
    "C": "Preprocessing and feature engineering",
    "D": "Language models and encoders",
    "E": "Recommendation algorithms",
    "F": "Recommenders built on language models",
    "G": "Hybrids and ensembles",
    "H": "Metrics, evaluation and testing",
    "I": "Optimisers and learning rates",
    "J": "Training practice, regularisation, model selection",
    "K": "Adaptive, online, transfer and reinforcement learning",
    "L": "Meta-learning",
    "M": "Exploration and exploitation",
    "N": "Compression and efficiency of models",
    "O": "Deployment and engineering",
    "P": "Privacy",
    "Q": "Security, robustness, fairness and ethics",
    "R": "Interpretability and explanation",
    "S": "Cross-domain and multimodal",
    "T": "Application scenarios and case studies",
    "U": "Formulas and formal statements",
    "V": "Code samples",
    "W": "Figures and diagrams",
    "X": "Tools, frameworks, hardware",
    "Y": "Books, papers, courses, sites",
    "Z": "Challenges, strategies, future directions, questions, claims",
}


@dataclass(frozen=True)
class Item:
    """One thing that the articles name.

    Attributes:
        id: group and number, e.g. ``C-05``.
        group: a key of ``GROUPS``.
        item: one line of MyST text.
        sources: articles and sections.
        part: the part of the book it belongs to, one of ``HERE`` if done, else of ``LATER``.
        state: one of ``STATES``.
        where: what makes it work: dotted names of the package and labels of pages.
    """

    id: str
    group: str
    item: str
    sources: str
    part: str
    state: str
    where: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse an entry that does not say clearly whether it is done."""
        done = self.state == "done"
        parts = HERE if done else LATER
        if (
            not re.fullmatch(rf"{self.group}-\d\d", self.id)
            or self.group not in GROUPS
            or self.state not in STATES
            or self.part not in parts
            or bool(self.where) != done
            or "|" in self.item + self.sources
        ):
            raise ValueError(
                f"Entry {self.id!r} of the inventory is not well formed: a done entry says where, "
                "any other names a later part, and no text holds a bar; correct inventory.json."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The dotted names among ``where``."""
        return tuple(name for name in self.where if name.startswith("recsys_book."))

    @property
    def labels(self) -> tuple[str, ...]:
        """The page labels among ``where``."""
        return tuple(name for name in self.where if not name.startswith("recsys_book."))


@cache
def load_inventory(path: Path = INVENTORY) -> tuple[Item, ...]:
    """Read the inventory.

    Args:
        path: the JSON file.

    Returns:
        The entries in order.

    Raises:
        ValueError: an entry is not well formed or occurs twice.
    """
    rows = json.loads(path.read_text(encoding="utf-8"))
    names = [field.name for field in fields(Item)]
    items = tuple(Item(*(row[name] for name in names[:-1]), tuple(row["where"])) for row in rows)
    twice = [id for id, count in Counter(item.id for item in items).items() if count > 1]
    if twice:
        raise ValueError(f"The inventory holds {twice[0]} twice; keep one of the two.")
    return items


def sections(sources: str) -> list[tuple[str, str]]:
    """Split the sources of an entry into articles and their chapters.

    Args:
        sources: for instance ``"S0 §5.1; S1 §4.3.1, §4.4 (twice)"``.

    Returns:
        Pairs such as ``("S1", "4")``; a place without a number is kept as it is printed.
    """
    found, article = [], ""
    for piece in sources.split(";"):
        piece = re.sub(r"\([^)]*\)", "", piece).strip()
        named = re.match(r"(S\d[ab]?)\b *", piece)
        if named:
            article, piece = named[1], piece[named.end() :]
        if not article:
            continue
        for place in re.split(r"[,…]", piece):
            place = place.strip().removeprefix("§")
            chapter = re.match(r"(\d+)(?=\.|$)", place)
            name = chapter[1] if chapter else place
            for each in ("S0a", "S0b") if article == "S0" else (article,):
                if name and (each, name) not in found:
                    found.append((each, name))
    return found
