"""Wide & Deep and DeepFM: the parts add up, and the machine inside is the factorisation machine."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard

from recsys_book.data import Interactions
from recsys_book.evaluation import rmse
from recsys_book.preprocessing import random_split
from recsys_book.recommenders.features import (
    DeepFM,
    Design,
    Field,
    WideAndDeep,
    deepfm_logit,
    field_interactions,
    fm_linear_time,
    identity_field,
    label_field,
    wide_deep_logit,
)
from recsys_book.recommenders.features.deepfm import DeepFMNetwork
from recsys_book.recommenders.features.wide_deep import Crosses, WideDeepNetwork

PARITY = label_field("parity", "item", ["even", "odd"] * 10)
CLASS = label_field("class", "user", ["left", "right"] * 10)
PLAIN = identity_field("user", 20), identity_field("item", 20)
QUICK = {"factors": 4, "hidden": (8,), "epochs": 12, "rate": 0.08, "batch_size": 64, "l2": 0.01}
NO_TIME = torch.empty(5, 0, dtype=torch.long)


def network(kind, fields=(*PLAIN, PARITY, CLASS), hidden=(6,)):
    """A network whose weights are all random, none of them zero."""
    design, generator = Design(fields, 20, 20), torch.Generator().manual_seed(0)
    if kind is DeepFMNetwork:
        made = kind(design, 3, hidden, 0.5, generator)
    else:
        made = kind(design, [(CLASS, PARITY)], 3, hidden, 0.5, generator)
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    return design, made


USER, ITEM = torch.tensor([0, 3, 7, 19, 2]), torch.tensor([1, 1, 8, 0, 13])


@pytest.mark.equation("eq-deepfm")
@pytest.mark.equation("eq-fm-linear-time")
def test_without_its_network_deepfm_is_the_factorisation_machine():
    design, made = network(DeepFMNetwork, hidden=())  # every field fills one column
    V = made.vectors.vectors.weight.detach().double().numpy()
    w = made.first_order.vectors.weight.detach().double().numpy()[:, 0]
    rows = design.rows(USER.numpy(), ITEM.numpy())
    score = made(USER, ITEM, NO_TIME)[0].detach().numpy()
    wanted = fm_linear_time(rows, float(made.level.detach()), w, V)
    np.testing.assert_allclose(score, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.equation("eq-deepfm")
def test_deepfm_is_the_sum_of_its_parts():
    design, made = network(DeepFMNetwork)
    _, machine = network(DeepFMNetwork, hidden=())
    shared = {k: v for k, v in made.state_dict().items() if not k.startswith("deep")}
    machine.load_state_dict(shared)
    left, right = made.left(USER, NO_TIME), made.right(ITEM)
    deep = made.deep(torch.cat([left[1], right[1]], 1).flatten(1))[:, 0]
    whole = made(USER, ITEM, NO_TIME)[0]
    torch.testing.assert_close(whole, machine(USER, ITEM, NO_TIME)[0] + deep)
    parts = (torch.tensor([2.0]), torch.tensor([3.0]), torch.tensor([5.0]), torch.tensor(7.0))
    assert deepfm_logit(*parts).item() == 17.0


def test_field_interactions_are_the_products_of_all_pairs():
    E = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    slow = sum((E[:, i] * E[:, j]).sum(1) for i in range(4) for j in range(i))
    torch.testing.assert_close(field_interactions(E), slow)


@pytest.mark.equation("eq-wide-deep")
def test_wide_and_deep_is_the_sum_of_its_parts():
    design, made = network(WideDeepNetwork)
    left, right = made.left(USER, NO_TIME), made.right(ITEM)
    deep = made.deep(torch.cat([left[1], right[1]], 1).flatten(1))[:, 0]
    w = made.first_order.vectors.weight.detach().numpy()[:, 0]
    raw = design.rows(USER.numpy(), ITEM.numpy()) @ w
    W = made.crosses.weights[0].detach().numpy()
    crossed = W[USER.numpy() % 2, ITEM.numpy() % 2]  # the labels are the parities
    wide = torch.as_tensor(raw + crossed).float()
    whole = made(USER, ITEM, NO_TIME)[0]
    torch.testing.assert_close(whole, wide + deep + made.level)
    parts = torch.tensor([2.0]), torch.tensor([3.0]), torch.tensor(7.0)
    assert wide_deep_logit(*parts).item() == 12.0


def test_a_cross_gives_an_unknown_user_nothing():
    crosses = Crosses([(CLASS, PARITY)])
    torch.nn.init.ones_(crosses.weights[0])
    assert (
        crosses.left(torch.tensor([-1])).sum() == 0 and crosses.left(torch.tensor([0])).sum() == 2
    )


@pytest.mark.parametrize("make", [lambda: DeepFM(**QUICK), lambda: WideAndDeep(**QUICK)])
def test_contract(make):
    check_contract(make, personalised=True)


def test_the_wide_half_alone_memorises_a_cross():
    # Vectors of length one that do not move: only the cross can tell the classes apart.
    settings = {"crosses": (("class", "parity"),), "rate": 0.05, "l2": 100.0, "factors": 1}
    model = WideAndDeep((CLASS, PARITY), hidden=(1,), epochs=20, batch_size=64, **settings)
    log, missing = checkerboard()
    items, _ = model.fit(log).recommend(np.arange(20), k=1)
    np.testing.assert_array_equal(items[:, 0], missing)


@pytest.mark.parametrize("kind", [DeepFM, WideAndDeep])
def test_ratings_that_depend_on_the_hour_need_the_hour(kind):
    rng = np.random.default_rng(0)
    n = 1500
    user, item, late = (rng.integers(size, size=n) for size in (20, 20, 2))
    value = 3.0 + 1.5 * np.where((item % 2) == late, 1, -1)
    log = Interactions(user, item, value, 3600 * (8 + 12 * late), np.arange(20), np.arange(20))
    split = random_split(log, 0.2, 0)
    error = {}
    for name, fields in (("plain", (PARITY, CLASS)), ("hour", (PARITY, Field("hour", "time")))):
        model = kind(fields, loss="rating", **{**QUICK, "l2": 0.0, "epochs": 15}).fit(split.train)
        test = split.test
        error[name] = rmse(test.value, model.predict(test.user, test.item, test.timestamp))
    assert error["plain"] > 1.4 and error["hour"] < 0.2
    assert model.predict([0], [0]).shape == (1,)  # an unknown time


def test_scores_of_all_items_are_the_predictions_of_the_pairs():
    log, _ = checkerboard()
    for kind in (DeepFM, WideAndDeep):
        model = kind((*PLAIN, PARITY, CLASS), **{**QUICK, "epochs": 2}).fit(log)
        scores = model.score([4, -1])
        np.testing.assert_allclose(scores[0], model.predict([4] * 20, np.arange(20)), rtol=1e-5)
        np.testing.assert_allclose(scores[1], model.predict([-1] * 20, np.arange(20)), rtol=1e-5)


def test_ratings_stay_in_range_and_equal_ones_are_learned():
    log, _ = checkerboard()
    model = DeepFM(loss="rating", **QUICK).fit(log)
    np.testing.assert_array_equal(model.predict([0, -1], [1, -1]), [1.0, 1.0])
    alone = log.select(log.user == 0)
    assert np.isfinite(WideAndDeep(**QUICK).fit(alone).score([0, 1])).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"l2": -1.0}, "l2 is -1"),
        ({"crosses": (("user", "mood"),)}, "cross"),
        ({"crosses": (("item", "user"),)}, "field of the user and then one of the item"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        WideAndDeep(**settings).fit(checkerboard()[0])
