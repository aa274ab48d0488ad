"""One JSON file a chapter and profile: the raw values and where they come from."""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from recsys_book.book.catalog import find_repository

#: Environment variable that names the folder of the results.
RESULTS_VARIABLE = "RECSYS_BOOK_RESULTS"


def results_folder() -> Path | None:
    """Return the folder that results are written to.

    Returns:
        ``RECSYS_BOOK_RESULTS`` if set, else ``results/`` of the repository around the working
        directory, else ``None``: nothing is written.
    """
    if named := os.environ.get(RESULTS_VARIABLE, "").strip():
        return Path(named).expanduser()
    repository = find_repository()
    return repository / "results" if repository else None


def result_path(chapter: str, profile: str, folder: Path) -> Path:
    """Return the file of one chapter and profile.

    Args:
        chapter: For instance ``"foundations/cleaning"``.
        profile: ``"smoke"``, ``"book"`` or ``"full"``.
        folder: The results folder.

    Returns:
        For instance ``results/book/foundations__cleaning.json``.
    """
    return folder / profile / f"{chapter.replace('/', '__')}.json"


def plain(value: Any) -> Any:
    """Return a value as something JSON can hold.

    Args:
        value: Numbers, strings, NumPy arrays and scalars, pandas objects, and nests of them.

    Returns:
        Plain Python; a number that is not finite becomes ``None``, an unknown object its text.
    """
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def write_json(path: Path, content: Any, indent: int | None = 1) -> None:
    """Write a JSON file so that a reader sees the old file or the new one, never half of it.

    Args:
        path: The file; its folder is made if need be.
        content: Anything that ``plain`` understands.
        indent: Spaces a level; None writes one line.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", text=True)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(plain(content), stream, indent=indent, ensure_ascii=False)
            stream.write("\n")
        # mkstemp makes the file private; a result is as public as any other file.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read_result(chapter: str, profile: str, folder: Path | None) -> dict[str, Any] | None:
    """Return the stored result of one chapter and profile.

    Args:
        chapter: For instance ``"foundations/cleaning"``.
        profile: ``"smoke"``, ``"book"`` or ``"full"``.
        folder: The results folder; ``None`` has no results.

    Returns:
        The file's content, or ``None`` where there is none that can be read.
    """
    if folder is None:
        return None
    try:
        content = json.loads(result_path(chapter, profile, folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def note_wall_time(chapter: str, profile: str, folder: Path | None, seconds: float) -> None:
    """Add to a result how long its chapter took in all, imports and the kernel's start included.

    Args:
        chapter: For instance ``"foundations/cleaning"``.
        profile: ``"smoke"``, ``"book"`` or ``"full"``.
        folder: The results folder.
        seconds: The time.
    """
    if folder is not None and (content := read_result(chapter, profile, folder)):
        content["wall_seconds"] = round(seconds, 1)
        write_json(result_path(chapter, profile, folder), content)
