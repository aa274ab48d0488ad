"""Checkers for the exercises of the chapter on pre-training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np


def check_visible_lies(answer: Callable[[float, float, float], float]) -> None:
    """Check how often a word that the model can read is not the one that stood there.

    Args:
        answer: Takes the share of chosen words, and the shares of these that are masked and
            made random; returns a share of the words that are still readable.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(0.15, 1.0, 0.0) == 0, "if every chosen word is masked, what is readable is true"
    assert abs(answer(1.0, 0.0, 0.5) - 0.5) < 1e-12, "with nothing masked, all words are readable"
    got = answer(0.15, 0.8, 0.1)
    assert abs(got - 0.015) > 1e-9, "that is a share of all words; masked ones cannot be read"
    assert abs(got - 0.015 / 0.88) < 1e-9, "divide the random words by the readable ones"


def check_empty_rows(answer: Callable[[int, float], int]) -> None:
    """Check the shortest row that is asked something almost surely.

    Args:
        answer: Takes the chance of a word to be chosen and the largest tolerated chance of a
            row without a question; returns the smallest number of words.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(0.5, 0.25) == 2, "two coins fail together in a quarter of the cases: 2 words do"
    words = answer(0.15, 0.05)
    assert words == int(words), "give a whole number of words"
    assert 0.85**words <= 0.05, "a row of that length is empty too often"
    assert 0.85 ** (words - 1) > 0.05, "a shorter row would do"


def check_pair_loss(answer: Callable[[float, float], float]) -> None:
    """Check the loss of a model that answers every pair alike.

    Args:
        answer: Takes the share of true pairs and the probability that the model always gives;
            returns the expected loss in nats.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(0.5, 0.5) - math.log(2)) < 1e-9, "at a half each, the loss is log 2"
    assert answer(1.0, 1 - 1e-9) < 1e-6, "if all pairs are true, always saying so costs nothing"
    want = -(0.3 * math.log(0.6) + 0.7 * math.log(0.4))
    assert abs(answer(0.3, 0.6) - want) < 1e-9, (
        "true pairs cost minus the logarithm of p, the others minus the logarithm of 1 - p"
    )


def check_in_batch_loss(answer: Callable[[np.ndarray, np.ndarray, float], float]) -> None:
    """Check the contrastive loss, from the vectors of two readings.

    Args:
        answer: Takes two arrays of shape (rows, width) and the temperature; returns nats.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    ones = np.ones((4, 3))
    assert abs(answer(ones, ones, 0.1) - math.log(4)) < 1e-9, "equal vectors leave chance, log 4"
    eye = np.eye(3)
    assert abs(answer(eye, 5 * eye, 0.5) - answer(eye, eye, 0.5)) < 1e-9, (
        "the score is the cosine: the length of a vector does not count"
    )
    want = -math.log(math.exp(2) / (math.exp(2) + 2))
    assert abs(answer(eye, eye, 0.5) - want) < 1e-9, (
        "divide the cosines by the temperature; the row's own second vector is in the sum too"
    )
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 4))
    a, b = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b))
    scores = np.exp(a @ b.T / 0.2)
    want = -np.log(np.diag(scores) / scores.sum(1)).mean()
    assert abs(answer(a, b, 0.2) - want) < 1e-9, "sum over the second readings, row by row"


def check_labels(answer: Mapping[str, str]) -> None:
    """Check which data carry labels.

    Args:
        answer: From ``"titles"``, ``"sessions"``, ``"stars"`` and ``"ages"`` to ``"none"``,
            ``"implicit"`` or ``"explicit"``.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    missing = {"titles", "sessions", "stars", "ages"} - set(answer)
    assert not missing, f"say something about {', '.join(sorted(missing))}"
    assert answer["titles"] == "none", "nobody judged anything when a title was written down"
    assert answer["sessions"] != "none", (
        "a film in a session was chosen by somebody: for a recommender that is the answer itself"
    )
    assert answer["sessions"] == "implicit", "it was chosen, but nobody was asked"
    assert answer["stars"] == "explicit", "stars are the answer to a question"
    assert answer["ages"] == "explicit", "age is a label as soon as it is what is predicted"
