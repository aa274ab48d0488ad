"""The neighbour models of the leaderboard, with the settings that won on the tuning splits."""

from recsys_book.recommenders.leaderboard.entry import Entry
from recsys_book.recommenders.neighbors import ItemKNN, RP3beta, UserKNN
from recsys_book.recommenders.rating_neighbors import RatingKNN

ENTRIES = (
    Entry(
        "user kNN",
        "ch-neighbours",
        {
            "temporal": lambda side, seed: UserKNN(25, shrinkage=10.0),
            "last": lambda side, seed: UserKNN(25, shrinkage=10.0),
        },
        tried=12,
    ),
    Entry(
        "item kNN",
        "ch-neighbours",
        {
            "temporal": lambda side, seed: ItemKNN(400, shrinkage=0.0),
            "last": lambda side, seed: ItemKNN(400, shrinkage=10.0),
        },
        tried=12,
    ),
    Entry(
        "item kNN, BM25",
        "ch-neighbours",
        {
            "temporal": lambda side, seed: ItemKNN(200, "bm25", 0.0, keep="source"),
            "last": lambda side, seed: ItemKNN(50, "bm25", 0.0, keep="source", k1=0.3),
        },
        tried=12,
    ),
    Entry(
        "item kNN, TF-IDF",
        "ch-neighbours",
        {
            "temporal": lambda side, seed: ItemKNN(200, "tfidf", 0.0, keep="source"),
            "last": lambda side, seed: ItemKNN(50, "tfidf", 0.0),
        },
        tried=8,
    ),
    Entry(
        "item kNN, recent history",
        "ch-neighbours",
        {
            "temporal": lambda side, seed: ItemKNN(400, shrinkage=0.0, half_life=20),
            "last": lambda side, seed: ItemKNN(100, shrinkage=10.0, half_life=5),
        },
        tried=12,
    ),
    Entry(
        "random walks (RP3beta)",
        "ch-neighbours",
        {
            "temporal": lambda side, seed: RP3beta(100, 1.0, 0.5),
            "last": lambda side, seed: RP3beta(100, 0.8, 0.7),
        },
        tried=12,
    ),
    Entry(
        "item kNN on residuals",
        "ch-neighbours",
        {"ratings": lambda side, seed: RatingKNN(40, shrinkage=200.0, l2_user=1.0, l2_item=3.0)},
        tried=24,
    ),
    Entry(
        "user kNN on residuals",
        "ch-neighbours",
        {"ratings": lambda side, seed: RatingKNN(40, "user", shrinkage=100.0, l2_item=3.0)},
        tried=24,
    ),
)
