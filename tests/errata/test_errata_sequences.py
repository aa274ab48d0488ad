"""The faulty versions fail as described, and the package's own do not."""

import numpy as np
import pytest
import torch

from recsys_book.encoders.recurrent import elman_step, unroll
from recsys_book.errata import sequences as errata
from recsys_book.recommenders.sequential import Histories


@pytest.mark.erratum("DOC-08")
def test_without_a_loop_only_the_last_item_counts():
    rng = np.random.default_rng(0)
    vectors, W, U = rng.normal(size=(9, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    one, two = np.array([1, 2, 3]), np.array([7, 8, 3])
    a, b = (errata.doc_08_network_without_a_loop(h, vectors, W, U) for h in (one, two))
    np.testing.assert_array_equal(a, b)

    def with_loop(history):
        x = torch.tensor(vectors[history])[None]
        weights = (torch.tensor(W), torch.tensor(U), torch.zeros(4), torch.zeros(4))
        weights = tuple(w.double() for w in weights)
        return unroll(elman_step, x, weights, (torch.zeros(1, 4).double(),))[0, -1].numpy()

    assert np.abs(with_loop(one) - with_loop(two)).max() > 0.01
    np.testing.assert_allclose(
        with_loop(one[:1]), errata.doc_08_network_without_a_loop(one[:1], vectors, W, U)
    )


@pytest.mark.erratum("LLM-21")
def test_truncation_keeps_the_wrong_end():
    history = np.arange(10)
    np.testing.assert_array_equal(errata.llm_21_keep_the_oldest(history, 3), [0, 1, 2])
    right = Histories(history, history, np.array([0, 10]), 10).last([0], 3)[0]
    np.testing.assert_array_equal(right, [7, 8, 9])
