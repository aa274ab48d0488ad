"""A measured number stands in a cell's output, never in the prose."""

import pytest

from recsys_book.book.checks import number_problems, word_count


def test_prose_carries_no_measured_number(notebook):
    assert number_problems(notebook) == []


def problems_of(text, new_cell, **metadata):
    return number_problems({"cells": [new_cell.markdown(text, **metadata)]})


@pytest.mark.parametrize(
    "text",
    [
        "RMSE falls to 0.93 here.",
        "It gains 12 %.",
        "It gains 12.5%.",
        "It gains 95 %, and the interval is wide.",
        "Of the users 44 per cent are tied.",
        "About 1,234.5 films.",
        "A list:\n\n- nDCG 0.176",
        "| model | nDCG |\n| --- | --- |\n| EASE | 0.1759 |",
        "```{note} The gain is 3.5 points\nText.\n```",
        "```{note}\nThe gain is 3.5 points.\n```",
        "## A gain of 3.5 points",
    ],
)
def test_measured_number_is_found(text, new_cell):
    problems = problems_of(text, new_cell)
    assert len(problems) == 1
    assert "the prose carries the number" in problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "In 1998 there were 100,000 ratings by 943 users, 20 each.",
        "With $\\lambda = 0.5$ and `alpha = 0.05`.",
        "$$\na = 0.5\n$$ (eq-a)\n\nText.",
        "```python\nx = 0.5\n```",
        "```{math}\n:label: eq-a\nx = 0.5\n```",
        ":::{admonition} Source check MET-01 · the gain\n:class: note\nIt says 0.85.\n:::",
        "Article S1 §4.4.1, S2 2.3 and section 4.4 and Python 3.11 and CC BY 4.0.",
        "[a page](https://doi.org/10.1145/3383313.3412489)",
        "See https://doi.org/10.1145/3383313 there.",
        "{cite:p}`steck2019embarrassingly`",
        "<!-- 0.5 -->",
        "The bars are 95 % bootstrap intervals.",
        "Version 1.2.3 and MovieLens-1.5M.",
    ],
)
def test_harmless_number_passes(text, new_cell):
    assert problems_of(text, new_cell) == []


def test_a_cell_may_give_a_reason(new_cell):
    assert problems_of("0.5", new_cell, allow_numbers="a threshold that we choose") == []
    (problem,) = problems_of("0.5", new_cell, allow_numbers=True)
    assert "needs a reason" in problem


def test_number_after_an_inner_fence_is_found(new_cell):
    text = "````{note}\n```python\nx = 0.5\n```\nIt is 0.7.\n````\n\nAnd 0.8."
    assert [p.split("'")[1] for p in problems_of(text, new_cell)] == ["0.7", "0.8"]


def test_words_are_those_of_the_prose(new_cell):
    text = "(label)=\n# A title\n\nTwo `not these` words.\n\n```python\nnot these\n```\n$x$"
    assert word_count({"cells": [new_cell.markdown(text)]}) == 4
