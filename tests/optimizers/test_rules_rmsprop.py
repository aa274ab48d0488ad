"""RMSProp and AdaDelta."""

import numpy as np
import pytest
import torch

from recsys_book.optimizers import AdaDelta, Adam, RMSProp

FORMS = {
    "plain": {},
    "centred": {"centred": True},
    "momentum": {"momentum": 0.8},
    "centred, momentum, decay": {"centred": True, "momentum": 0.8, "weight_decay": 0.02},
}


@pytest.mark.equation("eq-rmsprop")
@pytest.mark.equation("eq-rmsprop-centred")
@pytest.mark.parametrize("fields", FORMS.values(), ids=FORMS.keys())
def test_rmsprop_equals_torch(parity, setting, fields):
    theirs = {{"centred": "centered"}.get(name, name): value for name, value in fields.items()}
    parity.assert_same_path(
        RMSProp(lr=0.02, rho=0.95, **fields),
        lambda params: torch.optim.RMSprop(params, lr=0.02, alpha=0.95, **theirs),
        **setting,
    )


@pytest.mark.equation("eq-adadelta")
@pytest.mark.parametrize("weight_decay", [0.0, 0.02])
def test_adadelta_equals_torch(parity, setting, weight_decay):
    parity.assert_same_path(
        AdaDelta(lr=0.7, rho=0.8, weight_decay=weight_decay),
        lambda params: torch.optim.Adadelta(params, lr=0.7, rho=0.8, weight_decay=weight_decay),
        **setting,
    )


@pytest.mark.equation("eq-rmsprop")
def test_rmsprop_recovers_from_a_large_gradient(parity):
    """What AdaGrad cannot do: the rate comes back once the large gradient is forgotten."""
    gradients = np.ones((400, 1))
    gradients[100] = 100.0
    steps = -np.diff(parity.path(RMSProp(lr=0.1, rho=0.9), gradients)[:, 0])
    assert steps[101] < 0.01
    assert steps[-1] == pytest.approx(0.1, rel=1e-6)


@pytest.mark.equation("eq-rmsprop-centred")
def test_centred_average_is_the_mean_square_less_the_squared_mean(parity):
    gradients = parity.gradient_stream(50, 4)
    plain, centred = RMSProp(rho=0.9), RMSProp(rho=0.9, centred=True)
    states = [rule.init(torch.zeros(4, dtype=torch.float64)) for rule in (plain, centred)]
    for step, gradient in enumerate(torch.as_tensor(gradients), start=1):
        for rule, state in zip((plain, centred), states):
            rule.update(gradient, state, step)
        square, mean, variance = states[0]["v"], states[1]["mean"], states[1]["v"]
        torch.testing.assert_close(variance, square - mean**2, rtol=1e-9, atol=1e-15)
        assert (variance > 0).all()


def test_centred_survives_a_constant_gradient(parity):
    """The mean square less the squared mean is rounding here, and its root may be NaN."""
    theirs = torch.nn.Parameter(torch.zeros(500))
    gradient = torch.linspace(0.1, 1, 500)
    torchs = torch.optim.RMSprop([theirs], lr=1e-3, alpha=0.9, centered=True)
    for _ in range(600):
        theirs.grad = gradient.clone()
        torchs.step()
    points = parity.path(
        RMSProp(lr=1e-3, rho=0.9, centred=True), np.tile(gradient, (600, 1)), dtype=torch.float32
    )
    assert np.isfinite(points).all()
    assert (np.diff(points, axis=0) <= 0).all()
    assert theirs.isnan().any()


@pytest.mark.equation("eq-adadelta")
def test_adadelta_has_the_unit_of_the_weights():
    """Metres to centimetres: w grows by 100, its gradient shrinks by 100."""
    gradients = torch.linspace(-1, 2, 30, dtype=torch.float64)
    changes = {}
    for rule in (AdaDelta(eps=0.0), RMSProp(eps=0.0), Adam(eps=0.0)):
        for unit in (1.0, 100.0):
            state = rule.init(torch.tensor(0.0, dtype=torch.float64))
            if isinstance(rule, AdaDelta):
                state["u"] += (0.1 * unit) ** 2  # a history of changes, in this unit
            last = [rule.update(g / unit, state, t) for t, g in enumerate(gradients, start=1)][-1]
            changes[type(rule), unit] = last.item() / unit
    assert changes[AdaDelta, 100.0] == pytest.approx(changes[AdaDelta, 1.0], rel=1e-12)
    for rule in (RMSProp, Adam):  # their change is a number of rates, whatever the unit
        assert changes[rule, 100.0] == pytest.approx(changes[rule, 1.0] / 100, rel=1e-12)


def test_adadelta_starts_from_eps():
    """Without eps it never moves; its first step is the root of eps over the gradient's share."""
    gradient = torch.tensor([5.0, -1e3], dtype=torch.float64)
    still = AdaDelta(eps=0.0)
    assert torch.equal(still.update(gradient, still.init(gradient), 1), torch.zeros(2).double())
    rule = AdaDelta(eps=1e-6)
    first = rule.update(gradient, rule.init(gradient), 1)
    torch.testing.assert_close(first, -gradient.sign() * (1e-6 / 0.1) ** 0.5, rtol=1e-6, atol=0)
