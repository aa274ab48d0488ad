"""``recsys-book build``: the HTML, from the outputs stored in the notebooks."""

from __future__ import annotations

import shutil
import subprocess
import time

from recsys_book.book.catalog import require_repository
from recsys_book.commands.processes import environment, python

_MAIN = "from jupyter_book.cli.main import main; main()"


def build() -> int:
    """Build the book with every warning fatal, and print the page to open.

    Returns:
        The exit status of the build.
    """
    root = require_repository()
    began = time.perf_counter()
    command = python("-W", "ignore", "-c", _MAIN, "build", ".", "-W", "-n", "--keep-going")
    status = subprocess.run(command, cwd=root, env=environment("book")).returncode
    if status:
        # Sphinx keeps the pages that it read: without this the next build would not warn again.
        shutil.rmtree(root / "_build" / ".doctrees", ignore_errors=True)
        print("recsys-book: the book has warnings: repair what is listed above.", flush=True)
        return 1
    page = root / "_build" / "html" / "index.html"
    print(f"\nbuilt in {time.perf_counter() - began:.0f} s; open {page}", flush=True)
    return 0
