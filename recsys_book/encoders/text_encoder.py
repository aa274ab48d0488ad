"""Sentences to vectors, by a frozen language model, and never the same sentence twice."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from recsys_book.data import MovieLens, cache_dir
from recsys_book.encoders.model_folder import (
    HiddenStates,
    find_model,
    load_onnx,
    load_torch,
    most_tokens,
)
from recsys_book.encoders.pooling import check_pooling, masked_mean, pad_tokens, pool
from recsys_book.encoders.vector_cache import (
    Entries,
    VectorCache,
    fingerprint,
    merge,
    name_texts,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["MAX_TOKENS", "TextEncoder", "masked_mean", "title_texts", "title_vectors"]

#: Tokens after which a text is cut: what all-MiniLM-L6-v2 was trained with.
MAX_TOKENS = 256

_DTYPES = ("float32", "bfloat16", "float16")
_BACKENDS = ("torch", "onnx")
_VERSION = b"2"  # change it when vectors change that the model's files do not explain


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A frozen encoder; what it has encoded once is read from the cache folder.

    A text becomes tokens, two special ones among them, the model gives one vector a token, and
    pooling makes one of them. So an empty text has a vector too, the mean of the two special
    tokens; it says nothing about the text, and a caller who wants zeros must put them there. A text
    of more than ``max_tokens`` tokens is cut at the end; how many were is said in a warning and
    kept in ``truncated_``.

    The model is loaded when it is first needed, so that reading from the cache costs nothing.

    Attributes:
        path: The folder of the model, as the library ``transformers`` saves it.
        pooling: ``"mean"``, ``"cls"``, ``"max"`` or ``"weighted"``.
        normalize: Whether vectors get length one.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``: what the model computes in. Vectors
            are pooled in float32 whatever this is.
        backend: ``"torch"``, or ``"onnx"`` for ONNX Runtime.
        max_tokens: Tokens after which a text is cut, the special ones included.
        token_weights: For weighted pooling, what each token of the vocabulary counts, shape
            ``(vocabulary,)``, for instance ``token_idf``; None counts the token at position t, from
            1, t times.
        truncated_: How many texts of the last call were cut.
    """

    path: Path
    pooling: str = "mean"
    normalize: bool = True
    dtype: str = "float32"
    backend: str = "torch"
    max_tokens: int = MAX_TOKENS
    token_weights: np.ndarray | None = None
    truncated_: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check_pooling(self.pooling)
        for name, value, known in (
            ("dtype", self.dtype, _DTYPES),
            ("backend", self.backend, _BACKENDS),
        ):
            if value not in known:
                raise ValueError(f"{name} is {value!r}: use one of {', '.join(known)}.")
        if self.backend == "onnx" and self.dtype != "float32":
            raise ValueError(
                f"The ONNX backend computes in float32, but dtype is {self.dtype}: leave dtype as "
                "it is, or take the torch backend."
            )
        if self.token_weights is not None and self.pooling != "weighted":
            raise ValueError(
                f"There are token_weights, but pooling is {self.pooling!r}, which has no use for "
                "them: set pooling='weighted'."
            )
        most = most_tokens(self.path)
        if self.max_tokens < 3 or (most is not None and self.max_tokens > most):
            raise ValueError(
                f"max_tokens is {self.max_tokens}: use at least 3, for two of them are special, "
                f"and at most the {most or 'number of'} positions that the model has."
            )

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        *,
        pooling: str = "mean",
        normalize: bool = True,
        dtype: str = "float32",
        backend: str = "torch",
        max_tokens: int = MAX_TOKENS,
        revision: str | None = None,
        token_weights: np.ndarray | None = None,
    ) -> Self:
        """Return an encoder; no weights are loaded yet.

        Args:
            name_or_path: The folder of the model, or its name on the Hugging Face Hub (where that
                can be reached, or was before); None takes all-MiniLM-L6-v2, fetched the first time.
            pooling: See the attributes.
            normalize: See the attributes.
            dtype: See the attributes.
            backend: See the attributes.
            max_tokens: See the attributes.
            revision: Branch, tag or commit of a name on the Hub.
            token_weights: See the attributes.

        Returns:
            The encoder.

        Raises:
            ValueError: If there is no such model, its folder lacks something, or a setting is
                unknown.
        """
        folder = find_model(name_or_path, revision)
        return cls(folder, pooling, normalize, dtype, backend, max_tokens, token_weights)

    def encode(
        self,
        texts: Sequence[str],
        batch_size: int = 32,
        cache: bool = True,
        progress: bool = False,
    ) -> np.ndarray:
        """Encode texts.

        Only texts that the cache does not hold go through the model, each different one once.

        Args:
            texts: The texts.
            batch_size: Texts that go through the model together.
            cache: Whether to look into the cache folder, and to keep the result there.
            progress: Whether to show a bar, on a terminal or in a notebook.

        Returns:
            One vector a text, shape ``(len(texts), width)``, float32.

        Raises:
            ValueError: If ``texts`` is one string, an entry is not a string, or a vector comes out
                that is not finite.
        """
        texts = _checked(texts)
        store = VectorCache(cache_dir() / "vectors", self._key) if cache else None
        entries = store.read() if store else None
        names = name_texts(texts)
        rows = np.full(len(texts), -1) if entries is None else entries.rows(names)
        if entries is None or (rows < 0).any():
            new = self._encode_new(texts, names, np.flatnonzero(rows < 0), batch_size, progress)
            if store and len(new.names):
                store.add(new)
            entries = new if entries is None else merge([entries, new])
            rows = entries.rows(names)
        self._report(entries.tokens[rows])
        return entries.vectors[rows]

    def tokenize(self, texts: Sequence[str]) -> tuple[list[list[int]], np.ndarray]:
        """Turn texts into token ids, the special tokens included, and cut the long ones.

        Args:
            texts: The texts.

        Returns:
            The ids of each text, and how many there were before cutting, shape ``(len(texts),)``.
        """
        limit = {"truncation": True, "max_length": self.max_tokens}
        texts = list(texts)
        ids = self._tokenizer(texts, **limit)["input_ids"] if texts else []
        counts = np.array([len(row) for row in ids], dtype=np.int64)
        full = np.flatnonzero(counts == self.max_tokens)
        if len(full):  # cut, or just as long as the limit
            whole = self._tokenizer([texts[row] for row in full], verbose=False)["input_ids"]
            counts[full] = [len(row) for row in whole]
        return ids, counts

    def hidden_states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Run the model.

        Args:
            ids: Token ids, shape ``(batch, tokens)``.
            mask: 1 for a token and 0 for padding, of the same shape.

        Returns:
            One vector a token, float32, shape ``(batch, tokens, width)``.
        """
        with torch.inference_mode():
            return self._model(ids, mask).float()

    @cached_property
    def _tokenizer(self) -> PreTrainedTokenizerBase:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.path)

    @cached_property
    def _model(self) -> HiddenStates:
        """The weights, behind one function."""
        if self.backend == "onnx":
            return load_onnx(self.path)
        return load_torch(self.path, getattr(torch, self.dtype))

    @cached_property
    def _key(self) -> bytes:
        """Everything but the text that a vector depends on."""
        settings = (self.pooling, self.normalize, self.dtype, self.backend, self.max_tokens)
        weights = b"" if self.token_weights is None else np.asarray(self.token_weights).tobytes()
        model = fingerprint(self.path, cache_dir() / "vectors")
        return b"\0".join([_VERSION, model, repr(settings).encode(), weights])

    def _encode_new(
        self, texts: list[str], names: np.ndarray, rows: np.ndarray, batch_size: int, progress: bool
    ) -> Entries:
        """Encode the texts in some rows, each different one once."""
        different, first = np.unique(names[rows], axis=0, return_index=True)
        in_order = np.sort(first)
        vectors, tokens = self._compute(
            [texts[row] for row in rows[in_order]], batch_size, progress
        )
        _refuse_not_finite(vectors, [texts[row] for row in rows[in_order]], self.dtype)
        place = np.searchsorted(in_order, first)
        return Entries(different, tokens[place], vectors[place])

    def _compute(
        self, texts: list[str], batch_size: int, progress: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run the model over texts, the long ones together and the short ones together."""
        if not texts:
            return np.empty((0, self._width), dtype=np.float32), np.empty(0, dtype=np.int64)
        ids, counts = self.tokenize(texts)
        order = sorted(range(len(ids)), key=lambda row: (-len(ids[row]), row))
        starts = range(0, len(ids), batch_size)
        vectors = np.empty((len(ids), self._width), dtype=np.float32)
        for start in tqdm(starts, "encoding", disable=None if progress else True, unit="batch"):
            rows = order[start : start + batch_size]
            batch, mask = pad_tokens([ids[row] for row in rows], self._tokenizer.pad_token_id or 0)
            vectors[rows] = self._pooled(batch, mask).numpy()
        return vectors, counts

    @property
    def _width(self) -> int:
        """Width of the vectors."""
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self.path).hidden_size

    def _pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        weights = None if self.token_weights is None else torch.as_tensor(self.token_weights)[ids]
        vectors = pool(self.hidden_states(ids, mask), mask, self.pooling, weights)
        return torch.nn.functional.normalize(vectors) if self.normalize else vectors

    def _report(self, tokens: np.ndarray) -> None:
        """Count the texts that were cut, and say so."""
        cut = int((tokens > self.max_tokens).sum())
        object.__setattr__(self, "truncated_", cut)
        if cut:
            warnings.warn(
                f"{cut} of {len(tokens)} texts have more than {self.max_tokens} tokens and were "
                "cut at the end: raise max_tokens, or split them.",
                stacklevel=3,
            )


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


def _refuse_not_finite(vectors: np.ndarray, texts: list[str], dtype: str) -> None:
    """Raise if a vector cannot be used, before it is kept."""
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise ValueError(
            f"The vector of the text {texts[bad[0]][:60]!r} is not finite, and so it is for "
            f"{len(bad)} in all: compute in float32 instead of {dtype}, or check the weights."
        )
