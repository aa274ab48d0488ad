"""The fashion shop's auction, choice of a policy, uplift, monitoring and simulated shop."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from recsys_book.case_studies import fashion_shop as shop
from recsys_book.case_studies.fashion_shop.impressions import Impressions
from recsys_book.case_studies.fashion_shop.switches import _pages
from recsys_book.data import BanditLog


def random_log(n=4000, items=5, seed=0, rates=(0.05, 0.05, 0.05, 0.05, 0.3)):
    rng = np.random.default_rng(seed)
    action = rng.integers(items, size=n)
    return BanditLog(
        context=rng.normal(size=(n, 2)),
        action=action,
        reward=(rng.random(n) < np.array(rates)[action]).astype(float),
        propensity=np.full(n, 1 / items),
        position=rng.integers(2, size=n),
        n_actions=items,
        n_positions=2,
    )


@pytest.mark.equation("eq-second-price-loss")
@pytest.mark.parametrize("bid", [0.0, 0.2, 0.3, 0.8, 2.0])
def test_loss_of_a_bid_is_what_integration_says(bid):
    worth, ceiling = 0.3, 1.2
    x = (np.arange(100_000) + 0.5) / 100_000 * ceiling

    def surplus(b):
        return np.where(x < b, worth - x, 0).mean()

    loss = shop.second_price_loss(np.array([worth]), np.array([bid]), ceiling)[0]
    assert loss == pytest.approx(surplus(worth) - surplus(bid), abs=1e-5)


def test_loss_is_refused_where_it_means_nothing():
    for worth, ceiling in ((0.5, 0.0), (0.5, 0.4), (-0.1, 1.0)):
        with pytest.raises(ValueError, match="choose a ceiling above 0"):
            shop.second_price_loss(np.array([worth]), np.array([0.1]), ceiling)


def test_the_truth_is_the_best_bid_and_scale_costs():
    rates = np.random.default_rng(0).uniform(0.001, 0.02, 20_000)
    surplus = [shop.run_auctions(rates, f * rates).surplus for f in (0.5, 0.8, 1, 1.3, 2)]
    assert np.argmax(surplus) == 2
    assert surplus[0] < surplus[1] and surplus[4] < surplus[3]
    result = shop.run_auctions(rates, rates)
    assert result.surplus == pytest.approx(result.earned - result.paid)
    assert 0 < result.won < 1 and result.paid > 0


@pytest.mark.parametrize(
    ("rates", "believed", "options", "message"),
    [
        ([0.1, 0.2], [0.1], {}, "same length"),
        ([0.1], [1.2], {}, "outside 0 to 1"),
        ([0.1], [0.1], {"rivals": 0}, "rivals is 0"),
    ],
)
def test_auctions_check_their_input(rates, believed, options, message):
    with pytest.raises(ValueError, match=message):
        shop.run_auctions(np.array(rates), np.array(believed), **options)


def test_log_is_cut_in_time():
    log = random_log(10)
    first, second = shop.split_in_time(log, 0.3)
    assert (len(first), len(second)) == (3, 7)
    np.testing.assert_array_equal(second.action, log.action[3:])
    with pytest.raises(ValueError, match="share is 1"):
        shop.split_in_time(log, 1.0)


def test_tilt_leads_from_uniform_to_the_best():
    rates = np.array([0.01, 0.02, 0.04])
    np.testing.assert_allclose(shop.tilted_policy(rates, 0), 1 / 3)
    np.testing.assert_allclose(shop.tilted_policy(rates, 1), rates / rates.sum())
    assert shop.tilted_policy(rates, 40)[2] > 0.999
    assert shop.tilted_policy(np.tile(rates, (7, 1)), 2).sum() == pytest.approx(7)
    with pytest.raises(ValueError, match="tilt is -1"):
        shop.tilted_policy(rates, -1)


def test_item_rates_shrink_towards_the_common_rate():
    log = random_log()
    free, shrunk = shop.item_rates(log, 1e-9), shop.item_rates(log, 1e9)
    clicks = np.bincount(log.action, log.reward) / np.bincount(log.action)
    np.testing.assert_allclose(free, clicks, rtol=1e-6)
    assert np.ptp(shrunk) < 1e-6


@pytest.fixture(scope="module")
def judged():
    train, test = random_log(seed=0), random_log(seed=1)
    candidates = shop.make_candidates(train, random_log(seed=2), tilt=2.0)
    q_hat = np.full((len(test), 5), test.reward.mean())
    return test, candidates, shop.judge_policies(test, candidates, q_hat, n=200)


def test_candidates_are_distributions(judged):
    test, candidates, _ = judged
    assert list(candidates) == [
        "uniform",
        "Thompson (logged)",
        "popular items",
        "click model",
        "learned linear",
    ]
    for policy in candidates.values():
        target = policy(test)
        assert target.shape == (len(test), 5)
        np.testing.assert_allclose(target.sum(axis=1), 1)


def test_a_clear_winner_is_found_and_its_value_is_covered(judged):
    test, candidates, table = judged
    chosen, certain = shop.choose_by_lower_bound(table)
    assert chosen != "uniform" and certain
    truth = (candidates["popular items"](test)[0] * [0.05, 0.05, 0.05, 0.05, 0.3]).sum()
    for method in ("ips", "snips", "dr"):
        row = table[(table["policy"] == "popular items") & (table["method"] == method)].iloc[0]
        assert row["low"] < truth < row["high"]
    uniform = table[(table["policy"] == "uniform") & (table["method"] == "ips")].iloc[0]
    assert uniform["value"] == pytest.approx(test.reward.mean())
    assert uniform["rows"] == pytest.approx(len(test))


def test_without_a_reward_model_there_are_two_methods(judged):
    test, candidates, _ = judged
    table = shop.judge_policies(test, {"uniform": candidates["uniform"]}, n=50)
    assert table["method"].tolist() == ["ips", "snips"]


def test_in_doubt_the_choice_is_the_safe_policy():
    table = pd.DataFrame(
        {"policy": ["uniform", "bold"], "method": "snips", "value": [4.0, 9.0], "low": [3.0, 3.0]}
    )
    assert shop.choose_by_lower_bound(table) == ("uniform", False)
    assert shop.choose_by_lower_bound(table[::-1]) == ("uniform", False)
    table.loc[1, "low"] = 3.5
    assert shop.choose_by_lower_bound(table) == ("bold", False)
    table.loc[1, "low"] = 4.5
    assert shop.choose_by_lower_bound(table) == ("bold", True)
    with pytest.raises(ValueError, match="no 'dr' estimate of 'uniform'"):
        shop.choose_by_lower_bound(table, "dr")


def test_uplift_by_hand():
    old, new = np.r_[np.ones(46), np.zeros(9954)], np.r_[np.ones(69), np.zeros(9931)]
    one = shop.measure_uplift(old, new)
    assert one.relative == pytest.approx(0.5)
    half = 1.959964 * np.sqrt(1 / 46 - 1e-4 + 1 / 69 - 1e-4)
    assert one.low == pytest.approx(1.5 * np.exp(-half) - 1, rel=1e-5)
    assert one.high == pytest.approx(1.5 * np.exp(half) - 1, rel=1e-5)
    assert 0.03 < one.p_value < 0.033 and 13_000 < one.views_needed < 14_000
    assert shop.measure_uplift(old, old).views_needed is None
    with pytest.raises(ValueError, match="0 and 46 clicks"):
        shop.measure_uplift(np.zeros(9), old)


def test_uplift_interval_covers_the_truth():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        old, new = rng.random(4000) < 0.01, rng.random(4000) < 0.013
        one = shop.measure_uplift(old, new)
        inside += one.low < 0.3 < one.high
    assert 0.92 < inside / 400 < 0.98


def test_several_campaigns_are_corrected_for():
    old, new = np.r_[np.ones(46), np.zeros(9954)], np.r_[np.ones(69), np.zeros(9931)]
    table = shop.uplift_table({"a": (old, new), "b": (old, old), "c": (old, old)})
    assert table["p_holm"][0] == pytest.approx(3 * table["p"][0])
    assert table["views_needed"].isna().tolist() == [False, True, True]


@pytest.mark.equation("eq-exaggeration")
@pytest.mark.parametrize(("effect", "error"), [(0.3, 1.0), (1.0, 1.0), (3.0, 1.0), (0.2, 0.1)])
def test_exaggeration_is_what_a_simulation_gives(effect, error):
    draws = np.abs(effect + error * np.random.default_rng(0).normal(size=1_000_000))
    want = draws[draws > 1.959964 * error].mean() / effect
    assert shop.exaggeration(effect, error) == pytest.approx(want, rel=0.01)


def test_exaggeration_ends_where_everything_is_found():
    assert shop.exaggeration(10, 1) == pytest.approx(1, abs=1e-6)
    with pytest.raises(ValueError, match="give both above 0"):
        shop.exaggeration(0, 1)


def test_best_of_equal_items_looks_better_than_it_is():
    pairs = shop.best_of_many(np.full(20, 0.1), 50, runs=500)
    assert (pairs[:, 1] == 0.1).all() and pairs[:, 0].mean() > 0.16
    alone = shop.best_of_many([0.1], 5000, runs=200)
    assert alone[:, 0].mean() == pytest.approx(0.1, abs=0.002)
    rates = [0.1, 0.5]
    assert (shop.best_of_many(rates, 1000, runs=50)[:, 1] == 0.5).all()


def test_stability_index_is_symmetric_and_of_the_size_of_chance():
    a, b = np.array([50, 30, 20]), np.array([20, 30, 50])
    p, q = (a + 0.5) / 101.5, (b + 0.5) / 101.5
    assert shop.stability_index(a, b) == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert shop.stability_index(a, b) == pytest.approx(shop.stability_index(b, a))
    assert shop.stability_index(a, a) == 0
    rng, share = np.random.default_rng(0), np.full(30, 1 / 30)
    by_chance = [
        shop.stability_index(rng.multinomial(3000, share), rng.multinomial(3000, share))
        for _ in range(200)
    ]
    assert np.mean(by_chance) == pytest.approx(29 * (2 / 3000), rel=0.1)
    with pytest.raises(ValueError, match="one count, 0 or above"):
        shop.stability_index(a, np.array([-1, 2, 3]))


def impressions(item, day, click):
    n = len(item)
    columns = np.column_stack([np.zeros(n, np.int64), 1 + np.asarray(item)])
    return Impressions(
        columns,
        ("intercept", "item"),
        np.array([0, 1, 4]),
        np.asarray(click, float),
        np.asarray(item),
        np.asarray(day),
        np.ones(n, bool),
    )


def test_days_are_watched_one_by_one():
    rng = np.random.default_rng(0)
    item = np.r_[rng.integers(3, size=300), np.zeros(300, np.int64)]
    rows = impressions(item, np.repeat([0, 1], 300), np.r_[np.ones(30), np.zeros(570)])
    report = shop.daily_report(rows, np.full(600, 0.1))
    assert report["views"].tolist() == [300, 300] and report["clicks"].tolist() == [30, 0]
    assert report["ratio"].tolist() == [pytest.approx(1), 0] and report["high"][1] < 1
    assert report["stability"][0] == 0 and report["stability"][1] > 20 * report["chance"][1]


def test_alarms_on_clicks_need_a_change_and_many_views():
    rng = np.random.default_rng(0)
    still = rng.random(6000) < 0.05
    assert shop.click_alarms(still) == []
    moved = np.r_[still, rng.random(2000) < 0.3]
    assert shop.click_alarms(moved)[0] > 6000
    found = shop.views_to_alarm(0.05, 6.0, before=3000)
    assert 0 < found < 500
    assert shop.views_to_alarm(0.05, 1.0, before=500) is None


def test_two_campaigns_share_visitors_and_not_items():
    before, after = shop.draw_shops(likeness=1.0, seed=1)
    np.testing.assert_allclose(before.taste[0], after.taste[0])
    assert not np.allclose(before.appeal, after.appeal)
    _, other = shop.draw_shops(likeness=0.0, seed=1)
    assert not np.allclose(before.taste[0], other.taste[0])
    for bad, message in (
        ({"n_items": 2}, "a page needs 3 items"),
        ({"likeness": 1.5}, "likeness is 1.5"),
        ({"changes_at": -1}, "changes_at -1"),
    ):
        with pytest.raises(ValueError, match=message):
            shop.draw_shops(**bad)


def test_season_changes_when_it_should_and_places_matter():
    _, world = shop.draw_shops(changes_at=0.5, seed=2)
    types = np.arange(world.n_types)
    early, late = world.click_rates(types, 0.49), world.click_rates(types, 0.5)
    assert early.shape == (world.n_types, world.n_items, 3)
    assert not np.allclose(early, late)
    assert (np.diff(early, axis=2) < 0).all()
    never = shop.draw_shops(seed=2)[1]
    np.testing.assert_allclose(never.click_rates(types, 0.99), never.click_rates(types, 0))


def test_funnel_narrows_and_counts_active_visitors():
    _, world = shop.draw_shops(seed=0)
    items = np.array([[0, 1, 2], [5, 6, 7]])
    rates = np.full((2, 3), 0.1)
    out = shop.funnel(world, rates, items)
    assert out["clicks"] == pytest.approx(0.6)
    assert out["clicks"] > out["carts"] > out["purchases"] > 0
    assert out["active"] == pytest.approx(2 * (1 - 0.9**3))
    sponsored = world.sponsored[items].sum()
    assert out["ad_income"] == pytest.approx(0.05 * sponsored)


def test_learner_finds_the_posterior_mode():
    _, world = shop.draw_shops(n_items=6, n_types=2, n_styles=2, seed=0)
    rng = np.random.default_rng(0)
    types = rng.integers(2, size=300)
    items = np.argsort(rng.random((300, 6)), axis=1)[:, :3]
    clicks = rng.random((300, 3)) < 0.1
    learner = shop.BayesianClicks(world, precision=20.0)
    prior, columns = learner.mean_.copy(), learner.columns(types, items)
    learner.update(types, items, clicks)

    def loss(w):
        logits = w[columns].sum(axis=-1)
        fit = np.logaddexp(0, logits) - clicks * logits
        return fit.sum() + 10.0 * ((w - prior) ** 2).sum()

    best = minimize(loss, prior, method="BFGS").fun
    assert loss(prior) - best > 1
    assert loss(learner.mean_) - best < 0.05 * (loss(prior) - best)


def test_precision_grows_where_something_was_seen_and_draws_narrow():
    _, world = shop.draw_shops(n_items=6, n_types=2, n_styles=2, seed=0)
    learner = shop.BayesianClicks(world)
    types = np.zeros(500, np.int64)
    items = np.tile([0, 1, 2], (500, 1))
    wide = learner.scores(types, np.random.default_rng(0)).std(axis=0)
    learner.update(types, items, np.random.default_rng(1).random((500, 3)) < 0.2)
    narrow = learner.scores(types, np.random.default_rng(0)).std(axis=0)
    assert narrow[0] < 0.8 * wide[0]
    grown = learner.precision_ > 4.0
    seen = np.unique(learner.columns(types, items))
    assert grown[seen].all() and grown.sum() == len(seen)


def test_learner_moves_towards_what_it_sees():
    _, world = shop.draw_shops(n_items=6, n_types=2, n_styles=2, seed=0)
    learner = shop.BayesianClicks(world, prior_rate=0.1)
    types, items = np.zeros(400, np.int64), np.tile([0, 1, 2], (400, 1))
    clicks = np.zeros((400, 3), bool)
    clicks[::2, 1] = True
    learner.update(types, items, clicks)
    scores = learner.scores(types[:1])[0]
    assert scores[1] > scores[0] and scores[1] > scores[2]


@pytest.mark.parametrize("bad", [{"precision": 0}, {"prior_rate": 1}, {"forget": 0}])
def test_learner_settings_are_checked(bad):
    _, world = shop.draw_shops(seed=0)
    with pytest.raises(ValueError, match="precision is"):
        shop.BayesianClicks(world, **bad)


def test_warm_start_takes_places_and_tastes_and_no_item():
    before, world = shop.draw_shops(n_items=10, seed=0)
    teacher = shop.BayesianClicks(before)
    teacher.mean_[:] = np.arange(len(teacher.mean_))
    teacher.precision_[:] = 100.0
    learner = shop.BayesianClicks(world).adopt(teacher, trust=0.5)
    assert (learner.mean_[3:13] == 0).all() and (learner.precision_[3:13] == 4).all()
    np.testing.assert_array_equal(learner.mean_[13:], teacher.mean_[13:])
    assert (learner.precision_[13:] == 50).all()


@pytest.fixture(scope="module")
def runs():
    return shop.run_switches([0, 1], changes_at=0.5, batches=12, first_log=500)


def test_every_setting_runs_on_the_same_shops(runs):
    assert len(runs) == 2 * 9
    assert runs.groupby("seed").size().tolist() == [9, 9]
    assert ((runs["of_best"] > 0) & (runs["of_best"] <= 1)).all()
    random = runs[runs["random"]].set_index("seed")["clicks"]
    static = runs[~runs["random"] & ~runs[list(shop.SWITCHES)].any(axis=1)]
    assert (static.set_index("seed")["clicks"] > random).all()


def test_effects_are_differences_of_means(runs):
    table = shop.switch_effects(runs, "clicks").set_index("switch")
    plain = runs[~runs["random"]]
    on, off = (plain[plain["online"] == flag]["clicks"].mean() for flag in (True, False))
    base = plain[~plain[list(shop.SWITCHES)].any(axis=1)]["clicks"].mean()
    assert table.loc["online", "effect"] == pytest.approx(100 * (on - off) / base)
    assert (table["low"] < table["effect"]).all() and (table["effect"] < table["high"]).all()
    with pytest.raises(ValueError, match="no outcome 'joy'; choose among clicks"):
        shop.switch_effects(runs, "joy")
    with pytest.raises(ValueError, match="two seeds at least"):
        shop.switch_effects(runs[runs["seed"] == 0])


def test_a_frozen_shop_stays_and_a_learning_one_moves():
    pair = shop.draw_shops(seed=3)
    frozen = shop.run_shop(*pair, batches=15, seed=3)
    again = shop.run_shop(*pair, batches=15, seed=3)
    pd.testing.assert_frame_equal(frozen, again)
    learning = shop.run_shop(*pair, online=True, batches=15, seed=3)
    assert frozen["clicks"][0] == learning["clicks"][0]  # the first batch is served before
    assert learning["of_best"][-5:].mean() > frozen["of_best"][-5:].mean()


def test_exploration_changes_the_last_place_only():
    _, world = shop.draw_shops(seed=0)
    learner = shop.BayesianClicks(world)
    learner.mean_[3:] = np.random.default_rng(0).normal(size=len(learner.mean_) - 3)
    types = np.arange(8)
    greedy, bold = _pages(learner, types, None), _pages(learner, types, np.random.default_rng(1))
    np.testing.assert_array_equal(greedy[:, :2], bold[:, :2])
    assert (greedy[:, 2] != bold[:, 2]).any()
    assert all(len(set(page)) == 3 for page in bold.tolist())


def test_eight_steps_stand_in_their_order(tmp_path):
    table = pd.DataFrame({"a": [1]})
    sections = shop.eight_steps({"Effect": table}, notes={"Sources": "Fetched today."})
    assert [one.heading for one in sections] == list(shop.STEPS)
    assert sections[-1].table is table and "Fetched today." in sections[1].text
    path = shop.write_shop_page(tmp_path / "page.html", "A tie.", {"Effect": table})
    assert "A tie." in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="'Glory' is no step"):
        shop.eight_steps({"Glory": table})
