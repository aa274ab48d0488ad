"""What the source articles draw and claim about sequences, and where it fails.

The functions are the faulty versions. The right versions are in ``recsys_book.encoders.recurrent``
and ``recsys_book.recommenders.sequential``.
"""

from __future__ import annotations

import numpy as np


def doc_08_network_without_a_loop(
    history: np.ndarray, vectors: np.ndarray, W: np.ndarray, U: np.ndarray
) -> np.ndarray:
    """DOC-08: a "recurrent" network drawn as input, hidden layer, output, with no way back.

    Article S1 section 2.1.3 draws the RNN as a chain from the input through a hidden layer to the
    output, and then a "Recurrence Connection" from the output to the recommendation. Nothing
    leads from one step to the next. Read as drawn, the hidden state is made of the present item
    alone: U, the weights of the state before, meets a state that is always zero.

    Args:
        history: Items, oldest first, shape (m,).
        vectors: One an item, shape (n_items, width).
        W: Weights of the input, shape (width, width).
        U: Weights of the state, shape (width, width).

    Returns:
        The state after the last item, shape (width,).
    """
    state = np.zeros(len(U))
    for item in history:
        state = np.tanh(vectors[item] @ W.T + np.zeros(len(U)) @ U.T)
    return state


def llm_21_keep_the_oldest(history: np.ndarray, window: int) -> np.ndarray:
    """LLM-21: a history that is too long, cut as ``truncation=True`` cuts a text.

    Article S1 section 2.2.3 says that the model handles long sequences effectively. A tokenizer
    that truncates keeps the beginning. A history is written oldest first, so what is lost is what
    the user did last.

    Args:
        history: Items, oldest first, shape (m,).
        window: Most items that the model reads.

    Returns:
        The items that are left, shape (min(m, window),).
    """
    return history[:window]
