"""An encoder outside torch: exported once to ONNX, run by ONNX Runtime."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.data import cache_dir
from recsys_book.encoders.vector_cache import digest_of, fingerprint

if TYPE_CHECKING:
    import onnxruntime

#: Version of ONNX's set of operators that the file is written in.
OPSET = 17


def export_onnx(path: str | Path) -> Path:
    """Write an encoder as an ONNX file into the cache folder, unless it is there.

    The file's name is made of a digest of the model's files, so other weights are another file.
    A digest beside it tells a damaged file, which is written again.

    Args:
        path: The folder of the model, as the library ``transformers`` saves it.

    Returns:
        The file, under ``cache_dir() / "onnx"``.

    Raises:
        ValueError: If there is no such folder, it holds no encoder, or the package ``onnx`` is
            missing.
    """
    path = Path(path)
    if not path.is_dir():
        raise ValueError(
            f"There is no model folder {path}: give the folder that holds config.json and "
            "model.safetensors."
        )
    digest = fingerprint(path, cache_dir() / "vectors").hex()
    target = cache_dir() / "onnx" / f"{digest[:32]}-{OPSET}.onnx"
    if not _is_whole(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=target.parent, suffix=".tmp"))
        try:
            _export(path, folder / target.name)
            (folder / "digest").write_text(digest_of(folder / target.name))
            os.replace(folder / target.name, target)
            os.replace(folder / "digest", _digest_file(target))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return target


class OnnxModel:
    """An encoder that ONNX Runtime runs, on as many threads as torch has now.

    Args:
        path: The folder of the model, exported the first time, or a file of ``export_onnx``.

    Raises:
        ValueError: If the package ``onnxruntime`` is missing, there is no such folder or file, or
            it holds no encoder.
    """

    def __init__(self, path: str | Path) -> None:
        runtime, path = _runtime(), Path(path)
        file = path if path.is_file() else export_onnx(path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session: onnxruntime.InferenceSession = runtime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ValueError(
                f"{file} is not a model that ONNX Runtime can read ({type(error).__name__}): "
                "delete it and export again."
            ) from error

    def __call__(self, input_ids: Any, attention_mask: Any) -> np.ndarray:
        """Run the encoder.

        Args:
            input_ids: Token ids, shape ``(batch, tokens)``; an array or a tensor.
            attention_mask: 1 for a token and 0 for padding, shape ``(batch, tokens)``.

        Returns:
            The last hidden state, float32, shape ``(batch, tokens, width)``.
        """
        feed = {
            "input_ids": np.asarray(input_ids, dtype=np.int64),
            "attention_mask": np.asarray(attention_mask, dtype=np.int64),
        }
        return self.session.run(None, feed)[0]


class _LastHidden(nn.Module):
    """The model with two inputs and one output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def _export(path: Path, target: Path) -> None:
    """Trace the model and write the file."""
    model = _LastHidden(_load(path)).eval()
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 0]])
    mask = (ids > 0).long()
    axes = {0: "batch", 1: "tokens"}
    names = ["input_ids", "attention_mask"]
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                model,
                (ids, mask),
                str(target),
                input_names=names,
                output_names=["last_hidden_state"],
                dynamic_axes={name: axes for name in [*names, "last_hidden_state"]},
                opset_version=OPSET,
                dynamo=False,
            )
    except ImportError as error:
        raise _missing(error.name or "onnx") from error


def _load(path: Path) -> nn.Module:
    """Load a folder's model; raise if there is none."""
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return AutoModel.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"The folder {path} holds no encoder that transformers can load: it needs config.json "
            "and model.safetensors."
        ) from error


def _runtime() -> Any:
    """Return the package onnxruntime; raise if it is missing."""
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("onnxruntime") from error
    return onnxruntime


def _missing(package: str) -> ValueError:
    """Return the error for a package that is not installed."""
    return ValueError(
        f"The package {package} is not installed, which the ONNX backend needs: "
        'run pip install "recsys-book[onnx]", or use backend="torch".'
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's warnings off the page: tracing fixes nothing that varies here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_whole(file: Path) -> bool:
    """Return whether a file is there and is what was written."""
    try:
        return _digest_file(file).read_text() == digest_of(file)
    except OSError:
        return False


def _digest_file(file: Path) -> Path:
    """Return where a file's digest is kept."""
    return file.with_suffix(".sha256")
