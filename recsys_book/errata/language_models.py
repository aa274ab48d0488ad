"""What the source articles say about language models, in code, and where it fails.

Each function is the faulty version. The right versions are in ``recsys_book.encoders``:
``generation``, ``language_modeling`` and ``recurrent``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def llm_01_encoder_as_generator(
    encode: Callable[[Tensor], Tensor], table: Tensor, ids: Tensor
) -> Tensor:
    """LLM-01: a dense layer and a softmax on BERT, and the encoder generates.

    Article S0b §2.1.1: "输出层：通过全连接层和Softmax函数生成文本分类或序列生成的概率分布" (the
    output layer makes the distribution for text classification or for generating a sequence).
    Every state of a bidirectional encoder has seen the whole sequence, the word to be predicted
    included. What the softmax gives is no p(next | words before): it changes when a later word
    changes, and the products along all sequences do not sum to one.

    Args:
        encode: From ids ``(B, T)`` to the states of a bidirectional encoder ``(B, T, width)``.
        table: One vector a word, shape ``(V, width)``.
        ids: Tokens, shape ``(B, T)``.

    Returns:
        What is taken for log p(next | words before), shape ``(B, T, V)``.
    """
    return (encode(ids) @ table.T).log_softmax(dim=-1)


class Llm09ClickNetwork(nn.Module):
    """LLM-09: input, embedding, hidden layers "such as MLP or CNN", output: a "language model".

    Article S2 2.1, 3.4.2 and 4.2.2 feed click logs to it and train it by cross-entropy against
    class labels. It answers once a session, it cannot tell one order of the clicks from another,
    and it gives no probability to the session itself. It may be a fair recommender; it models no
    language.

    Args:
        items: Number of items.
        classes: Number of labels.
        width: Of the embedding and of the hidden layer.
        seed: Of the weights.
    """

    def __init__(self, items: int, classes: int, width: int = 16, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.embedding = nn.Parameter(torch.randn(items, width, generator=generator))
        self.hidden = nn.Parameter(torch.randn(width, width, generator=generator) * width**-0.5)
        self.output = nn.Parameter(torch.randn(width, classes, generator=generator))

    def forward(self, clicks: Tensor) -> Tensor:
        """Return log-probabilities of the classes, ``(B, classes)``, of clicks ``(B, T)``."""
        mean = self.embedding[clicks].mean(dim=1)
        return (torch.relu(mean @ self.hidden) @ self.output).log_softmax(dim=-1)


def llm_09_click_network(
    items: int, classes: int, width: int = 16, seed: int = 0
) -> Llm09ClickNetwork:
    """LLM-09: build the network of article S2 2.1 that is called a language model.

    Args:
        items: Number of items.
        classes: Number of labels.
        width: Of the embedding and of the hidden layer.
        seed: Of the weights.

    Returns:
        The network.
    """
    return Llm09ClickNetwork(items, classes, width, seed)


def llm_13_last_of_the_batch(states: Tensor, hidden_size: int = 128) -> Tensor:
    """LLM-13: the last step of an LSTM, read from the wrong axis.

    Article S2, 项目实战, ``RecommendationModel``: the LSTM is made with ``batch_first=True`` and
    its output read as ``hidden[-1, :, :]``. The first axis is the batch: this is every time step
    of the last sample, one row a step in place of one row a user.

    Args:
        states: Inputs of the LSTM, shape ``(B, T, hidden_size)``.
        hidden_size: Width of the LSTM.

    Returns:
        What the article takes for the users' last states, shape ``(T, hidden_size)``.
    """
    lstm = nn.LSTM(hidden_size, hidden_size, batch_first=True, device="meta")
    lstm = lstm.to_empty(device="cpu")
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.uniform_(-0.1, 0.1, generator=torch.Generator().manual_seed(0))
        return lstm(states)[0][-1, :, :]


def llm_13_lstm_on_bert_states(states: Tensor, hidden_size: int = 128) -> Tensor:
    """LLM-13: an LSTM of 128 inputs on BERT states of width 768.

    Article S2, 项目实战: ``nn.LSTM(hidden_size=128, ...)`` reads ``bert(...)[0]``.

    Args:
        states: BERT's last hidden states, shape ``(B, T, 768)``.
        hidden_size: Width of the LSTM.

    Returns:
        Nothing: torch raises RuntimeError, because 768 is not 128.
    """
    return llm_13_last_of_the_batch(states, hidden_size)


def llm_13_score(user: Tensor, item: Tensor, hidden_size: int = 128) -> Tensor:
    """LLM-13: a linear layer made for one vector, applied to two.

    Article S2, 项目实战: ``nn.Linear(hidden_size, 1)`` on ``torch.cat((user, item), 1)``.

    Args:
        user: The user's state, shape ``(B, hidden_size)``.
        item: The item's state, of the same shape.
        hidden_size: Width of one state.

    Returns:
        Nothing: torch raises RuntimeError, because two states are twice as wide as one.
    """
    weight = torch.zeros(1, hidden_size)
    return nn.functional.linear(torch.cat((user, item), dim=1), weight)
