"""The catalogue of the source check: what the five source articles get wrong, entry by entry."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

CATALOG = Path(__file__).with_name("catalog.json")

ARTICLES = {
    "S0a": "the first article, short version: language models and adaptive learning rates",
    "S0b": "the first article, long version: the same title, printed after S0a",
    "S1": "《推荐系统中的大模型自适应学习》 (adaptive learning of large models in recommenders)",
    "S2": "《LLM在推荐系统中的元学习应用研究》 (meta-learning, language models, recommenders)",
    "S3": "the article on language models and real-time personalisation",
    "S4": "《推荐系统中的探索与利用：大模型的自适应调节》 (exploration and exploitation)",
}

GROUPS = {
    "OPT": "Optimisers and learning rates",
    "PRE": "Data and preprocessing",
    "MET": "Metrics and evaluation",
    "LLM": "Language models, Transformer, BERT",
    "COD": "Code that cannot run, or runs and does nothing",
    "CF": "Collaborative filtering, factorisation, scoring",
    "ENS": "Ensembles and hybrids",
    "ADA": "Adaptive, online, transfer and reinforcement learning; exploration",
    "META": "Meta-learning",
    "CMP": "Compression, efficiency, deployment",
    "PRV": "Privacy, security, fairness, explanation",
    "CLM": "Contradictions between and inside the articles",
    "REF": "History, citations, resources",
    "DOC": "How the articles are built",
}

SEVERITIES = {
    "fatal": "the thing cannot work or cannot run",
    "wrong": "it runs or reads well, and is false",
    "unsound": "a practice that gives misleading results",
    "minor": "a misnomer, a gap, or out of date",
    "contradiction": "two places disagree",
}

VERIFIED = {
    "run": "a program shows it",
    "read": "checked against the text, a paper or an index",
    "known": "settled in the literature",
    "open": "not checked, or not identifiable",
}

ID = re.compile(r"([A-Z]+)-(\d\d)")


@dataclass(frozen=True)
class Erratum:
    """One entry of the source check.

    Attributes:
        id: group and number, e.g. ``PRE-07``.
        group: a key of ``GROUPS``.
        title: one line of MyST text.
        severity: a key of ``SEVERITIES``.
        source: article and section.
        says: what the article says, in its own words where they are short.
        fault: why that is wrong; empty where the correction says it all.
        truth: what is true.
        reference: author and year of the works behind the correction, or empty.
        verified: a key of ``VERIFIED``.
        demonstrated: whether a program shows the fault.
        chapter: the part of the book where the entry belongs.
    """

    id: str
    group: str
    title: str
    severity: str
    source: str
    says: str
    fault: str
    truth: str
    reference: str
    verified: str
    demonstrated: bool
    chapter: str

    @property
    def label(self) -> str:
        """The label that a box in a chapter bears, e.g. ``src-pre-07``."""
        return f"src-{self.id.lower()}"


def validate(entry: Erratum) -> Erratum:
    """Check one entry.

    Args:
        entry: the entry.

    Returns:
        The same entry.

    Raises:
        ValueError: if a field is missing or holds a word that the catalogue does not know.
    """
    match = ID.fullmatch(entry.id)
    if not match or match[1] != entry.group:
        raise ValueError(
            f"The entry {entry.id!r} is not named after its group {entry.group!r}: "
            "write e.g. 'PRE-07' for the seventh of 'PRE'."
        )
    for field, known in (("group", GROUPS), ("severity", SEVERITIES), ("verified", VERIFIED)):
        if getattr(entry, field) not in known:
            raise ValueError(
                f"Entry {entry.id} has the {field} {getattr(entry, field)!r}: "
                f"use one of {', '.join(known)}."
            )
    for field in ("title", "source", "says", "truth", "chapter"):
        if not getattr(entry, field).strip():
            raise ValueError(f"Entry {entry.id} has no {field}: write one in catalog.json.")
    return entry


@cache
def load_catalog(path: Path | None = None) -> tuple[Erratum, ...]:
    """Read and check the whole catalogue.

    Args:
        path: a JSON file, a list of objects with the fields of ``Erratum``; by default the
            package's own.

    Returns:
        The entries in the order of ``GROUPS``, numbers ascending.

    Raises:
        ValueError: if an entry is malformed, twice there, or out of order.
    """
    path = Path(path or CATALOG)
    names = {field.name for field in fields(Erratum)}
    entries = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        if set(row) != names:
            odd = ", ".join(sorted(set(row) ^ names))
            raise ValueError(
                f"Entry {row.get('id', '?')} of {path.name} lacks or adds the fields "
                f"{odd}: give exactly the fields of Erratum."
            )
        entries.append(validate(Erratum(**row)))
    order = list(GROUPS)
    keys = [(order.index(entry.group), entry.id) for entry in entries]
    for previous, current in zip(keys, keys[1:]):
        if current <= previous:
            raise ValueError(
                f"Entry {current[1]} of {path.name} is out of order or there twice: "
                "sort by group, then by number."
            )
    return tuple(entries)


def erratum(id: str) -> Erratum:
    """Find one entry.

    Args:
        id: e.g. ``"PRE-07"``.

    Returns:
        The entry.

    Raises:
        ValueError: if there is no such entry.
    """
    for entry in load_catalog():
        if entry.id == id:
            return entry
    raise ValueError(f"No entry {id!r} in the source check: see the appendix for the list.")
