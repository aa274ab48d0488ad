"""What the settings of a factor model may be, said in one place."""

from __future__ import annotations


def check_settings(
    model: object,
    whole: tuple[str, ...] = (),
    positive: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
) -> None:
    """Refuse settings that are out of range.

    Args:
        model: Whatever holds the settings as attributes.
        whole: Names of those that must be whole numbers of at least 1.
        positive: Names of those that must be above 0 and finite.
        not_negative: Names of those that must be at least 0 and finite.

    Raises:
        ValueError: If one is out of range; the sentence names it.
    """
    for name in whole:
        value = getattr(model, name)
        if not value >= 1 or value == float("inf") or int(value) != value:
            raise ValueError(f"{name} is {value}; use a whole number of at least 1.")
    for name in positive:
        value = getattr(model, name)
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} is {value}; use a finite number above 0.")
    for name in not_negative:
        value = getattr(model, name)
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} is {value}; use a finite number of at least 0.")
