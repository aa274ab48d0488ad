"""The command's words, defaults and errors; the actions themselves are tested beside this file."""

import subprocess
import sys

import pytest

from recsys_book import cli
from recsys_book.commands import build as build_module
from recsys_book.commands import check, data, listing, refresh, run


@pytest.fixture
def calls(monkeypatch):
    """Replace the actions by a list of how they were called."""
    found = []

    def record(module, name):
        def action(*arguments, **options):
            found.append((name, *arguments, options))
            return 0

        monkeypatch.setattr(module, name, action)

    for module, name in (
        (run, "run"),
        (check, "check"),
        (refresh, "refresh"),
        (build_module, "build"),
        (listing, "list_chapters"),
        (data, "data"),
    ):
        record(module, name)
    for name in ("PROFILE", "JOBS", "TIMEOUT"):
        monkeypatch.delenv(f"RECSYS_BOOK_{name}", raising=False)
    return found


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (["list"], ("list_chapters", {})),
        (["build"], ("build", {})),
        (["data"], ("data", [], {"show_list": False})),
        (["data", "ml-1m", "--list"], ("data", ["ml-1m"], {"show_list": True})),
        (["run"], ("run", [], {"profile": "book", "jobs": 1, "timeout": 900})),
        (
            ["run", "a", "b", "--profile", "full", "--jobs", "3"],
            ("run", ["a", "b"], {"profile": "full", "jobs": 3, "timeout": 86400}),
        ),
        (["smoke"], ("run", [], {"profile": "smoke", "jobs": 1, "timeout": 900})),
        (
            ["check", "a", "--jobs", "2", "--timeout", "5"],
            ("check", ["a"], {"jobs": 2, "timeout": 5.0}),
        ),
        (["refresh", "all"], ("refresh", ["all"], {"jobs": 1, "timeout": 900})),
    ],
)
def test_words_become_calls(words, call, calls):
    assert cli.main(words) == 0
    assert calls == [call]


def test_environment_stands_in_for_options(calls, monkeypatch):
    monkeypatch.setenv("RECSYS_BOOK_PROFILE", "smoke")
    monkeypatch.setenv("RECSYS_BOOK_JOBS", "4")
    monkeypatch.setenv("RECSYS_BOOK_TIMEOUT", "60")
    cli.main(["run"])
    cli.main(["run", "--profile", "book", "--jobs", "1"])
    assert calls == [
        ("run", [], {"profile": "smoke", "jobs": 4, "timeout": 60}),
        ("run", [], {"profile": "book", "jobs": 1, "timeout": 60}),
    ]


@pytest.mark.parametrize(
    ("words", "variables", "problem"),
    [
        (["run", "--profile", "big"], {}, "asks for the unknown profile 'big'"),
        (["run", "--jobs", "0"], {}, "--jobs is '0': give a number of at least 1."),
        (["check", "--timeout", "nan"], {}, "--timeout is 'nan': give a number"),
        (["check"], {"RECSYS_BOOK_JOBS": "two"}, "RECSYS_BOOK_JOBS is 'two': give a number"),
    ],
)
def test_bad_options_are_one_sentence(words, variables, problem, calls, monkeypatch, capsys):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("recsys-book: ") and error.count("\n") == 1
    assert problem in error
    assert calls == []


@pytest.mark.parametrize(
    ("raised", "status", "text"),
    [
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (ValueError("two\nlines"), 2, "recsys-book: two lines"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_end_the_command_with_a_sentence(raised, status, text, monkeypatch, capsys):
    def fail():
        raise raised

    monkeypatch.setattr(listing, "list_chapters", fail)
    assert cli.main(["list"]) == status
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["fly"], ["refresh"], ["run", "--jobs", "x"]])
def test_wrong_words_show_the_usage(words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert "usage: recsys-book" in capsys.readouterr().err


def test_help_and_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    for word in ("list", "data", "run", "check", "refresh", "build", "address", "RECSYS_BOOK_JOBS"):
        assert word in text
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.startswith("recsys-book 0")


def test_outside_the_repository(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["list"]) == 2
    assert "is not inside the book's repository" in capsys.readouterr().err


def test_module_runs_and_imports_nothing_heavy():
    script = (
        "import sys; sys.argv = ['recsys-book', '--version']\n"
        "import runpy\n"
        "try:\n    runpy.run_module('recsys_book.cli', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sklearn', 'recsys_book.data'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
