"""Linear bandits against closed forms, a transcription of the paper, and MABWiser."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from recsys_book.exploration.policies import (
    Bootstrapped,
    HybridLinUCB,
    LinearThompson,
    LinUCB,
    NeuralLinear,
    RidgeArms,
)

K, D = 5, 4


def world(seed=0, n=60, k=K, d=D):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(k, d)), rng


def play(policy, n=60, seed=0, noise=0.3):
    """One run in a linear world; returns arms, contexts, rewards."""
    X, truth, rng = world(seed, n, policy.n_arms, policy.dim)
    arms, rewards = [], []
    for x in X:
        arm = policy.select(x[None])
        reward = truth[arm[0]] @ x + noise * rng.normal()
        policy.update(arm, np.array([reward]), x[None])
        arms.append(arm[0])
        rewards.append(reward)
    return np.array(arms), X, np.array(rewards)


def test_numba_is_not_imported_with_the_room():
    code = (
        "import sys, recsys_book.exploration.policies as p; p.Policy; print('numba' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.equation("eq-linear-reward")
def test_weights_are_the_ridge_solution_of_the_arms_own_events():
    policy = LinUCB(n_arms=K, dim=D, l2=0.7)
    arms, X, rewards = play(policy)
    for arm in range(K):
        rows = X[arms == arm]
        gram = rows.T @ rows + 0.7 * np.eye(D)
        theta = np.linalg.solve(gram, rows.T @ rewards[arms == arm])
        np.testing.assert_allclose(policy.theta[0, :, arm], theta, atol=1e-10)
        np.testing.assert_allclose(policy.covariance(arm), np.linalg.inv(gram), atol=1e-10)
    np.testing.assert_allclose(policy.means(X[:1])[0], X[0] @ policy.theta[0])


@pytest.mark.equation("eq-linucb")
def test_the_index_is_prediction_plus_alpha_times_the_ellipsoids_width():
    policy = LinUCB(n_arms=K, dim=D, alpha=1.7, n_runs=1)
    _, X, _ = play(policy)
    x = X[3]
    width = [np.sqrt(x @ policy.covariance(a) @ x) for a in range(K)]
    np.testing.assert_allclose(
        policy.index(x[None])[0], x @ policy.theta[0] + 1.7 * np.array(width)
    )


def test_a_context_of_its_own_for_each_arm_equals_a_shared_one():
    shared = LinUCB(n_arms=K, dim=D, seed=3)
    own = LinUCB(n_arms=K, dim=D, seed=3, per_arm=True)
    X, truth, _ = world()
    for x in X:
        each = np.repeat(x[None, None], K, axis=1)
        np.testing.assert_allclose(shared.index(x[None]), own.index(each), atol=1e-12)
        arm = shared.select(x[None])
        assert arm == own.select(each)
        for policy, context in ((shared, x[None]), (own, each)):
            policy.update(arm, truth[arm] @ x, context)


@pytest.mark.equation("eq-sherman-morrison-bandit")
@pytest.mark.parametrize("resolve_every", [1000, 10**9])
def test_fifty_thousand_updates_drift_less_than_1e_8(resolve_every):
    policy = LinUCB(n_arms=2, dim=6, l2=1.0, resolve_every=resolve_every)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50_000, 6)) * np.array([30, 10, 3, 1, 0.1, 0.01])
    y = X @ rng.normal(size=6) + rng.normal(size=len(X))
    for x, target in zip(X, y):
        policy.update_one(1, x, target)
    gram = X.T @ X + np.eye(6)
    exact = np.linalg.inv(gram)
    scale = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    drift = np.abs((policy.covariance(1) - exact) / scale).max()
    assert drift < 1e-8
    np.testing.assert_allclose(policy.theta[0, :, 1], exact @ X.T @ y, atol=1e-8)
    assert policy.count[0, 1, 0] == 50_000
    assert policy.count[0, 1, 1] == (0 if resolve_every == 1000 else 50_000)


def test_the_exact_solution_wipes_out_a_planted_error():
    policy = LinUCB(n_arms=1, dim=3, resolve_every=10)
    policy.inverse += 0.5
    X, _, _ = world(d=3)
    for x in X[:10]:
        policy.update_one(0, x, 1.0)
    exact = np.linalg.inv(np.eye(3) + X[:10].T @ X[:10])
    np.testing.assert_allclose(policy.covariance(0), exact, atol=1e-12)


def test_the_quick_way_makes_the_same_choices():
    quick, slow = (LinUCB(n_arms=K, dim=D, seed=5) for _ in range(2))
    X, truth, _ = world(n=200)
    for x in X:
        arm = quick.select_one(x)
        assert arm == slow.select(x[None])[0]
        quick.update_one(arm, x, truth[arm] @ x)
        slow.update([arm], [truth[arm] @ x], x[None])
    np.testing.assert_array_equal(quick.theta, slow.theta)
    assert LinUCB(n_arms=K, dim=D, ties="first").select_one(X[0]) == 0
    assert quick.select_one(list(X[0])) == quick.select_one(np.repeat(X[0], 2)[::2])


@pytest.mark.parametrize("make", [LinUCB, LinearThompson, RidgeArms, Bootstrapped, NeuralLinear])
def test_runs_side_by_side_learn_apart(make):
    policy = make(n_arms=K, dim=D, n_runs=3, seed=1)
    X, truth, _ = world(n=50)
    before = policy.probabilities(np.repeat(X[:1], 3, axis=0))
    for x in X:
        contexts = np.repeat(x[None], 3, axis=0)
        policy.update([0, 1, 1], [5.0, 5.0, -5.0], contexts)
    late = policy.probabilities(np.repeat(X[-1:], 3, axis=0))
    assert before.shape == late.shape == (3, K)
    np.testing.assert_allclose(late.sum(axis=1), 1)
    assert not np.allclose(late[0], late[2]) or not np.allclose(late[1], late[2])


@pytest.mark.parametrize("make", [LinUCB, LinearThompson, HybridLinUCB, Bootstrapped, NeuralLinear])
def test_same_seed_same_choices_and_a_copy_goes_on_alike(make):
    def new():
        if make is HybridLinUCB:
            return make(arm_features=np.eye(K)[:, :3] + 0.1, dim=D, seed=4)
        return make(n_arms=K, dim=D, seed=4)

    first, second = new(), new()
    np.testing.assert_array_equal(play(first)[0], play(second)[0])
    thawed, twin = pickle.loads(pickle.dumps(first)), copy.deepcopy(first)
    goes_on = play(first, seed=9)[0]
    np.testing.assert_array_equal(goes_on, play(thawed, seed=9)[0])
    np.testing.assert_array_equal(goes_on, play(twin, seed=9)[0])


def test_a_copy_learns_by_the_quick_way_too():
    policy = copy.deepcopy(LinUCB(n_arms=2, dim=1))
    policy.update_one(0, np.ones(1), 1.0)
    assert policy.theta[0, 0, 0] == 0.5


def test_asking_for_probabilities_changes_no_choice():
    asked, plain = (LinearThompson(n_arms=K, dim=D, seed=2) for _ in range(2))
    X, _, _ = world()
    asked.probabilities(X[:1], draws=20)
    assert asked.select(X[:1]) == plain.select(X[:1])


def mabwiser(policy, **options):
    from mabwiser.mab import MAB

    return MAB(arms=list(range(K)), learning_policy=policy(**options), seed=7)


@pytest.mark.parametrize(("alpha", "l2"), [(1.0, 1.0), (0.3, 1.0), (2.0, 0.5), (0.0, 1.0)])
def test_linucb_makes_the_choices_of_mabwiser(alpha, l2):
    from mabwiser.mab import LearningPolicy

    theirs = mabwiser(LearningPolicy.LinUCB, alpha=alpha, l2_lambda=l2)
    theirs.fit(list(range(K)), [0.0] * K, np.zeros((K, D)))
    ours = LinUCB(n_arms=K, dim=D, alpha=alpha, l2=l2, ties="first")
    X, truth, rng = world(n=300)
    for x in X:
        arm = theirs.predict([x])
        assert ours.select_one(x) == arm
        reward = truth[arm] @ x + 0.3 * rng.normal()
        theirs.partial_fit([arm], [reward], [x])
        ours.update_one(arm, x, reward)


class OneNoise:
    """The same standard normal numbers for every arm.

    MABWiser copies its generator with each arm it fits, so that all arms draw the same numbers.
    """

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def standard_normal(self, shape):
        return np.broadcast_to(self.rng.standard_normal(shape[-1]), shape)


@pytest.mark.equation("eq-linear-thompson")
def test_linear_thompson_makes_the_choices_of_mabwiser():
    from mabwiser.mab import LearningPolicy

    theirs = mabwiser(LearningPolicy.LinTS, alpha=0.5)
    theirs.fit(list(range(K)), [0.0] * K, np.zeros((K, D)))
    ours = LinearThompson(n_arms=K, dim=D, scale=0.5, ties="first")
    ours.rng = OneNoise(7)
    X, truth, rng = world(n=200)
    for x in X:
        arm = theirs.predict([x])
        assert ours.select(x[None])[0] == arm
        reward = truth[arm] @ x + 0.3 * rng.normal()
        theirs.partial_fit([arm], [reward], [x])
        ours.update([arm], [reward], x[None])


@pytest.mark.equation("eq-linear-thompson")
def test_linear_thompson_draws_from_the_posterior():
    policy = LinearThompson(n_arms=2, dim=2, scale=0.5, l2=2.0)
    X = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    for x, y in zip(X, (1.0, 2.0, 0.0)):
        policy.update([1], [y], x[None])
    x = np.array([[1.0, -1.0]])
    drawn = np.array([policy.sample(x)[0] for _ in range(20_000)])
    cov = np.linalg.inv(2 * np.eye(2) + X.T @ X)
    mean = x[0] @ cov @ X.T @ np.array([1.0, 2.0, 0.0])
    sd = 0.5 * np.sqrt(x[0] @ cov @ x[0])
    assert abs(drawn[:, 1].mean() - mean) < 5 * sd / np.sqrt(20_000)
    assert abs(drawn[:, 1].std() / sd - 1) < 0.03
    assert abs(drawn[:, 0].std() / (0.5 * np.sqrt(2 / 2)) - 1) < 0.03


class PaperHybrid:
    """Algorithm 2 of Li et al. (2010), line by line, with A0 and A_a started at the identity."""

    def __init__(self, features, d, alpha):
        self.f, self.alpha, k = features, alpha, features.shape[1] * d
        self.A0, self.b0, n = np.eye(k), np.zeros(k), len(features)
        self.A = [np.eye(d) for _ in range(n)]
        self.B = [np.zeros((d, k)) for _ in range(n)]
        self.b = [np.zeros(d) for _ in range(n)]

    def scores(self, x):
        A0i = np.linalg.inv(self.A0)
        beta, p = A0i @ self.b0, []
        for a in range(len(self.A)):
            z, Ai, B = np.outer(self.f[a], x).ravel(), np.linalg.inv(self.A[a]), self.B[a]
            theta = Ai @ (self.b[a] - B @ beta)
            s = (
                z @ A0i @ z
                - 2 * z @ A0i @ B.T @ Ai @ x
                + x @ Ai @ x
                + x @ Ai @ B @ A0i @ B.T @ Ai @ x
            )
            p.append(z @ beta + x @ theta + self.alpha * np.sqrt(s))
        return np.array(p)

    def learn(self, a, x, r):
        z = np.outer(self.f[a], x).ravel()
        Ai, B = np.linalg.inv(self.A[a]), self.B[a]
        self.A0 += B.T @ Ai @ B
        self.b0 += B.T @ Ai @ self.b[a]
        self.A[a] += np.outer(x, x)
        self.B[a] += np.outer(x, z)
        self.b[a] += r * x
        Ai, B = np.linalg.inv(self.A[a]), self.B[a]
        self.A0 += np.outer(z, z) - B.T @ Ai @ B
        self.b0 += r * z - B.T @ Ai @ self.b[a]


@pytest.mark.equation("eq-linucb-hybrid")
def test_hybrid_makes_the_choices_of_algorithm_2():
    X, truth, rng = world(n=150)
    features = rng.normal(size=(K, 3))
    ours = HybridLinUCB(arm_features=features, dim=D, alpha=0.8, ties="first")
    paper = PaperHybrid(features, D, 0.8)
    for x in X:
        scores = paper.scores(x)
        np.testing.assert_allclose(ours.index(x[None])[0], scores, atol=1e-9)
        arm = ours.select(x[None])
        assert arm[0] == scores.argmax()
        reward = truth[arm[0]] @ x + 0.3 * rng.normal()
        ours.update(arm, [reward], x[None])
        paper.learn(arm[0], x, reward)


@pytest.mark.equation("eq-linucb-hybrid")
def test_hybrid_is_one_ridge_regression_on_stacked_features():
    X, truth, rng = world(n=40)
    features = rng.normal(size=(K, 2))
    policy = HybridLinUCB(arm_features=features, dim=D, alpha=1.0, l2=0.5, shared_l2=3.0)
    rows, rewards = [], []

    def stacked(arm, x):
        own = np.zeros((K, D))
        own[arm] = x
        return np.concatenate([np.outer(features[arm], x).ravel(), own.ravel()])

    for x in X:
        arm, reward = int(rng.integers(K)), rng.normal()
        policy.update([arm], [reward], x[None])
        rows.append(stacked(arm, x))
        rewards.append(reward)
    Z = np.array(rows)
    gram = Z.T @ Z + np.diag(np.r_[np.full(2 * D, 3.0), np.full(K * D, 0.5)])
    new = np.array([stacked(a, X[0]) for a in range(K)])
    mean = new @ np.linalg.solve(gram, Z.T @ np.array(rewards))
    width = np.sqrt(np.einsum("ki,ki->k", new, np.linalg.solve(gram, new.T).T))
    np.testing.assert_allclose(policy.means(X[:1])[0], mean, atol=1e-10)
    np.testing.assert_allclose(policy.index(X[:1])[0], mean + width, atol=1e-10)


def regret(policy, rounds=400, seed=0, bend=None):
    """Sum of what the best arm would have paid more, in a linear (or bent) world."""
    X, truth, rng = world(seed, rounds, policy.n_arms, policy.dim)
    total = 0.0
    for x in X:
        means = truth @ x if bend is None else bend(truth @ x)
        arm = policy.select(x[None])
        policy.update(arm, [means[arm[0]] + 0.5 * rng.normal()], x[None])
        total += means.max() - means[arm[0]]
    return total


@pytest.mark.parametrize(
    "policy",
    [
        LinUCB(n_arms=K, dim=D),
        LinearThompson(n_arms=K, dim=D, scale=0.5),
        Bootstrapped(n_arms=K, dim=D),
        Bootstrapped(n_arms=K, dim=D, weights="double"),
        NeuralLinear(n_arms=K, dim=D, scale=0.5, retrain_every=200, steps=60),
    ],
    ids=["ucb", "thompson", "poisson", "double", "neural"],
)
def test_regret_is_a_small_part_of_that_of_chance(policy):
    chance = LinUCB(n_arms=K, dim=D)
    chance.update = lambda *_: None  # never learns: always a tie
    chance.index = lambda contexts: np.zeros((1, K))
    assert regret(policy) < 0.25 * regret(chance)


@pytest.mark.equation("eq-neural-linear")
def test_the_last_layer_is_exact_on_the_networks_features():
    policy = NeuralLinear(n_arms=2, dim=3, hidden=6, retrain_every=20, steps=30)
    X, truth, _ = world(n=50, k=2, d=3)
    for t, x in enumerate(X):
        policy.update([t % 2], [truth[t % 2] @ x], x[None])
    assert len(policy.losses_) == 2
    Z = policy.features(X[None])[0]
    for arm in range(2):
        rows = Z[arm::2]
        gram = rows.T @ rows + np.eye(6)
        theta = np.linalg.solve(gram, rows.T @ (X[arm::2] @ truth[arm]))
        np.testing.assert_allclose(policy.last_layer.theta[0, :, arm], theta, atol=1e-9)


def test_training_lowers_the_loss_and_zero_never_trains():
    X, truth, _ = world(n=400, k=2, d=3)
    trained = NeuralLinear(n_arms=2, dim=3, retrain_every=100, steps=150)
    fixed = NeuralLinear(n_arms=2, dim=3, retrain_every=0)
    start = fixed.weights.copy()
    for t, x in enumerate(X):
        for policy in (trained, fixed):
            policy.update([t % 2], [np.tanh(truth[t % 2] @ x)], x[None])
    assert trained.losses_[-1] < 0.02
    assert fixed.losses_ == []
    np.testing.assert_array_equal(fixed.weights, start)


def test_members_of_a_bootstrap_see_every_event_once_on_average():
    for weights in ("poisson", "double"):
        policy = Bootstrapped(n_arms=1, dim=1, members=200, weights=weights, spread=0.0)
        for _ in range(50):
            policy.update([0], [1.0], np.ones((1, 1)))
        shown = policy.models.gram[:, 0, 0, 0] - 1
        assert abs(shown.mean() - 50) < 2
        assert 5 < shown.std() < 9  # the variance of 50 draws of variance 1
        np.testing.assert_allclose(policy.models.theta[:, 0, 0], shown / (1 + shown))


def test_a_logistic_member_finds_the_probability():
    policy = Bootstrapped(n_arms=1, dim=1, members=20, kind="logistic", l2=0.1, spread=0.1)
    rng = np.random.default_rng(0)
    for _ in range(800):
        policy.update([0], [float(rng.random() < 0.2)], np.ones((1, 1)))
    chance = 1 / (1 + np.exp(-policy.models.theta[:, 0, 0]))
    assert abs(chance.mean() - 0.2) < 0.05
    with pytest.raises(ValueError, match="outside 0 to 1"):
        policy.update([0], [2.0], np.ones((1, 1)))


def test_a_bootstraps_probabilities_are_the_frequencies_of_its_choices():
    policy = Bootstrapped(n_arms=3, dim=2, members=7, n_runs=1, seed=1)
    x = np.array([[1.0, -0.5]])
    chosen = np.bincount([policy.select(x)[0] for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(policy.probabilities(x)[0], chosen, atol=0.03)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda p: p.select_one(np.ones(3)), r"shape \(3,\)"),
        (lambda p: p.select_one(np.full(D, np.nan)), "NaN or infinity"),
        (lambda p: p.update_one(K, np.ones(D), 1.0), f"arm {K} in run 0 is unknown"),
        (lambda p: p.update_one(-1, np.ones(D), 1.0), "unknown"),
        (lambda p: p.update_one(1.5, np.ones(D), 1.0), "no whole number"),
        (lambda p: p.update_one(0, np.ones(D), np.nan), "reward in run 0 is nan"),
        (lambda p: p.update_one(0, np.full(D, np.inf), 1.0), "NaN or infinity"),
        (lambda p: p.update([K], [1.0], np.ones((1, D))), "unknown"),
        (lambda p: p.update([0], [np.nan], np.ones((1, D))), "finite number"),
        (lambda p: p.update([0], [1.0], np.full((1, D), np.nan)), "NaN or infinity"),
        (lambda p: p.select(None), "contexts is missing"),
        (lambda p: p.select(np.ones((2, D))), "shape"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(action, words):
    policy = LinUCB(n_arms=K, dim=D)
    policy.update_one(np.int64(0), np.ones(D), 1)
    before = policy.gram.copy(), policy.theta.copy()
    with pytest.raises(ValueError, match=words):
        action(policy)
    np.testing.assert_array_equal(before[0], policy.gram)
    np.testing.assert_array_equal(before[1], policy.theta)


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (LinUCB, {"dim": 0}, "dim is 0"),
        (LinUCB, {"l2": 0.0}, "l2 is 0"),
        (LinUCB, {"alpha": -1.0}, "alpha is -1"),
        (LinUCB, {"resolve_every": 0}, "resolve_every is 0"),
        (LinearThompson, {"scale": -1.0}, "scale is -1"),
        (Bootstrapped, {"weights": "normal"}, "weights is 'normal'"),
        (Bootstrapped, {"members": 0}, "members is 0"),
        (NeuralLinear, {"steps": 0}, "steps 0"),
    ],
)
def test_settings_out_of_range(make, options, words):
    with pytest.raises(ValueError, match=words):
        make(**{"n_arms": K, "dim": D} | options)


def test_hybrid_settings_out_of_range():
    with pytest.raises(ValueError, match="arm_features has shape"):
        HybridLinUCB(arm_features=np.ones(3), dim=2)
    with pytest.raises(ValueError, match="shared_l2 0"):
        HybridLinUCB(arm_features=np.ones((3, 1)), dim=2, shared_l2=0.0)


@pytest.mark.equation("eq-neural-linear")
def test_the_networks_slopes_are_those_of_finite_differences():
    policy = NeuralLinear(n_arms=3, dim=2, hidden=4, n_runs=2, seed=1)
    rng = np.random.default_rng(0)
    X, A, Y = rng.normal(size=(2, 9, 2)), rng.integers(0, 3, (2, 9)), rng.normal(size=(2, 9))
    net = [policy.weights, policy.offset, policy.heads]
    _, slopes = policy.loss_and_slopes(net, X, A, Y)
    for part, slope in zip(net, slopes):
        for at in [(0,) * part.ndim, (1,) * part.ndim]:
            kept, ends = part[at], []
            for step in (1e-6, -1e-6):
                part[at] = kept + step
                ends.append(policy.loss_and_slopes(net, X, A, Y)[0].sum())
            part[at] = kept
            assert abs((ends[0] - ends[1]) / 2e-6 - slope[at]) < 1e-6


def test_the_compiled_loops_do_what_the_source_says():
    from recsys_book.exploration.policies import kernels

    rng = np.random.default_rng(0)
    k, d = 3, 6
    made = [LinUCB(n_arms=k, dim=d, resolve_every=4) for _ in range(2)]
    for x in rng.normal(size=(15, d)):
        reward = rng.normal()
        made[0].update_one(1, x, reward)
        theta, moment, gram, inverse, count = made[1]._first
        moved = np.empty(d)
        state = theta, moment, gram, inverse, count, moved
        assert kernels.update.py_func(*state, 1, x, reward, 1.0, 10**9) == 0
    kernels.resolve.py_func(*state[:5], 1)
    np.testing.assert_allclose(made[0].theta, made[1].theta, atol=1e-12)
    assert kernels.update.py_func(*state, 1, x, reward, 0.0, 1) == 0
    assert kernels.update.py_func(*state, 1, x, reward, 1e-9, 1) == 0
    scores = np.empty((3, k))
    width = np.empty(k)
    kernels.confidence_scores(theta, inverse, x, 0.5, width, scores[0])
    kernels.confidence_scores.py_func(theta, inverse, x, 0.5, width, scores[1])
    each = np.repeat(x[None], k, axis=0)
    kernels.confidence_scores_per_arm.py_func(theta, inverse, each, 0.5, width, scores[2])
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-12)
    np.testing.assert_allclose(scores[0], scores[2], atol=1e-12)
    assert (
        kernels.select.py_func(theta, inverse, x, 0.5, width, scores[1])
        == made[1].index(x[None])[0].argmax() + k
    )  # two arms without events tie, or one is alone at the top
    assert kernels.first_best.py_func(np.array([1.0, 3.0, 3.0])) == 1 + 3
    assert kernels.first_best.py_func(np.array([1.0, np.nan])) == kernels.BAD_CONTEXT
    assert kernels.refuse.py_func(theta, 9, x, 1.0) == kernels.BAD_ARM
    assert kernels.refuse.py_func(theta, 0, x, np.inf) == kernels.BAD_REWARD
    assert kernels.refuse.py_func(theta, 0, x * np.nan, 1.0) == kernels.BAD_CONTEXT


@pytest.mark.parametrize("make", [LinUCB, LinearThompson, HybridLinUCB])
def test_a_log_at_once_equals_its_events_one_by_one(make):
    X, _, rng = world(n=50)
    arms, rewards = rng.integers(0, K, 50), rng.normal(size=50)
    options = {"arm_features": X[:K, :2]} if make is HybridLinUCB else {"n_arms": K}
    many, single = (make(dim=D, n_runs=2, **options) for _ in range(2))
    many.learn_past(arms, rewards, X)
    for arm, reward, x in zip(arms, rewards, X):
        single.update([arm, arm], [reward, reward], np.array([x, x]))
    x = np.array([X[0], X[1]])
    np.testing.assert_allclose(many.means(x), single.means(x), atol=1e-10)
    if make is LinearThompson:
        np.testing.assert_allclose(many.sample(x), single.sample(x), atol=1e-10)
    else:
        np.testing.assert_allclose(many.index(x), single.index(x), atol=1e-10)
    with pytest.raises(ValueError, match="logged event 1 has arm 9"):
        many.learn_past([0, 9], [1.0, 1.0], X[:2])
    with pytest.raises(ValueError, match="have shapes"):
        many.learn_past([0, 1], [1.0], X[:2])
