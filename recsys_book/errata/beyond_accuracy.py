"""What the source articles say about fairness and diversity, and where it fails.

The functions show what the sentences of the source leave out. What to do instead is in
``recsys_book.recommenders.reranking``: measure what is meant, then change the list.
"""

from __future__ import annotations

import numpy as np


def prv_06_attributions_of_a_linear_model(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """PRV-06: Shapley attributions, taken as a guarantee of fairness.

    Article S2 9.2.3 point 3: SHAP is said to ensure fairness and diversity of the news feed. For a
    linear model with features that are taken one by one, the Shapley value of a feature is its
    weight times its distance from the mean. It describes a score and changes nothing in it; and a
    model that never reads an attribute gives it an attribution of zero while a proxy of the
    attribute decides.

    Args:
        features: One row a case, shape (n, n_features).
        weights: Weights of the model, shape (n_features,).

    Returns:
        Attributions, shape (n, n_features); each row sums to the score minus the mean score.
    """
    return (features - features.mean(axis=0)) * weights


def prv_08_fair_to_everybody(histories: np.ndarray, k: int) -> bool:
    """PRV-08: ask whether any lists are fair to everybody.

    Article S2 7.2.1 point 7 and 7.3.1 point 5: the results are to be fair to everybody, without
    saying to whom, or in what. Here are two readings for two kinds of items: every list has the mix
    of the person's history (fair to people), and both kinds get the same number of places in all
    (fair to the makers). The first leaves no choice, so it decides whether the second holds.

    Args:
        histories: Share of the first kind in the history of each person, multiples of 1 / k,
            shape (n_people,).
        k: Length of the lists.

    Returns:
        Whether any lists satisfy both.
    """
    people = np.rint(np.asarray(histories) * k).astype(int)  # the only calibrated lists
    return bool(2 * people.sum() == k * len(people))
