"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import first_day as exercises


def weights(counts, kind):
    counts = np.asarray(counts, dtype=float)
    weights = counts if kind == "rating" else counts / (counts + 8)
    return weights / weights.sum()


def hand_over(noise, missed, share):
    kappa = noise / missed
    return int(np.ceil(share * kappa / (1 - share) - 1e-9))


def rate(n, kappa):
    return n / (n + kappa) / 2


def hiding(theta, h, p):
    return theta @ (theta - h) / (theta @ theta)


def control(rows, rng):
    flat = rng.permutation([fact for row in rows for fact in row]).tolist()
    ends = np.cumsum([len(row) for row in rows])
    return [flat[end - len(row) : end] for row, end in zip(rows, ends)]


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (exercises.check_weights, weights),
        (exercises.check_hand_over, hand_over),
        (exercises.check_rate, rate),
        (exercises.check_hiding, hiding),
        (exercises.check_control, control),
    ],
)
def test_the_solution_passes(check, answer):
    check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (exercises.check_weights, lambda c, kind: c / c.sum(), "measurement"),
        (exercises.check_weights, lambda c, kind: c * 1.0, "sum to one"),
        (exercises.check_weights, lambda c, kind: np.full(4, 0.25), "teaches nothing"),
        (
            exercises.check_weights,
            lambda c, kind: c / (c + 8) / (c / (c + 8)).sum(),
            "as often as it is rated",
        ),
        (exercises.check_hand_over, lambda n, m, s: hand_over(m, n, s), "not the inverse"),
        (exercises.check_hand_over, lambda n, m, s: hand_over(n, m, s) + 1, "half and half"),
        (exercises.check_rate, lambda n, k: n / (n + k), "factor of two"),
        (exercises.check_rate, lambda n, k: 0.3, "ends elsewhere"),
        (exercises.check_hiding, lambda t, h, p: 1.0, "do not copy"),
        (exercises.check_hiding, lambda t, h, p: (1 - p) * hiding(t, h, p), "silent"),
        (exercises.check_control, lambda rows, rng: rows, "generator"),
        (
            exercises.check_control,
            lambda rows, rng: [rng.permutation(row).tolist() for row in rows],
            "change hands",
        ),
        (
            exercises.check_control,
            lambda rows, rng: [rng.choice(list("abcdefgh"), len(row)).tolist() for row in rows],
            "as often as before",
        ),
    ],
)
def test_a_mistake_gets_its_hint(check, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        check(answer)
