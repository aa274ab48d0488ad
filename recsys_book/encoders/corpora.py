"""Two languages of MovieLens: titles, whose words are words, and sessions, whose words are films.

A sequence begins with ``BEGIN``, ends with ``END``, and holds ids of one vocabulary in between.
The first four ids mean the same in every corpus; words and items start at ``FIRST``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from recsys_book.data import Interactions, MovieLens
from recsys_book.preprocessing import clean_text, sessions, words

#: Ids that mean the same in every corpus.
PAD, BEGIN, END, UNKNOWN = range(4)
#: The first id of a word or an item; item ``i`` of a log has the id ``FIRST + i``.
FIRST = 4
#: The names of the four ids.
SPECIALS = ("[PAD]", "[BEGIN]", "[END]", "[UNKNOWN]")


@dataclass(frozen=True, eq=False)
class Corpus:
    """Sentences as integers, and the words that the integers stand for.

    Attributes:
        name: What the corpus is called.
        vocabulary: The word of each id; the first four are the special ones.
        sequences: The sentences, int64 arrays that begin with ``BEGIN`` and end with ``END``.
        in_time: Whether the sentences stand in the order in which they began.
    """

    name: str
    vocabulary: tuple[str, ...]
    sequences: list[np.ndarray]
    in_time: bool = False

    def __post_init__(self) -> None:
        """Refuse a vocabulary without the special ids, and sentences with ids outside it."""
        if self.vocabulary[:FIRST] != SPECIALS:
            raise ValueError(
                f"The vocabulary of {self.name!r} begins with {self.vocabulary[:FIRST]}, but it "
                f"must begin with {SPECIALS}: put these four before the words."
            )
        for row, ids in enumerate(self.sequences):
            if len(ids) < 2 or ids[0] != BEGIN or ids[-1] != END:
                raise ValueError(
                    f"Sentence {row} of {self.name!r} does not run from id {BEGIN} to id {END}: "
                    "put the begin and the end around its words."
                )
            if ids.min() < 0 or ids.max() >= self.size:
                raise ValueError(
                    f"Sentence {row} of {self.name!r} has an id outside the vocabulary of "
                    f"{self.size} words: write unknown words as {UNKNOWN}."
                )

    @property
    def size(self) -> int:
        """Number of words in the vocabulary, special ones included."""
        return len(self.vocabulary)

    @property
    def n_tokens(self) -> int:
        """Number of predictions in the corpus: every word and every end, but no begin."""
        return sum(len(ids) - 1 for ids in self.sequences)

    def decode(self, ids: Sequence[int] | np.ndarray | Tensor) -> list[str]:
        """Return the words of ids, special ones included.

        Args:
            ids: Integers, shape ``(tokens,)``.

        Returns:
            One word an id.
        """
        return [self.vocabulary[int(each)] for each in ids]


def title_corpus(movielens: MovieLens, min_count: int = 2) -> Corpus:
    """Write every film's title as a sentence of lower-case words.

    Args:
        movielens: The films.
        min_count: Words that occur less often become ``UNKNOWN``.

    Returns:
        One sentence a film, in the order of ``movielens.interactions.items``.

    Raises:
        ValueError: If ``min_count`` is below 1.
    """
    if min_count < 1:
        raise ValueError(f"min_count is {min_count}, but a word occurs at least once: use 1.")
    titles = [words(clean_text(title)) for title in movielens.items["title"]]
    counts = Counter(word for title in titles for word in title)
    kept = sorted(word for word, count in counts.items() if count >= min_count)
    ids = {word: FIRST + k for k, word in enumerate(kept)}
    sequences = [
        np.array([BEGIN, *(ids.get(word, UNKNOWN) for word in title), END], dtype=np.int64)
        for title in titles
    ]
    return Corpus("titles", (*SPECIALS, *kept), sequences)


def behaviour_corpus(
    interactions: Interactions,
    gap: float = 30 * 60,
    min_length: int = 2,
    tie_seed: int | None = None,
) -> Corpus:
    """Write every session as a sentence whose words are items.

    Args:
        interactions: The log.
        gap: The longest pause inside a session, in seconds.
        min_length: Sessions with fewer items are left out.
        tie_seed: Seed of the order of events with the same timestamp; None takes the row order.

    Returns:
        The sessions in the order in which they began; item ``i`` has the id ``FIRST + i``, and
        every item of the log's vocabulary has one, whether it occurs or not.

    Raises:
        ValueError: If ``min_length`` is below 1.
    """
    if min_length < 1:
        raise ValueError(f"min_length is {min_length}, but a session has at least one item.")
    log = interactions.select(interactions.order_by_time(tie_seed))
    number = sessions(log.user, log.timestamp, gap)
    order = np.argsort(number, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if len(order) else []
    runs = [rows for rows in runs if len(rows) >= min_length]
    runs.sort(key=lambda rows: (log.timestamp[rows[0]], log.user[rows[0]]))
    sequences = [np.array([BEGIN, *(log.item[rows] + FIRST), END], dtype=np.int64) for rows in runs]
    names = tuple(str(item) for item in log.items)
    return Corpus("behaviour", (*SPECIALS, *names), sequences, in_time=True)


def split_corpus(
    corpus: Corpus, valid: float = 0.1, test: float = 0.1, seed: int = 0
) -> tuple[Corpus, Corpus, Corpus]:
    """Cut a corpus into sentences to learn from, to choose by, and to judge by.

    Sentences that stand in time order are cut by time: the last ones are the test. A session is
    on the side on which it began. Other sentences are drawn at random, and equal sentences stay
    together, because a sentence that was learned by heart says nothing about the next one; those
    with an unknown word are drawn one by one, because they need not be equal.

    Args:
        corpus: The sentences.
        valid: Share of the sentences to choose by, above 0.
        test: Share of the sentences to judge by, above 0.
        seed: Seed of the draw; without effect on a corpus in time order.

    Returns:
        Train, valid and test, with the vocabulary of the whole.

    Raises:
        ValueError: If the shares leave one of the three without a sentence.
    """
    n = len(corpus.sequences)
    if corpus.in_time:
        place = np.arange(n)
    else:
        keys = [
            (ids.tobytes(), row if UNKNOWN in ids else -1)
            for row, ids in enumerate(corpus.sequences)
        ]
        ranks = {key: rank for rank, key in enumerate(dict.fromkeys(keys))}
        group = np.array([ranks[key] for key in keys], dtype=np.int64)
        place = np.random.default_rng(seed).permutation(group.max(initial=-1) + 1)[group]
    total = int(place.max(initial=-1)) + 1
    first_valid, first_test = round(total * (1 - valid - test)), round(total * (1 - test))
    if not (valid > 0 and test > 0 and 0 < first_valid < first_test < total):
        raise ValueError(
            f"The shares valid {valid} and test {test} leave a part of {corpus.name!r} without "
            f"sentences, of which there are {n}: use shares above 0 with a sum below 1."
        )
    part = np.digitize(place, [first_valid, first_test])
    return tuple(
        replace(corpus, sequences=[corpus.sequences[row] for row in np.flatnonzero(part == each)])
        for each in range(3)
    )


def pad(sequences: Sequence[np.ndarray], length: int | None = None) -> tuple[Tensor, Tensor]:
    """Put sentences under each other, filled up on the right with ``PAD``.

    Args:
        sequences: The sentences, one or more.
        length: Number of columns; longer sentences lose their end. None takes the longest.

    Returns:
        Ids, int64, and a mask that is true where there is a token, both of shape
        ``(len(sequences), length)``.

    Raises:
        ValueError: If there are no sentences, or ``length`` is below 1.
    """
    if not len(sequences):
        raise ValueError("There are no sentences to pad: give at least one.")
    if length is None:
        length = max(len(ids) for ids in sequences)
    if length < 1:
        raise ValueError(f"length is {length}, but a sentence needs at least one column.")
    lengths = np.array([min(len(ids), length) for ids in sequences])
    mask = np.arange(length) < lengths[:, None]
    padded = np.full(mask.shape, PAD, dtype=np.int64)
    padded[mask] = np.concatenate([np.asarray(ids)[:length] for ids in sequences])
    return torch.from_numpy(padded), torch.from_numpy(mask)
