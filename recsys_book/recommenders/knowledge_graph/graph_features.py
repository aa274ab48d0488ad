"""A film as the list of its neighbours in the graph: director, actors, writers, genres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from recsys_book.recommenders.knowledge_graph.triples import Triples


def graph_features(
    triples: Triples,
    relations: Sequence[str] | None = None,
    min_items: int = 2,
    weight_by_rarity: bool = False,
) -> tuple[sp.csr_matrix, list[tuple[str, str]]]:
    """Turn the graph around the items into a table of features.

    A column is a relation and the entity at its other end, such as "directed by" and a person; a
    person who also writes has a second column. A series ("sequel") is a column of its own for each
    pair of films, since its other end is a film.

    Args:
        triples: The graph.
        relations: Names of the relations to use; None for all.
        min_items: Items that a column must have: with one, it connects nothing.
        weight_by_rarity: Weigh a column by the logarithm of items over its items (inverse document
            frequency) instead of by one.

    Returns:
        The table, sparse (n_items, n_columns), and for each column the relation and the entity. An
        item that the graph does not know has an empty row.

    Raises:
        ValueError: If a relation is not in the graph.
    """
    item, column, names = _neighbours(triples, relations)
    n_items = len(triples.item_entity)
    counts = np.bincount(column, minlength=len(names))
    keep = counts >= min_items
    code = np.cumsum(keep) - 1
    chosen = keep[column]
    weight = np.log(n_items / counts[column]) if weight_by_rarity else np.ones(len(column))
    table = sp.csr_matrix(
        (weight[chosen], (item[chosen], code[column[chosen]])), shape=(n_items, int(keep.sum()))
    )
    first_copy = np.arange(n_items)
    _, first, back = np.unique(triples.item_entity, return_index=True, return_inverse=True)
    has_entity = triples.item_entity >= 0
    first_copy[has_entity] = first[back][has_entity]
    return table[first_copy], [name for name, kept in zip(names, keep) if kept]


def _neighbours(
    triples: Triples, relations: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Pairs of an item and a column, each once, and what the columns mean."""
    chosen = triples
    if relations is not None:
        unknown = sorted(set(relations) - set(triples.relations))
        if unknown:
            raise ValueError(
                f"The graph has no relation {unknown[0]!r}; its relations are "
                f"{', '.join(triples.relations)}."
            )
        chosen = triples.select(np.isin(triples.relations[triples.relation], list(relations)))
    of_entity = np.full(triples.n_entities, -1)
    known = np.flatnonzero(triples.item_entity >= 0)[::-1]
    of_entity[triples.item_entity[known]] = known  # of two copies of an item, the first
    head, tail = of_entity[chosen.head], of_entity[chosen.tail]
    both = (head >= 0) & (tail >= 0)  # a link between two items: a column for the pair
    size = triples.n_entities
    key = chosen.relation * size + np.where(head >= 0, chosen.tail, chosen.head)
    pair = triples.n_relations * size + chosen.relation * size * size
    key = np.where(both, pair + chosen.head * size + chosen.tail, key)
    item = np.r_[np.where(head >= 0, head, tail), tail[both]]
    keys = np.r_[key, key[both]]
    touched = item >= 0
    unique = np.unique(np.stack([keys[touched], item[touched]]), axis=1)
    columns, column = np.unique(unique[0], return_inverse=True)
    return unique[1], column, [_name(triples, int(key)) for key in columns]


def _name(triples: Triples, key: int) -> tuple[str, str]:
    size = triples.n_entities
    if key < triples.n_relations * size:
        relation, entity = divmod(key, size)
        return str(triples.relations[relation]), str(triples.entities[entity])
    relation, ends = divmod(key - triples.n_relations * size, size * size)
    head, tail = divmod(ends, size)
    return str(triples.relations[relation]), f"{triples.entities[head]} {triples.entities[tail]}"
