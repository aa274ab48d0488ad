"""One person's history as it grows: each event moves the answer at once, and exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys_book.case_studies.online_video.model import FilmModel
from recsys_book.meta_learning.cold_start import Belief


class Session:
    r"""A history, and the sums that an answer needs.

    Nothing is learned here: the tables of the model stay as they are. An event multiplies what the
    past has added up by the decay and adds one row of a table, so it costs O(n_items), however
    long the history is, and the sums are those of the whole history up to rounding.

    Equation: eq-session-update.

    Args:
        model: The fitted model.

    Attributes:
        items: Films of the history, oldest first, each once.
        stars: The rating of each, NaN where it was watched only.
        source: Weight of each film of the history now, shape (len(items),).
        follows: Sum of the weighted rows of ``model.follow``, shape (n_items,).
        alike: Sum of the rows of ``model.likeness``, shape (n_items,).
        length: Squared length of the sum of the films' text vectors.
        belief: What is believed of the person's taste after the ratings so far.
    """

    def __init__(self, model: FilmModel):
        self.model = model
        self.items: list[int] = []
        self.stars: list[float] = []
        self.source = np.zeros(0)
        self.follows = np.zeros(model.n_items)
        self.alike = np.zeros(model.n_items)
        self.length = 0.0
        self.belief: Belief = model.prior

    @classmethod
    def of(
        cls,
        model: FilmModel,
        items: Sequence[int],
        stars: Sequence[float] | None = None,
        pages: Sequence[int] | None = None,
    ) -> Session:
        """Build a session from a whole history.

        Args:
            model: The fitted model.
            items: Films, oldest first, each once.
            stars: Their ratings, NaN where unknown; None for none.
            pages: What has one timestamp has one page: the log knows no order inside it, and its
                films share their weight. None: every film has a page of its own.

        Returns:
            The session, the same as after its events one by one where pages are single.
        """
        session = cls(model)
        session.items = [int(item) for item in items]
        n = len(session.items)
        session.stars = [float("nan")] * n if stars is None else [float(s) for s in stars]
        source = model.decay ** np.arange(n - 1.0, -1.0, -1.0)
        if pages is not None and n:
            pages = np.unique(pages, return_inverse=True)[1]
            source = (np.bincount(pages, source) / np.bincount(pages))[pages]
        session.source = source
        session.follows = source @ model.follow[session.items] if n else session.follows
        session.alike = model.likeness[session.items].sum(axis=0) if n else session.alike
        session.length = float(session.alike[session.items].sum())
        session._believe()
        return session

    def __len__(self) -> int:
        """Number of films in the history."""
        return len(self.items)

    def add(self, item: int, stars: float | None = None) -> None:
        """Let one event change every later answer.

        A film enters the history once. If it is there already, only its rating is replaced.

        Equation: eq-session-update.

        Args:
            item: The film.
            stars: Its rating; None if it was watched only.

        Raises:
            ValueError: If the film is unknown or the rating is not from 1 to 5.
        """
        self._check(item, stars)
        if item in self.items:
            if stars is not None:
                self.stars[self.items.index(item)] = float(stars)
                self._believe()
            return
        model = self.model
        self.source = np.append(self.source * model.decay, 1.0)
        self.follows = self.follows * model.decay + model.follow[item]
        self.length += float(2 * self.alike[item] + model.likeness[item, item])
        self.alike = self.alike + model.likeness[item]
        self.items.append(int(item))
        self.stars.append(float("nan") if stars is None else float(stars))
        if stars is not None:
            surprise = float(stars) - model.rated[item]
            self.belief = self.belief.after_one(model.vectors[item], surprise, model.noise)

    def _check(self, item: int, stars: float | None) -> None:
        if not 0 <= item < self.model.n_items:
            raise ValueError(f"Film {item} is outside the catalogue of {self.model.n_items}.")
        if stars is not None and not 1 <= stars <= 5:
            raise ValueError(f"A rating of {stars} stars was given; use 1 to 5.")

    def rated(self) -> np.ndarray:
        """Return the places in the history that have a rating, shape (n_rated,)."""
        return np.flatnonzero(~np.isnan(np.array(self.stars, dtype=np.float64)))

    def _believe(self) -> None:
        """Compute the belief from all ratings at once: a system of f equations."""
        model, places = self.model, self.rated()
        A = model.vectors[[self.items[p] for p in places]]
        e = np.array([self.stars[p] for p in places]) - model.rated[[self.items[p] for p in places]]
        precision = np.linalg.inv(model.prior.cov)
        cov = np.linalg.inv(precision + A.T @ A / model.noise)
        surprise = e - A @ model.prior.mean
        mean = model.prior.mean + cov @ (A.T @ surprise) / model.noise
        self.belief = Belief(mean, cov)
