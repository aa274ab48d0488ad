"""Checkers for the exercises of the chapter on sequences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.recommenders.sequential.histories import Histories, next_item_pieces


def check_transition(answer: Callable[[np.ndarray, np.ndarray, float], np.ndarray]) -> None:
    """Check smoothed transition probabilities.

    Args:
        answer: Takes counts (n,) after one item, popularity (n,) that sums to 1, and the number
            of pseudo-counts, and returns probabilities (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    popularity = np.array([0.5, 0.3, 0.2])
    found = np.asarray(answer(np.zeros(3), popularity, 4.0), dtype=float)
    assert np.allclose(found, popularity), "an item that nothing followed leaves popularity"
    found = np.asarray(answer(np.array([0.0, 6.0, 2.0]), popularity, 2.0), dtype=float)
    assert np.isclose(found.sum(), 1), "divide by all counts, the pseudo-counts included"
    assert np.allclose(found, [0.1, 0.66, 0.24]), "popularity is worth so many counts together"


def check_source(answer: Callable[[np.ndarray, float, int], np.ndarray]) -> None:
    """Check the decayed past.

    Args:
        answer: Takes a history (m,), oldest first, a decay and the number of items, and returns
            the weights of all items (n_items,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    found = np.asarray(answer(np.array([2, 0]), 0.5, 4), dtype=float)
    assert found.shape == (4,), "give one weight an item of the catalogue"
    assert found[0] == 1, "the last item weighs 1"
    assert found[2] == 0.5, "the item before it weighs the decay"
    assert found[1] == found[3] == 0, "what was not seen weighs nothing"
    found = np.asarray(answer(np.array([1, 2, 1]), 0.5, 3), dtype=float)
    assert np.allclose(found, [0, 1.25, 0.5]), "an item that comes twice weighs twice"


def check_pieces(answer: Callable[[np.ndarray, int], list[np.ndarray]]) -> None:
    """Check how a history is cut for training.

    Args:
        answer: Takes a history (m,) of at least two items and the window, and returns pieces.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    for m, window in ((2, 5), (6, 5), (7, 5), (11, 5), (12, 3), (40, 7)):
        history = np.random.default_rng(m).permutation(100)[:m]
        pieces = [np.asarray(piece) for piece in answer(history, window)]
        assert max(len(p) for p in pieces) <= window + 1, (
            "a piece has at most window inputs and one more item, the last target"
        )
        assert min(len(p) for p in pieces) > 1, "a piece of one item asks for nothing"
        targets = np.concatenate([p[1:] for p in pieces])
        assert len(targets) == m - 1, "each item but the first is a target once: share the joints"
        assert np.array_equal(targets, history[1:]), "keep the order of the history"
    histories = Histories(history, np.arange(40), np.array([0, 40]), 100)
    last = next_item_pieces(histories, 7)[0][0]
    assert len(last) == 8  # what the package gives for the last window


def check_weight(answer: Callable[[int, int, float], float]) -> None:
    """Check the weight of the right item in the calibrated binary loss.

    Args:
        answer: Takes the number of negatives, of items, and the calibration, returns the weight.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert np.isclose(answer(10, 101, 0.0), 1), "without calibration the right item weighs 1"
    assert np.isclose(answer(10, 101, 1.0), 0.1), "fully calibrated it weighs k / (n - 1)"
    assert np.isclose(answer(10, 101, 0.5), 0.55), "in between the weight moves in a straight line"
    assert np.isclose(answer(100, 101, 0.7), 1), "if all others are drawn nothing has to be mended"


def check_page(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check weights that do not depend on the order inside a page.

    Args:
        answer: Takes weights (m,) and timestamps (m,), sorted, and returns weights (m,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    weights, time = np.array([0.125, 0.25, 0.5, 1.0]), np.array([3, 7, 7, 9])
    found = np.asarray(answer(weights, time), dtype=float)
    assert found.shape == (4,), "give one weight an event"
    assert found[1] == found[2], "events of one timestamp get one weight"
    assert np.isclose(found.sum(), weights.sum()), "the mean keeps the sum"
    assert np.allclose(found, [0.125, 0.375, 0.375, 1.0]), "other events keep their weights"
    assert np.allclose(answer(weights, np.zeros(4)), 0.46875), "one page: one weight for all"
