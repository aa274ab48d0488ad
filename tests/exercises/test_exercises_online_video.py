"""Right answers pass, and the likely wrong ones get a hint."""

import math
from collections import OrderedDict

import pytest

from recsys_book.exercises import online_video as exercises


def addition(total, row, half_life):
    return 0.5 ** (1 / half_life) * total + row


def least_recent(keys, size, renew=True):
    kept, hits = OrderedDict(), []
    for key in keys:
        hits.append(key in kept)
        kept[key] = True
        if renew:
            kept.move_to_end(key)
        if len(kept) > size:
            kept.popitem(last=False)
    return hits


def latencies(intended, service):
    free, out = 0.0, []
    for meant, seconds in zip(intended, service):
        free = max(free, meant) + seconds
        out.append(free - meant)
    return out


def length(patience, places, service):
    return places * math.floor(patience / service + 1e-9)


def test_right_answers_pass():
    exercises.check_one_addition(addition)
    exercises.check_least_recent(least_recent)
    exercises.check_open_latency(latencies)
    exercises.check_queue_length(length)
    exercises.check_cache_bytes(lambda b, t, r: b * t * r)


@pytest.mark.parametrize(
    ("checker", "answer", "hint"),
    [
        ("one_addition", lambda total, row, h: 0.0, "same shape"),
        ("one_addition", lambda total, row, h: total + row, "loses weight"),
        ("one_addition", lambda total, row, h: (total + row) / 2, "weight one"),
        ("one_addition", lambda total, row, h: total, "counts half"),
        ("one_addition", lambda total, row, h: total / 2 + row, "four events"),
        ("least_recent", lambda keys, size: [False] * len(keys), "then it is"),
        ("least_recent", lambda keys, size: least_recent(keys, size + 1), "room for one"),
        ("least_recent", lambda keys, size: least_recent(keys, size, False), "b's place"),
        ("least_recent", lambda keys, size: least_recent(keys, min(size, 2)), "size is three"),
        ("open_latency", lambda meant, service: [0.0] * len(meant), "service time"),
        ("open_latency", lambda meant, service: list(service), "counts too"),
        ("open_latency", lambda m, s: [1.0, 2.0] if len(m) == 2 else [5.0, 6.0, 7.0], "after"),
        ("queue_length", lambda patience, places, s: 9, "the last of ten"),
        ("queue_length", lambda patience, places, s: 8, "ten become free"),
        ("queue_length", lambda patience, places, s: length(patience, 1, s), "four leave"),
        ("queue_length", lambda p, places, s: math.floor(p * places / s + 1e-9), "whole ones"),
        ("queue_length", lambda p, places, s: max(length(p, places, s), 1), "empty"),
        ("cache_bytes", lambda b, t, r: 1, "not kept"),
        ("cache_bytes", lambda b, t, r: -b * t * r, "takes some"),
        ("cache_bytes", lambda b, t, r: b * t, "last minute"),
        ("cache_bytes", lambda b, t, r: b * t * 5, "each of the three"),
    ],
)
def test_wrong_answers_get_a_hint(checker, answer, hint):
    with pytest.raises(AssertionError, match=hint):
        getattr(exercises, f"check_{checker}")(answer)
