"""The pipeline does its stages in order, and the test events choose nothing."""

import numpy as np
import pytest

from recsys_book.evaluation import evaluate_ranking
from recsys_book.preprocessing import drop_exact_duplicates, temporal_split
from recsys_book.recommenders import EASE, Pipeline, Popularity, RecentPopularity

CANDIDATES = {"all time": Popularity, "recent": lambda: RecentPopularity(0.05)}


@pytest.fixture(scope="module")
def log(ml100k):
    frame = ml100k.interactions.to_frame()
    return frame.loc[list(frame.index) + [0, 1, 2]].reset_index(drop=True)


@pytest.fixture(scope="module")
def result(log):
    return Pipeline(CANDIDATES, [drop_exact_duplicates]).run(log)


def test_every_stage_reports(result):
    assert [len(r.removed) for r in result.cleaning] == [3]
    assert result.rows["train"] == 64_000 and result.rows["test"] < 20_000
    assert result.validation.index[0] == result.chosen == "recent"
    assert result.validation.is_monotonic_decreasing
    assert set(result.validation.index) == {*CANDIDATES}


def test_the_test_is_the_protocol_of_the_book(result, ml100k):
    split = temporal_split(ml100k.interactions)
    expected = evaluate_ranking(RecentPopularity(0.05).fit(split.train), split)
    np.testing.assert_array_equal(result.test.per_user, expected.per_user)
    assert result.test.mean()["ndcg"] == pytest.approx(0.2100, abs=1e-4)


def test_the_test_events_choose_nothing(log):
    """Whatever happens after the cut, the choice and the fitted model stay the same."""
    pipeline = Pipeline({**CANDIDATES, "EASE": lambda: EASE(500.0)}, k=5)
    small = log[log["item"] < 200].drop_duplicates().sort_values("timestamp", kind="stable")
    small = small.reset_index(drop=True)
    cut = int(round(len(small) * 0.8))
    other = small.copy()
    other.loc[cut:, "item"] = other.loc[cut:, "item"].to_numpy()[::-1]
    a, b = pipeline.run(small), pipeline.run(other)
    assert a.validation.to_dict() == b.validation.to_dict() and a.chosen == b.chosen
    np.testing.assert_array_equal(a.model.score([3]), b.model.score([3]))
    assert not np.array_equal(a.test.mean(), b.test.mean())


def test_other_names_of_columns_and_another_metric(log):
    renamed = log.head(20_000).rename(columns={"user": "who"})
    result = Pipeline(CANDIDATES, metric="recall", columns={"user": "who"}).run(renamed)
    assert result.validation.name == "recall" and isinstance(result.model.users_, np.ndarray)


def test_errors(log):
    with pytest.raises(ValueError, match="no candidates"):
        Pipeline({}).run(log)
    with pytest.raises(ValueError, match="metric is 'auc'"):
        Pipeline({"all": Popularity}, metric="auc").run(log.head(5000))
