"""A small WordPiece tokenizer: how text becomes the integer ids that an encoder reads.

``WordPiece`` gives the same pieces as the ``transformers`` tokenizer with the same vocabulary;
``train_wordpiece`` learns a vocabulary from any corpus by byte-pair merges. For real work use
``transformers.AutoTokenizer``; this file is there to be read.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_HAN = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def _is_punctuation(c: str) -> bool:
    ascii_symbol = c.isascii() and c.isprintable() and not c.isalnum() and c != " "
    return ascii_symbol or unicodedata.category(c).startswith("P")


def _is_han(c: str) -> bool:
    return any(low <= ord(c) <= high for low, high in _HAN)


def basic_tokens(text: str) -> list[str]:
    """Split as BERT does before word pieces: lower case, no accents, punctuation apart.

    Each Chinese character is a token of its own, so no word segmentation is needed.

    Args:
        text: any text.

    Returns:
        The tokens in order.

    Source: Devlin et al. 2019, the ``uncased`` pre-tokenizer.
    """
    kept = []
    for c in text:
        if c.isspace():
            kept.append(" ")
        elif unicodedata.category(c) not in ("Cc", "Cf", "Cn", "Co") and c != "\ufffd":
            kept.append(f" {c} " if _is_han(c) else c)
    lowered = unicodedata.normalize("NFD", "".join(kept)).lower()
    letters = (c for c in lowered if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if _is_punctuation(c) else c for c in letters).split()


def longest_match(word: str, vocabulary: Mapping[str, int], unknown: str = "[UNK]") -> list[str]:
    """Cut a word greedily into the longest pieces, from the left.

    Args:
        word: a token of ``basic_tokens``.
        vocabulary: the pieces; a piece inside a word begins with ``##``.
        unknown: what stands for a word that cannot be cut.

    Returns:
        The pieces, or ``[unknown]``.

    Source: Wu et al. 2016.
    """
    if len(word) > 100:
        return [unknown]
    pieces, start = [], 0
    while start < len(word):
        end = len(word)
        prefix = "##" if start else ""
        while end > start and prefix + word[start:end] not in vocabulary:
            end -= 1
        if end == start:
            return [unknown]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


@dataclass(frozen=True)
class WordPiece:
    """A vocabulary of word pieces and the greedy tokenizer over it.

    Args:
        vocabulary: piece → id; must hold the tokens ``[PAD] [UNK] [CLS] [SEP] [MASK]``.

    Raises:
        ValueError: if a special token is missing.
    """

    vocabulary: Mapping[str, int]

    def __post_init__(self):
        missing = [s for s in SPECIAL if s not in self.vocabulary]
        if missing:
            raise ValueError(
                f"The vocabulary lacks the special token {missing[0]}; add all of {SPECIAL}."
            )

    def tokenize(self, text: str) -> list[str]:
        """Pieces of a text, without special tokens."""
        return [p for word in basic_tokens(text) for p in longest_match(word, self.vocabulary)]

    def encode(
        self, texts: Sequence[str], max_length: int, truncate: str = "right"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Turn texts into padded rows of ids and the mask of what is real.

        Args:
            texts: n texts.
            max_length: positions a row, ``[CLS]`` and ``[SEP]`` included; at least 3.
            truncate: ``"right"`` drops the end of a long text; ``"left"`` drops its beginning,
                which keeps the newest part of a history.

        Returns:
            ids and mask, both (n, length) int64 with length ≤ ``max_length``.

        Raises:
            ValueError: for another ``truncate`` or a ``max_length`` below 3.
        """
        if truncate not in ("left", "right") or max_length < 3:
            raise ValueError(
                f"encode got truncate={truncate!r} and max_length={max_length}; "
                "use 'left' or 'right' and at least 3 positions."
            )
        room, rows = max_length - 2, []
        for text in texts:
            pieces = self.tokenize(text)
            pieces = pieces[:room] if truncate == "right" else pieces[-room:]
            rows.append([self.vocabulary[p] for p in ("[CLS]", *pieces, "[SEP]")])
        length = max((len(row) for row in rows), default=0)
        ids = np.full((len(rows), length), self.vocabulary["[PAD]"], dtype=np.int64)
        for row, values in zip(ids, rows):
            row[: len(values)] = values
        mask = np.arange(length) < np.array([len(row) for row in rows])[:, None]
        return ids, mask.astype(np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """Join pieces into text without special tokens; the inverse up to case and spacing."""
        piece = {i: p for p, i in self.vocabulary.items()}
        kept = [piece[int(i)] for i in ids if piece[int(i)] not in SPECIAL]
        return " ".join(kept).replace(" ##", "")


def _merge(pieces: tuple[str, ...], pair: tuple[str, str], merged: str) -> tuple[str, ...]:
    result, i = [], 0
    while i < len(pieces):
        if pieces[i : i + 2] == pair:
            result.append(merged)
            i += 2
        else:
            result.append(pieces[i])
            i += 1
    return tuple(result)


def train_wordpiece(texts: Iterable[str], size: int) -> WordPiece:
    """Learn a vocabulary: begin with characters, join the most frequent neighbours, repeat.

    Args:
        texts: the corpus.
        size: pieces wanted, special tokens and single characters included; training stops earlier
            when no pair is left.

    Returns:
        The tokenizer. Ties between pairs go to the alphabetically first, so the result does not
        depend on hashing.

    Raises:
        ValueError: if the single characters alone need more than ``size`` pieces.

    Source: Sennrich, Haddow & Birch 2016 (the merges), written with the ``##`` of WordPiece.
    """
    frequency = Counter(word for text in texts for word in basic_tokens(text))
    split = {w: (w[0], *("##" + c for c in w[1:])) for w in frequency}
    characters = sorted({p for pieces in split.values() for p in pieces})
    vocabulary = {p: i for i, p in enumerate([*SPECIAL, *characters])}
    if len(vocabulary) > size:
        raise ValueError(
            f"size={size} is too small: the corpus has {len(characters)} different "
            f"characters; ask for at least {len(vocabulary)} pieces."
        )
    pairs: Counter = Counter()
    holders: dict[tuple[str, str], set[str]] = {}

    def count(word: str, sign: int) -> None:
        for pair in zip(split[word], split[word][1:]):
            pairs[pair] += sign * frequency[word]
            holders.setdefault(pair, set()).add(word)

    for word in split:
        count(word, 1)
    while len(vocabulary) < size and pairs:
        best = min(pairs, key=lambda p: (-pairs[p], p))
        if pairs[best] == 0:
            break
        merged = best[0] + best[1].removeprefix("##")
        vocabulary.setdefault(merged, len(vocabulary))
        for word in holders.pop(best):  # only the words that hold the pair change
            count(word, -1)
            split[word] = _merge(split[word], best, merged)
            count(word, 1)
        del pairs[best]
    return WordPiece(vocabulary)
