"""What encoding the film texts costs, beside sentence-transformers in the same run, and parity.

    python benchmarks/encoders.py [--rounds 3] [--threads 2] [--only PART]

Parts: ``speed``, ``transformer``, ``index``, ``lora``. It needs ``pip install sentence-transformers
onnx onnxruntime`` besides the package.

"Speed" encodes the 1,682 film texts of MovieLens-100K with all-MiniLM-L6-v2: by
sentence-transformers as it is by default, by this package in torch, and by this package through
ONNX Runtime. They take turns, round by round, and the median counts; loading a model and the
first batch do not count. On a machine that others use, read the lines in CPU time: a busy neighbour
slows the three unequally. The second call looks for its vectors in the cache folder, from a fresh
encoder. The cosine is the smallest over all texts against sentence-transformers' vector.
"Transformer" loads MiniLM's weights into the package's own modules and compares every hidden state
of 200 texts with transformers'. "Index" searches the film vectors, and 20,000 vectors made of them
by adding noise, for the ten nearest; recall is against the exact search. "LoRA" compares
outputs and gradients with peft's layer of the same weights. Each line reads
``name value unit (target ...) ok|short``.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from transformers.utils import logging

from recsys_book.data import encoder_path, load_movielens
from recsys_book.encoders import TextEncoder, title_texts
from recsys_book.encoders.geometry import unit_rows
from recsys_book.encoders.index import build_index, recall


def line(
    name: str, value: float, unit: str, target: float | None = None, above: bool = True
) -> None:
    """Print one figure, with its target where it has one."""
    shown = f"{value:>12.3g}" if 0 < abs(value) < 1e-3 else f"{value:>12.4f}"
    text = f"{name:<58} {shown} {unit}"
    if target is not None:
        met = value >= target if above else value <= target
        text += f"  (target {'≥' if above else '≤'} {target:g})  {'ok' if met else 'short'}"
    print(text, flush=True)


def film_texts() -> list[str]:
    """Return the 1,682 texts, in an order that has nothing to do with their length."""
    texts = title_texts(load_movielens("100k"))
    return [texts[row] for row in np.random.default_rng(0).permutation(len(texts))]


def in_turns(
    calls: dict[str, Callable[[], np.ndarray]], rounds: int
) -> tuple[dict[str, float], dict[str, float], dict[str, np.ndarray]]:
    """Return seconds and CPU seconds of each call, medians over rounds, and what it returned."""
    wall: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    vectors = {}
    for _ in range(rounds):
        for name, call in calls.items():
            start, busy = time.perf_counter(), time.process_time()
            vectors[name] = call()
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - busy)
    medians = ({n: statistics.median(v) for n, v in times.items()} for times in (wall, cpu))
    return *medians, vectors


def speed(rounds: int) -> None:
    """Print texts a second, cosines, and what the second call costs."""
    from sentence_transformers import SentenceTransformer

    texts, path = film_texts(), str(encoder_path())
    peer = SentenceTransformer(path, device="cpu")
    ours, onnx = (TextEncoder.from_pretrained(backend=name) for name in ("torch", "onnx"))
    calls = {
        "sentence-transformers": lambda: peer.encode(texts, normalize_embeddings=True),
        "ours, torch": lambda: ours.encode(texts, cache=False),
        "ours, ONNX Runtime": lambda: onnx.encode(texts, cache=False),
    }
    peer.encode(texts[:32]), ours.encode(texts[:32], cache=False)
    onnx.encode(texts[:32], cache=False)
    wall, cpu, vectors = in_turns(calls, rounds)
    first, *others = calls
    for name in calls:
        line(f"encode: {name}", len(texts) / wall[name], "texts/s")
    for name, target in zip(others, (1.12, 2.2)):
        line(f"encode: {name} / {first}", wall[first] / wall[name], "x", target)
        line(f"encode: the same in CPU time, {name}", cpu[first] / cpu[name], "x")
        cosines = (unit_rows(vectors[name]) * unit_rows(vectors[first])).sum(axis=1)
        line(f"encode: smallest cosine, {name}", cosines.min(), "", 0.9999)
    ours.encode(texts)
    again = {"again": lambda: TextEncoder.from_pretrained().encode(texts)}
    seconds = in_turns(again, 7)[0]["again"]
    line("encode: second call, from the cache", 1e3 * seconds, "ms")
    line("encode: first call / second call", wall["ours, torch"] / seconds, "x", 200)


def transformer() -> None:
    """Print how far our modules with MiniLM's weights are from transformers'."""
    from transformers import AutoModel

    from recsys_book.encoders import load_bert
    from recsys_book.encoders.text_encoder import pad_tokens

    ids = TextEncoder.from_pretrained().tokenize(film_texts()[:200])[0]
    ours, peer, worst = load_bert(), AutoModel.from_pretrained(encoder_path()).eval(), 0.0
    with torch.inference_mode():
        for start in range(0, len(ids), 32):
            batch, mask = pad_tokens(ids[start : start + 32])
            theirs = peer(batch, mask, output_hidden_states=True).hidden_states
            got = ours.hidden_states(batch, mask.bool())
            if len(got) != len(theirs):
                raise RuntimeError(f"{len(got)} layers of hidden states against {len(theirs)}")
            for a, b in zip(got, theirs):
                worst = max(worst, float((a - b)[mask.bool()].abs().max()))
    line("transformer: max |ours - transformers'|, 200 texts", worst, "", 1e-5, above=False)


def index() -> None:
    """Print recall and cost of every kind."""
    films = TextEncoder.from_pretrained().encode(film_texts())
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.5 / films.shape[1] ** 0.5, size=(20_000, films.shape[1]))
    many = unit_rows(films[rng.integers(len(films), size=20_000)] + noise)
    for label, vectors, queries in (
        ("films", films, films),
        ("20,000", many.astype(np.float32), many[:500].astype(np.float32)),
    ):
        exact, _ = build_index("exact", vectors).search(queries, 10)
        for kind in ("exact", "flat", "ivf", "hnsw", "pq", "ivf_pq"):
            start = time.process_time()
            built = build_index(kind, vectors)
            build = time.process_time() - start
            start = time.process_time()
            found, _ = built.search(queries, 10)
            each = (time.process_time() - start) / len(queries)
            target = 0.98 if (kind, label) == ("hnsw", "films") else None
            line(f"index: {label}, {kind}, recall@10", recall(found, exact).mean(), "", target)
            line(f"index: {label}, {kind}, build", 1e3 * build, "CPU ms")
            line(f"index: {label}, {kind}, search", 1e6 * each, "CPU us/query")
            line(f"index: {label}, {kind}, compared", built.comparisons(queries, 10), "vectors")
            line(f"index: {label}, {kind}, size", built.bytes / 2**20, "MiB")


def lora() -> None:
    """Print how far our layer's outputs and gradients are from peft's."""
    from peft import LoraConfig, get_peft_model

    from recsys_book.encoders.fine_tuning import LoRALinear

    torch.manual_seed(0)  # peft's layers draw from the global generator
    base = torch.nn.Sequential(torch.nn.Linear(384, 384))
    weight, bias = base[0].weight.detach().clone(), base[0].bias.detach().clone()
    peer = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, target_modules=["0"]))
    layer = peer.base_model.model[0]
    linear = torch.nn.Linear(384, 384)
    linear.load_state_dict({"weight": weight, "bias": bias})
    ours = LoRALinear(linear, rank=8, alpha=16)
    A, B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    with torch.no_grad():
        B.normal_()
        ours.A.copy_(A)
        ours.B.copy_(B)
    x = torch.randn(64, 384)
    got, theirs = ours(x), peer(x)
    got.square().mean().backward()
    theirs.square().mean().backward()
    pairs = [(ours.A.grad, A.grad), (ours.B.grad, B.grad)]
    relative = max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
    outputs = float((got - theirs).abs().max() / theirs.abs().max())
    line("lora: max |ours - peft's| / max, outputs", outputs, "", 1e-6, above=False)
    line("lora: max |ours - peft's| / max, gradients", relative, "", 1e-6, above=False)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["speed", "transformer", "index", "lora"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    logging.disable_progress_bar()
    parts = {"transformer": transformer, "lora": lora, "index": index}
    parts["speed"] = lambda: speed(arguments.rounds)
    for name, part in parts.items():
        if arguments.only in (None, name):
            part()


if __name__ == "__main__":
    main()
