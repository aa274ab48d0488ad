"""The landing page's figures are the same twice and carry their text as paths."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def landing(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        "landing_figures", ROOT / "tools" / "landing_figures.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = tmp_path / "introduction.json"
    means = {"popularity": 0.1, "recent popularity": 0.2, "random order": 0.0}
    result.write_text(json.dumps({"metrics": {"tomorrow": means, "last_item": means}}))
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "FOLDER", tmp_path / "landing")
    monkeypatch.setattr(module, "RESULT", result)
    return module


def test_figures_are_deterministic_and_self_contained(landing):
    landing.main()
    first = {path.name: path.read_bytes() for path in landing.FOLDER.iterdir()}
    landing.main()
    assert {path.name: path.read_bytes() for path in landing.FOLDER.iterdir()} == first
    assert set(first) == {"map.svg", "timescales.svg", "questions.svg"}
    for content in first.values():
        text = content.decode("utf-8")
        assert "<text" not in text and "<dc:date" not in text
        assert not re.findall(r"(?:href|src)=\"https?:", text)


def test_landing_page_shows_the_committed_figures():
    page = (ROOT / "index.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"_static/landing/(\w+)\.svg", page))
    assert shown == {path.stem for path in (ROOT / "_static" / "landing").glob("*.svg")}
