"""What all indexes share: the look at the queries, and a file that cannot lie."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from recsys_book.encoders.geometry import checked_vectors
from recsys_book.encoders.vector_cache import write_whole

_MAGIC = b"recsys-book index 1\n"


def checked_queries(queries: Any, k: int, n: int, width: int) -> np.ndarray:
    """Return queries as float32.

    Args:
        queries: Shape ``(n queries, width)``.
        k: How many neighbours are wanted.
        n: How many vectors the index holds.
        width: Their width.

    Returns:
        The queries, contiguous.

    Raises:
        ValueError: If the widths differ, a query is not finite, or k is not from 1 to n.
    """
    queries = checked_vectors(queries, "queries")
    if queries.shape[1] != width:
        raise ValueError(
            f"The queries have {queries.shape[1]} coordinates and the index {width}: encode both "
            "with the same model, and cut both to the same width."
        )
    if not 1 <= k <= n:
        raise ValueError(f"k is {k}, but the index holds {n} vectors: ask for 1 to {n}.")
    return np.ascontiguousarray(queries, dtype=np.float32)


def write_index(path: Any, kind: str, settings: dict[str, Any], content: np.ndarray) -> None:
    """Write an array, what it is, and a digest of both; atomic.

    Args:
        path: Of the file.
        kind: Of the index.
        settings: Of the index; JSON must be able to hold them.
        content: The array.
    """
    path, stream = Path(path), io.BytesIO()
    stream.write(json.dumps({"kind": kind, "settings": settings}).encode() + b"\n")
    np.save(stream, content, allow_pickle=False)
    body = stream.getvalue()
    write_whole(path, _MAGIC, hashlib.sha256(body).digest(), body)


def read_index(path: Any) -> tuple[str, dict[str, Any], np.ndarray]:
    """Read what ``write_index`` wrote.

    Args:
        path: Of the file.

    Returns:
        Kind, settings and array.

    Raises:
        ValueError: If there is no such file, it is of something else, or its content was changed.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f"The index file {path} cannot be read ({error.strerror}): build the index again."
        ) from None
    if not raw.startswith(_MAGIC):
        raise ValueError(f"{path} is not an index of this package: give a file of save_index.")
    digest, body = raw[len(_MAGIC) : len(_MAGIC) + 32], raw[len(_MAGIC) + 32 :]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError(f"The index file {path} is damaged or cut short: build the index again.")
    head, _, rest = body.partition(b"\n")
    description = json.loads(head)
    return (
        description["kind"],
        description["settings"],
        np.load(io.BytesIO(rest), allow_pickle=False),
    )
