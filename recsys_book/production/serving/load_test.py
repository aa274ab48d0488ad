"""An open-loop load test: requests leave on schedule, whether or not earlier ones have come back.

    python -m recsys_book.production.serving.load_test URL --rate 200 --seconds 60 --plan plan.json

Most load generators send the next request when the last one has returned. A server that stalls for
a second then gets no requests in that second, and the stall is one bad latency instead of two
hundred. Here the latency of a request is counted from the moment at which it was *meant* to leave.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from recsys_book.production.serving.measures import percentiles


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        path: Address on the server, with its query.
        method: HTTP method.
        body: JSON text, or nothing.
    """

    path: str
    method: str = "GET"
    body: str = ""

    def text(self, host: str) -> bytes:
        """Return the request as it goes over the line."""
        body = self.body.encode()
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: {host}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


@dataclass
class LoadReport:
    """What came back.

    Attributes:
        intended: When each request was meant to leave, in seconds from the start.
        latency: Seconds from then to the last byte of the answer; of failures, to the failure.
        status: HTTP status, 0 where there was no answer.
        answer: What ``X-Answer`` said, empty where it said nothing.
        errors: How often each kind of failure occurred.
        seconds: From the first departure to the last answer.
    """

    intended: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def failed(self) -> int:
        """Return how many requests had no answer, or one of status 500 and above."""
        return sum(status == 0 or status >= 500 for status in self.status)

    def summary(self) -> dict:
        """Return counts, the rate that was reached, and percentiles in milliseconds."""
        return {
            "requests": len(self.status),
            "failed": self.failed(),
            "statuses": dict(Counter(map(str, self.status))),
            "answers": dict(Counter(self.answer)),
            "errors": self.errors,
            "rate": len(self.status) / self.seconds if self.seconds else 0.0,
            "latency_ms": percentiles(self.latency),
        }


def latency_from_intended(
    intended: Sequence[float], sent: Sequence[float], done: Sequence[float]
) -> tuple[list[float], list[float]]:
    r"""Return latencies as a user has them, and as a closed loop would report them.

    Equation: eq-intended-latency.

    Args:
        intended: When each request was meant to leave, (n,).
        sent: When it did leave, (n,).
        done: When its answer was there, (n,).

    Returns:
        Seconds from the intended moment, and seconds from sending.
    """
    honest = [d - i for d, i in zip(done, intended, strict=True)]
    flattering = [d - s for d, s in zip(done, sent, strict=True)]
    return honest, flattering


class _Lines:
    """Connections that stay open between requests."""

    def __init__(self, host: str, port: int):
        self.host, self.port = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def exchange(self, request: bytes) -> tuple[int, str]:
        """Send a request and read its answer; an idle line that was closed is opened anew."""
        while self._idle:
            line = self._idle.pop()
            try:
                return await self._on(line, request)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                line[1].close()
                if getattr(error, "partial", b""):
                    raise
        return await self._on(await asyncio.open_connection(self.host, self.port), request)

    async def _on(self, line, request: bytes) -> tuple[int, str]:
        reader, writer = line
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *fields = head.split("\r\n")
            headers = dict(f.lower().split(": ", 1) for f in fields if ": " in f)
            await reader.readexactly(int(headers.get("content-length", 0)))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append(line)
        return int(first.split()[1]), headers.get("x-answer", "")

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


async def open_loop(
    url: str,
    calls: Sequence[Call],
    rate: float,
    seconds: float,
    timeout: float = 5.0,
    on_time: Callable[[float], None] | None = None,
) -> LoadReport:
    """Send requests at a constant rate, and never wait for an answer before the next.

    Args:
        url: Of the server, such as ``http://127.0.0.1:8000``.
        calls: The requests, in order; they are repeated.
        rate: Requests a second, above 0.
        seconds: For how long.
        timeout: Seconds after which a request has failed.
        on_time: Called with the seconds since the start before each request, so that a test can
            break something at a moment of its choice.

    Returns:
        What came back.

    Raises:
        ValueError: If the rate or the time is not above 0, or there is no call.
    """
    if not (rate > 0 and seconds > 0 and len(calls)):
        raise ValueError(
            f"The load test got rate = {rate}, seconds = {seconds} and {len(calls)} calls; give "
            "numbers above 0 and at least one call."
        )
    parts = urlsplit(url)
    lines, report = _Lines(parts.hostname or "", parts.port or 80), LoadReport()
    errors: Counter[str] = Counter()
    texts = [call.text(parts.netloc) for call in calls]
    start = time.perf_counter()

    async def one(request: bytes, meant: float) -> None:
        status, answer = 0, ""
        try:
            status, answer = await asyncio.wait_for(lines.exchange(request), timeout)
        except Exception as error:
            errors[type(error).__name__] += 1
        report.intended.append(meant)
        report.latency.append(time.perf_counter() - start - meant)
        report.status.append(status)
        report.answer.append(answer)

    tasks = []
    for n in range(int(rate * seconds)):
        meant = n / rate
        await asyncio.sleep(max(meant - (time.perf_counter() - start), 0))
        if on_time is not None:
            on_time(meant)
        tasks.append(asyncio.create_task(one(texts[n % len(texts)], meant)))
    await asyncio.gather(*tasks)
    report.seconds = time.perf_counter() - start
    report.errors = dict(errors)
    lines.close()
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a load test and print its summary as JSON.

    Args:
        arguments: The words of the command line.

    Returns:
        The exit status, 0.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--plan", help="JSON file: a list of path, method and body")
    parser.add_argument("--full", action="store_true", help="every request, not the summary")
    options = parser.parse_args(arguments)
    calls = [Call("/health")]
    if options.plan:
        calls = [Call(**call) for call in json.loads(Path(options.plan).read_text("utf-8"))]
    report = asyncio.run(open_loop(options.url, calls, options.rate, options.seconds))
    json.dump(asdict(report) if options.full else report.summary(), sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
