"""A server that runs in a thread of this process, for tests and chapters."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any, Self


class RunningServer:
    """Run an application on the loopback while a block lasts.

    Args:
        app: The application.
        port: Its port; 0 takes a free one.

    Raises:
        ValueError: If it does not start within ten seconds.
    """

    def __init__(self, app: Any, port: int = 0):
        import uvicorn

        self._server = uvicorn.Server(uvicorn_config(app, port))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with contextlib.suppress(SystemExit):  # uvicorn's word for a port that is taken
            self._server.run()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.servers[0].sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start, and wait until it listens."""
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                raise ValueError("The server did not start; is its port taken?")
            time.sleep(0.01)
        return self

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self._server.should_exit = True
        self._thread.join(timeout=10)


def uvicorn_config(app: Any, port: int, host: str = "127.0.0.1") -> Any:
    """Return how uvicorn runs an application here: quiet, and patient with idle connections.

    Args:
        app: The application.
        port: Its port.
        host: Its address; the loopback by default.

    Returns:
        A ``uvicorn.Config``.
    """
    import uvicorn

    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        server_header=False,
    )
