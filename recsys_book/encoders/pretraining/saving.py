"""A pre-trained transformer in one file: weights, sizes, and a checksum of both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.transformer import Transformer
from recsys_book.encoders.vector_cache import write_whole


def save_transformer(transformer: Transformer, file: str | Path) -> Path:
    """Save a transformer; the file appears whole or not at all.

    The format is safetensors: a table of contents in JSON, then the numbers. The sizes and the
    checksum stand in its table, so other programs can read the file too.

    Args:
        transformer: What to save.
        file: Where; its folder is made, an older file is replaced.

    Returns:
        The path of the file.
    """
    from safetensors.torch import save

    file = Path(file)
    weights = {name: each.detach().contiguous() for name, each in transformer.state_dict().items()}
    config = json.dumps(asdict(transformer.config), sort_keys=True)
    raw = save(weights, {"config": config, "sha256": _digest(config, weights)})
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, raw)
    return file


def load_transformer(file: str | Path, config: TransformerConfig | None = None) -> Transformer:
    """Load a transformer that ``save_transformer`` saved.

    Args:
        file: The file.
        config: The sizes that it must have; None takes what is there.

    Returns:
        The transformer, in evaluation mode. Its dropout begins anew from the generator's seed.

    Raises:
        ValueError: If there is no such file, it is damaged or of another program, or its sizes
            are others.
    """
    stored, weights = _read(Path(file))
    if config is not None and config != stored:
        wanted, there = asdict(config), asdict(stored)
        name = next(name for name in wanted if wanted[name] != there[name])
        raise ValueError(
            f"{file} holds a transformer with {name} {there[name]!r}, but {name} "
            f"{wanted[name]!r} is wanted: load it without a configuration, or pre-train anew."
        )
    transformer = Transformer(stored)
    transformer.load_state_dict(weights)
    return transformer.eval()


def _read(file: Path) -> tuple[TransformerConfig, dict[str, Tensor]]:
    """Return the sizes and the weights of a file whose checksum is right."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise ValueError(f"There is no file {file}: save a transformer there first.")
    try:
        with safe_open(file, "pt") as stream:
            about = stream.metadata() or {}
            weights = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except SafetensorError as problem:
        raise ValueError(f"{file} is damaged ({problem}): save the transformer again.") from None
    if "config" not in about:
        raise ValueError(
            f"{file} has weights but no sizes of a transformer: it was saved by another program; "
            "use load_bert for a folder of transformers."
        )
    if _digest(about["config"], weights) != about.get("sha256"):
        raise ValueError(f"{file} is damaged (its checksum is wrong): save the transformer again.")
    return TransformerConfig(**json.loads(about["config"])), weights


def _digest(config: str, weights: dict[str, Tensor]) -> str:
    """Return a digest of the sizes, and of the names and numbers of all weights."""
    digest = hashlib.sha256(config.encode())
    for name in sorted(weights):
        each = weights[name].to(torch.float32)
        digest.update(f"{name}{tuple(each.shape)}".encode() + each.numpy().tobytes())
    return digest.hexdigest()
