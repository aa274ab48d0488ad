"""Both sides of each entry: the source's version fails as described, the right one does not."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from recsys_book.encoders import Transformer, TransformerConfig
from recsys_book.encoders.fine_tuning import add_lora
from recsys_book.errata import fine_tuning as errata
from recsys_book.optimizers import Adam, Optimizer

HISTORY = torch.tensor([[1, 5, 6, 2]])


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def user_encoder():
    config = TransformerConfig(vocabulary=20, width=8, layers=1, heads=2, max_tokens=6)
    encoder = Transformer(config, torch.Generator().manual_seed(0))
    return encoder, lambda ids: encoder(ids).mean(1)[0]


@pytest.mark.erratum("LLM-20")
@pytest.mark.parametrize("seed", range(3))
def test_feedback_that_no_rule_reads_changes_nothing(seed):
    encoder, encode = user_encoder()
    before, items, asked = copy.deepcopy(encoder.state_dict()), normal(12, 8, seed=seed), []

    def refuse(item):
        asked.append(item)
        return 0.0

    with torch.no_grad():
        shown = errata.llm_20_adapt_to_feedback(encode, HISTORY, items, refuse)
        liked = errata.llm_20_adapt_to_feedback(encode, HISTORY, items, lambda item: 1.0)
    assert len(asked) == 5 and set(shown) == {shown[0]} and liked == shown
    after = encoder.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.erratum("LLM-20")
@pytest.mark.parametrize("seed", range(3))
def test_an_update_rule_reads_it_and_the_item_changes(seed):
    encoder, encode = user_encoder()
    items = normal(12, 8, seed=seed)
    frozen = copy.deepcopy(encoder.blocks[0].attention.query.weight)
    add_lora(encoder, rank=2)
    rule = Optimizer([p for p in encoder.parameters() if p.requires_grad], Adam(lr=0.05))

    def learn(item):
        rule.zero_grad()
        functional.softplus(items[item] @ encode(HISTORY)).backward()  # a refusal
        rule.step()
        return 0.0

    shown = errata.llm_20_adapt_to_feedback(encode, HISTORY, items, learn, rounds=60)
    assert len(set(shown)) > 1
    assert torch.equal(encoder.blocks[0].attention.query.linear.weight, frozen)


@pytest.mark.erratum("COD-04")
def test_a_torch_model_is_not_compiled_fitted_or_asked_to_predict():
    x, y = normal(32, 2), normal(32, 1, seed=1)
    model = nn.Linear(2, 1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'optimizer'"):
        errata.cod_04_keras_calls(model, x, y)
    with pytest.raises(TypeError, match="unexpected keyword argument 'optimizer'"):
        errata.cod_04_keras_calls(model, x, y, torch.optim.Adam(model.parameters()))
    assert not hasattr(model, "fit") and not hasattr(model, "predict")


@pytest.mark.erratum("COD-04")
def test_the_calls_behind_it_fail_as_well():
    class Permissive(nn.Linear):
        def compile(self, **settings):
            pass

    with pytest.raises(AttributeError, match="fit"):
        errata.cod_04_keras_calls(Permissive(2, 1), normal(4, 2), normal(4, 1))

    class Fitted(Permissive):
        def fit(self, *args, **settings):
            pass

    with pytest.raises(AttributeError, match="predict"):
        errata.cod_04_keras_calls(Fitted(2, 1), normal(4, 2), normal(4, 1))


@pytest.mark.erratum("COD-04")
def test_a_loop_of_four_lines_trains_it():
    x, model = normal(32, 2), nn.Linear(2, 1)
    y = x @ torch.tensor([[1.0], [-2.0]]) + 0.5
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss = functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-4


def bert():
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=12,
    )
    return BertModel(config)


@pytest.fixture(scope="module")
def keras():
    return errata._keras()  # four seconds, once


@pytest.mark.erratum("COD-05")
def test_symbolic_inputs_do_not_enter_torch(keras):
    with pytest.raises(AttributeError, match="KerasTensor"):
        errata.cod_05_symbolic_inputs(bert())
    ids = torch.tensor([[2, 5, 7, 3, 0, 0]])
    assert bert()(ids, attention_mask=ids > 0).last_hidden_state.shape == (1, 6, 8)


@pytest.mark.erratum("COD-05")
def test_keras_refuses_a_torch_optimizer(keras):
    assert keras.backend.backend() == "torch"
    with pytest.raises(ValueError, match="Could not interpret optimizer identifier: AdamW"):
        errata.cod_05_torch_optimizer()
    # Its own optimizer is taken; and here, unlike on TensorFlow, its model is a torch module.
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.AdamW(1e-5), loss="mean_squared_error")
    assert isinstance(model, nn.Module) and len(list(model.parameters())) == 2


@pytest.mark.erratum("COD-05")
def test_the_mask_is_lost_in_the_split():
    rng = np.random.default_rng(0)
    ids, labels = rng.integers(4, 20, (10, 6)), np.arange(10)
    inputs = {"input_ids": ids, "attention_mask": ids > 6}
    with pytest.raises(IndexError, match="only integers"):
        errata.cod_05_split_the_ids(inputs, labels)
    # Split the rows' numbers, and take everything by them.
    rows = rng.permutation(10)[:8]
    train = {name: value[rows] for name, value in inputs.items()}
    assert np.array_equal(train["attention_mask"], train["input_ids"] > 6)
    assert len(labels[rows]) == len(train["input_ids"]) == 8


@pytest.mark.erratum("COD-05")
@pytest.mark.parametrize("name", ["AdamW", "TFBertModel"])
def test_names_that_the_library_no_longer_has(name):
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        errata.cod_05_import(name)
    with pytest.raises(ImportError):
        exec(f"from transformers import {name}")
    assert errata.cod_05_import("BertModel") is BertModel
    assert torch.optim.AdamW is not None


@pytest.mark.erratum("COD-10")
def test_one_class_has_no_loss_and_no_gradient():
    logits = normal(8, 1).requires_grad_()
    loss = errata.cod_10_cross_entropy_on_one_logit(logits, torch.zeros(8, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()
    with pytest.raises(IndexError, match="out of bounds"):
        errata.cod_10_cross_entropy_on_one_logit(logits, torch.tensor([0, 1] * 4))
    right = functional.binary_cross_entropy_with_logits(logits[:, 0], torch.zeros(8))
    (grad,) = torch.autograd.grad(right, logits)
    assert right.item() > 0 and grad.abs().min() > 0


@pytest.mark.erratum("COD-10")
def test_a_flat_batch_becomes_the_classes():
    logits, targets = normal(8, 1), torch.tensor([1.0] * 4 + [0.0] * 4)
    with pytest.raises(RuntimeError, match="floating point"):
        errata.cod_10_batch_as_classes(logits, targets.long())
    loss = errata.cod_10_batch_as_classes(logits, targets)
    torch.testing.assert_close(errata.cod_10_batch_as_classes(logits + 100, targets), loss)
    perfect = torch.where(targets > 0, 50.0, -50.0)[:, None]
    assert errata.cod_10_batch_as_classes(perfect, targets).item() == pytest.approx(
        4 * math.log(4), abs=1e-4
    )
    right = functional.binary_cross_entropy_with_logits
    assert right(perfect[:, 0], targets).item() < 1e-9
    assert right(logits[:, 0] + 100, targets) > right(logits[:, 0], targets) + 10


@pytest.mark.erratum("COD-11")
def test_the_largest_of_one_number_is_the_first():
    assert errata.cod_11_argmax_of_one_logit(normal(1000, 1)).unique().tolist() == [0]
    scores = normal(1000, 20)  # one for each candidate
    assert len(scores.topk(1).indices.unique()) == 20
