"""Small batches do not mend depth; a sigmoid before BCELoss stops learning where it is wrong."""

import pytest
import torch
from torch.nn import functional

from recsys_book.errata import tuning as errata
from recsys_book.optimizers.depth import DeepNetwork, depth_ratio, layer_gradient_norms

SIZES = (512, 64, 8, 1)


@pytest.fixture(scope="module")
def rows():
    g = torch.Generator().manual_seed(0)
    return torch.randn(512, 32, generator=g), torch.randn(512, 1, generator=g)


def ratios(network, rows):
    norms = errata.opt_20_smaller_batches(
        lambda x, y: layer_gradient_norms(network, x, y), *rows, SIZES
    )
    return [depth_ratio(each) for each in norms]


@pytest.mark.erratum("OPT-20")
@pytest.mark.parametrize("seed", range(5))
def test_gradients_vanish_at_every_batch_size(rows, seed):
    assert max(ratios(DeepNetwork(seed=seed), rows)) < 1e-12


@pytest.mark.erratum("OPT-20")
@pytest.mark.parametrize("seed", range(5))
def test_gradients_explode_at_every_batch_size(rows, seed):
    large = DeepNetwork(activation="relu", gain=4.0, seed=seed)
    norms = errata.opt_20_smaller_batches(
        lambda x, y: layer_gradient_norms(large, x, y), *rows, SIZES
    )
    assert norms[:, 0].min() > 1e3


@pytest.mark.erratum("OPT-20")
@pytest.mark.parametrize(
    "cure",
    [
        {"activation": "relu", "gain": 2**0.5},
        {"activation": "tanh", "gain": 1.0},
        {"residual": True},
        {"normalise": True, "activation": "relu"},
    ],
)
def test_the_cures_keep_gradients_alive_at_every_batch_size(rows, cure):
    for seed in range(5):
        each = ratios(DeepNetwork(seed=seed, **cure), rows)
        assert min(each) > 1e-3 and max(each) < 1e3


@pytest.mark.erratum("COD-15")
def test_the_gradient_dies_where_the_model_is_most_wrong():
    score, one = torch.tensor([-200.0], requires_grad=True), torch.ones(1)
    faulty = errata.cod_15_sigmoid_then_bce(score, one)
    assert faulty.item() == 100
    assert torch.autograd.grad(faulty, score)[0].item() == 0
    right = functional.binary_cross_entropy_with_logits(score, one)
    assert right.item() == 200
    assert torch.autograd.grad(right, score)[0].item() == -1


@pytest.mark.erratum("COD-15")
def test_a_confident_wrong_yes_never_recovers():
    def after(loss, score):
        w = torch.tensor([score], requires_grad=True)
        for _ in range(100):
            (grad,) = torch.autograd.grad(loss(w, torch.zeros(1)), w)
            w = (w - 1.0 * grad).detach().requires_grad_()
        return w.item()

    assert after(errata.cod_15_sigmoid_then_bce, 30.0) == 30.0
    assert after(functional.binary_cross_entropy_with_logits, 30.0) < 0
    # Where nothing saturates, both are the same.
    x, y = torch.tensor([0.5, -2.0]), torch.tensor([1.0, 0.0])
    torch.testing.assert_close(
        errata.cod_15_sigmoid_then_bce(x, y), functional.binary_cross_entropy_with_logits(x, y)
    )
