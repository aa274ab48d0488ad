"""Imports run one way, and nothing imports in a circle."""

import pytest

from recsys_book.book.checks import import_problems
from recsys_book.book.checks.imports import ALLOWED


def test_imports_run_one_way(root):
    assert import_problems(root / "recsys_book") == []


def test_rules_have_no_circle():
    def reachable(room, seen=()):
        for other in ALLOWED[room]:
            assert other != room and other not in seen
            reachable(other, (*seen, room))

    for room in ALLOWED:
        reachable(room)


def package(folder, files):
    home = folder / "recsys_book"
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)
    return home


GOOD = {
    "__init__.py": "",
    "cli.py": "import sys\nfrom recsys_book import __version__\nfrom recsys_book.book.x import y\n",
    "commands/data.py": "def data():\n    from recsys_book.data import fetch_all\n",
    "_lazy.py": "import sys\n",
    "data/frame.py": "import numpy\n",
    "data/load.py": "from . import frame\nfrom .frame import F\nimport recsys_book.data.frame\n",
    "evaluation/__init__.py": "from recsys_book._lazy import lazy_names\n",
    "evaluation/protocol.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from recsys_book.preprocessing import Split\n"
    ),
    "recommenders/base.py": "import recsys_book.data.frame\nfrom ..evaluation import protocol\n",
    "book/x.py": "from recsys_book import __version__\n",
}


def test_good_package_has_no_problem(tmp_path):
    assert import_problems(package(tmp_path, GOOD)) == []


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "data/load.py",
            "from recsys_book.recommenders import base",
            "data.load imports recommenders.base: data may not import recommenders.",
        ),
        ("data/load.py", "import recsys_book.evaluation.protocol", "may not import evaluation"),
        ("data/load.py", "from ..book import x", "data may not import book"),
        ("data/load.py", "def f():\n    from recsys_book.book import x", "may not import book"),
        ("errata/metrics.py", "from recsys_book.data import frame", "errata may not import data"),
        ("commands/data.py", "from recsys_book.data import frame", "commands may not import data"),
        ("_lazy.py", "from recsys_book.data import frame", "_lazy may not import data"),
        ("attic/old.py", "from recsys_book.data import frame", "unknown room 'attic'"),
        (
            "data/frame.py",
            "from recsys_book.data import load",
            "in a circle: data.frame → data.load → data.frame",
        ),
    ],
)
def test_broken_package_is_found(tmp_path, name, text, problem):
    problems = import_problems(package(tmp_path, {**GOOD, name: text}))
    assert len(problems) == 1, problems
    assert problem in problems[0]
