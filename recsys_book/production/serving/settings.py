"""The limits of the server: every number that decides when it says no."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class ServerSettings:
    """What the server allows, and how long it waits.

    Attributes:
        max_k: Longest list that may be asked for.
        max_body: Most bytes of a request's body.
        max_query: Most characters of a search.
        concurrent: Requests that are worked on at the same time.
        queue: Requests that may wait beyond these; the next one is turned away.
        wait: Seconds that a request may wait in the queue.
        retry_after: Whole seconds after which a client that was turned away may come again.
        model_timeout: Seconds that the model may take before the popular list is served.
        model_failures: Failures in a row after which the model is left alone for a while.
        model_rest: Seconds that it is left alone.
        ttl: Seconds that an answer is kept.
        latencies: How many of the latest requests the percentiles are taken over.
        freeze: Whether the garbage collector leaves alone what is there once the model is loaded.
            Otherwise it walks through all of it now and then, and the requests of that moment wait.
            Only for a process that does nothing but serve.
    """

    max_k: int = 100
    max_body: int = 4096
    max_query: int = 100
    concurrent: int = 16
    queue: int = 256
    wait: float = 2.0
    retry_after: int = 1
    model_timeout: float = 1.0
    model_failures: int = 3
    model_rest: float = 2.0
    ttl: float = 300.0
    latencies: int = 4096
    freeze: bool = False

    def __post_init__(self) -> None:
        """Refuse a limit that is not above zero; the queue may be empty."""
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in ("queue", "freeze") else 1e-9
            if not value >= least:
                raise ValueError(f"The server's {field.name} is {value}; use a number above 0.")
