"""Pretrained BERT weights in the modules of this package."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from torch import Tensor

from recsys_book.data import encoder_path
from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.transformer import Transformer

#: What a part of BERT is called in its file, and what it is called here.
NAMES = (
    (r"^(bert|model)\.", ""),
    (r"LayerNorm\.(weight|gamma)$", "LayerNorm.gain"),
    (r"LayerNorm\.(bias|beta)$", "LayerNorm.shift"),
    (r"^embeddings\.word_embeddings", "tokens"),
    (r"^embeddings\.position_embeddings", "positions"),
    (r"^embeddings\.token_type_embeddings", "segments"),
    (r"^embeddings\.LayerNorm", "norm"),
    (r"^encoder\.layer", "blocks"),
    (r"attention\.self", "attention"),
    (r"attention\.output\.dense", "attention.output"),
    (r"attention\.output\.LayerNorm", "attention_norm"),
    (r"intermediate\.dense", "feed_forward.up"),
    (r"(?<!attention\.)output\.dense", "feed_forward.down"),
    (r"(?<!attention\.)output\.LayerNorm", "feed_forward_norm"),
    (r"^pooler\.dense", "pooler"),
)


def load_bert(path: str | Path | None = None) -> Transformer:
    """Read a pretrained BERT into the package's own modules.

    Source: Devlin et al. (2019), section 3; Wang et al. (2020) for the default's weights.

    Args:
        path: A folder with ``config.json`` and ``model.safetensors``, as the library
            ``transformers`` saves them; None takes all-MiniLM-L6-v2, fetched the first time.

    Returns:
        The encoder, in evaluation mode and without dropout.

    Raises:
        ValueError: If a file is missing, the model is no BERT that these modules can be, or its
            weights do not fit.
    """
    from safetensors.torch import load_file

    folder = encoder_path() if path is None else Path(path)
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise ValueError(
                f"The folder {folder} has no {name}: point at a folder that transformers' "
                "save_pretrained wrote."
            )
    weights = {our_name(k): v.float() for k, v in load_file(folder / "model.safetensors").items()}
    config = bert_config(folder, pooler="pooler.weight" in weights)
    with torch.device("meta"):
        model = Transformer(config)
    model.load_state_dict(_fitting(model, weights, folder), assign=True)
    return model.eval()


def bert_config(folder: Path, *, pooler: bool) -> TransformerConfig:
    """Read the sizes of a BERT.

    Args:
        folder: Where its ``config.json`` is.
        pooler: Whether its weights have the layer that makes one vector a sequence.

    Returns:
        The same sizes as ours.

    Raises:
        ValueError: If it is not a BERT, or has an activation or positions that we do not build.
    """
    theirs = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    needed = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    for name, value in needed.items():
        if theirs.get(name, value) != value:
            raise ValueError(
                f"The model in {folder} has {name} {theirs[name]!r}, but load_bert builds only "
                f"{value!r}: read it with the library transformers."
            )
    return TransformerConfig(
        vocabulary=theirs["vocab_size"],
        width=theirs["hidden_size"],
        layers=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        hidden=theirs["intermediate_size"],
        max_tokens=theirs["max_position_embeddings"],
        segments=theirs["type_vocab_size"],
        eps=theirs.get("layer_norm_eps", 1e-12),
        norm="post",
        pooler=pooler,
    )


def our_name(name: str) -> str:
    """Translate the name of a weight of ``transformers``' BERT.

    Args:
        name: For example ``encoder.layer.0.attention.self.query.weight``.

    Returns:
        For example ``blocks.0.attention.query.weight``.
    """
    for theirs, ours in NAMES:
        name = re.sub(theirs, ours, name)
    return name


def _fitting(model: Transformer, weights: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """Return the weights that the model has; raise if one is missing or has another shape."""
    fitting = {}
    for name, parameter in model.named_parameters():
        if name not in weights or weights[name].shape != parameter.shape:
            found = tuple(weights[name].shape) if name in weights else "nothing"
            raise ValueError(
                f"The weights in {folder} have {found} where {name} needs "
                f"{tuple(parameter.shape)}: config.json and model.safetensors are of different "
                "models."
            )
        fitting[name] = weights[name]
    return fitting
