"""Models that mix many kinds of features: fields, side information, contexts, behaviours."""

from importlib import import_module
from typing import Any

from recsys_book.recommenders.features.factorization_machine import (
    FactorizationMachine,
    fm_double_sum,
    fm_linear_time,
)
from recsys_book.recommenders.features.feature_factorization import FeatureFactorization
from recsys_book.recommenders.features.fields import (
    Design,
    Field,
    bucket_field,
    identity_field,
    label_field,
    movielens_fields,
)

__all__ = [
    "Design",
    "FactorizationMachine",
    "FeatureFactorization",
    "Field",
    "bucket_field",
    "fm_double_sum",
    "fm_linear_time",
    "identity_field",
    "label_field",
    "movielens_fields",
]
