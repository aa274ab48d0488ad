"""Each chapter has the template's sections, tags, alt text and length; outputs in order."""

import pytest

from recsys_book.book.checks import output_problems, structure_problems, word_count
from recsys_book.commands.address import read_address


def test_chapter_follows_the_template(chapter, chapter_page, root):
    assert structure_problems(chapter, chapter_page.name, read_address(root)) == []


def test_outputs_are_of_one_run_in_order(notebook, notebook_page):
    assert output_problems(notebook, notebook_page.path.stat().st_size) == []


def test_good_chapter_has_no_problem(good):
    assert structure_problems(good, "part/sample") == []
    assert output_problems(good, 1000) == []
    assert word_count(good) > 1200


def only(problems, text):
    assert len(problems) == 1, problems
    assert text in problems[0]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("(ch-sample)=", "(sample)=", "does not begin with the label"),
        ("# Sample\n", "Sample\n", "has no title"),
        ("*Runs in about", "*It runs in", "has no line *Runs in about"),
        ("## Summary", "## Conclusion", "no section `## Summary`"),
        ("## Experiment: one", "## One experiment", "no section `## Experiment:`"),
        ("## Setup", "## Set-up", "no section `## Setup`"),
        ("**You need**", "**You require**", "no list **You need**"),
        ("## Some theory", "#### Some theory", "skips a level"),
        ("word " * 1200, "word " * 900, "words of prose"),
    ],
)
def test_text_problem_is_found(good, cell_with, old, new, problem):
    cell = cell_with(old)
    cell["source"] = cell["source"].replace(old, new)
    assert any(problem in found for found in structure_problems(good, "part/sample"))


def test_sections_out_of_order_are_found(good, cell_with):
    cells = good["cells"]
    summary = cell_with("## Summary")
    cells.remove(summary)
    cells.insert(cells.index(cell_with("## The data")), summary)
    problems = structure_problems(good, "part/sample")
    assert any("stands too early" in problem for problem in problems)


def test_setup_after_the_data_is_found(good, cell_with):
    setup = cell_with("## Setup")
    good["cells"].remove(setup)
    good["cells"].insert(good["cells"].index(cell_with("## The data")) + 1, setup)
    only(structure_problems(good, "part/sample"), "stands after `## The data`")


def test_too_few_own_sections_are_found(good, cell_with):
    for title in ("A failure", "Some theory"):
        cell = cell_with(f"## {title}")
        cell["source"] = cell["source"].replace(f"## {title}", "Text.")
    only(structure_problems(good, "part/sample"), "fewer than two sections")


@pytest.mark.parametrize(
    ("text", "change", "problem"),
    [
        ("find_spec", {"source": "pass"}, "is not book.bootstrap_source"),
        ("find_spec", {"metadata": {"tags": ["bootstrap"]}}, "lacks the tag 'hide-input'"),
        ("find_spec", {"metadata": {}}, "0 cells tagged 'bootstrap'"),
        ('profile = ""', {"metadata": {}}, "not one cell tagged 'parameters'"),
        ('profile = ""', {"source": 'profile = "full"\nseed = 0'}, "not one cell tagged"),
        ('profile = ""', {"source": "%time"}, "not one cell tagged 'parameters'"),
        ("book.start", {"source": 'SETTINGS = 1; book.start("part/other")'}, "calls book.start"),
        ("book.start", {"source": 'run = book.start("part/sample", settings={})'}, "SETTINGS"),
    ],
)
def test_setup_problem_is_found(good, cell_with, text, change, problem):
    cell_with(text).update(change)
    only(structure_problems(good, "part/sample"), problem)


def test_bootstrap_cell_must_carry_the_address(good):
    problems = structure_problems(good, "part/sample", "https://github.com/owner/name")
    only(problems, "is not book.bootstrap_source")


def test_order_of_setup_cells(good, cell_with):
    cells = good["cells"]
    parameters = cell_with('profile = ""')
    cells.remove(parameters)
    cells.insert(cells.index(cell_with("plot()")), parameters)
    only(structure_problems(good, "part/sample"), "book.start stands before the parameters")


def test_bootstrap_cell_must_be_first(good, cell_with, new_cell):
    good["cells"].insert(1, new_cell.code("pass"))
    only(structure_problems(good, "part/sample"), "not the first code cell")


def test_figure_problems_are_found(good, cell_with, new_cell):
    figure = cell_with("plot()")
    figure["metadata"]["mystnb"] = {"image": {"alt": "A plot."}, "figure": {"name": "fig-sample"}}
    good["cells"].append(
        new_cell.code("again()", outputs=[new_cell.image], mystnb=figure["metadata"]["mystnb"])
    )
    problems = structure_problems(good, "part/sample")
    assert sum("no alt text" in problem for problem in problems) == 2
    assert sum("no caption" in problem for problem in problems) == 2
    assert "two figures are named 'fig-sample'." in problems


def test_a_figures_cell_shows_the_figure_alone(good, cell_with, new_cell):
    figure = cell_with("plot()")
    figure["outputs"] = [new_cell.image, new_cell.image]
    only(structure_problems(good, "part/sample"), "shows 2 things")


def test_figure_must_come_before_theory(good, cell_with):
    figure = cell_with("plot()")
    good["cells"].remove(figure)
    only(structure_problems(good, "part/sample"), "there is no figure")
    good["cells"].append(figure)
    only(structure_problems(good, "part/sample"), "before the motivating figure")


def test_empty_notebook_has_problems_but_no_crash():
    empty = {"cells": [], "metadata": {}}
    assert structure_problems(empty, "part/sample")
    assert output_problems(empty) == []


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": [text]}


ERROR = {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []}


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (ERROR, "it raised KeyError: 'x'"),
        (stream("saved to /home/someone/x.json"), "a place on one machine (/home/"),
        (stream("saved to /tmp/x"), "a place on one machine (/tmp/"),
        (stream("Warning: old", "stderr"), "writes to the error stream: Warning: old"),
        (stream("<Thing object at 0x7f0011223344>"), "without a text of its own"),
        (stream("rmse 0.93412345"), "the raw number 0.93412345"),
        (
            {"output_type": "execute_result", "data": {"text/html": "<td>0.9341234</td>"}},
            "the raw number 0.9341234",
        ),
    ],
)
def test_output_problem_is_found(good, cell_with, output, problem):
    cell_with("plot()")["outputs"] = [output]
    only(output_problems(good), problem)


@pytest.mark.parametrize("text", ["rmse 0.934 ± 0.010 ✓", "a/b/tmp/x", "version 1.2.34567"])
def test_harmless_output_passes(good, cell_with, text):
    cell_with("plot()")["outputs"] = [stream(text)]
    assert output_problems(good) == []


def test_ignored_outputs_may_vary_but_name_no_machine(good, cell_with):
    cell = cell_with("plot()")
    cell["metadata"]["tags"] = ["nbval-ignore-output"]
    cell["outputs"] = [stream("took 1.234567 s")]
    assert output_problems(good) == []
    cell["outputs"] = [stream("/root/x")]
    only(output_problems(good), "one machine")


def test_order_size_and_empty_cells_are_checked(good, cell_with):
    only(output_problems(good, 4 * 2**20), "bytes")
    cell_with("plot()")["execution_count"] = 77
    only(output_problems(good), "not executed in order")
    good["cells"] = [dict(cell_with("plot()"), source=" ", execution_count=1)]
    only(output_problems(good), "empty")
