"""What the source articles say about text and features, in code, and where it fails.

Each function is the faulty version. The right version is in ``recsys_book.preprocessing``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd


def pre_04_standardize_as_subset(values: Sequence[float]) -> set[float]:
    """PRE-04: standardise by ``X' = {x' in X | x' = (x - mu) / sigma}`` and call it normalisation.

    Article S0b §4.1.2. The standardised values are hardly ever among the original ones, so the set
    is empty; and a set has neither order nor repetitions, so it could not be a column anyway. The
    formula is the z-score (标准化); the word used, 归一化, is min-max.

    Args:
        values: the column.

    Returns:
        The set that the formula describes.
    """
    x = np.asarray(values, dtype=float)
    return set(((x - x.mean()) / x.std()).tolist()) & set(x.tolist())


def pre_05_divide_ids_by_maximum(ids: Sequence[int]) -> np.ndarray:
    """PRE-05: ``X_normalize = [x / max(x) for x in X_embed]`` on token ids.

    Article S0a §5.2. Ids are names: the same token gets another number in every sentence, and an
    embedding table cannot be indexed by a fraction. (As printed, ``x`` is a list and the line
    raises; the ids are an array here so that the idea can be seen to fail too.)

    Args:
        ids: token ids of one sentence.

    Returns:
        (n,) floats.
    """
    ids = np.asarray(ids)
    return ids / ids.max()


def pre_06_standardize_ids(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """PRE-06: ``StandardScaler()`` on the columns ``user_id`` and ``item_id``.

    Article S1 §4.3.2. The model sees two real numbers without meaning; renumbering the users, which
    changes nothing in the world, changes every prediction.

    Args:
        user: (n,) ids.
        item: (n,) ids.

    Returns:
        (n, 2) standardised ids.
    """
    ids = np.column_stack([user, item]).astype(float)
    return (ids - ids.mean(axis=0)) / ids.std(axis=0)


def pre_07_item_mean_of_all_rows(item: np.ndarray, rating: np.ndarray) -> np.ndarray:
    """PRE-07: ``data.groupby('item_id')['rating'].transform('mean')`` before any split.

    Article S1 §4.4.1. The mean of an item contains the rating of the very row it is a feature of,
    and those of the rows that will be tested on.

    Args:
        item: (n,) category of each row.
        rating: (n,) target.

    Returns:
        (n,) feature.
    """
    data = pd.DataFrame({"item_id": item, "rating": rating})
    return data.groupby("item_id")["rating"].transform("mean").to_numpy()


def pre_11_rows_as_sentences(matrix: np.ndarray) -> list[list[str]]:
    """PRE-11: ``word2vec(X)`` of a rating matrix.

    Article S0a §4.1, step 2. Word2vec takes sequences of tokens. If the rows of the matrix are
    taken for sentences, the tokens are the ratings: the vectors describe "4" and "5", not films.

    Args:
        matrix: (users, items) ratings, 0 where there is none.

    Returns:
        One sentence a user.
    """
    return [[f"{value:g}" for value in row] for row in np.asarray(matrix)]


def pre_12_remove_stop_words(text: str, stop_words: Collection[str]) -> list[str]:
    """PRE-12: segment, remove stop words and punctuation, then encode with BERT.

    Articles S2 2.2, 8.1.3, 8.2.3, 8.3.3 and S3 §3.2.1. Stop lists hold negations, so opposite
    opinions become equal before the encoder reads them.

    Args:
        text: English text.
        stop_words: the list.

    Returns:
        What is left.
    """
    return [w for w in re.findall(r"\w\w+", text.lower()) if w not in stop_words]


def pre_13_keep_ascii(text: str) -> str:
    """PRE-13: remove special characters, keep digits, letters and spaces.

    Article S3 §3.2.1, with ``bert-base-chinese`` and a Chinese query in §5.2. Read as the usual
    ASCII class, the rule deletes every Chinese character.

    Args:
        text: any text.

    Returns:
        What is left.
    """
    return re.sub(r"[^0-9A-Za-z ]", "", text)


def pre_14_month_number(timestamp: np.ndarray) -> np.ndarray:
    """PRE-14: turn the timestamp into the number of its month.

    Article S2 8.1.3 (hour or day in 8.2.3 and 8.3.3), S1 §4.5.2. Order and recency are gone, and
    December (12) lies farthest from January (1).

    Args:
        timestamp: (n,) seconds since 1970-01-01 UTC.

    Returns:
        (n,) numbers 1 … 12.
    """
    return pd.to_datetime(pd.Series(timestamp), unit="s").dt.month.to_numpy()


def pre_15_rotate(sequence: Sequence[int], shift: int = 1) -> np.ndarray:
    """PRE-15: augment behaviour by rotation.

    Article S2 3.4.3, 4.2.3 and 6.3. Rotation is for images. In a sequence it moves the last event,
    which is the one to predict, to the front of the input.

    Args:
        sequence: (n,) items in time order.
        shift: positions.

    Returns:
        (n,) items.
    """
    return np.roll(np.asarray(sequence), shift)


def pre_16_columns_behind_components(x: np.ndarray, k: int) -> int:
    """PRE-16: "feature selection, such as principal component analysis".

    Article S2 3.4.3 (and S1 §3.2.3, which adds t-SNE as a way to generalise). A component is a
    mixture of all columns: after "selecting" k components, every column must still be measured.

    Args:
        x: (n, d) features.
        k: components kept.

    Returns:
        How many of the d columns are needed to compute the k components.
    """
    x = np.asarray(x, dtype=float)
    _, _, components = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return int((np.abs(components[:k]) > 1e-9).any(axis=0).sum())
