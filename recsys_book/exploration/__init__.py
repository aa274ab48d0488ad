"""Exploration: policies that try things, estimates without running them, and experiments."""

from importlib import import_module
from typing import Any

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "BernoulliArms": "environments",
    "CascadeEnvironment": "environments",
    "Environment": "environments",
    "GaussianArms": "environments",
    "LinearArms": "environments",
    "Simulation": "environments",
    "SwitchingArms": "environments",
    "bernoulli_kl": "theory",
    "commit_bound": "theory",
    "decayed_epsilon_bound": "theory",
    "epsilon_greedy_slope": "theory",
    "hoeffding_tail": "theory",
    "lai_robbins_constant": "theory",
    "log_slope": "theory",
    "regret_from_pulls": "theory",
    "simulate": "environments",
    "thompson_bayes_bound": "theory",
    "ucb1_bound": "theory",
    "ucb1_slope": "theory",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
