"""Read and write notebooks the way the book keeps them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def read_notebook(path: Path) -> dict[str, Any]:
    """Read a notebook.

    Args:
        path: An ``.ipynb`` file.

    Returns:
        Its content, with every source and text as one string.

    Raises:
        ValueError: If the file is no notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = notebook["cells"]
        for cell in cells:
            cell["source"] = joined(cell["source"])
            cell.setdefault("metadata", {})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no notebook ({error!r}): write it again.") from error
    return notebook


def write_notebook(path: Path, notebook: dict[str, Any]) -> None:
    """Write a notebook with a line a source line, whole or not at all.

    Args:
        path: The file.
        notebook: Its content.
    """
    import nbformat

    node = nbformat.from_dict(notebook)
    text = nbformat.writes(node)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text.rstrip("\n") + "\n")
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def joined(text: str | list[str]) -> str:
    """Return a notebook's text field as one string.

    Args:
        text: A string, or the list of lines that the format also allows.

    Returns:
        One string.
    """
    return text if isinstance(text, str) else "".join(text)


def tags(cell: dict[str, Any]) -> set[str]:
    """Return a cell's tags.

    Args:
        cell: A cell.

    Returns:
        Its tags, an empty set where it has none.
    """
    return set(cell["metadata"].get("tags") or ())


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the code cells in order.

    Args:
        notebook: A notebook.

    Returns:
        Its code cells.
    """
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source_hash(notebook: dict[str, Any]) -> str:
    """Return the SHA-256 of a notebook's code, which ties its outputs to the cells that made them.

    The bootstrap cell is left out: it makes no output, and the book's address may change.

    Args:
        notebook: A notebook.

    Returns:
        64 hexadecimal digits.
    """
    sources = [cell["source"] for cell in code_cells(notebook) if "bootstrap" not in tags(cell)]
    return hashlib.sha256(json.dumps(sources, ensure_ascii=False).encode()).hexdigest()


def normalise(notebook: dict[str, Any], profile: str) -> None:
    """Make an executed notebook's metadata the same on every machine, in place.

    Args:
        notebook: An executed notebook.
        profile: The profile that it was executed in.
    """
    metadata = notebook["metadata"]
    metadata["kernelspec"] = dict(KERNEL)
    metadata["language_info"] = dict(LANGUAGE)
    for noise in ("widgets", "papermill", "jupytext", "vscode"):
        metadata.pop(noise, None)
    made = {"profile": profile, "source_sha256": source_hash(notebook)}
    metadata["recsys_book"] = {**metadata.get("recsys_book", {}), **made}
    for cell in notebook["cells"]:
        for noise in ("execution", "papermill", "collapsed", "ExecuteTime"):
            cell["metadata"].pop(noise, None)
        if "outputs" in cell:
            cell["outputs"] = _merge_streams(cell["outputs"])


def _merge_streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged: list[dict[str, Any]] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        same = output["output_type"] == last.get("output_type") == "stream"
        if same and output["name"] == last["name"]:
            last["text"] = joined(last["text"]) + joined(output["text"])
        else:
            merged.append(output)
    return merged


def failing_cell(notebook: dict[str, Any]) -> tuple[int, str, str] | None:
    """Return the first cell that raised.

    Args:
        notebook: An executed notebook.

    Returns:
        The cell's number among all cells (from 1), its source, and its error as text; ``None``
        where no cell raised.
    """
    for number, cell in enumerate(notebook["cells"], start=1):
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                trace = _ANSI.sub("", "\n".join(output.get("traceback", ())))
                return number, cell["source"], trace or f"{output['ename']}: {output['evalue']}"
    return None
