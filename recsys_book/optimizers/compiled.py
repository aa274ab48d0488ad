"""A rule fused into one kernel by ``torch.compile``."""

import copy
from collections.abc import Callable
from dataclasses import fields
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from recsys_book.optimizers.batching import State, apply_rule
from recsys_book.optimizers.rules.base import Rule


class CompiledSteps:
    """Steps many tensors with one compiled function a rule.

    What changes from step to step, the rate and the step count, enters as tensors, so that nothing
    is compiled again. The other hyper-parameters are constants of the compiled code: changing one
    compiles anew, once for each value.

    Args:
        backend: The compiler of ``torch.compile``.
    """

    def __init__(self, backend: str = "inductor") -> None:
        self.backend = backend
        self.functions: dict[tuple[Any, ...], Callable[..., None]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy the settings; a copy compiles for itself."""
        return CompiledSteps, (self.backend,)

    def __call__(self, rule: Rule, params: list[Tensor], states: list[State], step: int) -> None:
        """Step the parameters by a rule.

        Args:
            rule: A rule that needs no scalar of all weights together.
            params: The weights, with dense gradients; changed in place.
            states: The state of each; changed in place.
            step: The number of this step; the first is 1.
        """
        constants = {f.name: getattr(rule, f.name) for f in fields(rule) if f.name != "lr"}
        key = (type(rule), *constants.values())
        if key not in self.functions:
            self.functions[key] = torch.compile(_step_all(rule), backend=self.backend)
        dtype = torch.promote_types(params[0].dtype, torch.float32)
        lr, at, *factors = (
            torch.as_tensor(float(value), dtype=dtype)
            for value in (rule.lr, step, *rule.factors(step))
        )
        grads = [param.grad for param in params]
        self.functions[key](params, grads, states, lr, at, tuple(factors))


def _step_all(rule: Rule) -> Callable[..., None]:
    """Return the function to compile: one step of a rule for every tensor of a list."""

    def step_all(  # pragma: no cover - what runs is its compiled form
        params: list[Tensor],
        grads: list[Tensor],
        states: list[State],
        lr: Tensor,
        step: Tensor,
        factors: tuple[Tensor, ...],
    ) -> None:
        present = copy.copy(rule)
        present.lr = lr
        present.factors = lambda step: factors
        for param, grad, state in zip(params, grads, states):
            apply_rule(present, param, grad, state, step)

    # The compiler counts how often it compiles one piece of code, and gives up after a few times:
    # each rule gets a piece of its own.
    own = step_all.__code__.replace(co_name=f"step_all_{type(rule).__name__}")
    return FunctionType(own, step_all.__globals__, closure=step_all.__closure__)
