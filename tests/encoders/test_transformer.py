"""The transformer: its layers against PyTorch's, its weights counted, what it refuses."""

import pytest
import torch
from torch import nn

from recsys_book.encoders import (
    Block,
    CausalLanguageModel,
    EncoderDecoder,
    FeedForward,
    LayerNorm,
    Transformer,
    TransformerConfig,
    feed_forward,
    gelu,
    layer_norm,
)
from recsys_book.optimizers import AdamW, Optimizer


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=draws(seed), dtype=torch.float64)


def tokens(batch, length, vocabulary=50, seed=1):
    return torch.randint(4, vocabulary, (batch, length), generator=draws(seed))


@pytest.mark.equation("eq-layer-norm")
def test_layer_norm_equals_torchs():
    x, gain, shift = 3 + 5 * normal(4, 7, 10), normal(10, seed=1), normal(10, seed=2)
    theirs = nn.functional.layer_norm(x, (10,), gain, shift, 1e-5)
    torch.testing.assert_close(layer_norm(x, gain, shift), theirs, rtol=0, atol=1e-12)
    module = LayerNorm(10, eps=0.1).double()
    with torch.no_grad():
        module.gain.copy_(gain)
        module.shift.copy_(shift)
    torch.testing.assert_close(module(x), layer_norm(x, gain, shift, 0.1), rtol=0, atol=1e-12)
    plain = layer_norm(x, torch.ones(10), torch.zeros(10))
    torch.testing.assert_close(plain.mean(-1), torch.zeros(4, 7).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(layer_norm(7 * x, gain, shift, 0), layer_norm(x, gain, shift, 0))


@pytest.mark.equation("eq-feed-forward")
def test_feed_forward_equals_torchs():
    x = normal(3, 5, 8)
    torch.testing.assert_close(gelu(x), nn.functional.gelu(x), rtol=0, atol=1e-12)
    ours = FeedForward(8, 12, draws()).double()
    theirs = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8)).double()
    theirs.load_state_dict(
        {"0.weight": ours.up.weight, "0.bias": ours.up.bias}
        | {"2.weight": ours.down.weight, "2.bias": ours.down.bias}
    )
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-12)
    written = feed_forward(x, ours.up.weight, ours.up.bias, ours.down.weight, ours.down.bias)
    torch.testing.assert_close(written, theirs(x), rtol=0, atol=1e-12)


def torch_layer(block, norm, width, heads, hidden, cross=False):
    """PyTorch's layer with the weights of a block."""
    kind = nn.TransformerDecoderLayer if cross else nn.TransformerEncoderLayer
    layer = kind(
        width, heads, hidden, dropout=0, activation="gelu", batch_first=True,
        norm_first=norm == "pre", dtype=torch.float64,
    )  # fmt: skip
    pairs = [(layer.self_attn, block.attention)]
    norms = [block.attention_norm, block.feed_forward_norm]
    if cross:
        pairs.append((layer.multihead_attn, block.cross))
        norms.insert(1, block.cross_norm)
    with torch.no_grad():
        for theirs, ours in pairs:
            for name in ("weight", "bias"):
                parts = [getattr(getattr(ours, p), name) for p in ("query", "key", "value")]
                getattr(theirs, f"in_proj_{name}").copy_(torch.cat(parts))
                getattr(theirs.out_proj, name).copy_(getattr(ours.output, name))
        for theirs, ours in (
            (layer.linear1, block.feed_forward.up),
            (layer.linear2, block.feed_forward.down),
        ):
            theirs.weight.copy_(ours.weight)
            theirs.bias.copy_(ours.bias)
        for number, ours in enumerate(norms, 1):
            theirs = getattr(layer, f"norm{number}")
            theirs.weight.copy_(ours.gain)
            theirs.bias.copy_(ours.shift)
    return layer


def a_block(norm, cross=False):
    config = TransformerConfig(10, width=16, heads=4, hidden=24, norm=norm)
    block = Block(config, draws(), cross=cross).double()
    with torch.no_grad():
        for n, p in enumerate(block.parameters()):
            p += 0.1 * normal(*p.shape, seed=n)
    return block


@pytest.mark.equation("eq-pre-norm", "eq-post-norm")
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_block_and_its_gradients_equal_torchs_encoder_layer(norm):
    block = a_block(norm)
    theirs = torch_layer(block, norm, 16, 4, 24)
    x, keep = normal(2, 6, 16), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    y = x.clone().requires_grad_()
    x.requires_grad_()
    ours, _ = block(x, keep[:, None, None])
    reference = theirs(y, src_key_padding_mask=~keep)
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)
    (ours.pow(3) * keep[:, :, None]).sum().backward()
    (reference.pow(3) * keep[:, :, None]).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=0, atol=1e-10)
    for a, b in (
        (block.feed_forward.up.weight, theirs.linear1.weight),
        (block.attention.output.weight, theirs.self_attn.out_proj.weight),
        (block.attention_norm.gain, theirs.norm1.weight),
    ):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_cross_attention_equals_torchs_decoder_layer(norm):
    block = a_block(norm, cross=True)
    theirs = torch_layer(block, norm, 16, 4, 24, cross=True)
    x, memory = normal(2, 5, 16), normal(2, 7, 16, seed=1)
    keep = torch.tensor([[True] * 7, [True] * 3 + [False] * 4])
    causal = torch.ones(5, 5, dtype=torch.bool).tril()
    ours, _ = block(x, causal, memory=memory, memory_mask=keep[:, None, None])
    reference = theirs(x, memory, tgt_mask=~causal, memory_key_padding_mask=~keep)
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)


CONFIGS = [
    TransformerConfig(50),
    TransformerConfig(50, positions="rotary", layers=3, heads=4, hidden=40),
    TransformerConfig(50, positions="sinusoidal", norm="post", segments=2, pooler=True),
    TransformerConfig(70, width=30, layers=1, heads=3, positions="none"),
]


@pytest.mark.equation("eq-transformer-parameters")
@pytest.mark.parametrize("config", CONFIGS)
def test_the_formula_counts_every_weight(config):
    model = Transformer(config, draws())
    assert sum(p.numel() for p in model.parameters()) == config.parameter_count()


@pytest.mark.equation("eq-transformer-parameters")
def test_bert_base_has_the_known_number_of_weights():
    config = TransformerConfig(
        30_522, 768, 12, 12, max_tokens=512, norm="post", segments=2, pooler=True
    )
    with torch.device("meta"):
        model = Transformer(config, draws())
    assert sum(p.numel() for p in model.parameters()) == config.parameter_count() == 109_482_240
    assert len(list(model.parameters())) == 199


@pytest.mark.parametrize("config", CONFIGS)
def test_states_maps_and_output_belong_together(config):
    model, ids = Transformer(config, draws()), tokens(2, 6)
    states, maps = model.hidden_states(ids), model.attention_maps(ids)
    assert len(states) == config.layers + 1
    assert maps.shape == (config.layers, 2, config.heads, 6, 6)
    torch.testing.assert_close(maps.sum(-1), torch.ones(maps.shape[:-1]))
    torch.testing.assert_close(states[0], model.embed(ids))
    torch.testing.assert_close(states[-1], model(ids))
    if config.pooler:
        pooled = model.pooled(states[-1])
        assert pooled.shape == (2, config.width) and pooled.abs().max() <= 1


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "none"])
def test_a_causal_model_does_not_see_what_comes_later(positions):
    model = CausalLanguageModel(TransformerConfig(50, positions=positions), draws())
    ids = tokens(2, 9)
    changed = ids.clone()
    changed[:, 5:] = (changed[:, 5:] + 7) % 50
    before, after = model.next_log_probs(ids), model.next_log_probs(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert (before[:, 5:] - after[:, 5:]).abs().max() > 1e-3


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_padding_changes_no_token(norm, causal):
    model = Transformer(TransformerConfig(50, norm=norm, causal=causal), draws())
    ids = tokens(2, 6)
    padded = torch.cat([ids, torch.zeros(2, 4, dtype=torch.long)], dim=1)
    alone = model(ids)
    torch.testing.assert_close(model(padded, padded != 0)[:, :6], alone)
    if not causal:
        assert (model(padded)[:, :6] - alone).abs().max() > 1e-3


def test_a_hidden_token_is_hidden_under_a_causal_mask_too():
    model, ids = Transformer(TransformerConfig(50, causal=True), draws()), tokens(1, 6)
    other, mask = ids.clone(), torch.ones(1, 6, dtype=torch.bool)
    other[0, 2], mask[0, 2] = ids[0, 2] % 40 + 5, False
    rest = [0, 1, 3, 4, 5]
    torch.testing.assert_close(model(ids, mask)[:, rest], model(other, mask)[:, rest])
    assert (model(ids)[:, 3:] - model(other)[:, 3:]).abs().max() > 1e-3


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_what_a_fresh_model_returns_is_normalised(norm):
    hidden = Transformer(TransformerConfig(50, norm=norm, layers=3), draws())(tokens(2, 6))
    assert hidden.mean(-1).abs().max() < 1e-5
    assert (hidden.var(-1, correction=0) - 1).abs().max() < 1e-3


def test_segments_are_added():
    model, ids = Transformer(TransformerConfig(50, segments=2), draws()), tokens(1, 5)
    first = torch.zeros_like(ids)
    torch.testing.assert_close(model(ids), model(ids, segments=first))
    assert (model(ids) - model(ids, segments=1 - first)).abs().max() > 1e-4


def test_weights_come_from_the_generator_and_nothing_from_the_global_state():
    before = torch.get_rng_state()
    a, b = (Transformer(TransformerConfig(50, dropout=0.1), draws(3)) for _ in range(2))
    c = Transformer(TransformerConfig(50, dropout=0.1), draws(4))
    assert torch.equal(before, torch.get_rng_state())
    ids = tokens(1, 5)
    assert torch.equal(a(ids), b(ids)) and not torch.equal(a(ids), c(ids))
    default = Transformer(TransformerConfig(50)).tokens.weight
    torch.testing.assert_close(default, Transformer(TransformerConfig(50), draws(0)).tokens.weight)


def test_dropout_acts_in_training_only_and_differs_between_layers():
    model, ids = Transformer(TransformerConfig(50, dropout=0.5), draws()), tokens(1, 5)
    assert not torch.equal(model(ids), model(ids))
    model.eval()
    assert torch.equal(model(ids), model(ids))
    seeds = {m.generator.initial_seed() for m in model.modules() if hasattr(m, "generator")}
    assert len(seeds) == 3


def test_an_encoder_decoder_learns_to_reverse_and_writes_from_a_cache():
    config = TransformerConfig(12, width=32, layers=1, heads=2, max_tokens=8)
    model, g = EncoderDecoder(config, draws()), draws(1)
    optimizer = Optimizer(model.parameters(), AdamW(lr=5e-3))
    for _ in range(150):
        source = torch.randint(4, 12, (32, 5), generator=g)
        target = source.flip(1)
        written = torch.cat([torch.ones(32, 1, dtype=torch.long), target[:, :-1]], dim=1)
        loss = nn.functional.cross_entropy(model(source, written).flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    source = torch.randint(4, 12, (64, 5), generator=g)
    assert (model.generate(source, 5) == source.flip(1)).float().mean() > 0.95
    padded = torch.cat([source, torch.zeros(64, 2, dtype=torch.long)], dim=1)
    torch.testing.assert_close(model(padded, written[:1].expand(64, 5), padded != 0),
                               model(source, written[:1].expand(64, 5)))  # fmt: skip
    assert EncoderDecoder(config).config == config


@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        (torch.tensor([[3, 50]]), {}, "Token id 50 lies outside the vocabulary of 50 tokens"),
        (torch.tensor([[-1, 3]]), {}, "Token id -1 lies outside the vocabulary"),
        (torch.zeros(1, 9, dtype=torch.long), {}, "9 tokens, but the model has 8 positions"),
        (torch.zeros(1, 3), {}, "type torch.float32, but whole numbers"),
        (torch.zeros(3, dtype=torch.long), {}, r"shape \(3,\)"),
        (
            tokens(1, 3),
            {"mask": torch.ones(1, 2, dtype=torch.bool)},
            r"mask has shape \(1, 2\)",
        ),
        (tokens(1, 3), {"mask": torch.ones(1, 3)}, "must be boolean"),
        (tokens(1, 3), {"mask": torch.zeros(1, 3, dtype=torch.bool)}, "nothing to look at"),
    ],
)
def test_what_a_model_cannot_read_is_refused_in_one_sentence(ids, options, message):
    with pytest.raises(ValueError, match=message):
        Transformer(TransformerConfig(50, max_tokens=8), draws())(ids, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, "layers is 0, but it must be at least 1"),
        ({"heads": 5}, "5 heads do not divide the width 64"),
        ({"positions": "absolute"}, "positions is 'absolute', but it must be one of learned"),
        ({"norm": "both"}, "norm is 'both', but it must be one of pre, post"),
        ({"width": 6, "positions": "rotary"}, "odd width 3"),
    ],
)
def test_impossible_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TransformerConfig(50, **options)
