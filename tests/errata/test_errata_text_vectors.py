"""The listings about text vectors fail as described, and the package's own do not."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.data import encoder_path
from recsys_book.encoders import masked_mean
from recsys_book.encoders.geometry import anisotropy
from recsys_book.encoders.index import build_index
from recsys_book.errata import text_vectors as errata


@pytest.fixture(scope="module")
def bert():
    """A small BERT with random weights."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    state = torch.get_rng_state()
    torch.manual_seed(0)
    model = BertModel(config).eval()
    torch.set_rng_state(state)
    return model


@pytest.fixture(scope="module")
def ids():
    return torch.randint(5, 100, (2, 6), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(encoder_path())


@pytest.mark.erratum("LLM-06")
def test_bert_takes_ids_and_nothing_else(bert, ids):
    with pytest.raises(ValueError, match="too many values"):
        errata.llm_06_multimodal_bert(bert, torch.ones(2, 3, 8, 8))
    with pytest.raises(RuntimeError, match="Long"):
        errata.llm_06_multimodal_bert(bert, torch.ones(2, 8))
    assert bert(ids).last_hidden_state.shape == (2, 6, 32)


@pytest.mark.erratum("LLM-07")
def test_the_encoder_need_not_run_in_the_request():
    rng = np.random.default_rng(0)
    table = {f"item {n}": rng.normal(size=8) for n in range(50)}
    read = []

    def encode(texts):
        read.append(len(texts))
        rows = np.array([table[t] for t in texts])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    items = list(table)
    slow = errata.llm_07_rank_with_the_encoder(encode, "item 3", items, 5)
    index = build_index("exact", encode(items))  # before anybody asks
    read_before = len(read)
    found, _ = index.search(encode(["item 3"]), 5)
    assert slow.tolist() == found[0].tolist() and slow[0] == 3
    assert read[0] == 51 and read[read_before:] == [1]


@pytest.mark.erratum("LLM-07")
def test_one_text_costs_what_a_hundred_thousand_scores_do_not():
    base = errata.llm_07_multiply_adds(tokens=64, width=768, layers=12)
    assert base / (100_000 * 64) > 800
    linear = sum(p * 64 for p in (768 * 768 * 4, 2 * 768 * 3072)) * 12
    assert base == linear + 12 * 2 * 64 * 64 * 768


@pytest.mark.erratum("LLM-10")
def test_padding_moves_the_vector_without_a_mask_and_not_with_one(bert, ids):
    assert errata.llm_10_change_by_padding(bert, ids[:1], 20) > 5e-4
    padded = torch.cat([ids[:1], torch.zeros(1, 20, dtype=torch.int64)], dim=1)
    mask = (padded > 0).long()
    with torch.no_grad():
        alone = masked_mean(bert(ids[:1]).last_hidden_state, torch.ones_like(ids[:1]))
        masked = masked_mean(bert(padded, attention_mask=mask).last_hidden_state, mask)
    assert (alone - masked).abs().max() < 1e-6


@pytest.mark.erratum("LLM-11")
def test_ids_are_names(tokenizer):
    texts = ["a good film", "a fine film", "a good door"]
    rows = errata.llm_11_ids_as_vectors(tokenizer, texts)
    assert rows.shape == (3, 5)  # three words and two special tokens, no width
    assert (rows == rows.astype(int)).all()
    fine, door = np.abs(rows[1:] - rows[0]).sum(axis=1)
    words = tokenizer.convert_tokens_to_ids(["good", "fine", "film", "door"])
    assert fine == abs(words[0] - words[1]) and door == abs(words[2] - words[3])


@pytest.mark.erratum("LLM-12")
def test_images_are_refused_and_labels_would_be_the_mask(bert):
    with pytest.raises(ValueError, match="too many values"):
        errata.llm_12_images_and_labels(bert, torch.ones(4, 3, 8, 8), torch.arange(4))
    names = list(inspect.signature(type(bert).forward).parameters)
    assert names[:3] == ["self", "input_ids", "attention_mask"]
    seen = {}
    spy = SimpleNamespace(forward=lambda i, mask: seen.update(mask=mask))
    errata.llm_12_images_and_labels(spy.forward, None, "labels")
    assert seen == {"mask": "labels"}


@pytest.mark.erratum("LLM-19")
def test_first_tokens_of_an_untrained_bert_all_point_one_way(bert):
    ids = torch.randint(5, 100, (20, 6), generator=torch.Generator().manual_seed(1))
    ids[:, 0] = 4  # the same first token, as [CLS] is
    with torch.no_grad():
        hidden = bert(ids).last_hidden_state
    cosines = errata.llm_19_cosine_of_cls(hidden)
    assert np.allclose(np.diag(cosines), 1)
    apart = cosines[~np.eye(20, dtype=bool)]
    assert apart.min() > 0.9
    assert apart.mean() == pytest.approx(anisotropy(hidden[:, 0].numpy()), abs=1e-6)


@pytest.mark.erratum("COD-07")
def test_a_layer_needs_a_tensor(bert, ids):
    linear = nn.Linear(32, 5)
    with pytest.raises(TypeError, match="must be Tensor"):
        errata.cod_07_linear_on_output(linear, bert, ids)
    pooled = masked_mean(bert(ids).last_hidden_state, torch.ones_like(ids))
    assert linear(pooled).shape == (2, 5)
