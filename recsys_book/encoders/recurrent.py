"""Language models with a state: Elman's network, the LSTM and the GRU, from their equations.

The weights lie in torch's own modules, in torch's order. The model runs either torch's fused code
on them, or the steps below in a Python loop; both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from recsys_book.optimizers import Dropout

#: What a network remembers: one tensor ``(B, width)``, or two for an LSTM.
State = tuple[Tensor, ...]
#: From an input ``(B, inputs)``, a state and the four weights of a layer to the next state.
Step = Callable[..., State]


def elman_step(x: Tensor, state: State, W: Tensor, U: Tensor, b: Tensor, c: Tensor) -> State:
    """Mix the new word into the old state.

    Source: Elman (1990), Cognitive Science 14.

    Equation: eq-elman.

    Args:
        x: Inputs, shape ``(B, inputs)``.
        state: The state h, shape ``(B, width)``.
        W: Weights of the inputs, shape ``(width, inputs)``.
        U: Weights of the state, shape ``(width, width)``.
        b: Bias of the inputs, shape ``(width,)``.
        c: Bias of the state, shape ``(width,)``; torch keeps two, their sum is what counts.

    Returns:
        The next state.
    """
    (h,) = state
    return (torch.tanh(x @ W.T + b + h @ U.T + c),)


def lstm_step(x: Tensor, state: State, W: Tensor, U: Tensor, b: Tensor, c: Tensor) -> State:
    """Keep a share of the memory, add a share of what is new, and show a share of the sum.

    Source: Hochreiter & Schmidhuber (1997), Neural Computation 9; the forget gate is that of
    Gers, Schmidhuber & Cummins (2000), Neural Computation 12.

    Equation: eq-lstm.

    Args:
        x: Inputs, shape ``(B, inputs)``.
        state: What is shown h and what is remembered, both of shape ``(B, width)``.
        W: Weights of the inputs, shape ``(4 * width, inputs)``: input gate, forget gate, news,
            output gate.
        U: Weights of h, shape ``(4 * width, width)``.
        b: Bias of the inputs, shape ``(4 * width,)``.
        c: Bias of h, of the same shape.

    Returns:
        The next h and the next memory.
    """
    h, memory = state
    i, f, g, o = (x @ W.T + b + h @ U.T + c).chunk(4, dim=-1)
    memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(memory), memory


def gru_step(x: Tensor, state: State, W: Tensor, U: Tensor, b: Tensor, c: Tensor) -> State:
    """Go from the old state to a proposal, as far as a gate allows.

    Source: Cho et al. (2014), EMNLP. As in torch, the reset gate acts on the product of the
    weights with the state; in the paper it acts on the state.

    Equation: eq-gru.

    Args:
        x: Inputs, shape ``(B, inputs)``.
        state: The state h, shape ``(B, width)``.
        W: Weights of the inputs, shape ``(3 * width, inputs)``: reset gate, update gate, news.
        U: Weights of the state, shape ``(3 * width, width)``.
        b: Bias of the inputs, shape ``(3 * width,)``.
        c: Bias of the state, of the same shape.

    Returns:
        The next state.
    """
    (h,) = state
    x_r, x_z, x_n = (x @ W.T + b).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ U.T + c).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * h,)


#: For each kind of cell its step, torch's module, and the number of tensors in its state.
CELLS: dict[str, tuple[Step, type[nn.RNNBase], int]] = {
    "elman": (elman_step, nn.RNN, 1),
    "lstm": (lstm_step, nn.LSTM, 2),
    "gru": (gru_step, nn.GRU, 1),
}


def unroll(step: Step, x: Tensor, weights: tuple[Tensor, ...], state: State) -> Tensor:
    """Take the steps of a sequence one after the other.

    Args:
        step: One of the steps above.
        x: Inputs, shape ``(B, T, inputs)``.
        weights: The four tensors of the layer.
        state: Where to begin, each tensor of shape ``(B, width)``.

    Returns:
        What is shown after every step, shape ``(B, T, width)``.
    """
    shown = []
    for t in range(x.shape[1]):
        state = step(x[:, t], state, *weights)
        shown.append(state[0])
    return torch.stack(shown, dim=1)


def jacobian_product_norms(
    step: Step, x: Tensor, weights: tuple[Tensor, ...], state: State
) -> Tensor:
    """Return how much of a small change of the first state is left after every step.

    Equation: eq-jacobian-product.

    Source: Bengio, Simard & Frasconi (1994), IEEE Transactions on Neural Networks 5.

    Args:
        step: One of the steps above.
        x: One sequence of inputs, shape ``(T, inputs)``.
        weights: The four tensors of the layer.
        state: Where to begin, each tensor of shape ``(width,)``.

    Returns:
        The largest singular value of the derivative of the state after t steps by the first
        state, shape ``(T,)``. An LSTM's state is both of its tensors.
    """
    sizes = [len(part) for part in state]
    flat, norms = torch.cat(state).detach(), []
    product = torch.eye(len(flat), dtype=flat.dtype)
    for each in x.detach():

        def one(s: Tensor, each: Tensor = each) -> Tensor:
            return torch.cat(step(each, s.split(sizes), *weights))

        product = torch.func.jacrev(one)(flat) @ product
        norms.append(torch.linalg.matrix_norm(product, ord=2))
        flat = one(flat).detach()
    return torch.stack(norms).detach()


def recurrent_layer(
    cell: str, inputs: int, width: int, generator: torch.Generator, forget_bias: float = 1.0
) -> nn.RNNBase:
    """Return torch's module of one layer, filled from a generator.

    Args:
        cell: ``"elman"``, ``"lstm"`` or ``"gru"``.
        inputs: Width of the inputs.
        width: Width of the state.
        generator: Where the weights come from: uniform, up to one over the root of the width.
        forget_bias: What an LSTM's forget gates begin with, so that it begins by remembering
            (Jozefowicz, Zaremba & Sutskever, 2015).

    Returns:
        The module, whose input is ``(B, T, inputs)``.

    Raises:
        ValueError: If there is no such cell.
    """
    if cell not in CELLS:
        raise ValueError(f"cell is {cell!r}, but it must be one of {', '.join(CELLS)}.")
    # On the meta device nothing is drawn: torch's constructor would take it from the global state.
    module = CELLS[cell][1](inputs, width, batch_first=True, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(-(width**-0.5), width**-0.5, generator=generator)
        if cell == "lstm":
            module.bias_ih_l0[width : 2 * width] = forget_bias
            module.bias_hh_l0[width : 2 * width] = 0.0
    return module


def layer_weights(module: nn.RNNBase) -> tuple[Tensor, ...]:
    """Return the four weights of a layer in the order in which the steps take them."""
    return module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0, module.bias_hh_l0


class RecurrentLanguageModel(nn.Module):
    """Predict the next word from a state that has read all words so far.

    Source: Mikolov et al. (2010), Interspeech; for sessions Hidasi et al. (2016), ICLR. Tied
    weights: Press & Wolf (2017), EACL.

    Args:
        size: Number of words in the vocabulary, special ones included.
        width: Of the word vectors and of the states.
        layers: Number of recurrent layers.
        cell: ``"elman"``, ``"lstm"`` or ``"gru"``.
        tied: Whether the scores are products with the word vectors; otherwise the output has
            vectors of its own.
        dropout: Share of the numbers that is dropped before every layer and before the output.
        fused: Whether torch's compiled loop runs; otherwise the steps of this module do.
        generator: Where the first weights come from; None is one with seed 0.
    """

    def __init__(
        self,
        size: int,
        width: int = 64,
        layers: int = 1,
        cell: str = "gru",
        *,
        tied: bool = True,
        dropout: float = 0.0,
        fused: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if min(size, width, layers) < 1:
            raise ValueError(
                f"size {size}, width {width} and layers {layers} must all be at least 1."
            )
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.cell, self.fused = cell, fused
        self.words = _table(size, width, generator)
        self.layers = nn.ModuleList(
            recurrent_layer(cell, width, width, generator) for _ in range(layers)
        )
        seed = int(torch.randint(2**31, (), generator=generator))
        self.dropout = Dropout(dropout, seed) if dropout else nn.Identity()
        self.output = self.words if tied else _table(size, width, generator)
        self.bias = nn.Parameter(torch.zeros(size))

    def hidden(self, ids: Tensor) -> Tensor:
        """Return the last layer's state after every word.

        Args:
            ids: Tokens, int64, shape ``(B, T)``.

        Returns:
            States, shape ``(B, T, width)``.
        """
        x = self.words(ids)
        for layer in self.layers:
            x = self.dropout(x)
            x = layer(x)[0] if self.fused else self._loop(layer, x)
        return x

    def _loop(self, layer: nn.RNNBase, x: Tensor) -> Tensor:
        """Run a layer step by step from a state of zeros."""
        step, _, parts = CELLS[self.cell]
        zero = x.new_zeros(len(x), layer.hidden_size)
        return unroll(step, x, layer_weights(layer), (zero,) * parts)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the scores of every word to come next.

        Args:
            ids: Tokens, int64, shape ``(B, T)``.

        Returns:
            Logits, shape ``(B, T, V)``.
        """
        return self.dropout(self.hidden(ids)) @ self.output.weight.T + self.bias

    def next_log_probs(self, ids: Tensor) -> Tensor:
        """Return log p(next | ids up to each position), shape ``(B, T, V)``, in nats.

        Args:
            ids: Tokens, int64, shape ``(B, T)``.
        """
        return self(ids).log_softmax(dim=-1)


def _table(rows: int, width: int, generator: torch.Generator) -> nn.Embedding:
    """Return a table of vectors with numbers of standard deviation 0.1."""
    weight = torch.empty(rows, width).normal_(0, 0.1, generator=generator)
    return nn.Embedding.from_pretrained(weight, freeze=False)
