"""Items that a user has not seen, drawn at random: the other half of a pair."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


class UnseenItems:
    """Draws unseen items, uniformly.

    Args:
        seen: What each user has seen, as non-zeros of shape (n_users, n_items).
    """

    def __init__(self, seen: sp.csr_matrix) -> None:
        self.n_items = seen.shape[1]
        user, item = seen.nonzero()
        self._pairs = np.sort(user.astype(np.int64) * self.n_items + item)

    def draw(self, users: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw items for users.

        A seen item is drawn again, up to twenty times; somebody who has seen nearly everything may
        keep one.

        Args:
            users: User positions, shape (rows,).
            n: Items for each user.
            rng: The generator.

        Returns:
            Item positions, shape (rows, n).
        """
        items = rng.integers(self.n_items, size=(len(users), n))
        for _ in range(20):
            wrong = self.holds(users, items)
            if not wrong.any():
                break
            items[wrong] = rng.integers(self.n_items, size=int(wrong.sum()))
        return items

    def holds(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Tell which pairs are seen.

        Args:
            users: User positions, shape (rows,).
            items: Item positions, shape (rows, n).

        Returns:
            Truth values, shape (rows, n).
        """
        wanted = users[:, None] * self.n_items + items
        place = np.minimum(np.searchsorted(self._pairs, wanted), len(self._pairs) - 1)
        return self._pairs[place] == wanted
