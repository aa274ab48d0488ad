"""GMF, MLP and NeuMF: the equations, the recovered checkerboard, and bad settings."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard

from recsys_book.recommenders.neural import NeuMF, NeuMFNetwork, gmf
from recsys_book.recommenders.neural.neumf import SampledPairs

SMALL = {"factors": 4, "hidden": (8, 4), "epochs": 30, "rate": 0.1, "l2": 0.0, "batch_size": 200}


@pytest.mark.parametrize("parts", ["gmf", "mlp", "both"])
def test_contract(parts):
    check_contract(lambda: NeuMF(parts=parts, **SMALL), personalised=True)


@pytest.mark.equation("eq-gmf")
def test_gmf_is_a_dot_product_where_all_weights_are_one():
    g = torch.Generator().manual_seed(0)
    p, q = torch.randn(6, 3, generator=g), torch.randn(6, 3, generator=g)
    dots = torch.stack([a @ b for a, b in zip(p, q)])
    torch.testing.assert_close(gmf(p, q, torch.ones(3)), dots)
    h = torch.tensor([2.0, 0.0, -1.0])
    assert gmf(p, q, h)[0].item() == pytest.approx(float(2 * p[0, 0] * q[0, 0] - p[0, 2] * q[0, 2]))


def network(parts, hidden=(5, 3)):
    made = NeuMFNetwork(4, 6, 2, hidden, parts, torch.Generator().manual_seed(3))
    with torch.no_grad():
        made.offset.fill_(0.25)
    return made


@pytest.mark.equation("eq-neumf")
def test_neumf_is_the_sum_of_its_two_parts_by_hand():
    both = network("both")
    user, item = torch.tensor([0, 3]), torch.tensor([5, 1])
    x = torch.cat([both.p_mlp.weight[user], both.q_mlp.weight[item]], dim=1)
    for layer in (both.layers[0], both.layers[2]):
        x = torch.relu(x @ layer.weight.T + layer.bias)
    mlp = x @ both.head.weight[0] + both.head.bias
    product = (both.p.weight[user] * both.q.weight[item]) @ both.h
    torch.testing.assert_close(both(user, item), 0.25 + product + mlp)


def test_scores_are_those_of_the_pairs():
    log, _ = checkerboard()
    model = NeuMF(**(SMALL | {"epochs": 1})).fit(log)
    scores = model.score([2, 7])
    pairs = model.network_(torch.tensor([2, 7]), torch.tensor([0, 19]))
    np.testing.assert_allclose([scores[0, 0], scores[1, 19]], pairs.numpy(), rtol=1e-12)


def test_each_row_comes_with_its_negatives_and_the_same_seed_draws_the_same():
    log, _ = checkerboard()
    problem = SampledPairs(log, None, 3, 64)
    user, item, label = next(iter(problem.batches(0)))
    assert len(user) == len(item) == len(label) == 4 * 64
    assert label[:64].all() and not label[64:].any()
    taken = set(zip(log.user.tolist(), log.item.tolist()))
    assert all(pair in taken for pair in zip(user[:64].tolist(), item[:64].tolist()))
    torch.testing.assert_close(user[64:128], user[:64])
    again = next(iter(problem.batches(0)))
    assert all(torch.equal(a, b) for a, b in zip((user, item, label), again))
    assert problem.validate(None) == 0.0


def test_a_user_without_history_gets_popularity():
    log, _ = checkerboard()
    model = NeuMF(**(SMALL | {"epochs": 1})).fit(log.select(log.user != 4))
    np.testing.assert_array_equal(model.score([4])[0], model.item_counts_)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": "all"}, "parts is 'all'"),
        ({"hidden": ()}, "hidden is"),
        ({"hidden": (4, 0)}, "hidden is"),
        ({"negatives": 0}, "negatives is 0"),
        ({"rate": 1e30}, "diverged"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        NeuMF(**(SMALL | {"epochs": 3} | settings)).fit(checkerboard()[0])
