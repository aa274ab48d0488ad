"""Cache, breaker, gate, index, percentiles: each by itself, with a clock that the test turns."""

import asyncio

import numpy as np
import pytest

from recsys_book.production.serving import (
    CircuitBreaker,
    Gate,
    ItemIndex,
    LocalCache,
    Measures,
    RedisCache,
    ResilientCache,
    ServerSettings,
    cache_key,
    exposition,
    index_recall,
    percentiles,
    waiting_bound,
)
from recsys_book.production.serving.errors import sentence, validation_sentence
from recsys_book.production.serving.guard import Busy, Guard


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def run(coroutine):
    return asyncio.run(coroutine)


def test_the_least_recently_used_goes_first_and_all_go_after_their_time():
    async def play():
        clock = Clock()
        cache = LocalCache(2, clock)
        await cache.set("a", b"1", ttl=10)
        await cache.set("b", b"2", ttl=10)
        assert await cache.get("a") == b"1"  # now b is the older one
        await cache.set("c", b"3", ttl=5)
        assert [await cache.get(k) for k in "abc"] == [b"1", None, b"3"]
        clock.now = 5.0
        assert [await cache.get(k) for k in "ac"] == [b"1", None]
        stats = cache.stats()
        assert (stats["hits"], stats["misses"]) == (4, 2)
        assert (stats["expired"], stats["evicted"], stats["entries"]) == (1, 1, 1)
        await cache.close()
        assert len(cache) == 0

    run(play())


def test_a_key_names_all_that_the_answer_depends_on():
    key = cache_key("m1", "ann", "s0", 10, 0.5)
    others = [
        ("m2", "ann", "s0", 10, 0.5),
        ("m1", "bob", "s0", 10, 0.5),
        ("m1", "ann", "s1", 10, 0.5),
    ]
    assert len({key, *(cache_key(*other) for other in others)}) == 4
    with pytest.raises(ValueError, match="mixed up"):
        cache_key("m1|ann", "s0", "x")


def test_the_breaker_rests_tries_once_and_closes():
    clock = Clock()
    breaker = CircuitBreaker(failures=2, rest=1.0, clock=clock)
    breaker.failed()
    assert breaker.allows() and breaker.closed
    breaker.worked()
    breaker.failed()
    assert breaker.closed, "a success in between starts the count anew"
    breaker.failed()
    assert not breaker.closed and not breaker.allows() and breaker.opened == 1
    clock.now = 1.0
    assert breaker.allows() and not breaker.allows(), "one try only"
    breaker.failed()
    assert not breaker.allows() and breaker.opened == 1
    clock.now = 2.0
    assert breaker.allows()
    clock.now = 3.0
    assert breaker.allows(), "a try that was never reported does not hold it open"
    breaker.worked()
    assert breaker.closed and breaker.allows() and breaker.allows()


class Shaky(LocalCache):
    """A cache that can be away."""

    name = "shaky"
    away = False

    def _check(self):
        if self.away:
            raise ConnectionError("gone")

    async def get(self, key):
        self._check()
        return await super().get(key)

    async def set(self, key, value, ttl):
        self._check()
        await super().set(key, value, ttl)

    async def close(self):
        self._check()


def test_a_cache_that_goes_and_comes_back_is_never_an_error():
    async def play():
        clock, first = Clock(), Shaky()
        cache = ResilientCache(first, LocalCache(), CircuitBreaker(1, 1.0, clock))
        await cache.set("a", b"1", 60)
        first.away = True
        assert await cache.get("a") == b"1", "the second has it too"
        await cache.set("b", b"2", 60)
        assert await cache.get("b") == b"2"
        stats = cache.stats()
        assert stats["away"] and stats["errors"] == 1 and stats["fallbacks"] == 2
        clock.now = 1.0
        await cache.set("c", b"3", 60)
        assert cache.errors == 2, "one try after the rest"
        first.away, clock.now = False, 2.0
        assert await cache.get("a") == b"1"
        assert not cache.stats()["away"]
        await cache.set("d", b"4", 60)
        assert await first.get("d") == b"4"
        first.away = True
        await cache.close()
        assert cache.errors == 3

    run(play())


def test_redis_that_is_not_there_is_an_error_within_its_time():
    async def play():
        cache = RedisCache("redis://127.0.0.1:1/0", timeout=0.2)
        with pytest.raises(Exception, match="onnect"):
            await cache.get("a")
        await cache.close()
        assert cache.stats() == {"name": "redis", "hits": 0, "misses": 0}

    run(play())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LocalCache(0), "at least 1 entry"),
        (lambda: RedisCache("redis://x", timeout=0), "above 0"),
        (lambda: CircuitBreaker(0), "at least 1"),
        (lambda: CircuitBreaker(1, 0.0), "above 0"),
        (lambda: ServerSettings(wait=0), "wait is 0"),
        (lambda: ServerSettings(queue=-1), "queue is -1"),
        (lambda: ItemIndex(np.eye(3), "pq"), "'hnsw'"),
    ],
)
def test_impossible_settings_are_one_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_the_gate_lets_in_lets_wait_and_turns_away():
    async def play():
        gate = Gate(concurrent=1, queue=1, wait=0.05)
        await gate.enter()
        waiting = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        assert gate.waiting == 1
        with pytest.raises(Busy):
            await gate.enter()
        gate.leave()
        await waiting
        assert gate.inside == 1 and gate.waiting == 0
        with pytest.raises(Busy):
            await gate.enter()  # waits its time and gives up
        assert gate.waiting == 0
        gate.leave()
        assert gate.inside == 0

    run(play())


def test_a_place_is_not_lost_with_somebody_who_has_left():
    async def play():
        gate = Gate(concurrent=1, queue=5, wait=5)
        await gate.enter()
        first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
        await asyncio.sleep(0)
        gate.leave()  # the place is the first one's
        first.cancel()  # who goes away in the same moment
        await asyncio.gather(first, return_exceptions=True)
        if not first.cancelled():  # Python 3.11: the place counts more than the cancellation
            gate.leave()
        await asyncio.wait_for(second, 1)
        gone = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        gate.leave()
        assert gate.inside == 0 and gate.waiting == 0

    run(play())


@pytest.mark.equation("eq-waiting-bound")
def test_the_last_of_a_full_queue_waits_as_long_as_the_bound_and_no_longer():
    """All places were taken a moment ago; play the queue with a constant service time."""
    for queue, places, service in ((0, 1, 2.0), (5, 1, 1.0), (1, 4, 0.5), (7, 4, 0.5), (8, 4, 0.5)):
        free = np.full(places, service)  # all places are taken at time 0
        wait = 0.0
        for _ in range(queue):
            place = free.argmin()
            wait = free[place]
            free[place] += service
        assert wait == waiting_bound(queue, places, service)


def test_a_guard_passes_on_what_is_not_http():
    async def play():
        seen = []

        async def app(scope, receive, send):
            seen.append(scope["type"])

        guard = Guard(app, ServerSettings(), Measures())
        await guard({"type": "lifespan"}, None, None)
        assert seen == ["lifespan"]

    run(play())


def test_a_failure_after_the_answer_has_begun_sends_nothing_more():
    async def play():
        sent = []

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise RuntimeError("too late")

        async def send(message):
            sent.append(message["type"])

        scope = {"type": "http", "path": "/x", "method": "GET", "headers": []}
        await Guard(app, ServerSettings(), Measures())(scope, None, send)
        assert sent == ["http.response.start"]

    run(play())


def test_the_exact_index_is_exact_and_the_graph_finds_nearly_all():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(800, 16))
    exact, graph = ItemIndex(vectors), ItemIndex(vectors, "hnsw", ef=100)
    found, cosines = exact.nearest(5, 10)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    right = np.argsort(-(unit @ unit[5]))[1:11]
    np.testing.assert_array_equal(found, right)
    np.testing.assert_allclose(cosines, (unit @ unit[5])[right], atol=1e-5)
    assert index_recall(exact, exact, vectors[:50], 10) == 1
    assert 0.9 < index_recall(graph, exact, vectors[:50], 10) <= 1
    narrow = ItemIndex(vectors, "hnsw", ef=10, M=2)
    assert index_recall(narrow, exact, vectors[:50], 10) < 0.9
    assert len(ItemIndex(np.eye(3)).nearest(0, 10)[0]) == 2


def test_percentiles_are_values_that_occurred():
    assert percentiles([]) == {}
    assert percentiles([0.001]) == {"p50": 1.0, "p95": 1.0, "p99": 1.0}
    hundred = np.arange(1, 101) / 1000
    assert percentiles(hundred[::-1]) == pytest.approx({"p50": 50, "p95": 95, "p99": 99})


def test_a_report_of_nothing_is_written_too():
    report = Measures().report({})
    assert report["cache"]["hit_rate"] is None
    assert exposition(report).count("\n") == 8


def test_sentences():
    assert "status 418" in sentence(418)
    assert validation_sentence([]).endswith(".")
    assert "query parameter" in validation_sentence(
        [{"type": "missing", "loc": ("query", "k"), "msg": "Field required"}]
    )
