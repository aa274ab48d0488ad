"""What the source articles say about behaviour read by a language model, and where it fails.

The function is the faulty version. The right versions are in ``recsys_book.encoders``: the text
of the consumed items, or learned words for items (``SemanticIds``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def llm_18_log_row_as_text(user: int, item: int, rating: int) -> str:
    """LLM-18: one row of the rating log, written out so that a language model can read it.

    Args:
        user: The user's number.
        item: The item's number.
        rating: The stars.

    Returns:
        For instance ``"user 17 item 242 rating 4"``.
    """
    return f"user {user} item {item} rating {rating}"


def llm_18_behaviour_embedded_by_bert(
    encode: Callable[[list[str]], np.ndarray],
    users: Sequence[int],
    items: Sequence[int],
    ratings: Sequence[int],
) -> np.ndarray:
    """LLM-18: the user's behaviour data embedded by a text encoder.

    Article S2 5.2 and 6.2: "使用BERT模型对用户行为数据进行嵌入" (embed the user behaviour data
    with a BERT model); likewise S2 7.2.1, S0b §3.2.3, and S4 §4.2 with ``u_i = BERT(R_ij, W)``. A
    rating or a click is no text. Somebody has to write it as one, and what stands there then is
    numbers. The vectors follow the spelling of the numbers: items 242 and 243 are alike, whatever
    films they are, and giving the films other numbers changes every vector.

    Args:
        encode: From texts to vectors.
        users: Numbers of the users, shape (n,).
        items: Numbers of the items, shape (n,).
        ratings: Stars, shape (n,).

    Returns:
        One vector a row, shape (n, width).
    """
    texts = [llm_18_log_row_as_text(*row) for row in zip(users, items, ratings)]
    return encode(texts)
