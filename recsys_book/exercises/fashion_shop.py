"""Checkers for the exercises of the case study of a fashion shop."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from recsys_book.case_studies.fashion_shop import exaggeration, ftrl_weights, undo_sampling


def check_sampling(answer: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """Check click rates that were brought back from a thinned log.

    Args:
        answer: Takes rates (n,) and the share of unclicked rows that was kept, returns (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = np.asarray(answer(np.array([0.5]), 0.1))
    assert got.shape == (1,), "return one rate a row"
    assert got[0] != 0.05, "the odds are multiplied by the share, not the rate itself"
    assert got[0] < 0.5, "clicks were over-represented, so the true rate is lower"
    rates = np.linspace(0.01, 0.95, 30)
    assert np.allclose(answer(rates, 1.0), rates), "nothing thinned out, nothing to undo"
    assert np.allclose(answer(rates, 0.02), undo_sampling(rates, 0.02)), "odds, times the share"


def check_ftrl_step(answer: Callable[..., tuple[float, float, float]]) -> None:
    """Check one step of FTRL-Proximal for one weight.

    Args:
        answer: Takes z, n, g, alpha, beta, l1 and l2, returns the next z, n and weight.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    z, n, w = answer(0.0, 0.0, 0.5, 0.1, 1.0, 0.0, 0.0)
    assert n == 0.25, "add the squared gradient to n"
    assert z == 0.5, "the old weight is zero here, so z grows by the gradient alone"
    assert np.isclose(w, -0.1 / 1.5 * 0.5), "the rate is alpha over beta plus the root of the new n"
    z, n, w = answer(0.5, 0.25, 0.5, 0.1, 1.0, 1.0, 0.0)
    assert w == 0, "while z stays within l1, the weight is exactly zero"
    z, n, g = 3.0, 4.0, -0.7
    settings = (0.1, 1.0, 0.5, 2.0)
    old = ftrl_weights(np.array(z), np.array(n), *settings)
    new = z + g - (np.sqrt(n + g * g) - np.sqrt(n)) / 0.1 * old
    want = new, n + g * g, ftrl_weights(np.array(new), np.array(n + g * g), *settings)
    assert np.allclose(answer(z, n, g, *settings), want), "z also loses sigma times the old weight"


def check_rows_apart(answer: Callable[[float, float], int]) -> None:
    """Check from how many rows on two rates have intervals that do not touch.

    Args:
        answer: Takes two rates, the smaller first, returns rows in each group.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    from recsys_book.evaluation import rate_interval

    def touch(a: float, b: float, n: int) -> bool:
        return rate_interval(round(a * n), n)[1] >= rate_interval(round(b * n), n)[0]

    for a, b in ((0.70, 0.85), (0.2, 0.4)):
        got = answer(a, b)
        assert got == int(got), "return a whole number of rows"
        assert not touch(a, b, int(got)), f"at {got} rows the intervals still touch"
        assert touch(a, b, int(got) - 1), "one row fewer, and they do not touch either: count down"
        later = range(int(got), 1001)
        assert not any(touch(a, b, n) for n in later), "they touch again later: rounding moves them"


def check_exaggeration(answer: Callable[[float, float, int], float]) -> None:
    """Check by how much significant estimates overstate an effect.

    Args:
        answer: Takes the effect, its standard error and a seed, returns the factor.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(10.0, 1.0, 0) < 1.05, "a large effect is always found, so not inflated"
    got = answer(0.5, 1.0, 0)
    assert got > 2.5, "keep only the estimates that are significant"
    assert abs(got / exaggeration(0.5, 1.0) - 1) < 0.03, "both signs count: take the absolute value"
    assert abs(answer(2.0, 4.0, 1) / exaggeration(2.0, 4.0) - 1) < 0.03, "scale by the error"


def check_choice(answer: Callable[[Mapping[str, float], str], str]) -> None:
    """Check a choice by lower bounds.

    Args:
        answer: Takes lower bounds by name and the name of today's policy, returns a name.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer({"a": 0.1, "b": 0.3}, "a") == "b", "take the highest lower bound"
    assert answer({"b": 0.3, "a": 0.3}, "a") == "a", "in doubt, stay with today's policy"
    assert answer({"a": 0.3, "b": 0.2}, "b") == "a", "today's policy has no other privilege"
