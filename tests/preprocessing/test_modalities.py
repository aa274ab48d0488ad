"""Vectors of several modalities, aligned, with a mask of what is missing."""

import numpy as np
import pytest

from recsys_book.preprocessing import align_modalities

TEXT = (["b", "a", "x"], np.array([[1.0, 2], [3, 4], [9, 9]]))
IMAGE = (["c", "a"], np.array([[5.0], [np.nan]]))


def test_alignment_and_mask():
    both = align_modalities(["a", "b", "c"], {"text": TEXT, "image": IMAGE})
    np.testing.assert_array_equal(both.vectors["text"], [[3, 4], [1, 2], [0, 0]])
    np.testing.assert_array_equal(both.vectors["image"], [[0], [0], [5]])
    np.testing.assert_array_equal(both.present, [[True, False], [True, False], [False, True]])
    np.testing.assert_array_equal(both.concatenate()[0], [3, 4, 0, 1, 0])


def test_late_fusion_uses_what_is_there():
    sound = ([1], np.array([[1.0]]))
    both = align_modalities([1, 2, 3], {"text": ([1, 2], np.ones((2, 2))), "sound": sound})
    scores = {"text": np.array([[2.0, 4, 7]]), "sound": np.array([[4.0, 9, 9]])}
    np.testing.assert_array_equal(both.mean_of_scores(scores), [[3, 4, np.nan]])


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({}, "at least one source"),
        ({"text": (["a"], np.ones((2, 2)))}, "'text' has 1 ids"),
        ({"text": (["a"], np.ones(1))}, "'text' has 1 ids"),
        ({"text": (["a", "a"], np.ones((2, 2)))}, "names an item twice"),
    ],
)
def test_sources_are_checked(sources, message):
    with pytest.raises(ValueError, match=message):
        align_modalities(["a"], sources)
