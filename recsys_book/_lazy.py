"""Public names that a package imports only when they are first asked for.

Importing a room then costs nothing that its reader does not use: no torch, numba or web server.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, table: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the two functions that look up and list a package's names.

    Source: PEP 562, "Module __getattr__ and __dir__".

    Args:
        package: The package's ``__name__``.
        table: Public name → the module of the package that holds it.

    Returns:
        The package's ``__getattr__``, which imports the module of a name in the table and raises
        ``AttributeError`` for any other, and its ``__dir__``, which lists the names of the table
        beside those that are there already.
    """

    def __getattr__(name: str) -> Any:
        if name not in table:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{table[name]}"), name)

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *table})

    return __getattr__, __dir__
