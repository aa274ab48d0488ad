"""Models of unary feedback: the lines of the leaderboard, with the settings chosen for them."""

from recsys_book.recommenders import BPR, SLIM, WARP, ImplicitALS, LogisticMF
from recsys_book.recommenders.leaderboard.entry import Entry, Side


def _lightgcn(**settings):
    def make(side: Side, seed: int):
        from recsys_book.recommenders import LightGCN

        return LightGCN(seed=seed, **settings)

    return make


ENTRIES = (
    Entry(
        "implicit ALS",
        "ch-factorisation",
        {
            "temporal": lambda side, seed: ImplicitALS(32, l2=10.0, alpha=0.0, seed=seed),
            "last": lambda side, seed: ImplicitALS(32, l2=0.1, alpha=0.0, seed=seed),
        },
        tried=8,
    ),
    Entry(
        "BPR",
        "ch-factorisation",
        {
            "temporal": lambda side, seed: BPR(32, rate=0.1, seed=seed),
            "last": lambda side, seed: BPR(32, rate=0.1, seed=seed, item_bias=False),
        },
        tried=3,
    ),
    Entry(
        "WARP",
        "ch-factorisation",
        {
            "temporal": lambda side, seed: WARP(64, rate=0.02, seed=seed),
            "last": lambda side, seed: WARP(64, 0.05, 0.1, epochs=50, seed=seed),
        },
        tried=6,
    ),
    Entry(
        "logistic MF",
        "ch-factorisation",
        {
            "temporal": lambda side, seed: LogisticMF(16, 0.5, 2.0, epochs=60, seed=seed),
            "last": lambda side, seed: LogisticMF(32, 1.0, 2.0, seed=seed, alpha=3.0),
        },
        tried=7,
    ),
    Entry(
        "SLIM",
        "ch-factorisation",
        {
            "temporal": lambda side, seed: SLIM(5.0, 50.0),
            "last": lambda side, seed: SLIM(5.0, 50.0),
        },
        tried=1,
    ),
    Entry(
        "LightGCN",
        "ch-neural",
        {
            "temporal": _lightgcn(rate=0.01, epochs=40),
            "last": _lightgcn(rate=0.015, epochs=50, batch_size=4096),
        },
        tried=4,
    ),
)
