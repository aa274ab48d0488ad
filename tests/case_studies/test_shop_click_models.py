"""The fashion shop's rows, click models and their judges."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize_scalar

from recsys_book.case_studies import fashion_shop as shop
from recsys_book.case_studies.fashion_shop.ftrl_kernel import ftrl_pass
from recsys_book.data import BanditLog
from recsys_book.data.open_bandit import OpenBandit
from recsys_book.optimizers import AdaGrad, Optimizer


def toy_shop(n=400, items=4, seed=0, random=True, prefix="", start="2019-11-24"):
    """A log in the form of the release, with a planted click rate for item 1."""
    rng = np.random.default_rng(seed)
    action, position = rng.integers(items, size=n), rng.integers(3, size=n)
    rows = pd.DataFrame(
        {f"user_feature_{f}": [f"{prefix}{v}" for v in rng.integers(2, size=n)] for f in range(4)}
    )
    table = pd.DataFrame(
        {
            "item_id": np.arange(items),
            "item_feature_0": np.arange(items) % 2 - 0.5,
            **{f"item_feature_{f}": [f"h{i % 2}" for i in range(items)] for f in (1, 2, 3)},
        }
    )
    hours = pd.Timestamp(start) + pd.to_timedelta(np.linspace(0, 71, n), unit="h")
    log = BanditLog(
        context=np.zeros((n, 1)),
        action=action,
        reward=(rng.random(n) < np.where(action == 1, 0.5, 0.1)).astype(float),
        propensity=np.full(n, 1 / items) if random else rng.uniform(0.1, 0.9, n),
        position=position,
        n_actions=items,
        n_positions=3,
        timestamp=hours.to_numpy("datetime64[us]"),
    )
    return OpenBandit(log, table, rows, ())


@pytest.fixture(scope="module")
def rows():
    return shop.encode_impressions([toy_shop(seed=0), toy_shop(seed=1, random=False)])


def test_every_field_has_its_own_columns(rows):
    assert len(rows) == 800
    assert rows.names[:4] == ("intercept", "position", "item", "daypart")
    for at in range(len(rows.names)):
        inside = (rows.columns[:, at] >= rows.offsets[at]) & (
            rows.columns[:, at] < rows.offsets[at + 1]
        )
        assert inside.all()
    assert rows.n_columns == rows.columns.max() + 1
    np.testing.assert_array_equal(rows.field("item"), rows.item)
    assert rows.randomised.sum() == 400
    with pytest.raises(ValueError, match="no field 'colour'; choose among intercept"):
        rows.field("colour")


def test_logs_are_merged_in_order_of_time_and_days_count_from_the_first(rows):
    assert (np.diff(rows.day) >= 0).all()
    assert rows.day[0] == 0 and rows.day[-1] == 2
    midnight = shop.encode_impressions([toy_shop(n=3, start="2019-11-24T14:59")])
    assert midnight.field("daypart")[0] == 3  # 23:59 in the shop, one minute before its night


def test_room_lists_its_names_and_no_others():
    assert set(shop.__all__) <= set(dir(shop))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = shop.nothing


def test_rows_are_taken_in_the_order_given(rows):
    part = rows.take(np.array([5, 2]))
    assert part.click.tolist() == [rows.click[5], rows.click[2]]
    assert part.n_columns == rows.n_columns


def test_logs_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        shop.encode_impressions([])
    with pytest.raises(ValueError, match="4 and 5 items; encode one campaign"):
        shop.encode_impressions([toy_shop(), toy_shop(items=5)])
    levels = shop.user_levels([toy_shop()])
    with pytest.raises(ValueError, match="'x[01]' of user_feature_0 is not among"):
        shop.encode_impressions([toy_shop(prefix="x")], levels)


def test_shared_levels_give_the_same_code_in_each_campaign():
    one, other = toy_shop(seed=0), toy_shop(seed=1, prefix="a")
    levels = shop.user_levels([one, other])
    assert levels["user_feature_0"] == ["0", "1", "a0", "a1"]
    coded = shop.encode_impressions([other], levels)
    assert set(coded.field("user_feature_0")) == {2, 3}
    assert coded.width("user_feature_0") == 4


@pytest.mark.equation("eq-ftrl-proximal")
@pytest.mark.parametrize("z", [-3.0, -0.2, 0.0, 0.4, 2.5])
def test_weights_minimise_what_they_are_said_to(z):
    alpha, beta, l1, l2, n = 0.3, 1.0, 0.5, 0.7, 4.0

    def objective(w):
        return z * w + l1 * abs(w) + ((beta + np.sqrt(n)) / alpha + l2) * w * w / 2

    w = float(shop.ftrl_weights(np.array(z), np.array(n), alpha, beta, l1, l2))
    found = minimize_scalar(objective, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9})
    assert objective(w) <= found.fun + 1e-12
    assert (w == 0) == (abs(z) <= l1)


@pytest.mark.equation("eq-ftrl-proximal")
def test_without_penalties_it_is_adagrad(rows):
    few = rows.take(np.arange(40))
    model = shop.FTRLProximal(alpha=0.2, beta=1.0, l2=0.0, prior_rate=0.5).fit(few)
    w = torch.zeros(few.n_columns, dtype=torch.float64, requires_grad=True)
    rule = Optimizer([w], AdaGrad(lr=0.2, eps=1.0))
    for columns, click in zip(few.columns, few.click):
        rule.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(
            w[columns].sum(), torch.tensor(click)
        ).backward()
        rule.step()
    np.testing.assert_allclose(model.weights_, w.detach().numpy(), atol=1e-12)


def test_ftrl_loop_is_a_plain_transcription(rows):
    few = rows.take(np.arange(60))
    model = shop.FTRLProximal(alpha=0.1, l1=0.2, l2=0.5, prior_rate=0.1)
    before = model.partial_fit(few)
    z, n, guesses = np.zeros(few.n_columns), np.zeros(few.n_columns), []
    for columns, click in zip(few.columns, few.click):
        w = shop.ftrl_weights(z[columns], n[columns], 0.1, 1.0, 0.2, 0.5)
        p = 1 / (1 + np.exp(-(np.log(0.1 / 0.9) + w.sum())))
        guesses.append(p)
        g = p - click
        z[columns] += g - (np.sqrt(n[columns] + g * g) - np.sqrt(n[columns])) / 0.1 * w
        n[columns] += g * g
    np.testing.assert_allclose(before, guesses, rtol=1e-12)
    np.testing.assert_allclose(model.z_, z, rtol=1e-12)


def test_compiled_loop_is_the_python_loop(rows):
    few, settings = rows.take(np.arange(80)), (0.1, 1.0, 0.3, 0.5, -2.0)
    results = []
    for loop in (ftrl_pass, ftrl_pass.py_func):
        z, n = np.zeros(few.n_columns), np.zeros(few.n_columns)
        results.append((loop(few.columns, few.click, z, n, settings), z, n))
    for compiled, plain in zip(*results):
        np.testing.assert_allclose(compiled, plain, rtol=1e-12)


def test_each_row_is_predicted_before_it_is_learned(rows):
    flipped = rows.take(np.arange(50))
    flipped.click[-1] = 1 - flipped.click[-1]
    a = shop.FTRLProximal(alpha=0.5).partial_fit(rows.take(np.arange(50)))
    b = shop.FTRLProximal(alpha=0.5).partial_fit(flipped)
    np.testing.assert_array_equal(a, b)
    assert a[0] == pytest.approx(0.005)


def test_ftrl_finds_the_planted_item_and_l1_empties_weights(rows):
    model = shop.FTRLProximal(alpha=0.5, prior_rate=0.2, epochs=3).fit(rows)
    rates = model.predict(rows)
    assert rates[rows.item == 1].mean() > 2 * rates[rows.item != 1].mean()
    sparse = shop.FTRLProximal(alpha=0.5, l1=5.0, prior_rate=0.2).fit(rows)
    assert (sparse.weights_ == 0).sum() > (model.weights_ == 0).sum()


def test_adopted_fields_are_taken_over_and_others_are_not(rows):
    teacher = shop.FTRLProximal(alpha=0.5).fit(rows)
    other = shop.encode_impressions(
        [toy_shop(items=6, seed=5)], shop.user_levels([toy_shop(), toy_shop(seed=1)])
    )
    shared = ["intercept", "position", "user_feature_0"]
    model = shop.FTRLProximal(alpha=0.5).adopt(teacher, rows, other, shared)
    for name in other.names:
        at, there = other.names.index(name), rows.names.index(name)
        mine = model.z_[other.offsets[at] : other.offsets[at + 1]]
        if name in shared:
            given = teacher.z_[rows.offsets[there] : rows.offsets[there + 1]]
            np.testing.assert_array_equal(mine, given)
        else:
            assert not mine.any()
    with pytest.raises(ValueError, match="'item' has 4 levels there and 6 here"):
        shop.FTRLProximal().adopt(teacher, rows, other, ["item"])


@pytest.mark.parametrize("bad", [{"alpha": 0}, {"l1": -1}, {"epochs": 0}, {"beta": -1}])
def test_ftrl_settings_are_checked(bad):
    with pytest.raises(ValueError, match="FTRL got alpha"):
        shop.FTRLProximal(**bad)
    with pytest.raises(ValueError, match=r"prior_rate is 1\.0"):
        shop.FTRLProximal(prior_rate=1.0)


def test_shrunken_rate_is_the_beta_mean(rows):
    model = shop.ShrunkenRate("item", strength=10.0).fit(rows)
    clicks, views = rows.click[rows.item == 1].sum(), (rows.item == 1).sum()
    common = (rows.click.sum() + 0.5) / (len(rows) + 1)
    assert model.rates_[1] == pytest.approx((clicks + 10 * common) / (views + 10))
    assert len(set(shop.ShrunkenRate().fit(rows).predict(rows))) == 1
    with pytest.raises(ValueError, match="strength is 0"):
        shop.ShrunkenRate(strength=0)


@pytest.mark.parametrize("item_ids", [True, False])
def test_machine_learns_the_planted_item_where_it_can(rows, item_ids):
    rates = shop.MachineRate(item_ids, l2=0.001, epochs=30).fit(rows).predict(rows)
    assert rates.min() >= 1e-4 and rates.max() <= 1
    mean = [rates[rows.item == i].mean() for i in range(4)]
    assert mean[1] > max(mean[0], mean[2])
    assert (mean[1] > mean[3] + 0.1) == item_ids  # items 1 and 3 share every hash


def test_boosted_trees_learn_the_planted_item(rows):
    model = shop.BoostedRate(trees=20, rate=0.2, leaf=20).fit(rows)
    rates = model.predict(rows)
    assert rates[rows.item == 1].mean() > 2 * rates[rows.item != 1].mean()


def test_a_day_is_predicted_from_the_days_before_alone(rows):
    seen = []

    class Spy(shop.ShrunkenRate):
        def fit(self, part):
            seen.append(part.day.max())
            return super().fit(part)

    chosen, predicted = shop.day_forward({"spy": Spy}, rows, first=1)
    assert seen == [0, 1]
    np.testing.assert_array_equal(chosen, rows.day >= 1)
    assert len(predicted["spy"]) == chosen.sum()
    first_day = shop.ShrunkenRate().fit(rows.take(rows.day < 1)).rates_[0]
    assert predicted["spy"][0] == pytest.approx(first_day)
    for first in (0, 3):
        with pytest.raises(ValueError, match="choose a first day"):
            shop.day_forward({"spy": Spy}, rows, first=first)


def test_entropy_of_the_true_share_is_one():
    clicks = np.array([0, 0, 0, 1.0])
    assert shop.normalized_entropy(clicks, np.full(4, 0.25)) == pytest.approx(1)
    assert shop.normalized_entropy(clicks, np.full(4, 0.5)) > 1
    with pytest.raises(ValueError, match="share of clicks is 0"):
        shop.normalized_entropy(np.zeros(3), np.full(3, 0.5))


def test_auc_interval_covers_the_truth_nineteen_times_in_twenty():
    rng, inside, truth = np.random.default_rng(0), 0, 0.7602  # Phi(1 / sqrt 2)
    for _ in range(300):
        clicks = np.r_[np.ones(40), np.zeros(400)]
        area, low, high = shop.auc_interval(clicks, rng.normal(clicks, 1))
        assert low < area < high
        inside += low < truth < high
    assert 0.91 < inside / 300 < 0.985
    with pytest.raises(ValueError, match="There are 1 clicks"):
        shop.auc_interval(np.array([1, 0, 0]), np.arange(3.0))


def test_auc_counts_ties_as_a_half():
    area, low, high = shop.auc_interval(np.array([1, 1, 0, 0.0]), np.zeros(4))
    assert (area, low, high) == (0.5, 0.5, 0.5)


def test_calibration_ratio_has_the_poisson_interval():
    clicks = np.r_[np.ones(10), np.zeros(990)]
    ratio, low, high = shop.calibration_ratio(clicks, np.full(1000, 0.01))
    assert ratio == pytest.approx(1)
    assert (low, high) == (pytest.approx(0.4795, abs=1e-4), pytest.approx(1.8390, abs=1e-4))
    assert shop.calibration_ratio(np.zeros(10), np.full(10, 0.1))[1] == 0
    with pytest.raises(ValueError, match="sum to 0"):
        shop.calibration_ratio(clicks, np.zeros(1000))


def test_models_are_compared_row_by_row():
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.01, 0.3, 4000)
    clicks = (rng.random(4000) < rates).astype(float)
    table = shop.judge_models(clicks, {"true": rates, "flat": np.full(4000, 0.155)}, "flat")
    assert table.loc["flat", "gain"] == 0
    assert table.loc["true", "gain_low"] > 0
    assert table.loc["true", "auc_low"] > 0.5
    assert table.loc["true", "ratio_low"] < 1 < table.loc["true", "ratio_high"]
    with pytest.raises(ValueError, match="no model 'base'; choose among true"):
        shop.judge_models(clicks, {"true": rates}, "base")


@pytest.mark.equation("eq-sampling-odds")
def test_sampling_is_undone(rows):
    p, kept = np.linspace(0.01, 0.9, 20), 0.05
    q = p / (p + kept * (1 - p))  # clicks all there, the others thinned
    np.testing.assert_allclose(shop.undo_sampling(q, kept), p, rtol=1e-12)
    np.testing.assert_allclose(shop.undo_sampling(p, 1.0), p, rtol=1e-12)
    for rates, share, message in (([0.5], 0, "kept is 0"), ([1.5], 0.5, "outside 0 to 1")):
        with pytest.raises(ValueError, match=message):
            shop.undo_sampling(np.array(rates), share)


@pytest.mark.equation("eq-sampling-odds")
def test_a_thinned_log_gives_the_same_rate_once_undone(rows):
    thin = shop.thin_out(rows, 0.3, seed=1)
    assert thin.click.sum() == rows.click.sum()
    assert 0.2 < (thin.click == 0).sum() / (rows.click == 0).sum() < 0.4
    rate = shop.undo_sampling(thin.click.mean(), 0.3)
    assert abs(rate / rows.click.mean() - 1) < 0.15
    assert thin.click.mean() / rows.click.mean() > 1.8


def test_platt_finds_a_planted_line():
    rng = np.random.default_rng(0)
    x = rng.normal(-2, 1, 60_000)
    clicks = (rng.random(60_000) < 1 / (1 + np.exp(-(0.5 + 0.7 * x)))).astype(float)
    a, b = shop.fit_platt(clicks, 1 / (1 + np.exp(-x)))
    assert abs(a - 0.5) < 0.1 and abs(b - 0.7) < 0.05
    assert abs(shop.fit_platt(clicks, 1 / (1 + np.exp(-x)), ridge=1e6)[1]) < 0.02


def test_calibration_makes_the_mean_true_and_uses_other_rows(rows):
    class Wild:
        def fit(self, part):
            self.n = len(part)
            return self

        def predict(self, part):
            return np.where(part.item == 1, 0.9, 0.2)

    model = shop.PlattCalibrated(Wild).fit(rows)
    assert model.model_.n == 400
    rates = model.predict(rows)
    assert abs(rates.mean() / rows.click.mean() - 1) < 0.15
    assert rates[rows.item == 1].mean() > 2 * rates[rows.item != 1].mean()
