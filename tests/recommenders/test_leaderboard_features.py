"""The entries of the feature models: each makes a model that can be fitted."""

import numpy as np
import pytest

from recsys_book.recommenders import BaseRecommender
from recsys_book.recommenders.leaderboard import Side
from recsys_book.recommenders.leaderboard.features import ENTRIES


@pytest.fixture(scope="module")
def side(ml100k):
    """The side information, with cheap vectors in the place of the text encoder's."""
    side = Side(ml100k)
    side.__dict__["title_vectors"] = np.random.default_rng(0).normal(size=(1682, 4))
    return side


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_makes_its_models(entry, side):
    assert entry.chapter in ("ch-neural", "ch-reading")
    for protocol, make in entry.make.items():
        model = make(side, 3)
        assert isinstance(model, BaseRecommender), protocol
        if hasattr(model, "seed"):
            assert model.seed == 3


def test_names_are_unique():
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
