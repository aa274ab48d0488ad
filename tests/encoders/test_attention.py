"""Attention: against its definition by hand, against PyTorch, and what a mask may be."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from recsys_book.encoders import (
    KeyValueCache,
    MultiHeadAttention,
    attention,
    attention_cost,
    causal_mask,
    kernel_smoothing,
)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=draws(seed), dtype=torch.float64)


@pytest.mark.equation("eq-kernel-smoothing")
def test_a_kernel_average_by_hand():
    keys, values = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([1.0, 2.0, 5.0])
    w = np.exp(-np.array([1.0, 0.0, 4.0]) / 2)
    want = (w * values.numpy()).sum() / w.sum()
    got = kernel_smoothing(torch.tensor([1.0]), keys, values, 1.0)
    assert got.item() == pytest.approx(want)


def test_a_wide_kernel_is_the_mean_and_a_narrow_one_the_nearest():
    keys, values = normal(20, 3), normal(20, seed=1)
    query = keys[4] + 1e-3
    assert kernel_smoothing(query, keys, values, 1e6).item() == pytest.approx(values.mean().item())
    assert kernel_smoothing(query, keys, values, 1e-3).item() == pytest.approx(values[4].item())
    with pytest.raises(ValueError, match="bandwidth is 0, but it must be above 0"):
        kernel_smoothing(query, keys, values, 0)


@pytest.mark.equation("eq-kernel-smoothing", "eq-attention")
def test_keys_of_one_length_make_kernel_smoothing_an_attention():
    keys, query, values = normal(12, 8), normal(8, seed=1), normal(12, seed=2)
    keys = functional.normalize(keys, dim=1)
    smoothed = kernel_smoothing(query, keys, values, 8**0.25)
    mixed, _ = attention(query[None], keys, values[:, None])
    assert smoothed.item() == pytest.approx(mixed.item())


@pytest.mark.equation("eq-attention")
def test_attention_by_hand_with_loops():
    Q, K, V = normal(3, 4), normal(5, 4, seed=1), normal(5, 2, seed=2)
    output, weights = attention(Q, K, V)
    for t in range(3):
        e = np.exp([float(Q[t] @ K[s]) / 2 for s in range(5)])
        np.testing.assert_allclose(weights[t], e / e.sum())
        want = sum(e[s] / e.sum() * V[s].numpy() for s in range(5))
        np.testing.assert_allclose(output[t], want)


@pytest.mark.equation("eq-attention")
@pytest.mark.parametrize("masked", [False, True])
def test_output_and_gradients_equal_torchs(masked):
    ours = [normal(2, 3, 6, 8, seed=k).requires_grad_() for k in range(3)]
    theirs = [x.detach().clone().requires_grad_() for x in ours]
    mask = causal_mask(6) if masked else None
    out, _ = attention(*ours, mask)
    ref = functional.scaled_dot_product_attention(*theirs, attn_mask=mask)
    torch.testing.assert_close(out, ref, rtol=0, atol=1e-12)
    out.pow(2).sum().backward()
    ref.pow(2).sum().backward()
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-12)


@pytest.mark.equation("eq-attention-variance")
@pytest.mark.parametrize("d_k", [4, 64, 512])
def test_scores_have_variance_one_whatever_the_width(d_k):
    g = draws()
    q, k = torch.randn(2, 20_000, d_k, generator=g)
    raw = (q * k).sum(1)
    assert raw.var().item() == pytest.approx(d_k, rel=0.05)
    # The function divides before the softmax: log-weights of two keys differ by the scaled scores.
    _, weights = attention(
        q[:, None], torch.stack([k, torch.zeros_like(k)], 1), k.new_zeros(1, 2, 1)
    )
    scaled = (weights[:, 0, 0].double() / weights[:, 0, 1].double()).log()
    assert scaled.var().item() == pytest.approx(1, rel=0.05)


@pytest.mark.equation("eq-causal-mask")
def test_a_causal_mask_hides_what_comes_later():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True] * 3]
    assert causal_mask(1, 4).tolist() == [[True] * 4]
    assert causal_mask(2, 4).tolist() == [[True, True, True, False], [True] * 4]
    _, weights = attention(normal(5, 4), normal(5, 4, seed=1), normal(5, 4), causal_mask(5))
    assert torch.equal(weights, weights.tril())
    torch.testing.assert_close(weights.sum(-1), torch.ones(5, dtype=torch.float64))


@pytest.mark.equation("eq-multi-head")
def test_multi_head_attention_equals_torchs():
    ours = MultiHeadAttention(24, 4, draws()).double()
    theirs = nn.MultiheadAttention(24, 4, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for name in ("weight", "bias"):
            parts = [getattr(getattr(ours, p), name) for p in ("query", "key", "value")]
            getattr(theirs, f"in_proj_{name}").copy_(torch.cat(parts))
            getattr(theirs.out_proj, name).copy_(getattr(ours.output, name))
    x, memory = normal(2, 5, 24), normal(2, 7, 24, seed=1)
    keep = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    out, weights = ours(x, memory, keep[:, None, None])
    ref, maps = theirs(x, memory, memory, key_padding_mask=~keep, average_attn_weights=False)
    torch.testing.assert_close(out, ref, rtol=0, atol=1e-12)
    torch.testing.assert_close(weights, maps, rtol=0, atol=1e-12)


@pytest.mark.equation("eq-multi-head")
def test_heads_by_hand_with_slices():
    layer = MultiHeadAttention(12, 3, draws()).double()
    x = normal(1, 6, 12)[0]
    heads = []
    for i in range(3):
        rows = slice(4 * i, 4 * i + 4)
        Q, K, V = (
            x @ part.weight[rows].T + part.bias[rows]
            for part in (layer.query, layer.key, layer.value)
        )
        heads.append(attention(Q, K, V)[0])
    want = torch.cat(heads, dim=1) @ layer.output.weight.T + layer.output.bias
    torch.testing.assert_close(layer(x[None])[0][0], want, rtol=0, atol=1e-12)


def test_attention_without_positions_moves_with_its_tokens():
    layer, x = MultiHeadAttention(16, 4, draws()).double(), normal(1, 10, 16)
    p = torch.randperm(10, generator=draws(3))
    torch.testing.assert_close(layer(x)[0][:, p], layer(x[:, p])[0], rtol=0, atol=1e-12)


@pytest.mark.equation("eq-kv-cache")
def test_a_cache_appends_and_gives_the_same_rows():
    layer, x = MultiHeadAttention(16, 2, draws(), rotary=True).double(), normal(2, 7, 16)
    whole, _ = layer(x, mask=causal_mask(7))
    cache = KeyValueCache(1)
    assert cache.length == 0 and cache.bytes == 0
    parts = [
        layer(x[:, a:b], mask=causal_mask(b - a, b), past=cache.layers[0])[0]
        for a, b in ((0, 3), (3, 4), (4, 7))
    ]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-12)
    assert cache.length == 7 and cache.bytes == 2 * 2 * 7 * 16 * 8
    keys = cache.layers[0].keys
    cache.select(torch.tensor([1, 1, 0]))
    torch.testing.assert_close(cache.layers[0].keys, keys[[1, 1, 0]])
    KeyValueCache(2).select(torch.tensor([0]))


@pytest.mark.equation("eq-attention-cost")
def test_the_count_of_multiplications():
    width, hidden, tokens = 8, 20, 6
    layer = MultiHeadAttention(width, 2, draws())
    linear = sum(p.weight.numel() for p in (layer.query, layer.key, layer.value, layer.output))
    assert attention_cost(tokens, width, hidden) == (
        tokens * (linear + 2 * width * hidden),
        tokens * tokens * width * 2,
    )
    a, b = attention_cost(10, width), attention_cost(20, width)
    assert b[0] == 2 * a[0] and b[1] == 4 * a[1]
    a = attention_cost(6 * width, width)
    assert a[0] == a[1]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(5, 5), r"type torch.float32, but it must be boolean"),
        (torch.ones(4, 4, dtype=torch.bool), r"shape \(4, 4\), which does not broadcast"),
        (torch.ones(2, 5, 5, dtype=torch.bool), r"does not broadcast to the scores'"),
        (torch.zeros(5, 5, dtype=torch.bool), "leaves a token nothing to look at"),
    ],
)
def test_a_wrong_mask_is_refused_in_one_sentence(mask, message):
    x = normal(5, 4)
    with pytest.raises(ValueError, match=message):
        attention(x, x, x, mask)


@pytest.mark.parametrize(
    ("width", "heads", "rotary", "message"),
    [
        (10, 3, False, "3 heads do not divide the width 10"),
        (10, 0, False, "0 heads do not divide"),
        (6, 2, True, "each of the 2 heads has the odd width 3"),
    ],
)
def test_heads_that_do_not_fit_are_refused(width, heads, rotary, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(width, heads, draws(), rotary=rotary)
