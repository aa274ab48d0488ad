"""Every labelled equation has a test that executes it and a function that cites it."""

import pytest

from recsys_book.book.catalog import chapters, page_file, toc_entries
from recsys_book.book.checks import (
    Equations,
    cited_equations,
    equation_problems,
    labelled_equations,
    marked_equations,
)
from recsys_book.book.notebooks import read_notebook


def places(paths, root, labels_of):
    found = {}
    for path in paths:
        for label in labels_of(path):
            found.setdefault(label, []).append(str(path.relative_to(root)))
    return found


def test_every_equation_is_executed(root, capsys):
    pages = chapters(root)
    if not pages:
        pytest.skip("there is no notebook under chapters/ yet")
    equations = Equations(
        labels=places(
            [page.path for page in pages], root, lambda p: labelled_equations(read_notebook(p))
        ),
        markers=places(
            sorted((root / "tests").rglob("test_*.py")),
            root,
            lambda p: marked_equations(p.read_text("utf-8")),
        ),
        citations=places(
            sorted((root / "recsys_book").rglob("*.py")),
            root,
            lambda p: cited_equations(p.read_text("utf-8")),
        ),
    )
    missing = [entry for _, entry in toc_entries(root) if page_file(root, entry) is None]
    problems = equation_problems(equations, complete=not missing)
    print(f"{len(equations.labels)} equations; pages still missing: {missing}")
    assert problems == []


def test_labels_of_all_kinds_are_read(new_cell):
    text = (
        "$$\na\n$$ (eq-one)\n\n$$ b $$ (eq-two)\n\n```{math}\n:label: eq-three\nc\n```\n"
        "```{note}\n:label: eq-no\n```\n`$$ (eq-no)`\n"
    )
    ams = "$$\\begin{align}\nd \\label{eq-four}\n\\end{align}$$"
    notebook = {"cells": [new_cell.markdown(text), new_cell.markdown(ams), new_cell.code("$$")]}
    assert labelled_equations(notebook) == ["eq-one", "eq-two", "eq-three", "eq-four"]


def test_markers_are_read():
    source = (
        "import pytest\npytestmark = pytest.mark.equation('eq-a')\n"
        "@pytest.mark.equation('eq-b', 'eq-c')\n"
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.equation('eq-d'))])\n"
        "@pytest.mark.erratum('PRE-01')\ndef test(x):\n    equation('eq-e')\n"
    )
    assert sorted(marked_equations(source)) == ["eq-a", "eq-b", "eq-c", "eq-d"]


def test_citations_are_read():
    source = (
        '"""Module. Equation: eq-a."""\ndef f():\n    """Sum.\n\n'
        "    Equations: eq-b,\n        eq-c.\n"
        '    """\nx = "Equation: eq-no"\nclass A:\n    """Equations: eq-d, and eq-e"""\n'
    )
    assert cited_equations(source) == ["eq-a", "eq-b", "eq-c", "eq-d", "eq-e"]


def test_good_trace_has_no_problem():
    assert (
        equation_problems(Equations({"eq-a": ["x"]}, {"eq-a": ["y", "y"]}, {"eq-a": ["z"]})) == []
    )


@pytest.mark.parametrize(
    ("equations", "problem"),
    [
        (
            Equations({"eq-a": ["x"]}, {}, {"eq-a": ["z"]}),
            "no test executes the equation eq-a of x",
        ),
        (Equations({"eq-a": ["x"]}, {"eq-a": ["y"]}, {}), "no function cites the equation eq-a"),
        (Equations({}, {"eq-b": ["y"]}, {}), "a test marker names eq-b, which no page labels: y."),
        (
            Equations({}, {}, {"eq-b": ["z", "z"]}),
            "a docstring names eq-b, which no page labels: z (2×)",
        ),
        (Equations({"eq-a": ["x", "w"]}, {"eq-a": ["y"]}, {"eq-a": ["z"]}), "labelled twice: x, w"),
    ],
)
def test_broken_trace_is_found(equations, problem):
    problems = equation_problems(equations)
    assert len(problems) == 1
    assert problem in problems[0]


def test_markers_may_wait_for_missing_chapters():
    assert equation_problems(Equations({}, {"eq-b": ["y"]}, {"eq-b": ["z"]}), complete=False) == []
