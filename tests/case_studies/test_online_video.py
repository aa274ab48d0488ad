"""The film service: a sum that equals the hybrid, adapts exactly, and explains itself."""

import threading

import numpy as np
import pandas as pd
import pytest

from recsys_book.case_studies.online_video import (
    FilmRanker,
    OnlineVideo,
    Session,
    Weights,
    explain,
    explain_list,
    fit_film_model,
    rank_films,
    score_parts,
    star_reasons,
    video_policy,
)
from recsys_book.case_studies.online_video import backend as backend_module
from recsys_book.case_studies.online_video.backend import path_of
from recsys_book.case_studies.online_video.catalogue import Catalogue, display_title, plain
from recsys_book.data import Interactions, MovieLens, SimulatedPeople, closed_loop
from recsys_book.production.serving import Backend, ModelAway, Unknown
from recsys_book.recommenders.closed_form import EASE
from recsys_book.recommenders.language import TextHybrid
from recsys_book.recommenders.sequential import SequentialEASE

PEOPLE, FILMS = 60, 40


@pytest.fixture(scope="module")
def world():
    """A small MovieLens with pages: several events at one time."""
    rng = np.random.default_rng(0)
    rows = []
    for user in range(1, PEOPLE + 1):
        taste = rng.random(FILMS) + (np.arange(FILMS) % 2 == user % 2)
        films = np.argsort(-taste)[: rng.integers(5, 15)]
        for n, film in enumerate(rng.permutation(films)):
            rows.append((user, film + 1, rng.integers(1, 6), 1000 * user + n // 3))
    log = Interactions.from_frame(
        pd.DataFrame(rows, columns=["user", "item", "value", "timestamp"]),
        items=np.arange(1, FILMS + 1),
    )
    items = pd.DataFrame(
        {
            "item": log.items,
            "title": [f"Film {n}, The" for n in log.items],
            "year": pd.array([None, *[1990] * (FILMS - 1)], dtype="Int64"),
            "genres": ["Drama|Comedy"] * FILMS,
        }
    )
    return MovieLens("100k", log, items, None, None, None), rng.normal(size=(FILMS, 8))


@pytest.fixture(scope="module")
def model(world):
    return fit_film_model(world[0].interactions, world[1])


@pytest.fixture
def service(world, model):
    backend = OnlineVideo(*world)
    backend.install(model, world[1])
    return backend


def history(log, user):
    rows = np.flatnonzero(log.user == user)
    rows = rows[np.argsort(log.timestamp[rows], kind="stable")]
    return log.item[rows], log.value[rows], log.timestamp[rows]


@pytest.mark.parametrize("inner", [SequentialEASE, lambda: EASE(50.0), lambda: EASE(50.0, 3)])
def test_the_folded_model_is_the_text_hybrid(world, inner):
    movielens, vectors = world
    hybrid = TextHybrid(inner(), vectors, text_weight=0.2)
    weights = Weights(text=0.2, stars=0.0, newcomer=0.0)
    model = fit_film_model(movielens.interactions, vectors, weights, hybrid)
    for user in range(0, PEOPLE, 7):
        items, stars, times = history(movielens.interactions, user)
        # EASE with a half-life counts every event by itself, even inside a page.
        pages = times if isinstance(hybrid.model_, SequentialEASE) else None
        ours = score_parts(Session.of(model, items, stars, pages)).total
        np.testing.assert_allclose(ours, hybrid.score([user])[0], atol=1e-9)


@pytest.mark.equation("eq-session-update")
def test_events_one_by_one_are_the_whole_history(model):
    rng = np.random.default_rng(1)
    items = rng.permutation(FILMS)[:12]
    stars = np.where(rng.random(12) < 0.3, np.nan, rng.integers(1, 6, 12).astype(float))
    grown = Session(model)
    for n, (item, given) in enumerate(zip(items, stars), 1):
        grown.add(int(item), None if np.isnan(given) else given)
        whole = Session.of(model, items[:n], stars[:n])
        for name in ("follows", "alike", "source"):
            np.testing.assert_allclose(getattr(grown, name), getattr(whole, name), atol=1e-12)
        assert grown.length == pytest.approx(whole.length)
        np.testing.assert_allclose(grown.belief.mean, whole.belief.mean, atol=1e-10)
        np.testing.assert_allclose(grown.belief.cov, whole.belief.cov, atol=1e-10)
    assert len(grown) == 12


@pytest.mark.equation("eq-session-update")
def test_an_event_is_what_the_sequential_model_would_say_of_the_longer_log(world, model):
    """The update equals scoring the history with the event appended, by the model of the book."""
    movielens, vectors = world
    log = movielens.interactions
    items, stars, times = history(log, 3)
    new = int(np.setdiff1d(np.arange(FILMS), items)[0])
    session = Session.of(model.weighing(newcomer=0.0, stars=0.0, text=0.0), items, stars, times)
    session.add(new)
    longer = Interactions(
        np.zeros(len(items) + 1, int),
        np.append(items, new),
        np.append(stars, 3.0),
        np.append(times, times[-1] + 1),
        np.array([3]),
        log.items,
    )
    sequence = SequentialEASE().fit(log)
    hybrid = TextHybrid(SequentialEASE(), vectors).fit(log)
    scores = sequence.score_histories(longer)
    trust = hybrid.item_counts_ / (hybrid.item_counts_ + hybrid.strength)
    mixed = trust * scores + (1 - trust) * hybrid.from_text(scores)
    np.testing.assert_allclose(session.follows, mixed[0], atol=1e-10)


def test_a_film_enters_once_and_a_later_rating_replaces(model):
    session, once = Session(model), Session.of(model, [4, 7], [2.0, np.nan])
    for item, stars in ((4, 5.0), (7, None), (7, None), (4, 2.0)):
        session.add(item, stars)
    assert session.items == [4, 7]
    np.testing.assert_allclose(session.belief.mean, once.belief.mean)
    np.testing.assert_allclose(score_parts(session).total, score_parts(once).total)


@pytest.mark.parametrize(("item", "stars"), [(-1, None), (FILMS, 3.0), (0, 0.5), (0, 6.0)])
def test_impossible_events_leave_the_session_as_it_was(model, item, stars):
    session = Session.of(model, [1, 2], [3.0, 4.0])
    before = score_parts(session).total
    with pytest.raises(ValueError, match="outside the catalogue|1 to 5"):
        session.add(item, stars)
    np.testing.assert_array_equal(score_parts(session).total, before)


@pytest.mark.equation("eq-additive-score")
def test_the_score_is_the_sum_that_the_chapter_writes_down(model):
    session = Session.of(model, [1, 5, 9], [5.0, np.nan, 2.0])
    z = lambda v: (v - v.mean()) / v.std()  # noqa: E731
    n, w = 3, model.weights
    t = n / (n + w.newcomer)
    expected = model.rated + model.vectors @ session.belief.mean
    want = t * (z(session.follows) + w.text * z(session.alike))
    want = want + (1 - t) * model.popularity + 3 / 4 * w.stars * z(expected)
    np.testing.assert_allclose(score_parts(session).total, want, atol=1e-12)


@pytest.mark.equation("eq-additive-score")
def test_a_newcomer_gets_popularity_and_a_long_history_hardly_any(model):
    weights = model.weights
    assert weights.trust(0) == 0 and Weights(newcomer=0.0).trust(0) == 0
    assert weights.trust(10) == 0.5 and weights.trust(1000) > 0.99
    parts = score_parts(Session(model))
    np.testing.assert_allclose(parts.total, model.popularity)


@pytest.mark.equation("eq-additive-score")
def test_reasons_add_up(world, model):
    for user in range(0, PEOPLE, 11):
        session = Session.of(model, *history(world[0].interactions, user))
        session.add(int(np.setdiff1d(np.arange(FILMS), session.items)[0]))
        for film in range(FILMS):
            why = explain(session, film)
            assert abs(why.gap()) < 1e-10
            assert why.score == pytest.approx(score_parts(session).total[film])
    assert abs(explain(Session(model), 3).gap()) < 1e-12


@pytest.mark.equation("eq-star-reasons")
def test_what_a_rating_adds_is_what_its_absence_takes_under_the_same_uncertainty(model):
    session = Session.of(model, [1, 5, 9], [5.0, np.nan, 2.0])
    moved = star_reasons(session, np.arange(FILMS))
    total = model.vectors @ (session.belief.mean - model.prior.mean)
    np.testing.assert_allclose(moved.sum(axis=0), total, atol=1e-10)
    assert not moved[1].any(), "a film without a rating moves no stars"
    # One more star of film 1 moves every film by what the posterior says.
    more = Session.of(model, [1, 5, 9], [4.0, np.nan, 2.0])
    change = model.vectors @ (session.belief.mean - more.belief.mean)
    slope = (moved - star_reasons(more, np.arange(FILMS)))[0]
    np.testing.assert_allclose(slope, change, atol=1e-10)
    assert not star_reasons(Session(model), np.arange(3)).size


def test_a_list_leaves_out_what_was_seen_and_ends_with_the_catalogue(model):
    scores = np.arange(FILMS, dtype=float)
    assert rank_films(scores, [FILMS - 1], 3).tolist() == [FILMS - 2, FILMS - 3, FILMS - 4]
    assert len(rank_films(scores, list(range(FILMS - 2)), 5)) == 2
    assert len(rank_films(scores, list(range(FILMS)), 5)) == 0


def test_variety_makes_the_list_less_alike(model):
    session = Session.of(model, [1, 5, 9])
    scores = score_parts(session).total

    def alike(variety):
        films = rank_films(scores, session.items, 8, variety, model.likeness)
        assert len(set(films)) == 8 and not set(films) & set(session.items)
        return np.triu(model.likeness[np.ix_(films, films)], 1).sum()

    assert alike(0.8) < alike(0.0)


def test_the_ranker_scores_as_the_service_does(world, service):
    movielens, vectors = world
    ranker = FilmRanker(vectors).fit(movielens.interactions)
    for user in (0, 13):
        session = service._session(service._visitor(str(user + 1)))
        np.testing.assert_allclose(ranker.score([user])[0], score_parts(session).total)
        late = ranker.score_stale([user], 2)[0]
        n = len(session.items)
        np.testing.assert_allclose(
            late, score_parts(ranker.session(user, last=n - 2)).total, atol=1e-12
        )
        np.testing.assert_allclose(
            ranker.score_stale([user], 10_000)[0], ranker.score([-1])[0], atol=1e-12
        )


def test_the_service_is_a_backend_and_says_who_it_does_not_know(service):
    assert isinstance(service, Backend)
    for call in (
        lambda: service.recommend("nobody", 3),
        lambda: service.state_of("0"),
        lambda: service.record("nobody", "1", None),
        lambda: service.describe("nobody"),
        lambda: service.forget("nobody"),
    ):
        with pytest.raises(Unknown, match="no such person"):
            call()
    with pytest.raises(Unknown, match="no such item"):
        service.record("1", "9999", None)
    with pytest.raises(Unknown, match="no such item"):
        service.similar("9999", 3)


def test_an_event_changes_the_list_and_forgetting_takes_it_back(service):
    guest = service.new_person()
    first = service.recommend(guest, 5)
    assert first["path"] == "popular" and first["events"] == 0
    service.record(guest, "8", 5.0)
    second = service.recommend(guest, 5)
    assert second["path"] == "first ratings" and second["state"] != first["state"]
    assert "8" not in [film["item"] for film in second["items"]]
    assert second["items"][0]["because"] is not None
    assert service.describe(guest)["items"][0]["stars"] == 5.0
    service.record(guest, "8", None)
    assert service.describe(guest)["items"][0]["stars"] == 5.0, "watching again keeps the stars"
    service.forget(guest)
    assert service.recommend(guest, 5) == first
    assert path_of(11) == "history"


def test_reasons_name_films_of_the_history_with_their_stars(service):
    film = service.recommend("5", 1)["items"][0]
    names = {f["title"]: f["stars"] for f in service.describe("5")["items"]}
    assert 0 < len(film["because"]) <= backend_module.SHOWN
    for why in film["because"]:
        assert names[why["title"]] == why["stars"] and why["adds"] > 0
    adds = [why["adds"] for why in film["because"]]
    assert adds == sorted(adds, reverse=True)


def test_the_state_names_the_events_and_nothing_else(service, world, model):
    other = OnlineVideo(*world)
    assert other.version == service.version
    for backend in (service, other):
        backend.record("3", "8", 5.0)
        backend.record("3", "9", None)
    assert service.state_of("3") == other.state_of("3")
    other.record("4", "9", None)
    other.record("4", "8", 5.0)
    assert other.state_of("4") != other.state_of("3"), "the order matters"
    other.record("5", "9", None)
    assert other.state_of("5") != other.state_of("3"), "so does every earlier event"
    assert OnlineVideo(*world, seed=1).version != service.version


def test_without_a_model_there_is_a_list_and_events_are_not_lost(world, model):
    backend = OnlineVideo(*world)
    guest = backend.new_person()
    assert not backend.ready() and len(backend.popular(4)["items"]) == 4
    backend.record(guest, "8", 4.0)
    for call in (lambda: backend.recommend(guest, 3), lambda: backend.similar("8", 3)):
        with pytest.raises(ModelAway):
            call()
    backend.install(model, world[1])
    assert backend.ready() and backend.recommend(guest, 3)["events"] == 1
    backend.unload()
    backend.record(guest, "9", None)
    backend.install(model, world[1])
    assert backend.recommend(guest, 3)["events"] == 2


def test_a_new_model_takes_over_the_histories(world, model, service):
    guest = service.new_person()
    service.record(guest, "8", 4.0)
    service.recommend(guest, 3)
    service.install(model.weighing(text=0.0), world[1])
    service.record(guest, "9", 4.0)
    answer = service.recommend(guest, 3)
    assert answer["events"] == 2
    assert service._people[guest].session.model.weights.text == 0.0


def test_load_fits_and_takes_vectors_from_a_function(world):
    movielens, vectors = world
    backend = OnlineVideo(movielens, lambda: vectors)
    backend.load()
    assert backend.ready() and len(backend.similar("8", 3)) == 3


def test_load_leaves_an_installed_model_alone(service, model):
    service.load()
    assert service.model is model


def test_guests_and_sums_are_bounded(world, model, monkeypatch):
    monkeypatch.setattr(backend_module, "LIVE", 2)
    backend = OnlineVideo(*world, guests=3)
    backend.install(model, world[1])
    names = [backend.new_person() for _ in range(4)]
    with pytest.raises(Unknown):
        backend.state_of(names[0])
    for name in names[1:]:
        backend.recommend(name, 3)
    assert len(backend._live) == 2
    assert backend._people[names[1]].session is None
    assert backend.recommend(names[1], 3)["events"] == 0


def test_many_at_once_lose_no_event(service):
    guest = service.new_person()

    def work(first):
        for n in range(first, first + 10):
            service.record(guest, str(n), None)
            service.recommend(guest, 3)

    threads = [threading.Thread(target=work, args=(first,)) for first in (1, 11, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.recommend(guest, 3)["events"] == 30
    session = service._people[guest].session
    whole = Session.of(session.model, session.items, session.stars)
    np.testing.assert_allclose(session.follows, whole.follows, atol=1e-12)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Butcher Boy, The", "The Butcher Boy"),
        ("Avventura, L'", "L'Avventura"),
        ("Postino, Il", "Il Postino"),
        ("Full Monty, The (1997)", "The Full Monty (1997)"),
        ("Alien", "Alien"),
        ("Theodore Rex", "Theodore Rex"),
    ],
)
def test_titles_read_well(raw, shown):
    assert display_title(raw) == shown


def test_the_search_forgives(ml100k):
    log = ml100k.interactions
    films = Catalogue(ml100k, np.bincount(log.item, minlength=log.n_items))
    first = lambda text: films.titles[films.search(text, 3)[0]]  # noqa: E731
    assert first("star wars") == first("  STAR   wars!") == "Star Wars"
    assert first("the full mon") == "The Full Monty"
    assert first("godfather part") == "The Godfather: Part II"
    assert plain("Léon: Ünïted") == "leon united"
    for hostile in ("<script>alert(1)</script>", "'; DROP TABLE", "\x00", "🎬"):
        assert films.search(hostile, 3) == []
    assert films.titles[films.search("", 1)[0]] == "Star Wars"
    assert len(films.search("a", 5)) == 5 and len(films) == log.n_items


def test_the_policy_adapts_as_told():
    people = SimulatedPeople(n_users=120, n_items=80, bait=0.3, seed=0)

    def glad(**switches):
        feedback = closed_loop(people, video_policy(**switches), 12, seed=0).to_frame()
        late = feedback[feedback["round"] >= 6]
        return late["satisfied"].sum(), feedback["item"].nunique()

    static, live, refit = glad(live=False), glad(), glad(refit=2)
    exploring = glad(refit=2, explore=2)
    assert static[0] < live[0] < refit[0]
    assert exploring[0] > static[0]


def test_the_policy_shows_what_was_not_enjoyed_and_explores_beside_it():
    people = SimulatedPeople(n_users=30, n_items=40, seed=1)
    feedback = closed_loop(people, video_policy(explore=2), 6, seed=0).to_frame()
    assert not feedback.duplicated(["round", "user", "item"]).any()
    enjoyed = feedback[feedback["satisfied"] == 1]
    again = feedback.merge(enjoyed, on=["user", "item"], suffixes=("", "_first"))
    again = again[(again["round"] > again["round_first"]) & (again["round"] >= 3)]
    assert again.empty


@pytest.mark.parametrize("wrong", [{"start": 0}, {"explore": 6}, {"explore": -1}, {"refit": 0}])
def test_impossible_policies(wrong):
    with pytest.raises(ValueError, match="The policy got"):
        video_policy(**wrong)


def test_explain_list_is_explain_of_each(model):
    session = Session.of(model, [1, 5, 9], [5.0, np.nan, 2.0])
    both = explain_list(session, np.array([0, 3])), [explain(session, 0), explain(session, 3)]
    for a, b in zip(*both):
        assert a.film == b.film and a.score == pytest.approx(b.score)
        np.testing.assert_allclose(a.watched, b.watched)
