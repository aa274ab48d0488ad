"""What a chapter shows as the package's source is the package's source."""

from recsys_book.book.checks import source_problems
from recsys_book.book.source import trimmed_source

PIECE = "@decorated\ndef f(x):\n    return x"


def shown(code, file="recsys_book/a.py"):
    """A notebook with one output of `show_source`."""
    data = {"text/markdown": f"```python\n# {file}\n{code}\n```"}
    return {"cells": [{"cell_type": "code", "outputs": [{"data": data}]}]}


def package(tmp_path, text):
    (tmp_path / "recsys_book").mkdir()
    (tmp_path / "recsys_book" / "a.py").write_text(text)
    return tmp_path


def test_shown_sources_stand_in_the_package(notebook, root):
    assert source_problems(notebook, root) == []


def test_good_source_has_no_problem(tmp_path):
    text = (
        f'class C:\n    def g(self):\n        """Say.\n\n        More.\n        """\n\n\n{PIECE}\n'
    )
    root = package(tmp_path, text)
    for code in (
        PIECE,
        'def g(self):\n    """Say."""',
        'class C:\n    def g(self):\n        """Say."""',
    ):
        assert source_problems(shown(code), root) == []


def test_changed_source_is_found(tmp_path):
    root = package(tmp_path, PIECE + " + 1\n")
    (problem,) = source_problems(shown(PIECE), root)
    assert "def f(x):" in problem and "refresh" in problem


def test_missing_file_is_found(tmp_path):
    root = package(tmp_path, PIECE)
    (problem,) = source_problems(shown(PIECE, "recsys_book/gone.py"), root)
    assert "recsys_book/gone.py" in problem


def test_it_reads_what_show_source_writes(root):
    code = trimmed_source(trimmed_source)
    file = "recsys_book/book/source.py"
    assert source_problems(shown(code, file), root) == []
    assert source_problems(shown(code.replace("dedent", "indent"), file), root) != []
