"""Domains: parts of a catalogue with items of their own, rated by people whom they may share."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recsys_book.data import Interactions


def domain_of(log: Interactions, members: np.ndarray) -> Interactions:
    """Cut the items of a domain out of a log.

    Args:
        log: Events of the whole catalogue.
        members: Whether an item belongs to the domain, boolean, shape (log.n_items,).

    Returns:
        The events with these items; the item vocabulary holds only them, the users' is unchanged.

    Raises:
        ValueError: If ``members`` is no boolean mask over the items, or the domain has no event.
    """
    members = np.asarray(members)
    if members.dtype != bool or members.shape != (log.n_items,):
        raise ValueError(
            f"members has shape {members.shape} and type {members.dtype}; give one truth value for "
            f"each of the {log.n_items} items."
        )
    part = log.select(members[log.item])
    if not len(part):
        raise ValueError(
            f"The domain of {members.sum()} items has no event; choose items that were rated."
        )
    position = np.cumsum(members) - 1
    return replace(part, item=position[part.item], items=log.items[members])


def shared_users(source: Interactions, target: Interactions) -> np.ndarray:
    """Return the ids of the people who have events in both domains, sorted.

    Args:
        source: Events of one domain.
        target: Events of the other.

    Returns:
        Their ids.

    Raises:
        ValueError: If a domain is empty or nobody is in both.
    """
    for name, log in (("source", source), ("target", target)):
        if not len(log):
            raise ValueError(f"The {name} domain has no event; there is nothing to transfer.")
    both = np.intersect1d(source.users[source.user], target.users[target.user])
    if not len(both):
        raise ValueError(
            "The domains share no user, so no taste can be carried over; match their items "
            "(match_titles) or use features that both have."
        )
    return both


def align_users(source: Interactions, target: Interactions) -> tuple[Interactions, Interactions]:
    """Give two domains one vocabulary of users, so that a position is the same person in both.

    Args:
        source: Events of one domain.
        target: Events of the other.

    Returns:
        Both logs, their ``users`` the union of the two.

    Raises:
        ValueError: If a domain is empty or nobody is in both.
    """
    shared_users(source, target)
    users = np.union1d(source.users, target.users)
    logs = (source, target)
    moved = [replace(g, user=np.searchsorted(users, g.users)[g.user], users=users) for g in logs]
    return moved[0], moved[1]


def few_per_user(
    log: Interactions, n: int, seed: int, users: np.ndarray | None = None
) -> tuple[Interactions, Interactions]:
    """Leave users at most ``n`` random events: a young domain, cut from a grown one.

    The order of a user's events depends on the seed alone, so the events that are kept for a small
    ``n`` are among those kept for a larger one.

    Args:
        log: Events of a domain.
        n: Events that a user keeps, at least 0.
        seed: Seed of the order.
        users: Positions of the users who are cut; None for all. The others keep everything.

    Returns:
        What is kept, and what was taken away.

    Raises:
        ValueError: If ``n`` is negative.
    """
    if n < 0:
        raise ValueError(f"n is {n}; a user keeps 0 events or more.")
    order = np.random.default_rng(seed).permutation(len(log))
    order = order[np.argsort(log.user[order], kind="stable")]
    start = np.searchsorted(log.user[order], np.arange(log.n_users))
    rank = np.empty(len(log), dtype=np.int64)
    rank[order] = np.arange(len(log)) - start[log.user[order]]
    keep = rank < n
    if users is not None:
        keep |= ~np.isin(log.user, users)
    return log.select(keep), log.select(~keep)


@dataclass(frozen=True)
class TwoDomains:
    """Two simulated domains with the same users.

    Attributes:
        source: Ratings in the first.
        target: Ratings in the second.
        source_taste: True user vectors in the first, shape (n_users, rank).
        target_taste: True user vectors in the second, shape (n_users, rank).
        source_items: True item vectors of the first, shape (n_items, rank).
        target_items: True item vectors of the second, shape (n_items, rank).
        noise: Standard deviation of a rating around its expectation: the least RMSE.
    """

    source: Interactions
    target: Interactions
    source_taste: np.ndarray
    target_taste: np.ndarray
    source_items: np.ndarray
    target_items: np.ndarray
    noise: float


def simulate_domains(
    relatedness: float,
    n_users: int = 300,
    n_items: int = 120,
    source_events: int = 40,
    target_events: int = 10,
    rank: int = 4,
    noise: float = 0.5,
    seed: int = 0,
) -> TwoDomains:
    r"""Draw two domains whose users' tastes are related to a chosen degree (simulated data).

    A rating is :math:`3.5 + 0.4\,p_u^\top q_i + \varepsilon`. With :math:`\rho` the relatedness, a
    user's taste in the target is :math:`\rho\,p_u + \sqrt{1 - \rho^2}\,z_u` with a fresh
    :math:`z_u`: at 1 the domains want the same, at 0 one says nothing about the other. There are
    no biases, so that taste is all that can be carried over.

    Args:
        relatedness: From 0 to 1.
        n_users: Users, all of them in both domains.
        n_items: Items of each domain.
        source_events: Ratings a user has in the source.
        target_events: Ratings a user has in the target.
        rank: Length of the vectors.
        noise: Standard deviation of the noise.
        seed: Seed of everything.

    Returns:
        The domains and the truth.

    Raises:
        ValueError: If ``relatedness`` is outside [0, 1] or a user would have more ratings than
            there are items.
    """
    if not 0 <= relatedness <= 1:
        raise ValueError(f"relatedness is {relatedness}; use a number from 0 to 1.")
    if not 1 <= min(source_events, target_events) <= max(source_events, target_events) <= n_items:
        raise ValueError(
            f"A user cannot have {source_events} and {target_events} ratings among {n_items} "
            "items; use numbers from 1 to n_items."
        )
    rng = np.random.default_rng(seed)
    p, z = rng.normal(size=(2, n_users, rank))
    q_source, q_target = rng.normal(size=(2, n_items, rank))
    taste = relatedness * p + np.sqrt(1 - relatedness**2) * z
    source = _ratings(p, q_source, source_events, noise, rng)
    target = _ratings(taste, q_target, target_events, noise, rng)
    return TwoDomains(source, target, p, taste, q_source, q_target, noise)


def _ratings(p, q, n: int, noise: float, rng: np.random.Generator) -> Interactions:
    item = np.argsort(rng.random((len(p), len(q))), axis=1)[:, :n].ravel()
    user = np.repeat(np.arange(len(p)), n)
    value = 3.5 + 0.4 * (p[user] * q[item]).sum(axis=1) + noise * rng.normal(size=len(user))
    zeros = np.zeros(len(user), dtype=np.int64)
    return Interactions(user, item, value, zeros, np.arange(len(p)), np.arange(len(q)))
