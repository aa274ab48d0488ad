"""The chapters as the table of contents lists them, and notebooks on disk."""

import json

import pytest

from recsys_book.book import catalog, notebooks

TOC = """format: jb-book
root: index
parts:
  - caption: One
    chapters:
      - file: chapters/one/alpha
      - file: chapters/one/beta
        sections:
          - file: chapters/one/gamma
      - url: https://example.org
  - caption: Appendix
    chapters:
      - file: chapters/appendix/words
      - file: chapters/one/missing
"""


def page(title, **metadata):
    cells = [
        {"cell_type": "code", "metadata": {}, "source": ["# no heading"], "outputs": []},
        {"cell_type": "markdown", "metadata": {}, "source": ["(label)=\n", f"# {title}\n"]},
    ]
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def home(tmp_path):
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "index.md").write_text("# The book\n")
    files = {
        "one/alpha.ipynb": page("Alpha"),
        "one/beta.ipynb": page("Beta"),
        "one/gamma.ipynb": page("Gamma", recsys_book={"kind": "page"}),
        "two/loose.ipynb": page("Loose"),
        "one/.ipynb_checkpoints/alpha-checkpoint.ipynb": "not read",
        "appendix/words.md": "no heading",
    }
    for name, text in files.items():
        path = tmp_path / "chapters" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path.resolve()


def names(found):
    return [page.name for page in found]


def test_repository_is_found_from_below(home, tmp_path_factory, monkeypatch):
    assert catalog.find_repository(home / "chapters" / "one") == home
    monkeypatch.chdir(home)
    assert catalog.require_repository() == home
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert catalog.find_repository(elsewhere) is None
    with pytest.raises(ValueError, match="is not inside the book's repository"):
        catalog.require_repository(elsewhere)


def test_pages_and_chapters(home):
    found = catalog.pages(home)
    assert [(p.name, p.part, p.title) for p in found] == [
        ("index", "", "The book"),
        ("one/alpha", "One", "Alpha"),
        ("one/beta", "One", "Beta"),
        ("one/gamma", "One", "Gamma"),
        ("appendix/words", "Appendix", "words"),
    ]
    assert [p.is_chapter for p in found] == [False, True, True, False, False]
    chapters = catalog.chapters(home)
    assert names(chapters) == ["one/alpha", "one/beta", "one/gamma", "two/loose"]
    assert chapters[-1].part == "not in _toc.yml"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], ["one/alpha", "one/beta", "one/gamma", "two/loose"]),
        (["all"], ["one/alpha", "one/beta", "one/gamma", "two/loose"]),
        (["beta", "one/alpha"], ["one/alpha", "one/beta"]),
        (["one"], ["one/alpha", "one/beta", "one/gamma"]),
        (["chapters/one/beta.ipynb"], ["one/beta"]),
        (["./chapters/two/"], ["two/loose"]),
    ],
)
def test_chapters_by_name(home, asked, found):
    assert names(catalog.find_chapters(home, asked)) == found


def test_chapter_by_file(home, monkeypatch):
    monkeypatch.chdir(home / "chapters" / "one")
    assert names(catalog.find_chapters(home, [str(home / "chapters/one/beta.ipynb")])) == [
        "one/beta"
    ]
    assert names(catalog.find_chapters(home, ["../two/loose.ipynb"])) == ["two/loose"]


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("one/alhpa", "did you mean one/alpha or "),
        ("bета", "there are: one/alpha, one/beta, one/gamma, two/loose."),
        ("betta", "did you mean one/beta?"),
    ],
)
def test_unknown_chapter_lists_near_matches(home, asked, hint):
    with pytest.raises(ValueError, match="there is no chapter") as caught:
        catalog.find_chapters(home, [asked])
    assert hint in str(caught.value)


def test_unknown_chapter_of_an_empty_book(tmp_path):
    (tmp_path / "_toc.yml").write_text("root: index\n")
    with pytest.raises(ValueError, match="there are: none yet"):
        catalog.find_chapters(tmp_path, ["x"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "cannot be read"), ("[]", "names no root"), ("a: 1", "names no root")],
)
def test_broken_table_of_contents(tmp_path, text, problem):
    (tmp_path / "_toc.yml").write_text(text)
    with pytest.raises(ValueError, match=problem):
        catalog.toc_entries(tmp_path)


def test_table_of_contents_without_parts(tmp_path):
    (tmp_path / "_toc.yml").write_text("root: a\nchapters:\n- file: b\n")
    assert catalog.toc_entries(tmp_path) == [("", "a"), ("", "b")]


@pytest.mark.parametrize("text", ["{", "[]", '{"cells": [{}]}', '{"cells": 3}'])
def test_no_notebook_is_one_sentence(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(ValueError, match="x.ipynb is no notebook"):
        notebooks.read_notebook(path)


def test_notebook_survives_writing(tmp_path, good):
    path = tmp_path / "x.ipynb"
    for number, cell in enumerate(good["cells"]):
        cell["id"] = f"cell-{number}"
    notebooks.write_notebook(path, good)
    assert path.read_text("utf-8").endswith("}\n")
    again = notebooks.read_notebook(path)
    assert [c["source"] for c in again["cells"]] == [c["source"] for c in good["cells"]]
    assert [c["id"] for c in again["cells"]] == [c["id"] for c in good["cells"]]
    before = path.read_bytes()
    notebooks.write_notebook(path, again)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_metadata_become_the_same_everywhere(good):
    streams = [{"output_type": "stream", "name": name, "text": text} for name, text in STREAMS]
    image = {"output_type": "display_data", "data": {}, "metadata": {}}
    cell = good["cells"][4]
    cell["outputs"] = [*streams[:2], image, *streams[2:]]
    cell["metadata"] = {"execution": {"iopub.status": "t"}, "papermill": {}, "tags": ["a"]}
    good["metadata"] = {
        "kernelspec": {"name": "mine"},
        "language_info": {"version": "3.99"},
        "papermill": {},
        "recsys_book": {"kind": "page", "profile": "old"},
    }
    notebooks.normalise(good, "book")
    assert cell["metadata"] == {"tags": ["a"]}
    texts = [o.get("text") for o in cell["outputs"]]
    assert texts == ["one\ntwo\n", None, "three\n", "four\n"]
    assert good["metadata"] == {
        "kernelspec": notebooks.KERNEL,
        "language_info": notebooks.LANGUAGE,
        "recsys_book": {
            "kind": "page",
            "profile": "book",
            "source_sha256": notebooks.source_hash(good),
        },
    }


STREAMS = [("stdout", ["one\n"]), ("stdout", "two\n"), ("stdout", "three\n"), ("stderr", "four\n")]


def test_failing_cell(good, cell_with):
    assert notebooks.failing_cell(good) is None
    error = {"output_type": "error", "ename": "E", "evalue": "no", "traceback": []}
    cell = cell_with("plot()")
    cell["outputs"] = [error]
    number = good["cells"].index(cell) + 1
    assert notebooks.failing_cell(good) == (number, "plot()", "E: no")
    error["traceback"] = ["\x1b[31mTraceback\x1b[0m", "E: no"]
    assert notebooks.failing_cell(good)[2] == "Traceback\nE: no"
