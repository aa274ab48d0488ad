"""The same item in two shops: match titles, and carry a log from one catalogue to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from recsys_book.data import Interactions
from recsys_book.preprocessing.text import bag_of_words, inverse_document_frequency, tfidf


def character_grams(title: str, n: int = 3) -> list[str]:
    """Return the runs of ``n`` characters in a title's words, case and punctuation aside.

    Every word is padded with a blank on both sides, so the order of the words does not matter:
    "Butcher Boy, The" and "the butcher boy" have the same grams.

    Args:
        title: Any text.
        n: Length of a run, at least 2.

    Returns:
        The grams, with repetitions; empty for a title without letters or digits.
    """
    words = "".join(c if c.isalnum() else " " for c in title.casefold()).split()
    padded = [f" {word} " for word in words]
    return [w[i : i + n] for w in padded for i in range(max(1, len(w) - n + 1))]


def title_similarity(ours: Sequence[str], theirs: Sequence[str], n: int = 3) -> np.ndarray:
    """Return the cosine between the TF-IDF vectors of the titles' character grams.

    Args:
        ours: Titles of one catalogue; the rarity of a gram is counted in both together.
        theirs: Titles of the other.
        n: Length of the grams.

    Returns:
        Shape (len(ours), len(theirs)), from 0 to 1.

    Raises:
        ValueError: If a catalogue is empty or a title is no text; the sentence names it.
    """
    for name, titles in (("our", ours), ("their", theirs)):
        if not len(titles):
            raise ValueError(f"In {name} catalogue there is no title; there is nothing to match.")
        for row, title in enumerate(titles):
            if not isinstance(title, str):
                raise ValueError(
                    f"Title {row} of {name} catalogue is {title!r}; fill missing titles with ''."
                )
    counts, _ = bag_of_words([character_grams(t, n) for t in [*ours, *theirs]])
    vectors = tfidf(counts, inverse_document_frequency(counts))
    return (vectors[: len(ours)] @ vectors[len(ours) :].T).toarray()


def match_titles(similarity: np.ndarray, threshold: float = 0.5, one_to_one: bool = True):
    """Return which item of one catalogue is which item of the other.

    Args:
        similarity: Shape (n, m).
        threshold: Pairs below it are not matched.
        one_to_one: Whether no item may be matched twice: the assignment with the largest total
            similarity. Otherwise each of ours takes its most similar one.

    Returns:
        Pairs (ours, theirs), shape (pairs, 2), by increasing first position.
    """
    if one_to_one:
        ours, theirs = linear_sum_assignment(similarity, maximize=True)
    else:
        ours, theirs = np.arange(len(similarity)), similarity.argmax(axis=1)
    good = similarity[ours, theirs] >= threshold
    return np.column_stack([ours[good], theirs[good]])


def match_quality(pairs: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the precision and the recall of matched pairs.

    Args:
        pairs: Shape (n, 2).
        truth: The true pairs, shape (m, 2).

    Returns:
        Share of the pairs that are true (1 if there are none), and of the true ones found.
    """
    found = {tuple(p) for p in np.asarray(pairs).tolist()}
    true = {tuple(p) for p in np.asarray(truth).tolist()}
    hits = len(found & true)
    return hits / len(found) if found else 1.0, hits / len(true) if true else 1.0


def translate_items(log: Interactions, pairs: np.ndarray, items: np.ndarray) -> Interactions:
    """Rewrite the events of another shop in our catalogue; unmatched items are left out.

    Args:
        log: Events of the other shop.
        pairs: Our position and theirs, shape (n, 2).
        items: Our item vocabulary.

    Returns:
        The events whose item was matched, with our item vocabulary.

    Raises:
        ValueError: If a position is outside its vocabulary, or one of theirs is matched twice.
    """
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    for column, size, whose in ((0, len(items), "our"), (1, log.n_items, "their")):
        if pairs.size and not 0 <= pairs[:, column].min() <= pairs[:, column].max() < size:
            raise ValueError(f"A pair points outside {whose} {size} items; match these catalogues.")
    if len(np.unique(pairs[:, 1])) < len(pairs):
        raise ValueError("One of their items is matched twice; match one to one.")
    position = np.full(log.n_items, -1)
    position[pairs[:, 1]] = pairs[:, 0]
    part = log.select(position[log.item] >= 0)
    return replace(part, item=position[part.item], items=np.asarray(items))


def second_catalogue(
    titles: Sequence[str], years: Sequence[int], seed: int, overlap: float = 0.7, typos: float = 1.0
) -> tuple[list[str], np.ndarray]:
    """Write a part of a catalogue as another shop would (a simulation of its habits).

    The article moves to the front, half of the entries carry a year, a quarter of these are a year
    off; what stands after a colon or in brackets is dropped half of the time, letters get lost,
    doubled or swapped.

    Args:
        titles: Of our catalogue, articles postfixed ("Butcher Boy, The").
        years: Of release, one a title.
        seed: Seed of everything.
        overlap: Share of our items that the shop has.
        typos: Mean number of typing errors a title.

    Returns:
        Its titles, in an order of its own, and the true pairs (ours, theirs).
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(titles))[: int(round(overlap * len(titles)))]
    written = [_rewrite(titles[i], int(years[i]), typos, rng) for i in chosen]
    pairs = np.column_stack([chosen, np.arange(len(chosen))])
    return written, pairs[np.argsort(chosen)]


def _rewrite(title: str, year: int, typos: float, rng: np.random.Generator) -> str:
    if rng.random() < 0.5:
        title = title.split("(")[0].split(":")[0].strip() or title
    for article in ("The", "A", "An"):
        if title.endswith(f", {article}"):
            title = f"{article} {title.removesuffix(f', {article}')}"
    letters = list(title)
    for _ in range(rng.poisson(typos)):
        at, kind = int(rng.integers(len(letters))), rng.integers(3)
        if kind == 0 and len(letters) > 3:
            del letters[at]
        elif kind == 1:
            letters.insert(at, letters[at])
        elif at + 1 < len(letters):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    shift = int(rng.choice([0, 0, 0, 1])) if rng.random() < 0.5 else None
    return "".join(letters) + ("" if shift is None else f" ({year + shift})")
