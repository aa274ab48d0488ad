"""Finding layers of a model by name, putting others in their place, and keeping what was added."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn


class Adapted(nn.Module):
    """A layer that stands where a pretrained one was: frozen inside, with something small to train.

    ``add_lora``, ``add_adalora`` and ``add_adapters`` refuse a model that has one.
    """

    def added(self) -> list[nn.Parameter]:
        """Return the parameters beside the frozen ones."""
        raise NotImplementedError


def seeded(generator: torch.Generator | None) -> torch.Generator:
    """Return the generator, or a fresh one with seed 0."""
    return torch.Generator().manual_seed(0) if generator is None else generator


def factor_dtype(weight: Tensor) -> torch.dtype:
    """Return the type that what is trained should have: never less than float32."""
    return torch.promote_types(weight.dtype, torch.float32)


def check_linear(linear: object, layer: str) -> None:
    """Raise if something is not a linear layer that can be adapted."""
    if isinstance(linear, Adapted):
        raise ValueError(
            f"The layer given to {layer} is already adapted ({type(linear).__name__}): merge it, "
            "or start again from the pretrained model."
        )
    if not isinstance(linear, nn.Linear):
        raise ValueError(
            f"{layer} stands in for a torch.nn.Linear, but the layer is of type "
            f"{type(linear).__name__}: name linear layers only."
        )


def check_rank(rank: int, linear: nn.Linear) -> None:
    """Raise if a rank does not fit the shape of a layer."""
    largest = min(linear.in_features, linear.out_features)
    if isinstance(rank, bool) or not isinstance(rank, int) or not 1 <= rank <= largest:
        raise ValueError(
            f"The rank is {rank}, but a layer from {linear.in_features} to {linear.out_features} "
            f"takes a whole number from 1 to {largest}."
        )


def check_input(x: Tensor, weight: Tensor) -> None:
    """Raise if the input's type is not the weight's, outside of autocast, which would cast it."""
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(
            f"The input is {x.dtype} and the frozen weight {weight.dtype}: cast one of them, or "
            "run under autocast."
        )


def matching(model: nn.Module, names: Sequence[str]) -> list[str]:
    """Find modules by the end of their dotted names.

    Args:
        model: The model.
        names: Ends of dotted names, whole parts only: ``"query"`` or ``"output.dense"``.

    Returns:
        The full names, in the model's order.

    Raises:
        ValueError: If there are no names, or one of them ends no module's name.
    """
    if isinstance(names, str) or not names:
        raise ValueError(f"names is {names!r}, but a list of names is needed, as in ['query'].")
    every = [name for name, _ in model.named_modules() if name]
    for end in names:
        if not any(_ends(name, end) for name in every):
            linear = {n.rpartition(".")[2] for n, m in model.named_modules() if _is_linear(m)}
            raise ValueError(
                f"No module of {type(model).__name__} is named {end!r}; its linear layers are "
                f"named {', '.join(sorted(linear)) or '(there are none)'}."
            )
    return [name for name in every if any(_ends(name, end) for end in names)]


def refuse_adapted(model: nn.Module) -> None:
    """Raise if a model has been adapted before."""
    for name, module in model.named_modules():
        if isinstance(module, Adapted):
            raise ValueError(
                f"The model is already adapted: {name or 'it'} is of type {type(module).__name__}; "
                "merge it, or start again from the pretrained model."
            )


def replace_each(
    model: nn.Module, names: Sequence[str], make: Callable[[nn.Linear], nn.Module]
) -> list[str]:
    """Put new modules in the place of those that match; all are made before one is replaced.

    Args:
        model: The model, changed in place.
        names: Ends of dotted names.
        make: From the old layer to the new one; may raise.

    Returns:
        The full names of the places.

    Raises:
        ValueError: If the model has been adapted before, or a name or a layer does not fit; the
            model is as it was then.
    """
    refuse_adapted(model)
    places = matching(model, names)
    trained = [param for param in model.parameters() if param.requires_grad]
    try:
        made = [make(model.get_submodule(place)) for place in places]
    except ValueError:
        for param in trained:
            param.requires_grad_(True)
        raise
    for place, module in zip(places, made):
        put(model, place, module)
    return places


def train_only_added(model: nn.Module) -> nn.Module:
    """Freeze a model but for what its adapted layers have added, and return it."""
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, Adapted):
            for param in module.added():
                param.requires_grad_(True)
    return model


def put(model: nn.Module, place: str, module: nn.Module) -> None:
    """Set the submodule with a dotted name."""
    parent, _, name = place.rpartition(".")
    setattr(model.get_submodule(parent), name, module)


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Return what a fine-tuned model has beside its frozen weights: every trainable parameter.

    Args:
        model: A model, some of it frozen.

    Returns:
        Copies on the CPU, by name.
    """
    return {
        name: param.detach().cpu().clone()
        for name, param in model.named_parameters()
        if param.requires_grad
    }


def save_trained(model: nn.Module, path: str | Path) -> int:
    """Write what was trained to a file; the frozen weights stay where they came from.

    Args:
        model: A model, some of it frozen.
        path: The file.

    Returns:
        Its size in bytes.
    """
    path = Path(path)
    torch.save(trained_state(model), path)
    return path.stat().st_size


def load_trained(model: nn.Module, path: str | Path) -> nn.Module:
    """Read what was trained into a model that was adapted in the same way.

    Args:
        model: The pretrained model after the same ``add_…`` and ``freeze`` calls; changed in place.
        path: The file of ``save_trained``.

    Returns:
        The model.

    Raises:
        ValueError: If the file is no such file or does not fit; the model is as it was then.
    """
    state = _read(path)
    params = {name: p for name, p in model.named_parameters() if p.requires_grad}
    _check_fit(params, state, path)
    with torch.no_grad():
        for name, value in state.items():
            params[name].copy_(value)
    return model


def _read(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, or raise one sentence."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as problem:
        raise ValueError(
            f"{path} cannot be read ({type(problem).__name__}): give a file of save_trained."
        ) from problem
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{path} holds no weights by name: give a file of save_trained.")
    return state


def _check_fit(params: dict[str, nn.Parameter], state: dict[str, Tensor], path: str | Path) -> None:
    """Raise if names or shapes differ."""
    if odd := sorted(params.keys() ^ state.keys()):
        where = "the model" if odd[0] in params else "the file"
        raise ValueError(
            f"{path} does not fit the model: {odd[0]} is only in {where} ({len(odd)} names differ);"
            " adapt the model as it was adapted when the file was written."
        )
    for name, value in state.items():
        if value.shape != params[name].shape:
            raise ValueError(
                f"{path} does not fit the model: {name} has shape {tuple(value.shape)} in the file "
                f"and {tuple(params[name].shape)} in the model; use the same rank or bottleneck."
            )


def _ends(name: str, end: str) -> bool:
    """Return whether a dotted name ends in whole parts with another."""
    return name == end or name.endswith("." + end)


def _is_linear(module: nn.Module) -> bool:
    """Return whether a module is a linear layer, adapted or not."""
    return isinstance(module, nn.Linear | Adapted)
