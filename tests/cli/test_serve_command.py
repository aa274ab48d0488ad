"""``recsys-book serve``: one command starts the cache, the server and the page, and stops them."""

import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from recsys_book import cli
from recsys_book.commands import serve as command
from recsys_book.production import serving
from recsys_book.production.serving import LocalCache, RedisProcess, ResilientCache


@pytest.fixture
def outside(monkeypatch):
    """A server that is only told to run."""
    runs = []

    class Server:
        started = True

        def __init__(self, config):
            self.config = config

        async def startup(self, *arguments, **more):
            pass

        def run(self):
            runs.append(self.config)

    import uvicorn

    monkeypatch.setattr(uvicorn, "Server", Server)
    monkeypatch.setattr(command, "video_backend", lambda: (object(), None))
    return runs


def test_the_action_reaches_the_command(monkeypatch):
    asked = []
    monkeypatch.setattr(command, "serve", lambda port, **more: asked.append((port, more)) or 0)
    assert cli.main(["serve", "--port", "0", "--redis", "none"]) == 0
    assert asked == [(0, {"host": "127.0.0.1", "redis": "none"})]


def test_the_server_gets_the_application(outside, monkeypatch):
    made = []
    monkeypatch.setattr(
        serving, "create_app", lambda *parts: made.append(parts) or "the application"
    )
    assert command.serve(0, redis="none") == 0
    ((backend, cache, settings, page),) = made
    assert isinstance(cache, LocalCache) and settings.freeze and page is None
    assert outside[0].app == "the application" and outside[0].host == "127.0.0.1"


def test_impossible_ports_and_missing_packages_are_one_sentence(capsys, monkeypatch):
    assert cli.main(["serve", "--port", "70000"]) == 2
    assert "70000" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert cli.main(["serve"]) == 2
    assert "pip install" in capsys.readouterr().err


def test_the_caches(monkeypatch, capsys):
    cache, stop = command.start_cache("none")
    assert isinstance(cache, LocalCache) and stop() is None
    cache, stop = command.start_cache("redis://127.0.0.1:1/0")
    assert isinstance(cache, ResilientCache) and stop() is None
    cache, stop = command.start_cache("own")
    process = stop.__self__
    assert isinstance(process, RedisProcess) and process.answers()
    stop()
    assert not process.running
    assert "Redis answers at redis://127.0.0.1" in capsys.readouterr().out

    def nowhere(self):
        raise ValueError("There is no redis-server here.")

    monkeypatch.setattr(RedisProcess, "start", nowhere)
    cache, stop = command.start_cache("own")
    assert isinstance(cache, LocalCache) and stop() is None
    assert "without Redis: There is no redis-server" in capsys.readouterr().out


def test_outside_the_main_thread_signals_stay_as_they_are():
    import threading

    seen = []

    def inside():
        with command.end_on_request():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    with command.end_on_request():
        seen.append(signal.getsignal(signal.SIGTERM))
    assert seen == [before, signal.default_int_handler]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_server_that_did_not_start_is_not_announced(capsys):
    import asyncio
    import types

    async def startup():
        pass

    server = types.SimpleNamespace(startup=startup, started=False)
    command.announce(server, "127.0.0.1")
    asyncio.run(server.startup())
    assert capsys.readouterr().out == ""


SMALL = """
import sys
sys.path.insert(0, {folder!r})
from recsys_book.commands import serve as command
from serving_fakes import Small
command.video_backend = lambda: (Small(), None)
from recsys_book import cli
sys.exit(cli.main(["serve", "--port", "0"]))
"""


def test_one_command_starts_and_stops_everything():
    here = os.path.dirname(__file__)
    folder = os.path.join(os.path.dirname(here), "production")
    words = [sys.executable, "-c", SMALL.format(folder=folder)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        redis = int(re.search(r"127.0.0.1:(\d+)/0", lines[1])[1])
        url = re.search(r"http://127.0.0.1:\d+/", lines[2])[0]
        answer = urllib.request.urlopen(f"{url}people/ann/recommendations?k=2", timeout=10)
        assert b'"items"' in answer.read()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert not RedisProcess(port=redis).answers(), "Redis is stopped with the server"


def test_the_backend_of_the_case_study(ml100k, monkeypatch):
    import numpy as np

    from recsys_book import encoders

    monkeypatch.setattr(encoders, "title_vectors", lambda films: np.ones((len(films.items), 2)))
    backend, page = command.video_backend()
    assert not backend.ready() and backend.popular(2)["items"][0]["title"]
    assert (page / "index.html").is_file() and (page / "page.js").is_file()
    text = (page / "page.js").read_text() + (page / "index.html").read_text()
    assert "innerHTML" not in text and "https:" not in text
    assert backend._vectors().shape == (len(backend.catalogue), 2)
