"""An encoder is no generator, a click network no language model, the last sample no last step."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.encoders.corpora import BEGIN
from recsys_book.encoders.generation import CausalLanguageModel
from recsys_book.encoders.recurrent import RecurrentLanguageModel, lstm_step, unroll
from recsys_book.encoders.transformer import Transformer, TransformerConfig
from recsys_book.errata import language_models as errata

V = 5


def pair(seed):
    """Return an encoder and a decoder with the same weights, not too small."""
    config = TransformerConfig(V, width=8, layers=1, heads=2, max_tokens=6)
    decoder = CausalLanguageModel(config, torch.Generator().manual_seed(seed)).eval()
    with torch.no_grad():
        decoder.transformer.tokens.weight.mul_(40)
    encoder = Transformer(config).eval()
    encoder.load_state_dict(decoder.transformer.state_dict())
    return encoder, decoder


def mass(log_probs):
    """Return the sum of the chain rule's products over all sentences of three words."""
    lines = torch.tensor([[BEGIN, *line] for line in product(range(V), repeat=3)])
    with torch.no_grad():
        log_p = log_probs(lines)[:, :-1].gather(2, lines[:, 1:, None])[..., 0]
    return float(log_p.sum(1).exp().sum())


@pytest.mark.erratum("LLM-01")
@pytest.mark.parametrize("seed", range(3))
def test_an_encoder_sees_the_word_that_it_is_to_predict(seed):
    encoder, decoder = pair(seed)
    table = encoder.tokens.weight
    ids = torch.tensor([[BEGIN, 2, 3, 4]])
    later = torch.tensor([[BEGIN, 2, 3, 0]])
    change = lambda f: (f(ids)[:, :3] - f(later)[:, :3]).abs().max().item()  # noqa: E731
    assert change(lambda x: errata.llm_01_encoder_as_generator(encoder, table, x)) > 0.01
    assert change(decoder.next_log_probs) < 1e-6


@pytest.mark.erratum("LLM-01")
@pytest.mark.parametrize("seed", range(3))
def test_only_the_decoders_sentences_share_one_unit_of_probability(seed):
    encoder, decoder = pair(seed)
    assert mass(decoder.next_log_probs) == pytest.approx(1, abs=1e-5)
    table = encoder.tokens.weight
    faulty = mass(lambda x: errata.llm_01_encoder_as_generator(encoder, table, x))
    assert abs(faulty - 1) > 0.05


@pytest.mark.erratum("LLM-09")
@pytest.mark.parametrize("seed", range(3))
def test_the_click_network_cannot_tell_one_order_from_another(seed):
    network = errata.llm_09_click_network(20, 3, seed=seed)
    clicks = torch.tensor([[4, 9, 12, 7]])
    torch.testing.assert_close(network(clicks), network(clicks.flip(1)))
    assert network(clicks).shape == (1, 3)
    torch.testing.assert_close(network(clicks).exp().sum(), torch.tensor(1.0))
    model = RecurrentLanguageModel(20, 8, generator=torch.Generator().manual_seed(seed))
    log_p = model.next_log_probs(clicks)
    assert log_p.shape == (1, 4, 20)
    assert (log_p[0, -1] - model.next_log_probs(clicks.flip(1))[0, -1]).abs().max() > 1e-3


@pytest.mark.erratum("LLM-13")
def test_the_last_of_the_batch_is_one_sample_in_all_its_steps():
    states = torch.randn(4, 7, 128, generator=torch.Generator().manual_seed(0))
    faulty = errata.llm_13_last_of_the_batch(states)
    assert faulty.shape == (7, 128)
    other = states.clone()
    other[:3] = 0
    torch.testing.assert_close(errata.llm_13_last_of_the_batch(other), faulty)
    lstm = nn.LSTM(128, 16, batch_first=True)
    out, (last, _) = lstm(states)
    assert last[-1].shape == (4, 16)
    torch.testing.assert_close(out[:, -1], last[-1])
    zero = (torch.zeros(4, 16),) * 2
    weights = (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0)
    torch.testing.assert_close(unroll(lstm_step, states, weights, zero)[:, -1], last[-1])


@pytest.mark.erratum("LLM-13")
def test_the_widths_do_not_fit():
    with pytest.raises(RuntimeError, match="128"):
        errata.llm_13_lstm_on_bert_states(torch.zeros(4, 7, 768))
    user = torch.ones(4, 128)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        errata.llm_13_score(user, user)
    assert nn.Linear(256, 1)(torch.cat((user, user), 1)).shape == (4, 1)
    assert np.prod(errata.llm_13_score(user[:, :64], user[:, :64]).shape) == 4
