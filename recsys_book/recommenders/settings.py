"""What hyper-parameters may be, said in one place."""

from __future__ import annotations


def check_above_zero(model: object, *names: str) -> None:
    """Raise if a hyper-parameter is not above zero.

    Args:
        model: The recommender.
        *names: Of its hyper-parameters.

    Raises:
        ValueError: If one is zero, negative or not a number.
    """
    for name in names:
        if not getattr(model, name) > 0:
            raise ValueError(f"{name} is {getattr(model, name)}; use a number above 0.")


def check_at_least_zero(model: object, *names: str) -> None:
    """Raise if a hyper-parameter is below zero.

    Args:
        model: The recommender.
        *names: Of its hyper-parameters.

    Raises:
        ValueError: If one is negative or not a number.
    """
    for name in names:
        if not getattr(model, name) >= 0:
            raise ValueError(f"{name} is {getattr(model, name)}; use a number of at least 0.")
