"""What training holds in memory: weights, gradients, optimizer state, and what backward needs."""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint

from recsys_book.encoders.fine_tuning.freezing import blocks_of
from recsys_book.optimizers import Rule


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that training holds all the time.

    Attributes:
        weights: All parameters, frozen ones included.
        gradients: One number for each trainable parameter.
        state: What the optimizer remembers of the trainable ones.
    """

    weights: int
    gradients: int
    state: int

    @property
    def total(self) -> int:
        """The sum."""
        return self.weights + self.gradients + self.state


def training_memory(model: nn.Module, rule: Rule) -> TrainingMemory:
    """Count the bytes of training a model by a rule, without taking a step.

    Equation: eq-training-memory.

    Args:
        model: The model; frozen parameters need neither gradient nor state.
        rule: The optimizer's rule.

    Returns:
        The bytes, without the activations (see ``saved_bytes``).
    """
    params = list(model.parameters())
    trained = [param for param in params if param.requires_grad]
    states = (rule.init(torch.empty_like(param, device="meta")) for param in trained)
    return TrainingMemory(
        weights=sum(param.nbytes for param in params),
        gradients=sum(param.nbytes for param in trained),
        state=sum(value.nbytes for state in states for value in state.values() if value.dim()),
    )


def saved_bytes(forward: Callable[[], Tensor], model: nn.Module | None = None) -> int:
    """Count the bytes that a forward pass keeps for the backward pass.

    Each storage counts once, however many views of it are kept. The count is that of the tensors,
    so it is the same on every machine, unlike what the allocator reserves.

    Args:
        forward: Computes a loss, or anything with a gradient.
        model: Its parameters are not counted; None counts everything.

    Returns:
        The bytes.
    """
    own = {p.untyped_storage().data_ptr() for p in (model.parameters() if model else ())}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward()  # while it lives, so do the storages, and no address comes twice
    total = sum(kept.values())
    del result
    return total


class _Alive(TorchDispatchMode):
    """Follows the storages that are made while it is on, and the bytes of those still alive."""

    def __init__(self) -> None:
        super().__init__()
        self.known: set[int] = set()
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and count what it made."""
        for storage in _storages((args, kwargs)):  # made before: not ours to count
            self._meet(storage, 0)
        out = func(*args, **(kwargs or {}))
        for storage in _storages(out):
            self._meet(storage, storage.nbytes())
        return out

    def _meet(self, storage: torch.UntypedStorage, size: int) -> None:
        """Count a storage, if it is new, until it is gone."""
        key = storage._cdata
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._part, key, size)

    def _part(self, key: int, size: int) -> None:
        """Stop counting a storage."""
        self.known.discard(key)
        self.now -= size


def _storages(tree: Any) -> list[torch.UntypedStorage]:
    """Return the storages of the tensors in nested lists and dictionaries."""
    return [leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def peak_bytes(step: Callable[[], Any]) -> int:
    """Count the most bytes that were alive at once of what a computation made.

    It follows every tensor that an operation returns, forward and backward, until it is freed.
    What an operation uses inside and frees again is not seen.

    Args:
        step: Computes something, such as a loss and its backward pass.

    Returns:
        The bytes; weights and inputs, which were there before, are not among them.
    """
    alive = _Alive()
    with alive:
        step()
    return alive.peak


def checkpointing_floats(layers: int, segments: int, inside: float, boundary: float) -> float:
    """Return the most that is held at once when a stack of layers is cut into segments.

    Source: Chen et al. (2016), section 3.

    Equation: eq-checkpointing-memory.

    Args:
        layers: Number of equal layers.
        segments: How many parts; the input of each is kept, and one at a time is computed again.
        inside: What one layer keeps for its backward pass.
        boundary: What the input of a segment takes.

    Returns:
        The sum, in the same unit.
    """
    return segments * boundary + layers / segments * inside


def best_segments(layers: int, inside: float, boundary: float) -> float:
    """Return the number of segments that holds the least: a square root, not a whole number.

    Equation: eq-checkpointing-memory.

    Args:
        layers: Number of equal layers.
        inside: What one layer keeps for its backward pass.
        boundary: What the input of a segment takes.

    Returns:
        The minimiser of ``checkpointing_floats``.
    """
    return math.sqrt(layers * inside / boundary)


def run_in_segments(blocks: Sequence[nn.Module], x: Tensor, segments: int) -> Tensor:
    """Run a stack of layers, and keep only the inputs of its segments for the backward pass.

    Args:
        blocks: Layers that each take and return one tensor.
        x: The input; of any shape the layers take.
        segments: How many parts, from 1 to the number of layers; they differ by at most one layer.

    Returns:
        The output; loss and gradients are those of the plain run.

    Raises:
        ValueError: If there are more segments than layers, or less than one.
    """
    if not 1 <= segments <= len(blocks):
        raise ValueError(
            f"{len(blocks)} layers cannot be cut into {segments} segments: choose from 1 to "
            f"{len(blocks)}."
        )
    cuts = [round(part * len(blocks) / segments) for part in range(segments + 1)]
    for start, stop in zip(cuts, cuts[1:]):
        x = checkpoint(_run, blocks[start:stop], x, use_reentrant=False)
    return x


def _run(blocks: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Run layers one after the other."""
    for block in blocks:
        x = block(x)
    return x


@contextmanager
def checkpointing(encoder: nn.Module) -> Iterator[nn.Module]:
    """Let an encoder keep only the inputs of its blocks, and compute the rest again in backward.

    Both passes must be inside. A layer that draws from a generator of its own (our ``Dropout``)
    would draw anew in the second run, so it is refused in training.

    Source: Chen et al. (2016).

    Args:
        encoder: A transformer, ours or of ``transformers``.

    Yields:
        The encoder; afterwards it is as before.

    Raises:
        ValueError: If the encoder has no blocks, or dropout with a generator of its own.
    """
    blocks = list(blocks_of(encoder))
    for name, module in encoder.named_modules():
        if encoder.training and isinstance(getattr(module, "generator", None), torch.Generator):
            raise ValueError(
                f"{name} draws from a generator of its own, so the second run would differ from "
                "the first: set its rate to 0, or call eval()."
            )
    plain = [block.__dict__.get("forward") for block in blocks]
    try:
        for block in blocks:
            block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
        yield encoder
    finally:
        for block, forward in zip(blocks, plain):
            block.__dict__.pop("forward")
            if forward is not None:
                block.forward = forward


@contextmanager
def bfloat16(device: str | torch.device = "cpu", enabled: bool = True) -> Iterator[None]:
    """Multiply matrices in bfloat16, and keep weights, sums and losses in float32.

    Source: Micikevicius et al. (2018), for float16; Kalamkar et al. (2019), for bfloat16.

    Args:
        device: Where the model is.
        enabled: Whether to do so at all; one loop then serves both.

    Yields:
        Nothing.

    Raises:
        ValueError: If the device cannot compute in bfloat16.
    """
    kind = torch.device(device).type
    if enabled and kind == "cuda" and not torch.cuda.is_bf16_supported():
        raise ValueError("This GPU cannot compute in bfloat16: train in float32.")
    with torch.autocast(kind, dtype=torch.bfloat16, enabled=enabled):
        yield


def half_spacing(weight: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Return the size below which an update of a weight is rounded away.

    A number with p bits of precision between two powers of two stands on a grid whose spacing is
    the lower power times ``2**(1 - p)``. What is less than half of it away from the weight rounds
    back. (Below an exact power of two the grid is twice as fine, so from there a step towards zero
    may be half as small.)

    Equation: eq-rounded-update.

    Args:
        weight: Numbers, not zero, any shape.
        dtype: The type the weight is stored in: 8 bits of precision for bfloat16, 24 for float32.

    Returns:
        The sizes, of the same shape, float64.
    """
    power = torch.floor(torch.log2(weight.double().abs()))
    return torch.exp2(power) * torch.finfo(dtype).eps / 2
