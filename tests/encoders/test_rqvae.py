"""The RQ-VAE: gradients of its losses by hand, the straight-through step, dead code words."""

import numpy as np
import pytest
import torch

from recsys_book.encoders.residual_quantisation import quantise
from recsys_book.encoders.rqvae import RQVAE, RQVAEProblem, straight_through
from recsys_book.optimizers import Adam
from recsys_book.optimizers.training import train


@pytest.fixture(scope="module")
def x():
    g = torch.Generator().manual_seed(0)
    middles = 2 * torch.randn(6, 10, generator=g)
    which = torch.randint(6, (300,), generator=g)
    return middles[which] + 0.3 * torch.randn(300, 10, generator=g)


def small(**settings):
    return RQVAE(10, latent=4, hidden=16, **{"levels": 2, "codes": 8, **settings})


@pytest.mark.equation("eq-straight-through")
def test_the_value_is_quantised_and_the_gradient_is_the_identity():
    z = torch.tensor([[0.2, -1.4]], requires_grad=True)
    words = torch.tensor([[1.0, -1.0]], requires_grad=True)
    out = straight_through(z, words)
    assert out.tolist() == [[1.0, -1.0]]
    (out * torch.tensor([[3.0, 5.0]])).sum().backward()
    assert z.grad.tolist() == [[3.0, 5.0]]
    assert words.grad is None  # the decoder's error does not move the words


@pytest.mark.equation("eq-rqvae-loss")
def test_the_loss_is_its_three_sums(x):
    model = small(commitment=0.3)
    z = model.encoder(x)
    rest, total, sums = z, 0, 0
    for words in model.codebooks:
        word = words[((rest[:, None] - words) ** 2).sum(2).argmin(1)]
        sums = sums + 1.3 * ((rest - word) ** 2).sum(1).mean()
        rest, total = rest - word, total + word
    rebuilt = ((x - model.decoder(total)) ** 2).sum(1).mean()
    assert float(model.loss(x).detach()) == pytest.approx(float((rebuilt + sums).detach()), 1e-5)


@pytest.mark.equation("eq-rqvae-loss")
def test_each_sum_moves_what_it_should(x):
    model = small(commitment=0.25)
    z = model.encoder(x).detach().requires_grad_()
    _, digits, loss = model.quantise(z)
    loss.backward()
    # A word is pulled to the mean of its rests: 2/n times the sum of (word - rest).
    rest, pulled = z.detach(), torch.zeros_like(z)
    for level, words in enumerate(model.codebooks.detach()):
        word = words[digits[:, level]]
        want = torch.zeros_like(words).index_add_(0, digits[:, level], 2 / len(x) * (word - rest))
        torch.testing.assert_close(model.codebooks.grad[level], want, rtol=1e-4, atol=1e-6)
        # The encoder is pulled towards the words, level by level, with the commitment's weight.
        pulled += 0.25 * 2 / len(x) * (rest - word)
        rest = rest - word
    torch.testing.assert_close(z.grad, pulled, rtol=1e-4, atol=1e-6)


def test_digits_are_those_of_the_residual_quantiser(x):
    model = small()
    with torch.no_grad():
        z = model.encoder(x).numpy()
        want, _ = quantise(z, list(model.codebooks.detach().numpy()))
    assert (model.encode(x.numpy()) == want).all(axis=1).mean() > 0.99  # ties in float32


def test_the_kmeans_start_uses_every_word(x):
    model = small()
    before = int((model.usage(x) == 0).sum())
    model.start_from_kmeans(x)
    assert int((model.usage(x) == 0).sum()) == 0 < before


def test_dead_words_come_back_to_life(x):
    model = small()
    with torch.no_grad():
        model.codebooks[0, 3:] += 100.0
        model.codebooks[1, :2] -= 100.0
    dead = int((model.usage(x)[0] == 0).sum())
    assert dead >= 5
    assert model.revive(x) >= dead
    assert int((model.usage(x)[0] == 0).sum()) < dead


def test_living_words_stay_where_they_are(x):
    model = small()
    model.start_from_kmeans(x)
    with torch.no_grad():
        model.codebooks[1, 4] += 100.0
    words = model.codebooks.detach().clone()
    assert model.revive(x) == 1
    moved = (model.codebooks != words).any(dim=2)
    assert moved.nonzero().tolist() == [[1, 4]]
    assert int((model.usage(x) == 0).sum()) == 0


def test_training_rebuilds_held_out_vectors(x):
    problem = RQVAEProblem(x.numpy(), {"latent": 4, "hidden": 16, "codes": 8}, n_valid=60)
    history = train(problem, Adam(lr=0.02), epochs=20, seed=0)
    spread = float((problem.valid - problem.train.mean(0)).square().sum(1).mean())
    assert history.final_validation < 0.4 * spread
    again = train(problem, Adam(lr=0.02), epochs=1, seed=0)
    assert np.array_equal(history.step_loss[: len(again.step_loss)], again.step_loss)


def test_a_random_start_leaves_words_dead(x):
    problem = RQVAEProblem(x.numpy(), {"codes": 64}, n_valid=60, kmeans_start=False)
    random = int((problem.model(0).usage(problem.train) == 0).sum())
    problem.kmeans_start = True
    assert int((problem.model(0).usage(problem.train) == 0).sum()) < random


def test_something_must_be_left_for_both_sides(x):
    with pytest.raises(ValueError, match="n_valid is 300 of 300"):
        RQVAEProblem(x.numpy(), n_valid=300)


def test_vectors_that_are_not_finite_are_refused(x):
    broken = x.numpy().copy()
    broken[7, 2] = np.nan
    with pytest.raises(ValueError, match="item 7 is not finite"):
        RQVAEProblem(broken, n_valid=60)
