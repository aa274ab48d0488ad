"""The video server under load: latency, errors, and a cache that is killed and comes back.

    python benchmarks/serving.py [--rate 200] [--seconds 60] [--threads 1]

``recsys-book serve`` runs in one process, Redis in another, and the load generator in a third; all
on the loopback. The load is open: requests leave on schedule, and latency counts from the moment at
which a request was meant to leave. Nine of ten requests ask for ten films with their reasons, for
people drawn by how active they are; the rest are new ratings, each of which makes the kept answers
of its person useless. "Warm" means that every person has asked once. In the second run the cache is
killed after a third of the time and started again, empty, on the same port after two thirds. Each
line reads ``name value unit (target ...) ok|short``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from recsys_book.data import load_movielens
from recsys_book.production.serving import Call, RedisProcess, open_loop, percentiles


def say(name: str, value: float, unit: str, target: str, ok: bool) -> None:
    print(f"{name}  {value:.4g} {unit}  (target {target})  {'ok' if ok else 'short'}", flush=True)


def plan(n: int, seed: int = 0) -> list[dict]:
    """Return requests as a busy evening would bring them."""
    log = load_movielens("100k").interactions
    share = np.bincount(log.user) / len(log)
    rng = np.random.default_rng(seed)
    people = rng.choice(log.users, n, p=share)
    films = rng.choice(log.items, n)
    calls = []
    for person, film, dice in zip(people, films, rng.random(n)):
        if dice < 0.9:
            calls.append({"path": f"/people/{person}/recommendations?k=10"})
        else:
            body = json.dumps({"item": str(film), "stars": float(rng.integers(1, 6))})
            path = f"/people/{person}/events"
            calls.append({"path": path, "method": "POST", "body": body})
    return calls


def read(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def wait_until_ready(url: str, process: subprocess.Popen, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            read(f"{url}/ready")
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("The server did not become ready.")


def start_server(redis: str, threads: int) -> tuple[subprocess.Popen, str]:
    """Start ``recsys-book serve`` on a free port and return the process and its address."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    words = ["-m", "recsys_book.cli", "serve", "--port", "0", "--redis", redis]
    process = subprocess.Popen(
        [sys.executable, *words], env=env, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    for line in process.stdout:
        if "open http" in line:
            url = line.split("open ")[1].split("/ ")[0]
            wait_until_ready(url, process)
            return process, url
    raise SystemExit("The server ended before it listened.")


def load(url: str, calls: list[dict], rate: float, seconds: float) -> subprocess.Popen:
    """Start the load generator in a process of its own."""
    handle, name = tempfile.mkstemp(suffix=".json")
    with os.fdopen(handle, "w") as file:
        json.dump(calls, file)
    module = "recsys_book.production.serving.load_test"
    words = ["-m", module, url, "--rate", str(rate), "--seconds", str(seconds)]
    process = subprocess.Popen(
        [sys.executable, *words, "--plan", name, "--full"], stdout=subprocess.PIPE, text=True
    )
    process.plan = Path(name)
    return process


def collect(process: subprocess.Popen) -> dict:
    text, _ = process.communicate()
    process.plan.unlink()
    return json.loads(text)


def failures(report: dict) -> int:
    return sum(status == 0 or status >= 400 for status in report["status"])


def warm(url: str) -> None:
    """Let every person ask once."""
    people = load_movielens("100k").interactions.users
    calls = [Call(f"/people/{person}/recommendations?k=10") for person in people]
    asyncio.run(open_loop(url, calls, 50, len(calls) / 50, timeout=30))


def steady(url: str, rate: float, seconds: float) -> None:
    report = collect(load(url, plan(int(rate * seconds)), rate, seconds))
    ms = percentiles(report["latency"])
    reached = len(report["status"]) / report["seconds"]
    say("rate reached", reached, "requests/s", f">= {0.98 * rate:g}", reached >= 0.98 * rate)
    say("latency p50", ms["p50"], "ms", "none, for reference", True)
    say("latency p95", ms["p95"], "ms", "none, for reference", True)
    say("latency p99", ms["p99"], "ms", "<= 20", ms["p99"] <= 20)
    say("failed requests", failures(report), f"in {seconds:g} s", "0", failures(report) == 0)
    asked = [answer for answer in report["answer"] if answer]
    hit = 100 * np.mean([answer == "hit" for answer in asked])
    say("lists from the cache", hit, "%", "none, for reference", True)


def killed(url: str, redis: RedisProcess, rate: float, seconds: float) -> None:
    calls = plan(int(rate * seconds), seed=1)
    process = load(url, calls, rate, seconds)
    time.sleep(seconds / 3)
    before = read(f"{url}/stats")["cache"]
    redis.stop(kill=True)
    time.sleep(seconds / 3)
    during = read(f"{url}/stats")["cache"]
    redis.start()
    report = collect(process)
    after = read(f"{url}/stats")["cache"]
    bad = failures(report)
    say("failed requests, cache killed", bad, f"of {len(report['status'])}", "0", bad == 0)
    ms = percentiles(report["latency"])["p99"]
    say("latency p99, cache killed", ms, "ms", "none, for reference", True)
    gone = during["fallbacks"] - before["fallbacks"]
    say("answers asked of the process's own cache", gone, "requests", "> 0", gone > 0)
    back = after["first"]["hits"] - during["first"]["hits"]
    say("hits in the restarted cache", back, "requests", "> 0", back > 0)
    say("cache away at the end", after["away"], "", "0", not after["away"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with RedisProcess() as redis:
        server, url = start_server(redis.url, options.threads)
        try:
            warm(url)
            steady(url, options.rate, options.seconds)
            killed(url, redis, options.rate, options.seconds / 2)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
