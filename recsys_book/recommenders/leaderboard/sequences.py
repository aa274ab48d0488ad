"""The lines of the chapter on sequences."""

from recsys_book.recommenders.leaderboard.entry import Entry
from recsys_book.recommenders.sequential import (
    FPMC,
    BERT4Rec,
    Caser,
    GRU4Rec,
    MarkovChain,
    SASRec,
    SequentialEASE,
)

CHAPTER = "ch-sequences"


def both(make):
    """The same settings for both ranking protocols."""
    return {"temporal": make, "last": make}


def sasrec(side, seed, **settings):
    """SASRec as chosen; 14 epochs are about 55 seconds of one core."""
    return SASRec(dropout=0.3, rate=3e-3, epochs=14, seed=seed, **settings)


ENTRIES = (
    Entry("Markov chain", CHAPTER, both(lambda side, seed: MarkovChain(10.0, last=3))),
    Entry("FPMC", CHAPTER, both(lambda side, seed: FPMC(seed=seed))),
    Entry(
        "sequential EASE",
        CHAPTER,
        {
            "temporal": lambda side, seed: SequentialEASE(300.0, half_life=200.0, whole=0.7),
            "last": lambda side, seed: SequentialEASE(300.0, half_life=4.0, whole=0.3),
        },
        tried=24,
    ),
    Entry("GRU4Rec", CHAPTER, both(lambda side, seed: GRU4Rec(epochs=10, seed=seed))),
    Entry("Caser", CHAPTER, both(lambda side, seed: Caser(epochs=6, seed=seed))),
    Entry("BERT4Rec", CHAPTER, both(lambda side, seed: BERT4Rec(epochs=20, seed=seed))),
    Entry("SASRec", CHAPTER, both(sasrec), tried=4),
    Entry(
        "SASRec from titles",
        CHAPTER,
        both(lambda side, seed: sasrec(side, seed, vectors=side.title_vectors)),
    ),
)
