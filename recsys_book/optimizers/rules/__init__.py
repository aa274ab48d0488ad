"""Update rules: one class a rule, each a transcription of its equations."""

from recsys_book.optimizers.rules.adagrad import AdaGrad, FullMatrixAdaGrad
from recsys_book.optimizers.rules.adam import Adam, AdamW
from recsys_book.optimizers.rules.adam_variants import AdaBelief, Adamax, AMSGrad, NAdam, RAdam
from recsys_book.optimizers.rules.base import Rule
from recsys_book.optimizers.rules.descent import SGD, GradientDescent, HeavyBall, Nesterov
from recsys_book.optimizers.rules.distance import DAdaptAdam, DAdaptSGD, Prodigy
from recsys_book.optimizers.rules.hypergradient import HypergradientAdam, HypergradientSGD
from recsys_book.optimizers.rules.rmsprop import AdaDelta, RMSProp
from recsys_book.optimizers.rules.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD

__all__ = [
    "AMSGrad",
    "AdaBelief",
    "AdaDelta",
    "AdaGrad",
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
    "NAdam",
    "Nesterov",
    "Prodigy",
    "RAdam",
    "RMSProp",
    "Rule",
    "SGD",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
]
