"""The shared contract, one line a recommender. Add yours."""

import numpy as np
import pytest
from contract import check_contract, checkerboard, parity_features, recovers_the_checkerboard

from recsys_book.recommenders import (
    EASE,
    CategoryRule,
    DecayedPopularity,
    GenreProfile,
    ItemBias,
    Popularity,
    Random,
    RecentPopularity,
    UserItemBias,
)

PERSONALISED = {
    "ease": lambda: EASE(l2=1.0),
    "ease, recent history": lambda: EASE(l2=1.0, half_life=5.0),
    "genre profile": lambda: GenreProfile(parity_features()),
    "category rule": lambda: CategoryRule(parity_features()),
}
SAME_FOR_ALL = {
    "popularity": Popularity,
    "recent popularity": lambda: RecentPopularity(window=0.3),
    "decayed popularity": lambda: DecayedPopularity(half_life_days=0.001),
    "random": lambda: Random(seed=3),
    "item bias": lambda: ItemBias(damping=2.0),
    "biases": lambda: UserItemBias(),
    "biases, damped": lambda: UserItemBias(method="damped"),
}


@pytest.mark.parametrize("name", PERSONALISED)
def test_personalised_recommender_keeps_the_contract(name):
    # The planted features say no more than even and odd, so for two of the models all items of a
    # kind are level; they recover the checkerboard because only one of them is unseen.
    check_contract(PERSONALISED[name], personalised=True)


@pytest.mark.parametrize("name", SAME_FOR_ALL)
def test_unpersonalised_recommender_keeps_the_contract(name):
    check_contract(SAME_FOR_ALL[name], personalised=False)


def test_the_contract_notices_a_model_that_ignores_behaviour():
    with pytest.raises(AssertionError):
        recovers_the_checkerboard(Popularity)


def test_the_checkerboard_leaves_one_item_of_each_kind_to_find():
    log, missing = checkerboard()
    counts = np.bincount(log.user)
    assert (counts == counts[0]).all() and not log.to_csr(1.0)[np.arange(20), missing].any()
