"""The score of a film for a session, and the same score taken apart into reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_book.case_studies.online_video.session import Session


@dataclass(frozen=True)
class Parts:
    """The parts of all films' scores, before they are added.

    Attributes:
        follows: From the sequence, shape (n_items,).
        alike: From the text, shape (n_items,).
        popular: From recent popularity, shape (n_items,).
        stars: From the expected rating, shape (n_items,).
        expected: The expected rating itself, in stars, shape (n_items,).
        factors: What a unit of each part's sum counts: of ``session.follows``, of
            ``session.alike`` and of a star.
    """

    follows: np.ndarray
    alike: np.ndarray
    popular: np.ndarray
    stars: np.ndarray
    expected: np.ndarray
    factors: tuple[float, float, float]

    @property
    def total(self) -> np.ndarray:
        """The scores, shape (n_items,)."""
        return self.follows + self.alike + self.popular + self.stars


def score_parts(session: Session) -> Parts:
    r"""Score all films for a session.

    Each part is brought to mean 0 and standard deviation 1 over the films, weighed and added. The
    expected rating has no say before the first event.

    Equation: eq-additive-score.

    Args:
        session: The session.

    Returns:
        The parts; their sum is the score.
    """
    model, weights = session.model, session.model.weights
    events = len(session)
    trust = weights.trust(events)
    follows, per_follow = _standard(session.follows, trust)
    alike, per_alike = _standard(session.alike, trust * weights.text)
    expected = model.rated + model.vectors @ session.belief.mean
    stars, per_star = _standard(expected, weights.stars * events / (events + 1))
    popular = (1 - trust) * model.popularity
    return Parts(follows, alike, popular, stars, expected, (per_follow, per_alike, per_star))


def _standard(values: np.ndarray, weight: float) -> tuple[np.ndarray, float]:
    """Return weighted values of mean 0 and standard deviation ``weight``, and the factor used."""
    deviation = float(values.std())
    factor = weight / deviation if deviation > 1e-12 else 0.0
    return (values - values.mean()) * factor, factor


@dataclass(frozen=True)
class Reasons:
    """Why a film has its score.

    Attributes:
        film: The film.
        score: Its score.
        watched: What each film of the history adds by having been watched, by sequence and by
            text, shape (n,).
        rated: What each rating adds, shape (n,); zero where there is none.
        popular: What recent popularity adds.
        quality: What the film's own ratings, by everybody, add.
        base: What does not depend on the history film by film: minus the weighted means.
    """

    film: int
    score: float
    watched: np.ndarray
    rated: np.ndarray
    popular: float
    quality: float
    base: float

    def gap(self) -> float:
        """Return the sum of all reasons minus the score: zero up to rounding."""
        parts = self.watched.sum() + self.rated.sum() + self.popular + self.quality + self.base
        return float(parts - self.score)


def explain(session: Session, film: int, parts: Parts | None = None) -> Reasons:
    r"""Take the score of a film apart, exactly.

    The sequence and the text are sums over the history already. The expected rating is linear in
    the ratings: film j moves it by :math:`a_i^\top V a_j\,(e_j - a_j^\top m_0)/\sigma^2`.

    Equations: eq-additive-score, eq-star-reasons.

    Args:
        session: The session.
        film: The film.
        parts: What ``score_parts`` returned for this session, if it is at hand.

    Returns:
        The reasons; they add up to the score.
    """
    return explain_list(session, np.array([film]), parts)[0]


def explain_list(session: Session, films: np.ndarray, parts: Parts | None = None) -> list[Reasons]:
    """Take the scores of several films apart, as ``explain`` does.

    Args:
        session: The session.
        films: The films, shape (m,).
        parts: What ``score_parts`` returned for this session, if it is at hand.

    Returns:
        The reasons of each film.
    """
    parts = score_parts(session) if parts is None else parts
    per_follow, per_alike, per_star = parts.factors
    model, pairs = session.model, np.ix_(session.items, films)
    watched = per_follow * session.source[:, None] * model.follow[pairs]
    watched += per_alike * model.likeness[pairs]
    moved = per_star * star_reasons(session, films)
    quality = per_star * (model.rated[films] + model.vectors[films] @ model.prior.mean)
    means = (session.follows.mean(), session.alike.mean(), parts.expected.mean())
    base = -float(np.dot(parts.factors, means))
    score, popular = parts.total[films], parts.popular[films]
    return [
        Reasons(
            int(film),
            float(score[m]),
            watched[:, m],
            moved[:, m],
            float(popular[m]),
            float(quality[m]),
            base,
        )
        for m, film in enumerate(films)
    ]


def star_reasons(session: Session, films: np.ndarray) -> np.ndarray:
    r"""Return by how many stars each rating of the history moves the expected rating of films.

    Equation: eq-star-reasons.

    Args:
        session: The session.
        films: The films, shape (m,).

    Returns:
        Stars, shape (len(session), m); zero in the rows of films without a rating.
    """
    model, places = session.model, session.rated()
    moved = np.zeros((len(session), len(films)))
    items = np.array(session.items, dtype=np.int64)[places]
    A = model.vectors[items]
    e = np.array(session.stars, dtype=np.float64)[places] - model.rated[items]
    surprise = e - A @ model.prior.mean
    towards = A @ session.belief.cov @ model.vectors[films].T
    moved[places] = towards * surprise[:, None] / model.noise
    return moved
