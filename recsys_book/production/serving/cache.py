"""Answers that are kept: in Redis, in this process, or in the second when the first is away."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from recsys_book.production.serving.breaker import CircuitBreaker


class Cache(Protocol):
    """What every cache can do. Keys are text, values are bytes."""

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under a key, ``None`` if nothing is."""
        ...

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for some seconds."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...

    def stats(self) -> dict[str, Any]:
        """Return counts since the start."""
        ...


def cache_key(version: str, person: str, state: str, *options: Any) -> str:
    """Name an answer by everything that it depends on.

    A new model and a new event both give a new key, so an answer that is out of date is never
    found; it only waits for its time to run out. Parts are separated by a character that no part
    may hold.

    Args:
        version: Of the model and its data.
        person: Who asks.
        state: Name of the person's present history.
        *options: What else was asked for.

    Returns:
        The key.

    Raises:
        ValueError: If a part holds the separator.
    """
    parts = [version, person, state, *(str(option) for option in options)]
    if any("|" in part for part in parts):
        raise ValueError(f"A part of the cache key {parts} holds '|'; keys could be mixed up.")
    return "|".join(["recs", *parts])


class LocalCache:
    """The least recently used goes first, and everything goes after its time.

    Args:
        size: Most entries, at least 1.
        clock: Seconds that never go back.
    """

    name = "process"

    def __init__(self, size: int = 10_000, clock: Callable[[], float] = time.monotonic):
        if size < 1:
            raise ValueError(f"The cache's size is {size}; keep at least 1 entry.")
        self.size = size
        self.clock = clock
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._counts = {"hits": 0, "misses": 0, "expired": 0, "evicted": 0}

    def __len__(self) -> int:
        """Number of entries, those included whose time has run out."""
        return len(self._kept)

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under a key and mark it as used now."""
        entry = self._kept.get(key)
        if entry is None:
            self._counts["misses"] += 1
            return None
        until, value = entry
        if self.clock() >= until:
            del self._kept[key]
            self._counts["expired"] += 1
            self._counts["misses"] += 1
            return None
        self._kept.move_to_end(key)
        self._counts["hits"] += 1
        return value

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for ``ttl`` seconds; the least recently used entry makes room."""
        self._kept[key] = (self.clock() + ttl, bytes(value))
        self._kept.move_to_end(key)
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)
            self._counts["evicted"] += 1

    async def close(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def stats(self) -> dict[str, Any]:
        """Return counts and the number of entries."""
        return {"name": self.name, "entries": len(self), **self._counts}


class RedisCache:
    """Answers in a Redis server, with short time-outs and no retries; errors are the caller's.

    Args:
        url: Such as ``redis://127.0.0.1:6379/0``.
        timeout: Seconds that one command may take, connecting included.
    """

    name = "redis"

    def __init__(self, url: str, timeout: float = 0.05):
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        if not timeout > 0:
            raise ValueError(f"The cache's timeout is {timeout}; use seconds above 0.")
        self.url = url
        self.timeout = timeout
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._counts = {"hits": 0, "misses": 0}

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under a key."""
        value = await asyncio.wait_for(self._redis.get(key), self.timeout)
        self._counts["misses" if value is None else "hits"] += 1
        return value

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for ``ttl`` seconds, in whole milliseconds and at least one."""
        milliseconds = max(int(1000 * ttl), 1)
        await asyncio.wait_for(self._redis.set(key, value, px=milliseconds), self.timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def stats(self) -> dict[str, Any]:
        """Return counts."""
        return {"name": self.name, **self._counts}


class ResilientCache:
    """A cache that may go away, and one that cannot: being away is never an error.

    Every value is kept in both, so that the moment in which the first goes away is not the moment
    in which every answer has to be computed again. A breaker keeps requests from waiting for it.

    Args:
        first: The shared cache, such as Redis.
        second: The cache of this process; None makes one.
        breaker: When to try the first again; None tries once a second after one failure.
    """

    name = "resilient"

    def __init__(
        self,
        first: Cache,
        second: LocalCache | None = None,
        breaker: CircuitBreaker | None = None,
    ):
        self.first = first
        self.second = LocalCache() if second is None else second
        self.breaker = CircuitBreaker(failures=1, rest=1.0) if breaker is None else breaker
        self.errors = 0
        self.fallbacks = 0

    async def get(self, key: str) -> bytes | None:
        """Return what the first cache keeps, or the second while the first is away."""
        if self.breaker.allows():
            try:
                value = await self.first.get(key)
            except Exception:  # whatever is wrong with a cache, the answer is computed
                self._failed()
            else:
                self.breaker.worked()
                return value
        self.fallbacks += 1
        return await self.second.get(key)

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value in both."""
        await self.second.set(key, value, ttl)
        if self.breaker.allows():
            try:
                await self.first.set(key, value, ttl)
            except Exception:
                self._failed()
            else:
                self.breaker.worked()

    def _failed(self) -> None:
        self.errors += 1
        self.breaker.failed()

    async def close(self) -> None:
        """Close both; a cache that is away is closed already."""
        for cache in (self.first, self.second):
            try:
                await cache.close()
            except Exception:
                self.errors += 1

    def stats(self) -> dict[str, Any]:
        """Return the counts of both, and how often the first was away."""
        first, second = self.first.stats(), self.second.stats()
        return {
            "name": first["name"],
            "away": not self.breaker.closed,
            "errors": self.errors,
            "fallbacks": self.fallbacks,
            "opened": self.breaker.opened,
            "hits": first["hits"] + second["hits"],
            "misses": first["misses"] + second["misses"],
            "first": first,
            "second": second,
        }
