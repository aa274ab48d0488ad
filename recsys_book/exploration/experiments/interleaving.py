"""Two rankings in one list: each user compares them, and is their own control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.evaluation.checks import as_numbers, same_shape

__all__ = [
    "Interleaved",
    "balanced",
    "balanced_credit",
    "choice_probabilities",
    "probabilistic",
    "probabilistic_credit",
    "team_credit",
    "team_draft",
]


@dataclass(frozen=True, eq=False)
class Interleaved:
    """Lists made of the rankings of a and b.

    Attributes:
        items: The lists shown, shape (n, length).
        team: Who placed each item, 0 for a and 1 for b, shape (n, length).
    """

    items: np.ndarray
    team: np.ndarray


def team_draft(a: np.ndarray, b: np.ndarray, length: int, seed: int = 0) -> Interleaved:
    """Let two captains pick in turns: in each round a coin decides who picks first.

    Source: Radlinski, Kurup & Joachims (2008), "How Does Clickthrough Data Reflect Retrieval
    Quality?", CIKM.

    Args:
        a: Rankings of a, best first, item numbers from 0, shape (n, m).
        b: Rankings of b, shape (n, m).
        length: Length of the lists, at most m.
        seed: Seed of the coins.

    Returns:
        The lists and the teams.

    Raises:
        ValueError: If the shapes differ, an item is twice in a ranking, or length is too long.
    """
    a, b = _rankings(a, b, length)
    coins = np.random.default_rng(seed).integers(0, 2, (len(a), (length + 1) // 2))
    turns = np.repeat(coins, 2, axis=1)[:, :length]
    turns[:, 1::2] = 1 - turns[:, 1::2]  # the other captain has the second pick of a round
    return _pick(a, b, turns)


def balanced(a: np.ndarray, b: np.ndarray, length: int, seed: int = 0) -> Interleaved:
    """Merge two rankings like a zip, one coin deciding once who begins.

    An item that is listed already is passed over, but counts as placed by its ranking; so the two
    heads of the rankings are shown to almost equal depths.

    Source: Joachims (2003), "Evaluating Retrieval Performance Using Clickthrough Data".

    Args:
        a: Rankings of a, shape (n, m).
        b: Rankings of b, shape (n, m).
        length: Length of the lists, at most m.
        seed: Seed of the coins.

    Returns:
        The lists; ``team`` says whose pointer placed the item, but is not used for credit.

    Raises:
        ValueError: If the shapes differ, an item is twice in a ranking, or length is too long.
    """
    a, b = _rankings(a, b, length)
    first = np.random.default_rng(seed).integers(0, 2, len(a))
    items, team = (np.empty((len(a), length), dtype=np.int64) for _ in range(2))
    for row, begins in enumerate(first):
        items[row], team[row] = _zip(a[row], b[row], length, int(begins))
    return Interleaved(items, team)


def probabilistic(
    a: np.ndarray, b: np.ndarray, length: int, tau: float = 3.0, seed: int = 0
) -> Interleaved:
    """Draw each place from a softened ranking of a or b, as a coin decides.

    Source: Hofmann, Whiteson & de Rijke (2011), "A Probabilistic Method for Inferring Preferences
    from Clicks", CIKM.

    Args:
        a: Rankings of a, shape (n, m); both rankings must hold the same items.
        b: Rankings of b, shape (n, m).
        length: Length of the lists, at most m.
        tau: How sharply the chance of an item falls with its rank.
        seed: Seed of the draws.

    Returns:
        The lists and the teams.

    Raises:
        ValueError: If the shapes differ, an item is twice in a ranking, the two rankings of a row
            hold different items, or length is too long.
    """
    a, b = _rankings(a, b, length)
    rank_b = _same_items(a, b)
    rng = np.random.default_rng(seed)
    team = rng.integers(0, 2, (len(a), length))
    weight = np.arange(1, a.shape[1] + 1) ** -float(tau)
    # both laws over the items in the order of a
    softened = np.stack([np.broadcast_to(weight, a.shape), weight[rank_b]], axis=1)
    free, rows = np.ones(a.shape), np.arange(len(a))
    items = np.empty((len(a), length), dtype=np.int64)
    for slot in range(length):
        mass = np.cumsum(softened[rows, team[:, slot]] * free, axis=1)
        at = (mass < (rng.random(len(a)) * mass[:, -1])[:, None]).sum(axis=1)
        items[:, slot] = a[rows, at]
        free[rows, at] = 0.0
    return Interleaved(items, team)


def team_credit(lists: Interleaved, clicks: np.ndarray) -> np.ndarray:
    """Clicks on items of b minus clicks on items of a, for each list.

    Args:
        lists: Lists of ``team_draft`` or ``probabilistic``.
        clicks: Whether each place was clicked, shape (n, length).

    Returns:
        Credit, positive for b, shape (n,).

    Raises:
        ValueError: If the shapes differ.
    """
    c = _clicks(lists, clicks)
    return (c * (2 * lists.team - 1)).sum(axis=1)


def choice_probabilities(
    lists: Interleaved, a: np.ndarray, b: np.ndarray, tau: float = 3.0
) -> np.ndarray:
    """Chance that b placed each item of a list, given the whole list.

    Equation: eq-probabilistic-interleaving

    Args:
        lists: Lists of ``probabilistic``; the teams are not looked at.
        a: The rankings of a, shape (n, m).
        b: The rankings of b, shape (n, m).
        tau: As the lists were made with.

    Returns:
        Probabilities, shape (n, length).

    Raises:
        ValueError: If the rankings are not those of the lists.
    """
    a, b = _rankings(a, b, lists.items.shape[1])
    _same_items(a, b)
    chosen = []
    for ranking in (a, b):
        place = _places(ranking, lists.items)
        weight = (place + 1.0) ** -float(tau)
        total = (np.arange(1, a.shape[1] + 1) ** -float(tau)).sum()
        taken = np.cumsum(weight, axis=1) - weight  # by the items above
        chosen.append(weight / (total - taken))
    return chosen[1] / (chosen[0] + chosen[1])


def probabilistic_credit(
    lists: Interleaved, clicks: np.ndarray, a: np.ndarray, b: np.ndarray, tau: float = 3.0
) -> np.ndarray:
    """Expected credit of b minus a over all the ways in which the list could have been made.

    Args:
        lists: Lists of ``probabilistic``.
        clicks: Whether each place was clicked, shape (n, length).
        a: The rankings of a, shape (n, m).
        b: The rankings of b, shape (n, m).
        tau: As the lists were made with.

    Returns:
        Credit, positive for b, shape (n,).

    Raises:
        ValueError: If the shapes differ or the rankings are not those of the lists.
    """
    c = _clicks(lists, clicks)
    return (c * (2 * choice_probabilities(lists, a, b, tau) - 1)).sum(axis=1)


def balanced_credit(
    lists: Interleaved, clicks: np.ndarray, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Clicks among the first k of b minus those among the first k of a.

    k is the smaller depth at which one of the rankings holds the lowest clicked item.

    Args:
        lists: Lists of ``balanced``.
        clicks: Whether each place was clicked, shape (n, length).
        a: The rankings of a, shape (n, m).
        b: The rankings of b, shape (n, m).

    Returns:
        Credit, positive for b, shape (n,).

    Raises:
        ValueError: If the shapes differ.
    """
    c = _clicks(lists, clicks).astype(bool)
    a, b = _rankings(a, b, lists.items.shape[1])
    in_a, in_b = (_places(r, lists.items, missing=r.shape[1]) for r in (a, b))
    lowest = np.where(c.any(axis=1), c.shape[1] - 1 - c[:, ::-1].argmax(axis=1), 0)
    rows = np.arange(len(c))
    depth = np.minimum(in_a[rows, lowest], in_b[rows, lowest])[:, None]
    return ((c & (in_b <= depth)).sum(axis=1) - (c & (in_a <= depth)).sum(axis=1)).astype(float)


def _pick(a: np.ndarray, b: np.ndarray, turns: np.ndarray) -> Interleaved:
    items, rows = np.empty(turns.shape, dtype=np.int64), np.arange(len(a))
    free = [np.ones(a.shape, dtype=bool), np.ones(b.shape, dtype=bool)]
    for slot in range(turns.shape[1]):
        best = [ranking[rows, f.argmax(axis=1)] for ranking, f in zip((a, b), free, strict=True)]
        items[:, slot] = np.where(turns[:, slot] == 0, best[0], best[1])
        for ranking, f in zip((a, b), free, strict=True):
            f &= ranking != items[:, slot, None]
    return Interleaved(items, turns)


def _zip(a: np.ndarray, b: np.ndarray, length: int, begins: int) -> tuple[list[int], list[int]]:
    items: list[int] = []
    team: list[int] = []
    depth = [0, 0]
    while len(items) < length:
        side = begins if depth[0] == depth[1] else int(depth[1] < depth[0])
        item = int((a, b)[side][depth[side]])
        depth[side] += 1
        if item not in items:
            items.append(item)
            team.append(side)
    return items, team


def _rankings(a: np.ndarray, b: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = as_numbers("a", a, 2).astype(np.int64), as_numbers("b", b, 2).astype(np.int64)
    same_shape("a", a, "b", b)
    if not 1 <= length <= a.shape[1]:
        raise ValueError(f"length is {length}; use 1 to {a.shape[1]}, what the rankings hold.")
    for name, ranking in (("a", a), ("b", b)):
        if a.shape[1] > 1 and (np.diff(np.sort(ranking, axis=1), axis=1) == 0).any():
            raise ValueError(f"A ranking of {name} lists an item twice; rank each item once.")
    return a, b


def _places(ranking: np.ndarray, items: np.ndarray, missing: int | None = None) -> np.ndarray:
    found = ranking[:, None, :] == items[:, :, None]
    if missing is None and not found.any(axis=2).all():
        raise ValueError("A list holds an item that a ranking does not; pass what it was made of.")
    return np.where(found.any(axis=2), found.argmax(axis=2), -1 if missing is None else missing)


def _same_items(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the place in b of each item of a."""
    if not np.array_equal(np.sort(a, axis=1), np.sort(b, axis=1)):
        raise ValueError("The two rankings of a row hold different items; rank the same items.")
    return _places(b, a)


def _clicks(lists: Interleaved, clicks: np.ndarray) -> np.ndarray:
    c = as_numbers("clicks", clicks, 2)
    same_shape("clicks", c, "lists", lists.items)
    return c
