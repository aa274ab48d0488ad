"""Films as rows of numbers: genres, a smooth year, text, and facts from a knowledge graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from recsys_book.data.movielens import MovieLens
from recsys_book.recommenders.content import genre_matrix, unit_rows
from recsys_book.recommenders.knowledge_graph import Triples, graph_features, movielens_triples

#: Relations that name who made a film.
PEOPLE = (
    "film.film.actor",
    "film.film.directed_by",
    "film.film.written_by",
    "film.film.produced_by",
    "film.film.cinematography",
)
#: Relations that say where a film comes from.
ORIGIN = ("film.film.country", "film.film.language", "film.film.production_companies")
#: The age rating, which is given before the release.
AGE_RATING = ("film.film.rating",)
#: Finer genres, as a later encyclopaedia lists them.
FINE_GENRES = ("film.film.genre",)


def genres_and_year(movielens: MovieLens) -> np.ndarray:
    """Return genre flags and three functions of the year: a line, a parabola, a step at 1995.

    Args:
        movielens: The films.

    Returns:
        Shape (n_items, n_genres + 3). A film without a year gets 1990.
    """
    genres = genre_matrix(movielens.items["genres"])[0]
    year = movielens.items["year"].astype("Float64").fillna(1990.0).to_numpy(dtype=float)
    line = (year - 1985) / 15
    return np.column_stack([genres, line, line**2, year >= 1995])


def centered_text(vectors: np.ndarray, scale: float = 4.0) -> np.ndarray:
    """Centre text vectors over the catalogue and give every row one length.

    Args:
        vectors: Shape (n_items, width); a row of zeros is an item without text.
        scale: The length.

    Returns:
        Shape (n_items, width); rows of zeros stay zeros.
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    has = np.abs(vectors).sum(axis=1) > 0
    if not has.any():
        return np.zeros_like(vectors)
    moved = np.where(has[:, None], vectors - vectors[has].mean(axis=0), 0.0)
    return scale * unit_rows(moved)


def text_components(vectors: np.ndarray, n: int = 16) -> np.ndarray:
    """Return the first principal components of centred text vectors.

    A network on all coordinates of a text vector learns a thousand titles by heart; a few
    components are kept, in units in which their mean standard deviation is one.

    Args:
        vectors: Shape (n_items, width).
        n: Number of components.

    Returns:
        Shape (n_items, n).
    """
    left, size, _ = np.linalg.svd(centered_text(vectors), full_matrices=False)
    parts = left[:, :n] * size[:n]
    return parts / parts.std(axis=0).mean()


def facts(movielens: MovieLens | Triples, relations: Sequence[str]) -> sp.csr_array:
    """Return facts of films as rows of length one, rare facts weighing more.

    The length matters: how *many* facts an encyclopaedia holds of a film was decided by its later
    fame, and rows of one length do not show it.

    Args:
        movielens: The films and their graph, or the graph alone (``movielens_triples``), so that
            several calls read it once.
        relations: Names of relations.

    Returns:
        Sparse, shape (n_items, n_facts); a film that the graph does not know has a row of zeros.
    """
    graph = movielens if isinstance(movielens, Triples) else movielens_triples(movielens)
    table = graph_features(graph, list(relations), weight_by_rarity=True)[0]
    length = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    return sp.csr_array(sp.diags_array(1 / np.where(length > 0, length, 1.0)) @ table)


def stack_blocks(
    *blocks: tuple[np.ndarray | sp.csr_array, float],
) -> np.ndarray | sp.csr_array:
    r"""Put blocks of features side by side, each with a weight.

    A linear model on the result has the kernel :math:`\sum_j c_jX_jX_j^\top`: a sum of functions,
    one a block, whose prior variances are in the ratio of the weights.

    Args:
        *blocks: Pairs of features (n_items, width) and a weight c above 0.

    Returns:
        Sparse if a block is sparse, else dense, shape (n_items, sum of the widths).

    Raises:
        ValueError: If there is no block, the blocks differ in rows, or a weight is not above 0.
    """
    if not blocks:
        raise ValueError("There is no block of features; pass at least one pair.")
    rows = {block.shape[0] for block, _ in blocks}
    if len(rows) > 1:
        raise ValueError(f"The blocks have {sorted(rows)} rows; pass one row an item in each.")
    for _, weight in blocks:
        if not weight > 0:
            raise ValueError(f"A block has the weight {weight}; use a number above 0.")
    scaled = [np.sqrt(weight) * block for block, weight in blocks]
    if any(sp.issparse(block) for block in scaled):
        return sp.csr_array(sp.hstack(scaled))
    return np.hstack(scaled)
