"""What article S2 gives as pseudo-code for a recommender, and where it fails.

The right path, from the encoder to the list, is ``recsys_book.case_studies.online_video``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def cod_12_function_block() -> str:
    """COD-12: a block that is marked as Python and begins with ``function``.

    Article S2, pseudo-code of behaviour prediction: ``function predict_user_behavior(...)``, in a
    block marked as Python. Python's keyword is ``def``; the block does not compile.

    Returns:
        The block's form: its first line, and a body of one call.
    """
    return (
        "function predict_user_behavior(user_input, user_history):\n"
        "    return LLM.predict(user_input, user_history)\n"
    )


def cod_12_llm_predict(LLM: Any, user_input: str, user_history: Sequence[str]) -> Any:
    """COD-12: behaviour prediction as one call of a language model, repaired to legal Python.

    Article S2, pseudo-code of behaviour prediction: ``LLM.predict``. No language model has such a
    method: what is predicted, from which vectors and over which items, is left out.

    Args:
        LLM: Any language model.
        user_input: What the person says.
        user_history: What the person has done.

    Returns:
        Whatever the method returns.

    Raises:
        AttributeError: With every model that the article could mean.
    """
    return LLM.predict(user_input, user_history)


def cod_12_llm_recommend(LLM: Any, user_input: str, user_history: Sequence[str]) -> Any:
    """COD-12: a recommender as one call of a language model.

    Article S2, pseudo-code of the recommendation of goods: ``LLM.recommend``.

    Args:
        LLM: Any language model.
        user_input: What the person says.
        user_history: What the person has done.

    Returns:
        Whatever the method returns.

    Raises:
        AttributeError: With every model that the article could mean.
    """
    return LLM.recommend(user_input, user_history)
