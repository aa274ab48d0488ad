"""Adapters: the bottleneck's equation, the start at the identity, and what is trained."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from recsys_book.encoders.fine_tuning.adapters import (
    AdaptedLinear,
    Adapter,
    adapter_parameters,
    add_adapters,
)
from recsys_book.encoders.fine_tuning.freezing import trainable_parameters
from recsys_book.encoders.fine_tuning.lora import LoRALinear, add_lora, merge_lora
from recsys_book.encoders.fine_tuning.surgery import load_trained, save_trained, trained_state
from recsys_book.encoders.transformer import Transformer, TransformerConfig


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


def moved(model, seed=1):
    """Give every trainable parameter a random value."""
    with torch.no_grad():
        for number, param in enumerate(p for p in model.parameters() if p.requires_grad):
            param.copy_(0.1 * normal(*param.shape, seed=seed + number))
    return model


def ours(norm="pre"):
    config = TransformerConfig(vocabulary=20, width=8, layers=2, heads=2, max_tokens=6, norm=norm)
    return Transformer(config, generator(2))


def bert():
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=12,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertModel(config).eval()


IDS = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])
MASK = torch.tensor([[True] * 4, [True] * 3 + [False]])


@pytest.mark.equation("eq-adapter")
def test_the_bottleneck_by_hand():
    adapter = moved(Adapter(6, 2, dtype=torch.float64))
    h = normal(5, 6, dtype=torch.float64)
    inside = functional.gelu(h @ adapter.D.T + adapter.b)
    torch.testing.assert_close(adapter(h), h + inside @ adapter.U.T + adapter.c)


def test_it_starts_as_the_identity_and_yet_learns():
    adapter, h = Adapter(6, 2), normal(5, 6)
    assert torch.equal(adapter(h), h)
    adapter(h).square().sum().backward()
    assert adapter.U.grad.abs().min() > 0 and adapter.c.grad.abs().min() > 0
    assert torch.equal(adapter.D.grad, torch.zeros(2, 6))


def test_the_start_depends_on_the_generator_only():
    one, two, three = (Adapter(6, 2, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.D, two.D) and not torch.equal(one.D, three.D)


def test_the_count_is_that_of_the_layer():
    assert trainable_parameters(Adapter(6, 2))[0] == adapter_parameters(6, 2) == 32
    layer = AdaptedLinear(nn.Linear(3, 6), 2)
    assert trainable_parameters(layer) == (32, 32 + 24)


@pytest.mark.parametrize("make", [ours, bert])
def test_two_adapters_a_block_and_the_same_function_at_the_start(make):
    model = make()
    inputs = {"mask": MASK} if make is ours else {"attention_mask": MASK.long()}
    forward = (
        (lambda: model(IDS, **inputs))
        if make is ours
        else lambda: model(IDS, **inputs).last_hidden_state
    )
    before = forward()
    add_adapters(model, 3)
    layers = [m for m in model.modules() if isinstance(m, AdaptedLinear)]
    assert len(layers) == 4
    assert torch.equal(forward(), before)
    assert trainable_parameters(model)[0] == 4 * adapter_parameters(8, 3)
    assert not torch.equal(layers[0].adapter.D, layers[1].adapter.D)
    moved(model)
    assert (forward() - before).abs().max() > 1e-3


@pytest.mark.parametrize(("make", "norms"), [(ours, 5), (bert, 5)])
def test_layer_norms_too(make, norms):
    model = add_adapters(make(), 3, layer_norms=True)
    assert trainable_parameters(model)[0] == 4 * adapter_parameters(8, 3) + norms * 2 * 8


def test_only_the_adapters_get_gradients():
    model = add_adapters(ours(), 3)
    model(IDS, mask=MASK).square().sum().backward()
    for name, param in model.named_parameters():
        assert (param.grad is not None) == (".adapter." in name)


def test_lora_on_our_transformer():
    model = ours()
    before = model(IDS, mask=MASK)
    add_lora(model, rank=2, alpha=4.0)
    assert sum(isinstance(m, LoRALinear) for m in model.modules()) == 4
    assert torch.equal(model(IDS, mask=MASK), before)
    after = moved(model)(IDS, mask=MASK)
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(merge_lora(model)(IDS, mask=MASK), after)
    assert model.state_dict().keys() == ours().state_dict().keys()


def test_adapters_beside_a_bfloat16_weight_are_float32():
    layer = AdaptedLinear(nn.Linear(3, 6).to(torch.bfloat16), 2)
    assert layer.adapter.D.dtype == torch.float32
    assert layer(normal(2, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16
    with pytest.raises(ValueError, match=r"float32.*bfloat16: cast one"):
        layer(normal(2, 3))


@pytest.mark.parametrize(("width", "bottleneck"), [(0, 1), (4, 0)])
def test_widths_that_cannot_be(width, bottleneck):
    with pytest.raises(ValueError, match="both must be 1 or more"):
        Adapter(width, bottleneck)


def test_a_model_without_known_blocks():
    with pytest.raises(ValueError, match="none of the blocks"):
        add_adapters(nn.Sequential(nn.Linear(2, 2)), 1)
    model = add_adapters(nn.Sequential(nn.Linear(2, 2)), 1, names=["0"])
    assert isinstance(model[0], AdaptedLinear)


def test_a_model_is_not_adapted_twice():
    with pytest.raises(ValueError, match="already adapted: blocks.0.attention.query"):
        add_adapters(add_lora(ours(), rank=2), 2)


def test_a_checkpoint_holds_only_what_was_trained(tmp_path):
    model = moved(add_adapters(ours(), 3))
    size = save_trained(model, tmp_path / "trained.pt")
    assert trained_state(model).keys() == {n for n, _ in model.named_parameters() if "adapter" in n}
    assert size == (tmp_path / "trained.pt").stat().st_size
    fresh = load_trained(add_adapters(ours(), 3), tmp_path / "trained.pt")
    assert torch.equal(fresh(IDS, mask=MASK), model(IDS, mask=MASK))


def test_a_checkpoint_that_does_not_fit(tmp_path):
    file = tmp_path / "trained.pt"
    save_trained(add_adapters(ours(), 3), file)
    with pytest.raises(
        ValueError, match=r"attention.output.adapter.D has shape \(3, 8\).*\(2, 8\)"
    ):
        load_trained(add_adapters(ours(), 2), file)
    with pytest.raises(ValueError, match="blocks.0.*only in the .*names differ"):
        load_trained(add_lora(ours(), rank=2), file)
    model = moved(add_adapters(ours(), 3, names=["feed_forward.down"]))
    before = trained_state(model)
    with pytest.raises(ValueError, match=r"only in the file \(8 names differ\)"):
        load_trained(model, file)
    assert all(torch.equal(value, before[name]) for name, value in trained_state(model).items())


def test_a_file_that_is_no_checkpoint(tmp_path):
    model, file = add_adapters(ours(), 3), tmp_path / "x.pt"
    with pytest.raises(ValueError, match="FileNotFoundError"):
        load_trained(model, file)
    file.write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="cannot be read"):
        load_trained(model, file)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="EOFError"):
        load_trained(model, file)
    torch.save([1, 2], file)
    with pytest.raises(ValueError, match="no weights by name"):
        load_trained(model, file)
    whole = tmp_path / "whole.pt"
    save_trained(model, whole)
    file.write_bytes(whole.read_bytes()[:500])
    with pytest.raises(ValueError, match="cannot be read"):
        load_trained(model, file)
