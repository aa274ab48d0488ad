"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import math

import numpy as np
import pytest

from recsys_book.encoders import TransformerConfig
from recsys_book.exercises import attention as exercises


def look(Q, K, V, mask, *, divide=True, stable=True, hidden=-np.inf, axis=1):
    scores = Q @ K.T / (np.sqrt(K.shape[1]) if divide else 1)
    scores = np.where(mask, scores, hidden)
    if stable:
        scores = scores - scores.max(axis=axis, keepdims=True)
    weights = np.exp(scores)
    return weights / weights.sum(axis=axis, keepdims=True) @ V


def turn(shift, width):
    angle = shift * 10_000.0 ** (-np.arange(0, width, 2) / width)
    out = np.zeros((width, width))
    even = np.arange(0, width, 2)
    out[even, even] = out[even + 1, even + 1] = np.cos(angle)
    out[even, even + 1], out[even + 1, even] = np.sin(angle), -np.sin(angle)
    return out


def crossover(width, hidden):
    return math.ceil(2 * width + hidden)


def cache(layers, width, tokens, size):
    return 2 * layers * width * tokens * size


def models(name):
    sizes = {"width": 768, "layers": 12, "heads": 12}
    if name == "bert":
        config = TransformerConfig(30_522, max_tokens=512, segments=2, pooler=True, **sizes)
    else:
        config = TransformerConfig(50_257, max_tokens=1024, causal=True, **sizes)
    return {"billions": config.parameter_count() / 1e9, "generates": config.causal}


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (exercises.check_attention, look),
        (exercises.check_shift, turn),
        (exercises.check_crossover, crossover),
        (exercises.check_cache, cache),
        (exercises.check_claims, models),
    ],
)
def test_the_right_answer_passes(check, answer):
    check(answer)


def half_size(name):
    return models(name) | {"billions": 0.09}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (exercises.check_attention, lambda *a: look(*a).T, "one mixture a query"),
        (exercises.check_attention, lambda *a: look(*a, divide=False), "divide the scores"),
        (exercises.check_attention, lambda *a: look(*a, axis=0), "softmax runs over the keys"),
        (exercises.check_attention, lambda *a: look(*a, hidden=0.0), "minus infinity"),
        (exercises.check_attention, lambda *a: look(*a, stable=False), "overflows"),
        (exercises.check_shift, lambda k, d: np.eye(d + 1), "as wide as the vectors"),
        (exercises.check_shift, lambda k, d: 2 * np.eye(d), "its transpose is its inverse"),
        (exercises.check_shift, lambda k, d: turn(k, d).T, "turns the other way"),
        (exercises.check_shift, lambda k, d: np.eye(d), "addition theorems"),
        (exercises.check_crossover, lambda d, m: 6, "the linear part is still larger"),
        (exercises.check_crossover, lambda d, m: crossover(d, m) + 1, "round up, but not twice"),
        (exercises.check_cache, lambda *a: cache(*a) // 2, "keys and values are both kept"),
        (exercises.check_cache, lambda *a: cache(*a) * 4, "the heads share the width"),
        (exercises.check_cache, lambda *a: cache(*a) + 1, "layers times tokens"),
        (exercises.check_cache, lambda l, d, t, b: cache(l, d, t, 4), "the bytes of a number"),
        (exercises.check_claims, half_size, "ask it for parameter_count"),
        (exercises.check_claims, lambda n: models(n) | {"generates": True}, "look both ways"),
        (exercises.check_claims, lambda n: models(n) | {"generates": False}, "GPT-2 is causal"),
    ],
)
def test_a_likely_mistake_gets_a_hint(check, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        check(answer)
