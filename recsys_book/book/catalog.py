"""The chapters of the book, as its table of contents lists them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Page:
    """One page of the book.

    Attributes:
        name: Its path under ``chapters/`` without suffix, for instance ``foundations/cleaning``.
        path: Its file.
        part: The caption of its part; ``""`` for the landing page.
        title: Its first heading.
    """

    name: str
    path: Path
    part: str
    title: str

    @property
    def is_notebook(self) -> bool:
        """Whether the page is executed."""
        return self.path.suffix == ".ipynb"

    @property
    def is_chapter(self) -> bool:
        """Whether the page follows the template of a chapter.

        An executed page that does not says so: its metadata hold ``recsys_book: {kind: page}``.
        """
        if not self.is_notebook:
            return False
        metadata = json.loads(self.path.read_text(encoding="utf-8")).get("metadata", {})
        return metadata.get("recsys_book", {}).get("kind") != "page"


def find_repository(start: Path | None = None) -> Path | None:
    """Return the root of the book's repository.

    Args:
        start: Where to begin; the working directory by default.

    Returns:
        The nearest folder upwards that holds ``_toc.yml`` and ``chapters``, or ``None``.
    """
    here = Path(start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "_toc.yml").is_file() and (folder / "chapters").is_dir():
            return folder
    return None


def require_repository(start: Path | None = None) -> Path:
    """Return the root of the book's repository, or say that there is none.

    Args:
        start: Where to begin; the working directory by default.

    Returns:
        The nearest folder upwards that holds ``_toc.yml`` and ``chapters``.

    Raises:
        ValueError: If no folder upwards is the book's.
    """
    root = find_repository(start)
    if root is None:
        raise ValueError(
            f"{Path(start or Path.cwd())} is not inside the book's repository (no _toc.yml and"
            " chapters/ here or above): change to a clone of it."
        )
    return root


def first_heading(path: Path) -> str:
    """Return the first level-1 heading of a page.

    Args:
        path: A notebook or a Markdown file.

    Returns:
        The heading's text, or the file's stem where there is none.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text).get("cells", [])
        sources = [c["source"] for c in cells if c.get("cell_type") == "markdown"]
        text = "\n".join(s if isinstance(s, str) else "".join(s) for s in sources)
    for line in text.splitlines():
        if line.startswith("# "):
            return line[2:].strip()
    return path.stem


def toc_entries(root: Path) -> list[tuple[str, str]]:
    """Return every entry of the table of contents.

    Args:
        root: The repository.

    Returns:
        Pairs of part caption and file name (relative to ``root``, usually without suffix).

    Raises:
        ValueError: If ``_toc.yml`` cannot be read or has no ``root``.
    """
    path = root / "_toc.yml"
    try:
        toc = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} cannot be read ({reason}): repair it.") from error
    if not isinstance(toc, dict) or "root" not in toc:
        raise ValueError(f"{path} names no root page: give it a line `root: index`.")
    entries = [("", str(toc["root"]))]
    for part in toc.get("parts") or [toc]:
        _walk(part, str(part.get("caption", "")), entries)
    return entries


def _walk(node: dict[str, Any], caption: str, entries: list[tuple[str, str]]) -> None:
    for key in ("chapters", "sections"):
        for child in node.get(key) or []:
            if "file" in child:
                entries.append((caption, str(child["file"])))
            _walk(child, caption, entries)


def page_file(root: Path, entry: str) -> Path | None:
    """Return the file of a table-of-contents entry.

    Args:
        root: The repository.
        entry: A path relative to it, with or without suffix.

    Returns:
        The file, or ``None`` where there is none.
    """
    for suffix in ("", ".ipynb", ".md"):
        path = root / f"{entry}{suffix}"
        if path.is_file():
            return path
    return None


def pages(root: Path) -> list[Page]:
    """Return the pages of the table of contents that exist, in reading order.

    Args:
        root: The repository.

    Returns:
        One entry a page.
    """
    found = []
    for part, entry in toc_entries(root):
        if path := page_file(root, entry):
            name = entry.removeprefix("chapters/").removesuffix(path.suffix)
            found.append(Page(name, path, part, first_heading(path)))
    return found


def chapters(root: Path) -> list[Page]:
    """Return the executed pages, in reading order.

    Args:
        root: The repository.

    Returns:
        The notebooks of the table of contents, then any other notebook under ``chapters/``.
    """
    listed = [page for page in pages(root) if page.is_notebook]
    known = {page.path for page in listed}
    for path in sorted((root / "chapters").rglob("*.ipynb")):
        hidden = any(p.startswith((".", "_")) for p in path.relative_to(root).parts)
        if path not in known and not hidden:
            name = path.relative_to(root / "chapters").with_suffix("").as_posix()
            listed.append(Page(name, path, "not in _toc.yml", first_heading(path)))
    return listed


def find_chapters(root: Path, names: Iterable[str] = ()) -> list[Page]:
    """Return the chapters that a reader named.

    Args:
        root: The repository.
        names: ``foundations/cleaning``, ``cleaning``, a file's path, a part's folder
            (``foundations``) or ``all``; nothing means every chapter.

    Returns:
        The chapters in reading order, each once.

    Raises:
        ValueError: If a name fits no chapter; the sentence lists near matches.
    """
    known = chapters(root)
    wanted: set[str] = set()
    for name in names:
        wanted.update(page.name for page in _match(root, known, name))
    return [page for page in known if page.name in wanted] if wanted else known


def _match(root: Path, known: list[Page], name: str) -> list[Page]:
    if name == "all":
        return known
    asked = name.removeprefix("./").removeprefix("chapters/").removesuffix(".ipynb").strip("/")
    exact = [page for page in known if asked in (page.name, page.name.rpartition("/")[2])]
    exact = exact or [page for page in known if page.name.startswith(f"{asked}/")]
    exact = exact or [page for page in known if Path(name).resolve() == page.path.resolve()]
    if exact:
        return exact
    names = [page.name for page in known]
    short = {page.name.rpartition("/")[2]: page.name for page in known}
    near = difflib.get_close_matches(asked, [*names, *short], n=3, cutoff=0.5)
    near = list(dict.fromkeys(short.get(word, word) for word in near))
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"there are: {', '.join(names) or 'none yet'}."
    )
    raise ValueError(f"there is no chapter {name!r} under {root / 'chapters'}: {hint}")
