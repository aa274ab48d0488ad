"""What adapting to many users costs, all at once and one by one, in the same run.

    python benchmarks/meta_learning.py [--rounds 7] [--threads 1]

256 users bring between 5 and 15 ratings each; a head of two layers takes five gradient steps on
every user's own ratings. "At once" is ``recsys_book.meta_learning.adapt`` on one padded batch. The
loops adapt user by user with the same mathematics: "loop" copies the weights and calls torch's
autograd for every step, "loop, SGD" builds a model and an optimizer for every user, as most code
does. "Outer step" is the loss of MAML, second order, with its gradient. The ways take turns, round
by round; each round counts its fastest of a few repetitions, and the median over rounds is the
figure. Linear in tasks: the seconds a user at 1,024 users, over those at 256. Memory is what the
process holds at its peak above what it held before, each way in a process of its own. Each line
reads ``name value unit (target ...) ok|short``.
"""

from __future__ import annotations

import argparse
import copy
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from recsys_book.meta_learning import MAML, TaskBatch, adapt, parameters

USERS, INPUTS, HIDDEN, STEPS, RATE = 256, 64, 32, 5, 0.05


def head() -> nn.Sequential:
    """Return a head of two layers, seeded."""
    g = torch.Generator().manual_seed(0)
    layers = nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)
    net = nn.Sequential(*layers)
    for weight in net.parameters():
        nn.init.normal_(weight, 0, 0.1, generator=g)
    return net


def users(n: int) -> TaskBatch:
    """Return simulated users of different sizes."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 16, n)
    rows = lambda many: [rng.normal(size=(m, INPUTS)) for m in many]  # noqa: E731
    stars = lambda many: [rng.normal(size=m) for m in many]  # noqa: E731
    ten = [10] * n
    return TaskBatch.from_ragged(rows(sizes), stars(sizes), rows(ten), stars(ten))


def at_once(net: nn.Sequential, batch: TaskBatch) -> torch.Tensor:
    """Adapt all users in one batch."""
    return adapt(net, parameters(net), batch, rate=RATE, steps=STEPS, second_order=False)["2.bias"]


def loop(net: nn.Sequential, batch: TaskBatch) -> torch.Tensor:
    """Adapt user by user on bare weights."""
    found = []
    for task in range(batch.n_tasks):
        rows = batch.support_mask[task] > 0
        x, y = batch.support_x[task, rows], batch.support_y[task, rows]
        w1, b1, w2, b2 = (p.detach().requires_grad_() for p in net.parameters())
        for _ in range(STEPS):
            error = (torch.relu(x @ w1.T + b1) @ w2.T + b2)[:, 0] - y
            slopes = torch.autograd.grad((error**2).mean(), (w1, b1, w2, b2))
            w1, b1, w2, b2 = (
                (w - RATE * g).detach().requires_grad_() for w, g in zip((w1, b1, w2, b2), slopes)
            )
        found.append(b2.detach())
    return torch.stack(found)


def loop_sgd(net: nn.Sequential, batch: TaskBatch) -> torch.Tensor:
    """Adapt user by user, each with a copy of the model and an optimizer."""
    found = []
    for task in range(batch.n_tasks):
        rows = batch.support_mask[task] > 0
        x, y = batch.support_x[task, rows], batch.support_y[task, rows]
        mine = copy.deepcopy(net)
        sgd = torch.optim.SGD(mine.parameters(), lr=RATE)
        for _ in range(STEPS):
            sgd.zero_grad()
            ((mine(x)[:, 0] - y) ** 2).mean().backward()
            sgd.step()
        found.append(mine[2].bias.detach())
    return torch.stack(found)


def outer_step(net: nn.Sequential, batch: TaskBatch) -> torch.Tensor:
    """Take the loss of MAML and its gradient, second order."""
    net.zero_grad()
    loss = MAML(net, RATE, STEPS).meta_loss(batch)
    loss.backward()
    return loss.detach()


WAYS: dict[str, Callable] = {
    "at once": at_once,
    "loop": loop,
    "loop, SGD": loop_sgd,
    "outer step": outer_step,
}


def in_turns(works: dict[str, Callable[[], object]], rounds: int, each: int) -> dict[str, float]:
    """Return the seconds of a call: the median over rounds of the round's fastest."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            best = float("inf")
            for _ in range(each):
                start = time.perf_counter()
                work()
                best = min(best, time.perf_counter() - start)
            seconds[name].append(best)
    return {name: statistics.median(times) for name, times in seconds.items()}


def peak_mib(way: str) -> float:
    """Return the memory of one way at its peak, in a process of its own."""
    command = [sys.executable, __file__, "--memory", way]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_memory(way: str) -> None:
    """Run one way a few times and print by how many MiB the process grew at its peak."""
    net, batch = head(), users(USERS)
    WAYS[way](net, users(2))  # what torch loads at the first call does not count
    held, done, seen = resident(), threading.Event(), []

    def watch() -> None:
        while not done.is_set():
            seen.append(resident())
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(5):
        WAYS[way](net, batch)
    done.set()
    watcher.join()
    print((max(seen) - held) / 2**20)


def resident() -> int:
    """Return the bytes that the process holds (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def line(name: str, value: float, unit: str, target: str = "", ok: bool | None = None) -> None:
    """Print one figure."""
    verdict = "" if ok is None else f"  (target {target})  {'ok' if ok else 'short'}"
    print(f"{name:46} {value:9.2f} {unit}{verdict}")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory:
        print_memory(options.memory)
        return
    net, few, many = head(), users(USERS), users(4 * USERS)
    works = {name: (lambda way=way: way(net, few)) for name, way in WAYS.items()}
    works["four times the users"] = lambda: at_once(net, many)
    took = in_turns(works, options.rounds, each=2)
    gap = max(
        float((at_once(net, few) - way(net, few)).detach().abs().max()) for way in (loop, loop_sgd)
    )
    line("largest difference between the ways", 1e6 * gap, "1e-6", "<= 10", gap <= 1e-5)
    for name, seconds in took.items():
        line(f"{name}, {USERS} users" if name in WAYS else name, 1000 * seconds, "ms")
    for name in ("loop", "loop, SGD"):
        ratio = took[name] / took["at once"]
        line(f"at once, faster than {name}", ratio, "times", ">= 10", ratio >= 10)
    growth = took["four times the users"] / took["at once"] / 4
    line("seconds a user, 1,024 users over 256", growth, "times", "<= 1.5", growth <= 1.5)
    for name in WAYS:
        line(f"memory, {name}", peak_mib(name), "MiB")


if __name__ == "__main__":
    main()
