"""What the video service learns from the log: a few tables that answer anybody by additions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_book.meta_learning.cold_start import BayesianFactors, Belief
from recsys_book.recommenders.language import TextHybrid
from recsys_book.recommenders.language.hybrid import shrink_towards_text
from recsys_book.recommenders.sequential import SequentialEASE

if TYPE_CHECKING:
    from recsys_book.data import Interactions


@dataclass(frozen=True)
class Weights:
    r"""How much each part of a score counts; every part has standard deviation 1 before.

    What the history says is trusted by :math:`t = n / (n + \kappa)` after n events; what is popular
    has the rest.

    Attributes:
        text: Weight of the likeness with what was watched, beside 1 for the sequence.
        stars: Weight of the expected rating, reached as n / (n + 1) of it after n events.
        newcomer: The number :math:`\kappa` of events after which history and popularity count the
            same, at least 0.
    """

    text: float = 0.2
    stars: float = 0.2
    newcomer: float = 10.0

    def trust(self, events: int) -> float:
        """Return how much the history counts after some events, from 0 to 1.

        Equation: eq-additive-score.
        """
        return events / (events + self.newcomer) if events else 0.0


@dataclass(frozen=True, eq=False)
class FilmModel:
    r"""Everything that is needed to answer somebody with any history.

    The text hybrid of the book is linear in the history: its regression on text can be folded into
    the weights of the sequential EASE once, at the fit. What remains at serving time is a sum.

    Attributes:
        follow: What each film of the past adds to each film, the text of rare films folded in,
            shape (n_items, n_items).
        decay: Factor by which a film of the past loses weight with each event after it.
        likeness: Cosines of the films' texts, shape (n_items, n_items).
        popularity: Logarithm of recent popularity, mean 0 and standard deviation 1, (n_items,).
        rated: Mean expected rating of each film before anything is known, shape (n_items,).
        vectors: Film vectors of the expected rating, the first column ones, (n_items, f).
        prior: What is believed of a newcomer's taste.
        noise: Variance of a rating's noise.
        weights: How much each part counts.
        counts: Events of each film in the log, shape (n_items,).
    """

    follow: np.ndarray
    decay: float
    likeness: np.ndarray
    popularity: np.ndarray
    rated: np.ndarray
    vectors: np.ndarray
    prior: Belief
    noise: float
    weights: Weights
    counts: np.ndarray

    @property
    def n_items(self) -> int:
        """Number of films."""
        return len(self.popularity)

    def weighing(self, **changes: Any) -> FilmModel:
        """Return the model with other weights of its parts.

        Args:
            **changes: Fields of ``Weights``.

        Returns:
            A model that shares all tables with this one.
        """
        return replace(self, weights=replace(self.weights, **changes))


def fit_film_model(
    log: Interactions,
    vectors: np.ndarray,
    weights: Weights | None = None,
    hybrid: TextHybrid | None = None,
    seed: int = 0,
) -> FilmModel:
    """Fit all parts on one log.

    Args:
        log: The training log, with ratings from 1 to 5 as values.
        vectors: One text vector a film, shape (n_items, width).
        weights: How much each part counts; None takes those chosen on the tuning splits.
        hybrid: The text hybrid to fold, unfitted, over a sequential EASE or an EASE; it is fitted
            here. None takes that of the leaderboard.
        seed: Seed of the taste vectors' start.

    Returns:
        The fitted model.

    Raises:
        ValueError: If the log is empty or the vectors do not fit.
    """
    hybrid = TextHybrid(SequentialEASE(), vectors) if hybrid is None else hybrid
    hybrid.fit(log)
    taste = BayesianFactors(seed=seed).fit(log)
    half_life = hybrid.model_.half_life
    return FilmModel(
        follow=fold_text_in(hybrid.model_.weights_, hybrid),
        decay=1.0 if half_life is None else 0.5 ** (1 / half_life),
        likeness=hybrid.profile_ @ hybrid.profile_.T,
        popularity=hybrid.popularity_,
        rated=taste.biases_.mean + taste.biases_.item[:-1],
        vectors=taste.item_vectors_[:-1],
        prior=taste.prior_,
        noise=taste.noise_,
        weights=Weights() if weights is None else weights,
        counts=hybrid.item_counts_,
    )


def fold_text_in(B: np.ndarray, hybrid: TextHybrid) -> np.ndarray:
    r"""Fold the regression on text into item-to-item weights.

    Every step of ``TextHybrid`` between the scores of its model and their mix with the text is
    linear, and row j of B is the scores of somebody who watched film j alone. So the mix of the
    rows is the matrix of the mix.

    Args:
        B: Item-to-item weights of the hybrid's model, shape (n_items, n_items).
        hybrid: The fitted hybrid.

    Returns:
        Weights whose product with a history is the hybrid's mixed score, shape of B.
    """
    return shrink_towards_text(B, hybrid.from_text(B), hybrid.item_counts_, hybrid.strength)
