"""A schedule at work on the rates of an optimizer."""

from typing import Any

import torch

from recsys_book.optimizers.schedules import Schedule


class Scheduler:
    """Sets the rates of an optimizer's parameter groups by a schedule.

    Call ``step`` once after each optimizer step, or once after each epoch if the schedule counts
    epochs. It works on any ``torch.optim.Optimizer``.

    Args:
        optimizer: The optimizer; each group's present rate (``initial_lr`` if it has one) is its
            base rate.
        schedule: The plan.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule) -> None:
        self.optimizer, self.schedule = optimizer, schedule
        self.base = [
            group.setdefault("initial_lr", group["lr"]) for group in optimizer.param_groups
        ]
        self.steps_taken = 0
        self._ready = False
        optimizer.register_step_post_hook(self._optimizer_stepped)
        self._apply()

    def _optimizer_stepped(self, *_: Any) -> None:
        """Note that the optimizer took a step."""
        self._ready = True

    def _apply(self) -> None:
        """Write the present rates into the groups."""
        factor = self.schedule.rate(self.steps_taken)
        for group, base in zip(self.optimizer.param_groups, self.base):
            group["lr"] = base * factor

    @property
    def rates(self) -> list[float]:
        """The present rate of each parameter group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self) -> None:
        """Go one step on in the schedule.

        Raises:
            ValueError: If the optimizer took no step since the last call.
        """
        if not self._ready:
            raise ValueError(
                f"Step {self.steps_taken + 1} of the schedule comes before the optimizer's: call "
                "optimizer.step() first, or the first rate of the schedule is skipped."
            )
        self._ready = False
        self.steps_taken += 1
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on after a checkpoint."""
        return {"steps_taken": self.steps_taken, "base": list(self.base), "ready": self._ready}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another scheduler of the same schedule stopped.

        Args:
            state: What ``state_dict`` returned.

        Raises:
            ValueError: If it was made for another number of parameter groups.
        """
        if len(state["base"]) != len(self.base):
            raise ValueError(
                f"The schedule's checkpoint has {len(state['base'])} parameter groups, but this "
                f"optimizer has {len(self.base)}: build it with the same groups before loading."
            )
        self.steps_taken, self.base = state["steps_taken"], list(state["base"])
        self._ready = state["ready"]
        self._apply()
