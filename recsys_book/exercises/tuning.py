"""Checkers for the exercises of the chapter on tuning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from recsys_book.optimizers.batches import linear_scaled_rate, square_root_scaled_rate
from recsys_book.optimizers.selection import expected_best_of, seeds_needed
from recsys_book.optimizers.tuning import halving_budget


def check_overfitting_claim(answer: Callable[[float, float, float, float], str]) -> None:
    """Check a function that says what a cure did (CLM-05).

    Args:
        answer: Takes training and validation loss without and with the cure, in this order;
            returns ``"helped"``, ``"only fits less"`` or ``"hurt"``.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(0.5, 1.0, 0.7, 0.9) == "helped", (
        "validation fell from 1.0 to 0.9: that is what a cure is for, though training rose"
    )
    assert answer(0.5, 1.0, 0.9, 1.0) == "only fits less", (
        "the gap shrank from 0.5 to 0.1, but validation stayed at 1.0: nothing was gained"
    )
    assert answer(0.5, 1.0, 1.2, 1.25) == "hurt", (
        "the gap is tiny now, and validation is worse: a model that learns nothing has no gap"
    )
    assert answer(0.5, 1.0, 0.4, 0.95) == "helped", (
        "judge by validation: here the gap grew, and the model is better all the same"
    )


def check_zero_share(answer: Callable[[Tensor, float], float]) -> None:
    """Check the share of weights that one soft threshold sets to zero.

    Args:
        answer: Takes weights and a threshold, returns a share.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    w = torch.tensor([-2.0, -0.5, 0.0, 0.3, 0.5, 4.0])
    assert abs(answer(w, 0.0) - 1 / 6) < 1e-6, (
        "with a threshold of 0 only a weight that is 0 already is zero"
    )
    assert abs(answer(w, 0.5) - 4 / 6) < 1e-6, "a weight of exactly the threshold becomes zero too"
    assert answer(w, 10.0) == 1, "a threshold above every weight leaves nothing"


def check_halving_bill(answer: Callable[[int, int, int], int]) -> None:
    """Check the epochs of a successive halving that starts every rung anew.

    Args:
        answer: Takes the number of configurations, the factor and the number of rungs, the first
            rung being one epoch and the number a power of the factor; returns epochs.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    for n, factor, rungs in ((27, 3, 4), (16, 2, 5), (81, 3, 3)):
        want = halving_budget(n, 1, factor, factor ** (rungs - 1))
        got = answer(n, factor, rungs)
        assert got != n * factor ** (rungs - 1), "that is what full training of all would cost"
        assert got == want, "a rung trains one in `factor` for `factor` times as long: same bill"


def check_scaled_rate(answer: Callable[[float, int, int, bool], float]) -> None:
    """Check the choice between the two scaling rules.

    Args:
        answer: Takes rate, old and new batch size, and whether the rule is adaptive; returns the
            rate to try first.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    got = answer(0.1, 64, 256, False)
    assert abs(got - linear_scaled_rate(0.1, 256, 64)) < 1e-12, (
        "plain gradient steps: four times the batch makes a quarter of the steps, so four times "
        "the rate"
    )
    got = answer(0.1, 64, 256, True)
    assert abs(got - square_root_scaled_rate(0.1, 256, 64)) < 1e-12, (
        "a rule that divides by the gradient's size has grown its steps already: the root is left"
    )
    assert abs(answer(0.1, 256, 64, False) - 0.025) < 1e-12, "it works downwards too"


def check_deflated(answer: Callable[[float, float, int], float]) -> None:
    """Check the correction of a best score for the luck of the best.

    Args:
        answer: Takes the best of n validation scores (lower is better), the standard deviation of
            the noise and n; returns what to expect on new data if all n are equally good.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(0.9, 0.01, 1) - 0.9) < 1e-9, "one score is not chosen, so nothing flatters it"
    for n in (2, 10, 50):
        want = 0.9 + expected_best_of(n, 0.01)
        got = answer(0.9, 0.01, n)
        assert got > 0.9, "lower is better, so the truth lies above the best score"
        assert abs(got - want) < 1e-6, "add expected_best_of(n, sd)"


def check_seed_plan(answer: Callable[[Sequence[float], float], int]) -> None:
    """Check a plan of seeds from a pilot.

    Args:
        answer: Takes paired differences of a pilot and the difference that matters, returns seeds.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    for n, goal in ((5, 0.01), (8, 0.003)):
        pilot = rng.normal(0.002, 0.006, n)
        want = seeds_needed(goal, float(pilot.std(ddof=1)))
        got = answer(pilot.tolist(), goal)
        plug = seeds_needed(float(pilot.mean()), float(pilot.std(ddof=1)))
        assert got != plug or plug == want, (
            "do not plan for the difference that the pilot happened to show, but for the one that "
            "would matter"
        )
        assert math.isclose(got, want), "use the pilot's standard deviation with ddof=1"
