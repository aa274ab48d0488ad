"""Cross-entropy: the index form, the one-hot form, torch and the binary loss agree."""

import numpy as np
import pytest
import torch

from recsys_book.evaluation import cross_entropy, log_loss_from_logits


def test_both_forms_equal_torch():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(20, 5)) * 30, rng.integers(0, 5, 20)
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels)).item()
    assert cross_entropy(labels, logits) == pytest.approx(expected, rel=1e-12)
    assert cross_entropy(np.eye(5)[labels], logits) == pytest.approx(expected, rel=1e-12)


def test_two_classes_are_the_binary_loss():
    z, y = np.array([-800.0, 0.3, 5.0]), np.array([1, 0, 1])
    logits = np.column_stack([np.zeros(3), z])
    assert cross_entropy(y, logits) == pytest.approx(log_loss_from_logits(y, z))


def test_knowing_nothing_costs_the_log_of_the_classes():
    assert cross_entropy(np.array([0, 3]), np.zeros((2, 4))) == pytest.approx(np.log(4))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 4], "row 1: 4 is none of the 4 classes"),
        ([0.5, 1], "row 0: 0.5 is none"),
        ([-1, 1], "row 0: -1 is none"),
        ([[1, 0], [0, 1]], "one share a class"),
        ([0, 1, 2], "one share a class"),
        ([[1, 0, 0, 0], [1, 1, 0, 0]], "row 1: the shares"),
        ([[2, -1, 0, 0], [1, 0, 0, 0]], "row 0: the shares"),
    ],
)
def test_shapes_and_labels_are_checked(labels, message):
    with pytest.raises(ValueError, match=message):
        cross_entropy(np.array(labels), np.zeros((2, 4)))
