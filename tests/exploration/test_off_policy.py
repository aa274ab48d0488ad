"""Estimators of a policy's value, against loops written from the papers and against the truth."""

import numpy as np
import pytest

from recsys_book.data import BanditLog, load_open_bandit
from recsys_book.exploration import off_policy as ope

WORLD = ope.LoggedWorld.draw(types=12, actions=5, dim=3, rate=0.2, seed=3)
LOGGING = ope.softmax_policy(WORLD.q, 0.3)
TARGET = ope.softmax_policy(WORLD.q, 0.05)


def one_log(n=400, seed=0, logging=LOGGING):
    log, types = WORLD.log(logging, n, seed)
    return log, TARGET[types], WORLD.q[types]


@pytest.fixture(scope="module")
def case():
    log, target, q = one_log()
    return log, target, q + np.random.default_rng(1).normal(0, 0.1, q.shape)


def by_loop(log, target, q):
    """The papers' estimators, one row at a time."""
    n = len(log)
    w = [target[i, log.action[i]] / log.propensity[i] for i in range(n)]
    r = log.reward
    model = [sum(target[i, a] * q[i, a] for a in range(log.n_actions)) for i in range(n)]
    error = [r[i] - q[i, log.action[i]] for i in range(n)]
    rows = range(n)
    return {
        "ips": sum(w[i] * r[i] for i in rows) / n,
        "clipped": sum(min(w[i], 2.0) * r[i] for i in rows) / n,
        "snips": sum(w[i] * r[i] for i in rows) / sum(w),
        "dm": sum(model) / n,
        "dr": sum(model[i] + w[i] * error[i] for i in rows) / n,
        "sndr": sum(model) / n + sum(w[i] * error[i] for i in rows) / sum(w),
        "switch": sum(model[i] + (w[i] * error[i] if w[i] <= 1.5 else 0) for i in rows) / n,
        "shrunk": sum(model[i] + 3 * w[i] / (w[i] ** 2 + 3) * error[i] for i in rows) / n,
    }


def by_package(log, target, q):
    return {
        "ips": ope.ips(log, target),
        "clipped": ope.clipped_ips(log, target, 2.0),
        "snips": ope.snips(log, target),
        "dm": ope.direct_method(log, target, q),
        "dr": ope.doubly_robust(log, target, q),
        "sndr": ope.self_normalized_dr(log, target, q),
        "switch": ope.switch_dr(log, target, q, 1.5),
        "shrunk": ope.shrunk_dr(log, target, q, 3.0),
    }


@pytest.mark.equation("eq-policy-ips")
@pytest.mark.equation("eq-policy-snips")
@pytest.mark.equation("eq-direct-method")
@pytest.mark.equation("eq-doubly-robust")
@pytest.mark.equation("eq-switch-dr")
def test_every_estimator_equals_the_loop(case):
    want = by_loop(*case)
    for name, estimate in by_package(*case).items():
        assert estimate.value == pytest.approx(want[name], rel=1e-12), name
        assert estimate.terms.mean() == pytest.approx(estimate.value, rel=1e-12), name
        assert estimate.terms.shape == (len(case[0]),)


def test_they_agree_on_the_shops_own_log_too():
    log = load_open_bandit("men", "random").log
    shown = load_open_bandit("men", "bts").log
    target = ope.empirical_policy(log, shown)
    q = np.random.default_rng(0).random(target.shape) / 100
    want = by_loop(log, target, q)
    for name, estimate in by_package(log, target, q).items():
        assert estimate.value == pytest.approx(want[name], abs=1e-9), name


@pytest.fixture(scope="module")
def many():
    """Estimates on 400 logs of 200 rows, with a wrong model and with wrong propensities."""
    rows = []
    for seed in range(400):
        log, target, q = one_log(200, seed)
        wrong = q * 1.5
        guess = np.clip(log.propensity * 0.5 + 0.1, 0, 1)
        mistaken = BanditLog(log.context, log.action, log.reward, guess, log.position, 5)
        rows.append(
            [
                ope.ips(log, target, "ignore").value,
                ope.snips(log, target, "ignore").value,
                ope.direct_method(log, target, wrong).value,
                ope.doubly_robust(log, target, wrong, "ignore").value,
                ope.doubly_robust(mistaken, target, q, "ignore").value,
                ope.ips(mistaken, target, "ignore").value,
            ]
        )
    return np.array(rows)


def off_by(values):
    """Difference of the mean from the truth, in standard errors of that mean."""
    return (values.mean() - WORLD.value(TARGET)) / (values.std(ddof=1) / np.sqrt(len(values)))


@pytest.mark.equation("eq-policy-value")
def test_ips_and_dr_are_unbiased_and_the_direct_method_is_not(many):
    assert abs(off_by(many[:, 0])) < 3
    assert abs(off_by(many[:, 1])) < 3
    assert off_by(many[:, 2]) > 20
    assert abs(off_by(many[:, 3])) < 3, "propensities right, model wrong"
    assert abs(off_by(many[:, 4])) < 3, "model right, propensities wrong"
    assert abs(off_by(many[:, 5])) > 5, "ips with wrong propensities"


@pytest.mark.equation("eq-ips-variance")
def test_the_variance_of_ips_is_the_formula(many):
    noise = WORLD.q * (1 - WORLD.q)
    want = ope.ips_variance(WORLD.chances, LOGGING, TARGET, WORLD.q, noise, 200)
    assert many[:, 0].var(ddof=1) == pytest.approx(want, rel=0.25)
    on_policy = ope.ips_variance(WORLD.chances, TARGET, TARGET, WORLD.q, noise, 1)
    value = WORLD.value(TARGET)
    assert on_policy == pytest.approx(value * (1 - value), rel=1e-12), "a Bernoulli variance"


def test_the_value_is_the_mean_reward_of_running_the_policy():
    log, _ = WORLD.log(TARGET, 40_000, 5)
    error = log.reward.std() / np.sqrt(len(log))
    assert abs(log.reward.mean() - WORLD.value(TARGET)) < 4 * error
    assert ope.ips(log, TARGET[WORLD.log(TARGET, 40_000, 5)[1]]).value == log.reward.mean()


def test_limits_of_switch_and_shrinkage_are_the_model_and_dr(case):
    log, target, q = case
    dm, dr = ope.direct_method(*case).value, ope.doubly_robust(*case).value
    assert ope.switch_dr(*case, threshold=0).value == pytest.approx(dm, abs=1e-15)
    assert ope.switch_dr(*case, threshold=np.inf).value == pytest.approx(dr, abs=1e-15)
    assert ope.shrunk_dr(*case, shrinkage=0).value == pytest.approx(dm, abs=1e-15)
    assert ope.shrunk_dr(*case, shrinkage=1e12).value == pytest.approx(dr, abs=1e-9)


def test_the_threshold_trusts_a_right_model_and_not_a_wrong_one():
    log, target, q = one_log(2000)
    weights = ope.importance_weights(log, target)
    assert ope.switch_threshold(log, target, q) < np.quantile(weights, 0.5)
    assert ope.switch_threshold(log, target, np.zeros_like(q)) > np.quantile(weights, 0.9)
    assert ope.switch_threshold(log, target, q, bias="bound") == weights.max()
    with pytest.raises(ValueError, match="bias is 'guess'"):
        ope.switch_threshold(log, target, q, bias="guess")


def test_the_switch_saves_an_estimate_from_one_wild_row():
    log, target, q = one_log(2000)
    odd = log.propensity.copy()
    row = int(np.flatnonzero((log.reward > 0) & (ope.importance_weights(log, target) > 0.5))[0])
    odd[row] = 1e-6
    wild = BanditLog(log.context, log.action, log.reward, odd, log.position, 5)
    assert ope.switch_dr(wild, target, q).value < 1 < ope.ips(wild, target).value


def test_the_bootstrap_of_a_ratio_takes_the_ratio_anew():
    log, target, q = one_log(300)
    estimate = ope.snips(log, target)
    low, high = estimate.interval(n=500)
    normal = estimate.interval(method="normal")
    np.testing.assert_allclose([low, high], normal, atol=0.35 * (normal[1] - normal[0]))
    few = ope.Estimate.of_ratio(np.array([5.0, 0, 0, 0]), np.array([1.0, 0, 0, 0]))
    assert few.interval(n=200) == (1.0, 1.0), "a resample without weight is left out"
    shifted = ope.self_normalized_dr(log, target, np.full_like(q, 0.1))
    middle = np.mean(shifted.interval(n=500))
    assert abs(middle - shifted.value) < shifted.standard_error


def test_snips_stays_within_the_rewards_where_ips_does_not():
    log = BanditLog(np.zeros((2, 0)), [0, 1], [1.0, 1.0], [0.1, 0.9], [0, 0], 2)
    target = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert ope.ips(log, target).value == 5.0
    assert ope.snips(log, target).value == 1.0


def test_a_policy_of_its_own_log_gives_back_the_mean():
    log, types = WORLD.log(LOGGING, 300, 9)
    for estimate in (ope.ips(log, LOGGING[types]), ope.snips(log, LOGGING[types])):
        assert estimate.value == pytest.approx(log.reward.mean(), rel=1e-12)


def test_support_is_checked_and_may_be_waived():
    log = BanditLog(np.zeros((2, 0)), [0, 1], [1.0, 0.0], [0.5, 0.5], [0, 0], 3)
    target = np.array([[0.5, 0.5, 0], [0.2, 0.2, 0.6]])
    with pytest.raises(ValueError, match="Row 1: the policy shows action 2 in position 0 with pro"):
        ope.ips(log, target)
    assert ope.ips(log, target, support="ignore").value == pytest.approx(0.5)
    assert ope.diagnose(log, target).uncovered == pytest.approx(0.3)
    pages = BanditLog(np.zeros((2, 0)), [0, 1], [1.0, 0.0], [0.5, 0.5], [0, 1], 2, 2)
    with pytest.raises(ValueError, match="action 1 in position 0 with probability 0.5"):
        ope.snips(pages, np.full((2, 2), 0.5))
    with pytest.raises(ValueError, match="support is 'maybe'"):
        ope.snips(log, target, support="maybe")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda log, t, q: ope.ips(log, t[:, :4]), r"shape \(400, 4\) for a log of 400 rows"),
        (lambda log, t, q: ope.ips(log, t * 2), "row 0: the probabilities are no distribution"),
        (lambda log, t, q: ope.ips(log, np.where(q > 9, t, np.nan)), "row 0: a number is missing"),
        (lambda log, t, q: ope.direct_method(log, t, q[:10]), r"q_hat has shape \(10, 5\)"),
        (lambda log, t, q: ope.clipped_ips(log, t, 0), "clip is 0; it must be above 0"),
        (lambda log, t, q: ope.switch_dr(log, t, q, -1), "threshold is -1"),
        (lambda log, t, q: ope.shrunk_dr(log, t, q, -1), "shrinkage is -1"),
        (
            lambda log, t, q: ope.deterministic_policy(log, np.full(400, 5)),
            "returns the item 5",
        ),
        (lambda log, t, q: ope.deterministic_policy(log, [1, 2]), "for 400 rows; give one a row"),
    ],
)
def test_bad_input_is_one_sentence(case, call, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        call(*case)
    assert str(caught.value).endswith(".") and ". " not in str(caught.value)


def test_nothing_in_common_is_said():
    log = BanditLog(np.zeros((2, 0)), [0, 0], [1.0, 0.0], [0.5, 0.5], [0, 0], 2)
    never = np.array([[0.0, 1.0]] * 2)
    with pytest.raises(ValueError, match="Every weight is 0"):
        ope.snips(log, never, support="ignore")
    with pytest.raises(ValueError, match="not all zero"):
        ope.effective_sample_size(np.zeros(3))


def test_effective_size_and_diagnosis():
    assert ope.effective_sample_size(np.full(7, 3.0)) == pytest.approx(7)
    assert ope.effective_sample_size(np.array([1.0, 0, 0])) == 1
    log, target, _ = one_log(4000)
    seen = ope.diagnose(log, target)
    assert abs(seen.mean_weight - 1) < 4 * seen.mean_weight_error
    weights = ope.importance_weights(log, target)
    assert seen.max_weight == weights.max() and seen.max_share == weights.max() / weights.sum()
    assert seen.rewarded == log.reward.sum()
    assert ope.diagnose(log.take(np.array([0])), target[:1]).mean_weight_error == 0


def test_the_policy_of_another_log_is_its_shares_by_position():
    log = BanditLog(np.zeros((3, 0)), [0, 1, 1], [0] * 3, [0.5] * 3, [0, 1, 1], 2, 2)
    shown = BanditLog(np.zeros((4, 0)), [0, 0, 1, 1], [0] * 4, [0.5] * 4, [0, 0, 0, 1], 2, 2)
    want = [[2 / 3, 1 / 3], [0, 1], [0, 1]]
    np.testing.assert_allclose(ope.empirical_policy(log, shown), want)
    with pytest.raises(ValueError, match="no row in position 1"):
        ope.empirical_policy(log, shown.take(np.array([0, 1])))
    other = BanditLog(np.zeros((1, 0)), [0], [0], [1.0], [0], 2)
    with pytest.raises(ValueError, match="take two logs of the same items"):
        ope.empirical_policy(log, other)


def test_the_room_lists_its_names_and_knows_no_other():
    assert {"ips", "replay", "learn_policy"} <= set(dir(ope))
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        ope.magic  # noqa: B018
