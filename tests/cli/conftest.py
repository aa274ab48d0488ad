"""A small book in a temporary folder."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from recsys_book.book.bootstrap import bootstrap_source
from recsys_book.book.catalog import find_repository
from recsys_book.book.notebooks import KERNEL, LANGUAGE

ROOT = find_repository(Path(__file__).parent)
TOC = """format: jb-book
root: index
parts:
  - caption: Part
    chapters:
      - file: chapters/part/one
      - file: chapters/part/two
"""
START = """import os
print("profile", profile or os.environ["RECSYS_BOOK_PROFILE"])"""


def notebook(title, *sources, tags=()):
    """Return a small notebook."""
    v4 = nbformat.v4
    cells = [
        v4.new_markdown_cell(f"# {title}"),
        v4.new_code_cell(bootstrap_source(""), metadata={"tags": ["bootstrap"]}),
        v4.new_code_cell('profile = ""', metadata={"tags": ["parameters"]}),
        *(v4.new_code_cell(source) for source in sources),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    metadata = {"kernelspec": dict(KERNEL), "language_info": dict(LANGUAGE)}
    return v4.new_notebook(cells=cells, metadata=metadata)


def write(path, node):
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(node), encoding="utf-8")


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """A repository with two chapters, the working directory of the test."""
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "index.md").write_text("# A small book\n")
    (tmp_path / "references.bib").touch()
    for name in ("_config.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "nbval_sanitize.cfg", tmp_path / "tests")
    write(tmp_path / "chapters/part/one.ipynb", notebook("One", START, "1 + 1"))
    write(tmp_path / "chapters/part/two.ipynb", notebook("Two", "'two'"))
    monkeypatch.chdir(tmp_path)
    for name in ("PROFILE", "RESULTS", "JOBS", "TIMEOUT"):
        monkeypatch.delenv(f"RECSYS_BOOK_{name}", raising=False)
    return tmp_path.resolve()


@pytest.fixture
def edit():
    """Change the source of one cell of a notebook on disk."""

    def change(path, number, source):
        content = json.loads(path.read_text("utf-8"))
        content["cells"][number]["source"] = source
        path.write_text(json.dumps(content), encoding="utf-8")

    return change


@pytest.fixture
def add_notebook():
    """Write a notebook of the given sources."""
    return lambda path, *sources: write(path, notebook(path.stem, *sources))
