"""Each exercise accepts the printed solution and answers the likely mistakes with a hint."""

import numpy as np
import pytest

from recsys_book.exercises import semantic_ids as exercises


def digits(vector, codebooks):
    found = []
    for words in codebooks:
        digit = ((words - vector) ** 2).sum(axis=1).argmin()
        vector = vector - words[digit]
        found.append(digit)
    return found


def forgets_the_rest(vector, codebooks):
    return [((words - vector) ** 2).sum(axis=1).argmin() for words in codebooks]


def last_digit(codes):
    seen, found = {}, []
    for code in map(tuple, codes):
        found.append(seen.get(code, 0))
        seen[code] = found[-1] + 1
    return np.array(found)


def birthday(cells):
    n = 2
    while n * (n - 1) / 2 < cells:
        n += 1
    return n


def vocabulary(n_items, length):
    digits = 1
    while digits**length < n_items:
        digits += 1
    return length * digits


def beam(first, second, width):
    kept = np.argsort(-first)[:width]
    joint = first[kept, None] * second[kept]
    row, column = np.unravel_index(joint.argmax(), joint.shape)
    return kept[row], column


def new_items(history, new):
    return new @ history.mean(axis=0) if len(history) else None


def test_solutions_pass():
    exercises.check_digits(digits)
    exercises.check_last_digit(last_digit)
    exercises.check_birthday(birthday)
    exercises.check_vocabulary(vocabulary)
    exercises.check_beam(beam)
    exercises.check_new_items(new_items)


@pytest.mark.parametrize(
    ("checker", "wrong", "hint"),
    [
        (exercises.check_digits, lambda v, b: [1], "one digit a level"),
        (exercises.check_digits, lambda v, b: [0, 0], "nearest word of the first"),
        (exercises.check_digits, lambda v, b: [1, 0], "left over"),
        (exercises.check_digits, forgets_the_rest, "subtract each chosen word"),
        (exercises.check_last_digit, lambda c: np.zeros(3), "one digit an item"),
        (exercises.check_last_digit, lambda c: np.arange(6), "alone with its code"),
        (exercises.check_last_digit, lambda c: np.zeros(6), "different digits"),
        (
            exercises.check_last_digit,
            lambda c: np.array([1, 3, 2, 0, 4, 0]),
            "not over all items",
        ),
        (
            exercises.check_last_digit,
            lambda c: last_digit(c[::-1])[::-1],
            "in the order of the items",
        ),
        (exercises.check_birthday, lambda m: 3, "second item collides"),
        (exercises.check_birthday, lambda m: 2 if m == 1 else 23, "28 people"),
        (
            exercises.check_birthday,
            lambda m: {1: 2, 365: 28}.get(m, 3),
            "less than one pair",
        ),
        (
            exercises.check_birthday,
            lambda m: birthday(m) + (m not in (1, 365)),
            "one more than needed",
        ),
        (exercises.check_vocabulary, lambda n, k: 0, "every item is a word"),
        (exercises.check_vocabulary, lambda n, k: n if k == 1 else n // 2, "a hundred digits"),
        (
            exercises.check_vocabulary,
            lambda n, k: k * round(n ** (1 / k)),
            "one item too few",
        ),
        (
            exercises.check_vocabulary,
            lambda n, k: vocabulary(n, k) if k < 3 else 0,
            "the smallest K",
        ),
        (exercises.check_beam, lambda p, q, w: (1, 0), "keeps the likeliest"),
        (exercises.check_beam, lambda p, q, w: beam(p, q, 1), "multiply the chances"),
        (
            exercises.check_beam,
            lambda p, q, w: beam(p, q, w) if len(p) == 3 else (9, 9),
            "may go on",
        ),
        (exercises.check_new_items, lambda h, n: None, "has a text"),
        (exercises.check_new_items, lambda h, n: -(n @ h.sum(0)), "mean of the history"),
        (exercises.check_new_items, lambda h, n: n @ h.sum(0), "product with the mean"),
        (
            exercises.check_new_items,
            lambda h, n: n @ (h.sum(0) / max(1, len(h))),
            "return None",
        ),
    ],
)
def test_mistakes_get_a_hint(checker, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        checker(wrong)
