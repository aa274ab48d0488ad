"""The gradient-based and amortised learners of newcomers, with settings chosen on tuning users."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from recsys_book.meta_learning.cold_start.protocol import ColdUserModel

if TYPE_CHECKING:
    from recsys_book.data import MovieLens

#: How many settings of each model were compared on the tuning split.
TRIED = {
    "MeLU without text": 4,
    "MeLU": 4,
    "MeLU on the item bias": 2,
    "task-adaptive process": 9,
    "LoRA per user": 1,
    "MAML on two towers": 8,
    "MetaFactors, ratings only": 3,
    "MetaFactors, end to end": 30,
    "MetaFactors": 45,
}

#: Titles enter networks as this many principal components, times this scale.
TEXT_WIDTH, TEXT_SCALE = 16, 0.3


def gradient_models(
    movielens: MovieLens, fast: bool = False
) -> dict[str, Callable[[], ColdUserModel]]:
    """Return what makes each learner.

    Args:
        movielens: The release with titles, genres, years and what is known of the users.
        fast: Whether MeLU, the slowest, trains for six passes instead of fourteen.

    Returns:
        From name to a maker without arguments. Titles are encoded when the first model that reads
        them is made.
    """
    from recsys_book.meta_learning.cold_start.content import film_flags, people_flags, principal
    from recsys_book.meta_learning.cold_start.lora import UserLoRA
    from recsys_book.meta_learning.cold_start.melu import MeLU
    from recsys_book.meta_learning.cold_start.meta_factors import MetaFactors
    from recsys_book.meta_learning.cold_start.task_adaptive import TaskAdaptive
    from recsys_book.meta_learning.cold_start.two_tower import TwoTowerMAML

    @cache
    def flags() -> dict[str, np.ndarray]:
        return {
            "item_features": film_flags(movielens),
            "user_features": people_flags(movielens),
        }

    @cache
    def with_text() -> dict[str, np.ndarray]:
        from recsys_book.encoders import title_vectors

        text = TEXT_SCALE * principal(title_vectors(movielens), TEXT_WIDTH)
        return flags() | {"item_features": np.hstack([flags()["item_features"], text])}

    shorter = {"passes": 6} if fast else {}
    to_the_end = {"sweeps": 0, "factors": 8, "learn": "all"}
    to_the_end |= {"outer_rate": 0.003, "outer_steps": 200}
    return {
        "MeLU without text": lambda: MeLU(**flags(), **shorter),
        "MeLU": lambda: MeLU(**with_text(), **shorter),
        "MeLU on the item bias": lambda: MeLU(**with_text(), residual=True, **shorter),
        "task-adaptive process": lambda: TaskAdaptive(**with_text()),
        "LoRA per user": lambda: UserLoRA(**with_text()),
        "MAML on two towers": lambda: TwoTowerMAML(**with_text()),
        "MetaFactors, ratings only": lambda: MetaFactors(sweeps=0, factors=10),
        "MetaFactors, end to end": lambda: MetaFactors(**flags(), rated=10, **to_the_end),
        "MetaFactors": lambda: MetaFactors(**flags(), rated=10),
    }
