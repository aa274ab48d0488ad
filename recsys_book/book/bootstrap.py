"""The first code cell of each chapter: it installs the package on a fresh machine."""

from __future__ import annotations

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
        address: The repository's URL (``https://…``); empty while the book has no address.

    Returns:
        Python source without a newline at the end. Where ``recsys_book`` cannot be imported the
        cell installs it from ``address``, or says in one sentence how to install it.

    Raises:
        ValueError: If the address is neither empty nor an ``https`` URL without blanks or quotes.
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
        ValueError: If it is no ``https`` URL with a host and a path, or contains odd characters.
    """
    plain = address.strip().removesuffix("/").removesuffix(".git")
    host, _, path = plain.removeprefix("https://").partition("/")
    odd = set(plain) & set(" \t\n'\"\\{}<>|^`@#?")
    if not plain.startswith("https://") or not host or not path.strip("/") or odd:
        raise ValueError(
            f"{address!r} is no repository address: give a URL such as https://HOST/OWNER/NAME."
        )
    return plain
