"""Population-based training on a noisy bowl."""

import numpy as np
import pytest
import torch
from torch import nn

from recsys_book.optimizers.population import population_based_training
from recsys_book.optimizers.rules import GradientDescent


class Bowl(nn.Module):
    def __init__(self, seed):
        super().__init__()
        start = torch.randn(3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self.w = nn.Parameter(start + 3)


class NoisyBowl:
    """Half of the squared distance to zero, seen through noise; the edge is the rate 2."""

    def model(self, seed):
        return Bowl(seed)

    def batches(self, seed):
        return torch.randn(5, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def loss(self, model, batch):
        return ((model.w - batch) ** 2).sum() / 2

    def validate(self, model):
        return float((model.w**2).sum())


def train(rates=(1e-4, 0.01, 0.1, 0.3), **options):
    options = {"rounds": 8, "seed": 1, **options}
    return population_based_training(
        NoisyBowl(), lambda rate: GradientDescent(lr=rate), rates, **options
    )


def test_the_worst_go_on_from_the_best():
    result = train()
    assert result.scores.shape == result.rates.shape == result.parents.shape == (8, 4)
    worst, best = result.scores[0].argmax(), result.scores[0].argmin()
    assert result.parents[0, worst] == best
    ratio = result.rates[1, worst] / result.rates[0, best]
    assert np.isclose(ratio, 1.5) or np.isclose(ratio, 1 / 1.5)
    kept = np.delete(np.arange(4), worst)
    assert (result.parents[0, kept] == kept).all()
    np.testing.assert_array_equal(result.rates[1, kept], result.rates[0, kept])
    # Whoever began with a hopeless rate has a good model in the end.
    assert result.scores[-1].max() < 0.2 * result.scores[0, 0]
    assert (result.parents[-1] == np.arange(4)).all()


def test_the_best_model_and_its_rates_are_returned():
    result = train()
    assert NoisyBowl().validate(result.best) == result.scores[-1].min()
    lineage = result.lineage()
    assert lineage[-1] == result.rates[-1, result.scores[-1].argmin()]
    assert lineage[0] in result.rates[0]
    steps = np.unique((lineage[1:] / lineage[:-1]).round(9))
    assert set(steps) <= {1.0, 1.5, round(1 / 1.5, 9)}


def test_a_diverged_member_is_replaced():
    with np.errstate(all="ignore"):
        result = train(rates=(0.1, 1e200), rounds=3)
    assert result.scores[0, 1] == np.inf
    assert result.parents[0, 1] == 0
    assert np.isfinite(result.scores[-1]).all()


def test_the_same_seed_gives_the_same_population():
    np.testing.assert_array_equal(train().scores, train().scores)
    assert (train(seed=2).scores != train().scores).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": (0.1,)}, "population of 1 members and 8 rounds"),
        ({"rounds": 0}, "4 members and 0 rounds"),
        ({"quantile": 0.8}, "quantile 0.8"),
        ({"perturb": 1.0}, "the factor above 1"),
    ],
)
def test_bad_input_gets_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        train(**options)
