"""What is trained and how fast: counts, blocks, depths, thawing, groups for an optimizer."""

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from recsys_book.encoders.fine_tuning.freezing import (
    blocks_of,
    depth_rate,
    depths,
    discriminative_groups,
    freeze,
    freeze_below,
    gradual_unfreezing,
    trainable_parameters,
    unfreeze,
)
from recsys_book.encoders.fine_tuning.lora import add_lora
from recsys_book.encoders.transformer import Transformer, TransformerConfig
from recsys_book.optimizers import SGD, AdamW, Optimizer

LAYERS = 3


def ours(norm="pre", **settings):
    config = TransformerConfig(
        vocabulary=20, width=8, layers=LAYERS, heads=2, max_tokens=6, norm=norm, **settings
    )
    return Transformer(config, torch.Generator().manual_seed(0))


def bert():
    return BertModel(
        BertConfig(
            vocab_size=20,
            hidden_size=8,
            num_hidden_layers=LAYERS,
            num_attention_heads=2,
            intermediate_size=12,
        )
    )


def trained(model):
    """Return the first parts of the names of what is trained, with the block's number."""
    names = (name for name, param in model.named_parameters() if param.requires_grad)
    heads = {"blocks": 2, "encoder": 3}
    return {".".join(n.split(".")[: heads.get(n.split(".")[0], 1)]) for n in names}


def test_freeze_and_unfreeze_count():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    assert trainable_parameters(model) == (11, 11)
    freeze(model[0])
    assert trainable_parameters(model) == (3, 11)
    assert freeze(model) is model and trainable_parameters(model) == (0, 11)
    assert trainable_parameters(unfreeze(model)) == (11, 11)


def test_shared_weights_count_once():
    layer = nn.Linear(3, 3)
    assert trainable_parameters(nn.Sequential(layer, layer)) == (12, 12)


@pytest.mark.parametrize("make", [ours, bert])
def test_every_parameter_has_one_depth(make):
    model = make()
    levels = depths(model)
    assert len(levels) == LAYERS + 1 and len(blocks_of(model)) == LAYERS
    ids = [id(param) for level in levels for param in level]
    assert sorted(ids) == sorted(id(param) for param in model.parameters())
    for level, block in enumerate(blocks_of(model), 1):
        assert {id(p) for p in block.parameters()} <= {id(p) for p in levels[level]}


def test_the_last_norm_of_pre_norm_is_at_the_top_and_berts_first_at_the_bottom():
    for norm, place in (("pre", LAYERS), ("post", 0)):
        model = ours(norm)
        assert any(param is model.norm.gain for param in depths(model)[place])
    model = bert()
    assert any(param is model.pooler.dense.weight for param in depths(model)[-1])
    assert any(param is model.embeddings.LayerNorm.weight for param in depths(model)[0])


def test_freeze_below():
    model = freeze_below(ours("post"), 0)
    assert trained(model) == {"blocks.0", "blocks.1", "blocks.2"}
    assert trained(freeze_below(model, 2)) == {"blocks.2"}
    assert trained(freeze_below(model, 3)) == set()
    assert trained(freeze_below(model, 1)) == {"blocks.1", "blocks.2"}
    assert trained(freeze_below(ours("pre"), 2)) == {"blocks.2", "norm"}
    assert trained(freeze_below(bert(), 2)) == {"encoder.layer.2", "pooler"}


@pytest.mark.parametrize("layer", [-1, 4, 1.0, True])
def test_a_layer_that_is_not_there(layer):
    with pytest.raises(ValueError, match="Transformer has 3 blocks: give a whole number from 0 to"):
        freeze_below(ours(), layer)


def test_gradual_unfreezing_goes_down_block_by_block():
    model = ours("post")
    expected = [set(), {"blocks.2"}, {"blocks.1", "blocks.2"}]
    for epoch, names in enumerate(expected):
        assert trained(gradual_unfreezing(model, epoch)) == names
    assert trainable_parameters(gradual_unfreezing(model, 3))[0] < trainable_parameters(model)[1]
    for epoch in (4, 9):
        trainable, total = trainable_parameters(gradual_unfreezing(model, epoch))
        assert trainable == total
    assert trained(gradual_unfreezing(model, 1, per_epoch=2)) == {"blocks.1", "blocks.2"}


@pytest.mark.parametrize(("epoch", "per_epoch"), [(-1, 1), (1, 0)])
def test_epochs_that_cannot_be(epoch, per_epoch):
    with pytest.raises(ValueError, match="at least 0 and 1"):
        gradual_unfreezing(ours(), epoch, per_epoch)


def test_an_adapted_encoder_is_not_thawed_by_mistake():
    model = add_lora(ours(), rank=2)
    for call in (lambda: freeze_below(model, 1), lambda: gradual_unfreezing(model, 1)):
        with pytest.raises(ValueError, match="already adapted"):
            call()


@pytest.mark.equation("eq-discriminative-rates")
def test_each_step_down_multiplies_the_rate():
    rates = [depth_rate(0.8, 0.5, depth, 2) for depth in range(4)]
    assert rates == [0.1, 0.2, 0.4, 0.8]


@pytest.mark.equation("eq-discriminative-rates")
@pytest.mark.parametrize("make", [ours, bert])
def test_groups_of_a_real_optimizer(make):
    encoder, head = make(), nn.Linear(8, 1)
    groups = discriminative_groups(encoder, head, lr=0.8, factor=0.5)
    assert [group["lr"] for group in groups] == [0.05, 0.1, 0.2, 0.4, 0.8]
    assert sum(len(group["params"]) for group in groups) == len(list(encoder.parameters())) + 2
    optimizer = Optimizer(groups, SGD(lr=1.0))
    params = [group["params"][0] for group in optimizer.param_groups]
    before = [param.detach().clone() for param in params]
    for param in params:
        param.grad = torch.ones_like(param)
    optimizer.step()
    moved = [(b - p).mean().item() for b, p in zip(before, params)]
    assert moved == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8], rel=1e-5)


def test_frozen_parameters_are_in_no_group():
    encoder = freeze_below(ours("post"), 2)
    groups = discriminative_groups(encoder, nn.Linear(8, 1), lr=1.0, factor=0.5)
    assert [group["lr"] for group in groups] == [0.5, 1.0]
    Optimizer(groups, AdamW(lr=1.0))
    assert len(discriminative_groups(encoder, None, lr=1.0)) == 1
    with pytest.raises(ValueError, match="unfreeze some"):
        discriminative_groups(freeze(encoder), None, lr=1.0)


@pytest.mark.parametrize(("lr", "factor"), [(0, 0.5), (1.0, 0.0), (1.0, 1.5), (float("nan"), 1)])
def test_rates_that_cannot_be(lr, factor):
    with pytest.raises(ValueError, match="above 0 and factor in"):
        discriminative_groups(ours(), None, lr, factor)


def test_a_model_without_blocks():
    with pytest.raises(ValueError, match="no torch.nn.ModuleList with blocks"):
        depths(nn.ModuleList())
    with pytest.raises(ValueError, match="Linear has no torch.nn.ModuleList"):
        blocks_of(nn.Linear(2, 2))
