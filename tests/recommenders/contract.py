"""What every recommender owes its users. Import ``check_contract`` and add a line to test_contract.

The planted checkerboard: even users have seen even items and odd users odd items, each but one. A
model that learns from behaviour puts the missing one first. (After the test of the same name in the
library ``implicit``.)
"""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest

from recsys_book.data.interactions import Interactions
from recsys_book.recommenders import NotFittedError, Recommender

N = 20  # users and items of the checkerboard


def checkerboard(n: int = N) -> tuple[Interactions, np.ndarray]:
    """A log of n users and n items, and the item that each user has yet to see."""
    user, item = np.divmod(np.arange(n * n), n)
    held_out = user == item
    keep = (user % 2 == item % 2) & ~held_out
    user, item = user[keep], item[keep]
    log = Interactions(
        user=user,
        item=item,
        value=np.ones(len(user)),
        timestamp=np.arange(len(user)),
        users=100 + np.arange(n),
        items=500 + np.arange(n),
    )
    return log, np.arange(n)


def parity_features(n: int = N) -> np.ndarray:
    """Item features that tell even items from odd ones."""
    return np.eye(2)[np.arange(n) % 2]


def check_contract(make, personalised: bool) -> None:
    """Run every clause on a recommender. ``make()`` returns a new, unfitted one."""
    for clause in CLAUSES:
        clause(make)
    if personalised:
        recovers_the_checkerboard(make)


def stores_only_what_it_is_given(make):
    model = make()
    names = list(inspect.signature(type(model)).parameters)
    assert sorted(vars(model)) == sorted(names), "__init__ must store its arguments, nothing else"


def learns_in_attributes_with_an_underscore(make):
    model = make()
    before = set(vars(model))
    assert model.fit(checkerboard()[0]) is model, "fit must return the recommender"
    learned = set(vars(model)) - before
    assert learned and all(name.endswith("_") for name in learned), learned


def satisfies_the_protocol(make):
    assert isinstance(make(), Recommender)
    assert type(make()).__name__ in repr(make())


def scores_have_the_documented_shape(make):
    log, _ = checkerboard()
    scores = make().fit(log).score([3, 0, 3])
    assert scores.shape == (3, N) and scores.dtype == np.float64 and np.isfinite(scores).all()
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-12)


def recommends_the_best_first_and_nothing_seen(make):
    log, _ = checkerboard()
    model = make().fit(log)
    users = np.arange(N)
    items, values = model.recommend(users, k=5)
    assert items.shape == values.shape == (N, 5)
    assert (np.diff(values, axis=1) <= 0).all()
    seen = log.to_csr(1.0).toarray() > 0
    assert not seen[users[:, None], items].any()
    np.testing.assert_array_equal(np.take_along_axis(model.score(users), items, axis=1), values)
    everything, _ = model.recommend([0], k=N, exclude_seen=False)
    assert sorted(everything[0]) == list(range(N))


def pads_when_too_little_is_unseen(make):
    log, _ = checkerboard()
    items, values = make().fit(log).recommend([0], k=N)
    n_unseen = N - (log.user == 0).sum()
    assert (items[0, :n_unseen] >= 0).all() and (items[0, n_unseen:] == -1).all()
    assert np.isneginf(values[0, n_unseen:]).all()


def serves_an_unknown_user(make):
    log, _ = checkerboard()
    silent = log.select(log.user != 4)
    model = make().fit(silent)
    scores = model.score([-1, 4])
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores[0], scores[1])
    items, _ = model.recommend([-1], k=3)
    assert len(set(items[0])) == 3


def answers_the_same_twice_and_after_pickling(make):
    log, _ = checkerboard()
    model = make().fit(log)
    again = make().fit(log)
    loaded = pickle.loads(pickle.dumps(model))
    for other in (again, loaded):
        for a, b in zip(model.recommend(np.arange(N), 4), other.recommend(np.arange(N), 4)):
            np.testing.assert_array_equal(a, b)


def leaves_the_log_alone(make):
    log, _ = checkerboard()
    before = [np.array(c) for c in (log.user, log.item, log.value, log.timestamp)]
    model = make().fit(log)
    model.recommend([0, 1])
    for old, new in zip(before, (log.user, log.item, log.value, log.timestamp)):
        np.testing.assert_array_equal(old, new)


def refuses_what_it_cannot_answer(make):
    log, _ = checkerboard()
    with pytest.raises(NotFittedError, match="fit"):
        make().score([0])
    with pytest.raises(NotFittedError, match="fit"):
        make().recommend([0])
    with pytest.raises(ValueError, match="empty log"):
        make().fit(log.select(np.zeros(len(log), bool)))
    model = make().fit(log)
    for users in ([N], [-2], [0.5], [[0]], ["a"]):
        with pytest.raises(ValueError, match="position"):
            model.score(users)
    for k in (0, -1, N + 1):
        with pytest.raises(ValueError, match=f"k is {k}"):
            model.recommend([0], k=k)


def recovers_the_checkerboard(make):
    log, missing = checkerboard()
    items, _ = make().fit(log).recommend(np.arange(N), k=1)
    np.testing.assert_array_equal(items[:, 0], missing)


CLAUSES = (
    stores_only_what_it_is_given,
    learns_in_attributes_with_an_underscore,
    satisfies_the_protocol,
    scores_have_the_documented_shape,
    recommends_the_best_first_and_nothing_seen,
    pads_when_too_little_is_unseen,
    serves_an_unknown_user,
    answers_the_same_twice_and_after_pickling,
    leaves_the_log_alone,
    refuses_what_it_cannot_answer,
)
