import numpy as np
import pandas as pd
import pytest

from recsys_book.data import (
    DataError,
    dice_ratings,
    item_life_cycle,
    latent_factor_ratings,
    messy_event_log,
    rating_data,
    read_interactions,
    review_data,
    write_csv,
)


@pytest.mark.parametrize("make", [dice_ratings, item_life_cycle, latent_factor_ratings])
def test_the_seed_decides_everything(make):
    one, same, other = make(seed=1), make(seed=1), make(seed=2)
    assert one.name == make.__name__
    for column in ("user", "item", "value", "timestamp"):
        assert np.array_equal(getattr(one.interactions, column), getattr(same.interactions, column))
    assert not np.array_equal(one.interactions.item, other.interactions.item)
    assert (np.diff(one.interactions.timestamp) >= 0).all()


@pytest.mark.parametrize("make", [dice_ratings, item_life_cycle, latent_factor_ratings])
def test_a_size_of_zero_is_refused(make):
    with pytest.raises(DataError, match="The simulation got n = 0; give a number above 0."):
        make(n=0)


def test_dice_have_the_mean_and_spread_that_the_truth_says():
    sim = dice_ratings(n=50_000)
    value = sim.interactions.value
    assert set(value) == {1, 2, 3, 4, 5} and sim.interactions.n_items == 10_000
    assert abs(value.mean() - sim.truth["mean"]) < 0.03
    assert abs(value.std() - sim.truth["rmse"]) < 0.03
    assert abs(np.corrcoef(sim.interactions.item, value)[0, 1]) < 0.02


def test_items_are_chosen_after_their_birth_and_fade():
    sim = item_life_cycle(seed=3)
    age = sim.truth["day"] - sim.truth["birth"][sim.interactions.item]
    assert age.min() >= 0 and np.mean(age) < 10
    assert np.allclose(sim.truth["probability"].sum(axis=1), 1)
    assert np.array_equal(sim.interactions.timestamp // 86_400, sim.truth["day"])


def test_a_day_before_any_birth_has_every_item_equally_likely():
    sim = item_life_cycle(n_items=1, n_days=30, n=100, seed=5)
    assert sim.truth["birth"][0] > 0 and (sim.truth["probability"] == 1).all()


def test_a_popularity_count_that_sees_the_future_looks_better():
    sim = item_life_cycle(seed=0)
    day, item = sim.truth["day"], sim.interactions.item

    def top(rows):
        return np.argsort(-np.bincount(item[rows], minlength=sim.interactions.n_items))[:20]

    hidden = np.random.default_rng(0).random(len(item)) < 0.1
    near = np.mean(
        [item[j] in top(~hidden & (abs(day - day[j]) <= 2)) for j in np.where(hidden)[0]]
    )
    test = day >= 54
    past = np.isin(item[test], top(~test & (day > 48))).mean()
    assert near > 1.5 * past


def test_ratings_are_their_factors_plus_noise():
    sim = latent_factor_ratings(seed=4)
    t, log = sim.truth, sim.interactions
    product = (t["user_factors"][log.user] * t["item_factors"][log.item]).sum(axis=1)
    rebuilt = t["mean"] + t["user_bias"][log.user] + t["item_bias"][log.item] + product
    assert np.allclose(rebuilt, t["expected"])
    error = log.value - t["expected"]
    assert abs(error.std() - t["rmse"]) < 0.01 and abs(error.mean()) < 0.01


@pytest.fixture(scope="module")
def messy():
    return messy_event_log(seed=0)


def rows(messy, fault):
    return messy.events[messy.truth["fault"] == fault]


def test_the_truth_has_one_row_for_every_event_and_every_fault_occurs(messy):
    assert messy.events.index.equals(messy.truth.index)
    share = messy.truth["fault"].value_counts(normalize=True)
    assert share["none"] > 0.75 and len(share) == 6 and share.min() > 0.004
    assert (np.diff(messy.events["timestamp"]) >= 0).all()


def test_duplicates_repeat_the_row_that_the_truth_names(messy):
    for fault, moved in (("exact duplicate", 0), ("technical duplicate", 1)):
        copies = rows(messy, fault)
        originals = messy.events.loc[messy.truth.loc[copies.index, "original"]]
        same = ["user", "item", "event", "session", "device", "dwell_seconds", "text"]
        pd.testing.assert_frame_equal(
            copies[same].reset_index(drop=True), originals[same].reset_index(drop=True)
        )
        assert (copies["timestamp"].to_numpy() - originals["timestamp"].to_numpy() == moved).all()
        assert (copies["event_id"].to_numpy() == originals["event_id"].to_numpy()).all() != moved
    assert messy.events.duplicated().sum() == len(rows(messy, "exact duplicate"))
    assert messy.truth["original"].notna().sum() == messy.truth["fault"].str.contains("dup").sum()


def test_people_take_two_seconds_or_more_between_equal_events(messy):
    true = messy.events[~messy.truth["fault"].str.contains("duplicate")]
    gaps = true.groupby(["user", "item", "event"])["timestamp"].diff().dropna()
    assert gaps.min() >= 2


def test_repeat_purchases_are_not_faults(messy):
    again = messy.events[messy.truth["repeat"] & (messy.events["event"] == "buy")]
    assert len(again) > 50 and set(messy.truth.loc[again.index, "fault"]) <= {
        "none",
        "outlier",
        "missing value",
    }


def test_missing_dwell_times_hide_mostly_short_stays_and_device_explains_them(messy):
    lost = rows(messy, "missing value")
    assert lost["dwell_seconds"].isna().all()
    assert messy.events["dwell_seconds"].isna().sum() == len(lost)
    truth = messy.truth.loc[lost.index, "dwell_seconds"]
    seen = messy.events.loc[messy.truth["fault"] == "none"]
    by_device = lost["device"].map(seen.groupby("device")["dwell_seconds"].mean())
    error_of_mean = abs(seen["dwell_seconds"].mean() - truth).mean()
    assert abs(by_device - truth).mean() < 0.8 * error_of_mean


def test_outliers_are_a_thousand_times_the_truth_and_bots_are_fast(messy):
    far = rows(messy, "outlier")
    assert np.allclose(far["dwell_seconds"], 1000 * messy.truth.loc[far.index, "dwell_seconds"])
    bots = rows(messy, "bot")
    assert set(bots["user"]) == {200, 201} and (bots["event"] == "view").all()
    assert (bots.groupby("user")["timestamp"].diff().dropna() == 2).all()
    assert messy.events.loc[messy.truth["fault"] != "bot", "user"].max() < 200


def test_reviews_come_with_purchases_in_two_languages_with_markup(messy):
    bought = messy.events["event"] == "buy"
    assert (messy.events["rating"].notna() == bought).all()
    assert ((messy.events["text"] != "") == bought).all()
    text = " ".join(messy.events["text"])
    assert "<b>" in text and "&amp;" in text and "很好看" in text and "https://" in text


def test_the_messy_log_follows_its_seed_and_refuses_impossible_sizes(messy):
    pd.testing.assert_frame_equal(messy.events, messy_event_log(seed=0).events)
    assert not messy.events.equals(messy_event_log(seed=1).events)
    assert len(messy_event_log(100, 1, 2).events) > 100
    with pytest.raises(DataError, match="n = 10, n_users = 200 and n_items = 100; it needs at le"):
        messy_event_log(10)


def test_the_listings_find_their_files(tmp_path):
    ratings = pd.read_csv(write_csv("ratings", tmp_path / "data.csv"))
    assert list(ratings) == ["user_id", "item_id", "rating"] and len(ratings) == 15_000
    assert ratings["rating"].between(1, 5).all() and ratings.equals(rating_data())
    assert len(read_interactions(tmp_path / "data.csv", timestamp=None)) == 15_000
    reviews = pd.read_csv(write_csv("reviews", tmp_path / "reviews.csv", n=200, seed=3))
    assert list(reviews) == ["text", "rating"] and len(reviews) == 200
    assert reviews["rating"].isna().sum() == 10 and len(review_data(1)) == 1
    shop = pd.read_csv(write_csv("shopping", tmp_path / "online_shopping_data.csv"))
    assert list(shop) == ["user_id", "item_id", "event", "timestamp", "rating"]
    assert shop.duplicated().any() and shop["rating"].isna().any()


def test_a_listing_file_that_cannot_be_written(tmp_path):
    with pytest.raises(DataError, match="no listing data 'films'; choose one of reviews, ratings"):
        write_csv("films", tmp_path / "x.csv")
    with pytest.raises(DataError, match="cannot be written .*; choose another path"):
        write_csv("ratings", tmp_path / "no" / "x.csv")
