"""Update rules: one class a rule, each a transcription of its equations."""

from recsys_book.optimizers.rules.adagrad import AdaGrad, FullMatrixAdaGrad
from recsys_book.optimizers.rules.adam import Adam, AdamW
from recsys_book.optimizers.rules.adam_variants import AdaBelief, Adamax, AMSGrad, NAdam, RAdam
from recsys_book.optimizers.rules.base import Rule
from recsys_book.optimizers.rules.descent import SGD, GradientDescent, HeavyBall, Nesterov
from recsys_book.optimizers.rules.distance import DAdaptAdam, DAdaptSGD, Prodigy
from recsys_book.optimizers.rules.hypergradient import HypergradientAdam, HypergradientSGD
from recsys_book.optimizers.rules.large_batch import LAMB, Lion
from recsys_book.optimizers.rules.memory import SM3, Adafactor
from recsys_book.optimizers.rules.rmsprop import AdaDelta, RMSProp
from recsys_book.optimizers.rules.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from recsys_book.optimizers.rules.shampoo import Shampoo

__all__ = [
    "AMSGrad",
    "AdaBelief",
    "AdaDelta",
    "AdaGrad",
    "Adafactor",
    "Adam",
    "AdamW",
    "Adamax",
    "DAdaptAdam",
    "DAdaptSGD",
    "FullMatrixAdaGrad",
    "GradientDescent",
    "HeavyBall",
    "HypergradientAdam",
    "HypergradientSGD",
    "LAMB",
    "Lion",
    "NAdam",
    "Nesterov",
    "Prodigy",
    "RAdam",
    "RMSProp",
    "Rule",
    "SGD",
    "SM3",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Shampoo",
]
