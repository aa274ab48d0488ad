"""The answer to one question: from the cache, from the model, or from the popular list."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from recsys_book.production.serving.breaker import CircuitBreaker
from recsys_book.production.serving.cache import Cache, cache_key
from recsys_book.production.serving.measures import Measures
from recsys_book.production.serving.protocol import Backend, Unknown
from recsys_book.production.serving.settings import ServerSettings

AWAY = "the model is away: this is the popular list"


class Service:
    """What stands between the interface and the backend.

    Args:
        backend: The recommender.
        cache: Where answers are kept.
        settings: The limits.
        measures: What counts.
    """

    def __init__(
        self, backend: Backend, cache: Cache, settings: ServerSettings, measures: Measures
    ):
        self.backend = backend
        self.cache = cache
        self.settings = settings
        self.measures = measures
        self.breaker = CircuitBreaker(settings.model_failures, settings.model_rest)
        # Two workers: a model that hangs must not hold the event loop, nor the next request.
        self.workers = ThreadPoolExecutor(2, thread_name_prefix="model")

    async def recommend(self, person: str, k: int, variety: float) -> tuple[bytes, str]:
        """Answer a person.

        Args:
            person: Who asks.
            k: Length of the list.
            variety: From 0 to 1.

        Returns:
            The answer as JSON, and where it came from: ``"hit"``, ``"miss"`` or ``"fallback"``.

        Raises:
            Unknown: If there is no such person.
        """
        if not self.backend.ready():
            return self._popular(k), "fallback"
        state = self.backend.state_of(person)
        key = cache_key(self.backend.version, person, state, k, variety)
        kept = await self.cache.get(key)
        if kept is not None:
            return kept, "hit"
        answer = await self._ask(person, k, variety)
        if answer is None:
            return self._popular(k), "fallback"
        body = json.dumps({**answer, "fallback": None}).encode()
        if answer.get("state", state) == state:  # an event between question and answer: not kept
            await self.cache.set(key, body, self.settings.ttl)
        return body, "miss"

    async def _ask(self, person: str, k: int, variety: float) -> dict[str, Any] | None:
        """Ask the model; None if it is away, fails, or takes too long."""
        if not self.breaker.allows():
            return None
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self.workers, self.backend.recommend, person, k, variety)
        try:
            answer = await asyncio.wait_for(call, self.settings.model_timeout)
        except Unknown:
            self.breaker.worked()
            raise
        except Exception as error:
            self.measures.count(f"model: {type(error).__name__}")
            self.breaker.failed()
            return None
        self.breaker.worked()
        return answer

    def _popular(self, k: int) -> bytes:
        self.measures.count("fallback")
        return json.dumps({**self.backend.popular(k), "fallback": AWAY}).encode()

    async def close(self) -> None:
        """Let go of everything."""
        self.workers.shutdown(wait=False, cancel_futures=True)
        await self.cache.close()
