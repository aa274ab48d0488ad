"""Both sides of each entry: the source's version fails as described, the package's does not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.manifold import TSNE

from recsys_book.errata import text_and_features as errata
from recsys_book.preprocessing import (
    IdMap,
    PrincipalComponents,
    Scaler,
    TargetEncoder,
    WordPiece,
    augment,
    calendar,
    clean_text,
    cyclical,
    filter_scores,
    item2vec,
    item_sequences,
    leak_r2,
    one_hot,
    recency_weight,
    words,
)


@pytest.mark.erratum("PRE-04")
def test_pre_04_the_set_is_empty_and_the_sequence_is_not():
    ratings = [5, 5, 4, 1]
    assert errata.pre_04_standardize_as_subset(ratings) == set()
    frame = pd.DataFrame({"rating": ratings})
    z = Scaler("zscore").fit(frame).transform(frame)["rating"]
    assert len(z) == 4 and z[0] == z[1]
    assert z.mean() == pytest.approx(0) and z.std(ddof=0) == pytest.approx(1)
    m = Scaler("minmax").fit(frame).transform(frame)["rating"]
    assert (m.min(), m.max()) == (0, 1)


@pytest.mark.erratum("PRE-05")
def test_pre_05_the_same_token_gets_two_numbers_and_an_embedding_refuses_them():
    short, long = [101, 2769, 102], [101, 2769, 8013, 102]
    assert errata.pre_05_divide_ids_by_maximum(short)[1] == 1
    assert errata.pre_05_divide_ids_by_maximum(long)[1] == pytest.approx(0.3456, abs=1e-4)
    table = np.zeros((21128, 4))  # an embedding table is indexed like this
    with pytest.raises(IndexError, match="integer"):
        table[errata.pre_05_divide_ids_by_maximum(short)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "我", "很"]
    ids, _ = WordPiece({p: i for i, p in enumerate(pieces)}).encode(["我", "我很"], 8)
    assert ids[0, 1] == ids[1, 1] == 5
    assert table[ids].shape == (2, 4, 4)


@pytest.mark.erratum("PRE-06")
def test_pre_06_renumbering_changes_ids_as_numbers_and_not_one_hot():
    g = np.random.default_rng(0)
    n_users, n_items, n = 120, 80, 4000
    user, item = g.integers(0, n_users, n), g.integers(0, n_items, n)
    bias = g.normal(0, 0.5, n_users)[user] + g.normal(0, 0.5, n_items)[item]
    rating = 3.5 + bias + g.normal(0, 0.5, n)
    train = g.random(n) < 0.8
    new_user, new_item = g.permutation(n_users)[user], g.permutation(n_items)[item]

    def predict(x):
        return Ridge(1.0).fit(x[train], rating[train]).predict(x[~train])

    def rmse(p):
        return np.sqrt(np.mean((p - rating[~train]) ** 2))

    def biases(u, i):
        x = [one_hot(IdMap(c).encode(c), len(set(c.tolist()))).toarray() for c in (u, i)]
        return np.hstack(x)

    numbers = predict(errata.pre_06_standardize_ids(user, item))
    renumbered = predict(errata.pre_06_standardize_ids(new_user, new_item))
    assert rmse(numbers) > 0.97 * rating[~train].std()
    assert np.abs(numbers - renumbered).max() > 0.01
    honest, moved = predict(biases(user, item)), predict(biases(new_user, new_item))
    np.testing.assert_allclose(honest, moved, atol=1e-6)
    assert rmse(honest) < 0.8 * rmse(numbers)
    with pytest.raises(ValueError, match="identifiers"):
        Scaler().fit(pd.DataFrame({"user_id": user, "item_id": item}))


@pytest.mark.erratum("PRE-07")
def test_pre_07_the_leak_explains_dice_and_the_package_does_not():
    g = np.random.default_rng(0)
    item, dice = g.integers(0, 10_000, 20_000), g.integers(1, 6, 20_000).astype(float)
    train = g.random(20_000) < 0.8

    def r2(x):
        model = LinearRegression().fit(x[train, None], dice[train])
        return model.score(x[~train, None], dice[~train])

    leaked = r2(errata.pre_07_item_mean_of_all_rows(item, dice))
    assert leaked > 0.4
    assert leaked == pytest.approx(leak_r2(item), abs=0.03)
    encoder = TargetEncoder(strength=2.0, seed=0)
    honest = np.empty(20_000)
    honest[train] = encoder.fit_transform(item[train], dice[train])
    honest[~train] = encoder.transform(item[~train])
    assert abs(r2(honest)) < 0.01


@pytest.mark.erratum("PRE-11")
def test_pre_11_a_matrix_gives_vectors_of_ratings_and_sequences_give_items():
    g = np.random.default_rng(0)
    user, item = (
        np.repeat(np.arange(30), 8),
        np.concatenate([g.permutation(20)[:8] for _ in range(30)]),
    )
    matrix = np.zeros((30, 20))
    matrix[user, item] = g.integers(1, 6, len(user))
    sentences = errata.pre_11_rows_as_sentences(matrix)
    assert {w for s in sentences for w in s} == {"0", "1", "2", "3", "4", "5"}
    vectors = item2vec(item_sequences(user, item, np.arange(len(user))), 20, size=4, epochs=2)
    assert vectors.shape == (20, 4)
    assert np.abs(vectors).sum(axis=1).all()


@pytest.mark.erratum("PRE-12")
def test_pre_12_stop_words_hold_the_negation():
    yes, no = "I do recommend this", "I do not recommend this"
    assert errata.pre_12_remove_stop_words(yes, ENGLISH_STOP_WORDS) == ["recommend"]
    assert errata.pre_12_remove_stop_words(no, ENGLISH_STOP_WORDS) == ["recommend"]
    assert words(clean_text(yes)) != words(clean_text(no))


@pytest.mark.erratum("PRE-13")
def test_pre_13_the_ascii_filter_deletes_chinese():
    query = "我想购买一件冬季外套"
    assert errata.pre_13_keep_ascii(query) == ""
    assert clean_text(query) == query


@pytest.mark.erratum("PRE-14")
def test_pre_14_december_is_next_to_january_only_on_the_circle():
    days = ["1997-12-15", "1998-01-15", "1997-06-15", "1997-07-15"]
    seconds = np.array(days, dtype="datetime64[s]").astype(np.int64)
    month = errata.pre_14_month_number(seconds)
    assert abs(int(month[0]) - int(month[1])) == 11
    point = cyclical(calendar(seconds)["month"], 12)
    winter = np.linalg.norm(point[0] - point[1])
    assert winter == pytest.approx(np.linalg.norm(point[2] - point[3]))
    age = (seconds.max() - seconds) / 86_400
    assert recency_weight(age, 30)[1] > recency_weight(age, 30)[0]  # and the order is kept


@pytest.mark.erratum("PRE-15")
def test_pre_15_rotation_puts_the_answer_into_the_input():
    sequence = [1, 2, 3, 4]
    assert errata.pre_15_rotate(sequence).tolist() == [4, 1, 2, 3]
    for operation in ("crop", "mask", "reorder"):
        prefix, target = augment(sequence, operation, 0.5, np.random.default_rng(0))
        assert target == 4 and 4 not in prefix


@pytest.mark.erratum("PRE-16")
def test_pre_16_components_need_every_column_and_tsne_has_no_transform():
    x = np.random.default_rng(0).normal(size=(200, 6))
    assert errata.pre_16_columns_behind_components(x, 2) == 6
    assert not hasattr(TSNE, "transform")
    assert PrincipalComponents(2).fit(x).transform(x[:3]).shape == (3, 2)
    frame = pd.DataFrame(x, columns=list("abcdef"))
    scores = filter_scores(frame, x[:, 2])
    assert scores["pearson"].idxmax() == "c"  # selection names a column
