"""The same title in two catalogues, and the log that is carried over."""

import numpy as np
import pytest

from recsys_book.data import Interactions
from recsys_book.meta_learning import transfer as tr


def test_grams_ignore_case_punctuation_and_the_order_of_words():
    one, two = tr.character_grams("Butcher Boy, The"), tr.character_grams("the butcher  BOY!")
    assert sorted(one) == sorted(two)
    assert tr.character_grams("M") == [" M ".lower()] and tr.character_grams("...") == []
    assert tr.character_grams("ab", 2) == [" a", "ab", "b "]


def test_similarity_is_the_cosine_of_tfidf_vectors():
    from sklearn.feature_extraction.text import TfidfVectorizer

    ours, theirs = ["Toy Story", "Heat", "Alien"], ["toy stroy", "Aliens 2", "", "Heat"]
    found = tr.title_similarity(ours, theirs)
    library = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)).fit_transform(
        [*ours, *theirs]
    )
    np.testing.assert_allclose(found, (library[:3] @ library[3:].T).toarray(), atol=1e-12)
    assert found[1, 3] == pytest.approx(1.0) and not found[:, 2].any()


@pytest.mark.parametrize(
    ("ours", "theirs", "hint"),
    [([], ["a"], "our catalogue there is no"), (["a"], ["b", None], "Title 1 of their")],
)
def test_bad_titles_are_named(ours, theirs, hint):
    with pytest.raises(ValueError, match=hint):
        tr.title_similarity(ours, theirs)


def test_one_to_one_takes_the_largest_total():
    table = np.array([[1.0, 0.9, 0.0], [0.9, 0.1, 0.0]])
    assert tr.match_titles(table, 0.5).tolist() == [[0, 1], [1, 0]]
    assert tr.match_titles(table, 0.5, one_to_one=False).tolist() == [[0, 0], [1, 0]]
    assert tr.match_titles(table, 0.95).shape == (0, 2)


def test_precision_and_recall():
    truth = np.array([[0, 1], [1, 0], [2, 2], [3, 3]])
    assert tr.match_quality(np.array([[0, 1], [2, 3]]), truth) == (0.5, 0.25)
    assert tr.match_quality(np.empty((0, 2), int), truth) == (1.0, 0.0)
    assert tr.match_quality(truth, np.empty((0, 2), int)) == (0.0, 1.0)


def toy(n_items=3):
    return Interactions([0, 1, 1], [0, 1, 2], [1, 2, 3], [0, 0, 0], [7, 8], np.arange(n_items))


def test_a_log_is_carried_over_and_what_is_unmatched_is_left_out():
    ours = np.array([10, 20, 30, 40])
    moved = tr.translate_items(toy(), np.array([[3, 0], [1, 2]]), ours)
    assert moved.items[moved.item].tolist() == [40, 20] and moved.value.tolist() == [1, 3]
    assert moved.user.tolist() == [0, 1] and moved.n_items == 4
    assert not len(tr.translate_items(toy(), np.empty((0, 2), int), ours))


@pytest.mark.parametrize(
    ("pairs", "hint"),
    [([[9, 0]], "our 4 items"), ([[0, 5]], "their 3 items"), ([[0, 1], [1, 1]], "matched twice")],
)
def test_wrong_pairs_are_refused(pairs, hint):
    with pytest.raises(ValueError, match=hint):
        tr.translate_items(toy(), np.array(pairs), np.arange(4))


def test_assignment_finds_noisy_titles_where_each_for_itself_does_not(ml100k):
    titles = list(ml100k.items.title[:500])
    years = ml100k.items.year[:500].fillna(1995).astype(int)
    theirs, truth = tr.second_catalogue(titles, years, seed=0)
    again, _ = tr.second_catalogue(titles, years, seed=0)
    assert theirs == again and len(truth) == len(theirs) == 350
    assert sum(titles[i] == theirs[j] for i, j in truth) < 0.5 * len(truth)
    clean, pairs = tr.second_catalogue(titles, years, seed=0, overlap=1.0, typos=0.0)
    table = tr.title_similarity([f"{t} ({y})" for t, y in zip(titles, years)], theirs)
    one, each = (tr.match_quality(tr.match_titles(table, 0.3, o), truth) for o in (True, False))
    assert one[0] > 0.95 and one[1] > 0.9 and each[0] < 0.85
    assert not any(title.endswith(", The") for title in clean) and len(pairs) == 500
