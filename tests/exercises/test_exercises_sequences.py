"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import sequences as exercises


def transition(counts, popularity, smoothing):
    return (counts + smoothing * popularity) / (counts.sum() + smoothing)


def source(history, decay, n_items):
    weights = np.zeros(n_items)
    for back, item in enumerate(history[::-1]):
        weights[item] += decay**back
    return weights


def pieces(history, window):
    starts = range(0, len(history) - 1, window)
    return [history[a : a + window + 1] for a in starts]


def weight(k, n, t):
    return 1 - t * (1 - k / (n - 1))


def page(weights, time):
    return np.array([weights[time == t].mean() for t in time])


def test_solutions_pass():
    exercises.check_transition(transition)
    exercises.check_source(source)
    exercises.check_pieces(pieces)
    exercises.check_weight(weight)
    exercises.check_page(page)


def assigned(history, decay, n_items):
    weights = np.zeros(n_items)
    weights[history] = decay ** np.arange(len(history) - 1, -1, -1.0)
    return weights


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_transition, lambda c, p, s: c * 0, "leaves popularity"),
        (exercises.check_transition, lambda c, p, s: c + p, "divide by all counts"),
        (
            exercises.check_transition,
            lambda c, p, s: (c + p) / (c.sum() + 1),
            "so many counts together",
        ),
        (exercises.check_source, lambda h, d, n: h * d, "one weight an item"),
        (exercises.check_source, lambda h, d, n: source(h[::-1], d, n), "last item weighs 1"),
        (exercises.check_source, lambda h, d, n: np.array([1, 0, 0.0, 0]), "weighs the decay"),
        (exercises.check_source, lambda h, d, n: source(h, d, n) + (np.arange(n) == 3), "nothing"),
        (exercises.check_source, assigned, "twice"),
        (exercises.check_pieces, lambda h, w: [h], "at most window inputs"),
        (exercises.check_pieces, lambda h, w: [h[:1], h[1:2]], "asks for nothing"),
        (
            exercises.check_pieces,
            lambda h, w: [h[a : a + w] for a in range(0, len(h), w) if len(h) - a > 1],
            "share the joints",
        ),
        (exercises.check_pieces, lambda h, w: pieces(h[::-1], w), "keep the order"),
        (exercises.check_weight, lambda k, n, t: k / (n - 1), "weighs 1"),
        (exercises.check_weight, lambda k, n, t: 1.0, "fully calibrated"),
        (exercises.check_weight, lambda k, n, t: (k / (n - 1)) ** t, "straight line"),
        (
            exercises.check_weight,
            lambda k, n, t: weight(k, n, t) if k < n - 1 else 0.0,
            "nothing has to be mended",
        ),
        (exercises.check_page, lambda w, t: w[:2], "one weight an event"),
        (exercises.check_page, lambda w, t: w, "get one weight"),
        (
            exercises.check_page,
            lambda w, t: np.array([w[t == x].sum() for x in t]),
            "keeps the sum",
        ),
        (exercises.check_page, lambda w, t: np.full(len(w), w.mean()), "keep their weights"),
        (
            exercises.check_page,
            lambda w, t: page(w, t) if np.ptp(t) else w,
            "one weight for all",
        ),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
