import pytest

from recsys_book.data import DataError, read_interactions

GOOD = "user_id,item_id,rating,timestamp\n1,10,5,100\n2,10,3,50\n2,11,1,70\n"


@pytest.fixture
def write(tmp_path):
    def write(content, encoding="utf-8"):
        path = tmp_path / "mine.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def test_a_good_file_is_read_in_order(write):
    log = read_interactions(write(GOOD))
    assert log.users.tolist() == [1, 2] and log.items.tolist() == [10, 11]
    assert log.value.tolist() == [5, 3, 1] and log.timestamp.tolist() == [100, 50, 70]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.rstrip("\n"),
        GOOD.replace("user_id", '"user_id"').replace("2,10,3", '"2",10,3'),
    ],
)
def test_line_ends_byte_order_mark_and_quotes_do_not_matter(write, content):
    assert read_interactions(write(content)).value.tolist() == [5, 3, 1]


def test_other_separators_encodings_and_columns(write):
    path = write("café;note;x\nzoë;1;5\nana;2;4\n", "latin-1")
    log = read_interactions(
        path, user="café", item="note", value="x", timestamp=None, separator=";", encoding="latin-1"
    )
    assert log.users.tolist() == ["ana", "zoë"] and log.timestamp.tolist() == [0, 0]


def test_columns_that_nobody_asked_for_may_even_share_a_name(write):
    path = write("user_id,x,item_id,x\n1,a,10,b\n2,,11,\n")
    assert len(read_interactions(path, value=None, timestamp=None)) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty; give a file with a header and at least one row"),
        ("\n \n", "is empty"),
        ("user_id,item_id,rating,timestamp\n", "has no rows"),
        (GOOD.replace("rating", "stars"), "has no column 'rating' (its columns: 'user_id', 'item_"),
        (
            GOOD.replace(",", ";"),
            "has only one column, 'user_id;item_id;rating;timestamp'; if that",
        ),
        (GOOD.replace("timestamp", "rating"), "has 2 columns called 'rating'"),
        (GOOD.replace("2,10,3,", "2,10,good,"), "column 'rating', row 3: the text 'good' stands"),
        (GOOD.replace("2,10,3,", "2,10,,"), "column 'rating', row 3: the number is missing"),
        (GOOD.replace("2,10,3,", "NaN,10,3,"), "column 'user_id', row 3: the id is missing"),
        (GOOD.replace("2,10,3,", ",10,3,"), "column 'user_id', row 3: the id is missing"),
        (GOOD.replace(",50", ",-50"), "column 'timestamp', row 3: the time -50 is negative"),
        (GOOD.replace(",50", ""), "column 'timestamp', row 3: the number is missing"),
        (GOOD.replace(",50", ",50,9"), "row 3: there are more than 4 fields; remove the surplus"),
        (GOOD.replace(",50", ",50,9,9"), "row 3: there are more than 4 fields"),
        (GOOD.replace("5,100", "5,100,9,9"), "row 2: there are more than 4 fields"),
        (GOOD.replace("2,10,3,50\n", "\n"), "column 'user_id', row 3: the id is missing"),
        (GOOD + GOOD, "row 5: the header stands here a second time; remove that line"),
        (GOOD.replace("\n2,", "\n1,"), "column 'user_id', rows 2 to 4: all are of one user (1)"),
        (GOOD.replace("11", "10"), "column 'item_id', rows 2 to 4: all are of one item (10)"),
        (GOOD.replace("2,11", "zoë,11").encode("latin-1"), "row 4: the byte 0xeb is not utf-8"),
        (GOOD.replace("2,11", '"2,11'), "row 4: a quotation mark opens and never closes"),
    ],
)
def test_a_bad_file_is_one_sentence_with_file_row_and_remedy(write, content, says):
    path = write(content)
    with pytest.raises(DataError) as error:
        read_interactions(path)
    text = str(error.value)
    assert text.startswith(str(path)) and says in text
    assert ";" in text and text.endswith(".") and "\n" not in text


def test_a_repeated_header_is_found_where_every_column_may_be_text(write):
    path = write("user_id,item_id\na,x\nuser_id,item_id\nb,y\n")
    with pytest.raises(DataError, match="row 3: the header stands here a second time"):
        read_interactions(path, value=None, timestamp=None)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be opened .*; check the path"):
        read_interactions(tmp_path / "nowhere.csv")
