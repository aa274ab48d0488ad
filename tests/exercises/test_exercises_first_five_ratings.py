"""Each solution of the chapter passes its checker, and typical mistakes get a hint."""

import numpy as np
import pytest

from recsys_book.exercises import first_five_ratings as exercises


def right_bias(e, noise, prior):
    variance = 1 / (len(e) / noise + 1 / prior)
    return variance * np.sum(e) / noise, variance


def right_one_more(mean, cov, a, e, noise):
    reach = cov @ a
    gain = reach / (noise + a @ reach)
    return mean + gain * (e - a @ mean), cov - np.outer(gain, reach)


def right_cost(f, k, n):
    return {"frozen": 0, "one more": f**2, "fold-in": k * f**2 + f**3, "refit": n * f**2}


def right_sparsity(noise, between, n):
    return {"own": noise / n, "everybody": between, "shrunk": 1 / (n / noise + 1 / between)}


def right_question(A, cov, noise, chance):
    K = A @ cov @ A.T
    return np.argmax(chance * (chance @ K**2) / (np.diag(K) + noise))


RIGHT = [
    (exercises.check_user_bias, right_bias),
    (exercises.check_one_more, right_one_more),
    (exercises.check_cost, right_cost),
    (exercises.check_sparsity, right_sparsity),
    (exercises.check_next_question, right_question),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_solutions_pass(check, answer):
    check(answer)


def plain_mean(e, noise, prior):
    return (np.mean(e) if len(e) else 0.0, right_bias(e, noise, prior)[1])


def upside_down(e, noise, prior):
    return right_bias(e, prior, noise)


def sure(e, noise, prior):
    return right_bias(e, noise, prior)[0], prior


def stays(mean, cov, a, e, noise):
    return right_one_more(mean, cov, a, e, noise)[0], cov


def late(mean, cov, a, e, noise):
    new = right_one_more(mean, cov, a, e, noise)[1]
    gain = new @ a / (noise + a @ new @ a)
    return mean + gain * (e - a @ mean), new


def lopsided(mean, cov, a, e, noise):
    return mean, cov - np.outer(a, cov @ a) / (noise + a @ cov @ a)


WRONG = [
    (exercises.check_user_bias, plain_mean, "has no prior"),
    (exercises.check_user_bias, upside_down, "prior is all there is"),
    (exercises.check_user_bias, sure, "precisions add"),
    (exercises.check_user_bias, lambda e, n, p: (np.sum(e) / (len(e) + p / n), p), "other way"),
    (exercises.check_one_more, stays, "covariance falls"),
    (exercises.check_one_more, late, "surprise"),
    (exercises.check_one_more, lopsided, "symmetric"),
    (exercises.check_cost, lambda f, k, n: right_cost(f, k, n) | {"frozen": 1}, "nothing to do"),
    (exercises.check_cost, lambda f, k, n: right_cost(f, k, n) | {"one more": f**3}, "rank-one"),
    (exercises.check_cost, lambda f, k, n: right_cost(f, k, n) | {"fold-in": f**3}, "outer"),
    (exercises.check_cost, lambda f, k, n: right_cost(f, k, n) | {"refit": n}, "sweep"),
    (
        exercises.check_sparsity,
        lambda s, t, n: right_sparsity(s, t, n) | {"own": s},
        "'own' is wrong",
    ),
    (
        exercises.check_next_question,
        lambda A, cov, noise, chance: right_question(A, cov, noise, np.ones(len(A))),
        "multiply by the chance",
    ),
    (
        exercises.check_next_question,
        lambda A, cov, noise, chance: np.argmax(chance * np.diag(A @ cov @ A.T)),
        "over all items j",
    ),
]


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_mistakes_get_a_hint(check, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        check(answer)
