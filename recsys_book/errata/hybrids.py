"""What the source articles say about ensembles and hybrids, and where it fails.

Each function is the faulty version. The right versions are in ``recsys_book.recommenders.hybrid``:
``weighted_average``, ``majority_vote`` and ``RankFusion``, ``StackedRating`` and ``StackedHybrid``,
``BaggedRecommender`` and ``BoostedRecommender``, ``HybridSystem``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np


def ens_01_weighted_sum(predictions: Sequence[float], weights: Sequence[float]) -> float:
    """ENS-01: a weighted average whose weights need not sum to one.

    Article S1 §3.2.2: ``sum(pred * weight for pred, weight in zip(predictions, weights))``;
    likewise S2 7.1.3. Three models that agree on four stars, each with weight one, make twelve.

    Args:
        predictions: One prediction a model.
        weights: One weight a model.

    Returns:
        The sum of the products.
    """
    return sum(p * w for p, w in zip(predictions, weights))


def ens_02_vote_on_numbers(predictions: Sequence[float]) -> float:
    """ENS-02: the majority among continuous predictions.

    Article S1 §3.2.2 (voting) and S2 7.1.3: the prediction that occurs most often wins. Real
    numbers hardly ever occur twice, so every prediction has one vote, and the first one wins.

    Args:
        predictions: One prediction a model.

    Returns:
        The most frequent number.
    """
    return Counter(predictions).most_common(1)[0][0]


def ens_03_unfitted_stack(models: Sequence[Any], meta_model: Any, users, items):
    """ENS-03: a stack whose meta-model nobody has fitted.

    Article S1 §3.2.2: ``features = [model.predict(input_data) for model in models]`` and
    ``return meta_model.predict(features)``. There is no line that fits the meta-model, and the
    features lie on their side: one row a model.

    Args:
        models: Fitted rating models.
        meta_model: A regressor.
        users: User positions, shape (n,).
        items: Item positions, shape (n,).

    Returns:
        Whatever the meta-model predicts.
    """
    features = [model.predict(users, items) for model in models]
    return meta_model.predict(features)


def ens_03_weights_in_sample(models: Sequence[Any], log: Any) -> np.ndarray:
    """ENS-03: a stack fitted on predictions of the very ratings that the members learned from.

    What is left if the forgotten fit is added in the plainest way: predict the training ratings
    with the members fitted on them, and regress. The member that has memorised gets all the weight.

    Args:
        models: Rating models fitted on the log.
        log: The training log.

    Returns:
        Intercept and weights, shape (1 + n_models,).
    """
    z = np.column_stack([model.predict(log.user, log.item) for model in models])
    return np.linalg.lstsq(np.c_[np.ones(len(z)), z], log.value, rcond=None)[0]


def ens_04_kind_of_ensemble(name: str) -> str:
    """ENS-04: random forests and XGBoost called stacking.

    Article S1 §4.6.2: "堆叠模型（如随机森林、XGBoost）" (stacked models such as random forests and
    XGBoost). A stack learns from its members' predictions. A forest averages trees that know
    nothing of each other (bagging); XGBoost adds up trees each of which mends the sum before it
    (boosting).

    Args:
        name: ``"random forest"`` or ``"xgboost"``.

    Returns:
        ``"stacking"``.
    """
    return {"random forest": "stacking", "xgboost": "stacking"}[name]


def cf_15_collaborative_filtering_last(
    explored: np.ndarray, scores: np.ndarray, k: int
) -> np.ndarray:
    """CF-15: collaborative filtering applied after the exploration.

    Article S4 §2.2, §3.1 and §3.2 steps 4–6: the exploration changes the candidates, then
    "collaborative filtering", described as combining the recommendations with the user's history,
    re-orders them. Random items have low scores, so the re-ordering puts them back below the cut.

    Args:
        explored: Candidates after the exploration, more than k of them.
        scores: The model's score of every item, shape (n_items,).
        k: Length of the list.

    Returns:
        The k candidates with the highest scores.
    """
    return explored[np.argsort(-scores[explored], kind="stable")[:k]]
