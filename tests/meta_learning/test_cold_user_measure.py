"""Measurements are kept, loaded and compared newcomer by newcomer."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from recsys_book.meta_learning.cold_start import (
    BiasesWithUserRidge,
    GlobalMean,
    Measured,
    compare,
    load_measured,
    measure,
    save_measured,
    simple_models,
    tuning_world,
)
from recsys_book.meta_learning.cold_start.__main__ import file_name, main
from recsys_book.meta_learning.cold_start.chosen import gradient_models

FOLDER = Path(__file__).parents[2] / "results" / "cold_users"


@pytest.fixture(scope="module")
def two(ml100k):
    log = ml100k.interactions
    worlds = [tuning_world(log)]
    return [
        measure(make, log, name, worlds, ks=(5,), hows=("random",), tried=2)
        for name, make in (("mean", GlobalMean), ("ridge", BiasesWithUserRidge))
    ]


def test_what_is_kept_comes_back(two, tmp_path):
    path = tmp_path / "made" / "ridge.json"
    save_measured(two[1], path)
    back = load_measured(path)
    assert (back.name, back.tried) == ("ridge", 2)
    assert back.seconds == pytest.approx(two[1].seconds, abs=0.01)
    assert back.rmse("random", 5) == pytest.approx(two[1].rmse("random", 5), abs=1e-5)
    for metric in ("rmse", "ndcg@5"):
        same = two[1].per_user("random", 5, metric)
        assert back.per_user("random", 5, metric) == pytest.approx(same, abs=1e-5)


@pytest.mark.parametrize("text", ["no json", "{}", json.dumps({"cells": {"random 5": [{}]}})])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "x.json"
    with pytest.raises(ValueError, match="holds no measurements"):
        load_measured(path)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="holds no measurements"):
        load_measured(path)


def test_comparison_is_paired_and_sorted(two):
    table = compare(two, two[0], "random", 5, n=200)
    assert table.index.tolist() == ["ridge", "mean"]
    assert table.loc["ridge", "verdict"] == "better"
    assert table.loc["mean", ["difference", "low", "high"]].tolist() == [0, 0, 0]
    assert table.loc["mean", "verdict"] == "tie"
    assert compare(two, two[1], "random", 5, n=200).loc["mean", "verdict"] == "worse"
    d = two[1].per_user("random", 5) - two[0].per_user("random", 5)
    assert table.loc["ridge", "difference"] == pytest.approx(d.mean())
    assert table.loc["ridge", "sd"] == 0.0


def test_other_newcomers_are_refused(two):
    short = Measured(
        "short", {("random", 5): [{k: np.ones(3) for k in ("rmse", "ndcg@5", "pooled")}]}
    )
    with pytest.raises(ValueError, match="short was measured on 3 newcomers and mean on 151"):
        compare([short], two[0], "random", 5)


def test_numbers_of_splits_are_cut_here(ml100k):
    measured = measure(GlobalMean, ml100k.interactions, splits=(0, 1), ks=(5,), hows=("first",))
    assert list(measured.cells) == [("first", 5)]
    assert len(measured.rmse_by_split("first", 5)) == 2


def test_simple_models_are_made_from_the_plainest_on(ml100k, monkeypatch):
    asked = []
    encoders = ModuleType("recsys_book.encoders")
    encoders.title_vectors = lambda movielens: asked.append(1) or np.ones((1682, 3))
    monkeypatch.setitem(sys.modules, "recsys_book.encoders", encoders)
    models = simple_models(ml100k)
    assert next(iter(models)) == "global mean"
    assert not asked
    made = {name: make() for name, make in models.items()}
    assert len(asked) == 1
    assert made["factors over draws, with features"].user_features.shape[0] == 943


def kept(name):
    return load_measured(FOLDER / file_name(name))


def test_the_kept_table_holds_what_the_issue_asks_for():
    ridge, factors = kept("item bias + user ridge"), kept("Bayesian factors")
    best = kept("factors over draws, with features")
    assert factors.rmse("random", 5) == pytest.approx(0.964, abs=0.001)
    assert factors.rmse("random", 10) == pytest.approx(0.947, abs=0.001)
    assert best.rmse("random", 10) <= 0.985 * ridge.rmse("random", 10)
    for how in ("random", "first"):
        assert compare([best], factors, how, 10).loc[best.name, "high"] < 0


def test_the_command_measures_what_it_is_asked_for(tmp_path):
    main(["global mean"], str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["global_mean.json"]
    fresh = load_measured(tmp_path / "global_mean.json")
    assert fresh.per_user("first", 10) == pytest.approx(kept("global mean").per_user("first", 10))
    with pytest.raises(ValueError, match="no model 'oracle'; choose among global mean, "):
        main(["oracle"], str(tmp_path))


def test_every_file_holds_a_model_that_can_be_made(ml100k):
    made = simple_models(ml100k) | gradient_models(ml100k)
    names = [load_measured(path).name for path in FOLDER.glob("*.json")]
    assert len(names) > 15
    assert set(names) <= set(made)
    assert all((FOLDER / file_name(name)).exists() for name in names)
