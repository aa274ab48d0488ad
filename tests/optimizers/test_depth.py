"""The deep network is what its switches say."""

import pytest
import torch

from recsys_book.optimizers.depth import DeepNetwork, depth_ratio, layer_gradient_norms


@pytest.fixture
def rows():
    g = torch.Generator().manual_seed(1)
    return torch.randn(64, 32, generator=g), torch.randn(64, 1, generator=g)


def test_norms_are_those_of_backward(rows):
    network = DeepNetwork(depth=3, activation="tanh", gain=1.0)
    norms = layer_gradient_norms(network, *rows)
    (network(rows[0]) - rows[1]).square().mean().backward()
    want = [layer.weight.grad.norm() for layer in (*network.layers, network.output)]
    torch.testing.assert_close(norms, torch.stack(want))
    assert depth_ratio(norms) == pytest.approx((want[0] / want[2]).item())


def test_a_gain_of_the_root_of_two_keeps_the_size_of_relu_activations(rows):
    x = rows[0]
    sizes = []
    for seed in range(20):
        network = DeepNetwork(depth=10, activation="relu", gain=2**0.5, seed=seed)
        h = x
        for layer in network.layers:
            h = torch.relu(layer(h))
        sizes.append(h.square().mean().item())
    assert 0.2 < sum(sizes) / 20 < 5
    assert network(x).shape == (64, 1)


def test_residual_layers_add_and_norms_normalise(rows):
    x = rows[0]
    network = DeepNetwork(depth=1, residual=True)
    want = network.output(x + torch.sigmoid(network.layers[0](x)))
    torch.testing.assert_close(network(x), want)
    normal = DeepNetwork(depth=2, normalise=True)
    torch.testing.assert_close(normal(x), normal(7 * x), rtol=1e-3, atol=1e-4)
    assert torch.equal(DeepNetwork(seed=3)(x), DeepNetwork(seed=3)(x))


@pytest.mark.parametrize("bad", [{"depth": 0}, {"activation": "step"}])
def test_bad_input_gets_one_sentence(bad):
    with pytest.raises(ValueError, match="cannot be built"):
        DeepNetwork(**bad)
