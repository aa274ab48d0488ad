"""Cold start: newcomers with a few ratings, and films that nobody has rated."""

from importlib import import_module
from typing import Any

from recsys_book.meta_learning.cold_start.baselines import (
    BiasesWithUserRidge,
    GlobalMean,
    ItemBiasOnly,
    ItemMean,
    NewcomerModel,
    TextRidge,
    UserMean,
    WarmBiases,
    centred_units,
    ridge_user_bias,
    warm_biases,
)
from recsys_book.meta_learning.cold_start.bayes import (
    BayesianFactors,
    Belief,
    alternating_factors,
    learn_prior,
    prior_of_users,
)
from recsys_book.meta_learning.cold_start.contenders import simple_models
from recsys_book.meta_learning.cold_start.draws import (
    DrawnFactors,
    average_over_draws,
    prior_from_features,
    profiles,
)
from recsys_book.meta_learning.cold_start.evidence import (
    Interview,
    chance_of_an_answer,
    entropy_items,
    expected_gain,
    greedy_information,
    interviews,
    popular_items,
    random_items,
    rating_entropy,
)
from recsys_book.meta_learning.cold_start.fold_in import FactorFoldIn, fold_in
from recsys_book.meta_learning.cold_start.gaussian_process import (
    ItemGP,
    gp_posterior_mean,
    residual_covariance,
)
from recsys_book.meta_learning.cold_start.measure import (
    Measured,
    compare,
    load_measured,
    measure,
    save_measured,
)
from recsys_book.meta_learning.cold_start.neighbours import NewcomerKNN
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

#: Public name -> module of this folder that needs torch and is imported when it is first asked for.
_LAZY: dict[str, str] = {}

__all__ = [
    "SPLITS",
    "BayesianFactors",
    "Belief",
    "BiasesWithUserRidge",
    "ColdUserModel",
    "DrawnFactors",
    "Episode",
    "FactorFoldIn",
    "GlobalMean",
    "Interview",
    "ItemBiasOnly",
    "ItemGP",
    "ItemMean",
    "Measured",
    "NewcomerKNN",
    "NewcomerModel",
    "TextRidge",
    "UserMean",
    "WarmBiases",
    "World",
    "alternating_factors",
    "average_over_draws",
    "centred_units",
    "chance_of_an_answer",
    "cold_user_world",
    "compare",
    "entropy_items",
    "episodes",
    "expected_gain",
    "fold_in",
    "gp_posterior_mean",
    "greedy_information",
    "interviews",
    "judge_episodes",
    "learn_prior",
    "load_measured",
    "measure",
    "pooled_rmse",
    "popular_items",
    "predict_episodes",
    "prior_from_features",
    "prior_of_users",
    "profiles",
    "random_items",
    "rating_entropy",
    "residual_covariance",
    "ridge_user_bias",
    "save_measured",
    "simple_models",
    "split_users",
    "tuning_world",
    "warm_biases",
]

__all__ += sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return __all__
