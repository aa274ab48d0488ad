"""Results on disk, and where they come from."""

import json
import os
import subprocess
import sys
import types

import numpy as np
import pandas as pd
import pytest

from recsys_book.book import provenance, record


def test_folder_is_the_variable_then_the_repository_then_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_BOOK_RESULTS", str(tmp_path / "elsewhere"))
    assert record.results_folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("RECSYS_BOOK_RESULTS")
    (tmp_path / "chapters" / "part").mkdir(parents=True)
    (tmp_path / "_toc.yml").touch()
    monkeypatch.chdir(tmp_path / "chapters" / "part")
    assert record.results_folder() == tmp_path.resolve() / "results"
    (tmp_path / "_toc.yml").unlink()
    assert record.results_folder() is None


def test_values_become_plain():
    values = {
        "array": np.array([[1, 2]]),
        "scalar": np.float32(0.5),
        "series": pd.Series([1.0, np.inf], index=["a", "b"]),
        "nest": (True, None, {3}, "x"),
        "other": len,
    }
    assert record.plain(values) == {
        "array": [[1, 2]],
        "scalar": 0.5,
        "series": {"a": 1.0, "b": None},
        "nest": [True, None, [3], "x"],
        "other": "<built-in function len>",
    }


def test_a_file_is_whole_or_unchanged(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "x.json"
    record.write_json(path, {"a": "é"})
    assert path.read_text("utf-8") == '{\n "a": "é"\n}\n'
    assert path.stat().st_mode & 0o777 == 0o644

    def full_disk(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        record.write_json(path, {"a": 2})
    assert [p.name for p in path.parent.iterdir()] == ["x.json"]
    assert json.loads(path.read_text("utf-8")) == {"a": "é"}


def test_unreadable_results_count_as_none(tmp_path):
    path = record.result_path("part/one", "book", tmp_path)
    assert path == tmp_path / "book" / "part__one.json"
    assert record.read_result("part/one", "book", tmp_path) is None
    assert record.read_result("part/one", "book", None) is None
    path.parent.mkdir()
    for text in ("{", "[]"):
        path.write_text(text)
        assert record.read_result("part/one", "book", tmp_path) is None
    path.write_text('{"a": 1}')
    assert record.read_result("part/one", "book", tmp_path) == {"a": 1}


def test_wall_time_is_noted_where_there_is_a_result(tmp_path):
    record.note_wall_time("part/one", "book", tmp_path, 1.234)
    record.note_wall_time("part/one", "book", None, 1.234)
    assert list(tmp_path.iterdir()) == []
    record.write_json(record.result_path("part/one", "book", tmp_path), {"seconds": 1})
    record.note_wall_time("part/one", "book", tmp_path, 1.26)
    expected = {"seconds": 1, "wall_seconds": 1.3}
    assert record.read_result("part/one", "book", tmp_path) == expected


@pytest.fixture
def no_cache():
    provenance.git_commit.cache_clear()
    yield
    provenance.git_commit.cache_clear()


def test_commit_is_that_of_the_folder(tmp_path, no_cache):
    assert provenance.git_commit(tmp_path) is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q", tmp_path / "r"], check=True)
    commit = [*git, "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(commit, cwd=tmp_path / "r", check=True)
    assert len(provenance.git_commit(tmp_path / "r")) == 40


def test_commit_without_git_is_none(tmp_path, no_cache, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.git_commit(tmp_path) is None


def test_versions_of_libraries_in_use(monkeypatch):
    monkeypatch.setattr(provenance, "LIBRARIES", {"numpy": "numpy", "odd": "no-such", "gone": "x"})
    monkeypatch.setitem(sys.modules, "odd", types.SimpleNamespace(__version__="7"))
    monkeypatch.delitem(sys.modules, "gone", raising=False)
    assert provenance.library_versions() == {"numpy": np.__version__, "no-such": "7"}


def test_device_is_the_gpu_if_torch_sees_one(monkeypatch):
    cuda = types.SimpleNamespace(is_available=lambda: True, get_device_name=lambda n: "A GPU")
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    assert provenance.device_name() == "A GPU"
    cuda.is_available = lambda: False
    assert provenance.device_name().startswith("CPU (")


def test_hashes_come_from_the_registry(tmp_path):
    path = tmp_path / "registry.json"
    assert provenance.data_hashes(path) == {}
    a, b, c = "a" * 64, "b" * 64, "c" * 64
    content = {
        "small": {
            "sources": [
                {"sha256": a, "members": {"x.txt": {"sha256": b, "bytes": 3}}},
                {"sha256": c, "url": "https://host/x"},
            ]
        },
        "large": {"sources": [{"sha256": f"sha256:{c}"}], "title": "d" * 63},
    }
    path.write_text(json.dumps(content))
    assert provenance.data_hashes(path) == {"small/x.txt": b, "large": c}
    path.write_text("{")
    assert provenance.data_hashes(path) == {}


def test_registry_of_the_data_room_is_understood():
    assert "ml-100k/ml-100k.inter" in provenance.data_hashes()


def test_peak_memory(monkeypatch):
    class Text:
        text = "Name: x\nVmHWM:\t  2048 kB\n"

        def __init__(self, path):
            pass

        def read_text(self):
            if self.text is None:
                raise OSError
            return self.text

    monkeypatch.setattr(provenance, "Path", Text)
    assert provenance.peak_memory_mib() == 2.0
    usage = types.SimpleNamespace(ru_maxrss=3 * 2**20)
    fake = types.SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: usage)
    monkeypatch.setitem(sys.modules, "resource", fake)
    for text in (None, "Name: x\n"):
        Text.text = text
        monkeypatch.setattr(provenance.sys, "platform", "linux")
        assert provenance.peak_memory_mib() == 3 * 2**10
        monkeypatch.setattr(provenance.sys, "platform", "darwin")
        assert provenance.peak_memory_mib() == 3.0
    monkeypatch.setitem(sys.modules, "resource", None)
    assert provenance.peak_memory_mib() is None


def test_provenance_outside_a_repository_has_no_commit():
    assert provenance.provenance(None)["commit"] is None
