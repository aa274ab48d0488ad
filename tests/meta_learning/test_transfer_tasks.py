"""Tasks from several domains, and weights of views that adapt."""

import numpy as np
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.meta_learning import MAML, meta_train
from recsys_book.meta_learning import transfer as tr


@pytest.fixture
def log():
    rng = np.random.default_rng(0)
    n = 900
    value = rng.integers(1, 6, n).astype(float)
    return Interactions(
        rng.integers(0, 20, n), rng.integers(0, 30, n), value, np.zeros(n), np.arange(20),
        np.arange(30),
    )  # fmt: skip


@pytest.fixture
def domains():
    return {"low": np.arange(30) < 15, "high": np.arange(30) >= 15, "none": np.zeros(30, bool)}


def test_tasks_are_people_in_domains(log, domains):
    views = np.column_stack([log.value, np.arange(len(log))])
    batches = tr.view_tasks(views, log, domains, k=3, least=4, most=6)
    assert set(batches) == {"low", "high"}
    low = batches["low"]
    assert low.support_x.shape[1:] == (3, 2) and low.query_x.shape[1] == 6
    assert torch.equal(low.support_x[..., 0], low.support_y)
    for t, label in enumerate(low.labels):
        rows = torch.cat([low.support_x[t, :, 1], low.query_x[t, low.query_mask[t] > 0, 1]])
        rows = rows.long().numpy()
        assert (log.user[rows] == int(label)).all() and domains["low"][log.item[rows]].all()
        assert len(np.unique(rows)) == len(rows)


def test_views_that_do_not_fit_are_refused(log, domains):
    with pytest.raises(ValueError, match="900 events"):
        tr.view_tasks(np.ones((5, 2)), log, domains)
    with pytest.raises(ValueError, match="holds NaN"):
        tr.view_tasks(np.full((900, 2), np.nan), log, domains)
    with pytest.raises(ValueError, match="No user has 505 events"):
        tr.view_tasks(np.ones((900, 2)), log, domains, least=500)


def test_one_domain_is_left_out_at_a_time(log, domains):
    batches = tr.view_tasks(log.value[:, None], log, domains, k=3, least=2)
    batches["third"] = batches["low"].select(torch.arange(2))
    seen = {}
    for name, others, own in tr.leave_one_domain_out(batches):
        seen[name] = others.n_tasks
        assert own is batches[name]
        sums = sum(float(b.query_mask.sum()) for n, b in batches.items() if n != name)
        assert float(others.query_mask.sum()) == sums
    total = sum(b.n_tasks for b in batches.values())
    assert seen == {name: total - b.n_tasks for name, b in batches.items()}
    with pytest.raises(ValueError, match="1 domains"):
        next(tr.leave_one_domain_out({"low": batches["low"]}))


def test_the_fusion_is_a_weighted_mean_and_a_level():
    fusion = tr.ViewFusion(3)
    x = torch.tensor([[1.0, 2.0, 6.0], [3.0, 3.0, 3.0]])
    torch.testing.assert_close(fusion(x).detach(), torch.tensor([3.0, 3.0]))
    with torch.no_grad():
        fusion.logits.copy_(torch.tensor([0.0, 50.0, 0.0]))
        fusion.level.fill_(0.5)
    torch.testing.assert_close(fusion(x).detach(), torch.tensor([2.5, 3.5]))


def test_meta_learning_finds_the_good_view_and_serves_a_domain_that_took_no_part(log, domains):
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(2, len(log)))
    views = np.column_stack([log.value + 2 * noise[0], log.value + 0.3 * noise[1]])
    batches = tr.view_tasks(views, log, domains, k=3, least=2)
    for _, others, own in tr.leave_one_domain_out(batches):
        learner = MAML(tr.ViewFusion(2), {"logits": 0.3, "level": 0.02}, 2)

        def error(learner=learner, own=own):
            rest = (learner.predict(own) - own.query_y) * own.query_mask
            return float(rest.square().sum() / own.query_mask.sum())

        before = error()
        sampler = tr.sample_tasks(others, 16, 0)
        assert torch.equal(sampler(3).query_y, sampler(3).query_y)
        assert not torch.equal(sampler(3).query_y, sampler(4).query_y)
        meta_train(learner, sampler, 40, torch.optim.Adam(learner.parameters(), lr=0.1))
        assert error() < 0.3 * before
        assert torch.softmax(learner.module.logits, 0)[1] > 0.9
