"""What stands before the application: size limits, load shedding, the clock, and the last catch."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException

from recsys_book.production.serving.errors import sentence
from recsys_book.production.serving.measures import Measures
from recsys_book.production.serving.settings import ServerSettings

#: Addresses that answer however busy the server is, and are not counted.
ALWAYS = {"/health", "/ready", "/metrics", "/stats"}

_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
]


class Busy(Exception):
    """There is no room for one more request."""


class TooLarge(HTTPException):
    """The body is larger than allowed; whoever reads it passes this on."""

    def __init__(self):
        super().__init__(413)


class Gate:
    """Let a few in, let a few wait, and turn the rest away at once.

    With c places, a queue of q and a service time of s seconds at most, who is let in waits
    ⌈q / c⌉ s seconds at most. Without an end the queue grows as long as the flood lasts.

    Equation: eq-waiting-bound.

    Args:
        concurrent: Places.
        queue: How many may wait.
        wait: Seconds that one may wait.
    """

    def __init__(self, concurrent: int, queue: int, wait: float):
        self.concurrent = concurrent
        self.queue = queue
        self.wait = wait
        self.inside = 0
        self._waiting: list[asyncio.Future] = []

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Take a place, or wait for one.

        Raises:
            Busy: If the queue is full, or the wait was too long.
        """
        if self.inside < self.concurrent:
            self.inside += 1
            return
        if len(self._waiting) >= self.queue:
            raise Busy
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait_for(turn, self.wait)
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.cancelled():
                self.leave()  # the place was given in the same moment: pass it on
            if isinstance(error, TimeoutError):
                raise Busy from None
            raise

    def leave(self) -> None:
        """Give the place back: to the first who waits, if anybody does."""
        while self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                return
        self.inside -= 1


def waiting_bound(queue: int, concurrent: int, service: float) -> float:
    """Return how long the last of a full queue waits at most.

    Equation: eq-waiting-bound.

    Args:
        queue: Length of the queue.
        concurrent: Places.
        service: Seconds of a request, once it has a place, at most.

    Returns:
        Seconds until a place is free for the last of the queue, in the worst case.
    """
    return math.ceil(queue / concurrent) * service


class Guard:
    """ASGI middleware around the whole application.

    Args:
        app: The application.
        settings: The limits.
        measures: What counts.
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], settings: ServerSettings, measures: Measures
    ):
        self.app = app
        self.settings = settings
        self.measures = measures
        self.gate = Gate(settings.concurrent, settings.queue, settings.wait)

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = _Call(send)
        free = scope["path"] in ALWAYS
        try:
            if not free:
                await self.gate.enter()
            try:
                await self.app(scope, self._limited(scope, receive), call.send)
            finally:
                if not free:
                    self.gate.leave()
        except Busy:
            self.measures.count("shed")
            retry = self.settings.retry_after
            await call.refuse(503, sentence(503, retry_after=retry), retry)
        except TooLarge:
            await call.refuse(413, sentence(413, max_body=self.settings.max_body))
        except Exception as error:
            self.measures.count("failed")
            print(f"recs: {scope['method']} failed: {type(error).__name__}", file=sys.stderr)
            await call.refuse(500, sentence(500))
        if not free:
            self.measures.answered(call.status, time.perf_counter() - call.began)

    def _limited(self, scope: dict, receive: Callable) -> Callable:
        """Return a ``receive`` that raises once the body is larger than allowed."""
        limit, got = self.settings.max_body, 0
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit:
                raise TooLarge

        async def limited() -> dict[str, Any]:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > limit:
                raise TooLarge
            return message

        return limited


class _Call:
    """One answer on its way: adds headers, remembers the status."""

    def __init__(self, send: Callable):
        self._send = send
        self.began = time.perf_counter()
        self.status = 0

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            took = f"app;dur={1000 * (time.perf_counter() - self.began):.2f}".encode()
            extra = [*_HEADERS, (b"server-timing", took)]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await self._send(message)

    async def refuse(self, status: int, text: str, retry: int | None = None) -> None:
        """Send one sentence, unless an answer has begun already."""
        if self.status:
            return
        body = json.dumps({"error": text}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        if retry is not None:
            headers.append((b"retry-after", str(retry).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})
