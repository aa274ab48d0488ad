"""What a step of our optimizers costs, beside torch's own in the same run.

    python benchmarks/optimizers.py [--rounds 7] [--threads 2] [--skip-compiled]

"Dense" is one step of Adam over 100 tensors of 100,000 weights. "Many" is the same over 1,000
tensors of 1,000 weights. "Table" is a look-up of 4,096 ids in a table of a million rows of 64,
forward, backward and step. The optimizers take turns, round by round; each round counts its
fastest of several steps, and the median over rounds is the figure, so that a busy moment of the
machine hits one round and not one optimizer. The first steps (state, compilation) do not count.
"No check" leaves out our look for gradients that are not finite, which torch's do not have.
Memory is the peak of the process while it steps, above what it held before, each optimizer in a
process of its own. Each line reads ``name value unit (target ...) ok|short``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from recsys_book.optimizers import AdaGrad, Adam, Optimizer, RowwiseAdaGrad

ROWS, WIDTH, IDS = 1_000_000, 64, 4096
DENSE = {
    "torch foreach": lambda p: torch.optim.Adam(p, foreach=True),
    "torch fused": lambda p: torch.optim.Adam(p, fused=True),
    "ours": lambda p: Optimizer(p, Adam()),
    "ours compiled": lambda p: Optimizer(p, Adam(), compile=True),
    "ours compiled, no check": lambda p: Optimizer(p, Adam(), compile=True, check_finite=False),
}
TABLES = {
    "torch sparse Adagrad": (True, lambda p: torch.optim.Adagrad(p, lr=0.01)),
    "our sparse AdaGrad": (True, lambda p: Optimizer(p, AdaGrad(lr=0.01))),
    "our row-wise AdaGrad": (True, lambda p: Optimizer(p, RowwiseAdaGrad(lr=0.01))),
    "torch dense fused Adam": (False, lambda p: torch.optim.Adam(p, lr=0.01, fused=True)),
}


def dense_step(make: Callable, sizes: list[int]) -> Callable[[], None]:
    """Return one step over tensors of given sizes."""
    params = [torch.nn.Parameter(torch.randn(size)) for size in sizes]
    for param in params:
        param.grad = torch.randn_like(param)
    return make(params).step


def table_step(name: str) -> tuple[Callable[[], None], torch.optim.Optimizer]:
    """Return look-up, backward and step of one table, and the optimizer."""
    sparse, make = TABLES[name]
    table = torch.nn.Embedding(ROWS, WIDTH, sparse=sparse)
    optimizer = make(list(table.parameters()))
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randint(0, ROWS, (IDS,), generator=generator) for _ in range(20)]
    count = iter(range(10**9))

    def step() -> None:
        optimizer.zero_grad()
        table(batches[next(count) % 20]).pow(2).sum().backward()
        optimizer.step()

    return step, optimizer


def in_turns(steps: dict[str, Callable[[], None]], rounds: int, each: int) -> dict[str, float]:
    """Return the milliseconds of a step: the median over rounds of the round's fastest."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step(), step()
    for _ in range(rounds):
        for name, step in steps.items():
            best = float("inf")
            for _ in range(each):
                start = time.perf_counter()
                step()
                best = min(best, time.perf_counter() - start)
            seconds[name].append(best)
    return {name: 1e3 * statistics.median(values) for name, values in seconds.items()}


def line(
    name: str, value: float, unit: str, target: float | None = None, above: bool = False
) -> None:
    """Print one figure, with its target where it has one."""
    text = f"{name:<58} {value:>9.3f} {unit}"
    if target is not None:
        met = value >= target if above else value <= target
        text += f"  (target {'≥' if above else '≤'} {target:g})  {'ok' if met else 'short'}"
    print(text, flush=True)


def resident(field: str) -> int:
    """Return a memory figure of this process, in kibibytes (Linux)."""
    for row in Path("/proc/self/status").read_text().splitlines():
        if row.startswith(field):
            return int(row.split()[1])
    raise RuntimeError(f"no {field} in /proc/self/status")


def print_peak(name: str) -> None:
    """Print the peak of an optimizer's steps, in MiB above weights and gradients."""
    params = [torch.nn.Parameter(torch.randn(100_000)) for _ in range(100)]
    for param in params:
        param.grad = torch.randn_like(param)
    before, highest, done = resident("VmRSS"), 0, threading.Event()
    optimizer = DENSE[name](params)

    def watch() -> None:
        nonlocal highest
        while not done.is_set():
            highest = max(highest, resident("VmRSS"))
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    optimizer.step()
    watcher.start()
    for _ in range(30):
        optimizer.step()
    done.set()
    watcher.join()
    print((highest - before) / 1024)


def peak(name: str, threads: int) -> float:
    """Return the peak memory of an optimizer's steps in a fresh process, in MiB."""
    command = [sys.executable, __file__, "--peak", name, "--threads", str(threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def dense(rounds: int, skip_compiled: bool) -> None:
    """Print the dense figures."""
    makers = {n: m for n, m in DENSE.items() if not (skip_compiled and "compiled" in n)}
    for label, sizes in (("dense", [100_000] * 100), ("many", [1000] * 1000)):
        chosen = {n: m for n, m in makers.items() if label == "dense" or "compiled" not in n}
        steps = {name: dense_step(make, sizes) for name, make in chosen.items()}
        ms = in_turns(steps, rounds, 5)
        for name, value in ms.items():
            line(f"{label}: {name}", value, "ms")
        line(f"{label}: ours / torch foreach", ms["ours"] / ms["torch foreach"], "x", 1.1)
        for name in ms:
            if "compiled" in name:
                line(f"{label}: {name} / torch fused", ms[name] / ms["torch fused"], "x", 1.25)


def memory(threads: int) -> None:
    """Print the peaks."""
    ours, theirs = (peak(name, threads) for name in ("ours", "torch foreach"))
    line("dense: peak memory, torch foreach", theirs, "MiB")
    line("dense: peak memory, ours", ours, "MiB", theirs)


def tables(rounds: int) -> None:
    """Print the figures of the embedding table."""
    made = {name: table_step(name) for name in TABLES}
    sparse = {n: step for n, (step, _) in made.items() if TABLES[n][0]}
    ms = in_turns(sparse, rounds, 8)
    dense_name = "torch dense fused Adam"
    ms |= in_turns({dense_name: made[dense_name][0]}, 3, 2)
    for name, value in ms.items():
        line(f"table: {name}", value, "ms")
    ours, peer = ms["our row-wise AdaGrad"], ms["torch sparse Adagrad"]
    line("table: row-wise AdaGrad / torch sparse Adagrad", ours / peer, "x", 1.0)
    line("table: dense fused Adam / row-wise AdaGrad", ms[dense_name] / ours, "x", 15, above=True)
    floats = {
        name: sum(v.numel() for s in o.state.values() for v in s.values() if _is_state(v))
        for name, (_, o) in made.items()
    }
    share = floats["torch sparse Adagrad"] / floats["our row-wise AdaGrad"]
    line("table: state of torch's Adagrad / of row-wise", share, "x", 64, above=True)


def _is_state(value: object) -> bool:
    """Return whether a state entry is a tensor of more than a step count."""
    return torch.is_tensor(value) and value.numel() > 1


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip-compiled", action="store_true")
    parser.add_argument("--peak", choices=DENSE, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        print_peak(arguments.peak)
        return
    dense(arguments.rounds, arguments.skip_compiled)
    memory(arguments.threads)
    tables(arguments.rounds)


if __name__ == "__main__":
    main()
