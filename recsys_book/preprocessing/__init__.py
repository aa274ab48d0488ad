"""Cleaning, text, features and splitting: from a raw log to something a model may see."""

from recsys_book.preprocessing.folds import (
    kfold,
    rolling_cuts,
    time_series_folds,
)
from recsys_book.preprocessing.splitting import (
    Split,
    ThreeWay,
    cold_item_split,
    cold_user_split,
    leave_one_out,
    per_user_random_split,
    random_split,
    stratified_split,
    temporal_split,
    three_way,
    tie_choices,
)

__all__ = [
    "Split",
    "ThreeWay",
    "cold_item_split",
    "cold_user_split",
    "kfold",
    "leave_one_out",
    "per_user_random_split",
    "random_split",
    "rolling_cuts",
    "stratified_split",
    "temporal_split",
    "three_way",
    "tie_choices",
    "time_series_folds",
]
