"""The recommender that the server serves: MovieLens, people from its log, and guests."""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_book.case_studies.online_video.catalogue import Catalogue
from recsys_book.case_studies.online_video.lists import rank_films
from recsys_book.case_studies.online_video.model import FilmModel, fit_film_model
from recsys_book.case_studies.online_video.scoring import Reasons, explain_list, score_parts
from recsys_book.case_studies.online_video.session import Session
from recsys_book.production.serving.index import ItemIndex
from recsys_book.production.serving.protocol import ModelAway, Unknown

if TYPE_CHECKING:
    from recsys_book.data import MovieLens

#: Folder of the web page.
PAGE = Path(__file__).parent / "static"

#: People whose sums are kept ready; those of the others are added up anew when they come back.
LIVE = 2_000

#: Reasons that are shown with each film.
SHOWN = 3


class Visitor:
    """One person: what the log says, what was added here, and a name for both together."""

    def __init__(self, row: int | None):
        self.row = row
        self.added: list[tuple[int, float | None]] = []
        self.state = "new"
        self.session: Session | None = None

    def add(self, item: int, stars: float | None) -> None:
        """Add an event. The state is a chain of hashes: the same events, the same name."""
        self.added.append((item, stars))
        text = f"{self.state}:{item}:{stars}".encode()
        self.state = hashlib.blake2b(text, digest_size=8).hexdigest()


class OnlineVideo:
    """The backend of the case study.

    Until ``load`` has finished there is a catalogue, a search and a popular list, and no model.

    Args:
        movielens: The release.
        vectors: One text vector a film, or a function without arguments that returns them.
        guests: Most guests that are remembered; the one who came longest ago is forgotten first.
        seed: Seed of the model.
    """

    def __init__(self, movielens: MovieLens, vectors: Any, guests: int = 10_000, seed: int = 0):
        self.movielens = movielens
        self.seed = seed
        self.guests = guests
        self._vectors = vectors
        log = movielens.interactions
        counts = np.bincount(log.item, minlength=log.n_items)
        self.catalogue = Catalogue(movielens, counts)
        recent = log.item[log.order_by_time()[int(0.9 * len(log)) :]]
        self._popular = np.argsort(-np.bincount(recent, minlength=log.n_items), kind="stable")
        self._row = {str(user): row for row, user in enumerate(log.users)}
        self._order, self._start = _by_person(log)
        self._people: OrderedDict[str, Visitor] = OrderedDict()
        self._live: OrderedDict[int, Visitor] = OrderedDict()
        self._lock = threading.Lock()
        self.model: FilmModel | None = None
        self.index: ItemIndex | None = None
        self.version = _name_of(log, seed)

    def load(self) -> None:
        """Fit the model and build the index, unless a model is installed already."""
        if self.ready():
            return
        vectors = self._vectors() if callable(self._vectors) else self._vectors
        self.install(fit_film_model(self.movielens.interactions, vectors, seed=self.seed), vectors)

    def install(self, model: FilmModel, vectors: np.ndarray) -> None:
        """Serve a model from now on; histories stay, and their sums are added up anew.

        Args:
            model: A fitted model.
            vectors: One text vector a film, for the index of similar films.
        """
        index = ItemIndex(np.asarray(vectors) - np.mean(vectors, axis=0), "hnsw")
        with self._lock:
            self.model, self.index = model, index

    def unload(self) -> None:
        """Take the model away, as if its machine were gone."""
        with self._lock:
            self.model = self.index = None

    def ready(self) -> bool:
        """Say whether the model is loaded."""
        return self.model is not None

    def new_person(self) -> str:
        """Return the name of a new guest."""
        name = f"guest-{secrets.token_hex(8)}"
        with self._lock:
            self._people[name] = Visitor(None)
            guests = [p for p, visitor in self._people.items() if visitor.row is None]
            if len(guests) > self.guests:
                self._live.pop(id(self._people.pop(guests[0])), None)
        return name

    def _visitor(self, person: str) -> Visitor:
        """Return a person; called with the lock held."""
        visitor = self._people.get(person)
        if visitor is None:
            if person not in self._row:
                raise Unknown("There is no such person; POST /people makes a guest.")
            visitor = self._people[person] = Visitor(self._row[person])
        self._people.move_to_end(person)
        return visitor

    def _place(self, item: str) -> int:
        place = self.catalogue.position.get(item)
        if place is None:
            raise Unknown("There is no such item; GET /items?text=... finds items by name.")
        return place

    def _session(self, visitor: Visitor) -> Session:
        """Return the session of a person, built the first time; called with the lock held."""
        model = self.model
        if model is None:
            raise ModelAway("The model is away; only the popular list is served.")
        if visitor.session is None or visitor.session.model is not model:
            session = Session.of(model, *self.history(visitor.row))
            for item, stars in visitor.added:
                session.add(item, stars)
            visitor.session = session
            self._live[id(visitor)] = visitor
            if len(self._live) > LIVE:
                self._live.popitem(last=False)[1].session = None
        self._live.move_to_end(id(visitor))
        return visitor.session

    def history(self, row: int | None) -> tuple[list[int], list[float], list[int]]:
        """Return what the log says of a person.

        Args:
            row: Position of the person in the log; None for a guest.

        Returns:
            Films, ratings and pages, the oldest first; what has one timestamp has one page.
        """
        if row is None:
            return [], [], []
        log = self.movielens.interactions
        rows = self._order[self._start[row] : self._start[row + 1]]
        times = log.timestamp[rows]
        pages = np.cumsum(np.append(False, times[1:] != times[:-1])).tolist()
        return log.item[rows].tolist(), log.value[rows].tolist(), pages

    def state_of(self, person: str) -> str:
        """Return the name of a person's present history."""
        with self._lock:
            return self._visitor(person).state

    def record(self, person: str, item: str, stars: float | None) -> dict[str, Any]:
        """Let an event change every later answer for a person."""
        place = self._place(item)
        with self._lock:
            visitor = self._visitor(person)
            visitor.add(place, stars)
            self._catch_up(visitor, place, stars)
            return {"state": visitor.state, "events": len(visitor.added)}

    def _catch_up(self, visitor: Visitor, place: int, stars: float | None) -> None:
        if visitor.session is not None and visitor.session.model is self.model:
            visitor.session.add(place, stars)
        else:
            visitor.session = None  # none yet, or an older model's: built when it is asked for

    def forget(self, person: str) -> None:
        """Forget what a person has added; what the log says stays."""
        with self._lock:
            visitor = self._visitor(person)
            self._live.pop(id(visitor), None)
            self._people[person] = Visitor(visitor.row)

    def describe(self, person: str) -> dict[str, Any]:
        """Return what is kept of a person, the latest event first."""
        with self._lock:
            visitor = self._visitor(person)
            items, stars, _ = self.history(visitor.row)
            history = dict(zip(items, stars))
            for item, given in visitor.added:
                history[item] = given if given is not None else history.get(item)
            known, state, added = len(items), visitor.state, len(visitor.added)
        films = [{**self.catalogue.film(item), "stars": given} for item, given in history.items()]
        return {
            "person": person,
            "from_log": known,
            "added": added,
            "state": state,
            "items": films[::-1],
        }

    def recommend(self, person: str, k: int, variety: float = 0.0) -> dict[str, Any]:
        """Return the k films that a person may want next, each with its reasons."""
        with self._lock:
            visitor = self._visitor(person)
            session, state = self._session(visitor), visitor.state
            model = session.model
            parts = score_parts(session)
            scores = parts.total
            films = rank_films(scores, session.items, k, variety, model.likeness)
            expected = np.clip(parts.expected, 1, 5)
            reasons = explain_list(session, films, parts)
            items = [self._film(session, why, expected[why.film]) for why in reasons]
            events = len(session)
        return {"items": items, "state": state, "events": events, "path": path_of(events)}

    def _film(self, session: Session, reasons: Reasons, expected: float) -> dict[str, Any]:
        by_film = reasons.watched + reasons.rated
        best = [int(j) for j in np.argsort(-by_film, kind="stable")[:SHOWN] if by_film[j] > 0]
        because = [
            {
                "title": self.catalogue.titles[session.items[j]],
                "adds": round(float(by_film[j]), 4),
                "stars": None if math.isnan(session.stars[j]) else session.stars[j],
            }
            for j in best
        ]
        return {
            **self.catalogue.film(reasons.film),
            "score": round(reasons.score, 4),
            "expected_stars": round(float(expected), 2),
            "because": because,
            "popular": round(reasons.popular, 4),
        }

    def popular(self, k: int) -> dict[str, Any]:
        """Return what most people watched lately."""
        return {"items": [self.catalogue.film(int(f)) for f in self._popular[:k]]}

    def search(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Find films by name."""
        return [self.catalogue.film(place) for place in self.catalogue.search(text, limit)]

    def similar(self, item: str, k: int) -> list[dict[str, Any]]:
        """Return the films whose text is nearest."""
        place, index = self._place(item), self.index
        if index is None:
            raise ModelAway("The model is away; there are no similar items at the moment.")
        found, cosines = index.nearest(place, k)
        return [
            {**self.catalogue.film(int(f)), "cosine": round(float(c), 4)}
            for f, c in zip(found, cosines)
        ]


def path_of(events: int) -> str:
    """Name the way in which an answer is made, by the number of events.

    Args:
        events: Films in the history.

    Returns:
        ``"popular"`` before the first event, ``"first ratings"`` up to ten, then ``"history"``.
    """
    return "popular" if events == 0 else "first ratings" if events <= 10 else "history"


def _by_person(log) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows sorted by person and time, and where each person's rows begin."""
    order = log.order_by_time()
    order = order[np.argsort(log.user[order], kind="stable")]
    counts = np.bincount(log.user, minlength=log.n_users)
    return order, np.concatenate([[0], np.cumsum(counts)])


def _name_of(log, seed: int) -> str:
    """Name the model by its data, its seed and this code's generation."""
    digest = hashlib.blake2b(digest_size=6)
    for column in (log.user, log.item, log.value, log.timestamp):
        digest.update(np.ascontiguousarray(column).tobytes())
    return f"video1-{digest.hexdigest()}-{seed}"
