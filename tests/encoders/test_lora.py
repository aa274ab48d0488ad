"""LoRA: the equation, its gradients by hand, peft on the same weights, merging, bad input."""

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from recsys_book.encoders.fine_tuning.freezing import trainable_parameters
from recsys_book.encoders.fine_tuning.lora import (
    LoRALinear,
    add_lora,
    lora_gradients,
    lora_parameters,
    low_rank_update,
    merge_lora,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


def linear(inputs=6, outputs=4, bias=True, seed=0, dtype=torch.float32):
    layer = nn.Linear(inputs, outputs, bias=bias)
    with torch.no_grad():
        layer.weight.copy_(normal(outputs, inputs, seed=seed))
        if bias:
            layer.bias.copy_(normal(outputs, seed=seed + 1))
    return layer.to(dtype)


def moved(layer, seed=5):
    """Return a LoRA layer whose second factor is no longer zero."""
    with torch.no_grad():
        layer.B.copy_(normal(*layer.B.shape, seed=seed))
    return layer


def tiny_bert(seed=0):
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertModel(config, add_pooling_layer=False)
    with torch.no_grad():
        for number, (name, param) in enumerate(model.named_parameters()):
            centre = float(name.endswith("LayerNorm.weight"))
            param.copy_(centre + 0.1 * normal(*param.shape, seed=100 * seed + number))
    return model


def tokens(n=3, length=7):
    ids = torch.randint(4, 50, (n, length), generator=generator(9))
    mask = torch.ones_like(ids)
    mask[0, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.equation("eq-lora")
def test_the_layer_is_the_frozen_one_plus_a_scaled_product():
    base = linear(dtype=torch.float64)
    layer = moved(LoRALinear(base, rank=2, alpha=3.0))
    x = normal(5, 6, seed=2, dtype=torch.float64)
    W = base.weight + 3.0 / 2 * layer.B @ layer.A
    torch.testing.assert_close(layer(x), x @ W.T + base.bias, rtol=1e-12, atol=1e-12)


@pytest.mark.equation("eq-lora")
def test_the_product_is_never_formed_but_the_same():
    x, A, B = normal(2, 3, 6), normal(2, 6, seed=1), normal(4, 2, seed=2)
    torch.testing.assert_close(low_rank_update(x, A, B, 0.5), x @ (0.5 * B @ A).T)


def test_it_starts_as_the_frozen_layer():
    base, x = linear(), normal(5, 6, seed=2)
    layer = LoRALinear(base, rank=3, alpha=100.0)
    assert torch.equal(layer(x), base(x))
    assert layer.A.abs().min() > 0 and torch.equal(layer.B, torch.zeros(4, 3))


def test_the_start_depends_on_the_generator_only():
    one, two, three = (LoRALinear(linear(), 2, generator=generator(s)) for s in (1, 1, 2))
    assert torch.equal(one.A, two.A) and not torch.equal(one.A, three.A)
    assert one.A.abs().max() <= 6**-0.5
    base, before = linear(), torch.get_rng_state()
    LoRALinear(base, 2)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.equation("eq-lora-gradients")
@pytest.mark.parametrize("alpha", [1.0, 4.0])
def test_the_gradients_by_hand_are_those_of_autograd(alpha):
    layer = moved(LoRALinear(linear(dtype=torch.float64), rank=2, alpha=alpha))
    x, g = (normal(5, width, seed=width, dtype=torch.float64) for width in (6, 4))
    layer(x).backward(g)
    A, B = lora_gradients(x, g, layer.A, layer.B, alpha / 2)
    torch.testing.assert_close(layer.A.grad, A, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.B.grad, B, rtol=1e-12, atol=1e-12)
    assert layer.linear.weight.grad is None and layer.linear.bias.grad is None


def test_at_the_start_only_the_second_factor_has_a_gradient():
    layer = LoRALinear(linear(), rank=2)
    layer(normal(5, 6)).square().sum().backward()
    assert torch.equal(layer.A.grad, torch.zeros(2, 6)) and layer.B.grad.abs().min() > 0


def test_the_count_is_that_of_the_layer():
    layer = LoRALinear(linear(6, 4), rank=3)
    assert trainable_parameters(layer) == (lora_parameters(6, 4, 3), 30 + 6 * 4 + 4)
    assert lora_parameters(384, 384, 8) == 6144


@pytest.fixture(scope="module")
def peft():
    return pytest.importorskip("peft")  # four seconds, once


@pytest.mark.parametrize("bias", [True, False])
def test_one_layer_equals_pefts(peft, bias):

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = linear(bias=bias)

        def forward(self, x):
            return self.part(x)

    ours = moved(LoRALinear(linear(bias=bias), rank=2, alpha=7.0))
    config = peft.LoraConfig(r=2, lora_alpha=7, target_modules=["part"], lora_dropout=0.0)
    theirs = peft.get_peft_model(Net(), config)
    layer = theirs.base_model.model.part
    with torch.no_grad():
        layer.lora_A["default"].weight.copy_(ours.A)
        layer.lora_B["default"].weight.copy_(ours.B)
    x, y = normal(5, 6, seed=3), normal(5, 6, seed=3)
    x.requires_grad_(), y.requires_grad_()
    (a, b), g = (ours(x), theirs(y)), normal(5, 4, seed=4)
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
    a.backward(g), b.backward(g)
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.A.grad, layer.lora_A["default"].weight.grad)
    torch.testing.assert_close(ours.B.grad, layer.lora_B["default"].weight.grad)
    merged = theirs.merge_and_unload().part
    torch.testing.assert_close(ours.merge().weight, merged.weight, rtol=1e-6, atol=1e-6)


def pair_of_berts(peft, names=("query", "value")):
    """Return a BERT with our LoRA and one with peft's, on the same weights."""
    ours = add_lora(tiny_bert(), names, rank=3, alpha=6.0, generator=generator(3))
    config = peft.LoraConfig(r=3, lora_alpha=6, target_modules=list(names), lora_dropout=0.0)
    theirs = peft.get_peft_model(tiny_bert(), config)
    factors = {}
    for name, module in ours.named_modules():
        if isinstance(module, LoRALinear):
            moved(module, seed=len(name))
            other = theirs.base_model.model.get_submodule(name)
            with torch.no_grad():
                other.lora_A["default"].weight.copy_(module.A)
                other.lora_B["default"].weight.copy_(module.B)
            factors[name] = (module, other)
    return ours, theirs, factors


def test_a_bert_equals_pefts_in_outputs_gradients_and_merged(peft):
    ours, theirs, factors = pair_of_berts(peft)
    assert len(factors) == 4
    a = ours(**tokens()).last_hidden_state
    b = theirs(**tokens()).last_hidden_state
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    g = normal(*a.shape, seed=8)
    a.backward(g), b.backward(g)
    for layer, other in factors.values():
        assert layer.A.grad.abs().max() > 1e-4
        torch.testing.assert_close(layer.A.grad, other.lora_A["default"].weight.grad)
        torch.testing.assert_close(layer.B.grad, other.lora_B["default"].weight.grad)
    counted = theirs.get_nb_trainable_parameters()
    assert trainable_parameters(ours) == counted
    merged = merge_lora(ours)
    torch.testing.assert_close(merged(**tokens()).last_hidden_state, b, rtol=1e-5, atol=1e-5)
    state, expected = merged.state_dict(), theirs.merge_and_unload().state_dict()
    assert state.keys() == expected.keys() == tiny_bert().state_dict().keys()
    for name, value in expected.items():
        torch.testing.assert_close(state[name], value, rtol=1e-5, atol=1e-6)


def test_an_adapted_model_starts_as_the_frozen_one_and_trains_only_the_factors():
    plain = tiny_bert().eval()
    model = add_lora(tiny_bert(), rank=2).eval()
    expected = plain(**tokens()).last_hidden_state
    assert torch.equal(model(**tokens()).last_hidden_state, expected)
    trained = [name for name, param in model.named_parameters() if param.requires_grad]
    assert len(trained) == 8 and all(name[-2:] in (".A", ".B") for name in trained)
    first = model.encoder.layer[0].attention.self
    assert not torch.equal(first.query.A, first.value.A)


@pytest.mark.equation("eq-lora-merge")
def test_merging_changes_the_layout_but_not_the_function():
    layer = moved(LoRALinear(linear(dtype=torch.float64), rank=2, alpha=5.0))
    x = normal(5, 6, seed=2, dtype=torch.float64)
    before = layer.linear.weight.clone()
    merged = layer.merge()
    assert type(merged) is nn.Linear and not merged.weight.requires_grad
    torch.testing.assert_close(merged(x), layer(x), rtol=1e-12, atol=1e-12)
    assert torch.equal(layer.linear.weight, before)
    assert torch.linalg.matrix_rank(layer.update()) == 2


def test_factors_are_float32_beside_a_bfloat16_weight():
    layer = moved(LoRALinear(linear(dtype=torch.bfloat16), rank=2))
    assert layer.A.dtype == layer.B.dtype == torch.float32
    out = layer(normal(5, 6, dtype=torch.bfloat16))
    assert out.dtype == torch.bfloat16 and layer.merge().weight.dtype == torch.bfloat16
    out.sum().backward()
    assert layer.B.grad.dtype == torch.float32


def test_mixed_dtypes_are_refused_outside_of_autocast():
    layer = LoRALinear(linear(), rank=2)
    with pytest.raises(ValueError, match="float64.*float32: cast one"):
        layer(normal(5, 6, dtype=torch.float64))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(normal(5, 6, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("rank", [0, -1, 5, 1.5, True, None])
def test_a_rank_that_does_not_fit(rank):
    with pytest.raises(ValueError, match="from 6 to 4 takes a whole number from 1 to 4"):
        LoRALinear(linear(6, 4), rank)


def test_something_that_is_not_linear():
    with pytest.raises(ValueError, match="of type Embedding"):
        LoRALinear(nn.Embedding(3, 4), 1)
    with pytest.raises(ValueError, match="already adapted"):
        LoRALinear(LoRALinear(linear(), 1), 1)
    with pytest.raises(ValueError, match="of type BertAttention"):
        add_lora(tiny_bert(), ["query", "attention"])


@pytest.mark.parametrize("names", ["query", [], ()])
def test_names_must_be_a_list(names):
    with pytest.raises(ValueError, match="a list of names"):
        add_lora(tiny_bert(), names)


def test_a_name_that_is_not_there_lists_those_that_are():
    with pytest.raises(ValueError, match=r"named 'q'; .*named dense, key, query, value\."):
        add_lora(tiny_bert(), ["query", "q"])
    with pytest.raises(ValueError, match="there are none"):
        add_lora(nn.ModuleDict({"a": nn.Embedding(2, 2)}), ["q"])


def test_a_refused_model_is_as_it_was():
    model = tiny_bert()
    with pytest.raises(ValueError, match="rank is 17"):
        add_lora(model, rank=17)
    assert all(param.requires_grad for param in model.parameters())
    assert not any(isinstance(module, LoRALinear) for module in model.modules())


def test_a_layer_that_was_frozen_before_another_was_refused_thaws():
    model = nn.ModuleDict({"wide": linear(6, 6), "narrow": linear(6, 2)})
    with pytest.raises(ValueError, match="rank is 3"):
        add_lora(model, ["wide", "narrow"], rank=3)
    assert trainable_parameters(model) == (42 + 14, 42 + 14)


def test_a_name_is_matched_by_whole_parts():
    with pytest.raises(ValueError, match="named 'uery'"):
        add_lora(tiny_bert(), ["uery"])
    add_lora(tiny_bert(), ["self.query"], rank=1)


def test_a_model_is_not_adapted_twice():
    model = add_lora(tiny_bert(), rank=2)
    with pytest.raises(ValueError, match="already adapted: encoder.layer.0.attention.self.query"):
        add_lora(model, ["key"], rank=2)
    add_lora(merge_lora(model), ["key"], rank=2)


def test_nothing_to_merge():
    with pytest.raises(ValueError, match="nothing to merge"):
        merge_lora(tiny_bert())
    with pytest.raises(ValueError, match="own merge"):
        merge_lora(LoRALinear(linear(), 2))
