"""``list``, ``data`` and ``build``, without their slow parts."""

import json
import subprocess

import pytest

from recsys_book import cli
from recsys_book import data as data_room
from recsys_book.commands import build as build_module


def put_result(root, profile, name, **content):
    path = root / "results" / profile / f"{name.replace('/', '__')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_list_shows_the_last_runs(small_book, capsys):
    put_result(
        small_book, "book", "part/one", wall_seconds=12.4, finished="2026-01-02T", device="A"
    )
    put_result(small_book, "smoke", "part/one", seconds=2, finished="2026-01-03T", device="B")
    put_result(small_book, "full", "part/one", finished="2026-01-01T", device="C")
    assert cli.main(["list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:3] == ["chapter", "part", "title"]
    one = "part/one Part One 2 s, 2026-01-03 12 s, 2026-01-02 0 s, 2026-01-01 B"
    assert " ".join(lines[1]) == one
    assert " ".join(lines[2]) == "part/two Part Two – – – –"


def test_list_of_an_empty_book(small_book, capsys):
    for path in (small_book / "chapters/part").iterdir():
        path.unlink()
    assert cli.main(["list"]) == 0
    assert "there is no chapter under" in capsys.readouterr().out


def test_data_fetches_and_says_so(monkeypatch, capsys):
    asked = []

    def fetch_all(progress, names):
        asked.append(names)
        progress("ml-100k: verified")

    monkeypatch.setattr(data_room, "fetch_all", fetch_all)
    assert cli.main(["data"]) == 0
    assert cli.main(["data", "ml-1m"]) == 0
    assert capsys.readouterr().out == "ml-100k: verified\n" * 2
    assert asked == [None, ["ml-1m"]]


def test_data_list_and_unknown_name(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path))
    assert cli.main(["data", "--list"]) == 0
    text = capsys.readouterr().out
    assert "ml-100k" in text and "missing" in text
    assert cli.main(["data", "no-such-data"]) == 2
    error = capsys.readouterr().err
    assert "no-such-data" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [(0, 0, "_build/html/index.html"), (2, 1, "the book has warnings")],
)
def test_build_is_strict(status, code, text, small_book, monkeypatch, capsys):
    calls = []

    def build(command, **options):
        calls.append((command, options))
        return subprocess.CompletedProcess(command, status)

    (small_book / "_build" / ".doctrees").mkdir(parents=True)
    monkeypatch.setattr(build_module.subprocess, "run", build)
    assert cli.main(["build"]) == code
    assert text in capsys.readouterr().out
    ((command, options),) = calls
    assert command[-5:] == ["build", ".", "-W", "-n", "--keep-going"]
    assert options["cwd"] == small_book
    # A failed build leaves nothing that would hide its warnings from the next one.
    assert (small_book / "_build" / ".doctrees").exists() == (status == 0)
