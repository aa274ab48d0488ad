"""The parsers, on the real MovieLens-100K and on small files in the official formats."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from recsys_book.data import DataError, load_movielens
from recsys_book.data.releases import GENRES_100K

# -- the real 100K --------------------------------------------------------------------------------


def test_100k_has_the_published_size(ml100k):
    log = ml100k.interactions
    assert (len(log), log.n_users, log.n_items) == (100_000, 943, 1_682)
    assert np.array_equal(log.users, np.arange(1, 944))
    assert np.array_equal(log.items, np.arange(1, 1683))
    assert set(log.value) == {1, 2, 3, 4, 5}
    assert np.bincount(log.user).min() == 20
    first = log.to_frame().iloc[0]
    assert first.tolist() == [196, 242, 3, 881250949]


def test_100k_tables_are_aligned_and_typed(ml100k):
    assert np.array_equal(ml100k.items["item"], ml100k.interactions.items)
    assert np.array_equal(ml100k.users["user"], ml100k.interactions.users)
    assert list(ml100k.items) == ["item", "title", "year", "genres"]
    assert list(ml100k.users) == ["user", "age", "gender", "occupation"]
    assert str(ml100k.items["year"].dtype) == "Int64"
    assert ml100k.items["item"].dtype == ml100k.users["age"].dtype == np.int64
    assert set(ml100k.users["gender"]) == {"M", "F"}
    assert ml100k.items.iloc[0].tolist() == [1, "Toy Story", 1995, "Animation|Children's|Comedy"]
    assert ml100k.users.iloc[0].tolist() == [1, 24, "M", "technician"]


def test_100k_oddities_are_put_right(ml100k):
    items = ml100k.items.set_index("item")
    assert items.loc[267].tolist()[0] == "unknown" and items.loc[267, "year"] is pd.NA
    assert items["year"].isna().sum() == 1
    assert items.loc[1412, "title"] == "Land Before Time III: The Time of the Great Giving"
    assert items.loc[1412, "year"] == 1995
    assert items.loc[1650, "title"] == "Butcher Boy, The"
    assert items.loc[1633, "title"] == "Á köldum klaka (Cold Fever)"
    genres = set("|".join(items["genres"]).split("|"))
    assert genres == set(GENRES_100K)
    assert items["year"].min() == 1922 and items["year"].max() == 1998


def test_100k_graph_and_links(ml100k):
    assert len(ml100k.graph) == 91_631 and ml100k.graph["relation"].nunique() == 24
    assert list(ml100k.graph) == ["head", "relation", "tail"]
    assert len(ml100k.links) == 1_598 and list(ml100k.links) == ["item", "entity"]
    assert set(ml100k.links["item"]) <= set(ml100k.items["item"])
    assert ml100k.links["entity"].isin(set(ml100k.graph["head"]) | set(ml100k.graph["tail"])).any()


# -- the same tables in GroupLens' own format -----------------------------------------------------


@pytest.fixture(scope="module")
def official_100k(ml100k, tmp_path_factory):
    """The 100K tables written as GroupLens writes them: u.data, u.item, u.user."""
    folder = tmp_path_factory.mktemp("official") / "ml-100k"
    folder.mkdir()
    ratings = ml100k.interactions.to_frame().astype({"value": int})
    ratings.to_csv(folder / "u.data", sep="\t", header=False, index=False)
    lines = []
    for item, title, year, genres in ml100k.items.itertuples(index=False):
        flags = "|".join(str(int(g in genres.split("|"))) for g in GENRES_100K)
        full = title if year is pd.NA else f"{title} ({year})" + (" (V)" if item == 1412 else "")
        full += " " if item == 1201 else ""
        date = "" if year is pd.NA else f"01-Jan-{year}"
        lines.append(f"{item}|{full}|{date}||http://us.imdb.com/M/title-exact?x|{flags}\n")
    (folder / "u.item").write_text("".join(lines), encoding="latin-1", newline="")
    people = ml100k.users.assign(zip="T8H1N")
    people.to_csv(folder / "u.user", sep="|", header=False, index=False)
    return folder


def test_the_official_100k_gives_identical_tables(official_100k, ml100k):
    other = load_movielens("100k", folder=official_100k)
    for column in ("user", "item", "value", "timestamp", "users", "items"):
        assert np.array_equal(
            getattr(other.interactions, column), getattr(ml100k.interactions, column)
        )
    pd.testing.assert_frame_equal(other.items, ml100k.items)
    pd.testing.assert_frame_equal(other.users, ml100k.users)
    assert other.graph is None and other.links is None


def test_the_official_100k_is_read_from_its_zip_too(official_100k, ml100k, tmp_path):
    with zipfile.ZipFile(tmp_path / "ml-100k.zip", "w") as box:
        box.mkdir("ml-100k")
        for file in official_100k.iterdir():
            box.write(file, f"ml-100k/{file.name}")
    other = load_movielens("100k", folder=tmp_path / "ml-100k.zip")
    pd.testing.assert_frame_equal(other.items, ml100k.items)
    assert len(other.interactions) == 100_000


# -- 1M -------------------------------------------------------------------------------------------

ONE_M = {
    "ratings.dat": "2::1193::5::978300760\n1::661::3::978302109\n1::73::3::978301968\n",
    "movies.dat": (
        "73::Misérables, Les (1995)::Drama|Musical\n"
        "661::James and the Giant Peach (1996)::Animation|Children's|Musical\n"
        '1193::One "Flew" Over the Cuckoo\'s Nest (1975)::Drama\n'
        "3952::Contender, The (2000)::Drama|Thriller\n"
    ),
    "users.dat": "1::F::1::10::48067\n2::M::56::16::70072-1234\n",
}


def write_release(folder, files, encoding):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode(encoding))
    return folder


def test_1m_is_read(tmp_path):
    ml = load_movielens("1m", folder=write_release(tmp_path, ONE_M, "latin-1"))
    assert ml.interactions.to_frame().to_numpy().tolist() == [
        [2, 1193, 5, 978300760],
        [1, 661, 3, 978302109],
        [1, 73, 3, 978301968],
    ]
    assert ml.items["title"].tolist() == [
        "Misérables, Les",
        "James and the Giant Peach",
        'One "Flew" Over the Cuckoo\'s Nest',
    ]
    assert ml.items["year"].tolist() == [1995, 1996, 1975]
    assert ml.items["genres"].tolist()[0] == "Drama|Musical"
    assert ml.users.to_numpy().tolist() == [
        [1, 1, "F", "K-12 student"],
        [2, 56, "M", "self-employed"],
    ]
    assert ml.graph is None and ml.name == "1m"


# -- 20M and 32M ----------------------------------------------------------------------------------

CSV = {
    "ratings.csv": (
        "userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n1,29,0.5,1112484676\n7,11,4,9\n"
    ),
    "movies.csv": (
        "movieId,title,genres\n"
        '11,"American President, The (1995)",Comedy|Drama|Romance\n'
        "2,Jumanji (1995) ,Adventure|Children|Fantasy\n"
        '29,"City of Lost Children, The (Cité des ""enfants"" perdus, La) (1995)",Sci-Fi\n'
        "30,Unrated (2001),Drama\n"
    ),
}


@pytest.mark.parametrize("name", ["20m", "32m"])
def test_csv_releases_are_read(tmp_path, name):
    ml = load_movielens(name, folder=write_release(tmp_path, CSV, "utf-8"))
    assert ml.interactions.value.tolist() == [3.5, 0.5, 4]
    assert ml.interactions.items.tolist() == [2, 11, 29]
    assert ml.items["title"].tolist() == [
        "Jumanji",
        "American President, The",
        'City of Lost Children, The (Cité des "enfants" perdus, La)',
    ]
    assert ml.items["year"].tolist() == [1995, 1995, 1995] and ml.users is None


@pytest.mark.parametrize(
    ("published", "title", "year"),
    [
        ("Babylon 5", "Babylon 5", pd.NA),
        ("Fawlty Towers (1975-1979)", "Fawlty Towers", 1975),
        ("Nikita (2010–)", "Nikita", 2010),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
        ("Stargate (V) (1998)", "Stargate (V)", 1998),
        ("Cops (Reality) (Series)", "Cops (Reality) (Series)", pd.NA),
        ("(500) Days of Summer (2009)", "(500) Days of Summer", 2009),
        ("Movie (12345)", "Movie (12345)", pd.NA),
    ],
)
def test_titles_and_years(tmp_path, published, title, year):
    files = CSV | {"movies.csv": CSV["movies.csv"].replace("Jumanji (1995) ", published)}
    item = load_movielens("20m", folder=write_release(tmp_path, files, "utf-8")).items.iloc[0]
    assert item["title"] == title
    assert item["year"] is year or item["year"] == year


def test_no_genres_listed_is_unknown_as_in_100k(tmp_path):
    movies = CSV["movies.csv"].replace("Adventure|Children|Fantasy", "(no genres listed)")
    folder = write_release(tmp_path, CSV | {"movies.csv": movies}, "utf-8")
    assert load_movielens("32m", folder=folder).items["genres"][0] == "unknown"
    movies = CSV["movies.csv"].replace("Adventure|Children|Fantasy", "")
    folder = write_release(tmp_path, CSV | {"movies.csv": movies}, "utf-8")
    assert load_movielens("32m", folder=folder).items["genres"][0] == "unknown"


# -- faults ----------------------------------------------------------------------------------------


def spoil(files, name, old, new):
    assert old in files[name]
    return files | {name: files[name].replace(old, new)}


@pytest.mark.parametrize(
    ("release", "files", "says"),
    [
        ("20m", spoil(CSV, "ratings.csv", "userId", "user"), "ratings.csv, row 1: the header is"),
        (
            "20m",
            spoil(CSV, "ratings.csv", ",3.5,", ",x,"),
            "ratings.csv, column 'value', row 2: the",
        ),
        (
            "20m",
            spoil(CSV, "ratings.csv", "1,29", ",29"),
            "column 'user', row 3: the id is missing",
        ),
        ("20m", spoil(CSV, "ratings.csv", ",4,9", ",4,-9"), "row 4: the time -9 is negative"),
        (
            "20m",
            spoil(CSV, "movies.csv", "2,Jumanji", "3,Jumanji"),
            "item 2 has ratings but no row",
        ),
        (
            "20m",
            spoil(CSV, "movies.csv", "2,Jumanji", "11,Jumanji"),
            "row 3: the id 11 occurs a sec",
        ),
        (
            "20m",
            spoil(CSV, "movies.csv", "Jumanji (1995) ", ""),
            "column 'title', row 3: the field",
        ),
        ("20m", CSV | {"ratings.csv": ""}, "ratings.csv has no rows"),
        ("20m", {"movies.csv": CSV["movies.csv"]}, "has no file 'ratings.csv'; give the folder or"),
        ("1m", spoil(ONE_M, "ratings.dat", "::5::", "::"), "column 'timestamp', row 1: the number"),
        ("1m", spoil(ONE_M, "ratings.dat", "::5::", "::5::5::"), "row 1: there are more than 4 fi"),
        (
            "1m",
            spoil(ONE_M, "users.dat", "::16::", "::21::"),
            "row 2: the code 21 is not one of 0 to",
        ),
        (
            "1m",
            spoil(ONE_M, "users.dat", "2::M", "3::M"),
            "user 2 has ratings but no row in the table",
        ),
    ],
)
def test_a_damaged_release_names_file_and_row(tmp_path, release, files, says):
    with pytest.raises(DataError) as error:
        encoding = "latin-1" if release == "1m" else "utf-8"
        load_movielens(release, folder=write_release(tmp_path, files, encoding))
    assert says in str(error.value) and str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


def test_text_in_the_wrong_encoding(tmp_path):
    with pytest.raises(DataError, match=r"movies.csv is not utf-8 text \(it has the byte 0xe9\)"):
        load_movielens("20m", folder=write_release(tmp_path, CSV, "latin-1"))


def test_a_zip_that_is_not_whole_and_an_unknown_release(tmp_path):
    (tmp_path / "ml-1m.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(DataError, match="ml-1m.zip is not a whole zip file; fetch it again"):
        load_movielens("1m", folder=tmp_path / "ml-1m.zip")
    with pytest.raises(DataError, match="no release '10m'; choose one of 100k, 1m, 20m, 32m"):
        load_movielens("10m")
