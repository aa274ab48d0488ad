"""Drift: streams whose law changes, detectors that notice, models that keep learning.

``MetaStart``, which needs torch, is imported when it is first asked for.
"""

from recsys_book._lazy import lazy_names
from recsys_book.meta_learning.drift.adwin import ADWIN, bernstein_cut, hoeffding_cut
from recsys_book.meta_learning.drift.controller import (
    Action,
    AdaptiveController,
    FeatureModel,
    RestartOnAlarm,
)
from recsys_book.meta_learning.drift.controls import (
    permute_dates,
    shuffle_all,
    shuffle_histories,
)
from recsys_book.meta_learning.drift.ddm import DDM, EDDM
from recsys_book.meta_learning.drift.detection import (
    AlarmReport,
    Detector,
    find_alarms,
    judge_alarms,
)
from recsys_book.meta_learning.drift.kswin import KSWIN
from recsys_book.meta_learning.drift.online import DivergedError, IncrementalMF, OnlineModel
from recsys_book.meta_learning.drift.page_hinkley import PageHinkley
from recsys_book.meta_learning.drift.prequential import (
    RankStream,
    check_time_order,
    prequential,
    prequential_ranking,
    prequential_ratings,
)
from recsys_book.meta_learning.drift.ridge import OnlineRidge, WindowRidge
from recsys_book.meta_learning.drift.streaming import PeriodicEASE, StreamingPopularity
from recsys_book.meta_learning.drift.streams import (
    KINDS,
    TasteLaw,
    drifting_tastes,
    past_seasons,
    recovery_time,
)
from recsys_book.meta_learning.drift.windows import (
    DecayedMean,
    SlidingMean,
    best_interval,
    best_rate,
    best_window,
    decay_error,
    schedule_cost,
    window_error,
)

__all__ = [
    "ADWIN",
    "Action",
    "AdaptiveController",
    "AlarmReport",
    "DDM",
    "DecayedMean",
    "Detector",
    "DivergedError",
    "EDDM",
    "FeatureModel",
    "IncrementalMF",
    "KINDS",
    "KSWIN",
    "MetaStart",
    "OnlineModel",
    "OnlineRidge",
    "PageHinkley",
    "PeriodicEASE",
    "RankStream",
    "RestartOnAlarm",
    "SlidingMean",
    "StreamingPopularity",
    "TasteLaw",
    "WindowRidge",
    "bernstein_cut",
    "best_interval",
    "best_rate",
    "best_window",
    "check_time_order",
    "decay_error",
    "drifting_tastes",
    "find_alarms",
    "hoeffding_cut",
    "judge_alarms",
    "past_seasons",
    "permute_dates",
    "prequential",
    "prequential_ranking",
    "prequential_ratings",
    "recovery_time",
    "schedule_cost",
    "shuffle_all",
    "shuffle_histories",
    "window_error",
]

#: Public name → the module of this folder that needs torch.
_LAZY: dict[str, str] = {"MetaStart": "readaptation"}

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
