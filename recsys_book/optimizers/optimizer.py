"""Any rule as a real ``torch.optim.Optimizer``."""

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from recsys_book.optimizers import checks
from recsys_book.optimizers.batching import BLOCK, apply_rule, buckets, step_cut, step_joined
from recsys_book.optimizers.compiled import CompiledSteps
from recsys_book.optimizers.rows import step_rows
from recsys_book.optimizers.rules.base import Rule


class Optimizer(torch.optim.Optimizer):
    """Trains the parameters of a model by one rule.

    It has what every optimizer of torch has: parameter groups (each may override any field of
    the rule), ``state_dict``, closures, and learning-rate schedulers that change ``lr``.

    Args:
        params: Parameters, named parameters, or groups as in torch.
        rule: The rule, with its hyper-parameters.
        clip_norm: The largest allowed norm of all gradients together; None for no limit.
        clip_value: The largest allowed size of one gradient entry; None for no limit.
        maximize: Climb instead of descend.
        compile: Let ``torch.compile`` fuse the rule into one kernel; needs a C++ compiler.
            A coupled rule, which joins the tensors of a group, runs as it is.
        check_finite: Look at every gradient before a step, and change nothing if one is not
            finite. It reads the gradients once more; torch's optimizers do not look.

    Raises:
        ValueError: If there are no parameters, if one is not a leaf or is complex, or if a group
            has a hyper-parameter out of its range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        rule: Rule,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        maximize: bool = False,
        compile: bool = False,
        check_finite: bool = True,
    ) -> None:
        checks.clipping(clip_norm, clip_value)
        self.rule = rule
        self.clip_norm, self.clip_value, self.maximize = clip_norm, clip_value, maximize
        self.compiled = CompiledSteps() if compile else None
        self.check_finite = check_finite
        defaults = self._hyper_parameters(rule) | {"averaged": False}
        super().__init__(checks.parameters(params), defaults)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs, besides what torch copies."""
        names = ("rule", "clip_norm", "clip_value", "maximize", "compiled", "check_finite")
        return super().__getstate__() | {name: getattr(self, name) for name in names}

    @property
    def steps_taken(self) -> int:
        """How many steps the weights have taken."""
        return max((state.get("step", 0) for state in self.state.values()), default=0)

    @property
    def averaged(self) -> bool:
        """Whether the weights are those to be evaluated, not those to be trained."""
        return self.param_groups[0]["averaged"]

    @staticmethod
    def _hyper_parameters(rule: Rule) -> dict[str, Any]:
        """Return the fields of a rule, as a group holds them."""
        return {field.name: getattr(rule, field.name) for field in fields(rule)}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with hyper-parameters of their own.

        Args:
            param_group: ``params`` and any field of the rule.
        """
        param_group = checks.group(param_group, self.rule, len(self.param_groups))
        self.rule_of(self._hyper_parameters(self.rule) | param_group)
        super().add_param_group(param_group)

    def rule_of(self, group: dict[str, Any]) -> Rule:
        """Return the rule with a group's present hyper-parameters."""
        return replace(self.rule, **{f.name: group[f.name] for f in fields(self.rule)})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Change the weights by one step.

        Args:
            closure: Computes the loss and its gradients anew, and returns the loss.

        Returns:
            What the closure returned, or None.

        Raises:
            NonFiniteGradientError: If a gradient is not finite; nothing has been changed then.
            ValueError: If a gradient is sparse where the rule needs it dense; likewise.
            RuntimeError: If the weights are the averaged ones; likewise.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.averaged:
            raise RuntimeError("The weights are the averaged ones: call train() before step().")
        checks.sparse_gradients(self)
        if self.check_finite:
            checks.finite_gradients(self)
        params = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        self._clip(params)
        self._turn(params)
        for group in self.param_groups:
            self._step_group(group)
        self._turn(params)
        return loss

    def _turn(self, params: list[Tensor]) -> None:
        """Change the gradients' sign, if the optimizer is to climb."""
        if self.maximize:
            for param in params:
                param.grad.neg_()

    def _clip(self, params: list[Tensor]) -> None:
        """Clip the gradients in place, as asked."""
        if self.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(params, self.clip_norm)
        if self.clip_value is not None:
            torch.nn.utils.clip_grad_value_(params, self.clip_value)

    def _step_group(self, group: dict[str, Any]) -> None:
        """Step the parameters of one group that have a gradient."""
        rule = self.rule_of(group)
        by_step: dict[tuple, list[Tensor]] = {}
        for param in group["params"]:
            if param.grad is None:
                continue
            state = self.state[param]
            if not state:
                state.update({"step": 0} | rule.init(param))
            state["step"] += 1
            if param.grad.is_sparse:
                step_rows(rule, param, self._tensors(param), state["step"])
                continue
            key = (state["step"], param.dtype, param.device)
            by_step.setdefault(key, []).append(param)
        for (step, *_), params in by_step.items():
            self._step_dense(rule, params, step)

    def _tensors(self, param: Tensor) -> dict[str, Tensor]:
        """Return the state tensors of a parameter, without its step count."""
        return {name: value for name, value in self.state[param].items() if name != "step"}

    def _step_dense(self, rule: Rule, params: list[Tensor], step: int) -> None:
        """Step parameters that share a step count, a dtype and a device."""
        states = [self._tensors(param) for param in params]
        if rule.coupled:
            step_joined(rule, params, states, step)
        elif self.compiled is not None:
            self.compiled(rule, params, states, step)
        elif not rule.elementwise:
            for param, state in zip(params, states):
                apply_rule(rule, param, param.grad, state, step)
        else:
            for bucket in buckets(params):
                self._step_bucket(rule, bucket, step)

    def _step_bucket(self, rule: Rule, bucket: list[Tensor], step: int) -> None:
        """Step some small parameters together, or one large one in blocks."""
        states = [self._tensors(param) for param in bucket]
        if len(bucket) > 1:
            step_joined(rule, bucket, states, step)
        elif bucket[0].numel() > BLOCK and _contiguous(bucket[0], *states[0].values()):
            step_cut(rule, bucket[0], states[0], step)
        else:
            apply_rule(rule, bucket[0], bucket[0].grad, states[0], step)

    def eval(self) -> None:
        """Set the weights to those to be evaluated; only a rule that averages has others."""
        if not self.averaged:
            self._swap("evaluation_weights", averaged=True)

    def train(self) -> None:
        """Set the weights back to those to be trained."""
        if self.averaged:
            self._swap("training_weights", averaged=False)

    @torch.no_grad()
    def _swap(self, method: str, averaged: bool) -> None:
        """Replace all weights that have a state by what a method of the rule returns."""
        if type(self.rule).evaluation_weights is Rule.evaluation_weights:
            return
        for group in self.param_groups:
            rule = self.rule_of(group)
            for param in group["params"]:
                if self.state[param]:
                    param.copy_(getattr(rule, method)(param, self.state[param]))
            group["averaged"] = averaged

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of an optimizer of the same rule and the same groups.

        Args:
            state_dict: What ``state_dict`` returned.

        Raises:
            ValueError: If rule, groups or shapes differ; nothing has been taken over then.
        """
        checks.checkpoint(self, state_dict)
        super().load_state_dict(state_dict)


def _contiguous(*tensors: Tensor) -> bool:
    """Return whether all tensors lie in memory as they are read."""
    return all(tensor.is_contiguous() for tensor in tensors)
