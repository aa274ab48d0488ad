"""The beam against every item's likelihood, prompts against training pieces, bad input."""

import numpy as np
import pytest
import torch

from recsys_book.data import Interactions
from recsys_book.encoders.generation import CausalLanguageModel
from recsys_book.encoders.generative_retrieval import (
    GenerativeRetriever,
    IdTree,
    NextItemProblem,
    beam_search,
    id_log_likelihood,
    item_histories,
    prompt,
)
from recsys_book.encoders.language_modeling import windows
from recsys_book.encoders.semantic_ids import SemanticIds
from recsys_book.encoders.transformer import TransformerConfig
from recsys_book.optimizers import AdamW
from recsys_book.optimizers.training import train

N_ITEMS, CONTEXT = 40, 5


@pytest.fixture(scope="module")
def ids():
    return SemanticIds.from_codes(np.random.default_rng(0).integers(4, size=(N_ITEMS, 2)), size=4)


def maker(ids, context=CONTEXT, sharp=1.0):
    def make(generator):
        config = TransformerConfig(
            ids.vocabulary, width=16, layers=2, heads=2, max_tokens=context * ids.length
        )
        model = CausalLanguageModel(config, generator)
        with torch.no_grad():  # untrained models are almost uniform, which would test little
            model.transformer.tokens.weight.mul_(sharp)
        return model

    return make


@pytest.fixture(scope="module")
def model(ids):
    return maker(ids, sharp=20.0)(torch.Generator().manual_seed(1)).eval()


@pytest.fixture(scope="module")
def histories():
    rng = np.random.default_rng(2)
    return [rng.choice(N_ITEMS, size=n, replace=False) for n in (1, 3, 4, 9, 9, 20)]


def everything(n):
    return torch.ones(n, N_ITEMS, dtype=torch.bool)


@pytest.mark.equation("eq-id-likelihood")
def test_the_likelihood_is_the_product_over_the_digits(ids, model, histories):
    start = torch.from_numpy(prompt(ids, histories[1], CONTEXT))
    found = id_log_likelihood(model, ids, start)
    item, total, tokens = 17, 0.0, start.tolist()
    for token in ids.tokens[item]:
        total += float(model(torch.tensor([tokens]))[0, -1].softmax(-1)[token].log().detach())
        tokens.append(int(token))
    assert float(found[item]) == pytest.approx(total, abs=1e-4)
    assert float(found.exp().sum()) < 1  # the rest went to ids that no item has


@pytest.mark.parametrize("row", range(6))
def test_a_full_beam_is_exact(ids, model, histories, row):
    start = torch.from_numpy(prompt(ids, histories[row], CONTEXT))
    items, scores = beam_search(model, ids, start[None], N_ITEMS, everything(1), IdTree(ids))
    exact = id_log_likelihood(model, ids, start)
    assert sorted(items[0].tolist()) == list(range(N_ITEMS))
    assert items[0].tolist() == exact.argsort(descending=True).tolist()
    torch.testing.assert_close(scores[0], exact[items[0]], rtol=0, atol=1e-4)


def test_a_narrow_beam_scores_right_but_misses_items(ids, model, histories):
    start = torch.from_numpy(prompt(ids, histories[3], CONTEXT))
    exact = id_log_likelihood(model, ids, start)
    items, scores = beam_search(model, ids, start[None], 2, everything(1), IdTree(ids))
    torch.testing.assert_close(scores[0], exact[items[0]], rtol=0, atol=1e-4)
    best = set(exact.topk(2).indices.tolist())
    misses = 0
    for seed in range(10):
        weights = maker(ids, sharp=20.0)(torch.Generator().manual_seed(seed)).eval()
        exact = id_log_likelihood(weights, ids, start)
        found, _ = beam_search(weights, ids, start[None], 1, everything(1), IdTree(ids))
        misses += int(found[0, 0]) != int(exact.argmax())
    assert misses > 0 and len(best) == 2  # the first digit of the best id need not be the best


def test_only_allowed_items_are_written(ids, model, histories):
    start = torch.from_numpy(prompt(ids, histories[2], CONTEXT))
    allowed = torch.zeros(1, N_ITEMS, dtype=torch.bool)
    allowed[0, [3, 8, 30]] = True
    items, scores = beam_search(model, ids, start[None], 5, allowed, IdTree(ids))
    there = torch.isfinite(scores[0])
    exact = id_log_likelihood(model, ids, start)
    want = sorted([3, 8, 30], key=lambda item: -float(exact[item]))
    assert items[0][there].tolist() == want


def test_plain_ids_are_the_case_of_one_digit(histories):
    plain = SemanticIds.plain(N_ITEMS)
    model = maker(plain)(torch.Generator().manual_seed(0)).eval()
    retriever = GenerativeRetriever(model, plain, histories, beam=N_ITEMS, exclude_seen=False)
    scores = retriever.score(np.array([4, 0]))
    tokens = torch.from_numpy(prompt(plain, histories[4], CONTEXT))
    want = model.next_log_probs(tokens[None])[0, -1, 4:]
    np.testing.assert_allclose(scores[0], want.detach().numpy(), atol=1e-5)


def test_scores_come_back_in_the_order_of_the_users(ids, model, histories):
    retriever = GenerativeRetriever(model, ids, histories, beam=N_ITEMS)
    together = retriever.score(np.arange(6))
    assert np.array_equal(
        np.isfinite(together), np.array([~np.isin(np.arange(N_ITEMS), h) for h in histories])
    )
    for user in range(6):
        np.testing.assert_allclose(retriever.score(np.array([user]))[0], together[user], atol=1e-4)


def test_cold_items_can_be_asked_for_alone(ids, model, histories):
    cold = np.arange(N_ITEMS) >= 35
    retriever = GenerativeRetriever(model, ids, histories, beam=N_ITEMS, allowed=cold)
    scores = retriever.score(np.arange(6))
    assert not np.isfinite(scores[:, :35]).any() and np.isfinite(scores[0, 35:]).all()


def test_prompts_look_like_training_pieces(ids):
    items = np.arange(12)
    whole = np.concatenate([[1], ids.write(items)])
    pieces = windows([whole], CONTEXT * ids.length)
    # The second piece predicts items 5 to 9; what precedes item 9 in it is the prompt of item 9.
    assert pieces[1][: -ids.length].tolist() == prompt(ids, items[:9], CONTEXT).tolist()
    # The first piece begins with the begin.
    assert pieces[0][: -ids.length].tolist() == prompt(ids, items[:4], CONTEXT).tolist()
    assert prompt(ids, items[:0], CONTEXT).tolist() == [1]


def test_histories_are_in_time_order_and_by_user():
    log = Interactions(
        user=np.array([2, 0, 2, 0, 2]),
        item=np.array([1, 2, 3, 0, 2]),
        value=np.ones(5),
        timestamp=np.array([5, 9, 1, 4, 7]),
        users=np.arange(3),
        items=np.arange(4),
    )
    assert [h.tolist() for h in item_histories(log)] == [[0, 2], [], [3, 1, 2]]


def test_training_learns_a_planted_order():
    # Every user walks through the items in one circle, from a place of their own.
    n = 12
    ids = SemanticIds.from_codes(np.arange(n)[:, None] % 3, size=3)
    walks = [np.roll(np.arange(n), -start)[:7] for start in range(n)]
    valid = np.array([(walk[-1] + 1) % n for walk in walks])
    problem = NextItemProblem(walks, valid, ids, maker(ids, context=3), context=3, batch_size=4)
    history = train(problem, AdamW(lr=0.01), epochs=15, seed=0)
    # An untrained model spreads itself over all tokens at every place.
    untrained = ids.length * np.log(ids.vocabulary)
    assert history.epoch_validation[0] == pytest.approx(untrained, rel=0.05)
    assert history.final_validation < 0.25 * untrained
    retriever = GenerativeRetriever(history.model, ids, walks, beam=5)
    assert (retriever.score(np.arange(n)).argmax(axis=1) == valid).mean() > 0.8


def test_validation_leaves_out_users_without_a_target(ids, histories):
    some = np.array([3, -1, -1, 5, -1, -1])
    problem = NextItemProblem(histories, some, ids, maker(ids), context=CONTEXT)
    model = problem.model(0).eval()
    each = [
        -float(
            id_log_likelihood(model, ids, torch.from_numpy(prompt(ids, histories[u], CONTEXT)))[i]
        )
        for u, i in ((0, 3), (3, 5))
    ]
    assert problem.validate(model) == pytest.approx(np.mean(each), rel=1e-5)


def test_bad_input_is_refused(ids, model, histories):
    with pytest.raises(ValueError, match="No history"):
        NextItemProblem([np.array([], dtype=int)], np.array([1]), ids, maker(ids))
    with pytest.raises(ValueError, match="at least one beginning"):
        GenerativeRetriever(model, ids, histories, beam=0)
