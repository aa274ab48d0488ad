"""What the source articles say about attention and the transformer, and where it fails.

Each function is the faulty version. The right versions are in ``recsys_book.encoders``. The Keras
listings run on Keras's torch backend.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor


def llm_03_attention_between_texts(x: Tensor) -> Tensor:
    """LLM-03: attention that relates texts to each other.

    Article S3 §4.1: "x_i 表示第 i 个文本的特征向量" (x_i is the feature vector of text i), and
    §4.2.1: "h_i = Attention(Q, K, V)", which is said to compute the similarity between different
    texts. Q, K and V are not defined. Taken at its word, the rows are texts, so the vector of a
    text depends on which other texts happen to be in the batch.

    Args:
        x: One vector a text, shape (texts, width).

    Returns:
        One vector a text, shape (texts, width).
    """
    return (x @ x.T / x.shape[-1] ** 0.5).softmax(dim=-1) @ x


def llm_04_bare_block(
    x: Tensor, attend: Callable[[Tensor], Tensor], feed_forward: Callable[[Tensor], Tensor]
) -> Tensor:
    """LLM-04: a block without residual connections and without normalisation.

    Article S3 §4.2: "h_i = Attention(Q, K, V)", then "h_i = FeedForward(h_i)". Each attention
    averages over tokens, and nothing keeps what a token was before. After a few blocks all tokens
    are the same.

    Args:
        x: Hidden states, shape (batch, tokens, width).
        attend: The attention, from hidden states to hidden states.
        feed_forward: The feed-forward layer.

    Returns:
        Hidden states of the same shape.
    """
    return feed_forward(attend(x))


def llm_05_pooled_without_positions(
    ids: Tensor, table: Tensor, attend: Callable[[Tensor], Tensor]
) -> Tensor:
    """LLM-05: a "sequence model" of embeddings and attention, without positions.

    Articles S1 §2.2.1, §4.4.2 and §5.2.1: Embedding, MultiHeadAttention, Dense; it is said to
    capture the order of behaviour and "长距离依赖关系" (long-range dependencies). Shuffle the
    sequence, and the pooled vector is the same.

    Args:
        ids: Tokens, integers of shape (batch, tokens).
        table: Their vectors, shape (vocabulary, width).
        attend: The attention, from hidden states to hidden states.

    Returns:
        One vector a sequence, shape (batch, width).
    """
    return attend(table[ids]).mean(dim=1)


def llm_08_three_matrices(one_hot: Tensor, W_in: Tensor, W_hid: Tensor, W_out: Tensor) -> Tensor:
    """LLM-08: BERT as three weight matrices.

    Articles S0a §4.2 and S0b §4.2.1: "BERT(W) = BERT(d_h, d_e)" and "W_train = train_BERT(W_in,
    W_hid, W_out)". The left side takes weights and the right side takes sizes; there are no
    tokens and no attention. The only model that three matrices can be is their product, which
    gives a word the same vector in every sentence.

    Args:
        one_hot: Words, shape (tokens, vocabulary).
        W_in: Shape (vocabulary, d_e).
        W_hid: Shape (d_e, d_h).
        W_out: Shape (d_h, d_out).

    Returns:
        One vector a word, shape (tokens, d_out).
    """
    return one_hot @ W_in @ W_hid @ W_out


def llm_14_sequential(*, repaired: bool = False) -> Any:
    """LLM-14: multi-head attention as a layer of a ``Sequential`` model, as printed.

    Article S1 §4.4.2: ``Sequential([Embedding(input_dim=1000, output_dim=64),
    MultiHeadAttention(heads=4), Dense(1)])``. Keras's layer takes ``num_heads`` and ``key_dim``,
    both required. With these, ``Sequential`` still refuses it, because attention takes a query
    and a value.

    Args:
        repaired: Whether to give the layer the arguments that it has.

    Returns:
        Nothing ever; it raises when it is built or when it is called.
    """
    layers = keras().layers
    options = {"num_heads": 4, "key_dim": 16} if repaired else {"heads": 4}
    model = keras().Sequential(
        [layers.Embedding(1000, 64), layers.MultiHeadAttention(**options), layers.Dense(1)]
    )
    return model(np.zeros((2, 10), dtype="int32"))


def llm_15_transformer_model(
    input_sequence_length: int = 50,
    input_dim: int = 100,
    d_model: int = 64,
    num_heads: int = 4,
    dff: int = 64,
) -> Any:
    """LLM-15: an embedding applied to features, and a model with four axes.

    Article S1 §5.2.1, ``build_transformer_model``: ``Input(shape=(input_sequence_length,
    input_dim))``, then ``Embedding(input_dim, d_model)``. Every number of every feature becomes a
    word with a vector, and the model gives ``input_sequence_length * input_dim`` numbers a user.
    ``input_dim`` is the features' width and the vocabulary's size at once, and ``key_dim=dff``
    gives each head the width of the feed-forward layer.

    Args:
        input_sequence_length: Events a user.
        input_dim: Features an event, and also the rows of the table.
        d_model: Width of the vectors.
        num_heads: Attention heads.
        dff: What the article calls the width of the feed-forward layer.

    Returns:
        The Keras model.
    """
    layers = keras().layers
    inputs = keras().Input((input_sequence_length, input_dim))
    x = layers.Embedding(input_dim, d_model)(inputs)
    x = layers.MultiHeadAttention(num_heads=num_heads, key_dim=dff)(x, x)
    return keras().Model(inputs, layers.Dense(1)(x))


def llm_21_truncate_right(history: np.ndarray, limit: int = 512) -> np.ndarray:
    """LLM-21: a long history, cut by ``truncation=True``.

    Articles S1 §2.2.3 and S2 1.1: BERT "可以有效地处理长文本序列" (can process long text sequences
    effectively). It has 512 positions. What does not fit is dropped from the end, which in a
    history that is written oldest first is the latest.

    Args:
        history: Events, oldest first, shape (events,).
        limit: Tokens that fit.

    Returns:
        The oldest events, shape (limit,) at most.
    """
    return history[:limit]


def llm_22_features_into_embedding(features: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """LLM-22: standardised features sent into an embedding layer.

    Article S1 §4.4.1 standardises the features, and the model of §4.4.2 begins with
    ``Embedding(input_dim=1000, …)``. Keras casts the numbers to whole numbers without a word: all
    between -1 and 1 become word 0, and negative ones count from the end of the table.

    Args:
        features: Standardised numbers, shape (rows, features).
        vectors: The table of the embedding layer, shape (vocabulary, width).

    Returns:
        What the layer makes of them, shape (rows, features, width).
    """
    layer = keras().layers.Embedding(*vectors.shape, weights=[vectors])
    return layer(features).detach().numpy()


def keras() -> Any:
    """Import Keras on its torch backend; the first call takes seconds."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras as library

    return library
