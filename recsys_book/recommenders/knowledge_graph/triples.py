"""Facts about items as triples: a film, "directed by", a person.

The published links between films and facts bear the ids of MovieLens-1M, whatever their file is
called. ``movielens_1m_ids.json``, beside this module, translates them. It is our own work: prefixes
of titles, transcribed by hand from a public copy of ``movies.dat`` of MovieLens-1M, were matched to
the titles of MovieLens-100K, with the year only where a remake or another film has the same title.
The result was read once against that copy. It holds pairs of ids and nothing else of either
release; a test compares all titles and years where the 1M release is in the cache.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from recsys_book.data import MovieLens

#: Relations of the graph of MovieLens-100K that say the same as another, the other way round.
INVERSES = {
    "film.actor.film": "film.film.actor",
    "film.cinematographer.film": "film.film.cinematography",
    "film.content_rating.film": "film.film.rating",
    "film.director.film": "film.film.directed_by",
    "film.film.prequel": "film.film.sequel",
    "film.film_genre.films_in_this_genre": "film.film.genre",
    "film.film_subject.films": "film.film.subjects",
    "film.producer.film": "film.film.produced_by",
    "film.production_company.films": "film.film.production_companies",
    "film.writer.film": "film.film.written_by",
}


@dataclass(frozen=True, eq=False)
class Triples:
    """A knowledge graph with integer codes.

    Attributes:
        head: Entity that a triple is about, int64, shape (n,).
        relation: What it says, int64, shape (n,).
        tail: The other entity, int64, shape (n,).
        entities: Names of the entities, sorted, shape (n_entities,).
        relations: Names of the relations, sorted, shape (n_relations,).
        item_entity: Entity of each item, -1 for an item that the graph does not know, int64, shape
            (n_items,).
    """

    head: np.ndarray
    relation: np.ndarray
    tail: np.ndarray
    entities: np.ndarray
    relations: np.ndarray
    item_entity: np.ndarray

    @property
    def n_entities(self) -> int:
        """Number of entities in the vocabulary."""
        return len(self.entities)

    @property
    def n_relations(self) -> int:
        """Number of relations in the vocabulary."""
        return len(self.relations)

    def __len__(self) -> int:
        """Number of triples."""
        return len(self.head)

    def __repr__(self) -> str:
        """One line: the three sizes."""
        return (
            f"Triples({len(self):,} triples, {self.n_entities:,} entities, "
            f"{self.n_relations} relations)"
        )

    def select(self, index: np.ndarray) -> Self:
        """Keep some triples, and the vocabularies.

        Args:
            index: Boolean mask of shape (n,), or positions.

        Returns:
            The chosen triples.
        """
        return replace(
            self, head=self.head[index], relation=self.relation[index], tail=self.tail[index]
        )

    def degree(self) -> np.ndarray:
        """Return the number of triples of each entity, shape (n_entities,)."""
        return np.bincount(np.r_[self.head, self.tail], minlength=self.n_entities)


def build_triples(
    frame: pd.DataFrame, item_names: pd.Series, inverses: Mapping[str, str] | None = None
) -> Triples:
    """Encode a table of triples, each fact once.

    Args:
        frame: Columns head, relation and tail, all names.
        item_names: Entity of each item, in the order of the vocabulary; missing where unknown.
        inverses: For a relation, the one that says the same the other way round. Its triples are
            turned round, so that no fact stands in the graph twice.

    Returns:
        The graph.

    Raises:
        ValueError: If the table has no rows or lacks a column or a name.
    """
    names = ["head", "relation", "tail"]
    if (
        len(frame) == 0
        or not set(names) <= set(frame.columns)
        or frame[names].isna().any(axis=None)
    ):
        raise ValueError(
            "The triples need rows with a head, a relation and a tail each; drop incomplete rows."
        )
    inverses = {} if inverses is None else dict(inverses)
    turn = frame["relation"].isin(list(inverses)).to_numpy()
    head = np.where(turn, frame["tail"], frame["head"]).astype(str)
    tail = np.where(turn, frame["head"], frame["tail"]).astype(str)
    relation = frame["relation"].replace(inverses).to_numpy().astype(str)
    facts = pd.DataFrame({"head": head, "relation": relation, "tail": tail}).drop_duplicates()
    ends = pd.concat([facts["head"], facts["tail"]])
    entities = np.sort(ends.unique().astype(str))
    relations = np.sort(facts["relation"].unique().astype(str))
    position = pd.Index(entities)
    return Triples(
        head=position.get_indexer(facts["head"]).astype(np.int64),
        relation=pd.Index(relations).get_indexer(facts["relation"]).astype(np.int64),
        tail=position.get_indexer(facts["tail"]).astype(np.int64),
        entities=entities,
        relations=relations,
        item_entity=position.get_indexer(item_names.fillna("").astype(str)).astype(np.int64),
    )


def later_ids(items: np.ndarray) -> np.ndarray:
    """Return the ids that films of MovieLens-100K bear in MovieLens-1M and all later releases.

    The table is ours, made by hand and by title (see the top of this module), not GroupLens'.

    Args:
        items: Ids of MovieLens-100K, from 1 to 1682, shape (n,).

    Returns:
        Ids of the later releases, 0 where no film was matched, shape (n,). Two copies of a film in
        MovieLens-100K have the same one.
    """
    text = files(__package__).joinpath("movielens_1m_ids.json").read_text(encoding="utf-8")
    return np.array(json.loads(text)["ids"])[np.asarray(items) - 1]


def movielens_triples(
    movielens: MovieLens, merge_inverses: bool = True, correct_links: bool = True
) -> Triples:
    """Return the knowledge graph of MovieLens-100K.

    The published file that links films to entities numbers the films as the later releases do,
    although it bears the name of MovieLens-100K. Both run from 1 to 1682, so a join on the id
    raises no error and gives nearly every film the facts of another one. The ids are translated
    here, by a table of our own that leaves about one film in fourteen without facts;
    ``correct_links=False`` leaves the links as published, to see the difference.

    The published graph states many facts twice, once in each direction. A model that has seen one
    of the two in training knows the other without having learned anything, so they are merged
    unless asked otherwise.

    Source: Zhao et al. (2019), "KB4Rec", Data Intelligence 1(2), for the links; Toutanova and Chen
    (2015), "Observed versus latent features", for the inverse relations.

    Args:
        movielens: The release with ``graph`` and ``links``.
        merge_inverses: Whether to keep each fact once.
        correct_links: Whether to translate the ids of the links.

    Returns:
        The graph, its items in the order of the vocabulary of ``movielens.interactions``.

    Raises:
        ValueError: If the release has no graph.
    """
    if movielens.graph is None or movielens.links is None:
        raise ValueError(
            f"MovieLens {movielens.name} came without a knowledge graph; load '100k' from its "
            "default source."
        )
    links = movielens.links.drop_duplicates("item").set_index("item")["entity"]
    items = movielens.interactions.items
    names = links.reindex(later_ids(items) if correct_links else items).set_axis(items)
    return build_triples(movielens.graph, names, INVERSES if merge_inverses else None)


def without_leaves(triples: Triples, min_degree: int = 2) -> Triples:
    """Drop entities that stand in too few triples to connect anything; items stay.

    Args:
        triples: The graph.
        min_degree: Triples that an entity needs.

    Returns:
        The smaller graph, with smaller vocabularies.
    """
    keep = triples.degree() >= min_degree
    known = triples.item_entity[triples.item_entity >= 0]
    keep[known] = True
    facts = triples.select(keep[triples.head] & keep[triples.tail])
    code = np.where(keep, np.cumsum(keep) - 1, -1)
    in_use = np.unique(facts.relation)
    item = np.where(triples.item_entity >= 0, code[triples.item_entity], -1)
    return Triples(
        head=code[facts.head],
        relation=np.searchsorted(in_use, facts.relation),
        tail=code[facts.tail],
        entities=triples.entities[keep],
        relations=triples.relations[in_use],
        item_entity=item,
    )


def split_triples(triples: Triples, test: float = 0.1, seed: int = 0) -> tuple[Triples, Triples]:
    """Hold out a random share of the triples; one of each entity and relation always stays.

    Args:
        triples: The graph.
        test: Share to hold out, strictly between 0 and 1; less where too many triples are the
            only ones of an entity.
        seed: Of the choice.

    Returns:
        Training and held-out triples, with the same vocabularies.

    Raises:
        ValueError: If the share is not inside (0, 1).
    """
    if not 0 < test < 1:
        raise ValueError(f"test is {test}; hold out a share strictly between 0 and 1.")
    order = np.random.default_rng(seed).permutation(len(triples))
    protected = np.zeros(len(triples), dtype=bool)
    ends = np.concatenate([triples.head[order], triples.tail[order]])
    protected[np.unique(ends, return_index=True)[1] % len(triples)] = True
    protected[np.unique(triples.relation[order], return_index=True)[1]] = True
    free = order[~protected]
    held = np.zeros(len(triples), dtype=bool)
    held[free[: round(test * len(triples))]] = True
    return triples.select(~held), triples.select(held)
