"""Bandit policies: which item to show next, with what probability, vectorised over runs."""

from importlib import import_module
from typing import Any

#: Where each public name is defined; a module is imported when a name of it is first asked for.
_LAZY: dict[str, str] = {
    "IndexPolicy": "base",
    "Policy": "base",
    "SamplingPolicy": "base",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
