"""Who may know whom: scores for pairs that are not yet linked in a graph of friends."""

from __future__ import annotations

import numpy as np


def check_graph(friends: np.ndarray) -> np.ndarray:
    """Return a friendship graph as floats.

    Args:
        friends: (n, n) symmetric, true where two people are friends.

    Returns:
        (n, n) zeros and ones.

    Raises:
        ValueError: If it is no square symmetric table, or somebody is their own friend.
    """
    A = np.asarray(friends, dtype=bool)
    if A.ndim != 2 or A.shape[0] != A.shape[1] or (A != A.T).any():
        raise ValueError(
            f"The graph has shape {A.shape} or is not symmetric; give one row and one column a"
            " person, true in both places where two are friends."
        )
    if A.diagonal().any():
        person = int(np.argmax(A.diagonal()))
        raise ValueError(f"Person {person} is their own friend; set the diagonal to false.")
    return A.astype(float)


def common_neighbours(friends: np.ndarray) -> np.ndarray:
    """Count the friends that two people share, (n, n)."""
    A = check_graph(friends)
    return A @ A


def adamic_adar(friends: np.ndarray) -> np.ndarray:
    r"""Count shared friends, each by one over the logarithm of how many friends they have.

    A shared friend has at least two friends, so the logarithm is above 0 wherever it counts.

    Equation: eq-adamic-adar.

    Source: Adamic and Adar (2003), "Friends and Neighbors on the Web", Social Networks 25.

    Args:
        friends: (n, n) graph.

    Returns:
        (n, n) scores.
    """
    A = check_graph(friends)
    degree = A.sum(axis=1)
    weight = np.where(degree > 1, 1 / np.log(np.maximum(degree, 2)), 0.0)
    return (A * weight) @ A


def attachment(friends: np.ndarray) -> np.ndarray:
    """Multiply the numbers of friends, (n, n): the popular meet the popular."""
    degree = check_graph(friends).sum(axis=1)
    return np.outer(degree, degree)


def factor_scores(friends: np.ndarray, rank: int = 8) -> np.ndarray:
    """Rebuild the graph from its strongest eigenvectors, (n, n).

    Args:
        friends: (n, n) graph.
        rank: Number of eigenvectors, those with the largest eigenvalues in size.

    Returns:
        (n, n) scores.

    Raises:
        ValueError: If there are not so many eigenvectors.
    """
    A = check_graph(friends)
    if not 1 <= rank <= len(A):
        raise ValueError(f"rank is {rank}; use 1 to {len(A)}, the number of people.")
    values, vectors = np.linalg.eigh(A)
    keep = np.argsort(-np.abs(values))[:rank]
    return (vectors[:, keep] * values[keep]) @ vectors[:, keep].T


def hide_links(
    friends: np.ndarray, share: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Take some links away, to be found again.

    Args:
        friends: (n, n) graph.
        share: Share of the links.
        seed: Which.

    Returns:
        The remaining graph, and the hidden pairs, (m, 2).

    Raises:
        ValueError: If no link would be hidden, or all.
    """
    A = check_graph(friends).astype(bool)
    pairs = np.argwhere(np.triu(A))
    n = round(share * len(pairs))
    if not 0 < n < len(pairs):
        raise ValueError(f"{n} of {len(pairs)} links would be hidden; choose another share.")
    hidden = pairs[np.random.default_rng([seed, 11]).choice(len(pairs), n, replace=False)]
    A[hidden[:, 0], hidden[:, 1]] = A[hidden[:, 1], hidden[:, 0]] = False
    return A, hidden


def found_again(
    friends: np.ndarray, hidden: np.ndarray, scores: np.ndarray, k: int = 5
) -> tuple[float, float]:
    """Judge scores by the links that were hidden.

    Args:
        friends: (n, n) the remaining graph.
        hidden: (m, 2) hidden pairs.
        scores: (n, n) symmetric scores.
        k: Length of a list of suggestions.

    Returns:
        AUC: the chance that a hidden link has a higher score than a pair that is no link at all,
        ties counting half; and the share of the hidden links' ends whose other end is among their k
        best suggestions, ties in favour of neither (the mean rank is taken).
    """
    A = check_graph(friends).astype(bool)
    truth = np.zeros_like(A)
    truth[hidden[:, 0], hidden[:, 1]] = truth[hidden[:, 1], hidden[:, 0]] = True
    open_pairs = ~A & ~np.eye(len(A), dtype=bool)
    good, bad = scores[truth], np.sort(scores[open_pairs & ~truth])
    below = np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")
    ends = np.concatenate([hidden, hidden[:, ::-1]])
    rows = np.where(open_pairs, scores, -np.inf)[ends[:, 0]]
    own = scores[ends[:, 0], ends[:, 1]][:, None]
    rank = (rows > own).sum(axis=1) + ((rows == own).sum(axis=1) - 1) / 2
    return float(below.mean() / (2 * len(bad))), float((rank < k).mean())
