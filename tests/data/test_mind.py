"""MIND's format, on a small file; and one sentence for each thing that can be wrong with it."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from recsys_book.data import DataError, load_mind, write_mind
from recsys_book.data.mind import NEWS_COLUMNS

NEWS = (
    "N1\tsports\tsoccer\tA late goal\tIn the rain.\thttps://x/1\t"
    '[{"Label": "Rome", "Type": "G", "WikidataId": "Q220"}]\t[]\n'
    "N2\tnews\tworld\tA vote: “yes”\t\thttps://x/2\t[]\t\n"
    "N3\tnews\tus\tThird\tText\thttps://x/3\t[]\t[]\n"
)
LISTS = (
    "1\tU9\t11/15/2019 9:05:58 AM\tN3 N1\tN2-1 N1-0 N3-0\n"
    "2\tU2\t11/15/2019 12:00:00 AM\t\tN3-1 N2-1\n"
    "3\tU9\t11/16/2019 1:00:00 PM\tN2\tN1 N3\n"
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "news.tsv").write_text(NEWS, encoding="utf-8")
    (tmp_path / "behaviors.tsv").write_text(LISTS, encoding="utf-8")
    return tmp_path


def test_everything_is_read(folder):
    mind = load_mind(folder)
    assert mind.news["id"].tolist() == ["N1", "N2", "N3"]
    assert mind.news.loc[0, "title_entities"][0]["WikidataId"] == "Q220"
    assert mind.news.loc[1, "abstract_entities"] == []
    assert mind.texts() == ["A late goal In the rain.", "A vote: “yes”", "Third Text"]
    shown = mind.impressions
    assert len(shown) == 3 and shown.id.tolist() == ["1", "2", "3"]
    items, clicked = shown.shown(0)
    assert items.tolist() == [1, 0, 2] and clicked.tolist() == [1, 0, 0]
    assert shown.shown(2)[1].tolist() == [-1, -1]
    assert shown.read_before(0).tolist() == [2, 0] and len(shown.read_before(1)) == 0
    noon = datetime(2019, 11, 15, 9, 5, 58, tzinfo=UTC).timestamp()
    assert shown.timestamp[0] == noon
    assert datetime.fromtimestamp(int(shown.timestamp[1]), UTC).hour == 0  # 12 AM is midnight
    log = mind.interactions
    assert log.users.tolist() == ["U2", "U9"] and log.items.tolist() == ["N1", "N2", "N3"]
    assert log.to_frame()[["user", "item"]].to_numpy().tolist() == [
        ["U9", "N2"], ["U2", "N3"], ["U2", "N2"]
    ]  # fmt: skip
    assert log.timestamp[0] == noon


def test_windows_line_ends_and_a_byte_order_mark(folder):
    for name, text in (("news.tsv", NEWS), ("behaviors.tsv", LISTS)):
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_mind(folder).news["id"].tolist() == ["N1", "N2", "N3"]


def test_what_is_written_is_read_back(tmp_path):
    news = pd.DataFrame(
        [
            ["N7", "a", "b", "Title", "Text", "u", [{"Label": "é"}], []],
            ["N8", "a", "b", "Other", "", "", [], []],
        ],
        columns=list(NEWS_COLUMNS),
    )
    rows = [
        (1, "U1", 1_573_800_000, ["N7"], [("N8", 1), ("N7", 0)]),
        (2, "U1", 5, [], [("N7", None)]),
    ]
    lists = pd.DataFrame(rows, columns=["impression", "user", "time", "history", "impressions"])
    mind = load_mind(write_mind(tmp_path / "new", news, lists))
    assert mind.news.equals(news)
    assert mind.impressions.timestamp.tolist() == [1_573_800_000, 5]
    assert mind.impressions.clicked.tolist() == [1, 0, -1]
    assert mind.impressions.read_before(0).tolist() == [0]


def test_no_lists_at_all(folder):
    (folder / "behaviors.tsv").write_text("")
    mind = load_mind(folder)
    assert len(mind.impressions) == 0 and len(mind.interactions) == 0
    assert np.array_equal(mind.impressions.start, [0])


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("news.tsv", NEWS + "N4\tnews\n", r"news.tsv, row 4 has 2 columns instead of 8 \(id, cat"),
        ("news.tsv", NEWS + NEWS[:-1], r"news.tsv, row 4, column 'id': 'N1' stands in row 1 too"),
        ("news.tsv", NEWS.replace("N3", "", 1), r"row 3, column 'id': '' is empty"),
        ("news.tsv", NEWS.replace("[]\n", "[{]\n", 1), "row 1, column 'abstract_entities'"),
        ("news.tsv", NEWS.replace("[]\t[]\n", '{"a": 1}\t[]\n'), "row 3, column 'title_entities'"),
        ("behaviors.tsv", LISTS.replace("N2-1", "N2-2", 1), "row 1, .*: 'N2-2' is not like N123-1"),
        ("behaviors.tsv", LISTS.replace("N3-1", "-1"), "row 2, column 'impressions': '-1' is not"),
        ("behaviors.tsv", LISTS.replace("N1 N3\n", "N1 N99\n"), "row 3, column 'impr.*news 'N99'"),
        ("behaviors.tsv", LISTS.replace("N3 N1", "N3 X"), "row 1, column 'history': news 'X'"),
        ("behaviors.tsv", LISTS.replace("12:00:00 AM", "25:00"), "row 2, column 'time': '11/15/"),
        ("behaviors.tsv", LISTS.replace("U2", ""), "behaviors.tsv, row 2, column 'user' is empty"),
        ("behaviors.tsv", LISTS + "\n\n", "behaviors.tsv, row 4 has 1 columns instead of 5"),
    ],
)  # fmt: skip
def test_one_sentence_names_file_row_and_column(folder, file, text, sentence):
    if text.endswith("\n\n"):
        text = text[:-1] + "x\n"
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=sentence) as error:
        load_mind(folder)
    assert "\n" not in str(error.value)


def test_missing_and_broken_files(folder):
    (folder / "news.tsv").write_bytes(b"N1\t\xff\n")
    with pytest.raises(DataError, match="news.tsv, byte 3, is not UTF-8"):
        load_mind(folder)
    (folder / "news.tsv").unlink()
    with pytest.raises(DataError, match="news.tsv is missing: unpack MIND"):
        load_mind(folder)
