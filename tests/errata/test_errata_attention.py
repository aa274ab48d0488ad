"""Each wrong statement about attention fails as described, and the package's version does not."""

import numpy as np
import pytest
import torch

from recsys_book.encoders import (
    Block,
    MultiHeadAttention,
    Transformer,
    TransformerConfig,
    attention,
    load_bert,
)
from recsys_book.errata import attention as errata


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def keras():
    return errata.keras()


@pytest.mark.erratum("LLM-03")
def test_a_texts_vector_depends_on_the_other_texts_of_the_batch():
    texts = torch.randn(6, 8, generator=draws())
    changed = texts.clone()
    changed[5] = torch.randn(8, generator=draws(1))
    theirs = [errata.llm_03_attention_between_texts(x)[0] for x in (texts, changed)]
    assert (theirs[0] - theirs[1]).abs().max() > 1e-3
    tokens = torch.randn(6, 4, 8, generator=draws())  # six texts of four tokens each
    other = torch.cat([tokens[:5], torch.randn(1, 4, 8, generator=draws(1))])
    ours = [attention(x, x, x)[0][0] for x in (tokens, other)]
    assert torch.equal(*ours)


@pytest.mark.erratum("LLM-04")
@pytest.mark.parametrize("seed", range(3))
def test_bare_blocks_make_all_tokens_the_same(seed):
    config = TransformerConfig(10, width=32, heads=4)
    g = draws(seed)
    blocks = [Block(config, g) for _ in range(8)]
    x = y = torch.randn(1, 12, 32, generator=g)
    with torch.no_grad():
        for block in blocks:
            x = errata.llm_04_bare_block(x, lambda h: block.attention(h)[0], block.feed_forward)  # noqa: B023
            y = block(y)[0]
    spread = [(h - h.mean(1, keepdim=True)).norm() / h.norm() for h in (x, y)]
    assert spread[0] < 1e-3 and spread[1] > 0.3


@pytest.mark.erratum("LLM-05")
def test_a_model_without_positions_is_blind_to_order():
    table, g = torch.randn(20, 16, generator=draws()), draws(1)
    layer = MultiHeadAttention(16, 4, g)
    ids = torch.tensor([[3, 5, 8, 13, 2, 7]])
    with torch.no_grad():
        a, b = (
            errata.llm_05_pooled_without_positions(x, table, lambda h: layer(h)[0])
            for x in (ids, ids.flip(1))
        )
        assert (a - b).abs().max() < 1e-6
        model = Transformer(TransformerConfig(20, width=16, heads=4), draws())
        assert (model(ids).mean(1) - model(ids.flip(1)).mean(1)).abs().max() > 1e-3


@pytest.mark.erratum("LLM-08")
def test_three_matrices_have_no_context_and_bert_has():
    g = draws()
    W = [torch.randn(*s, generator=g) for s in ((30, 8), (8, 12), (12, 4))]
    hot = torch.eye(30)
    a, b = (errata.llm_08_three_matrices(hot[ids], *W) for ids in ([5, 6, 7], [9, 6, 8]))
    assert torch.equal(a[1], b[1])
    model = load_bert()
    with torch.no_grad():
        ours = [
            model(torch.tensor([[101, *ids, 102]]))[0, 2] for ids in ([2314, 2924], [2300, 2924])
        ]
    assert (ours[0] - ours[1]).abs().max() > 1e-2
    sizes = TransformerConfig(30_522, 768, 12, 12, max_tokens=512, segments=2, pooler=True)
    three = 30_522 * 768 + 768 * 3072 + 3072 * 768
    assert sizes.parameter_count() == 109_482_240 > 3 * three


@pytest.mark.erratum("LLM-14")
def test_the_sequential_listing_fails_as_printed_and_as_repaired(keras):
    with pytest.raises(TypeError, match="key_dim"):
        errata.llm_14_sequential()
    with pytest.raises(ValueError, match="single required positional argument"):
        errata.llm_14_sequential(repaired=True)
    ids = torch.zeros(2, 10, dtype=torch.long)
    assert Transformer(TransformerConfig(1000, heads=4))(ids).mean(1).shape == (2, 64)


@pytest.mark.erratum("LLM-15")
def test_the_case_study_model_gives_five_thousand_numbers_a_user(keras):
    model = errata.llm_15_transformer_model()
    assert model.output_shape == (None, 50, 100, 1)
    small = errata.llm_15_transformer_model(4, 3, 8, 2, 8)
    assert small(np.ones((2, 4, 3))).shape == (2, 4, 3, 1)
    config = TransformerConfig(100, heads=4, max_tokens=50)
    ids = torch.zeros(1, 50, dtype=torch.long)
    assert Transformer(config)(ids)[:, -1].shape == (1, 64)


@pytest.mark.erratum("LLM-21")
def test_truncation_keeps_the_oldest_events():
    history = np.arange(600)
    kept = errata.llm_21_truncate_right(history)
    assert len(kept) == 512 and kept[-1] == 511 and 599 not in kept
    model = load_bert()
    ids = torch.full((1, 513), 2000)
    with torch.no_grad():
        assert model(ids[:, :512]).shape == (1, 512, 384)
    with pytest.raises(ValueError, match="513 tokens, but the model has 512 positions"):
        model(ids)


@pytest.mark.erratum("LLM-22")
def test_an_embedding_cannot_tell_standardised_features_apart(keras):
    vectors = np.random.default_rng(0).normal(size=(50, 4))
    out = errata.llm_22_features_into_embedding(
        np.array([[0.2, 0.9, -0.7], [-1.3, 1.2, 2.0]]), vectors
    )
    assert np.array_equal(out[0, 0], out[0, 1]) and np.array_equal(out[0, 0], out[0, 2])
    np.testing.assert_allclose(out[1, 0], vectors[-1], rtol=1e-6)
    with pytest.raises(ValueError, match="whole numbers"):
        Transformer(TransformerConfig(50))(torch.tensor([[0.2, 0.9]]))
