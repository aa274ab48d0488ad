"""Adaptive learning rates, from their equations to real optimizers."""

from recsys_book.optimizers.embeddings import LazyAdam, RowwiseAdaGrad, RowwiseAdam
from recsys_book.optimizers.optimizer import Optimizer
from recsys_book.optimizers.row_rates import FrequencyAdaptive, PersonalRates
from recsys_book.optimizers.rules import (
    SGD,
    AdaBelief,
    AdaDelta,
    AdaGrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    FullMatrixAdaGrad,
    GradientDescent,
    HeavyBall,
    NAdam,
    Nesterov,
    RAdam,
    RMSProp,
    Rule,
)
from recsys_book.optimizers.state_size import state_bytes, state_floats, table_state_floats

__all__ = [
    "SGD",
    "AMSGrad",
    "AdaBelief",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "FrequencyAdaptive",
    "FullMatrixAdaGrad",
    "GradientDescent",
    "HeavyBall",
    "LazyAdam",
    "NAdam",
    "Nesterov",
    "Optimizer",
    "PersonalRates",
    "RAdam",
    "RMSProp",
    "RowwiseAdaGrad",
    "RowwiseAdam",
    "Rule",
    "state_bytes",
    "state_floats",
    "table_state_floats",
]
