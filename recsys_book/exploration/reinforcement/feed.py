"""A simulated feed in which what is shown today decides who is there tomorrow.

Nothing here is data about people. The feed is small on purpose: forty kinds of moment, four kinds
of item, and a law that is known, so that the value of every policy can be computed exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys_book.exploration.reinforcement.mdp import MDP

__all__ = ["KINDS", "REWARDS", "Feed", "Visits", "simulate_users"]

#: What can be shown: an article on one of two topics, a misleading headline, a video that plays
#: by itself.
KINDS = ("topic A", "topic B", "clickbait", "autoplay")

#: What a visit yields: a click, minutes spent, and what the person would say of it afterwards.
REWARDS = ("click", "minutes", "satisfaction")

TOPICS, FATIGUE, TRUST = 2, 4, 5
GONE = TOPICS * FATIGUE * TRUST


@dataclass(frozen=True)
class Feed:
    """The law of the simulated feed.

    A person at a visit is a topic of interest, how tired they are of it (0 to 3), and how much
    they trust the feed (0 to 4). One item is shown; then they come back or leave for good.

    Attributes:
        consequence: how much the item shown moves the person, 0 to 1. At 0 the item changes
            nothing, and who comes back does not depend on it.
        harm: probability that clickbait costs a step of trust, before ``consequence``.

    Raises:
        ValueError: If either is outside 0 to 1.
    """

    consequence: float = 1.0
    harm: float = 0.6

    def __post_init__(self) -> None:
        for name in ("consequence", "harm"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: choose a value from 0 to 1.")

    @property
    def n_states(self) -> int:
        """Forty kinds of moment, and being gone."""
        return GONE + 1

    @cached_property
    def features(self) -> np.ndarray:
        """(S, 11) one-hot topic, fatigue and trust; zeros for who is gone."""
        topic, fatigue, trust = _parts()
        hot = [np.eye(n)[part] for n, part in ((TOPICS, topic), (FATIGUE, fatigue), (TRUST, trust))]
        return np.vstack([np.hstack(hot), np.zeros(TOPICS + FATIGUE + TRUST)])

    @cached_property
    def start(self) -> np.ndarray:
        """(S,) probabilities of a new user's state: either topic, rested, middling trust."""
        topic, fatigue, trust = _parts()
        new = (fatigue == 0) & (trust == 2)
        return np.append(new / new.sum(), 0.0)

    @cached_property
    def means(self) -> dict[str, np.ndarray]:
        """Mean click, minutes and satisfaction of each item in each state, (S, A) each."""
        topic, fatigue, trust = _parts()
        matched = np.stack([topic == 0, topic == 1], axis=1)
        fresh = (1 - fatigue / 4)[:, None]
        click = np.empty((GONE, len(KINDS)))
        click[:, :2] = np.where(matched, 0.32 * fresh, 0.10)
        click[:, 2] = 0.34 + 0.04 * trust
        click[:, 3] = 0.12
        minutes = np.empty_like(click)
        minutes[:, :2] = np.where(matched, 4.0 * fresh, 1.0)
        minutes[:, 2:] = 0.5, 5.0
        glad = np.empty_like(click)
        glad[:, :2] = np.where(matched, 0.7 * fresh, 0.1)
        glad[:, 2:] = -0.5, -0.2
        none = np.zeros((1, len(KINDS)))
        return {
            name: np.vstack([mean, none]) for name, mean in zip(REWARDS, (click, minutes, glad))
        }

    @cached_property
    def transitions(self) -> np.ndarray:
        """(A, S, S) probabilities of the next visit's state, or of leaving."""
        stay = 0.60 + 0.09 * np.arange(TRUST)  # by trust
        P = np.zeros((len(KINDS), GONE + 1, GONE + 1))
        P[:, GONE, GONE] = 1
        for state in range(GONE):
            for action in range(len(KINDS)):
                for (topic, fatigue, trust), p in self._moves(state, action).items():
                    P[action, state, _index(topic, fatigue, trust)] += p * stay[trust]
                    P[action, state, GONE] += p * (1 - stay[trust])
        return P

    def mdp(self, reward: str | Mapping[str, float] = "click", discount: float = 0.98) -> MDP:
        """The feed as a decision process.

        Args:
            reward: One of ``REWARDS``, or a weight for each of several.
            discount: How much the next visit counts.

        Returns:
            The process, with mean rewards.

        Raises:
            ValueError: If a reward is unknown.
        """
        weights = _weights(reward)
        mean = sum(w * self.means[name] for name, w in weights.items())
        return MDP(self.transitions, mean, self.start, discount)

    def _moves(self, state: int, action: int) -> dict[tuple[int, int, int], float]:
        """Where the person's topic, fatigue and trust go, with probabilities, before leaving."""
        topic, fatigue, trust = (int(part[state]) for part in _parts())
        c = self.consequence
        matched, article = action == topic, action < 2
        tired = min(fatigue + 1, FATIGUE - 1) if matched or action == 3 else max(fatigue - 1, 0)
        switch = 0.0 if matched or not article else c * (0.1 + 0.2 * fatigue)
        up = c * (0.35 if matched and fatigue < 2 else 0.05 if article else 0.0)
        down = c * {2: self.harm, 3: 0.05}.get(action, 0.0)
        moves: dict[tuple[int, int, int], float] = {}
        interests = ((action, 0, switch), (topic, tired, c - switch), (topic, fatigue, 1 - c))
        trusts = ((1, up), (-1, down), (0, 1 - up - down))
        for new_topic, new_fatigue, p in interests:
            for step, q in trusts:
                new = (new_topic, new_fatigue, min(max(trust + step, 0), TRUST - 1))
                if p * q > 0:
                    moves[new] = moves.get(new, 0.0) + p * q
        return moves


@dataclass(frozen=True, eq=False)
class Visits:
    """The visits of N users, T at most; a user who left stays in the end state and yields zero.

    Attributes:
        states: (T + 1, N) int, the state at each visit and after the last one.
        actions: (T, N) int, what was shown.
        alive: (T, N) bool, whether the user was there.
        outcomes: (T, N) array for each of ``REWARDS``.
    """

    states: np.ndarray
    actions: np.ndarray
    alive: np.ndarray
    outcomes: dict[str, np.ndarray]

    def __len__(self) -> int:
        """Number of users."""
        return self.states.shape[1]

    def rewards(self, reward: str | Mapping[str, float] = "click") -> np.ndarray:
        """What each visit yielded.

        Args:
            reward: One of ``REWARDS``, or a weight for each of several.

        Returns:
            (T, N) rewards.

        Raises:
            ValueError: If a reward is unknown.
        """
        return sum(w * self.outcomes[name] for name, w in _weights(reward).items())


def simulate_users(
    feed: Feed, policy: np.ndarray, n_users: int, horizon: int = 300, seed: int = 0
) -> Visits:
    """Let new users visit the feed until all have left.

    Args:
        feed: The law of the feed.
        policy: (S, A) probabilities of what is shown in each state.
        n_users: Number of users.
        horizon: Visits after which the simulation stops even if somebody is still there.
        seed: Seed of everything random.

    Returns:
        All visits. The simulation ends early when nobody is left.

    Raises:
        ValueError: If the policy is no policy of this feed, or a size is below 1.
    """
    if n_users < 1 or horizon < 1:
        raise ValueError(f"{n_users} users for {horizon} visits: ask for at least 1 of each.")
    policy = np.asarray(policy, dtype=float)
    shape = (feed.n_states, len(KINDS))
    if policy.shape != shape or (policy < 0).any() or not np.allclose(policy.sum(axis=1), 1):
        raise ValueError(
            f"a policy of this feed has shape {shape}, nothing negative, and rows that sum to 1."
        )
    rng, n = np.random.default_rng(seed), feed.n_states
    begin, choose, move = _ladder(feed.start), _ladder(policy), _ladder(feed.transitions)
    states = [_draw(begin, np.zeros(n_users, dtype=np.int64), n, rng)]
    actions = []
    while len(actions) < horizon and (states[-1] != GONE).any():
        actions.append(_draw(choose, states[-1], len(KINDS), rng))
        states.append(_draw(move, actions[-1] * n + states[-1], n, rng))
    at, did = np.array(states), np.array(actions)
    return Visits(at, did, at[:-1] != GONE, _outcomes(feed, at[:-1], did, rng))


def _outcomes(
    feed: Feed, states: np.ndarray, actions: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw a click, minutes and an answer of plus or minus one for each visit."""
    mean = {name: feed.means[name][states, actions] for name in REWARDS}
    alive = states != GONE
    return {
        "click": (rng.random(states.shape) < mean["click"]) * 1.0,
        "minutes": rng.exponential(1.0, states.shape) * mean["minutes"],
        "satisfaction": alive
        * np.where(rng.random(states.shape) < (1 + mean["satisfaction"]) / 2, 1.0, -1.0),
    }


def _ladder(probabilities: np.ndarray) -> np.ndarray:
    """Cumulative probabilities, row after row; row r climbs from 2 r to 2 r + 1."""
    rows = probabilities.reshape(-1, probabilities.shape[-1])
    cumulative = np.minimum(rows.cumsum(axis=1), 1.0)
    cumulative[:, -1] = 1.0
    return (cumulative + 2.0 * np.arange(len(rows))[:, None]).ravel()


def _draw(ladder: np.ndarray, rows: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """One index for each of the rows (N,), by inversion: one search finds all."""
    return np.searchsorted(ladder, 2.0 * rows + rng.random(len(rows))) - width * rows


def _parts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Topic, fatigue and trust of each of the forty states."""
    state = np.arange(GONE)
    return state // (FATIGUE * TRUST), state // TRUST % FATIGUE, state % TRUST


def _index(topic: int, fatigue: int, trust: int) -> int:
    return (topic * FATIGUE + fatigue) * TRUST + trust


def _weights(reward: str | Mapping[str, float]) -> dict[str, float]:
    weights = {reward: 1.0} if isinstance(reward, str) else dict(reward)
    if not weights:
        raise ValueError(f"no reward is named: use some of {', '.join(REWARDS)}.")
    for name in weights:
        if name not in REWARDS:
            raise ValueError(f"the reward {name!r} is unknown: use some of {', '.join(REWARDS)}.")
    return weights
