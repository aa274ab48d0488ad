"""Cold start: newcomers with a few ratings, and films that nobody has rated."""

from recsys_book.meta_learning.cold_start.protocol import (
    SPLITS,
    ColdUserModel,
    Episode,
    World,
    cold_user_world,
    episodes,
    judge_episodes,
    pooled_rmse,
    predict_episodes,
    split_users,
    tuning_world,
)

__all__ = [
    "SPLITS",
    "ColdUserModel",
    "Episode",
    "World",
    "cold_user_world",
    "episodes",
    "judge_episodes",
    "pooled_rmse",
    "predict_episodes",
    "split_users",
    "tuning_world",
]
