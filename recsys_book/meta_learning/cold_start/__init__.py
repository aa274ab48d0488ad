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
from recsys_book.meta_learning.cold_start.cold_items import (
    ColdItemWorld,
    ItemPrior,
    LearnedPrior,
    PopularityPrior,
    cold_episodes,
    cold_item_world,
    tuning_cold_worlds,
)
from recsys_book.meta_learning.cold_start.contenders import simple_models
from recsys_book.meta_learning.cold_start.content_prior import (
    Biases,
    FeatureMap,
    alternating_biases,
    checked_item_features,
    event_weights,
    expected_popularity,
    shrink_to_prior,
)
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
from recsys_book.meta_learning.cold_start.film_features import (
    AGE_RATING,
    FINE_GENRES,
    ORIGIN,
    PEOPLE,
    centered_text,
    facts,
    genres_and_year,
    stack_blocks,
    text_components,
)
from recsys_book.meta_learning.cold_start.fold_in import FactorFoldIn, fold_in
from recsys_book.meta_learning.cold_start.gaussian_process import (
    ItemGP,
    gp_posterior_mean,
    residual_covariance,
)
from recsys_book.meta_learning.cold_start.item_life import (
    ItemLife,
    WarmSpace,
    equations,
    item_life,
    judge_life,
    warm_space,
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
from recsys_book.meta_learning.cold_start.text_to_factor import (
    TextToFactor,
    newborn_posterior,
)

#: Public name -> module of this folder that needs torch and is imported when it is first asked for.
_LAZY: dict[str, str] = {
    "ChoiceProfile": "content",
    "DropoutNet": "dropoutnet",
    "FactorTables": "factor_start",
    "LowRankLinear": "lora",
    "MeLU": "melu",
    "MetaEmbeddings": "meta_embeddings",
    "MetaFactors": "meta_factors",
    "NeuralMap": "networks",
    "TaskAdaptive": "task_adaptive",
    "TwoTowerMAML": "two_tower",
    "UserLoRA": "lora",
    "View": "dropoutnet",
    "WarmTasks": "gradient",
    "dropout_objective": "dropoutnet",
    "film_flags": "content",
    "gradient_models": "chosen",
    "gram_of_raters": "dropoutnet",
    "hierarchical_start": "factor_start",
    "low_rank_network": "lora",
    "meta_embedding_loss": "meta_embeddings",
    "partial_views": "dropoutnet",
    "people_flags": "content",
    "plain_start": "factor_start",
    "pooled_task": "task_adaptive",
    "preconditioned_steps": "meta_factors",
    "principal": "content",
    "squared_loss": "meta_embeddings",
    "trust_after": "dropoutnet",
    "variance_shares": "content",
    "warm_up": "meta_embeddings",
}

__all__ = [
    "AGE_RATING",
    "BayesianFactors",
    "Belief",
    "Biases",
    "BiasesWithUserRidge",
    "ColdItemWorld",
    "ColdUserModel",
    "DrawnFactors",
    "Episode",
    "FINE_GENRES",
    "FactorFoldIn",
    "FeatureMap",
    "GlobalMean",
    "Interview",
    "ItemBiasOnly",
    "ItemGP",
    "ItemLife",
    "ItemMean",
    "ItemPrior",
    "LearnedPrior",
    "Measured",
    "NewcomerKNN",
    "NewcomerModel",
    "ORIGIN",
    "PEOPLE",
    "PopularityPrior",
    "SPLITS",
    "TextRidge",
    "TextToFactor",
    "UserMean",
    "WarmBiases",
    "WarmSpace",
    "World",
    "alternating_biases",
    "alternating_factors",
    "average_over_draws",
    "centered_text",
    "centred_units",
    "chance_of_an_answer",
    "checked_item_features",
    "cold_episodes",
    "cold_item_world",
    "cold_user_world",
    "compare",
    "entropy_items",
    "episodes",
    "equations",
    "event_weights",
    "expected_gain",
    "expected_popularity",
    "facts",
    "fold_in",
    "genres_and_year",
    "gp_posterior_mean",
    "greedy_information",
    "interviews",
    "item_life",
    "judge_episodes",
    "judge_life",
    "learn_prior",
    "load_measured",
    "measure",
    "newborn_posterior",
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
    "shrink_to_prior",
    "simple_models",
    "split_users",
    "stack_blocks",
    "text_components",
    "tuning_cold_worlds",
    "tuning_world",
    "warm_biases",
    "warm_space",
]

__all__ += sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return __all__
