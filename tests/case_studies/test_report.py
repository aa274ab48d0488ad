"""The results page: one file, safe with hostile strings, readable by everyone."""

import os
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from recsys_book.case_studies import Section, render_report, write_report

HOSTILE = "<script>alert('x')</script>\"' onload=\"go()\" & </style> \x00"


class _Page(HTMLParser):
    """Collects tags, attributes and text as a browser would read them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.text += data


def _figure(title="Clicks"):
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot([0, 1], [1, 3])
    axes.set_title(title)
    return figure


def _sections():
    table = pd.DataFrame({"policy": ["uniform", "Thompson"], "value": [0.0038, 0.0042]})
    return [
        Section("Background", "One.\n\nTwo.", _figure(), None, "A line that rises."),
        Section("Effect", "", None, table),
    ]


def test_page_has_every_part_in_order():
    page = _Page(render_report("A shop", "Which policy?", "A tie.", _sections()))
    for words in ("A shop", "Which policy?", "A tie.", "One.", "Two.", "uniform", "0.0042"):
        assert words in page.text
    assert page.text.index("Background") < page.text.index("One.") < page.text.index("Thompson")
    assert page.tags.count("h2") == 2 and page.tags.count("svg") == 1
    assert page.tags.count("p") == 4  # question, verdict and two paragraphs


def test_page_asks_nothing_from_outside_and_runs_no_script():
    text = render_report("A shop", "Which?", "A tie.", _sections())
    page = _Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    loading = [v for _, k, v in page.attributes if k in {"src", "href", "xlink:href", "action"}]
    assert loading and all(value.startswith("#") for value in loading)
    assert not re.search(r"url\((?!#)|@import", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("where", ["title", "question", "verdict", "heading", "text", "alt"])
def test_hostile_strings_are_shown_not_obeyed(where):
    words = dict.fromkeys(("title", "question", "verdict", "heading", "text", "alt"), "fine")
    words[where] = HOSTILE
    section = Section(words["heading"], words["text"], _figure(), None, words["alt"])
    text = render_report(words["title"], words["question"], words["verdict"], [section])
    page = _Page(text)
    assert "script" not in page.tags
    assert not any(name.startswith("on") for _, name, _ in page.attributes)
    assert text.count("</style>") == text.count("<style")  # none closed early
    assert "alert" in page.text or any("alert" in (v or "") for *_, v in page.attributes)
    assert "\x00" not in text


def test_hostile_tables_and_figures_are_escaped():
    table = pd.DataFrame({HOSTILE: [HOSTILE, 1]}, index=pd.Index([HOSTILE, "b"], name=HOSTILE))
    figure = _figure("--><script>alert(1)</script>")
    text = render_report("t", "q", "v", [Section("s", "x", figure, table, "alt")])
    page = _Page(text)
    assert "script" not in page.tags
    assert page.text.count("alert('x')") == 4


def test_figure_without_alt_text_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'Effect' has no alt text: say"):
        write_report(tmp_path / "a.html", "t", "q", "v", [Section("Effect", "x", _figure())])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "sections", "message"),
    [
        (("", "q", "v"), [Section("s", "x")], "title is empty"),
        (("t", " ", "v"), [Section("s", "x")], "question is empty"),
        (("t", "q", ""), [Section("s", "x")], "verdict is empty"),
        (("t", "q", "v"), [], "no section"),
        (("t", "q", "v"), [Section(" ", "x")], "Section 1 of the report has no heading"),
    ],
)
def test_empty_parts_are_refused(words, sections, message):
    with pytest.raises(ValueError, match=message):
        render_report(*words, sections)


def test_alt_text_and_ids_belong_to_their_figure():
    sections = [Section(n, "", _figure(), None, f"alt {n}") for n in ("one", "two")]
    page = _Page(render_report("t", "q", "v", sections))
    labels = [v for tag, k, v in page.attributes if tag == "svg" and k == "aria-label"]
    assert labels == ["alt one", "alt two"]
    ids = [v for _, k, v in page.attributes if k == "id"]
    assert len(ids) == len(set(ids))
    targets = {v[1:] for _, k, v in page.attributes if k in {"href", "xlink:href"}}
    assert targets <= set(ids)


def test_numbers_are_aligned_and_readable():
    table = pd.DataFrame(
        {"n": [12345], "share": [0.123456], "big": [1e6], "ok": [True], "who": [np.str_("x")]}
    )
    text = render_report("t", "q", "v", [Section("s", "", None, table)])
    cells = re.findall(r"<td[^>]*>[^<]*</td>", text)
    assert cells[0] == '<td class="number">12,345</td>'
    assert cells[1] == '<td class="number">0.1235</td>'
    assert cells[2] == '<td class="number">1,000,000</td>'
    assert cells[3:] == ["<td>True</td>", "<td>x</td>"]


def _numbers(values):
    text = render_report("t", "q", "v", [Section("s", "", None, pd.DataFrame({"a": values}))])
    return re.findall(r'<td class="number">([^<]*)</td>', text)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([-10.18, 0.21, 0.0], ["-10.18", "0.21", "0.00"]),  # decimals of the largest
        ([-9.46, 0.82], ["-9.46", "0.82"]),  # and no idle zeros
        ([28.2436, -1e-9], ["28.24", "0.00"]),  # no minus before nothing
        ([371405.6, np.nan], ["371,406", "–"]),
        ([0.0, np.nan], ["0", "–"]),
        ([3e-9, 0.0], ["3e-09", "0"]),
        ([np.inf, 2.5], ["inf", "2.5"]),
    ],
)
def test_a_column_shares_its_decimals(values, shown):
    assert _numbers(values) == shown


def test_heads_of_numbers_stand_over_their_numbers():
    table = pd.DataFrame({"n": [1, 2], "mixed": [1, "x"], "twice": [0.5, 1.5]})
    table.columns = ["n", "mixed", "n"]
    text = render_report("t", "q", "v", [Section("s", "", None, table)])
    heads = re.findall(r"<th[^>]*>[^<]*</th>", text)
    right = '<th scope="col" class="number">n</th>'
    assert heads == [right, '<th scope="col">mixed</th>', right]


def test_same_run_writes_the_same_bytes(tmp_path):
    pages = [
        write_report(tmp_path / name, "t", "q", "v", _sections()).read_bytes() for name in "ab"
    ]
    # Matplotlib salts the ids of clip paths unless the style fixes the salt.
    clean = [re.sub(rb"#?f1-[pm][0-9a-f]{10}", b"", page) for page in pages]
    assert clean[0] == clean[1]


def test_write_makes_folders_and_returns_the_path(tmp_path):
    path = write_report(tmp_path / "a" / "b.html", "t", "é 北", "v", [Section("s", "x")])
    assert path == tmp_path / "a" / "b.html"
    assert "é 北" in path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["b.html"]


def test_write_that_fails_leaves_the_old_page(tmp_path, monkeypatch):
    path = write_report(tmp_path / "a.html", "t", "q", "old", [Section("s", "x")])
    before = path.read_bytes()

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_report(path, "t", "q", "new", [Section("s", "x")])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
