"""Where an encoder's files are: a folder of the reader's, or the Hugging Face Hub's cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from recsys_book.data import encoder_path

#: Token ids and mask, both ``(batch, tokens)``, to one vector a token.
HiddenStates = Callable[[Tensor, Tensor], Tensor]

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZER = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_NEEDED = (*_WEIGHTS, *_TOKENIZER, "*.json", "merges.txt")


def find_model(name_or_path: str | Path | None, revision: str | None = None) -> Path:
    """Return the folder of an encoder, complete enough to be loaded.

    Args:
        name_or_path: A local folder; or a name on the Hugging Face Hub, which is looked up in its
            cache and, where there is a network, fetched; or None for all-MiniLM-L6-v2.
        revision: Branch, tag or commit of a name on the Hub.

    Returns:
        The folder.

    Raises:
        ValueError: If there is no such folder and no such name can be had, or if the folder lacks
            the weights, the tokenizer or ``config.json``.
    """
    if name_or_path is None:
        return encoder_path()
    folder = Path(name_or_path).expanduser()
    if not folder.is_dir():
        folder = _from_hub(str(name_or_path), revision)
    _refuse_incomplete(folder)
    return folder


def _from_hub(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    wanted = name if revision is None else f"{name} at revision {revision}"
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(_NEEDED)))
    except Exception as problem:  # the Hub's client has many errors, and requests has more
        raise ValueError(
            f"No encoder {wanted} was found: there is no folder of this name, the "
            "Hugging Face Hub's cache on this machine does not hold it, and the Hub could not be "
            f"asked ({type(problem).__name__}); pass the path of a local folder with config.json, "
            "tokenizer.json and model.safetensors, or None for all-MiniLM-L6-v2."
        ) from problem


def _refuse_incomplete(folder: Path) -> None:
    parts = {
        "config.json": ("config.json",),
        "weights (model.safetensors)": _WEIGHTS,
        "tokenizer (tokenizer.json or vocab.txt)": _TOKENIZER,
    }
    for what, patterns in parts.items():
        if not any(True for pattern in patterns for _ in folder.glob(pattern)):
            raise ValueError(
                f"The folder {folder} has no {what}, so no encoder can be loaded from it: save "
                "model and tokenizer there with save_pretrained."
            )


def most_tokens(folder: Path) -> int | None:
    """Return how many positions a model has.

    Args:
        folder: The folder of the model.

    Returns:
        The number, or None where its configuration names none.
    """
    try:
        return json.loads((folder / "config.json").read_text()).get("max_position_embeddings")
    except OSError:
        return None


def load_torch(path: Path, dtype: torch.dtype) -> HiddenStates:
    """Load a model in one number format.

    Args:
        path: The folder of the model.
        dtype: The format.

    Returns:
        The model, behind one function.

    Raises:
        ValueError: If the weights are of two formats after loading.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModel.from_pretrained(path, dtype=dtype).eval()
    found = sorted({str(p.dtype) for p in model.parameters()})
    if found != [str(dtype)]:
        raise ValueError(
            f"The weights in {path} are of the types {', '.join(found)} after loading, but one "
            f"type, {dtype}, is needed: save them again in one type."
        )
    return lambda ids, mask: model(input_ids=ids, attention_mask=mask).last_hidden_state


def load_onnx(path: Path) -> HiddenStates:
    """Load a model into ONNX Runtime.

    Args:
        path: The folder of the model.

    Returns:
        The model, behind one function.
    """
    from recsys_book.encoders.onnx_backend import OnnxModel

    model = OnnxModel(path)
    return lambda ids, mask: torch.as_tensor(model(ids.numpy(), mask.numpy()))
