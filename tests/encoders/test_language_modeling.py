"""Every token is predicted once, padding counts nothing, and ranks are what a sort would say."""

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.encoders.corpora import BEGIN, END, FIRST, PAD
from recsys_book.encoders.language_modeling import (
    ItemToItem,
    NextTokenProblem,
    NoRepeats,
    next_item_ranks,
    next_token_loss,
    perplexity,
    sample_sentence,
    token_log_probs,
    windows,
)
from recsys_book.optimizers import AdamW, train

V = 9


class Table(nn.Module):
    """A bigram model: row of logits by the current token."""

    def __init__(self, generator):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(V, V, generator=generator))

    def forward(self, ids):
        return self.rows[ids]

    def next_log_probs(self, ids):
        return self(ids).log_softmax(-1)


@pytest.fixture
def model():
    return Table(torch.Generator().manual_seed(0))


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    return [np.r_[BEGIN, rng.integers(FIRST, V, n), END] for n in (1, 3, 7, 12, 2, 5, 5)]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100, None])
def test_every_token_is_a_target_exactly_once(sequences, limit):
    pieces = windows(sequences, limit)
    targets = np.concatenate([ids[1:] for ids in pieces])
    np.testing.assert_array_equal(targets, np.concatenate([ids[1:] for ids in sequences]))
    assert all(2 <= len(ids) <= (limit or 99) + 1 for ids in pieces)


@pytest.mark.equation("eq-perplexity")
@pytest.mark.parametrize("limit", [1, 4, None])
def test_perplexity_is_the_geometric_mean_of_inverse_probabilities(model, sequences, limit):
    p = [
        model.rows[a].softmax(0)[b].item()
        for ids in sequences
        for a, b in zip(ids[:-1], ids[1:], strict=True)
    ]
    want = np.prod([1 / each for each in p]) ** (1 / len(p))
    assert perplexity(model, sequences, limit) == pytest.approx(want, rel=1e-5)
    parts = token_log_probs(model, sequences, limit)
    assert [len(part) for part in parts] == [len(ids) - 1 for ids in sequences]
    np.testing.assert_allclose(np.exp(np.concatenate(parts)), p, rtol=1e-5)


@pytest.mark.equation("eq-perplexity")
def test_a_uniform_model_is_as_puzzled_as_its_vocabulary_is_large(sequences):
    class Uniform:
        def next_log_probs(self, ids):
            return torch.full((*ids.shape, V), -np.log(V))

    assert perplexity(Uniform(), sequences) == pytest.approx(V)
    assert token_log_probs(Uniform(), []) == []


@pytest.mark.equation("eq-behaviour-likelihood")
def test_the_chain_rule_gives_all_sentences_together_a_probability_of_one(model):
    with torch.no_grad():
        model.rows[:, [PAD, BEGIN, 3, 7, 8]] = -np.inf
    words = [4, 5, 6]
    sentences, growing, total = [], [[BEGIN]], 0.0
    for _ in range(5):
        sentences += [[*each, END] for each in growing]
        growing = [[*each, word] for each in growing for word in words]
    total = sum(
        np.exp(token_log_probs(model, [np.array(each)])[0].sum()) for each in (*sentences, *growing)
    )
    assert total == pytest.approx(1, abs=1e-5)


@pytest.mark.equation("eq-behaviour-likelihood")
def test_padding_neither_adds_to_the_loss_nor_to_the_number_of_tokens(model):
    ids = torch.tensor([[1, 4, 5, 2, 0, 0], [1, 4, 5, 6, 7, 2]])
    alone = next_token_loss(model(ids[:1, :3]), ids[:1, 1:4])
    other = next_token_loss(model(ids[1:, :-1]), ids[1:, 1:])
    both = next_token_loss(model(ids[:, :-1]), ids[:, 1:])
    torch.testing.assert_close(both, (3 * alone + 5 * other) / 8)


@pytest.mark.equation("eq-behaviour-likelihood")
def test_validation_is_the_logarithm_of_perplexity(model, sequences):
    problem = NextTokenProblem(sequences, sequences[2:], Table, batch_size=2, max_tokens=4)
    want = np.log(perplexity(model, sequences[2:], 4))
    assert problem.validate(model) == pytest.approx(want, rel=1e-5)


def test_an_epoch_holds_every_piece_once_in_batches_of_like_lengths(sequences):
    problem = NextTokenProblem(sequences, sequences, Table, batch_size=2, max_tokens=6)
    rows = [tuple(row[row != PAD].tolist()) for batch in problem.batches(3) for row in batch]
    assert sorted(rows) == sorted(tuple(ids.tolist()) for ids in windows(sequences, 6))
    assert rows != [tuple(row[row != PAD].tolist()) for b in problem.batches(4) for row in b]
    assert all((batch[:, -1] != PAD).any() for batch in problem.batches(0))


def test_training_finds_the_counts(sequences):
    problem = NextTokenProblem(sequences, sequences, Table, batch_size=8)
    model = train(problem, AdamW(lr=0.3, weight_decay=0.0), epochs=150).model
    pairs = np.concatenate([np.stack([ids[:-1], ids[1:]], 1) for ids in sequences])
    after_begin = pairs[pairs[:, 0] == BEGIN, 1]
    want = np.bincount(after_begin, minlength=V) / len(after_begin)
    p = model.next_log_probs(torch.tensor([[BEGIN]])).exp()[0, 0].detach()
    np.testing.assert_allclose(p, want, atol=0.02)


@pytest.mark.parametrize("limit", [2, None])
@pytest.mark.parametrize("exclude", [True, False])
def test_ranks_are_those_of_a_sort(model, limit, exclude):
    ids = np.array([BEGIN, 4, 6, 8, 5, 7, END])
    (ranks,) = next_item_ranks(model, [ids], limit, exclude_seen=exclude)
    want = []
    for t in range(1, 5):
        scores = model.rows[ids[t]].detach().numpy().copy()
        scores[:FIRST] = -np.inf
        if exclude:
            scores[ids[1 : t + 1]] = -np.inf
        want.append(1 + int((scores > scores[ids[t + 1]]).sum()))
    assert ranks.tolist() == want
    assert len(next_item_ranks(model, [ids], limit, min_context=0)[0]) == 5
    assert len(next_item_ranks(model, [ids], limit, min_context=3)[0]) == 2


def test_ties_are_broken_by_one_seeded_order_and_a_repeated_item_can_be_found():
    class Flat:
        def next_log_probs(self, ids):
            return torch.zeros(*ids.shape, FIRST + 200)

    sequences = [np.array([BEGIN, 4, item, END]) for item in range(4, 204)]
    ranks = np.concatenate(next_item_ranks(Flat(), sequences, exclude_seen=False))
    assert sorted(ranks) == list(range(1, 201))
    assert list(ranks) != sorted(ranks)
    other = np.concatenate(next_item_ranks(Flat(), sequences, exclude_seen=False, seed=1))
    assert list(ranks) != list(other)
    assert next_item_ranks(Flat(), sequences[:1])[0][0] >= 1


def test_every_earlier_item_votes_and_special_ids_do_not():
    weights = np.random.default_rng(0).normal(size=(5, 5))
    scores = ItemToItem(weights).next_log_probs(torch.tensor([[BEGIN, 4, 6, PAD]]))[0].numpy()
    np.testing.assert_allclose(scores[0], 0)
    np.testing.assert_allclose(scores[1, FIRST:], weights[0], rtol=1e-6)
    np.testing.assert_allclose(scores[2:, FIRST:], [weights[0] + weights[2]] * 2, rtol=1e-6)
    assert not scores[:, :FIRST].any()


def test_without_repeats_the_others_share_the_probability(model):
    log_p = NoRepeats(model).next_log_probs(torch.tensor([[BEGIN, 5, 7, 5]]))[0]
    for t, seen in enumerate([[], [5], [5, 7], [5, 7]]):
        p = model.rows[[BEGIN, 5, 7, 5][t]].softmax(0).detach()
        p[seen] = 0
        torch.testing.assert_close(log_p[t].exp(), p / p.sum())


def test_sampled_words_have_the_probabilities_of_the_model(model):
    p = model.next_log_probs(torch.tensor([[5]])).exp()[0, 0].detach().numpy()
    g = torch.Generator().manual_seed(0)
    draws = [sample_sentence(model, g, [5], max_tokens=1)[1] for _ in range(3000)]
    np.testing.assert_allclose(np.bincount(draws, minlength=V) / 3000, p, atol=0.03)
    cold = {sample_sentence(model, g, [5], 1, temperature=0.01)[1] for _ in range(20)}
    assert cold == {int(p.argmax())}
    sentence = sample_sentence(model, g, max_tokens=200)
    assert sentence[0] == BEGIN and sentence.index(END) == len(sentence) - 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: windows([np.array([1, 2])], 0), "max_tokens is 0"),
        (lambda: windows([np.array([1])], 4), "no next token"),
        (lambda: NextTokenProblem([np.array([1, 2])], [], Table), "no sequences"),
        (lambda: ItemToItem(np.zeros((2, 3))), "one row and one column"),
        (lambda: sample_sentence(None, None, temperature=0.0), "temperature is 0"),
        (
            lambda: NextTokenProblem([np.array([1, 2])], [np.array([1, 2])], Table, batch_size=0),
            "batch_size is 0",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
