"""The catalogue of the source check is complete, well formed, and refuses bad entries."""

import json
import re
from collections import Counter

import pytest

from recsys_book.errata import catalog

SIZES = {
    "OPT": 21, "PRE": 18, "MET": 20, "LLM": 22, "COD": 16, "CF": 16, "ENS": 4,
    "ADA": 7, "META": 7, "CMP": 9, "PRV": 11, "CLM": 19, "REF": 24, "DOC": 10,
}  # fmt: skip


def test_catalog_holds_every_entry_once_and_in_order():
    entries = catalog.load_catalog()
    assert len(entries) == 204 == sum(SIZES.values())
    assert Counter(entry.group for entry in entries) == SIZES
    for group, size in SIZES.items():
        numbers = [entry.id for entry in entries if entry.group == group]
        assert numbers == [f"{group}-{n:02d}" for n in range(1, size + 1)]


def test_counts_by_severity_and_demonstration():
    formulas = [e for e in catalog.load_catalog() if e.group not in ("CLM", "REF", "DOC")]
    assert Counter(e.severity for e in formulas) == {
        "fatal": 46, "wrong": 66, "unsound": 28, "minor": 11,
    }  # fmt: skip
    assert sum(e.demonstrated for e in formulas) == 144
    assert all(e.verified == "run" for e in formulas if e.demonstrated)


def test_texts_are_clean():
    for entry in catalog.load_catalog():
        text = json.dumps(vars(entry), ensure_ascii=False)
        assert not re.search(r"\bseeds?'|\bthe seed\b|longer run|/work|workplace", text), entry.id
        assert entry.title[0].isupper() or not entry.title[0].isalpha() or "=" in entry.title or (
            entry.title.startswith(("u_i", "softmax"))
        ), entry.id  # fmt: skip
        assert text.count("`") % 2 == 0, entry.id
        assert entry.label == f"src-{entry.id.lower()}"


def test_cross_references_between_entries_exist():
    ids = {entry.id for entry in catalog.load_catalog()}
    for entry in catalog.load_catalog():
        named = re.findall(r"\b(?:{})-\d\d\b".format("|".join(SIZES)), entry.fault + entry.truth)
        assert set(named) <= ids, entry.id


def test_erratum_by_id():
    assert catalog.erratum("PRE-07").group == "PRE"
    with pytest.raises(ValueError, match="No entry 'PRE-99'"):
        catalog.erratum("PRE-99")


def write(tmp_path, rows):
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


@pytest.fixture
def row():
    return dict(vars(catalog.erratum("OPT-01")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"severity": "awful"}, "has the severity 'awful'"),
        ({"verified": "maybe"}, "has the verified 'maybe'"),
        ({"id": "PRE-01"}, "not named after its group"),
        ({"id": "OPT-1"}, "not named after its group"),
        ({"id": "XXX-01", "group": "XXX"}, "has the group 'XXX'"),
        ({"truth": " "}, "has no truth"),
    ],
)
def test_bad_values_are_refused(tmp_path, row, change, message):
    with pytest.raises(ValueError, match=message):
        catalog.load_catalog(write(tmp_path, [row | change]))


def test_missing_and_unknown_fields_are_refused(tmp_path, row):
    with pytest.raises(ValueError, match="fields colour"):
        catalog.load_catalog(write(tmp_path, [row | {"colour": "red"}]))
    del row["says"]
    with pytest.raises(ValueError, match="fields says"):
        catalog.load_catalog(write(tmp_path, [row]))


def test_disorder_and_repeats_are_refused(tmp_path, row):
    with pytest.raises(ValueError, match="out of order or there twice"):
        catalog.load_catalog(write(tmp_path, [row, row]))
    with pytest.raises(ValueError, match="out of order or there twice"):
        catalog.load_catalog(write(tmp_path, [row | {"id": "OPT-02"}, row]))
