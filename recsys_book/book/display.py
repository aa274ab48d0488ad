"""Show something in a notebook, and print it elsewhere."""

from __future__ import annotations

import sys


def show(bundle: dict[str, str]) -> None:
    """Show one output.

    Args:
        bundle: Text by MIME type, ``"text/plain"`` among them; that one is printed outside IPython.
    """
    shell = None
    if "IPython" in sys.modules:
        from IPython import get_ipython

        shell = get_ipython()
    if shell is None:
        print(bundle["text/plain"])
    else:
        from IPython.display import display

        display(bundle, raw=True)
