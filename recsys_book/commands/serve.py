"""``recsys-book serve``: the video case study, with its cache, on the loopback."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def serve(port: int, *, host: str = "127.0.0.1", redis: str = "own") -> int:
    """Start Redis and the server; the model is fitted while the popular list is served already.

    Args:
        port: Of the server; 0 takes a free one.
        host: The address to listen on.
        redis: ``"own"`` starts a Redis server, ``"none"`` keeps answers in the process, and an
            address such as ``redis://127.0.0.1:6379/0`` uses a server that runs already.

    Returns:
        The exit status, 0.

    Raises:
        ValueError: If a port is impossible, a package of the server is missing, or the data cannot
            be had.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"--port is {port}; use 0 (any free one) to 65535.")
    try:
        import uvicorn

        from recsys_book.production import serving
    except ImportError as error:
        raise ValueError(
            f"The package {error.name} is missing: run `pip install 'recsys-book[serve]'`."
        ) from None
    # What has to be done before the first answer is said, step by step.
    say("reading MovieLens-100K")
    backend, page = video_backend()
    cache, stop = start_cache(redis)
    settings = serving.ServerSettings(freeze=True)
    app = serving.create_app(backend, cache, settings, page)
    server = uvicorn.Server(serving.uvicorn_config(app, port, host))
    announce(server, host)
    turn = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # a computing thread keeps the others waiting no longer than this
    try:
        with end_on_request():
            server.run()
    finally:
        sys.setswitchinterval(turn)
        stop()
    return 0


@contextmanager
def end_on_request() -> Iterator[None]:
    """Let SIGTERM end the process as Ctrl-C does: what was started here is stopped first.

    Uvicorn shuts down on either and then sends itself the signal again; by default that one ends
    the process at once, and Redis would be left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def say(text: str) -> None:
    """Print one line at once."""
    print(f"recsys-book serve: {text}", flush=True)


def video_backend() -> tuple[Any, Any]:
    """Return the backend of the video case study and the folder of its page."""
    from recsys_book.case_studies.online_video import PAGE, OnlineVideo
    from recsys_book.data import load_movielens

    movielens = load_movielens("100k")

    def vectors() -> Any:
        from recsys_book.encoders import title_vectors

        return title_vectors(movielens).astype(float)

    return OnlineVideo(movielens, vectors), PAGE


def start_cache(redis: str) -> tuple[Any, Callable[[], None]]:
    """Return the cache and what stops it.

    Args:
        redis: As for ``serve``.

    Returns:
        The cache, and a function without arguments. Without a Redis program the answers are kept
        in the process, and a line says so.
    """
    from recsys_book.production.serving import (
        LocalCache,
        RedisCache,
        RedisProcess,
        ResilientCache,
    )

    if redis == "none":
        return LocalCache(), lambda: None
    if redis != "own":
        return ResilientCache(RedisCache(redis)), lambda: None
    process = RedisProcess()
    try:
        process.start()
    except ValueError as error:
        say(f"without Redis: {error}")
        return LocalCache(), lambda: None
    say(f"Redis answers at {process.url}")
    return ResilientCache(RedisCache(process.url)), process.stop


def announce(server: Any, host: str) -> None:
    """Let a server print its address as soon as it listens.

    Args:
        server: A ``uvicorn.Server`` that has not started yet.
        host: The address it listens on.
    """
    startup = server.startup

    async def started(*arguments: Any, **more: Any) -> None:
        await startup(*arguments, **more)
        if server.started:
            port = server.servers[0].sockets[0].getsockname()[1]
            say(f"open http://{host}:{port}/ (the model follows in some seconds; Ctrl-C ends)")

    server.startup = started
