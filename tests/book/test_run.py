"""A chapter's run: profiles, settings, seeds, checked numbers and claims."""

import json
import os
import sys
import types

import numpy as np
import pytest

from recsys_book import book
from recsys_book.book import run as run_module
from recsys_book.book.expectations import check_band, format_band

SETTINGS = {"smoke": {"n": 1, "k": 5}, "book": {"n": 2, "k": 5}, "full": {"n": 3, "k": 10}}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Results go to a folder of the test; variables that a run sets are taken back."""
    monkeypatch.setenv("RECSYS_BOOK_RESULTS", str(tmp_path))
    monkeypatch.delenv("RECSYS_BOOK_PROFILE", raising=False)
    for name in (*run_module._QUIET, *run_module.THREAD_VARIABLES):
        monkeypatch.setenv(name, os.environ.get(name, "0"))
    return tmp_path


def start(profile="", seed=0, settings=SETTINGS):
    return book.start("part/sample", profile=profile, seed=seed, settings=settings)


def result(folder, profile="book"):
    return json.loads((folder / profile / "part__sample.json").read_text("utf-8"))


def test_profile_comes_from_the_notebook_then_the_environment_then_is_book(monkeypatch):
    assert start().profile == "book"
    monkeypatch.setenv("RECSYS_BOOK_PROFILE", "smoke")
    assert start().profile == "smoke"
    assert start("full").profile == "full"


def test_settings_are_those_of_the_profile_and_cannot_be_changed(capsys):
    run = start("full")
    assert (run.settings.n, run.settings["k"], len(run.settings)) == (3, 10, 2)
    assert dict(run.settings) == SETTINGS["full"]
    assert repr(run.settings) == "Settings(n=3, k=10)"
    assert repr(run) == "Run('part/sample', profile='full', seed=0)"
    with pytest.raises(AttributeError, match="there is no setting 'm'; there are: n, k"):
        _ = run.settings.m
    with pytest.raises(AttributeError, match="read-only: change 'n'"):
        run.settings.n = 4


def test_settings_table_is_shown(capsys):
    start("smoke")
    expected = "profile  n   k\nsmoke ◀  1   5\nbook     2   5\nfull     3  10\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"profile": "big"}, "asks for the unknown profile 'big': use one of smoke, book, full"),
        ({"settings": {"book": {}}}, "the settings have the profiles book: give exactly smoke"),
        ({"settings": {}}, "the settings have the profiles nothing"),
        ({"settings": {**SETTINGS, "full": {"n": 3}}}, "of 'full' and of 'book' differ in k"),
        ({"settings": dict.fromkeys(SETTINGS, {"a b": 1})}, "'a b' is no Python name"),
        ({"seed": -1}, "the seed of part/sample is -1"),
        ({"seed": 1.5}, "the seed of part/sample is 1.5"),
        ({"seed": True}, "the seed of part/sample is True"),
    ],
)
def test_bad_start_is_one_sentence(options, problem):
    with pytest.raises(ValueError, match=problem) as caught:
        start(**options)
    assert "\n" not in str(caught.value)


def test_unknown_profile_of_the_environment_names_the_variable(monkeypatch):
    monkeypatch.setenv("RECSYS_BOOK_PROFILE", "large")
    with pytest.raises(ValueError, match="RECSYS_BOOK_PROFILE asks for the unknown profile"):
        start()


def test_seeds_are_distinct_reproducible_and_nested():
    seeds = start(seed=3).seeds(50)
    assert len(set(seeds)) == 50
    assert all(isinstance(seed, int) and 0 <= seed < 2**32 for seed in seeds)
    assert start(seed=3).seeds(20) == seeds[:20]
    assert not set(start(seed=4).seeds(50)) & set(seeds)
    with pytest.raises(ValueError, match="asked for 0 seeds"):
        start().seeds(0)


def test_one_thread_outside_full(monkeypatch):
    counts = []
    torch = types.SimpleNamespace(
        set_num_threads=counts.append, cuda=types.SimpleNamespace(is_available=lambda: False)
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(run_module, "THREAD_VARIABLES", ("RECSYS_BOOK_TEST_THREADS",))
    monkeypatch.setenv("RECSYS_BOOK_TEST_THREADS", "8")
    start("full")
    assert counts == [] and os.environ["RECSYS_BOOK_TEST_THREADS"] == "8"
    start("book")
    assert counts == [1] and os.environ["RECSYS_BOOK_TEST_THREADS"] == "1"


def test_without_torch_only_the_variables_are_set(monkeypatch):
    monkeypatch.delitem(run_module.sys.modules, "torch", raising=False)
    monkeypatch.delitem(run_module.sys.modules, "numba", raising=False)
    run_module.use_one_thread()
    assert {os.environ[name] for name in run_module.THREAD_VARIABLES} == {"1"}


def test_numba_that_has_begun_is_told_instead_of_its_variable(monkeypatch):
    counts = []
    numba = types.SimpleNamespace(set_num_threads=counts.append)
    monkeypatch.setitem(run_module.sys.modules, "numba", numba)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "8")
    run_module.use_one_thread()
    assert counts == [1] and os.environ["NUMBA_NUM_THREADS"] == "8"


def test_libraries_stay_off_the_network_unless_the_reader_says_so(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    start()
    assert (os.environ["HF_HUB_OFFLINE"], os.environ["TRANSFORMERS_OFFLINE"]) == ("1", "0")


def test_libraries_that_are_there_already_are_told_too(monkeypatch):
    calls = []
    hub = types.SimpleNamespace(HF_HUB_OFFLINE=False)
    log = types.SimpleNamespace(
        set_verbosity_error=lambda: calls.append("quiet"),
        disable_progress_bar=lambda: calls.append("no bar"),
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub.constants", hub)
    monkeypatch.setitem(sys.modules, "transformers.utils.logging", log)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    start()
    assert hub.HF_HUB_OFFLINE is True
    assert calls == ["quiet", "no bar"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    start()
    assert hub.HF_HUB_OFFLINE is False


def test_expect_prints_what_does_not_vary(capsys, home):
    run = start()
    capsys.readouterr()
    run.expect("rmse", np.float32(0.9301), 0.934, within=0.010)
    assert capsys.readouterr().out == "rmse 0.934 ± 0.010 ✓\n"
    stored = result(home)
    assert stored["metrics"]["rmse"] == pytest.approx(0.9301)
    assert stored["expectations"]["rmse"]["ok"] is True


@pytest.mark.parametrize("value", [0.9441, 0.92, float("nan"), float("inf")])
def test_expect_raises_outside_its_band(value, home):
    with pytest.raises(book.ExpectationError) as caught:
        start(seed=2).expect("rmse", value, 0.934, within=0.010)
    message = str(caught.value)
    assert message.startswith("part/sample (profile book, seed 2): rmse is ")
    assert message.endswith("outside 0.934 ± 0.010.")
    assert result(home)["expectations"]["rmse"]["ok"] is False


@pytest.mark.parametrize("profile", ["smoke", "full"])
def test_expect_only_records_elsewhere(profile, capsys, home):
    run = start(profile)
    capsys.readouterr()
    run.expect("rmse", 99.0, 0.934, within=0.010)
    assert capsys.readouterr().out == f"rmse recorded ({profile})\n"
    assert result(home, profile)["metrics"] == {"rmse": 99.0}


def test_band_edges_and_decimals():
    assert check_band("x", 0.944, 0.934, 0.010) == "x 0.934 ± 0.010 ✓"
    assert check_band("x", 3, 3, 0) == "x 3 ± 0 ✓"
    assert format_band(12.5, 1) == "12.5 ± 1.0"
    assert format_band(0.0, 1e-6) == "0.000000 ± 0.000001"
    assert format_band(1.0, 2.5e-7) == "1.00000000 ± 0.00000025"
    assert format_band(1e20, 1e19) == "100000000000000000000 ± 10000000000000000000"
    with pytest.raises(ValueError, match="give finite numbers and within >= 0"):
        check_band("x", 1.0, 1.0, -0.1)
    with pytest.raises(ValueError, match="give finite numbers"):
        check_band("x", 1.0, float("nan"), 0.1)


def test_check_of_a_claim(capsys, home):
    run = start()
    capsys.readouterr()
    run.check("the interval excludes zero", np.bool_(True))
    assert capsys.readouterr().out == "the interval excludes zero ✓\n"
    with pytest.raises(book.ExpectationError, match="this does not hold: two is less than one"):
        run.check("two is less than one", 2 < 1)
    expected = {"the interval excludes zero": True, "two is less than one": False}
    assert result(home)["checks"] == expected


def test_check_is_active_where_it_is_asked_to_be(capsys):
    run = start("smoke")
    capsys.readouterr()
    run.check("a claim", False)
    assert capsys.readouterr().out == "a claim recorded (smoke)\n"
    with pytest.raises(book.ExpectationError):
        run.check("a claim", False, profiles="smoke")
    with pytest.raises(ValueError, match="names the unknown profile 'large'"):
        run.check("a claim", True, profiles=("large",))
    with pytest.raises(ValueError, match="is 2 values: reduce it to one"):
        run.check("a claim", np.array([True, True]))


def test_record_merges_with_provenance(home):
    run = start(seed=5)
    run.record(a=1, b=np.arange(2))
    run.record(b=[3.0], c={"d": np.float64("nan")})
    stored = result(home)
    assert stored["metrics"] == {"a": 1, "b": [3.0], "c": {"d": None}}
    assert (stored["chapter"], stored["profile"], stored["seed"]) == ("part/sample", "book", 5)
    assert stored["settings"] == SETTINGS["book"]
    assert stored["seconds"] >= 0
    assert {"package", "commit", "python", "platform", "device", "libraries"} <= set(stored)
    assert stored["libraries"]["numpy"] == np.__version__
    assert stored["peak_memory_mib"] > 1


def test_a_new_run_forgets_the_old_one(home):
    start().record(old=1)
    start().record(new=2)
    assert result(home)["metrics"] == {"new": 2}


def test_nothing_is_written_outside_the_repository(tmp_path, monkeypatch):
    monkeypatch.delenv("RECSYS_BOOK_RESULTS")
    monkeypatch.chdir(tmp_path)
    start().record(a=1)
    assert list(tmp_path.iterdir()) == []
