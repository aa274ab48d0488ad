"""The network behind ``TextBehaviour``: an LSTM over texts, and a dense layer with heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.encoders.layers import Linear
from recsys_book.encoders.recurrent import recurrent_layer


class TextLSTM(nn.Module):
    """Text vectors of a history → LSTM → state; state and a candidate's text → dense → logits.

    The candidate meets the state three ways: both side by side, and their product place by place,
    without which a small dense layer hardly sees whether they agree.

    Args:
        vectors: Text vectors, shape ``(n_items, inputs)``.
        width: Width of the state and of the adapted text.
        hidden: Width of the dense layer.
        steps: Number of behaviours.
        generator: Where the first weights come from.
    """

    def __init__(
        self, vectors: Tensor, width: int, hidden: int, steps: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.adapt = Linear(vectors.shape[1], width, generator)
        self.lstm = recurrent_layer("lstm", width, width, generator)
        self.dense = Linear(3 * width, hidden, generator)
        self.heads = Linear(hidden, steps, generator)

    def states(self, items: Tensor) -> Tensor:
        """Return the state after each item.

        Args:
            items: Item positions, -1 for padding on the right, shape ``(batch, length)``.

        Returns:
            Shape ``(batch, length, width)``.
        """
        read = self.adapt(self.vectors[items.clamp(min=0)])
        return self.lstm(read)[0]

    def forward(self, states: Tensor, candidates: Tensor) -> Tensor:
        """Return the logits of each behaviour.

        Args:
            states: Shape ``(..., width)``.
            candidates: Item positions, shape ``(...)``, broadcast against the states.

        Returns:
            Shape ``(..., steps)``.
        """
        item = self.adapt(self.vectors[candidates])
        states, item = torch.broadcast_tensors(states, item)
        met = torch.cat([states, item, states * item], dim=-1)
        return self.heads(functional.leaky_relu(self.dense(met)))
