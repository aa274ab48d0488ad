"""Neural recommenders on the leaderboard; settings chosen on ``tuning_splits``."""

from recsys_book.recommenders.leaderboard.entry import Entry
from recsys_book.recommenders.neural import AutoRec, MultDAE, MultVAE, NeuMF, TextCNN, TwoTower


def _texts(side):
    from recsys_book.encoders import title_texts

    return title_texts(side.movielens)


def _text_cnn(l2):
    return lambda side, seed: TextCNN(
        _texts(side), width=16, filters=16, windows=(1, 2), l2=l2, seed=seed
    )


def _towers(epochs):
    return lambda side, seed: TwoTower(
        negatives="all", l2=1.0, batch_size=128, epochs=epochs, seed=seed
    )


def _pairs(parts, l2, epochs):
    return lambda side, seed: NeuMF(parts=parts, negatives=2, l2=l2, epochs=epochs, seed=seed)


ENTRIES = (
    Entry("two towers", "ch-neural", {"temporal": _towers(40), "last": _towers(60)}, tried=9),
    Entry(
        "GMF",
        "ch-neural",
        {"temporal": _pairs("gmf", 1.0, 15), "last": _pairs("gmf", 0.3, 10)},
        tried=5,
    ),
    Entry(
        "MLP",
        "ch-neural",
        {"temporal": _pairs("mlp", 0.3, 10), "last": _pairs("mlp", 0.3, 10)},
        tried=4,
    ),
    Entry(
        "NeuMF",
        "ch-neural",
        {"temporal": _pairs("both", 1.0, 10), "last": _pairs("both", 0.3, 10)},
        tried=3,
    ),
    Entry(
        "Mult-VAE",
        "ch-neural",
        {
            "temporal": lambda side, seed: MultVAE(hidden=100, epochs=60, seed=seed),
            "last": lambda side, seed: MultVAE(half_life=10, seed=seed),
        },
        tried=12,
    ),
    Entry(
        "Mult-DAE",
        "ch-neural",
        {
            "temporal": lambda side, seed: MultDAE(l2=1.0, seed=seed),
            "last": lambda side, seed: MultDAE(l2=1.0, half_life=10, seed=seed),
        },
        tried=1,
    ),
    Entry(
        "text convolution",
        "ch-neural",
        {"temporal": _text_cnn(1.0), "last": _text_cnn(0.3)},
        tried=3,
    ),
    Entry(
        "AutoRec",
        "ch-neural",
        {"ratings": lambda side, seed: AutoRec(rate=0.005, l2=10.0, epochs=30, seed=seed)},
        tried=7,
    ),
)
