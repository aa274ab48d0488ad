"""Checkers for the exercises of the chapter on fine-tuning an encoder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recsys_book.encoders import ridge


def check_stable_click_loss(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check the cross-entropy of clicks from logits.

    Args:
        answer: Takes logits (n,) and answers 0 or 1 (n,), returns the loss of each (n,).

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    one = np.asarray(answer(np.array([0.0]), np.array([1.0])))
    assert one.shape == (1,), "return one loss for each answer, without a mean"
    assert abs(one[0] - np.log(2)) < 1e-12, "an undecided logit costs log 2"
    sure = np.asarray(answer(np.array([-800.0, 800.0]), np.array([1.0, 0.0])))
    assert np.isfinite(sure).all(), (
        "a logit of 800 must not overflow: take the larger of z and 0 out of the logarithm first"
    )
    assert np.allclose(sure, 800), "being sure and wrong costs the size of the logit"
    z, y = np.linspace(-5, 5, 11), np.arange(11) % 2
    want = np.log1p(np.exp(z)) - y * z
    assert np.allclose(answer(z, y), want), "compare with log(1 + exp(z)) - y z"


def check_leave_one_out(
    answer: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
) -> None:
    """Check the residuals of ridge regression without each row.

    Args:
        answer: Takes inputs (n, width), targets (n,) and the penalty, returns what the
            regression that was fitted without a row misses on it, (n,); nothing is centred.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    got = np.asarray(answer(X, y, 0.3))
    assert got.shape == (9,), "return one residual a row"
    fitted = X @ ridge(X, y[:, None], 0.3)[:, 0]
    assert not np.allclose(got, y - fitted), (
        "these are the ordinary residuals: divide each by one minus its place on the diagonal of H"
    )
    rows = np.arange(9)
    want = [y[i] - X[i] @ ridge(X[rows != i], y[rows != i][:, None], 0.3)[:, 0] for i in range(9)]
    assert np.allclose(got, want), "compare with fitting nine times, each time without one row"


def check_lora_rank(answer: Callable[[int, int, int], int]) -> None:
    """Check the largest rank whose factors are smaller than the matrix.

    Args:
        answer: Takes inputs, outputs and a divisor; returns the largest rank at which LoRA trains
            at most the divisor's part of the matrix's numbers.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert answer(384, 384, 1) == 192, "at rank 192 the two factors of a 384 x 384 are as large"
    for inputs, outputs, part in ((384, 384, 10), (384, 1536, 100), (768, 768, 64)):
        rank = answer(inputs, outputs, part)
        assert rank == int(rank), "a rank is a whole number"
        assert rank * (inputs + outputs) * part <= inputs * outputs, "that rank trains too much"
        assert (rank + 1) * (inputs + outputs) * part > inputs * outputs, "one more would fit"


def check_false_negatives(answer: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check the estimate of the true share of false negatives from a part of the events.

    Args:
        answer: Takes the shares of mined negatives found among held-out events, (n,), and the
            shares of all unseen likes that were held out, (n,); returns the mean true share.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert abs(answer(np.array([0.1]), np.array([1.0])) - 0.1) < 1e-12, (
        "if every unseen like was held out, the share that was found is the true one"
    )
    assert abs(answer(np.array([0.1]), np.array([0.5])) - 0.2) < 1e-12, (
        "if half of the likes were held out, only half of the false negatives can be found"
    )
    got = answer(np.array([0.1, 0.3]), np.array([0.5, 1.0]))
    assert abs(got - 0.25) < 1e-12, "correct each user's share first, then take the mean"


def check_what_adapts(answer: set[str]) -> None:
    """Check what can change the list of a user of an encoder that stands in a server.

    Args:
        answer: A set of some of ``"log"``, ``"history"`` and ``"step"``.

    Raises:
        AssertionError: With a hint, if the answer is wrong.
    """
    assert not isinstance(answer, str), "answer with a set, for instance {'log'}"
    answer = set(answer)
    assert answer <= {"log", "history", "step"}, "choose among 'log', 'history' and 'step'"
    assert "log" not in answer, (
        "look at the source check LLM-20: the refusals were collected, and the film stayed"
    )
    assert "step" in answer, "look at the source check LLM-20: what moved the film in the end?"
    assert "history" in answer, "the weights stay, but does the encoder read the same input?"
