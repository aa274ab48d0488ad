"""Vectors of several kinds for the same items (text, picture, sound), and which are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Modalities", "align_modalities"]


@dataclass(frozen=True, eq=False)
class Modalities:
    """Precomputed vectors of each modality, one row an item.

    Attributes:
        items: (n,) item ids.
        vectors: (n, d) array of each modality, zeros where an item has none.
        present: (n, n_modalities) bool, in the order of ``vectors``: is there a vector?
    """

    items: np.ndarray
    vectors: Mapping[str, np.ndarray]
    present: np.ndarray

    def concatenate(self) -> np.ndarray:
        """All vectors side by side, followed by the mask, so that zeros can be told from nothing.

        Returns:
            (n, sum of all d + n_modalities).
        """
        return np.hstack([*self.vectors.values(), self.present.astype(float)])

    def mean_of_scores(self, scores: Mapping[str, np.ndarray]) -> np.ndarray:
        """Average one score a modality over the modalities that an item has.

        Args:
            scores: (..., n) array of each modality.

        Returns:
            (..., n) means; NaN for an item without any modality.
        """
        weight = self.present.astype(float)
        columns = list(self.vectors)
        total = sum(np.asarray(scores[name]) * weight[:, j] for j, name in enumerate(columns))
        count = weight.sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def align_modalities(
    items: Sequence, sources: Mapping[str, tuple[Sequence, np.ndarray]]
) -> Modalities:
    """Bring vectors from several sources into the order of the items.

    Source: Baltrušaitis, Ahuja & Morency 2019, Multimodal Machine Learning.

    Args:
        items: (n,) item ids, such as ``interactions.items``.
        sources: For each modality its own item ids (m,), in any order, and their vectors (m, d).
            Ids that are not among ``items`` are left out; a row with a NaN counts as missing.

    Returns:
        The aligned vectors and the mask.

    Raises:
        ValueError: If there is no source, ids and vectors differ in number, or an id occurs twice.
    """
    if not sources:
        raise ValueError("There is no modality to align; give at least one source of vectors.")
    items = np.asarray(items)
    vectors, present = {}, []
    for name, (ids, source) in sources.items():
        source = np.asarray(source, dtype=float)
        if source.ndim != 2 or len(ids) != len(source):
            raise ValueError(
                f"Modality '{name}' has {len(ids)} ids and vectors of shape {source.shape}; "
                "give one row an id."
            )
        place = {id: row for row, id in enumerate(ids)}
        if len(place) != len(source):
            raise ValueError(f"Modality '{name}' names an item twice; keep one vector an item.")
        row = np.array([place.get(id, -1) for id in items.tolist()])
        there = row >= 0
        there[there] = ~np.isnan(source[row[there]]).any(axis=1)
        aligned = np.zeros((len(items), source.shape[1]))
        aligned[there] = source[row[there]]
        vectors[name] = aligned
        present.append(there)
    return Modalities(items, vectors, np.column_stack(present))
