"""A probe reads what is in the vectors, and nothing that is not."""

import numpy as np
import pytest
import torch

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.corpora import BEGIN, END
from recsys_book.encoders.pretraining import (
    linear_probe,
    matching_rank,
    row_vectors,
    shuffled_control,
)
from recsys_book.encoders.transformer import Transformer


def planted(n=400, width=10, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width))
    score = X[:, 0] + 0.1 * rng.normal(size=n)
    return X, np.c_[score > 0, X[:, 1] > 1].astype(float), score


def test_a_planted_direction_is_found_and_the_control_finds_nothing():
    X, Y, score = planted()
    assert linear_probe(X, Y).scores.min() > 0.95
    assert linear_probe(X, score).mean > 0.95
    control = linear_probe(X, shuffled_control(Y))
    assert abs(control.mean - 0.5) < 0.08
    assert linear_probe(X, shuffled_control(score)).mean < 0.05


def test_scale_and_shift_of_the_vectors_do_not_matter():
    X, Y, _ = planted()
    same = linear_probe(1e4 * X + 7, Y)
    assert same.predictions == pytest.approx(linear_probe(X, Y).predictions, abs=1e-6)


def test_predictions_are_out_of_fold():
    # As many columns as rows: in fold everything would be predicted, out of fold nothing is.
    rng = np.random.default_rng(0)
    assert linear_probe(rng.normal(size=(100, 100)), rng.normal(size=100)).mean < 0.1


def test_scores_are_the_library_s_mean_over_the_parts():
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.model_selection import KFold

    X, Y, score = planted()
    Y = np.c_[Y, score]
    result = linear_probe(X, Y, folds=4, seed=3)
    assert result.predictions.shape == (400, 3)
    parts = [rows for _, rows in KFold(4, shuffle=True, random_state=3).split(X)]
    for column, measure in ((0, roc_auc_score), (1, roc_auc_score), (2, r2_score)):
        each = [measure(Y[rows, column], result.predictions[rows, column]) for rows in parts]
        assert result.scores[column] == pytest.approx(np.mean(each))


def test_a_part_without_a_positive_is_left_out():
    X, _, _ = planted(100)
    y = np.zeros(100)
    y[np.argsort(-X[:, 0])[:4]] = 1
    assert 0.5 < linear_probe(X, y).mean <= 1


def test_a_probe_that_knows_nothing_is_at_chance_and_not_below():
    rng = np.random.default_rng(0)
    blind = [linear_probe(rng.normal(size=(120, 3)), rng.random(120) < 0.3).mean for _ in range(30)]
    assert np.mean(blind) == pytest.approx(0.5, abs=0.035)


def test_the_control_keeps_rows_together():
    Y = np.c_[np.arange(50), np.arange(50)]
    mixed = shuffled_control(Y, seed=1)
    assert np.array_equal(mixed[:, 0], mixed[:, 1])
    assert sorted(mixed[:, 0]) == list(range(50)) and not np.array_equal(mixed, Y)


@pytest.mark.parametrize(
    ("vectors", "targets", "message"),
    [
        (np.ones((4, 2)), np.ones(3), "one row of each"),
        (np.ones(4), np.ones(4), "one row of each"),
        (np.full((4, 2), np.nan), np.arange(4), "not finite"),
        (np.ones((4, 2)), np.c_[np.arange(4), np.ones(4)], "Target 1 is the same"),
    ],
)
def test_impossible_probes_are_refused(vectors, targets, message):
    with pytest.raises(ValueError, match=message):
        linear_probe(vectors, targets)


def test_row_vectors_do_not_depend_on_the_batch_and_ignore_padding():
    config = TransformerConfig(30, width=8, layers=1, heads=2, max_tokens=12, dropout=0.3)
    transformer = Transformer(config).train()
    rng = np.random.default_rng(0)
    rows = [np.r_[BEGIN, rng.integers(4, 30, k), END] for k in (3, 9, 1, 6, 6)]
    whole, single = row_vectors(transformer, rows), row_vectors(transformer, rows, 1)
    assert whole == pytest.approx(single, abs=1e-6)
    assert transformer.training
    transformer.eval()
    with torch.no_grad():
        alone = transformer(torch.from_numpy(rows[1])[None]).mean(1)[0]
    assert whole[1] == pytest.approx(alone.numpy(), abs=1e-6)


def test_matching_ranks():
    eye = np.eye(4)
    assert matching_rank(eye, eye).tolist() == [1, 1, 1, 1]
    assert matching_rank(eye, np.roll(eye, 1, axis=0)).min() > 1
    # Vectors that say nothing: every row ties with all, and stands in the middle.
    assert matching_rank(np.ones((5, 3)), np.ones((5, 3))).tolist() == [3] * 5
