"""Mult-VAE and Mult-DAE: the bound, the annealing, new users, and bad settings."""

import numpy as np
import pytest
import torch
from contract import check_contract, checkerboard

from recsys_book.data import Interactions
from recsys_book.recommenders import history_weights
from recsys_book.recommenders.neural import (
    MultDAE,
    MultVAE,
    annealed,
    gaussian_kl,
    multinomial_loss,
    multvae_loss,
)
from recsys_book.recommenders.neural.autoencoders import HistoryAutoencoder

SMALL = {"latent": 4, "hidden": 16, "dropout": 0.2, "epochs": 25, "batch_size": 20, "rate": 0.03}


@pytest.mark.parametrize("model", [MultVAE, MultDAE])
def test_contract(model):
    check_contract(lambda: model(**SMALL), personalised=True)


@pytest.mark.equation("eq-gaussian-kl")
def test_the_divergence_equals_that_of_torch():
    g = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(5, 3, generator=g), torch.randn(5, 3, generator=g)
    code = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    unit = torch.distributions.Normal(0.0, 1.0)
    want = torch.distributions.kl_divergence(code, unit).sum(dim=1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), want)
    assert gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)).abs().max() == 0


@pytest.mark.equation("eq-multvae-elbo")
def test_the_loss_is_minus_the_bound():
    g = torch.Generator().manual_seed(1)
    logits, mean = torch.randn(4, 6, generator=g), torch.randn(4, 2, generator=g)
    log_variance = torch.randn(4, 2, generator=g)
    rows = torch.tensor(np.random.default_rng(0).integers(0, 2, (4, 6)), dtype=torch.float32)
    likelihood = [(r * torch.log_softmax(z, 0)).sum() for r, z in zip(rows, logits)]
    bound = torch.stack(likelihood) - 0.3 * gaussian_kl(mean, log_variance)
    got = multvae_loss(logits, rows, mean, log_variance, 0.3)
    assert got.item() == pytest.approx(-bound.mean().item(), rel=1e-5)


@pytest.mark.equation("eq-multvae-elbo")
def test_the_bound_lies_below_the_evidence_and_meets_it_where_the_code_is_the_posterior():
    """A decoder that ignores its code: the posterior is the prior, and the bound is exact."""
    logits, rows = torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([[1.0, 0.0, 1.0]])
    evidence = -multinomial_loss(logits, rows)
    zero = torch.zeros(1, 2)
    assert -multvae_loss(logits, rows, zero, zero, 1.0) == evidence
    assert -multvae_loss(logits, rows, zero + 0.5, zero, 1.0) < evidence


def test_the_weight_of_the_divergence_rises_and_stays():
    weights = [annealed(0.2, step, 4) for step in range(7)]
    np.testing.assert_allclose(weights, [0, 0.05, 0.1, 0.15, 0.2, 0.2, 0.2])
    assert annealed(0.2, 0, 0) == 0.2


def network(variational):
    return HistoryAutoencoder(6, 8, 3, 0.0, variational, torch.Generator().manual_seed(0), seed=5)


def test_codes_are_drawn_in_training_only():
    rows = torch.eye(6)[:2]
    drawing = network(True).train()
    assert not torch.equal(drawing(rows)[0], drawing(rows)[0])
    drawing.eval()
    assert torch.equal(drawing(rows)[0], drawing(rows)[0])
    plain = network(False).train()
    assert torch.equal(plain(rows)[0], plain(rows)[0])
    assert gaussian_kl(*plain(rows)[1:]).ge(0).all()


def test_the_length_of_a_history_does_not_scale_the_input():
    model = network(True).eval()
    rows = torch.tensor([[1.0, 1, 0, 0, 0, 0]])
    torch.testing.assert_close(model(rows)[0], model(3 * rows)[0])


def test_histories_of_strangers():
    log, missing = checkerboard()
    model = MultVAE(**SMALL).fit(log)
    np.testing.assert_allclose(model.score_histories(log), model.score(np.arange(20)), rtol=1e-12)
    nobody = Interactions(
        user=np.array([1]),
        item=np.array([2]),
        value=np.ones(1),
        timestamp=np.zeros(1, dtype=int),
        users=np.arange(2),
        items=log.items,
    )
    scores = model.score_histories(nobody)
    np.testing.assert_array_equal(scores[0], model.item_counts_)
    assert scores[1, 0::2].mean() > scores[1, 1::2].mean()
    other = Interactions(
        user=nobody.user,
        item=nobody.item,
        value=nobody.value,
        timestamp=nobody.timestamp,
        users=nobody.users,
        items=np.arange(20),
    )
    with pytest.raises(ValueError, match="items"):
        model.score_histories(other)


def test_a_half_life_lets_the_last_item_weigh_most():
    log, _ = checkerboard()
    history = history_weights(log, half_life=1.0)[0].toarray()[0]
    mine = log.select(log.user == 0)
    last_first = mine.item[np.argsort(-mine.timestamp)]
    np.testing.assert_allclose(history[last_first[:3]], [1.0, 0.5, 0.25])
    model = MultDAE(half_life=2.0, **(SMALL | {"epochs": 2})).fit(log)
    assert np.isfinite(model.score([0])).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.0}, "dropout is 1"),
        ({"beta": -0.1}, "beta is -0.1"),
        ({"latent": 0}, "latent is 0"),
        ({"half_life": 0.0}, "half_life is 0"),
        ({"rate": 1e30}, "diverged"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        MultVAE(**(SMALL | {"epochs": 3} | settings)).fit(checkerboard()[0])
