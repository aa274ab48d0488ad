"""Memory: what backward needs, counted; the same loss and gradients with less; bfloat16."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from recsys_book.encoders.fine_tuning.freezing import freeze
from recsys_book.encoders.fine_tuning.lora import add_lora
from recsys_book.encoders.fine_tuning.memory import (
    best_segments,
    bfloat16,
    checkpointing,
    checkpointing_floats,
    half_spacing,
    peak_bytes,
    run_in_segments,
    saved_bytes,
    training_memory,
)
from recsys_book.encoders.transformer import Transformer, TransformerConfig
from recsys_book.optimizers import SGD, Adam, AdamW, HeavyBall, Optimizer, state_bytes

LAYERS, WIDTH, ROWS = 16, 8, 100


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stack(trained=True):
    blocks = [
        nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH))
        for _ in range(LAYERS)
    ]
    with torch.no_grad():
        for number, block in enumerate(blocks):
            for place, param in enumerate(block.parameters()):
                param.copy_(0.5 * normal(*param.shape, seed=10 * number + place))
    return nn.ModuleList(blocks) if trained else freeze(nn.ModuleList(blocks))


def encoder(**settings):
    config = TransformerConfig(vocabulary=20, width=8, layers=3, heads=2, max_tokens=6, **settings)
    return Transformer(config, torch.Generator().manual_seed(2))


def bert():
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=12,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertModel(config, add_pooling_layer=False)


IDS = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])


def run_ours(model):
    return model(IDS, mask=IDS > 0).square().sum()


def run_bert(model):
    return model(IDS, attention_mask=(IDS > 0).long()).last_hidden_state[..., :3].square().sum()


@pytest.mark.equation("eq-training-memory")
@pytest.mark.parametrize("rule", [SGD(lr=0.1), HeavyBall(lr=0.1), Adam(), AdamW()])
def test_the_account_is_what_a_step_leaves_behind(rule):
    model = add_lora(encoder(), rank=2)
    account = training_memory(model, rule)
    trained = [param for param in model.parameters() if param.requires_grad]
    optimizer = Optimizer(trained, rule)
    run_ours(model).backward()
    optimizer.step()
    grads = [param.grad for param in model.parameters() if param.grad is not None]
    assert account.gradients == sum(grad.nbytes for grad in grads)
    assert account.state == state_bytes(optimizer)
    assert account.weights == sum(param.nbytes for param in model.parameters())
    assert account.total == account.weights + account.gradients + account.state


@pytest.mark.equation("eq-training-memory")
def test_adam_holds_sixteen_bytes_for_each_trained_float_and_four_for_a_frozen_one():
    model = encoder()
    n = sum(param.numel() for param in model.parameters())
    assert training_memory(model, AdamW()).total == 16 * n
    assert training_memory(freeze(model), AdamW()).total == 4 * n


def test_saved_bytes_of_one_layer_by_hand():
    x, layer = normal(ROWS, 5), nn.Linear(5, 3)
    assert saved_bytes(lambda: layer(x).sum(), layer) == x.nbytes  # for the weight's gradient
    assert saved_bytes(lambda: layer(x).sum()) == x.nbytes  # one input, no gradient: no weight
    y = normal(ROWS, 5).requires_grad_()
    freeze(layer)
    assert saved_bytes(lambda: layer(y).sum(), layer) == 0  # only the weight, which is there
    assert saved_bytes(lambda: layer(y).sum()) == layer.weight.nbytes
    assert saved_bytes(lambda: torch.tanh(y).sum()) == y.nbytes  # the output is kept
    assert saved_bytes(lambda: (y.exp()[:10].square()).sum()) == y.nbytes  # a view keeps the whole


def test_saved_bytes_leave_the_gradients_as_they_are():
    model = encoder()
    run_ours(model).backward()
    expected = [param.grad.clone() for param in model.parameters() if param.grad is not None]
    model.zero_grad()
    counts = {saved_bytes(lambda: run_ours(model), model) for _ in range(3)}
    assert len(counts) == 1
    run_ours(model).backward()
    grads = [param.grad for param in model.parameters() if param.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(grads, expected))


def test_frozen_weights_need_less_but_not_nothing():
    full = saved_bytes(lambda: run_ours(encoder()), None)
    model = add_lora(encoder(), rank=1)
    assert 0 < saved_bytes(lambda: run_ours(model), model) < full


@pytest.mark.equation("eq-checkpointing-memory")
@pytest.mark.parametrize("segments", [1, 2, 4, 8, 16])
def test_segments_keep_one_input_each_and_change_nothing(segments):
    blocks, x = stack(), normal(ROWS, WIDTH)
    plain = run_in_segments.__globals__["_run"](blocks, x).square().mean()
    plain.backward()
    expected = [param.grad.clone() for param in blocks.parameters()]
    blocks.zero_grad()
    loss = run_in_segments(blocks, x, segments).square().mean()
    loss.backward()
    assert torch.equal(loss, plain)
    for param, grad in zip(blocks.parameters(), expected):
        torch.testing.assert_close(param.grad, grad, rtol=1e-6, atol=1e-9)
    # The first input, those of the other segments, and the output for the square.
    kept = saved_bytes(lambda: run_in_segments(blocks, x, segments).square().sum(), blocks)
    assert kept == (segments + 1) * x.nbytes


@pytest.mark.equation("eq-checkpointing-memory")
def test_the_most_held_at_once_follows_the_formula():
    blocks, x = stack(), normal(4000, WIDTH)  # so long that the weights' gradients do not count
    one = x.nbytes
    inside = saved_bytes(lambda: blocks[0](x.clone().requires_grad_()).sum(), blocks[0])
    assert inside == 2 * one  # the layer's input and the bent numbers

    def step(segments):
        run_in_segments(blocks, x, segments).sum().backward()
        blocks.zero_grad()

    peaks = {k: peak_bytes(lambda k=k: step(k)) / one for k in (1, 2, 4, 8, 16)}
    for k, peak in peaks.items():
        # A few tensors more are alive while a layer is worked on.
        assert peak == pytest.approx(checkpointing_floats(LAYERS, k, 2, 1), abs=4)
    assert min(peaks, key=peaks.get) in (4, 8)
    assert best_segments(LAYERS, 2, 1) == pytest.approx(32**0.5)


@pytest.mark.equation("eq-checkpointing-memory")
def test_the_best_number_of_segments_is_a_square_root():
    assert best_segments(64, 1, 1) == 8
    grid = np.arange(1, 65)
    held = [checkpointing_floats(64, k, 3.0, 2.0) for k in grid]
    assert abs(grid[int(np.argmin(held))] - best_segments(64, 3.0, 2.0)) < 1
    # Two square roots: a hundred times the layers, ten times the memory.
    least = [checkpointing_floats(n, best_segments(n, 1, 1), 1, 1) for n in (4, 400)]
    assert least[1] == pytest.approx(10 * least[0])


@pytest.mark.parametrize("segments", [0, 17])
def test_segments_that_cannot_be(segments):
    with pytest.raises(ValueError, match="16 layers cannot be cut into"):
        run_in_segments(stack(), normal(2, WIDTH), segments)


@pytest.mark.parametrize(("make", "run"), [(encoder, run_ours), (bert, run_bert)])
def test_checkpointing_an_encoder_changes_memory_only(make, run):
    model = make()
    loss = run(model)
    loss.backward()
    expected = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    plain = saved_bytes(lambda: run(model), model)
    with checkpointing(model):
        again = run(model)
        again.backward()
        less = saved_bytes(lambda: run(model), model)
    assert torch.equal(again, loss) and less < plain / 2
    grads = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert grads.keys() == expected.keys()
    for name, grad in grads.items():
        torch.testing.assert_close(grad, expected[name], rtol=1e-5, atol=1e-6)
    assert saved_bytes(lambda: run(model), model) == plain  # switched off again


def test_checkpointing_ends_even_after_an_error_and_keeps_a_forward_of_its_own():
    model = encoder()
    own = model.blocks[0].forward
    model.blocks[0].forward = own
    with pytest.raises(KeyError), checkpointing(model):
        raise KeyError
    assert model.blocks[0].__dict__["forward"] is own
    assert "forward" not in model.blocks[1].__dict__


def test_checkpointing_refuses_dropout_with_its_own_generator():
    model = encoder(dropout=0.1)
    with pytest.raises(ValueError, match="generator of its own"), checkpointing(model):
        pass
    with checkpointing(model.eval()):
        run_ours(model).backward()


def test_peak_bytes_by_hand():
    x = torch.zeros(1000)
    assert peak_bytes(lambda: x + 1) == 4000
    assert peak_bytes(lambda: x.view(10, 100).t()) == 0  # a view is no new memory

    def chain(keep):
        made = [x + 1]
        for _ in range(5):
            made.append(made[-1] + 1)
            if not keep:
                made = made[-1:]

    assert peak_bytes(lambda: chain(True)) == 6 * 4000
    assert peak_bytes(lambda: chain(False)) == 2 * 4000


def test_bfloat16_computes_with_fewer_bits_and_keeps_the_weights():
    layer, x = nn.Linear(64, 64), normal(32, 64)
    exact = layer(x)
    with bfloat16():
        rough = layer(x)
        assert rough.dtype == torch.bfloat16
        loss = (rough.float() ** 2).mean()
    loss.backward()
    assert layer.weight.dtype == layer.weight.grad.dtype == torch.float32
    error = (rough.float() - exact).abs().max() / exact.abs().max()
    assert 0 < error < 0.02
    with bfloat16(enabled=False):
        assert torch.equal(layer(x), exact)


def test_a_gpu_without_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    with pytest.raises(ValueError, match="train in float32"), bfloat16("cuda"):
        pass


@pytest.mark.equation("eq-rounded-update")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_an_update_below_half_the_spacing_is_lost(dtype):
    weight = torch.tensor([1.0, 1.5, 3.0, 0.02, -7.0]).to(dtype)
    half = half_spacing(weight, dtype)
    lost = (weight.double() + 0.99 * half).to(dtype)
    seen = (weight.double() + 1.01 * half).to(dtype)
    assert torch.equal(lost, weight) and not (seen == weight).any()


@pytest.mark.equation("eq-rounded-update")
def test_master_weights_keep_what_bfloat16_loses():
    stored, master = torch.ones(1, dtype=torch.bfloat16), torch.ones(1)
    for _ in range(1000):
        stored += 1e-3
        master += 1e-3
    assert stored.item() == 1.0
    assert master.to(torch.bfloat16).item() == 2.0
