"""Two halves of a history are two views of one thing."""

import numpy as np
import pytest
import torch
from scipy import sparse

from recsys_book.meta_learning import transfer as tr


def groups(seed=0, n=60, d=80):
    """Rows of four kinds, each kind filling a quarter of the columns more often."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 4
    chance = np.where(np.arange(d) % 4 == kind[:, None], 0.5, 0.05)
    return sparse.csr_matrix((rng.random((n, d)) < chance).astype(float)), kind


def test_views_share_nothing_and_make_up_the_whole():
    rows, _ = groups()
    a, b = tr.two_views(rows, np.random.default_rng(1))
    assert not ((a > 0) & (b > 0)).any()
    np.testing.assert_array_equal((a > 0) | (b > 0), rows.toarray() > 0)
    np.testing.assert_allclose(np.linalg.norm(a, axis=1), 1, atol=1e-6)


def test_the_loss_is_a_softmax_over_cosines():
    a = torch.nn.functional.normalize(torch.arange(12.0).reshape(4, 3) - 5, dim=1)
    b = a.flip(1)
    scores = (a @ b.T / 0.5).double().numpy()
    want = np.mean([np.log(np.exp(row).sum()) - row[i] for i, row in enumerate(scores)])
    assert abs(float(tr.contrastive_loss(a, b, 0.5)) - want) < 1e-6
    alike = torch.ones(5, 3) / 3**0.5
    assert float(tr.contrastive_loss(alike, alike)) == pytest.approx(np.log(5), abs=1e-5)


def test_pretraining_brings_rows_of_one_kind_together():
    rows, kind = groups()
    model = tr.ContrastiveVectors(factors=8, steps=60, batch_size=40).fit(rows)
    assert model.loss_[-5:].mean() < 0.8 * model.loss_[0]
    vectors = model.transform(rows)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosine = vectors @ vectors.T
    same = kind[:, None] == kind
    np.fill_diagonal(same, False)
    different = kind[:, None] != kind
    assert cosine[same].mean() > cosine[different].mean() + 0.3
    again = tr.ContrastiveVectors(factors=8, steps=60, batch_size=40).fit(rows)
    np.testing.assert_array_equal(again.transform(rows), vectors)


def test_rows_without_two_events_are_not_enough():
    with pytest.raises(ValueError, match="1 rows have two events"):
        tr.ContrastiveVectors().fit(sparse.csr_matrix([[1, 1, 0], [1, 0, 0]]))
