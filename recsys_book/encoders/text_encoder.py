"""Sentences to vectors, by a frozen language model, and never the same sentence list twice."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from recsys_book.data import MovieLens, cache_dir, encoder_path

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: Tokens after which a text is cut: what all-MiniLM-L6-v2 was trained with.
MAX_TOKENS = 256


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Average the vectors of the tokens that are there, and leave the padding out.

    Source: Reimers & Gurevych (2019), section 3.

    Args:
        hidden: One vector a token, shape ``(batch, tokens, width)``.
        mask: 1 for a token and 0 for padding, shape ``(batch, tokens)``.

    Returns:
        One vector a text, shape ``(batch, width)``.
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


@dataclass(frozen=True)
class TextEncoder:
    """A frozen encoder; what it has encoded once is read from the cache folder.

    The model is loaded when it is first needed, so that reading from the cache costs nothing.

    Attributes:
        path: The folder of the model, as the library ``transformers`` saves it.
    """

    path: Path

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None) -> Self:
        """Return an encoder.

        Args:
            path: The folder of the model; None takes all-MiniLM-L6-v2, fetched the first time.

        Returns:
            The encoder; no weights are loaded yet.
        """
        return cls(encoder_path() if path is None else Path(path))

    @cached_property
    def _parts(self) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
        """The tokenizer and the model."""
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        return AutoTokenizer.from_pretrained(self.path), AutoModel.from_pretrained(self.path).eval()

    @cached_property
    def _fingerprint(self) -> bytes:
        """A digest of every file of the model."""
        digest = hashlib.sha256()
        for file in sorted(f for f in self.path.iterdir() if f.is_file()):
            digest.update(file.name.encode() + b"\0")
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.digest()

    def encode(
        self, texts: Sequence[str], *, batch_size: int = 32, cache: bool = True
    ) -> np.ndarray:
        """Encode texts as vectors of length one.

        Args:
            texts: The texts; a long one is cut after 256 tokens.
            batch_size: Texts that go through the model together.
            cache: Whether to look into the cache folder, and to keep the result there.

        Returns:
            One vector a text, shape ``(len(texts), width)``, float32.

        Raises:
            ValueError: If ``texts`` is one string, or an entry is not a string.
        """
        texts = _checked(texts)
        if not cache:
            return self._compute(texts, batch_size)
        file = self._cache_file(texts)
        vectors = _read(file)
        if vectors is None:
            vectors = self._compute(texts, batch_size)
            _write(file, vectors)
        return vectors

    def _cache_file(self, texts: list[str]) -> Path:
        """Return where the vectors of these texts under these weights are kept."""
        digest = hashlib.sha256(self._fingerprint)
        for text in texts:
            raw = text.encode()
            digest.update(len(raw).to_bytes(8, "big") + raw)
        return cache_dir() / "vectors" / f"{digest.hexdigest()[:32]}.npy"

    @torch.no_grad()
    def _compute(self, texts: list[str], batch_size: int) -> np.ndarray:
        """Run the model over the texts, the long ones together and the short ones together."""
        tokenizer, model = self._parts
        vectors = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
        if not texts:
            return vectors
        tokens = tokenizer(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]
        order = sorted(range(len(texts)), key=lambda row: (-len(tokens[row]), row))
        for start in range(0, len(texts), batch_size):
            rows = order[start : start + batch_size]
            batch = tokenizer.pad({"input_ids": [tokens[row] for row in rows]}, return_tensors="pt")
            hidden = model(**batch).last_hidden_state
            pooled = masked_mean(hidden, batch["attention_mask"])
            vectors[rows] = torch.nn.functional.normalize(pooled).numpy()
        return vectors


def title_vectors(movielens: MovieLens, encoder: TextEncoder | None = None) -> np.ndarray:
    """Encode each film as its title, its year and its genres.

    Args:
        movielens: The films.
        encoder: The encoder; None takes all-MiniLM-L6-v2.

    Returns:
        One vector a film in the order of ``movielens.interactions.items``, shape
        ``(n_items, width)``, float32.
    """
    encoder = encoder or TextEncoder.from_pretrained()
    return encoder.encode(title_texts(movielens))


def title_texts(movielens: MovieLens) -> list[str]:
    """Write each film as text: ``Toy Story (1995) Animation, Children's, Comedy``."""
    films = movielens.items
    texts = []
    for title, year, genres in zip(films["title"], films["year"], films["genres"]):
        when = "" if pd.isna(year) else f" ({int(year)})"
        texts.append(f"{title}{when} {', '.join(str(genres).split('|'))}")
    return texts


def _checked(texts: Any) -> list[str]:
    """Return the texts as a list; raise if they are something else."""
    if isinstance(texts, str):
        raise ValueError("The texts are one string, but a list is needed: pass [text].")
    texts = list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"Text {row} is of type {type(text).__name__}, but a string is needed: fill "
                "missing texts with an empty string first."
            )
    return texts


def _read(file: Path) -> np.ndarray | None:
    """Return the vectors of a cache file, or None if it is missing or damaged."""
    try:
        raw = file.read_bytes()
    except OSError:
        return None
    digest, content = raw[:32], raw[32:]
    if hashlib.sha256(content).digest() != digest:
        return None
    return np.load(io.BytesIO(content), allow_pickle=False)


def _write(file: Path, vectors: np.ndarray) -> None:
    """Keep vectors with their digest; a file appears whole or not at all."""
    content = io.BytesIO()
    np.save(content, vectors, allow_pickle=False)
    raw = content.getvalue()
    temporary = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as stream:
            stream.write(hashlib.sha256(raw).digest() + raw)
        os.replace(temporary, file)
    except OSError:  # a cache that cannot be written is slow, not wrong
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
