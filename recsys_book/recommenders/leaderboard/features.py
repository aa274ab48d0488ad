"""Entries of the leaderboard: models that mix features, facts and views."""

from __future__ import annotations

import scipy.sparse as sp

from recsys_book.recommenders.base import Recommender
from recsys_book.recommenders.features import (
    FactorizationMachine,
    FeatureFactorization,
    Field,
    movielens_fields,
)
from recsys_book.recommenders.fusion import EarlyFusion, LateFusion, View
from recsys_book.recommenders.knowledge_graph import (
    PathRecommender,
    SideInformationEASE,
    Triples,
    graph_features,
    movielens_triples,
    without_leaves,
)
from recsys_book.recommenders.leaderboard.entry import Entry, Side

CROSSES = (("user", "genre"), ("age", "genre"))


def genre_fields(side: Side) -> tuple[Field, ...]:
    """Users, items, and one feature a genre with weight one, as LightFM takes them."""
    identity = movielens_fields(side.movielens, ("user", "item"))
    return *identity, Field("genre", "item", sp.csr_matrix(side.genres))


def graph(side: Side) -> Triples:
    """Return the knowledge graph without entities that connect nothing."""
    return without_leaves(movielens_triples(side.movielens))


def facts(side: Side) -> sp.csr_matrix:
    """Return the facts of each film, weighted by rarity, sparse (n_items, n_facts)."""
    return graph_features(graph(side), weight_by_rarity=True)[0]


def views(side: Side) -> dict[str, View]:
    """Return three descriptions of each film: its facts, its title, its genres and year."""
    plain = movielens_fields(side.movielens, ("genre", "year"))
    table = sp.hstack([field.table for field in plain]).toarray()
    return {"graph": facts(side), "text": side.title_vectors, "genres and year": table}


def wide_and_deep(side: Side, seed: int, **settings: object) -> Recommender:
    """Return a Wide & Deep model on all fields."""
    from recsys_book.recommenders.features import WideAndDeep

    return WideAndDeep(movielens_fields(side.movielens), CROSSES, seed=seed, **settings)


def deepfm(side: Side, seed: int, **settings: object) -> Recommender:
    """Return a DeepFM on all fields."""
    from recsys_book.recommenders.features import DeepFM

    return DeepFM(movielens_fields(side.movielens), seed=seed, **settings)


def din(side: Side, seed: int, **settings: object) -> Recommender:
    """Return a deep interest network."""
    from recsys_book.recommenders.features import DIN

    return DIN(seed=seed, **settings)


def multi_task(side: Side, seed: int, **settings: object) -> Recommender:
    """Return an entire-space model of watching a film and of liking it."""
    from recsys_book.recommenders.features import MultiTask

    return MultiTask(seed=seed, **settings)


ENTRIES = (
    Entry(
        "factorisation machine",
        "ch-neural",
        {
            "ratings": lambda side, seed: FactorizationMachine(
                movielens_fields(side.movielens), epochs=10, seed=seed
            )
        },
        tried=5,
    ),
    Entry(
        "hybrid factorisation (WARP, genres)",
        "ch-neural",
        {
            "temporal": lambda side, seed: FeatureFactorization(
                genre_fields(side), rate=0.02, epochs=10, seed=seed
            ),
            "last": lambda side, seed: FeatureFactorization(
                genre_fields(side), epochs=30, seed=seed
            ),
        },
        tried=11,  # 8 for the cuts in time, 3 for the last event
    ),
    Entry(
        "Wide & Deep",
        "ch-neural",
        {
            "temporal": lambda side, seed: wide_and_deep(side, seed, epochs=3),
            "ratings": lambda side, seed: wide_and_deep(side, seed, loss="rating", l2=0.01),
        },
        tried=3,
    ),
    Entry(
        "DeepFM",
        "ch-neural",
        {
            "temporal": lambda side, seed: deepfm(side, seed, l2=0.005),
            "ratings": lambda side, seed: deepfm(side, seed, loss="rating", l2=0.01),
        },
        tried=4,
    ),
    Entry("DIN", "ch-reading", {"temporal": din, "last": din}),
    Entry("entire-space multi-task", "ch-reading", {"temporal": multi_task, "last": multi_task}),
    Entry(
        "EASE with the knowledge graph",
        "ch-reading",
        {"temporal": lambda side, seed: SideInformationEASE(facts(side), 1.0)},
        tried=3,
    ),
    Entry(
        "paths in the knowledge graph",
        "ch-reading",
        {"temporal": lambda side, seed: PathRecommender(graph(side))},
    ),
    Entry(
        "early fusion of three views",
        "ch-reading",
        {"temporal": lambda side, seed: EarlyFusion(views(side), l2=100.0)},
        tried=3,
    ),
    Entry(
        "late fusion of three views",
        "ch-reading",
        {"temporal": lambda side, seed: LateFusion(views(side), l2=100.0)},
        tried=3,
    ),
)
