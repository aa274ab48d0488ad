"""``recsys-book address``: where the book lives, written once into everything that names it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from recsys_book.book.bootstrap import bootstrap_source, check_address
from recsys_book.book.catalog import chapters, require_repository
from recsys_book.book.notebooks import read_notebook, tags, write_notebook

_BLOCK = re.compile(r"(?ms)^repository:[^\n]*\n(?:(?:[ \t]+[^\n]*|[ \t]*#[^\n]*)?\n)*")
_URL = re.compile(r"(?m)^[ \t]+url:(?P<value>[ \t]*(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s#]*))")


def address(url: str | None) -> int:
    """Show the book's address, or change it.

    Args:
        url: The new address; ``""`` takes it away, ``None`` shows the present one.

    Returns:
        The exit status, 0.

    Raises:
        ValueError: If the URL is none, or ``_config.yml`` has no ``repository: url:``.
    """
    root = require_repository()
    if url is None:
        print(read_address(root) or "the book has no address yet")
        return 0
    plain = check_address(url) if url else ""
    write_address(root, plain)
    changed = write_bootstrap_cells(root, plain)
    what = plain or "nothing (no buttons)"
    print(f"_config.yml and {changed} bootstrap cell(s) now name {what}")
    return 0


def read_address(root: Path) -> str:
    """Return the book's address.

    Args:
        root: The repository.

    Returns:
        The URL, ``""`` while there is none.
    """
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8")) or {}
    return str((config.get("repository") or {}).get("url") or "")


def write_address(root: Path, url: str) -> None:
    """Write the address into ``_config.yml``; the rest of the file stays as it is.

    Args:
        root: The repository.
        url: The address, or ``""``.

    Raises:
        ValueError: If the file has no ``repository: url:``.
    """
    path = root / "_config.yml"
    text = path.read_text(encoding="utf-8")
    block = _BLOCK.search(text)
    found = _URL.search(block.group()) if block else None
    if block is None or found is None:
        raise ValueError(f'{path} has no line `url: ""` under `repository:`: add one.')
    start = block.start() + found.start("value")
    end = block.start() + found.end("value")
    path.write_text(f'{text[:start]} "{url}"{text[end:]}', encoding="utf-8")


def write_bootstrap_cells(root: Path, url: str) -> int:
    """Write the canonical bootstrap cell into every chapter.

    Args:
        root: The repository.
        url: The address, or ``""``.

    Returns:
        How many cells changed.
    """
    source, changed = bootstrap_source(url), 0
    for page in chapters(root):
        notebook = read_notebook(page.path)
        stale = [c for c in notebook["cells"] if "bootstrap" in tags(c) and c["source"] != source]
        for cell in stale:
            cell["source"] = source
        if stale:
            write_notebook(page.path, notebook)
            changed += len(stale)
    return changed
