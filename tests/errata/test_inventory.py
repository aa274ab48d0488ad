"""Everything that the articles name is listed once, and what is called done is there."""

import json
import re
from collections import Counter
from functools import reduce
from importlib import import_module
from importlib.util import find_spec

import pytest

from recsys_book.errata import inventory, inventory_items
from recsys_book.errata.catalog import load_catalog
from recsys_book.errata.inventory import Place
from recsys_book.errata.inventory_items import Item, load_inventory, sections

SIZES = {
    "A": 17, "B": 20, "C": 30, "D": 26, "E": 25, "F": 18, "G": 13, "H": 23, "I": 20, "J": 13,
    "K": 12, "L": 11, "M": 7, "N": 12, "O": 15, "P": 13, "Q": 9, "R": 11, "S": 10, "T": 18,
    "U": 35, "V": 48, "W": 18, "X": 23, "Y": 21, "Z": 35,
}  # fmt: skip
NOT_YET = {"G-11"}


@pytest.fixture(scope="module")
def places():
    return inventory.find_labels(inventory.REPOSITORY)


def test_every_entry_once_and_in_order():
    items = load_inventory()
    assert len(items) == 503 == sum(SIZES.values()) == len({item.id for item in items})
    assert list(SIZES) == list(inventory_items.GROUPS)
    for group, size in SIZES.items():
        numbers = [item.id for item in items if item.group == group]
        assert numbers == [f"{group}-{n:02d}" for n in range(1, size + 1)]


def test_every_name_can_be_imported_from_its_room():
    broken = []
    for item in load_inventory():
        for name in item.names:
            package, room, *parts = name.split(".")
            module = import_module(f"{package}.{room}")
            inner = f"{module.__name__}.{parts[0]}"
            if len(parts) > 1 and parts[0] not in module.__all__ and find_spec(inner):
                module, parts = import_module(inner), parts[1:]
            if parts[0] not in module.__all__:
                broken.append(f"{item.id}: {name} is not public")
                continue
            reduce(getattr, parts, module)
    assert broken == []


def test_every_label_exists(places):
    assert inventory.missing_labels(load_inventory(), places) == []


def test_committed_page_is_the_rendered_one(places):
    """If this fails: run ``python -m recsys_book.errata.inventory`` and commit the page."""
    committed = (inventory.REPOSITORY / inventory.PAGE).read_text(encoding="utf-8")
    assert committed == inventory.render(load_inventory(), places)


def test_what_is_here_is_done_but_for_what_needs_a_later_one():
    waiting = {x.id for x in load_inventory() if x.group in "ABCDEGHIJY" and x.state != "done"}
    assert waiting == NOT_YET
    formulas = {"U-01", "U-03", "U-09", "U-11", "U-12", "U-14", "U-18", "U-19", "U-20"}
    listings = {"V-02", "V-03", "V-10", "V-12", "V-14", "V-24", "V-25", "V-28", "V-29"}
    done = {x.id for x in load_inventory() if x.state == "done"}
    assert formulas | listings | {"V-40", "V-46", "W-18", "X-02", "X-22", "X-23"} <= done


def test_texts_are_clean():
    catalogue = {entry.label for entry in load_catalog()}
    for item in load_inventory():
        assert not re.search(r"\bseeds?\b|/work|S0/", item.item + item.sources), item.id
        assert item.item.count("$") % 2 == 0 and item.item.count("`") % 2 == 0, item.id
        assert sections(item.sources), item.id
        boxes = {label for label in item.labels if label.startswith("src-")}
        assert boxes <= catalogue, item.id


def test_page_has_one_row_an_entry():
    text = inventory.render(load_inventory(), {})
    for item in load_inventory():
        rows = re.findall(rf"^\| {item.id} \|.*$", text, re.MULTILINE)
        assert len(rows) == 1 and len(re.split(r"(?<!\\)\|", rows[0])) == 6, item.id
        if item.state != "done":
            assert rows[0].endswith(f"comes with *{item.part}* |")
    total = next(line for line in text.splitlines() if line.startswith("| **all**"))
    states = Counter(item.state for item in load_inventory())
    assert re.findall(r"\d+", total) == ["503", str(states["done"])]


def entry(**changes):
    fields = {"id": "A-01", "group": "A", "item": "x", "sources": "S1 §1", "part": "Foundations"}
    return fields | {"state": "done", "where": ["src-ref-01"]} | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "B-01"},
        {"id": "A-1"},
        {"id": "AA-01", "group": "AA"},
        {"state": "soon"},
        {"part": "Production"},
        {"state": "comes with", "part": "Exploration"},
        {"state": "comes with", "where": []},
        {"where": []},
        {"item": "a | b"},
        {"sources": "S1 | S2"},
    ],
)
def test_malformed_entries_are_refused(changes, tmp_path):
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps([entry(**changes)]), encoding="utf-8")
    with pytest.raises(ValueError, match="not well formed"):
        load_inventory(path)


def test_an_entry_stands_once(tmp_path):
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps([entry(), entry()]), encoding="utf-8")
    with pytest.raises(ValueError, match="A-01 twice"):
        load_inventory(path)


def test_where_groups_names_by_room_and_names_links():
    item = Item(
        "A-01", "A", "x", "S1 §1", "Foundations", "done",
        ("recsys_book.data.A.b", "recsys_book.data.C", "recsys_book.book.d", "src-pre-01", "fig-x",
         "ch-x", "gone"),
    )  # fmt: skip
    places = {name: Place(name, "A chapter") for name in ("src-pre-01", "fig-x", "ch-x")}
    assert inventory.where(item, places) == (
        "`A.b`, `C` ({ref}`data <app-api-data>`); `d` ({ref}`book <app-api-book>`); "
        "{ref}`PRE-01 <src-pre-01>`; {ref}`figure in A chapter <fig-x>`; "
        "{ref}`A chapter <ch-x>`; `gone`"
    )
    assert inventory.missing_labels([item], places) == ["A-01: gone"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S1 §4.3.2, §4.4 (twice)", [("S1", "4")]),
        ("S0 §5.1; S2 8.x.2, 附录A", [("S0a", "5"), ("S0b", "5"), ("S2", "8"), ("S2", "附录A")]),
        ("all five; S0b Q4, §10", [("S0b", "Q4"), ("S0b", "10")]),
        ("S2 2.3 … 7.3.2", [("S2", "2"), ("S2", "7")]),
    ],
)
def test_sections_of_sources(text, expected):
    assert sections(text) == expected


@pytest.fixture
def book(tmp_path):
    chapters = tmp_path / "chapters" / "foundations"
    chapters.mkdir(parents=True)
    cells = [
        {"cell_type": "markdown", "source": "(ch-x)=\n# A chapter\n\n(src-pre-01)="},
        {"cell_type": "markdown", "source": "```{exercise} One\n:label: ex-1\n```"},
        {"cell_type": "code", "source": "(no-label)=",
         "metadata": {"mystnb": {"figure": {"name": "fig-x"}}}},
        {"cell_type": "code", "source": "", "metadata": {"mystnb": {"image": {}}}},
    ]  # fmt: skip
    (chapters / "x.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (chapters / "x-checkpoint.ipynb").write_text("not read", encoding="utf-8")
    (chapters / "y.md").write_text("(app-y)=\n\nno heading", encoding="utf-8")
    (chapters / "z.txt").write_text("(gone)=", encoding="utf-8")
    return tmp_path


def test_find_labels_reads_notebooks_and_pages(book):
    found = inventory.find_labels(book)
    assert {name: place.title for name, place in found.items()} == {
        "app-inventory": "What the articles name", "ch-x": "A chapter", "src-pre-01": "A chapter",
        "ex-1": "A chapter", "fig-x": "A chapter", "app-y": "y",
    }  # fmt: skip


def test_command_writes_the_page_and_ignores_it_afterwards(book, capsys):
    assert inventory.main(book) == 0
    assert capsys.readouterr().out == f"wrote {inventory.PAGE}\n"
    first = (book / inventory.PAGE).read_text(encoding="utf-8")
    assert "{ref}`figure in A chapter" not in first and "`fig-introduction-map`" in first
    inventory.main(book)
    assert (book / inventory.PAGE).read_text(encoding="utf-8") == first
