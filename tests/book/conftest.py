"""A small chapter that passes every check, and the real chapters one by one."""

import copy
import sys
import types
from pathlib import Path

import pytest

from recsys_book.book.bootstrap import bootstrap_source
from recsys_book.book.catalog import chapters, find_repository
from recsys_book.book.notebooks import KERNEL, read_notebook, source_hash

ROOT = find_repository(Path(__file__).parent)
PAGES = chapters(ROOT) if ROOT else []
_NONE = pytest.param(
    None, marks=pytest.mark.skip(reason="there is no notebook under chapters/ yet")
)


def pytest_generate_tests(metafunc):
    """Give each notebook to the tests that ask for one, each chapter to those that ask so."""
    for name, wanted in (
        ("notebook_page", PAGES),
        ("chapter_page", [p for p in PAGES if p.is_chapter]),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(
                name, wanted or [_NONE], ids=[p.name for p in wanted] or ["none"], scope="session"
            )


@pytest.fixture(scope="session")
def root():
    """The repository."""
    assert ROOT is not None
    return ROOT


@pytest.fixture
def notebook(notebook_page):
    """One notebook of the book."""
    return read_notebook(notebook_page.path)


@pytest.fixture
def chapter(chapter_page):
    """One chapter of the book."""
    return read_notebook(chapter_page.path)


def markdown(source, **metadata):
    """Return a Markdown cell."""
    return {"cell_type": "markdown", "id": "m", "metadata": metadata, "source": source}


def code(source, *tags, outputs=(), **metadata):
    """Return a code cell."""
    if tags:
        metadata["tags"] = list(tags)
    return {
        "cell_type": "code",
        "id": "c",
        "metadata": metadata,
        "source": source,
        "outputs": list(outputs),
        "execution_count": None,
    }


HEAD = "(ch-sample)=\n# Sample\n\n*Runs in about 5 s (book profile) · CPU · MovieLens-100K*\n"
GIVES = (
    "## What this chapter gives you\n\n**You will do**\n- one\n\n**You will learn**\n- two\n\n"
    "**You need**\n- three"
)
IMAGE = {
    "output_type": "display_data",
    "data": {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 1x1 with 1 Axes>"},
    "metadata": {},
}
FIGURE = {
    "image": {"alt": "Two bars, of which the left one is twice as long as the right."},
    "figure": {"caption": "The left bar is longer.", "name": "fig-sample"},
}
EXERCISE = "```{{exercise}} Title\n:label: ex-{n}\nReturn two.\n```"
SOLUTION = (
    "````{{solution}} ex-{n}\n:class: dropdown\nCount.\n```python\ndef answer(x):\n"
    "    return math.floor(2.5)\n```\n````"
)


def _sections():
    titles = "Experiment: one|Source check|What breaks|In production|Full run|Summary|Exercises"
    return [markdown(f"## {title}\n\nText.") for title in titles.split("|")]


def build_chapter():
    """Return a chapter named ``part/sample`` without any problem."""
    cells = [
        markdown(HEAD),
        markdown(GIVES),
        markdown("## Setup"),
        code(bootstrap_source(""), "bootstrap", "hide-input"),
        code("import math\n\nimport sample_checkers as exercises\nfrom recsys_book import book"),
        code('profile = ""\nseed = 0', "parameters"),
        code('SETTINGS = {}\nrun = book.start("part/sample", settings=SETTINGS)'),
        markdown("## A failure\n\nSee {numref}`fig-sample` and {eq}`eq-sample`."),
        code("plot()", outputs=[IMAGE], mystnb=FIGURE),
        markdown("## The data\n\n" + "word " * 1200),
        markdown("## Some theory\n\n$$\na = b + 0.25\n$$ (eq-sample)"),
        *_sections(),
    ]
    for n in range(4):
        stub = "answer = None  # your function\nbook.check_exercise(exercises.check_two, answer)"
        cells += [
            markdown(EXERCISE.format(n=n)),
            code(stub, "exercise"),
            markdown(SOLUTION.format(n=n)),
        ]
    cells.append(markdown("## Further reading\n\n{cite:t}`author2000word` explains it."))
    counter = 0
    for cell in cells:
        if cell["cell_type"] == "code":
            counter += 1
            cell["execution_count"] = counter
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": KERNEL},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    notebook["metadata"]["recsys_book"] = {
        "profile": "book",
        "source_sha256": source_hash(notebook),
    }
    return notebook


@pytest.fixture
def good():
    """A chapter without any problem, to be broken by a test."""
    return copy.deepcopy(build_chapter())


@pytest.fixture
def cell_with(good):
    """Return the first cell of the good chapter that contains a text."""
    return lambda text: next(cell for cell in good["cells"] if text in cell["source"])


@pytest.fixture
def new_cell():
    """Make cells: ``new_cell.code(...)`` and ``new_cell.markdown(...)``."""
    return types.SimpleNamespace(code=code, markdown=markdown, image=IMAGE)


@pytest.fixture
def checkers(monkeypatch):
    """The module of checkers that the good chapter imports."""
    module = types.ModuleType("sample_checkers")

    def check_two(answer):
        if answer(0) != 2:  # a plain assert would carry pytest's remarks
            raise AssertionError("think of two")

    module.check_two = check_two
    monkeypatch.setitem(sys.modules, "sample_checkers", module)
    return module
