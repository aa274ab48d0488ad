"""The stored outputs of each notebook were made by the cells that stand there."""

import pytest

from recsys_book.book.checks import hash_problems
from recsys_book.book.notebooks import source_hash


def test_outputs_belong_to_the_cells(notebook):
    assert hash_problems(notebook) == []


def test_good_chapter_has_no_problem(good):
    assert hash_problems(good) == []


def test_changed_code_is_found(good, cell_with):
    cell_with("plot()")["source"] += "  # changed"
    (problem,) = hash_problems(good)
    assert "changed after its outputs" in problem


def test_order_of_cells_matters(good):
    before = source_hash(good)
    good["cells"].reverse()
    assert source_hash(good) != before


def test_prose_and_address_do_not_matter(good, cell_with):
    cell_with("## Summary")["source"] += "More."
    cell_with("find_spec")["source"] = "another address"
    assert hash_problems(good) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"profile": "smoke"}, "from the profile 'smoke'"), (None, "were never made")],
)
def test_wrong_metadata_is_found(good, change, problem):
    if change is None:
        del good["metadata"]["recsys_book"]
    else:
        good["metadata"]["recsys_book"].update(change)
    (found,) = hash_problems(good)
    assert problem in found
