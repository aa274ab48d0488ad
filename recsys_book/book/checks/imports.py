"""Imports run one way, and nothing imports in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_BASE = {"data"}
_GROUND = {*_BASE, "preprocessing", "evaluation"}
_MIDDLE = {*_GROUND, "optimizers", "encoders"}
_UPPER = {*_MIDDLE, "recommenders", "meta_learning", "exploration"}

#: What each room may import besides itself; a file beside the rooms counts as one.
ALLOWED: dict[str, set[str]] = {
    "data": set(),
    "preprocessing": _BASE,
    "evaluation": _BASE,
    "optimizers": _BASE,
    "encoders": {*_BASE, "preprocessing", "optimizers"},
    "recommenders": _MIDDLE,
    "meta_learning": {*_MIDDLE, "recommenders"},
    "exploration": {*_MIDDLE, "recommenders"},
    "production": _UPPER,
    "case_studies": {*_UPPER, "production"},
    "exercises": {*_UPPER, "production", "case_studies"},
    "errata": set(),
    "_lazy": set(),
    "book": set(),
    "commands": {"book"},
    "cli": {"book", "commands"},
}
#: What every room may import: a file beside the rooms that knows of none of them.
SHARED = {"_lazy"}
#: Some commands touch another room, and import it only when they run.
LAZY = {
    ("commands.data", "data"),
    ("commands.leaderboard", "data"),
    ("commands.leaderboard", "recommenders"),
    ("commands.serve", "case_studies"),
    ("commands.serve", "data"),
    ("commands.serve", "encoders"),
    ("commands.serve", "production"),
}


def import_problems(package: Path) -> list[str]:
    """Find imports that run the wrong way, and circles.

    Args:
        package: The folder of ``recsys_book``.

    Returns:
        One sentence a problem.
    """
    modules = {_name(path, package): path for path in sorted(package.rglob("*.py"))}
    problems, edges = [], {}
    for name, path in modules.items():
        room, top_level = name.partition(".")[0], set()
        for target, lazy in _imports(path, name, modules, package.name):
            other = target.partition(".")[0]
            if not lazy:
                top_level.add(target)
            if room in ("", other) or other == "":
                continue
            if room not in ALLOWED:
                problems.append(f"{name} is in the unknown room {room!r}: add it to ALLOWED.")
            elif other not in ALLOWED[room] | SHARED and not (lazy and (name, other) in LAZY):
                problems.append(f"{name} imports {target}: {room} may not import {other}.")
        edges[name] = top_level - {name}
    return problems + [f"imports run in a circle: {' → '.join(c)}." for c in _circles(edges)]


def _name(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(
    path: Path, name: str, modules: dict[str, Path], package: str
) -> Iterator[tuple[str, bool]]:
    """Yield each module of the package that a file imports, and whether only inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    # What only a type checker reads is no import when the program runs.
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    here = name.split(".") if name else []
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        lazy = id(node) in inside
        if isinstance(node, ast.Import):
            for alias in node.names:
                first, _, rest = alias.name.partition(".")
                if first == package:
                    yield rest, lazy
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                keep = len(here) - node.level + (path.name == "__init__.py")
                base = ".".join([*here[:keep], *filter(None, [node.module])])
            else:
                first, _, base = (node.module or "").partition(".")
                if first != package:
                    continue
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                yield (inner if inner in modules else base), lazy


def _circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Return one circle of each group of modules that import each other at their top level."""
    circles, done = [], set()

    def visit(node: str, path: list[str]) -> None:
        if node in path:
            circles.append([*path[path.index(node) :], node])
        elif node not in done:
            for target in sorted(edges.get(node, ())):
                visit(target, [*path, node])
            done.add(node)

    for node in sorted(edges):
        visit(node, [])
    return circles
