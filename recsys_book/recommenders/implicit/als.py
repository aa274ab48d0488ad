"""Implicit ALS: every unseen pair is a weak no, and a ridge regression a user finds the factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.recommenders.history import HistoryRecommender
from recsys_book.recommenders.implicit.checks import check_settings
from recsys_book.recommenders.implicit.factors import Pattern, factor_scores

if TYPE_CHECKING:
    from recsys_book.data import Interactions

SOLVERS = ("cg", "cholesky", "subspace")


def ials_objective(R: np.ndarray, P: np.ndarray, Q: np.ndarray, alpha: float, l2: float) -> float:
    """Return the weighted squared error over all pairs, seen and unseen, plus the penalty.

    Equation: eq-ials-objective

    Source: Hu, Koren & Volinsky (2008), "Collaborative Filtering for Implicit Feedback Datasets",
    ICDM, equation 3.

    Args:
        R: How often each pair occurred, shape (n_users, n_items).
        P: User factors, shape (n_users, f).
        Q: Item factors, shape (n_items, f).
        alpha: Confidence above one for each occurrence.
        l2: Ridge penalty.

    Returns:
        The value that ALS minimises.
    """
    C = 1 + alpha * R  # confidence
    Y = R > 0  # preference
    return float(np.sum(C * (Y - P @ Q.T) ** 2) + l2 * (np.sum(P**2) + np.sum(Q**2)))


def ials_user(r: np.ndarray, Q: np.ndarray, alpha: float, l2: float) -> np.ndarray:
    """Return the factors of one user that minimise the objective, the items held fixed.

    The items take part as ``ials_user(column of R, P, alpha, l2)``.

    Equation: eq-ials-solution

    Source: Hu, Koren & Volinsky (2008), equation 4.

    Args:
        r: How often each item occurred with the user, shape (n_items,).
        Q: Item factors, shape (n_items, f).
        alpha: Confidence above one for each occurrence.
        l2: Ridge penalty.

    Returns:
        The user's factors, shape (f,).
    """
    c = 1 + alpha * r
    A = Q.T @ (c[:, None] * Q) + l2 * np.eye(Q.shape[1])
    return np.linalg.solve(A, Q.T @ (c * (r > 0)))


def ials_user_from_gram(
    G: np.ndarray, r: np.ndarray, Q: np.ndarray, alpha: float, l2: float
) -> np.ndarray:
    """Return the same factors from the seen items alone, with the Gram matrix of all items.

    One product of Q with itself serves all users; a user then costs as much as the history is long,
    not as the catalogue.

    Equation: eq-ials-gram

    Source: Hu, Koren & Volinsky (2008), section 4.

    Args:
        G: ``Q.T @ Q`` over all items, shape (f, f).
        r: How often each seen item occurred, shape (n_seen,), above 0.
        Q: Factors of the seen items, shape (n_seen, f).
        alpha: Confidence above one for each occurrence.
        l2: Ridge penalty.

    Returns:
        The user's factors, shape (f,).
    """
    A = G + Q.T @ ((alpha * r)[:, None] * Q) + l2 * np.eye(len(G))
    return np.linalg.solve(A, Q.T @ (1 + alpha * r))


def ials_user_cg(
    G: np.ndarray,
    r: np.ndarray,
    Q: np.ndarray,
    alpha: float,
    l2: float,
    p: np.ndarray,
    steps: int,
) -> np.ndarray:
    """Take some conjugate-gradient steps from the user's last factors; no matrix is built.

    Equation: eq-ials-cg

    Source: Takács, Pilászy & Tikk (2011), "Applications of the Conjugate Gradient Method for
    Implicit Feedback Collaborative Filtering", RecSys.

    Args:
        G: ``Q.T @ Q`` over all items, shape (f, f).
        r: How often each seen item occurred, shape (n_seen,), above 0.
        Q: Factors of the seen items, shape (n_seen, f).
        alpha: Confidence above one for each occurrence.
        l2: Ridge penalty.
        p: Where to start, shape (f,).
        steps: Number of steps; f of them solve the equations exactly, up to rounding.

    Returns:
        The user's factors, shape (f,).
    """

    def A(x: np.ndarray) -> np.ndarray:
        return G @ x + l2 * x + Q.T @ (alpha * r * (Q @ x))

    residual = Q.T @ (1 + alpha * r) - A(p)
    direction = residual
    for _ in range(steps):
        if residual @ residual < 1e-20:
            break
        length = (residual @ residual) / (direction @ A(direction))
        p = p + length * direction
        smaller = residual - length * A(direction)
        direction = smaller + (smaller @ smaller) / (residual @ residual) * direction
        residual = smaller
    return p


def ials_loss(R: Pattern, P: np.ndarray, Q: np.ndarray, alpha: float, l2: float) -> float:
    """Return the objective without visiting the unseen pairs.

    The sum over all pairs of the squared score is the trace of the product of two Gram matrices;
    only the seen pairs need a correction.

    Equation: eq-ials-objective

    Args:
        R: What each user has seen.
        P: User factors, float32, shape (n_users, f).
        Q: Item factors, float32, shape (n_items, f).
        alpha: Confidence above one for each occurrence.
        l2: Ridge penalty.

    Returns:
        The value that ALS minimises, as in ``ials_objective``.
    """
    from recsys_book.recommenders.implicit.als_kernels import seen_scores

    P_gram, Q_gram = (F.T.astype(np.float64) @ F.astype(np.float64) for F in (P, Q))
    s = seen_scores(R.indptr, R.indices, P, Q)
    seen = (1 + alpha * R.weights.astype(np.float64)) * (1 - s) ** 2 - s**2
    return float(
        np.sum(P_gram * Q_gram) + seen.sum() + l2 * np.trace(P_gram) + l2 * np.trace(Q_gram)
    )


def ials_half_step(
    R: Pattern, X: np.ndarray, Y: np.ndarray, alpha: float, l2: float, block: int, steps: int
) -> None:
    """Improve all factors of one side in place, by compiled code.

    Args:
        R: What each row of X has seen.
        X: Factors to improve, float32, shape (n, f).
        Y: Factors of the other side, float32, shape (m, f).
        alpha: Confidence above one for each occurrence.
        l2: Ridge penalty.
        block: Coordinates solved together, f for the exact solution; 0 for conjugate gradients.
        steps: Steps of conjugate gradients.
    """
    from recsys_book.recommenders.implicit import als_kernels

    G = als_kernels.gram(Y, float(l2))
    als_kernels.half_step(*R, np.float32(alpha), X, Y, G, block, steps)


class ImplicitALS(HistoryRecommender):
    """Factorise the whole users-by-items matrix of zeros and ones, with more weight on the ones.

    A pair that occurred r times has confidence ``1 + alpha * r``, any other has confidence 1 and
    counts as a weak no. With the items fixed every user is a ridge regression, and the reverse.
    The values of the events are ignored. A user without history gets the popularity of the items;
    an item that nobody has seen gets zero factors and so the score 0.

    Equations: eq-ials-objective, eq-ials-solution, eq-ials-gram, eq-ials-cg

    Source: Hu, Koren & Volinsky (2008), "Collaborative Filtering for Implicit Feedback Datasets",
    ICDM; solvers: Takács, Pilászy & Tikk (2011), RecSys, and Rendle, Krichene, Zhang & Koren
    (2021), "iALS++: Speeding up Matrix Factorization with Subspace Optimization".

    Args:
        factors: Length of the factors, at least 1.
        l2: Ridge penalty, above 0.
        alpha: Confidence above one for each occurrence, at least 0. With 0 all pairs weigh the
            same. (The library ``implicit`` counts from zero: its ``alpha`` is ours plus 1.)
        epochs: Number of times that both sides are improved.
        solver: ``"cg"``: a few steps of conjugate gradients from the last factors; ``"cholesky"``:
            the exact solution; ``"subspace"``: exact in one block of coordinates after the other.
        seed: Seed of the first factors.
        cg_steps: Steps of the first solver.
        block: Coordinates of a block of the last.
        track_loss: Whether to compute the objective after each epoch.

    Attributes:
        user_factors_: float32, shape (n_users, factors).
        item_factors_: float32, shape (n_items, factors).
        losses_: The objective after each epoch, shape (epochs,), if ``track_loss``; else empty.
    """

    def __init__(
        self,
        factors: int = 64,
        l2: float = 0.1,
        alpha: float = 1.0,
        epochs: int = 15,
        solver: str = "cg",
        seed: int = 0,
        cg_steps: int = 3,
        block: int = 16,
        track_loss: bool = False,
    ):
        self.factors = factors
        self.l2 = l2
        self.alpha = alpha
        self.epochs = epochs
        self.solver = solver
        self.seed = seed
        self.cg_steps = cg_steps
        self.block = block
        self.track_loss = track_loss

    def _fit(self, interactions: Interactions) -> None:
        self._check_settings()
        R = Pattern.of(interactions.to_csr(1.0))
        losses: list[float] = []

        def watch(P: np.ndarray, Q: np.ndarray) -> None:
            losses.append(ials_loss(R, P, Q, self.alpha, self.l2))

        self.user_factors_, self.item_factors_ = self.factorise(
            R, interactions.n_items, watch if self.track_loss else None
        )
        self.losses_ = np.array(losses)

    def factorise(
        self,
        R: Pattern,
        n_items: int,
        on_epoch: Callable[[np.ndarray, np.ndarray], None] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the factors of a matrix that is too large for a log; ``fit`` calls this.

        Args:
            R: What each user has seen.
            n_items: Number of columns.
            on_epoch: Called with both factors after each epoch.

        Returns:
            User and item factors, float32.
        """
        Rt = R.transposed(n_items)  # first, because it needs room for a moment
        rng = np.random.default_rng(self.seed)
        n_users, f = len(R.indptr) - 1, self.factors
        P = rng.random((n_users, f), dtype=np.float32)
        Q = rng.random((n_items, f), dtype=np.float32)
        P *= 0.01
        Q *= 0.01
        for _ in range(self.epochs):
            self._half_step(R, P, Q)
            self._half_step(Rt, Q, P)
            if on_epoch is not None:
                on_epoch(P, Q)
        return P, Q

    def _half_step(self, R: Pattern, X: np.ndarray, Y: np.ndarray, exact: bool = False) -> None:
        exact = exact or self.solver == "cholesky"
        block = self.factors if exact else 0 if self.solver == "cg" else self.block
        ials_half_step(R, X, Y, self.alpha, self.l2, block, self.cg_steps)

    def _score(self, users: np.ndarray) -> np.ndarray:
        return factor_scores(self.user_factors_[users], self.item_factors_)

    def _score_others(self, histories: Interactions) -> np.ndarray:
        """Score by factors that are the exact solution, given the items'."""
        R = Pattern.of(histories.to_csr(1.0))
        P = np.zeros((histories.n_users, self.factors), np.float32)
        if len(histories):
            self._half_step(R, P, self.item_factors_, exact=True)
        return factor_scores(P, self.item_factors_)

    def _check_settings(self) -> None:
        check_settings(
            self,
            whole=("factors", "epochs", "cg_steps", "block"),
            positive=("l2",),
            not_negative=("alpha",),
        )
        if self.solver not in SOLVERS:
            raise ValueError(f"solver is {self.solver!r}; use one of {', '.join(SOLVERS)}.")
