"""The first code cell of each chapter: it installs the package on a fresh machine."""

from __future__ import annotations

import re

_HEAD = """# The book's package. Where it is installed already, this cell does nothing.
import importlib.util

if importlib.util.find_spec("recsys_book") is None:
"""

_EMPTY = """    raise ModuleNotFoundError(
        "The package recsys_book is missing here: run `pip install -e '.[book]'`"
        " in a clone of the book's repository, then restart the kernel."
    )
"""

_ADDRESS = """    import subprocess
    import sys

    package = "recsys-book[book] @ git+{address}"
    if subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", package]):
        raise ModuleNotFoundError(f"pip could not install {{package}}: see its message above.")
"""


def bootstrap_source(address: str = "") -> str:
    """Return the text of a chapter's bootstrap cell.

    Args:
        address: The repository's URL; empty while the book has no address.

    Returns:
        Python source without a newline at the end. Where ``recsys_book`` cannot be imported the
        cell installs it from ``address``, or says in one sentence how to install it.

    Raises:
        ValueError: If the address is neither empty nor ``https://github.com/OWNER/NAME``.
    """
    if not address:
        return (_HEAD + _EMPTY).rstrip("\n")
    return (_HEAD + _ADDRESS.format(address=check_address(address))).rstrip("\n")


def check_address(address: str) -> str:
    """Return a repository's address in its plain form.

    Args:
        address: A URL.

    Returns:
        The URL without ``.git`` or a slash at its end.

    Raises:
        ValueError: If it is no GitHub repository, which is what Colab can open.
    """
    plain = address.strip().removesuffix("/").removesuffix(".git")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", plain, flags=re.ASCII):
        raise ValueError(
            f"{address!r} is no address that Colab can open: give https://github.com/OWNER/NAME."
        )
    return plain
