"""Neural-linear: a network makes the features, and an exact Bayesian last layer explores."""

from __future__ import annotations

import numpy as np

from recsys_book.exploration.policies.base import SamplingPolicy
from recsys_book.exploration.policies.linear_thompson import LinearThompson


class NeuralLinear(SamplingPolicy):
    r"""Thompson sampling on the last hidden layer of a network that is trained on the way.

    A network of one hidden layer maps a context to ``hidden`` features, and these to the expected
    reward of every arm; it learns from all events so far by gradient descent, every
    ``retrain_every`` rounds. On its features each arm keeps an exact Gaussian posterior. When the
    features move, the posterior is computed anew from the events. The context may itself be the
    vector of a frozen language model: then the network is a small head on it.

    Takes one context that all arms share, ``(R, d)``. ``probabilities`` is Monte Carlo.

    Equation: eq-neural-linear.

    Source: Riquelme, Tucker and Snoek (2018), ICLR.

    Args:
        n_arms: Number of arms K.
        dim: Length d of a context.
        hidden: Features that the network makes.
        scale: Standard deviation of the posterior in units of its width.
        l2: Penalty of the last layer's squared weights, above 0.
        retrain_every: Rounds between two trainings; 0 keeps the first, random, features.
        steps: Gradient steps of a training.
        rate: Rate of Adam.
        n_runs: Runs side by side R.
        seed: Seed of weights, batches and draws.
        ties: ``"random"`` or ``"first"``.

    Attributes:
        losses_: Squared error of the last step of each training, a mean over runs.

    Raises:
        ValueError: If a setting is out of range.
    """

    def __init__(
        self,
        *,
        n_arms: int,
        dim: int,
        hidden: int = 32,
        scale: float = 1.0,
        l2: float = 1.0,
        retrain_every: int = 200,
        steps: int = 100,
        rate: float = 1e-2,
        n_runs: int = 1,
        seed: int = 0,
        ties: str = "random",
    ):
        super().__init__(n_arms=n_arms, n_runs=n_runs, seed=seed, ties=ties)
        if hidden < 1 or retrain_every < 0 or steps < 1 or not rate > 0:
            raise ValueError(
                f"hidden is {hidden}, retrain_every {retrain_every}, steps {steps}, rate {rate};"
                " use at least 1, 0 and 1, and a rate above 0."
            )
        self.dim, self.hidden, self.scale, self.l2 = int(dim), int(hidden), scale, l2
        self.retrain_every, self.steps, self.rate = retrain_every, steps, rate
        self._train_rng = np.random.default_rng([seed, 2])
        draw = np.random.default_rng([seed, 3])
        R, K, h = self.n_runs, self.n_arms, self.hidden
        self.weights = draw.normal(0, np.sqrt(2 / self.dim), (R, self.dim, h))
        self.offset = np.zeros((R, h))
        self.heads = draw.normal(0, np.sqrt(1 / h), (R, h, K))
        self.events: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.losses_: list[float] = []
        self.last_layer = self._new_layer()

    def _new_layer(self) -> LinearThompson:
        return LinearThompson(
            n_arms=self.n_arms,
            dim=self.hidden,
            scale=self.scale,
            l2=self.l2,
            n_runs=self.n_runs,
            seed=self.seed,
        )

    def features(self, contexts: np.ndarray) -> np.ndarray:
        """Return what the network makes of contexts (R, d) or (R, n, d): (R, h) or (R, n, h)."""
        rows = contexts if contexts.ndim == 3 else contexts[:, None]
        made = np.maximum(rows @ self.weights + self.offset[:, None], 0.0)
        return made if contexts.ndim == 3 else made[:, 0]

    def sample(
        self, contexts: np.ndarray | None = None, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Draw every arm's last layer and return its prediction with it, shape (R, K)."""
        contexts = self._check_contexts(contexts, self.dim)
        return self.last_layer.sample(self.features(contexts), self.rng if rng is None else rng)

    def update(
        self, arms: np.ndarray, rewards: np.ndarray, contexts: np.ndarray | None = None
    ) -> None:
        """Learn from one event in each run, and train the network when it is time."""
        arms, rewards = self._check_feedback(arms, rewards)
        contexts = self._check_contexts(contexts, self.dim)
        self.events.append((contexts.copy(), arms.copy(), rewards.copy()))
        if self.retrain_every and len(self.events) % self.retrain_every == 0:
            self._train()
        else:
            self.last_layer.update(arms, rewards, self.features(contexts))

    def _train(self) -> None:
        """Train the network on all events, and compute the last layer's posterior from them."""
        X, A, Y = (np.stack(column, axis=1) for column in zip(*self.events))
        self._descend(X, A, Y)
        Z = self.features(X)
        layer = self._new_layer()
        for t in range(len(self.events)):
            layer.update(A[:, t], Y[:, t], np.ascontiguousarray(Z[:, t]))
        self.last_layer = layer

    def _descend(self, X: np.ndarray, A: np.ndarray, Y: np.ndarray, batch: int = 128) -> None:
        """Take ``steps`` steps of Adam on batches of the events."""
        net = [self.weights, self.offset, self.heads]
        first, second = ([np.zeros_like(part) for part in net] for _ in range(2))
        for step in range(1, self.steps + 1):
            rows = self._train_rng.integers(0, X.shape[1], batch)
            losses, slopes = self.loss_and_slopes(net, X[:, rows], A[:, rows], Y[:, rows])
            for part, slope, m, v in zip(net, slopes, first, second):
                m += 0.1 * (slope - m)
                v += 0.001 * (slope**2 - v)
                size = np.sqrt(v / (1 - 0.999**step)) + 1e-8
                part -= self.rate * m / (1 - 0.9**step) / size
        self.losses_.append(float(losses.mean()))

    def loss_and_slopes(
        self, net: list[np.ndarray], X: np.ndarray, A: np.ndarray, Y: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the mean squared error of each run, and its slopes.

        Args:
            net: Weights (R, d, h), offset (R, h) and heads (R, h, K).
            X: Contexts, shape (R, n, d).
            A: Arms, shape (R, n).
            Y: Rewards, shape (R, n).

        Returns:
            Losses, shape (R,), and one array for each part of the network.
        """
        weights, offset, heads = net
        made = np.maximum(X @ weights + offset[:, None], 0.0)
        played = np.eye(self.n_arms)[A]
        error = ((made @ heads) * played).sum(axis=2) - Y
        back = 2 * error[..., None] * played / A.shape[1]
        inner = (back @ heads.transpose(0, 2, 1)) * (made > 0)
        slopes = [X.transpose(0, 2, 1) @ inner, inner.sum(axis=1), made.transpose(0, 2, 1) @ back]
        return (error**2).mean(axis=1), slopes
