"""What the source articles say about transfer learning, and where it fails.

The function is the faulty version. The right versions are in
``recsys_book.meta_learning.transfer``: ``copy_shared``, ``rate_groups`` and ``WarmStart``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def ada_02_copy_all_weights(source_model: Any, target_model: Any) -> Any:
    """ADA-02: transfer learning by copying every weight of one model into the other.

    Article S1 §3.2.1: ``target_model.set_weights(source_model.get_weights())``, and nothing
    afterwards. Item tables of two domains have different numbers of rows, so the copy fails. Where
    they happen to be of one size, the row of one film becomes the row of another one, and nothing
    is adapted to the target's data.

    Args:
        source_model: A trained torch module.
        target_model: A module for the target domain.

    Returns:
        The target model with the source's weights.

    Raises:
        RuntimeError: From torch, "size mismatch", where a table has another size.
    """
    target_model.load_state_dict(source_model.state_dict())
    return target_model


def ada_02_cut_to_size(state: Mapping[str, Any], target_model: Any) -> dict[str, Any]:
    """ADA-02: the usual repair of the size mismatch, which makes the copy run and no truer.

    Row 0 of the source's item table becomes row 0 of the target's, and so on: other films.

    Args:
        state: The source model's ``state_dict()``; tables at least as long as the target's.
        target_model: A module for the target domain.

    Returns:
        A state with the target's shapes.
    """
    own = target_model.state_dict()
    return {n: value[: len(own[n])] if own[n].ndim else value for n, value in state.items()}
