"""Batches of tasks: padding, masks, names, and errors that say which task is wrong."""

import numpy as np
import pytest
import torch

from recsys_book.meta_learning import (
    TaskBatch,
    TaskDataset,
    collate_tasks,
    masked_mean,
    masked_mse,
)


@pytest.fixture
def ragged():
    return TaskBatch.from_ragged(
        [np.ones((3, 2)), np.full((1, 2), 2.0)],
        [[1.0, 2.0, 3.0], [4.0]],
        [np.ones((1, 2)), np.ones((2, 2))],
        [[5.0], [6.0, 7.0]],
        labels=["Ann", "Bob"],
    )


def test_padding_and_masks(ragged):
    assert ragged.n_tasks == 2
    assert ragged.support_x.shape == (2, 3, 2)
    assert ragged.support_y.tolist() == [[1, 2, 3], [4, 0, 0]]
    assert ragged.support_mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert ragged.query_mask.tolist() == [[1, 0], [1, 1]]
    assert ragged.name(1) == "Task 1 (Bob)"


def test_whole_numbers_stay_whole_and_floats_convert():
    batch = TaskBatch.from_ragged([[3, 1]], [[1.0, 2.0]], [[5]], [[1.0]]).to(torch.float64)
    assert batch.support_x.dtype == torch.int64
    assert batch.support_y.dtype == batch.query_mask.dtype == torch.float64
    assert batch.name(0) == "Task 0"


def test_select_by_position_and_by_truth(ragged):
    assert ragged.select([1]).labels == ("Bob",)
    assert ragged.select(torch.tensor([True, False])).support_y.tolist() == [[1, 2, 3]]
    assert ragged.select(0).n_tasks == 1


def test_masked_mean_is_within_tasks():
    values = torch.tensor([[2.0, 100.0], [4.0, 6.0], [7.0, 7.0]])
    mask = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    assert masked_mean(values, mask).tolist() == [2, 5, 0]
    assert masked_mse(values, torch.zeros_like(values), mask).tolist() == [4, 26, 0]


X, Y = np.ones((2, 1)), [1.0, 2.0]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (([], [], [], []), "0, 0, 0, 0 tasks"),
        (([X, X], [Y, Y], [X], [Y]), "2, 2, 1, 1 tasks"),
        (([X, X], [Y, [1.0]], [X, X], [Y, Y]), r"Task 1 \(b\) has support rows of shape \(2, 1\)"),
        (([X, X], [Y, Y], [X, np.ones((2, 3))], [Y, Y]), r"Task 1 \(b\) has query rows of shape"),
        (([X, X], [Y, Y], [X, X[:0]], [Y, []]), r"Task 1 \(b\) has an empty query set"),
    ],
)
def test_bad_tasks_are_named(lists, message):
    with pytest.raises(ValueError, match=message):
        TaskBatch.from_ragged(*lists, labels=["a", "b"])


def test_an_empty_support_is_allowed():
    batch = TaskBatch.from_ragged([X[:0], X], [[], Y], [X, X], [Y, Y])
    assert batch.support_mask.sum(1).tolist() == [0, 2]


def test_a_loader_collates_ragged_pairs():
    supports = [(torch.ones(n, 1), torch.arange(float(n))) for n in (2, 4, 3)]
    queries = [(torch.ones(1, 1), torch.tensor([9.0]))] * 3
    tasks = TaskDataset(supports, queries)
    loader = torch.utils.data.DataLoader(tasks, batch_size=3, collate_fn=collate_tasks)
    (batch,) = loader
    assert len(tasks) == 3
    assert batch.support_mask.sum(1).tolist() == [2, 4, 3]
    assert batch.support_y[1].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="3 supports and 2 queries"):
        TaskDataset(supports, queries[:2])
