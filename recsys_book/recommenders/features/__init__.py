"""Models that mix many kinds of features: fields, side information, contexts, behaviours."""

from recsys_book._lazy import lazy_names
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
    "DIN",
    "Design",
    "DeepFM",
    "FactorizationMachine",
    "FeatureFactorization",
    "Field",
    "MultiTask",
    "WideAndDeep",
    "bucket_field",
    "deepfm_logit",
    "din_pooling",
    "esmm_probabilities",
    "field_interactions",
    "fm_double_sum",
    "fm_linear_time",
    "identity_field",
    "label_field",
    "movielens_fields",
    "wide_deep_logit",
]

#: Names that need torch, and the module of this folder that holds them.
_LAZY = {
    "DIN": "din",
    "DeepFM": "deepfm",
    "MultiTask": "multi_task",
    "WideAndDeep": "wide_deep",
    "deepfm_logit": "deepfm",
    "din_pooling": "din",
    "esmm_probabilities": "multi_task",
    "field_interactions": "deepfm",
    "wide_deep_logit": "wide_deep",
}

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
