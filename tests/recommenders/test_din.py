"""DIN: the candidate asks the history. CF-10 asked nothing of anybody."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard

from recsys_book.data import Interactions
from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import leave_one_out
from recsys_book.recommenders.features import DIN, din_pooling
from recsys_book.recommenders.features.din import InterestNetwork, histories

QUICK = {"factors": 4, "hidden": 8, "length": 9, "epochs": 25, "rate": 0.03, "batch_size": 32}


def network(pooling="attention", length=1):
    made = InterestNetwork(10, 4, 6, length, pooling, torch.Generator().manual_seed(0))
    with torch.no_grad():
        made.items.weight.mul_(10)
    return made


@pytest.mark.equation("eq-din")
def test_pooling_is_the_weighted_sum_and_is_not_normalised():
    keys = torch.tensor([[[1.0, 0], [0, 1], [5, 5]]])
    pooled = din_pooling(torch.tensor([[2.0, 3.0, 0.0]]), keys)
    assert pooled.tolist() == [[2.0, 3.0]]
    twice = din_pooling(torch.ones(1, 2), keys[:, [0, 0]])
    assert twice.tolist() == [[2.0, 0.0]]  # two relevant items say more than one


@pytest.mark.equation("eq-din")
@pytest.mark.erratum("CF-10")
def test_with_one_key_the_candidate_still_counts():
    h, v = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0))
    faulty = torch.nn.functional.scaled_dot_product_attention
    torch.testing.assert_close(faulty(v, h, h), h)  # one key: all of the weight, whoever asks
    torch.testing.assert_close(faulty(-9 * v, h, h), h)
    made = network()
    keys = made.items(torch.tensor([[3]]))
    filled = torch.ones(1, 1)
    weights = [made.weights(keys, made.items(torch.tensor([i])), filled) for i in (1, 2)]
    pooled = [din_pooling(w, keys) for w in weights]
    assert not torch.allclose(pooled[0], pooled[1])
    mean = network("mean")
    same = [mean.weights(keys, made.items(torch.tensor([i])), filled) for i in (1, 2)]
    assert torch.equal(same[0], same[1])


def test_empty_places_weigh_nothing():
    made = network(length=3)
    item = torch.tensor([4])
    short = made(torch.tensor([[10, 10, 2]]), item)
    torch.testing.assert_close(made(torch.tensor([[2]]), item), short)
    mean = network("mean", 3)
    torch.testing.assert_close(
        mean(torch.tensor([[2]]), item), mean(torch.tensor([[10, 10, 2]]), item)
    )


def test_histories_hold_what_came_before_oldest_first():
    log = Interactions(
        np.array([1, 0, 1, 1]), np.array([2, 0, 1, 0]), np.ones(4), np.array([3, 1, 1, 2]),
        np.arange(3), np.arange(4),
    )  # fmt: skip
    before, after = histories(log, 2)
    np.testing.assert_array_equal(before, [[1, 0], [4, 4], [4, 4], [4, 1]])
    np.testing.assert_array_equal(after, [[4, 0], [0, 2], [4, 4]])


@pytest.mark.parametrize("pooling", ["attention", "mean"])
def test_contract(pooling):
    # The checkerboard is in order: with the next item of the row as the answer it is too easy for
    # a model of order, so only the clauses that hold for any model are asked.
    check_contract(lambda: DIN(**{**QUICK, "epochs": 2, "pooling": pooling}), personalised=False)


def planted(n_users=500, hobbies=12, per_hobby=4):
    """Each user has three hobbies of twelve, and has taken three of the four items of each."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(n_users):
        mine = rng.choice(hobbies, 3, replace=False)
        items = [rng.choice(per_hobby, 3, replace=False) + per_hobby * hobby for hobby in mine]
        rows += [(user, item, t) for t, item in enumerate(rng.permutation(np.concatenate(items)))]
    user, item, time = np.array(rows).T
    n_items = hobbies * per_hobby
    return Interactions(
        user, item, np.ones(len(user)), time, np.arange(n_users), np.arange(n_items)
    )


def test_asking_beats_averaging_where_a_user_has_several_hobbies():
    # A vector of length three cannot hold three of twelve hobbies in its mean. Asked for one
    # hobby, the history can answer.
    split = leave_one_out(planted(), seed=0)
    quality = {}
    for pooling in ("attention", "mean"):
        model = DIN(
            factors=3, hidden=16, length=8, pooling=pooling, rate=0.02, epochs=12, l2=0.0,
            batch_size=128, negatives=4,
        ).fit(split.train)  # fmt: skip
        quality[pooling] = evaluate_ranking(model, split, 10).per_user["ndcg"].mean()
    assert quality["attention"] > quality["mean"] + 0.2, quality


def test_attention_tells_the_related_items_of_the_history():
    model = DIN(factors=4, hidden=8, length=7, rate=0.02, epochs=8, batch_size=128, l2=0.0)
    model.fit(planted(200))
    weights = model.attention(0, np.arange(48))
    assert weights.shape == (48, 7) and np.isfinite(weights).all()
    assert weights.std(axis=0).min() > 0.01  # every place is judged anew for every candidate


def test_bad_settings_and_logs_are_refused():
    log, _ = checkerboard()
    with pytest.raises(ValueError, match="pooling is 'max'"):
        DIN(pooling="max").fit(log)
    with pytest.raises(ValueError, match="length is 0"):
        DIN(length=0).fit(log)
    with pytest.raises(ValueError, match="l2 is -1"):
        DIN(l2=-1).fit(log)
    first = log.select(np.r_[True, np.diff(log.user) > 0])
    with pytest.raises(ValueError, match="No user has two events"):
        DIN().fit(first)
