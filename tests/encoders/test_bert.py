"""BERT's own weights in our modules: the same hidden states and gradients as transformers'."""

import json

import pytest
import torch

from recsys_book.data import encoder_path
from recsys_book.encoders import load_bert, title_texts
from recsys_book.encoders.bert import our_name


@pytest.fixture(scope="module")
def models(ml100k):
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    theirs = AutoModel.from_pretrained(encoder_path()).eval()
    texts = title_texts(ml100k)[::150]
    batch = AutoTokenizer.from_pretrained(encoder_path())(texts, padding=True, return_tensors="pt")
    return load_bert(), theirs, batch, batch["attention_mask"].bool()


@torch.no_grad()
def test_every_layers_hidden_states_equal_transformers(models):
    ours, theirs, batch, mask = models
    assert not mask.all()
    states = ours.hidden_states(batch["input_ids"], mask, batch["token_type_ids"])
    reference = theirs(**batch, output_hidden_states=True)
    assert len(states) == len(reference.hidden_states) == 7
    for a, b in zip(states, reference.hidden_states):
        assert (a - b)[mask].abs().max() <= 1e-5
    assert (ours.pooled(states[-1]) - reference.pooler_output).abs().max() <= 1e-5


def test_in_double_precision_states_and_gradients_are_the_same_numbers(models):
    _, theirs, batch, mask = models
    ours, rows = load_bert().double(), slice(0, 2)
    theirs = type(theirs)(theirs.config).double().eval()
    theirs.load_state_dict(models[1].state_dict())
    ids, keep = batch["input_ids"][rows], mask[rows]
    assert not keep.all()
    states = ours.hidden_states(ids, keep)
    reference = theirs(ids, keep.long(), output_hidden_states=True).hidden_states
    for a, b in zip(states, reference):
        assert (a - b).abs().max() <= 1e-10  # at the padding, too
    for hidden in (states[-1], reference[-1]):
        hidden[keep].pow(3).sum().backward()
    gradients = {our_name(n): p.grad for n, p in theirs.named_parameters()}
    compared = 0
    for name, parameter in ours.named_parameters():
        if parameter.grad is not None:
            compared += 1
            assert (parameter.grad - gradients[name]).abs().max() <= 1e-8, name
    assert compared == 6 * 16 + 5
    # A constant added to all keys changes no softmax, so this weight cannot learn.
    assert ours.blocks[2].attention.key.bias.grad.abs().max() <= 1e-10


def test_sizes_are_those_of_the_file(models):
    ours, theirs, _, _ = models
    assert ours.config.parameter_count() == sum(p.numel() for p in theirs.parameters())
    assert not ours.training and all(p.requires_grad for p in ours.parameters())


@pytest.fixture
def small(tmp_path):
    from transformers import BertConfig, BertModel

    sizes = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1}
    config = BertConfig(**sizes, num_attention_heads=2, intermediate_size=24)
    BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    return tmp_path


def test_a_bert_without_pooler_and_with_old_names_is_read(small):
    from safetensors.torch import load_file, save_file

    first = load_bert(small)
    assert not first.config.pooler and first.config.max_tokens == 512
    file = small / "model.safetensors"
    old = {
        "bert." + n.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): v
        for n, v in load_file(file).items()
    }
    save_file(old, file)
    ids = torch.tensor([[5, 6, 7]])
    torch.testing.assert_close(load_bert(str(small))(ids), first(ids))


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_file_is_refused(small, missing):
    (small / missing).unlink()
    with pytest.raises(ValueError, match=f"has no {missing}: point at a folder"):
        load_bert(small)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gpt2"}, "has model_type 'gpt2', but load_bert builds only 'bert'"),
        ({"hidden_act": "relu"}, "has hidden_act 'relu'"),
        ({"vocab_size": 41}, r"have \(40, 16\) where tokens.weight needs \(41, 16\)"),
        ({"num_hidden_layers": 2}, "have nothing where blocks.1.attention.query.weight needs"),
    ],
)
def test_another_model_is_refused_in_one_sentence(small, change, message):
    file = small / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        load_bert(small)
