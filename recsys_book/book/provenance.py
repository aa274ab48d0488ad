"""Where a result comes from: code, versions, device, data, time and memory."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from recsys_book import __version__

#: Distribution name of each library that is worth naming, by its import name.
LIBRARIES = {
    "gensim": "gensim",
    "jieba": "jieba",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "pandas": "pandas",
    "pandera": "pandera",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "transformers": "transformers",
}
_REGISTRY = Path(__file__).parents[1] / "data" / "registry.json"


@cache
def git_commit(folder: Path) -> str | None:
    """Return the commit checked out in a folder.

    Args:
        folder: A folder of the repository.

    Returns:
        The full hash, or ``None`` where there is no repository or no git.
    """
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries in use, by distribution name.

    Returns:
        One entry for each library of ``LIBRARIES`` that this process has imported.
    """
    versions = {}
    for module, distribution in LIBRARIES.items():
        if module in sys.modules:
            versions[distribution] = _version(module, distribution)
    return versions


@cache  # a chapter records dozens of times, and looking a version up reads a folder
def _version(module: str, distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules[module], "__version__", "unknown"))


def device_name() -> str:
    """Return the device that a model would run on.

    Returns:
        The name of the first CUDA device if torch was imported and sees one, else the kind of CPU.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"


def data_hashes(registry: Path = _REGISTRY) -> dict[str, str]:
    """Return the SHA-256 of every registered data file.

    Args:
        registry: The registry of the data room, a JSON file.

    Returns:
        Hashes by data set and file, for instance ``"ml-100k/ml-100k.inter"``; empty where there is
        no readable registry.
    """
    try:
        content = json.loads(registry.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found: dict[str, str] = {}
    for path, text in _hashes(content, ()):
        # A data set comes from several places; its files are the same wherever they come from.
        inner = path[path.index("members") + 1 :][:1] if "members" in path else ()
        found.setdefault("/".join((*path[:1], *inner)), text)
    return {name: text for name, text in found.items() if not _is_archive(name, found)}


def _is_archive(name: str, found: dict[str, str]) -> bool:
    return any(other.startswith(f"{name}/") for other in found)


def _hashes(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, dict | list):
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            yield from _hashes(value, (*path, str(key)))
    elif isinstance(node, str):
        text = node.removeprefix("sha256:").lower()
        if len(text) == 64 and set(text) <= set("0123456789abcdef"):
            yield path, text


def peak_memory_mib() -> float | None:
    """Return the largest resident memory of this process so far, in MiB.

    Returns:
        VmHWM on Linux, ``ru_maxrss`` elsewhere, ``None`` where neither is known.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def provenance(folder: Path | None) -> dict[str, Any]:
    """Return everything about a run that is not its numbers.

    Args:
        folder: A folder of the repository, or ``None`` outside one.

    Returns:
        Package version, git commit, library versions, Python, platform, device, data hashes and
        peak memory in MiB.
    """
    return {
        "package": __version__,
        "commit": git_commit(folder) if folder else None,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device_name(),
        "libraries": library_versions(),
        "data_sha256": data_hashes(),
        "peak_memory_mib": peak_memory_mib(),
    }
