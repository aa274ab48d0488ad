"""Generation: the same tokens with and without a cache, and draws that follow the model."""

import pytest
import torch

from recsys_book.encoders import (
    CausalLanguageModel,
    KeyValueCache,
    Transformer,
    TransformerConfig,
    causal_mask,
)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def model_of(**options):
    settings = {"vocabulary": 20, "max_tokens": 16} | options
    return CausalLanguageModel(TransformerConfig(**settings), draws())


def prefix(batch=3, length=4):
    return torch.randint(4, 20, (batch, length), generator=draws(2))


@pytest.mark.equation("eq-kv-cache")
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "none"])
def test_a_cache_gives_the_same_logits(positions, norm):
    model, ids = model_of(positions=positions, norm=norm), prefix(length=10)
    cache = KeyValueCache(2)
    parts = [model(ids[:, a:b], cache=cache) for a, b in ((0, 4), (4, 5), (5, 10))]
    torch.testing.assert_close(torch.cat(parts, 1), model(ids), rtol=0, atol=1e-5)
    assert cache.length == 10


def test_generation_is_the_same_with_and_without_a_cache():
    model = model_of()
    for g in (None, 5):
        a, b = (
            model.generate(prefix(), 9, None if g is None else draws(g), cache=cache)
            for cache in (True, False)
        )
        assert torch.equal(a, b) and a.shape == (3, 13) and torch.equal(a[:, :4], prefix())


def test_the_cache_reads_each_token_once():
    model, read = model_of(), []
    model.transformer.register_forward_pre_hook(lambda _, args: read.append(args[0].shape[1]))
    model.generate(prefix(), 5)
    assert read == [4, 1, 1, 1, 1]
    read.clear()
    model.generate(prefix(), 5, cache=False)
    assert read == [4, 5, 6, 7, 8]


def test_greedy_takes_the_likeliest_token():
    model, ids = model_of(), prefix(1)[0]
    new = model.generate(ids, 1)
    assert new.shape == (5,) and new[-1] == model.next_log_probs(ids[None])[0, -1].argmax()


def test_draws_follow_the_models_distribution():
    model = model_of()
    with torch.no_grad():
        model.transformer.tokens.weight *= 20
    ids = prefix(1).expand(4000, 4)
    for temperature in (1.0, 0.5):
        new = model.generate(ids, 1, draws(1), temperature=temperature)[:, -1]
        share = torch.bincount(new, minlength=20) / 4000
        p = (model(ids[:1])[0, -1] / temperature).softmax(0)
        assert (share - p).abs().max() < 0.03
    assert p.max() > 0.1


def test_log_probabilities_are_of_the_next_token_and_sum_to_one():
    model, ids = model_of(), prefix()
    log_p = model.next_log_probs(ids)
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(3, 4))
    hidden = model.transformer(ids)
    torch.testing.assert_close(log_p, (hidden @ model.transformer.tokens.weight.T).log_softmax(-1))
    assert model.config.causal
    padded = torch.cat([ids, torch.zeros(3, 2, dtype=torch.long)], 1)
    torch.testing.assert_close(model(padded, padded != 0)[:, :4], model(ids))


@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        (torch.zeros(1, 0, dtype=torch.long), {"n": 1}, "The prefix has no token"),
        (prefix(), {"n": 1, "temperature": 0}, "temperature is 0, but it must be above 0"),
        (prefix(), {"n": 14}, "ask for at most 13 new ones"),
    ],
)
def test_impossible_requests_are_refused(ids, options, message):
    with pytest.raises(ValueError, match=message):
        model_of().generate(ids, **options)


def test_the_longest_possible_sequence_is_written():
    assert model_of().generate(prefix(), 13).shape == (3, 17)


def test_a_cache_needs_a_causal_model_without_padding():
    encoder = Transformer(TransformerConfig(20), draws())
    with pytest.raises(ValueError, match="A cache serves a causal model"):
        encoder(prefix(), cache=KeyValueCache(2))
    with pytest.raises(ValueError, match="A cache serves a causal model"):
        model_of()(prefix(), torch.ones(3, 4, dtype=torch.bool), cache=KeyValueCache(2))
    assert causal_mask(1).all()
