"""Vectors on disk: what was encoded once is read, and a file that is not whole is not believed.

One folder a key; a key stands for a model's weights and for how they are used. Each call that
computes something new adds one file. A file is named after its content and appears under its name
only when it is complete, so that two processes cannot disturb each other. Its first bytes are a
SHA-256 of the key and of all that follows: a file that was cut, changed, or moved here from another
model is deleted and its texts are encoded again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Files in a folder after which they are written again as one.
MOST_FILES = 8

_SETTLED = 2.0  # seconds; a file that changed later than that might change again unseen
_SUFFIX = ".vectors"


@dataclass(frozen=True, eq=False)
class Entries:
    """What is known of some texts.

    Attributes:
        names: 128 bits of the SHA-256 of each text, rising, shape ``(n, 2)``, uint64.
        tokens: Tokens of each text before it was cut, shape ``(n,)``, int64.
        vectors: Shape ``(n, width)``, float32.
    """

    names: np.ndarray
    tokens: np.ndarray
    vectors: np.ndarray

    def rows(self, names: np.ndarray) -> np.ndarray:
        """Return where texts are.

        Args:
            names: Names of texts, shape ``(m, 2)``.

        Returns:
            Their rows, shape ``(m,)``, int64; -1 for a text that is not here.
        """
        if not len(self.names):
            return np.full(len(names), -1)
        rows = np.searchsorted(self.names[:, 0], names[:, 0])
        rows = np.minimum(rows, len(self.names) - 1)
        return np.where((self.names[rows] == names).all(axis=1), rows, -1)


def name_texts(texts: Sequence[str]) -> np.ndarray:
    """Return the names of texts, shape ``(n, 2)``, uint64.

    Args:
        texts: The texts; two have the same name if, and for all practical purposes only if, they
            are equal.
    """
    raw = b"".join(hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest()[:16] for t in texts)
    return np.frombuffer(raw, dtype=np.uint64).reshape(-1, 2)


def merge(parts: Sequence[Entries]) -> Entries:
    """Join entries; of a text that is there twice, the first one stays.

    Args:
        parts: At least one.

    Returns:
        All of them, each text once.
    """
    names = np.concatenate([p.names for p in parts])
    order = np.lexsort((names[:, 1], names[:, 0]))
    names = names[order]
    first = np.append(True, (names[1:] != names[:-1]).any(axis=1))[: len(names)]
    keep = order[first]
    tokens = np.concatenate([p.tokens for p in parts])[keep]
    return Entries(names[first], tokens, np.concatenate([p.vectors for p in parts])[keep])


class VectorCache:
    """The vectors of texts under one key.

    A folder that cannot be read or written makes the cache useless, never wrong: nothing is found,
    nothing is kept, and no error is raised.

    Args:
        folder: Where all caches are.
        key: Stands for everything but the text that a vector depends on.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self.key = hashlib.sha256(key).digest()
        self.folder = folder / self.key.hex()[:32]

    def read(self) -> Entries | None:
        """Return everything that is there, or None; damaged files are deleted."""
        parts = [part for part in map(self._read_file, self._files()) if part is not None]
        return parts[0] if len(parts) == 1 else merge(parts) if parts else None

    def add(self, entries: Entries) -> None:
        """Keep entries; where there are many files, write them again as one.

        Args:
            entries: What to keep, rising by name.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(entries)
            files = self._files()
            if len(files) > MOST_FILES and (whole := self.read()) is not None:
                kept = self._write(whole)
                for file in files:
                    if file != kept:
                        file.unlink(missing_ok=True)
        except OSError:  # slower the next time, not wrong
            return

    def _files(self) -> list[Path]:
        try:
            return sorted(f for f in self.folder.iterdir() if f.suffix == _SUFFIX)
        except OSError:
            return []

    def _read_file(self, file: Path) -> Entries | None:
        """Return what a file holds; delete it and return None if that is not what was written."""
        try:
            raw = memoryview(file.read_bytes())
        except OSError:
            return None
        digest, content = raw[:32], raw[32:]
        if digest != self._digest(content):
            _forget(file)
            return None
        stream = io.BytesIO(content)
        return Entries(*(np.load(stream, allow_pickle=False) for _ in range(3)))

    def _write(self, entries: Entries) -> Path:
        """Write a file that appears whole or not at all."""
        stream = io.BytesIO()
        for array in (entries.names, entries.tokens, entries.vectors):
            np.save(stream, array, allow_pickle=False)
        content = stream.getbuffer()
        digest = self._digest(content)
        file = self.folder / f"{digest.hex()[:32]}{_SUFFIX}"
        write_whole(file, digest, content)
        return file

    def _digest(self, content: memoryview) -> bytes:
        state = hashlib.sha256(self.key)
        state.update(content)
        return state.digest()


def write_whole(file: Path, *content: bytes | memoryview) -> None:
    """Write a file under a temporary name beside its place, then rename it.

    Args:
        file: The place.
        *content: Its bytes.

    Raises:
        OSError: If that fails; nothing is left behind.
    """
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            for part in content:
                stream.write(part)
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def fingerprint(folder: Path, memory: Path) -> bytes:
    """Return a digest of every file in a model's folder.

    Reading ninety megabytes takes longer than looking up the vectors. So the digest of a file is
    remembered with the file's size, times and number, and it is computed again when one of these
    has changed. A file that changed within the last two seconds is not remembered, since it might
    change once more within the same tick of the clock.

    Args:
        folder: The model; folders inside it do not count.
        memory: Where digests are remembered; need not exist, need not be writable.

    Returns:
        32 bytes that any change of a file changes.
    """
    place = memory / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]}.json"
    known, now = _remembered(place), time.time()
    state, memo = hashlib.sha256(), {}
    for file in sorted(f for f in folder.iterdir() if f.is_file()):
        s = file.stat()
        stamp = [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino]
        old = known.get(file.name)
        digest = old[1] if old and old[0] == stamp else digest_of(file)
        if now - max(s.st_mtime, s.st_ctime) > _SETTLED:
            memo[file.name] = [stamp, digest]
        state.update(f"{file.name}\0{digest}\0".encode())
    if memo != known:
        _remember(place, memo)
    return state.digest()


def digest_of(file: Path) -> str:
    """Return a file's SHA-256, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _remembered(place: Path) -> dict:
    try:
        known = dict(json.loads(place.read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}
    return {name: e for name, e in known.items() if isinstance(e, list) and len(e) == 2}


def _remember(place: Path, memo: dict) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(memo).encode())
    except OSError:
        return


def _forget(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return
