"""The page of the source check is what the catalogue and the chapters say."""

import json
import re

import pytest

from recsys_book.errata import page
from recsys_book.errata.catalog import erratum, load_catalog
from recsys_book.errata.page import Place


def test_committed_page_is_the_rendered_one():
    """If this fails: run ``python -m recsys_book.errata.page`` and commit the page."""
    committed = (page.REPOSITORY / page.PAGE).read_text(encoding="utf-8")
    assert committed == page.render(load_catalog(), *page.find_places(page.REPOSITORY))


def test_every_entry_has_one_row_and_a_state():
    text = page.render(load_catalog(), {}, {})
    for entry in load_catalog():
        rows = re.findall(rf"^\| {entry.id} \|.*$", text, re.MULTILINE)
        assert len(rows) == 1, entry.id
        assert rows[0].endswith(f"comes with *{entry.chapter}* |")
        assert len(re.split(r"(?<!\\)\|", rows[0])) == 8, entry.id


def test_boxes_exercises_and_answers_are_linked():
    boxes = {"src-met-03": Place("src-met-03", "Measuring")}
    exercises = {"CLM-13": Place("ex-cleaning-2", "Cleaning")}
    assert page.state(erratum("MET-03"), boxes, exercises) == "{ref}`Measuring <src-met-03>`"
    assert page.state(erratum("CLM-13"), boxes, exercises) == (
        "{ref}`exercise in Cleaning <ex-cleaning-2>`"
    )
    assert page.state(erratum("CLM-03"), boxes, exercises) == (
        "answered in {ref}`Measuring <src-met-03>`"
    )
    assert page.state(erratum("OPT-01"), boxes, exercises) == "comes with *Optimizers*"


@pytest.fixture
def book(tmp_path):
    chapters = tmp_path / "chapters" / "foundations"
    chapters.mkdir(parents=True)
    cells = [
        {"cell_type": "markdown", "source": ["(ch-x)=\n", "# A chapter\n"]},
        {"cell_type": "code", "source": ["'(src-pre-02)='"]},
        {"cell_type": "markdown", "source": "(src-pre-01)=\n\n:::{admonition} Source check"},
        {"cell_type": "markdown", "source": "```{exercise} Who is right (CLM-03)\n"
         ":label: ex-x-1\nDecide.\n```\n\n```{exercise} No label (CLM-04)\n```"},
    ]  # fmt: skip
    (chapters / "x.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (chapters / "y.md").write_text("(src-ref-01)=\n\nno heading here", encoding="utf-8")
    (chapters / "z.txt").write_text("(src-pre-03)=", encoding="utf-8")
    return tmp_path


def test_find_places_reads_notebooks_and_pages(book):
    boxes, exercises = page.find_places(book)
    assert boxes == {
        "src-pre-01": Place("src-pre-01", "A chapter"),
        "src-ref-01": Place("src-ref-01", "y"),
    }
    assert exercises == {"CLM-03": Place("ex-x-1", "A chapter")}


def test_command_writes_the_page_and_ignores_it_afterwards(book, capsys):
    assert page.main(book) == 0
    assert capsys.readouterr().out == f"wrote {page.PAGE}\n"
    first = (book / page.PAGE).read_text(encoding="utf-8")
    assert "{ref}`A chapter <src-pre-01>`" in first
    page.main(book)
    assert (book / page.PAGE).read_text(encoding="utf-8") == first


def test_table_escapes_bars():
    assert page.table(["a"], [["|x|"]]) == "| a |\n| --- |\n| \\|x\\| |\n"


def test_counts_add_up():
    text = page.render(load_catalog(), {"src-pre-01": Place("src-pre-01", "A")}, {})
    total = next(line for line in text.splitlines() if line.startswith("| **all**"))
    cells = [cell.strip() for cell in total.strip("|").split("|")][1:]
    assert cells[0] == "204" and cells[-2:] == ["144", "1"]
    assert sum(map(int, cells[1:6])) == 204


def test_groups_of_the_first_part_are_all_shown():
    boxes, _ = page.find_places(page.REPOSITORY)
    wanted = {e.label for e in load_catalog() if e.group in ("PRE", "MET", "REF", "DOC")}
    assert wanted <= set(boxes)


def test_every_box_that_runs_has_a_two_sided_test():
    boxes, _ = page.find_places(page.REPOSITORY)
    tests = "".join(
        path.read_text(encoding="utf-8")
        for path in (page.REPOSITORY / "tests" / "errata").glob("test_*.py")
    )
    marked = set(re.findall(r"erratum\(\"([A-Z]+-\d\d)\"", tests))
    wanted = {e.id for e in load_catalog() if e.demonstrated and e.label in boxes}
    # COD-01 to COD-03 are about installing: what shows them is pip, not a function.
    assert wanted - marked == {"COD-01", "COD-02", "COD-03"}
