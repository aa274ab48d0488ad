"""Positions: the shift is a rotation, and rotary scores depend on the difference only."""

import numpy as np
import pytest
import torch

from recsys_book.encoders import CausalLanguageModel, TransformerConfig, rotate, sinusoidal


def normal(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64)


@pytest.mark.equation("eq-sinusoidal")
def test_sines_and_cosines_by_hand():
    table = sinusoidal(50, 6)
    for t, i in ((0, 0), (7, 1), (49, 2)):
        angle = t / 10_000 ** (2 * i / 6)
        assert table[t, 2 * i].item() == pytest.approx(np.sin(angle), abs=1e-5)
        assert table[t, 2 * i + 1].item() == pytest.approx(np.cos(angle), abs=1e-5)
    torch.testing.assert_close(table.square().sum(1), torch.full((50,), 3.0))


@pytest.mark.equation("eq-sinusoidal")
def test_a_shift_is_one_rotation_for_all_positions():
    table = sinusoidal(40, 8).double()
    k, w = 5, 10_000 ** (-np.arange(0, 8, 2) / 8)
    turn = np.zeros((8, 8))
    for i, angle in enumerate(k * w):
        c, s = np.cos(angle), np.sin(angle)
        turn[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[c, s], [-s, c]]
    np.testing.assert_allclose(table[:-k] @ turn.T, table[k:], atol=1e-5)


@pytest.mark.equation("eq-rotary")
def test_rotary_scores_depend_on_the_difference_only():
    q, k = normal(8), normal(8, seed=1)
    Q, K = rotate(q.expand(30, 8)), rotate(k.expand(30, 8))
    scores = Q @ K.T
    for lag in (-7, 0, 3):
        along = scores.diagonal(lag)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=0, atol=1e-5)
    assert (scores[0, 1:] - scores[0, 0]).abs().min() > 1e-3
    torch.testing.assert_close(Q.norm(dim=1), q.norm().expand(30))


@pytest.mark.equation("eq-rotary")
def test_rotation_by_hand_and_from_a_start():
    x = normal(3, 4)
    turned = rotate(x, start=6)
    for t in range(3):
        for i, speed in enumerate((1.0, 0.01)):
            z = complex(x[t, 2 * i], x[t, 2 * i + 1]) * np.exp(1j * (6 + t) * speed)
            assert complex(*turned[t, 2 * i : 2 * i + 2]) == pytest.approx(z, abs=1e-5)


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match="come in pairs, but the width is 5"):
        sinusoidal(3, 5)


@pytest.mark.parametrize(
    ("positions", "sees"),
    [("learned", True), ("sinusoidal", True), ("rotary", True), ("none", False)],
)
def test_which_models_see_order(positions, sees):
    config = TransformerConfig(30, positions=positions, layers=1)
    model = CausalLanguageModel(config).transformer
    ids = torch.tensor([[5, 6, 7, 8]])
    swapped = torch.tensor([[6, 5, 7, 8]])
    change = (model(ids)[:, -1] - model(swapped)[:, -1]).abs().max().item()
    assert (change > 1e-4) if sees else (change < 1e-6)
