"""What the source articles say about learning online and about ADWIN, and where it fails.

The functions are the faulty versions. The right ones are in ``recsys_book.meta_learning.drift``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def ada_01_update_weights(model: Any, new_user_data: Any) -> Any:
    """ADA-01: online learning as one call that is defined nowhere.

    Article S1 §3.2.1: ``model.update_weights(new_user_data)``, and nothing else. No library's
    model has such a method, and the article does not say what it would do: which loss, which
    step, which parameters, and how one would know whether the model got better by it.

    Args:
        model: Any model.
        new_user_data: Any data.

    Returns:
        Whatever the method returns.

    Raises:
        AttributeError: With every model that the article could mean.
    """
    return model.update_weights(new_user_data)


def meta_05_adwin_as_learner(detector: Any, targets: Sequence[float]) -> np.ndarray:
    """META-05: ADWIN as "an online meta-learning algorithm" that resizes the support set.

    Article S2 3.3 lists ADWIN, "Adaptive Windowing for On-Line Concept Learning", among the
    meta-learning algorithms. The name is ADaptive WINdowing. It reads one number an event and
    keeps a window of them. The only prediction that can be had from it is the mean of the window,
    the same for every user and item.

    Args:
        detector: Has ``update(value)`` and ``mean``.
        targets: The stream, shape (n,).

    Returns:
        The mean of the detector's window before each event, shape (n,).
    """
    predictions = np.empty(len(targets))
    for t, value in enumerate(targets):
        predictions[t] = detector.mean
        detector.update(value)
    return predictions
