"""Models that read, with the settings chosen on the tuning splits."""

from recsys_book.recommenders.closed_form import EASE
from recsys_book.recommenders.language import (
    AlphaRec,
    InterestProfile,
    TextBehaviour,
    TextEASE,
    TextHybrid,
    TextNeighbours,
    TextPriorMF,
    TextRating,
    UniSRec,
)
from recsys_book.recommenders.leaderboard.entry import Entry
from recsys_book.recommenders.sequential.linear import SequentialEASE

CHAPTER = "ch-reading"

ENTRIES = (
    Entry(
        "text profile",
        CHAPTER,
        {
            "temporal": lambda side, seed: InterestProfile(side.title_vectors, 1),
            "last": lambda side, seed: InterestProfile(side.title_vectors, 1),
        },
        tried=3,
    ),
    Entry(
        "text neighbours",
        CHAPTER,
        {
            "temporal": lambda side, seed: TextNeighbours(side.title_vectors),
            "last": lambda side, seed: TextNeighbours(side.title_vectors, half_life=5),
        },
        tried=4,
    ),
    Entry(
        "factors with a text prior",
        CHAPTER,
        {
            "temporal": lambda side, seed: TextPriorMF(side.title_vectors, seed=seed),
            "last": lambda side, seed: TextPriorMF(side.title_vectors, seed=seed),
        },
        tried=5,
    ),
    Entry(
        "EASE with text rows",
        CHAPTER,
        {
            "temporal": lambda side, seed: TextEASE(side.title_vectors, 400.0, 0.1),
            "last": lambda side, seed: TextEASE(side.title_vectors, 400.0, 0.1, half_life=5),
        },
        tried=13,
    ),
    Entry(
        "AlphaRec",
        CHAPTER,
        {
            "temporal": lambda side, seed: AlphaRec(side.title_vectors, epochs=2, seed=seed),
            "last": lambda side, seed: AlphaRec(side.title_vectors, epochs=5, seed=seed),
        },
        tried=4,
    ),
    Entry(
        "UniSRec",
        CHAPTER,
        {
            "temporal": lambda side, seed: UniSRec(side.title_vectors, epochs=4, seed=seed),
            "last": lambda side, seed: UniSRec(side.title_vectors, epochs=4, seed=seed),
        },
    ),
    Entry(
        "text, LSTM and heads",
        CHAPTER,
        {
            "temporal": lambda side, seed: TextBehaviour(side.title_vectors, seed=seed),
            "last": lambda side, seed: TextBehaviour(side.title_vectors, seed=seed),
        },
    ),
    Entry(
        "text hybrid",
        CHAPTER,
        {
            "temporal": lambda side, seed: TextHybrid(
                EASE(400.0, half_life=5),
                side.title_vectors,
                text_weight=2.0,
                popularity_weight=8.0,
            ),
            "last": lambda side, seed: TextHybrid(
                SequentialEASE(), side.title_vectors, text_weight=0.2
            ),
        },
        tried=19,  # 12 on time, 7 on the last film; the blend without text had 4 of its own
    ),
    Entry(
        "biases and text",
        CHAPTER,
        {"ratings": lambda side, seed: TextRating(side.title_vectors, seed=seed)},
        tried=6,
    ),
)
