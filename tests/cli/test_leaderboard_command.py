"""``recsys-book leaderboard`` writes one file an entry and protocol."""

import json

import pytest

from recsys_book.cli import main
from recsys_book.commands.leaderboard import headline, leaderboard_path


def test_one_model_on_one_protocol(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RECSYS_BOOK_RESULTS", str(tmp_path))
    assert main(["leaderboard", "popularity", "--protocol", "peers-temporal"]) == 0
    (file,) = (tmp_path / "leaderboard").rglob("*.json")
    assert file == leaderboard_path(tmp_path / "leaderboard", "popularity", "peers-temporal")
    stored = json.loads(file.read_text())
    assert stored["name"] == "popularity" and len(stored["splits"][0]["ndcg"]) == 109
    assert stored["provenance"]["device"]
    assert "nDCG@10 0.1451" in capsys.readouterr().out


def test_a_model_takes_part_in_its_own_protocols_only(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RECSYS_BOOK_RESULTS", str(tmp_path))
    assert main(["leaderboard", "item mean"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("ratings") and "RMSE 1.0191" in line


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nobody"], "'nobody'"),
        (["--chapter", "nowhere"], "'nowhere'"),
        (["--protocol", "monthly"], "'monthly'"),
    ],
)
def test_unknown_names_are_refused(words, named, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_BOOK_RESULTS", str(tmp_path))
    assert main(["leaderboard", *words]) == 2
    assert named in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_headline_weighs_every_value_alike():
    splits = [
        {"ndcg": [1.0], "fit_cpu_seconds": 1},
        {"ndcg": [0.0, 0.0, 0.0], "fit_cpu_seconds": 2},
    ]
    assert headline({"splits": splits}) == "nDCG@10 0.2500, fit 1.5 CPU s a split"
