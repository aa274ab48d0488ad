"""Profiles: how large a run of a chapter is, and the settings that go with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

#: The three sizes of a run: seconds, the committed outputs, the real thing.
PROFILES = ("smoke", "book", "full")
#: Environment variable that names the profile where the notebook names none.
PROFILE_VARIABLE = "RECSYS_BOOK_PROFILE"
#: Environment variables that numerical libraries read their number of threads from, once.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class Settings(Mapping):
    """The active profile's settings, read as attributes or as a mapping.

    Args:
        values: Names and values; the names are Python identifiers.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            known = ", ".join(self.__dict__.get("_values", {})) or "none"
            raise AttributeError(f"there is no setting {name!r}; there are: {known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"settings are read-only: change {name!r} in the chapter's settings table instead"
        )

    def __getitem__(self, name: str) -> Any:
        return self.__dict__["_values"][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__["_values"])

    def __len__(self) -> int:
        return len(self.__dict__["_values"])

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.items())
        return f"Settings({inner})"


def resolve_profile(profile: str | None = None) -> str:
    """Return the name of the profile to run.

    Args:
        profile: A profile's name; ``""`` or ``None`` takes the environment variable
            ``RECSYS_BOOK_PROFILE``, and without that ``"book"``.

    Returns:
        ``"smoke"``, ``"book"`` or ``"full"``.

    Raises:
        ValueError: If there is no such profile.
    """
    source = "the cell tagged 'parameters'" if profile else f"the variable {PROFILE_VARIABLE}"
    name = profile or os.environ.get(PROFILE_VARIABLE, "").strip() or "book"
    if name not in PROFILES:
        raise ValueError(
            f"{source} asks for the unknown profile {name!r}: use one of {', '.join(PROFILES)}."
        )
    return name


def check_settings(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a chapter's settings table, after checking that its three rows fit together.

    Args:
        settings: ``{"smoke": {...}, "book": {...}, "full": {...}}`` with the same names in each.

    Returns:
        The same table as plain dictionaries.

    Raises:
        ValueError: If a profile is missing or unknown, or the names differ or are no identifiers.
    """
    if set(settings) != set(PROFILES):
        found = ", ".join(map(str, settings)) or "nothing"
        raise ValueError(
            f"the settings have the profiles {found}: give exactly {', '.join(PROFILES)}."
        )
    table = {name: dict(settings[name]) for name in PROFILES}
    expected = set(table["book"])
    for name, row in table.items():
        if different := sorted(expected.symmetric_difference(row), key=str):
            raise ValueError(
                f"the settings of {name!r} and of 'book' differ in"
                f" {', '.join(map(str, different))}: give the same names in every profile."
            )
    for key in table["book"]:
        if not (isinstance(key, str) and key.isidentifier()):
            raise ValueError(f"the setting {key!r} is no Python name: rename it.")
    return table
