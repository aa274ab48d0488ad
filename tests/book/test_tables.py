"""Tables, sources and outputs with a stable text."""

import json

import numpy as np
import pandas as pd
import pytest

from recsys_book import book
from recsys_book.book import display, tables
from recsys_book.book.source import trimmed_source


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    for module in (tables, __import__("recsys_book.book.source", fromlist=["x"])):
        monkeypatch.setattr(module, "show", bundles.append)
    return bundles


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (np.int64(12), "12"),
        (0.12345, "0.123"),
        (np.float32(1234.5), "1,234.500"),
        (-0.0001, "0.000"),
        (-0.5, "-0.500"),
        (float("nan"), "–"),
        (None, "–"),
        (pd.NA, "–"),
        (pd.NaT, "–"),
        (True, "True"),
        ("x", "x"),
        ((1, 2), "(1, 2)"),
    ],
)
def test_cells(value, text):
    assert tables.format_cell(value) == text


def test_frame_with_a_plain_index_hides_it(shown):
    book.table(pd.DataFrame({"film": ["天", "b"], "ratings": [1200, 3], "mean": [0.5, None]}))
    (bundle,) = shown
    assert (
        bundle["text/plain"] == "film  ratings   mean\n天      1,200  0.500\nb           3      –"
    )
    assert "<script" not in bundle["text/html"] and "<style" not in bundle["text/html"]
    assert '<td style="text-align: right">1,200</td>' in bundle["text/html"]


def test_frame_with_a_named_index_shows_it(shown):
    frame = pd.DataFrame({"n": [1, 2]}, index=pd.Index(["a<b", "c"], name="rule"))
    book.table(frame, caption="Rules & numbers")
    (bundle,) = shown
    assert bundle["text/plain"] == "Rules & numbers\nrule  n\na<b   1\nc     2"
    assert "a&lt;b" in bundle["text/html"]
    assert "<caption>Rules &amp; numbers</caption>" in bundle["text/html"]
    book.table(frame, index=False)
    assert shown[1]["text/plain"] == "n\n1\n2"


def test_series_and_deep_columns(shown):
    book.table(pd.Series([1, 2], index=["a", "b"], name="n"))
    book.table(pd.Series([1.0], index=["a"]), decimals=1)
    book.table(pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}, index=["a", "b"]))
    book.table(pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["x"], ["p", "q"]])))
    assert [bundle["text/plain"] for bundle in shown] == [
        "   n\na  1\nb  2",
        "   value\na    1.0",
        "   n\na  1\nb  –",
        "x p  x q\n  1    2",
    ]


def test_full_run_table_without_a_run(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_BOOK_RESULTS", str(tmp_path))
    book.full_run_table("part/none")
    assert capsys.readouterr().out.startswith("not yet run: `recsys-book run part/none --profile f")
    assert book.full_metrics("part/none") == {}


def test_full_run_table_prefers_the_repository(shown, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_BOOK_RESULTS", str(tmp_path))
    monkeypatch.setattr(tables, "find_repository", lambda *start: None)
    metrics = {"rmse": 0.91234, "nested": {"n": 3}, "per_user": list(range(6)), "two": [0.5, 1]}
    path = tmp_path / "full" / "part__one.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"metrics": metrics, "seed": 0, "device": "A GPU"}))
    book.full_run_table("part/one")
    expected = (
        "full profile · seed 0 · A GPU\nmeasured       value\nrmse           0.912\n"
        "nested · n         3\ntwo         0.500, 1"
    )
    assert shown[0]["text/plain"] == expected
    assert book.full_metrics("part/one") == metrics
    book.full_run_table("part/one", ["two"])
    assert shown.pop()["text/plain"].endswith("measured     value\ntwo       0.500, 1")
    with pytest.raises(KeyError, match="recorded nothing as 'three'; it has rmse, nested"):
        book.full_run_table("part/one", ["two", "three"])
    home = tmp_path / "repository"
    (home / "results" / "full").mkdir(parents=True)
    (home / "results" / "full" / "part__one.json").write_text(
        json.dumps({"metrics": {"rmse": 2.0}, "seed": 1, "device": "Another"})
    )
    monkeypatch.setattr(tables, "find_repository", lambda *start: home)
    book.full_run_table("part/one")
    assert "Another" in shown[1]["text/plain"]
    assert book.full_metrics("part/one") == {"rmse": 2.0}


def sample(a, b=2):
    """Add.

    More text that is cut.

    Args:
        a: One.
    """

    def inner():
        r"""Inner \\line
        goes on."""
        return a

    return inner() + b


class Sample:
    """A class.

    More.
    """

    @property
    def value(self):
        """The value."""
        return 1


def test_source_keeps_the_first_line_of_docstrings():
    text = trimmed_source(sample)
    assert text.startswith('def sample(a, b=2):\n    """Add."""\n\n    def inner():\n')
    assert '        r"""Inner \\\\line"""\n        return a' in text
    assert "More text" not in text
    compile(text, "x", "exec")
    assert trimmed_source(Sample).startswith('class Sample:\n    """A class."""\n\n    @property')
    assert trimmed_source(Sample.value).startswith("@property\ndef value(self):")


def test_source_is_shown_as_code_with_its_file(shown):
    book.show_source(book.table, sample)
    first, second = shown
    assert first["text/plain"].startswith("# recsys_book/book/tables.py\ndef table(frame: Any,")
    assert first["text/markdown"] == f"```python\n{first['text/plain']}\n```"
    assert second["text/plain"].startswith("def sample")
    book.show_source(Sample.value)


def test_source_of_something_without_source():
    with pytest.raises(ValueError, match="the source of len cannot be found: pass a"):
        book.show_source(len)


def test_show_prints_outside_ipython_and_displays_inside(capsys, monkeypatch):
    import IPython
    import IPython.display

    display.show({"text/plain": "one"})
    assert capsys.readouterr().out == "one\n"
    calls = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", lambda bundle, raw: calls.append((bundle, raw)))
    display.show({"text/plain": "two"})
    assert calls == [({"text/plain": "two"}, True)]
    monkeypatch.delitem(display.sys.modules, "IPython")
    display.show({"text/plain": "three"})
    assert capsys.readouterr().out == "three\n"
