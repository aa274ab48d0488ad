"""Adam and its variants."""

import numpy as np
import pytest
import torch

from recsys_book.optimizers import (
    AdaBelief,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    NAdam,
    Optimizer,
    RAdam,
)

BETAS = {"beta1": 0.8, "beta2": 0.97}
SMOOTH = [Adam, AMSGrad, Adamax, NAdam, AdaBelief]  # all but RAdam divide from the first step on


@pytest.fixture(autouse=True)
def float64_scalars():
    """torch keeps NAdam's product in the default type; the comparison needs float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.equation("eq-adam-first-moment")
@pytest.mark.equation("eq-adam-second-moment")
@pytest.mark.equation("eq-adam-bias-correction")
@pytest.mark.equation("eq-adam-step")
def test_adam_equals_torch(parity, setting):
    parity.assert_same_path(
        Adam(lr=0.02, **BETAS, weight_decay=0.03),
        lambda params: torch.optim.Adam(params, lr=0.02, betas=(0.8, 0.97), weight_decay=0.03),
        **setting,
    )


@pytest.mark.equation("eq-decoupled-decay")
def test_adamw_equals_torch(parity, setting):
    parity.assert_same_path(
        AdamW(lr=0.02, weight_decay=0.03),
        lambda params: torch.optim.AdamW(params, lr=0.02, weight_decay=0.03),
        **setting,
    )


@pytest.mark.equation("eq-amsgrad")
@pytest.mark.parametrize("decoupled", [False, True])
def test_amsgrad_equals_torch(parity, setting, decoupled):
    torchs = torch.optim.AdamW if decoupled else torch.optim.Adam
    parity.assert_same_path(
        AMSGrad(lr=0.02, **BETAS, weight_decay=0.03, decoupled=decoupled),
        lambda params: torchs(params, lr=0.02, betas=(0.8, 0.97), weight_decay=0.03, amsgrad=True),
        **setting,
    )


@pytest.mark.equation("eq-adamax")
@pytest.mark.parametrize("weight_decay", [0.0, 0.03])
def test_adamax_equals_torch(parity, setting, weight_decay):
    parity.assert_same_path(
        Adamax(lr=0.02, **BETAS, weight_decay=weight_decay),
        lambda params: torch.optim.Adamax(
            params, lr=0.02, betas=(0.8, 0.97), weight_decay=weight_decay
        ),
        **setting,
    )


@pytest.mark.equation("eq-nadam")
@pytest.mark.parametrize("decoupled", [False, True])
def test_nadam_equals_torch(parity, setting, decoupled):
    parity.assert_same_path(
        NAdam(lr=0.02, **BETAS, momentum_decay=0.01, weight_decay=0.03, decoupled=decoupled),
        lambda params: torch.optim.NAdam(
            params,
            lr=0.02,
            betas=(0.8, 0.97),
            momentum_decay=0.01,
            weight_decay=0.03,
            decoupled_weight_decay=decoupled,
        ),
        **setting,
    )


@pytest.mark.equation("eq-radam")
@pytest.mark.parametrize("decoupled", [False, True])
def test_radam_equals_torch(parity, setting, decoupled):
    parity.assert_same_path(
        RAdam(lr=0.02, **BETAS, weight_decay=0.03, decoupled=decoupled),
        lambda params: torch.optim.RAdam(
            params,
            lr=0.02,
            betas=(0.8, 0.97),
            weight_decay=0.03,
            decoupled_weight_decay=decoupled,
        ),
        **setting,
    )


def adabelief_path(gradients, lr, beta1, beta2, eps, weight_decay, decoupled):
    """Zhuang et al. (2020), Algorithm 2, line by line, from w = 1."""
    theta = np.ones(gradients.shape[1:])
    m, s, points = 0 * theta, 0 * theta, []
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            theta = theta - lr * weight_decay * theta
        else:
            g = g + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps
        m_hat = m / (1 - beta1**t)
        s_hat = s / (1 - beta2**t)
        theta = theta - lr * m_hat / (np.sqrt(s_hat) + eps)
        points.append(theta)
    return np.array(points)


@pytest.mark.equation("eq-adabelief")
@pytest.mark.parametrize("block", [None, 5])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("eps", [1e-16, 1e-2])
def test_adabelief_equals_the_paper(parity, eps, decoupled, block):
    if block:
        parity.use_blocks(block)
    gradients = parity.gradient_stream(100, 3, 7)
    fields = BETAS | {"lr": 0.02, "eps": eps, "weight_decay": 0.03, "decoupled": decoupled}
    own = parity.path(AdaBelief(**fields), gradients, start=1.0)
    np.testing.assert_allclose(own, adabelief_path(gradients, **fields), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("rule", [AdaBelief(lr=0.02), NAdam(lr=0.02)], ids=["AdaBelief", "NAdam"])
def test_resuming_changes_nothing(parity, rule):
    params = [parity.odd_tensors(), parity.odd_tensors()]
    whole, part = (Optimizer(p, rule) for p in params)
    for step in range(1, 31):
        for tensors in params:
            parity.set_gradients(tensors, step)
        whole.step()
        part.step()
        if step == 13:
            part = parity.resumed(part, lambda p: Optimizer(p, rule), params[1], None)
    assert all(torch.equal(a, b) for a, b in zip(*params))


@pytest.mark.equation("eq-adam-bias-correction")
@pytest.mark.parametrize("rule", [Adam, AMSGrad, Adamax])
def test_first_step_is_the_rate(rule):
    """Without the correction of the bias it would be (1 - beta1) / (1 - beta2)^(1/2) times that."""
    gradient = torch.tensor([3e-4, -2.0, 500.0])
    own = rule(lr=0.01, eps=0.0)
    delta = own.update(gradient, own.init(gradient), 1)
    torch.testing.assert_close(delta, -0.01 * gradient.sign(), rtol=1e-12, atol=0)


@pytest.mark.equation("eq-adam-bias-correction")
def test_corrected_moments_of_a_constant_gradient_are_that_gradient():
    rule, gradient = Adam(), torch.tensor([0.2, -7.0])
    state = rule.init(gradient)
    for step in range(1, 20):
        rule.update(gradient, state, step)
        torch.testing.assert_close(state["m"] / (1 - 0.9**step), gradient)
        torch.testing.assert_close(state["v"] / (1 - 0.999**step), gradient**2)


@pytest.mark.equation("eq-adam-step")
@pytest.mark.parametrize("rule", SMOOTH)
def test_steps_do_not_change_with_the_scale_of_the_loss(parity, rule):
    gradients = parity.gradient_stream(50, 4)
    paths = [parity.path(rule(lr=0.01, eps=0.0), size * gradients) for size in (1.0, 1e6, 1e-6)]
    np.testing.assert_allclose(paths[1], paths[0], rtol=1e-9)
    np.testing.assert_allclose(paths[2], paths[0], rtol=1e-9)


@pytest.mark.equation("eq-adam-step")
def test_adam_step_is_bounded(parity):
    """By the rate for steady gradients; for one gradient after a long silence, by more."""
    noise = np.diff(parity.path(Adam(lr=0.01), parity.gradient_stream(300, 50)), axis=0)
    assert np.abs(noise).max() < 0.02
    lonely = np.zeros((2000, 1))
    lonely[-1] = 1.0
    last = np.diff(parity.path(Adam(lr=0.01), lonely), axis=0)[-1]
    ratio = (1 - 0.9) / (1 - 0.999) ** 0.5  # Kingma & Ba (2015), section 2.1
    assert 0.99 * ratio < abs(last[0]) / 0.01 * (1 - 0.999**2000) ** -0.5 < 1.01 * ratio


@pytest.mark.equation("eq-amsgrad")
def test_amsgrad_remembers_a_large_gradient(parity):
    gradients = np.ones((3000, 1))
    gradients[50] = 100.0
    ends = {
        rule: -np.diff(parity.path(rule(lr=0.01, beta2=0.99), gradients)[:, 0])[-1]
        for rule in (Adam, AMSGrad)
    }
    assert ends[Adam] == pytest.approx(0.01, rel=1e-6)
    assert ends[AMSGrad] < 0.0015


@pytest.mark.equation("eq-adamax")
def test_adamax_denominator_is_the_largest_recent_gradient():
    rule = Adamax(beta2=0.5, eps=0.0)
    state = rule.init(torch.zeros(1))
    seen = []
    for step, g in enumerate([1.0, -8.0, 1.0, 1.0, 1.0, 1.0], start=1):
        rule.update(torch.tensor([g]), state, step)
        seen.append(state["u"].item())
    assert seen == [1.0, 8.0, 4.0, 2.0, 1.0, 1.0]


@pytest.mark.equation("eq-nadam")
def test_nadam_without_momentum_is_adam_without_momentum(parity):
    gradients = parity.gradient_stream(30, 4)
    nadam, adam = (parity.path(rule(lr=0.01, beta1=0.0), gradients) for rule in (NAdam, Adam))
    np.testing.assert_allclose(nadam, adam, rtol=1e-12)


@pytest.mark.equation("eq-nadam")
def test_nadam_momentum_rises_to_beta1():
    rule = NAdam(beta1=0.9)
    momenta = [rule.momentum(step) for step in (0, 1, 100, 1000, 100_000)]
    assert momenta == sorted(momenta)
    assert momenta[0] == pytest.approx(0.45)
    assert momenta[-1] == pytest.approx(0.9)


@pytest.mark.equation("eq-radam")
def test_radam_waits_for_the_variance():
    """Liu et al. (2020): with beta2 = 0.999 the first five steps are momentum alone."""
    rule = RAdam()
    factors = [rule.rectification(step) for step in range(1, 20_001)]
    assert factors[:5] == [0.0] * 5
    assert 0 < factors[5] < 0.1
    assert factors[5:] == sorted(factors[5:])
    assert factors[-1] == pytest.approx(1, abs=1e-6)
    assert RAdam(beta2=0.6).rectification(10_000) == 0  # never long enough to have a variance
    gradient = torch.tensor([1e-3, -4.0])
    torch.testing.assert_close(rule.update(gradient, rule.init(gradient), 1), -1e-3 * gradient)


@pytest.mark.equation("eq-adabelief")
def test_adabelief_goes_far_where_gradients_agree(parity):
    """Same second moment, other variance: Adam cannot tell these two coordinates apart."""
    gradients = np.ones((200, 2))
    gradients[:, 0] += 0.05 * np.where(np.arange(200) % 2, 1, -1)
    gradients[:, 1] = np.where(np.arange(200) % 5, 1.0, -1.0)  # four of five agree
    belief, adam = (np.abs(parity.path(r(lr=1e-3), gradients)[-1]) for r in (AdaBelief, Adam))
    assert belief[0] / belief[1] > 3 * adam[0] / adam[1]
