"""One description of all items: its products between items, and a regression of each user on it.

Every view is centred and scaled alike, so that a view does not win by having longer vectors.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

View = np.ndarray | sp.csr_matrix


def view_kernel(view: View, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the products between items in one view, centred and scaled.

    Args:
        view: Item vectors, dense or sparse, shape (n_items, width). A dense row with a NaN and a
            sparse row without entries are missing.
        reference: Items whose mean is the centre and whose mean squared length becomes 1, bool,
            shape (n_items,).

    Returns:
        Products, shape (n_items, n_items), zero where an item is missing; and which items are
        there, bool, shape (n_items,).

    Raises:
        ValueError: If a number is infinite or no reference item is known to the view.
    """
    if sp.issparse(view):
        known, X = np.diff(sp.csr_matrix(view).indptr) > 0, sp.csr_matrix(view, dtype=np.float64)
    else:
        X = np.asarray(view, dtype=np.float64)
        known = ~np.isnan(X).any(axis=1)
        X = np.where(known[:, None], X, 0.0)
    centre = known & reference
    if not np.isfinite(X.data if sp.issparse(X) else X).all() or not centre.any():
        raise ValueError(
            "A view must hold finite numbers for at least one item of the training log; fill what "
            "is infinite, and mark missing rows by NaN."
        )
    K = (X @ X.T).toarray() if sp.issparse(X) else X @ X.T
    mean = K[:, centre].mean(axis=1)
    K = K - mean[:, None] - mean + mean[centre].mean()
    K *= known[:, None] & known
    scale = np.diag(K)[centre].mean()
    return (K / scale if scale > 0 else K), known


def ridge_scores(K: np.ndarray, warm: np.ndarray, seen: sp.csr_matrix, l2: float) -> np.ndarray:
    """Regress each user's history on the items' vectors, all users at once, in the dual form.

    Targets are 1 for the items of the history and 0 for the other warm items, centred by user.

    Args:
        K: Products between the items, shape (n_items, n_items).
        warm: Items to learn from, bool, shape (n_items,).
        seen: Histories, sparse (n_users, n_items).
        l2: Penalty, above 0.

    Returns:
        Scores without each user's level, shape (n_users, n_items).
    """
    Y = seen[:, warm].toarray().T
    Y -= Y.mean(axis=0)
    inner = K[np.ix_(warm, warm)] + l2 * np.eye(int(warm.sum()))
    return (K[:, warm] @ np.linalg.solve(inner, Y)).T


def standardise_rows(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give each row mean 0 and standard deviation 1 over the known columns.

    Args:
        scores: Shape (n_users, n_items).
        known: Columns that count, bool, shape (n_items,).

    Returns:
        Standardised scores, of the same shape; a row without spread becomes zeros.
    """
    centred = scores - scores[:, known].mean(axis=1, keepdims=True)
    spread = centred[:, known].std(axis=1, keepdims=True)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12)
