"""A package imports the module of a public name when the name is first asked for."""

import ast
import sys
from importlib import import_module

import pytest

PACKAGE = """
from recsys_book._lazy import lazy_names

early = 1
_LAZY = {"late": "heavy", "other": "missing"}
__all__ = ["early", "late"]
__getattr__, __dir__ = lazy_names(__name__, _LAZY)
"""


@pytest.fixture
def lazy(tmp_path, monkeypatch):
    """A package whose name ``late`` stands in the module ``heavy``."""
    home = tmp_path / "lazy_sample"
    home.mkdir()
    (home / "__init__.py").write_text(PACKAGE)
    (home / "heavy.py").write_text("late = 2\nhidden = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("lazy_sample")
    for name in ("lazy_sample", "lazy_sample.heavy"):
        sys.modules.pop(name, None)


def test_a_module_is_imported_when_its_name_is_asked_for(lazy):
    assert lazy.early == 1
    assert "lazy_sample.heavy" not in sys.modules
    assert lazy.late == 2
    assert "lazy_sample.heavy" in sys.modules


@pytest.mark.parametrize("name", ["unknown", "hidden"])
def test_a_name_outside_the_table_is_no_attribute(lazy, name):
    with pytest.raises(AttributeError) as problem:
        getattr(lazy, name)
    assert str(problem.value) == f"module 'lazy_sample' has no attribute '{name}'"


def test_a_module_that_is_gone_is_named(lazy):
    with pytest.raises(ModuleNotFoundError, match="lazy_sample.missing"):
        _ = lazy.other


def test_names_are_listed_without_an_import(lazy):
    names = dir(lazy)
    assert names == sorted(set(names))
    assert {"early", "late", "other", "__name__"} <= set(names)
    assert "lazy_sample.heavy" not in sys.modules
    _ = lazy.late
    assert "heavy" in dir(lazy)


def test_a_star_imports_the_public_names(lazy):
    here = {}
    exec("from lazy_sample import *", here)  # no function may hold a star
    assert here["early"] == 1 and here["late"] == 2 and "other" not in here


def tables(home):
    """Yield the dotted name and the folder of each package that has a table."""
    for path in sorted(home.rglob("__init__.py")):
        if "_LAZY" in path.read_text(encoding="utf-8"):
            yield ".".join(path.parent.relative_to(home.parent).parts), path.parent


def assigned(tree):
    """The names that a module binds at its top level."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for t in targets for name in ast.walk(t) if "id" in name._fields)


def test_every_name_of_a_table_stands_in_its_module(root):
    found = dict(tables(root / "recsys_book"))
    assert len(found) > 15
    for package, folder in found.items():
        room = import_module(package)
        assert set(room._LAZY) <= set(room.__all__) <= set(dir(room)), package
        for name, module in room._LAZY.items():
            if (folder / module).is_dir():
                assert name in import_module(f"{package}.{module}").__all__, f"{package}.{name}"
                continue
            text = (folder / f"{module}.py").read_text(encoding="utf-8")
            assert name in set(assigned(ast.parse(text))), f"{package}.{name}"
