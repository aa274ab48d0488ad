"""Waves, and the users, films, genres and months of a log as tasks."""

import numpy as np
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.meta_learning import (
    Sinusoids,
    domain_tasks,
    item_tasks,
    period_tasks,
    user_tasks,
)


def test_waves_have_the_stated_ranges():
    batch = Sinusoids().sample(500, 10, np.linspace(-5, 5, 400), np.random.default_rng(0))
    amplitude = batch.query_y.abs().amax(1)
    assert 0.1 <= amplitude.min() < 0.4
    assert 4.6 < amplitude.max() <= 5.0
    assert batch.support_x.abs().max() <= 5
    assert batch.support_x.shape == (500, 10, 1)
    assert batch.support_x.dtype == torch.float32
    crossing = Sinusoids(amplitude=(2, 2), phase=(1, 1)).sample(
        1, 0, np.array([1.0, 1 + np.pi / 2]), np.random.default_rng(0)
    )
    np.testing.assert_allclose(crossing.query_y, [[0, 2]], atol=1e-6)
    assert crossing.support_y.shape == (1, 0)


def test_waves_repeat_with_their_seed_and_need_a_query():
    a, b = (Sinusoids().sample(3, 2, 4, np.random.default_rng(7)) for _ in range(2))
    assert torch.equal(a.query_y, b.query_y)
    with pytest.raises(ValueError, match="queries is 0"):
        Sinusoids().sample(3, 2, 0, np.random.default_rng(7))


@pytest.fixture
def log():
    return Interactions(
        user=[0, 0, 0, 0, 1, 1, 3],
        item=[0, 1, 2, 3, 0, 1, 3],
        value=[1, 2, 3, 4, 5, 6, 7],
        timestamp=[40, 30, 20, 10, 0, 100, 50],
        users=np.array([10, 11, 12, 13]),
        items=np.arange(4),
    )


def test_by_time_the_earliest_are_the_support(log):
    pool = user_tasks(log, np.arange(7.0)[:, None])
    assert pool.labels == ["user 10", "user 11", "user 13"]
    assert pool.sizes.tolist() == [4, 2, 1]
    batch = pool.at_least(2).draw(1, how="time")
    assert batch.support_y.tolist() == [[4], [5]]
    assert batch.query_y.tolist() == [[3, 2, 1], [6, 0, 0]]
    assert batch.query_x[0, :, 0].tolist() == [2, 1, 0]
    assert batch.labels == ("user 10", "user 11")


def test_at_random_support_and_query_share_nothing(log):
    pool = user_tasks(log, np.arange(7.0)[:, None]).select([0])
    first = set()
    for seed in range(20):
        batch = pool.draw(2, np.random.default_rng(seed), queries=1)
        rows = [*batch.support_x[0, :, 0].tolist(), *batch.query_x[0, :, 0].tolist()]
        assert len(set(rows)) == 3
        first.add(rows[0])
    assert first == {0, 1, 2, 3}


def test_other_families(log):
    x = np.arange(7)
    assert item_tasks(log, x).sizes.tolist() == [2, 2, 1, 2]
    member = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]])
    domains = domain_tasks(log, x, member, ["comedy", "drama", "empty"])
    assert domains.labels == ["comedy", "drama"]
    assert domains.sizes.tolist() == [4, 3]
    halves = period_tasks(log, x, 2)
    assert [log.timestamp[rows].tolist() for rows in halves.rows] == [
        [0, 10, 20, 30, 40],
        [50, 100],
    ]


def test_errors_name_the_user(log):
    pool = user_tasks(log, np.arange(7))
    with pytest.raises(ValueError, match=r"Task 1 \(user 11\) has 2 events; .* at least 3"):
        pool.draw(2, how="time")
    with pytest.raises(ValueError, match="how is 'last'"):
        pool.draw(1, how="last")
    with pytest.raises(ValueError, match="needs rng"):
        pool.draw(1)
    with pytest.raises(ValueError, match="x has 3 rows, but the log has 7"):
        user_tasks(log, np.arange(3))


def test_every_user_of_movielens_is_a_task(ml100k):
    log = ml100k.interactions
    pool = user_tasks(log, log.item)
    assert pool.n_tasks == 943
    assert pool.sizes.sum() == len(log)
    batch = pool.draw(10, np.random.default_rng(0), tasks=[5, 6], queries=5)
    assert batch.support_x.dtype == torch.int64
    assert batch.query_y.shape == (2, 5)
