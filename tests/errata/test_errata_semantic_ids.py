"""A log row embedded as text follows the digits of its ids; the films' own text does not."""

import numpy as np
import pytest

from recsys_book.encoders import TextEncoder, title_vectors
from recsys_book.errata import semantic_ids as errata

N = 60


def correlation(a, b):
    """Return the rank correlation of two matrices above their diagonals."""
    above = np.triu_indices(len(a), 1)
    x, y = (np.argsort(np.argsort(m[above], kind="stable"), kind="stable") for m in (a, b))
    return np.corrcoef(x, y)[0, 1]


@pytest.fixture(scope="module")
def films(ml100k):
    """Popular films, how much their audiences overlap, and the films' text vectors."""
    log = ml100k.interactions
    chosen = np.argsort(-np.bincount(log.item), kind="stable")[:N]
    X = np.asarray((log.to_csr(1.0) > 0).toarray(), dtype=float)[:, chosen]
    X = X - X.mean(axis=0)
    X /= np.linalg.norm(X, axis=0)
    text = title_vectors(ml100k)[chosen]
    return X.T @ X, text @ text.T


def embedded(numbers):
    encode = TextEncoder.from_pretrained().encode
    one = np.ones(N, dtype=int)
    vectors = errata.llm_18_behaviour_embedded_by_bert(encode, 17 * one, numbers, 4 * one)
    return vectors @ vectors.T


def spelling(numbers):
    """Return the share of places at which two three-digit numbers agree."""
    places = np.array([list(str(number)) for number in numbers])
    return (places[:, None] == places).mean(axis=2)


def test_a_row_is_written_out():
    assert errata.llm_18_log_row_as_text(17, 242, 4) == "user 17 item 242 rating 4"


@pytest.mark.erratum("LLM-18")
def test_the_vectors_follow_the_spelling_and_not_the_taste(films):
    taste, _ = films
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        numbers = 100 + rng.permutation(900)[:N]
        cosine = embedded(numbers)
        renumbered = embedded(rng.permutation(numbers))
        found.append([correlation(cosine, m) for m in (spelling(numbers), taste, renumbered)])
    follows_spelling, follows_taste, survives = np.mean(found, axis=0)
    assert follows_spelling > 0.18
    assert abs(follows_taste) < 0.1 and abs(survives) < 0.1


@pytest.mark.erratum("LLM-18")
def test_the_text_of_the_films_knows_something_of_the_taste(films):
    taste, text = films
    assert correlation(text, taste) > 0.15
