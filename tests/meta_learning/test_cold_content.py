"""Tables, practice newcomers, choice profiles and variance shares of the gradient learners."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from cold_gradient_cases import N_ITEMS, planted_log

from recsys_book.meta_learning.cold_start import (
    ChoiceProfile,
    WarmTasks,
    film_flags,
    gradient_models,
    people_flags,
    principal,
    variance_shares,
    warm_biases,
)
from recsys_book.meta_learning.cold_start.content import (
    centred,
    item_inputs,
)
from recsys_book.meta_learning.cold_start.gradient import (
    GradientNewcomer,
    outer_loop,
    shrunken_mse,
)
from recsys_book.meta_learning.divergence import NonFiniteTaskError
from recsys_book.recommenders.base import NotFittedError

LOG, X, U, FULL = planted_log()


class Level(GradientNewcomer):
    """Answers with the mean of the support, and NaN to one user if told to."""

    broken = None

    def _answer(self, tasks):
        n = np.maximum(tasks.support.sum(1), 1)
        mean = (tasks.ratings * tasks.support).sum(1) / n
        mean[tasks.users == self.broken] = np.nan
        return np.repeat(mean[:, None], tasks.items.shape[1], axis=1)


def test_centred_adds_the_average_row():
    table = centred(X + 5, N_ITEMS, "item")
    np.testing.assert_allclose(table[:-1], X - X.mean(axis=0))
    assert (table[-1] == 0).all() and table.shape == (N_ITEMS + 1, 4)
    assert centred(None, 3, "user").shape == (4, 0)


def test_principal_components_have_variance_one_and_a_fixed_sign():
    P = principal(X, 3)
    np.testing.assert_allclose(P.T @ P / N_ITEMS, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.abs(principal(-X, 3)), np.abs(P), atol=1e-9)
    assert (P[np.abs(P).argmax(axis=0), range(3)] > 0).all()


def test_flags_of_movielens(ml100k):
    films, people = film_flags(ml100k), people_flags(ml100k)
    assert set(np.unique(films)) == {0.0, 1.0} and films[:, -14:].sum() == len(films)
    assert films.shape == (1682, 33) and people.shape == (943, 29)
    assert (people.sum(axis=1) == 3).all()


def test_practice_tasks_show_and_ask_different_real_rows():
    sampler = WarmTasks(LOG, seed=3, batch=10, sizes=(2, 6), queries=5)
    seen = []
    for step in range(sampler.per_pass):
        tasks = sampler(step)
        seen += tasks.users.tolist()
        used = (tasks.support + (tasks.query > 0)) == 1
        assert ((tasks.support == 1) & (tasks.query > 0)).sum() == 0
        who = np.repeat(tasks.users[:, None], tasks.items.shape[1], axis=1)[used]
        rated = {(u, i): r for u, i, r in zip(LOG.user, LOG.item, LOG.value)}
        for u, i, r in zip(who, tasks.items[used], tasks.ratings[used]):
            assert rated[u, i] == r
        size = tasks.support.sum(axis=1)
        assert len(set(size)) == 1 and 2 <= size[0] <= 6
        np.testing.assert_allclose(tasks.query.sum(axis=1), 16 - size)
    assert sorted(seen) == list(range(48))


def test_practice_tasks_of_wildly_different_size():
    keep = (LOG.user > 5) | (np.arange(len(LOG)) % 16 < np.minimum(LOG.user + 1, 16))
    log = LOG.select(keep)
    sampler = WarmTasks(log, 0, 48, sizes=(10, 10))
    tasks = sampler.draw(np.arange(len(sampler.users)), 10)
    assert 0 not in tasks.users  # one rating only
    assert (tasks.support.sum(axis=1) >= 1).all() and (tasks.query.sum(axis=1) >= 1).all()
    assert tasks.support.sum(axis=1)[0] == 1


@pytest.mark.parametrize(
    ("log", "sizes", "words"),
    [
        (LOG, (0, 3), "sizes is"),
        (LOG, (5, 3), "sizes is"),
        (LOG.select(LOG.user * 16 == np.arange(len(LOG))), (1, 3), "two ratings"),
    ],
)
def test_practice_tasks_refuse(log, sizes, words):
    with pytest.raises(ValueError, match=words):
        WarmTasks(log, 0, sizes=sizes)


def test_many_newcomers_of_different_sizes_get_what_each_gets_alone():
    model = Level().fit(LOG)
    items = [np.array([1, 2, -1]), np.array([], dtype=int), np.array([7])]
    ratings = [np.array([2.0, 4.0, 100.0]), np.array([]), np.array([5.0])]
    queries = [np.array([3]), np.array([3, -1, 9]), np.array([0, 0])]
    answers = model.predict_many([0, -1, 2], items, ratings, queries)
    assert [a.tolist() for a in answers] == [[3.0], [0.0] * 3, [5.0] * 2]
    assert model.predict(0, items[0], ratings[0], queries[0]).tolist() == [3.0]


def test_bad_requests_are_named():
    with pytest.raises(NotFittedError):
        Level().predict_many([0], [[1]], [[3.0]], [[2]])
    model = Level().fit(LOG)
    with pytest.raises(ValueError, match="support of user 4 has 2 items and 1 ratings"):
        model.predict_many([4], [[1, 2]], [[3.0]], [[2]])
    with pytest.raises(ValueError, match="outside the vocabulary"):
        model.predict_many([4], [[1, 99]], [[3.0, 2.0]], [[2]])
    with pytest.raises(NonFiniteTaskError, match=r"Task 0 \(user 4\).*not finite"):
        model.predict_many([4], [[1]], [[np.inf]], [[2]])
    model.broken = 5
    with pytest.raises(NonFiniteTaskError, match=r"Task 1 \(user 5\): the answers"):
        model.predict_many([4, 5], [[1]] * 2, [[3.0]] * 2, [[2]] * 2)


def test_choice_profiles_see_choices_and_not_ratings():
    half = LOG.select((LOG.item < 20) == (LOG.user % 2 == 0))  # even users rate the first half
    profile = ChoiceProfile(half, 2)
    few, many = (np.tile(np.r_[start : start + 8], (1, 1)) for start in (0, 20))
    ones = np.ones((1, 8))
    assert np.abs(profile(few, ones) - profile(many, ones)).max() > 0.5
    assert (profile(few, 0 * ones) == 0).all()
    one = np.eye(1, 8)
    assert np.abs(profile(few, one)).sum() < np.abs(profile(few, ones)).sum() * 2
    known = profile.known[np.unique(half.user)]
    np.testing.assert_allclose(known.std(axis=0), 0.5, atol=1e-9)


def test_variance_shares_find_what_was_planted():
    rng = np.random.default_rng(0)
    log, x, _, _ = planted_log(n_users=160)
    told = rng.normal(size=(N_ITEMS, 1))
    value = told[log.item, 0] + 0.5 * (log.user % 2) + 0.1 * rng.normal(size=len(log))
    planted = type(log)(log.user, log.item, value, log.timestamp, log.users, log.items)
    shares = variance_shares(planted, told)
    assert shares["label"] > 0.9 and shares["item"] > 0.8
    assert 0.02 < shares["user"] < 0.15 and shares["rest"] < 0.03
    assert variance_shares(planted, rng.normal(size=(N_ITEMS, 4)))["label"] < 0.2


def test_item_inputs_put_factors_first():
    table = item_inputs(LOG, warm_biases(LOG), X, 2, 2.0)
    assert table.shape == (N_ITEMS + 1, 6) and (table[-1] == 0).all()
    np.testing.assert_allclose((table[:-1, :2] ** 2).mean(), 1.0, rtol=1e-5)
    assert item_inputs(LOG, warm_biases(LOG), None, 0, 2.0).shape == (N_ITEMS + 1, 0)


def test_shrunken_error_grows_with_the_evidence():
    one, mask = torch.ones(2, 4), torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 1]])
    np.testing.assert_allclose(shrunken_mse(one, 0 * one, mask), [1 / 6, 4 / 9], rtol=1e-6)


def test_outer_loop_stops_at_a_loss_that_is_not_finite():
    weight = torch.nn.Parameter(torch.tensor(1.0))
    with pytest.raises(ValueError, match="outer step 0"):
        outer_loop(
            [weight],
            lambda tasks: weight * torch.full(tasks.items.shape, torch.nan),
            WarmTasks(LOG, 0),
            1,
            0.1,
        )


def test_chosen_models_can_be_made(ml100k, monkeypatch):
    from recsys_book.meta_learning.cold_start.chosen import TRIED

    rng = np.random.default_rng(0)
    text = rng.normal(size=(ml100k.interactions.n_items, 20))
    monkeypatch.setattr("recsys_book.encoders.title_vectors", lambda _: text, raising=False)
    makers = gradient_models(ml100k, fast=True)
    assert set(makers) == set(TRIED)
    models = {name: make() for name, make in makers.items()}
    assert models["MeLU"].passes == 6 and gradient_models(ml100k)["MeLU"]().passes == 14
    assert models["MeLU"].item_features.shape == (1682, 33 + 16)
    assert models["MeLU without text"].item_features.shape == (1682, 33)
    assert models["MetaFactors, ratings only"].item_features is None
