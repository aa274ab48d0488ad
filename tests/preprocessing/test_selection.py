"""Feature selection on planted data."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from recsys_book.preprocessing import eliminate, embedded_scores, filter_scores


@pytest.fixture(scope="module")
def planted():
    g = np.random.default_rng(0)
    x = pd.DataFrame(g.normal(size=(400, 6)), columns=list("abcdef"))
    y = 2 * x["a"] - x["b"] + x["c"] ** 2 + g.normal(0, 0.3, 400)
    return x, y.to_numpy()


def test_filter_scores(planted):
    x, y = planted
    scores = filter_scores(x.assign(same=1.0), y)
    np.testing.assert_allclose(scores.loc["a", "pearson"], np.corrcoef(x["a"], y)[0, 1])
    np.testing.assert_allclose(scores.loc["b", "spearman"], spearmanr(x["b"], y)[0])
    assert scores.loc["same", ["pearson", "spearman"]].tolist() == [0, 0]
    # a parabola: no correlation, much information
    assert abs(scores.loc["c", "pearson"]) < 0.15
    noise = scores.loc[["d", "e", "f"], "mutual_information"].max()
    assert scores.loc["c", "mutual_information"] > 2 * noise
    assert filter_scores(x, y, seed=1).equals(filter_scores(x, y, seed=1))


def test_embedded_scores(planted):
    x, y = planted
    scores = embedded_scores(x, y)
    assert set(scores["lasso"].abs().nlargest(2).index) == {"a", "b"}
    for column in ("impurity", "permutation"):
        assert set(scores[column].nlargest(3).index) == {"a", "b", "c"}
    assert scores["impurity"].sum() == pytest.approx(1)
    assert scores.loc[["d", "e", "f"], "permutation"].abs().max() < 0.02


def test_eliminate_keeps_the_planted_columns_and_its_score_is_honest(planted):
    x, y = planted
    kept, score = eliminate(x, y, keep=2)
    assert kept == ["a", "b"]
    assert 0.5 < score < 0.9
    g = np.random.default_rng(1)
    noise = pd.DataFrame(g.normal(size=(40, 60))).add_prefix("n")
    answer = g.normal(size=40)
    chosen, honest = eliminate(noise, answer, keep=5)
    design = noise[chosen].to_numpy()
    fitted = design @ np.linalg.lstsq(design, answer, rcond=None)[0]
    flattered = 1 - ((answer - fitted) ** 2).sum() / ((answer - answer.mean()) ** 2).sum()
    assert len(chosen) == 5
    assert honest < 0.05 < 0.3 < flattered


@pytest.mark.parametrize("keep", [0, 7])
def test_eliminate_refuses_an_impossible_number(planted, keep):
    with pytest.raises(ValueError, match=f"keep={keep} is not between 1 and the 6 columns"):
        eliminate(*planted, keep=keep)
