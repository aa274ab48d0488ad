"""Execute one notebook in a process of its own: ``python -m recsys_book.commands.execute``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


def execute_file(source: Path, target: Path) -> None:
    """Execute a notebook from top to bottom and write the result.

    A cell that raises ends the execution; its error is in the result.

    Args:
        source: The notebook; its folder is the working directory.
        target: Where the executed notebook goes.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(source, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(source.parent)}},
    )
    with contextlib.suppress(CellExecutionError):  # the reader of the result finds the cell
        client.execute()
    nbformat.write(notebook, target)


if __name__ == "__main__":
    execute_file(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
