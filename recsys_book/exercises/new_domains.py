"""Checkers for the exercises of the chapter on new domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from recsys_book.meta_learning.transfer.pooling import pooled_error, source_weight


def check_will_it_hurt(answer: Callable[[float, float, float, float], bool]) -> None:
    """Check whether pooling is predicted to hurt.

    Args:
        answer: Takes target and source ratings, gap and noise, returns a truth value.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert not answer(1, 100, 0.5, 1.0), "one rating is noisier than this gap: pooling helps"
    assert answer(100, 100, 0.5, 1.0), "with a hundred ratings the target knows better"
    assert not answer(3, 2, 0.7, 1.0), "the source's own noise counts too: 1/n + 1/m"
    rng = np.random.default_rng(0)
    for n, m, gap, noise in rng.uniform(0.2, 20, (200, 4)):
        want = pooled_error(n, m, gap, noise, 1.0) > pooled_error(n, m, gap, noise, 0.0)
        assert bool(answer(n, m, gap, noise)) == want, (
            f"n={n:.2f}, m={m:.2f}, gap={gap:.2f}, noise={noise:.2f}: compare pooled_error at "
            "weights 1 and 0"
        )


def check_copyable(answer: Callable[[Mapping, Mapping], list[str]]) -> None:
    """Check which parameters can be copied.

    Args:
        answer: Takes two dictionaries from names to shapes, returns sorted names.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    source = {"users": (9, 4), "items": (5, 4), "head": (4,), "old": (2,)}
    target = {"users": (9, 4), "items": (7, 4), "head": (4,), "new": (2,)}
    found = list(answer(source, target))
    assert "items" not in found, "the item tables have another number of rows"
    assert "old" not in found, "the target has no such part"
    assert found == ["head", "users"], "return the names that both have in one shape, sorted"


def check_forgetting(answer: Callable[[np.ndarray], tuple[float, float]]) -> None:
    """Check average forgetting and backward transfer.

    Args:
        answer: Takes a square table of errors, returns the two numbers.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    error = np.array([[1.0, 9.0, 9.0], [0.6, 2.0, 9.0], [0.9, 2.5, 3.0]])
    forgetting, backward = answer(error)
    assert abs(forgetting - 0.35 * 1.5) > 1e-9, "divide by the number of domains before the last"
    assert abs(forgetting - 0.2) > 1e-9, "compare the end with the best so far, not with the start"
    assert abs(forgetting - 0.4) < 1e-9, "the first domain was at 0.6 before it ended at 0.9"
    assert abs(backward + 0.2) < 1e-9, "backward transfer compares the diagonal with the last row"


def check_greedy_pairs(answer: Callable[[np.ndarray], set[tuple[int, int]]]) -> None:
    """Check a greedy one-to-one assignment.

    Args:
        answer: Takes a table of similarities, returns a set of pairs.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    table = np.array([[1.0, 0.9], [0.9, 0.0]])
    kept = table.copy()
    pairs = set(answer(table))
    assert pairs != {(0, 1), (1, 0)}, "that is the best assignment; the greedy one takes 1.0 first"
    assert pairs == {(0, 0), (1, 1)}, "after (0, 0) only row 1 and column 1 are left"
    assert np.array_equal(table, kept), "do not change the table that you were given"
    wide = np.array([[0.1, 0.8, 0.3]])
    assert set(answer(wide)) == {(0, 1)}, "with one row there is one pair"


def check_best_ratio(answer: Callable[[float, float, float, float], float]) -> None:
    """Check what the best weighted source is worth.

    Args:
        answer: Takes target and source ratings, gap and noise, returns a ratio of errors.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    same = answer(5, 15, 0.0, 1.0)
    assert abs(same - 0.25) < 1e-9, "without a gap the source's ratings are as good as the target's"
    rng = np.random.default_rng(1)
    for n, m, gap, noise in rng.uniform(0.2, 20, (100, 4)):
        alpha = source_weight(m, gap, noise)
        want = pooled_error(n, m, gap, noise, alpha) / pooled_error(n, m, gap, noise, 0.0)
        got = answer(n, m, gap, noise)
        assert got < 1, "with the best weight a source never harms"
        assert abs(got - want) < 1e-9, "put source_weight into pooled_error"
