"""Counting models against a slow transcription of Chen & Goodman (1999) with dictionaries."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from recsys_book.encoders.corpora import BEGIN, END, FIRST, SPECIALS, Corpus
from recsys_book.encoders.language_modeling import perplexity
from recsys_book.encoders.ngram import (
    AbsoluteDiscount,
    AddK,
    KneserNey,
    MaximumLikelihood,
    add_k,
    continuation_counts,
    count_ngrams,
    discounted,
    estimated_discount,
    maximum_likelihood,
)

SIZE = 12
WORDS = range(END, SIZE)


@pytest.fixture(scope="module")
def sentences():
    rng = np.random.default_rng(1)
    p = np.r_[0.4, 0.3, 0.1, 0.1, 0.05, 0.05, 0.0, 0.0]
    return [np.r_[BEGIN, rng.choice(np.arange(FIRST, SIZE), n, p=p), END] for n in [1, 6, 4] * 9]


def slow_kneser_ney(sentences, order, discount):
    """Return p(word, context) by the recursion, counting anew for every question."""

    def count(run):
        return sum(
            tuple(ids[t : t + len(run)]) == run
            for ids in sentences
            for t in range(len(ids) - len(run) + 1)
        )

    def companions(run):
        runs = {
            tuple(ids[t : t + len(run) + 1])
            for ids in sentences
            for t in range(len(ids) - len(run))
        }
        return len({each[0] for each in runs if each[1:] == run})

    def c(context, word):
        run = (*context, word)
        highest = len(run) == order or (len(context) and context[0] == BEGIN)
        return count(run) if highest else companions(run)

    def p(word, context):
        lower = p(word, context[1:]) if context else 1 / len(WORDS)
        counts = {w: c(context, w) for w in WORDS}
        total = sum(counts.values())
        if not total:
            return lower
        left = discount * sum(1 for n in counts.values() if n > 0) / total
        return max(counts[word] - discount, 0) / total + left * lower

    return p


@pytest.mark.equation("eq-kneser-ney")
@pytest.mark.parametrize("order", [1, 2, 3])
def test_kneser_ney_is_what_chen_and_goodman_wrote(sentences, order):
    model = KneserNey(order, SIZE, discount=0.7).fit(sentences)
    slow = slow_kneser_ney(sentences, order, 0.7)
    for context in [(), (BEGIN,), (4,), (5, 4), (BEGIN, 4), (11,), (4, 11), (9, 4)]:
        context = context[max(0, len(context) - order + 1) :]
        want = [slow(word, context) for word in WORDS]
        np.testing.assert_allclose(model.probabilities(context)[END:], want, rtol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        MaximumLikelihood(3, SIZE),
        AddK(3, SIZE, 0.1),
        AbsoluteDiscount(3, SIZE),
        KneserNey(1, SIZE),
        KneserNey(4, SIZE),
        KneserNey(2, SIZE, discount=1.0),
    ],
)
def test_the_probabilities_of_every_context_sum_to_one(sentences, model):
    model.fit(sentences)
    ids = torch.from_numpy(np.stack([sentences[1], sentences[4], np.full(8, 11)]))
    log_p = model.next_log_probs(ids)
    assert log_p.shape == (3, 8, SIZE) and log_p.dtype == torch.float32
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(3, 8))
    assert (log_p[..., :END] == -np.inf).all()
    for row in range(3):
        want = model.probabilities(ids[row, :5])
        np.testing.assert_allclose(log_p[row, 4].exp(), want, rtol=1e-5)


@pytest.mark.parametrize("kind", [AddK, AbsoluteDiscount, KneserNey])
def test_what_never_occurred_is_improbable_but_not_impossible(sentences, kind):
    model = kind(2, SIZE).fit(sentences)
    p = model.probabilities((4,))
    assert 0 < p[11] < p[4]
    assert np.isfinite(perplexity(model, [np.array([BEGIN, 3, 11, 4, END])]))
    none = MaximumLikelihood(2, SIZE).fit(sentences)
    assert perplexity(none, [np.array([BEGIN, 3, 4, END])]) == np.inf


@pytest.mark.equation("eq-ngram-mle")
def test_no_other_shares_make_the_counts_more_probable():
    counts = np.array([5.0, 3.0, 0.0, 2.0])
    best = maximum_likelihood(counts)
    likelihood = lambda p: (counts[counts > 0] * np.log(p[counts > 0])).sum()  # noqa: E731
    rng = np.random.default_rng(0)
    assert all(likelihood(p) < likelihood(best) for p in rng.dirichlet(50 * best + 0.1, 500))
    np.testing.assert_allclose(best, [0.5, 0.3, 0, 0.2])


@pytest.mark.equation("eq-ngram-mle")
def test_maximum_likelihood_counts_what_followed(sentences):
    model = MaximumLikelihood(2, SIZE).fit(sentences)
    follow = Counter(
        b for ids in sentences for a, b in zip(ids[:-1], ids[1:], strict=True) if a == 5
    )
    p = model.probabilities((4, 5))
    assert all(p[w] == pytest.approx(follow[w] / follow.total()) for w in WORDS)
    np.testing.assert_array_equal(model.probabilities((11,)), model.probabilities(()))


@pytest.mark.equation("eq-add-k")
def test_add_k_is_the_mean_of_the_posterior():
    counts, k = np.array([4.0, 1.0, 0.0]), 0.5
    draws = np.random.default_rng(0).dirichlet(np.full(3, k), 400_000)
    weight = (draws**counts).prod(1)
    np.testing.assert_allclose(add_k(counts, k), weight @ draws / weight.sum(), atol=0.004)
    unknown = AddK(2, SIZE).fit([np.array([BEGIN, 4, END])]).probabilities((9,))
    np.testing.assert_allclose(unknown[END:], 1 / len(WORDS))


@pytest.mark.equation("eq-kneser-ney")
def test_francisco_follows_one_word_only_and_kneser_ney_sees_it():
    """Francisco occurs often, but after one word: in a new context glasses is likelier."""
    words = (*SPECIALS, "san", "francisco", "glasses", "new", "old", "my", "read")
    san, francisco, glasses, *adjectives, read = range(4, 11)
    lines = [[san, francisco]] * 20 + [[each, glasses] for each in adjectives]
    corpus = Corpus("toy", words, [np.array([BEGIN, *line, END]) for line in lines])
    for kind, wins in ((AbsoluteDiscount, francisco), (KneserNey, glasses)):
        p = kind(2, corpus.size, 0.75).fit(corpus.sequences).probabilities((read,))
        assert max((francisco, glasses), key=lambda word: p[word]) == wins


@pytest.mark.equation("eq-kneser-ney")
def test_discounting_keeps_the_lower_counts_in_full_where_they_are_small():
    counts, lower = np.array([3.0, 0.5, 0.0]), np.array([0.2, 0.3, 0.5])
    want = (np.array([2.25, 0.0, 0.0]) + 1.25 * lower) / 3.5
    np.testing.assert_allclose(discounted(counts, 0.75, lower), want)


@pytest.mark.equation("eq-kneser-ney")
def test_with_companions_every_word_keeps_its_frequency(sentences):
    pairs = np.zeros((SIZE, SIZE))
    runs, counts = count_ngrams(sentences, 2)
    pairs[runs[:, 0], runs[:, 1]] = counts
    often, companions = pairs.sum(0), (pairs > 0).sum(0)
    contexts = np.flatnonzero(pairs.sum(1))

    def kept(lower):
        p = np.array([discounted(pairs[h], 0.75, lower / lower.sum()) for h in contexts])
        return pairs[contexts].sum(1) @ p

    np.testing.assert_allclose(kept(companions), often, atol=1e-12)
    assert abs(kept(often) - often).max() > 0.5


def test_counts_of_runs_and_of_companions():
    sequences = [np.array([1, 4, 5, 2]), np.array([1, 4, 5, 4, 5, 2])]
    words, counts = count_ngrams(sequences, 1)
    assert dict(zip(words[:, 0].tolist(), counts.tolist(), strict=True)) == {2: 2, 4: 3, 5: 3}
    two, three = count_ngrams(sequences, 2), count_ngrams(sequences, 3)
    assert dict(zip(map(tuple, two[0].tolist()), two[1].tolist(), strict=True)) == {
        (1, 4): 2, (4, 5): 3, (5, 2): 2, (5, 4): 1
    }  # fmt: skip
    runs, companions = continuation_counts(two, three)
    before = defaultdict(set)
    for first, *run in three[0].tolist():
        before[tuple(run)].add(first)
    want = {run: len(each) for run, each in before.items()} | {(1, 4): 2}
    assert dict(zip(map(tuple, runs.tolist()), companions.tolist(), strict=True)) == want
    assert count_ngrams(sequences, 9)[0].shape == (0, 9)


def test_the_discount_is_estimated_from_what_occurred_once_and_twice():
    assert estimated_discount(np.array([1, 1, 1, 2, 9])) == pytest.approx(3 / 5)
    assert estimated_discount(np.array([7, 8])) == 0.05
    assert estimated_discount(np.array([])) == 0.05
    assert estimated_discount(np.array([1, 1])) == 0.95
    model = AbsoluteDiscount(9, SIZE).fit([np.array([BEGIN, 4, 4, 5, END])])
    np.testing.assert_allclose(model.discounts_, [0.5, *[0.95] * 4, *[0.05] * 4])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AddK(0, SIZE), "order is 0"),
        (lambda: AddK(1, 2), "size is 2"),
        (lambda: AddK(1, SIZE, 0.0), "k is 0"),
        (lambda: KneserNey(2, SIZE, discount=1.5), "discount is 1.5"),
        (lambda: KneserNey(2, SIZE).fit([]), "no token to count"),
        (lambda: KneserNey(2, SIZE).fit([np.array([1, SIZE, 2])]), "outside the vocabulary"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
