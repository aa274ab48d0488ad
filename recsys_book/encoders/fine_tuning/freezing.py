"""What is trained and how fast: freezing, thawing from the top, a rate for each depth."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

from recsys_book.encoders.fine_tuning.surgery import refuse_adapted
from recsys_book.encoders.transformer import Transformer

Model = TypeVar("Model", bound=nn.Module)


def trainable_parameters(model: nn.Module) -> tuple[int, int]:
    """Count the numbers that training would change, and all numbers.

    Args:
        model: A model; shared weights are counted once.

    Returns:
        The number of trainable parameters and the number of parameters.
    """
    params = list(model.parameters())
    return sum(p.numel() for p in params if p.requires_grad), sum(p.numel() for p in params)


def freeze(model: Model) -> Model:
    """Take all parameters of a model out of training.

    Args:
        model: The model, changed in place.

    Returns:
        The model.
    """
    return model.requires_grad_(False)


def unfreeze(model: Model) -> Model:
    """Take all parameters of a model into training.

    Args:
        model: The model, changed in place.

    Returns:
        The model.
    """
    return model.requires_grad_(True)


def blocks_of(encoder: nn.Module) -> nn.ModuleList:
    """Find the stack of an encoder's blocks: the module list that holds the most parameters.

    Args:
        encoder: A transformer, ours or of ``transformers``.

    Returns:
        The blocks, from the input upwards.

    Raises:
        ValueError: If there is no module list, or only empty ones.
    """
    stacks = [m for m in encoder.modules() if isinstance(m, nn.ModuleList) and len(m)]
    if not stacks:
        raise ValueError(
            f"{type(encoder).__name__} has no torch.nn.ModuleList with blocks in it: pass the "
            "transformer itself."
        )
    return max(stacks, key=lambda stack: trainable_parameters(stack)[1])


def depths(encoder: nn.Module) -> list[list[nn.Parameter]]:
    """Sort an encoder's parameters by depth.

    Modules are registered in the order in which the data pass through them. What comes before the
    blocks (the embeddings) is at depth 0, the blocks are at 1 to L, and what comes after them (a
    last norm, a pooler) counts to the last block.

    Args:
        encoder: A transformer with L blocks.

    Returns:
        The parameters of each depth, ``L + 1`` lists.

    Raises:
        ValueError: If the encoder has no blocks.
    """
    blocks = blocks_of(encoder)
    depth = {id(p): level for level, block in enumerate(blocks, 1) for p in block.parameters()}
    for module in encoder.modules():
        if isinstance(module, Transformer) and module.config.norm == "pre":  # its last norm
            depth |= {id(param): len(blocks) for param in module.norm.parameters()}
    lists: list[list[nn.Parameter]] = [[] for _ in range(len(blocks) + 1)]
    first = id(next(blocks.parameters()))
    outside = 0
    for param in encoder.parameters():
        outside = len(blocks) if id(param) == first else outside
        lists[depth.get(id(param), outside)].append(param)
    return lists


def freeze_below(encoder: Model, layer: int) -> Model:
    """Freeze the embeddings and the lowest blocks, and train the rest.

    Args:
        encoder: A transformer with L blocks, changed in place.
        layer: How many blocks to freeze, from 0 (only the embeddings) to L (all).

    Returns:
        The encoder.

    Raises:
        ValueError: If there are fewer blocks, or the encoder has adapted layers.
    """
    refuse_adapted(encoder)
    levels = depths(encoder)
    layers = len(levels) - 1
    if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer <= layers:
        raise ValueError(
            f"layer is {layer}, but {type(encoder).__name__} has {layers} blocks: give a whole "
            f"number from 0 to {layers}."
        )
    return _train_from(encoder, levels, layer + 1)


def gradual_unfreezing(encoder: Model, epoch: int, per_epoch: int = 1) -> Model:
    """Train only the top blocks in the first epochs, and one more with each epoch.

    Source: Howard & Ruder (2018), section 3.3.

    Args:
        encoder: A transformer with L blocks, changed in place.
        epoch: Epochs done; at 0 the whole encoder is frozen and only a head outside it learns.
        per_epoch: Blocks that thaw with each epoch; when all have, the embeddings do.

    Returns:
        The encoder.

    Raises:
        ValueError: If the epoch is negative, no block would ever thaw, or the encoder has adapted
            layers.
    """
    if epoch < 0 or per_epoch < 1:
        raise ValueError(
            f"epoch is {epoch} and per_epoch {per_epoch}, but they must be at least 0 and 1."
        )
    refuse_adapted(encoder)
    levels = depths(encoder)
    return _train_from(encoder, levels, max(0, len(levels) - epoch * per_epoch))


def _train_from(encoder: Model, levels: list[list[nn.Parameter]], first: int) -> Model:
    """Freeze the depths below the first, and train the others."""
    for depth, params in enumerate(levels):
        for param in params:
            param.requires_grad_(depth >= first)
    return encoder


def depth_rate(lr: float, factor: float, depth: int, layers: int) -> float:
    """Return the rate of a depth: a head's is ``lr``, and each step down multiplies it.

    Source: Howard & Ruder (2018), section 3.2, with a factor of 1 / 2.6.

    Equation: eq-discriminative-rates.

    Args:
        lr: The rate of the head, which stands at depth ``layers + 1``.
        factor: What each step down multiplies the rate by.
        depth: 0 for the embeddings, 1 to ``layers`` for the blocks.
        layers: The number of blocks.

    Returns:
        The rate.
    """
    return lr * factor ** (layers + 1 - depth)


def discriminative_groups(
    encoder: nn.Module, head: nn.Module | None, lr: float, factor: float = 1 / 2.6
) -> list[dict[str, Any]]:
    """Give every depth of an encoder a rate of its own, as groups for an optimizer.

    Frozen parameters are left out, and so is a group without any others.

    Equation: eq-discriminative-rates.

    Args:
        encoder: A transformer.
        head: What stands on it, or None.
        lr: The head's rate.
        factor: Each step down multiplies the rate by this, in (0, 1]; 1 is one rate for all.

    Returns:
        Dictionaries with ``params`` and ``lr``, from the embeddings to the head.

    Raises:
        ValueError: If the rate or the factor is out of range, or nothing is trainable.
    """
    if not lr > 0 or not 0 < factor <= 1:
        raise ValueError(
            f"lr is {lr} and factor {factor}, but lr must be above 0 and factor in (0, 1]."
        )
    levels = depths(encoder)
    layers = len(levels) - 1
    levels.append([] if head is None else list(head.parameters()))
    groups = []
    for depth, params in enumerate(levels):
        if trained := [param for param in params if param.requires_grad]:
            groups.append({"params": trained, "lr": depth_rate(lr, factor, depth, layers)})
    if not groups:
        raise ValueError(
            "No parameter of the encoder or the head is trainable: unfreeze some before making "
            "groups."
        )
    return groups
