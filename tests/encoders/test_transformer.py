"""The transformer: its weights, its masks, its depth, and what it refuses."""

import pytest
import torch

from recsys_book.encoders import CausalLanguageModel, Transformer, TransformerConfig


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def tokens(batch, length, vocabulary=50, seed=1):
    return torch.randint(4, vocabulary, (batch, length), generator=draws(seed))


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "none"])
def test_a_causal_model_does_not_see_what_comes_later(positions):
    model = CausalLanguageModel(TransformerConfig(50, positions=positions), draws())
    ids = tokens(2, 9)
    changed = ids.clone()
    changed[:, 5:] = (changed[:, 5:] + 7) % 50
    before, after = model.next_log_probs(ids), model.next_log_probs(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert (before[:, 5:] - after[:, 5:]).abs().max() > 1e-3


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_padding_changes_no_token(norm):
    model = Transformer(TransformerConfig(50, norm=norm), draws())
    ids = tokens(2, 6)
    padded = torch.cat([ids, torch.zeros(2, 4, dtype=torch.long)], dim=1)
    alone = model(ids)
    torch.testing.assert_close(model(padded, padded != 0)[:, :6], alone)
    assert (model(padded)[:, :6] - alone).abs().max() > 1e-3
