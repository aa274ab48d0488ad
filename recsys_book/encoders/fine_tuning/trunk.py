"""The lower layers of an encoder, run once: what never changes need not be computed again."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.data import encoder_path
from recsys_book.encoders.pooling import masked_mean
from recsys_book.encoders.transformer import Transformer


def tokenize(
    texts: Sequence[str], path: str | Path | None = None, max_tokens: int = 64
) -> list[list[int]]:
    """Turn texts into the ids of their word pieces, the two special ones included.

    Args:
        texts: The texts; what is beyond ``max_tokens`` is cut.
        path: The folder of the encoder; None takes all-MiniLM-L6-v2.
        max_tokens: The most ids a text may have.

    Returns:
        One list of ids a text.
    """
    from tokenizers import Tokenizer  # transformers' own engine, without its import of seconds

    folder = encoder_path() if path is None else Path(path)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


class Top(nn.Module):
    """The upper blocks of an encoder, then the mean over the tokens, at length one.

    Args:
        blocks: The blocks, from the lowest to the last; none is allowed.
    """

    def __init__(self, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.blocks = blocks

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return one vector a text.

        Args:
            hidden: What enters the lowest of the blocks, shape ``(batch, tokens, width)``.
            mask: True for a token, shape ``(batch, tokens)``.

        Returns:
            Vectors of length one, shape ``(batch, width)``.
        """
        for block in self.blocks:
            hidden, _ = block(hidden, mask[:, None, None, :])
        return functional.normalize(masked_mean(hidden, mask))


@dataclass(frozen=True, eq=False)
class Trunk:
    """Texts as they leave the frozen lower blocks, and the upper blocks that may be trained.

    Training the top of a network repeats the same forward pass through its bottom in every epoch,
    with the same result. Here that is done once.

    Attributes:
        hidden: Hidden states that enter the upper blocks, zeros after a text's end, shape
            ``(n, tokens, width)``.
        lengths: Tokens of each text, shape ``(n,)``, int64.
        blocks: The pretrained upper blocks; ``top`` copies them.
    """

    hidden: Tensor
    lengths: np.ndarray
    blocks: nn.ModuleList

    @classmethod
    def of(
        cls,
        encoder: Transformer,
        ids: Sequence[Sequence[int]],
        layer: int,
        batch_size: int = 64,
    ) -> Trunk:
        """Run texts through the lower blocks.

        Args:
            encoder: A pretrained encoder whose blocks normalise after the sum, as BERT's do.
            ids: Token ids of each text.
            layer: How many blocks belong to the trunk: 0 caches the embeddings alone, and the
                number of blocks leaves none to train.
            batch_size: Texts that go through the encoder together.

        Returns:
            The trunk.

        Raises:
            ValueError: If the encoder has fewer blocks, there is no text, or a text has no token.
        """
        blocks = len(encoder.blocks)
        if not 0 <= layer <= blocks:
            raise ValueError(
                f"layer is {layer}, but the encoder has {blocks} blocks: give 0 to {blocks}."
            )
        lengths = np.array([len(row) for row in ids], dtype=np.int64)
        if not len(lengths) or not lengths.min():
            raise ValueError(
                "There is no text, or a text without a token: pass the ids that tokenize returns."
            )
        encoder = copy.deepcopy(encoder).requires_grad_(False).eval()
        upper = encoder.blocks[layer:]
        encoder.blocks = encoder.blocks[:layer]
        hidden = torch.zeros(len(lengths), int(lengths.max()), encoder.config.width)
        for rows in by_length(np.arange(len(lengths)), lengths, batch_size):
            tokens, mask = _padded([ids[row] for row in rows])
            with torch.no_grad():
                states = encoder(tokens, mask)
            hidden[rows, : tokens.shape[1]] = states * mask.unsqueeze(-1)
        return cls(hidden, lengths, upper)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.lengths)

    @property
    def width(self) -> int:
        """Width of the vectors."""
        return self.hidden.shape[2]

    def to(self, device: str | torch.device) -> Trunk:
        """Return the trunk on a device.

        Args:
            device: For instance ``"cuda"``.

        Returns:
            A trunk whose hidden states and blocks are there.
        """
        return Trunk(self.hidden.to(device), self.lengths, copy.deepcopy(self.blocks).to(device))

    def top(self) -> Top:
        """Return a trainable copy of the upper blocks, as they were pretrained."""
        return Top(copy.deepcopy(self.blocks).requires_grad_(True))

    @cached_property
    def pretrained(self) -> np.ndarray:
        """The vectors before any training, shape ``(n, width)``, float32."""
        return self.vectors(self.top())

    def inputs(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return what a top reads for some texts, without columns that are all padding.

        Args:
            rows: Positions of the texts, shape ``(batch,)``.

        Returns:
            Hidden states ``(batch, tokens, width)`` and the mask ``(batch, tokens)``.
        """
        lengths = torch.as_tensor(self.lengths[rows], device=self.hidden.device)
        tokens = int(lengths.max())
        mask = torch.arange(tokens, device=lengths.device) < lengths[:, None]
        return self.hidden[torch.as_tensor(rows), :tokens], mask

    @torch.no_grad()
    def vectors(
        self, top: nn.Module, items: np.ndarray | None = None, batch_size: int = 64
    ) -> np.ndarray:
        """Return the vectors of texts.

        Args:
            top: What ``top`` returned, trained or not.
            items: Positions of the texts, shape ``(m,)``; None takes all.
            batch_size: Texts that go through it together.

        Returns:
            Shape ``(m, width)``, float32.
        """
        items = np.arange(len(self)) if items is None else np.asarray(items)
        out = np.zeros((len(items), self.width), dtype=np.float32)
        for places in by_length(np.arange(len(items)), self.lengths[items], batch_size):
            out[places] = top(*self.inputs(items[places])).float().cpu().numpy()
        return out

    def batches(self, rows: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
        """Yield one epoch: random batches of texts of similar length, in random order.

        Rows are shuffled and cut into groups of eight batches; inside a group they are sorted by
        length, so that little padding is computed, and the batches stay random enough.

        Args:
            rows: Positions of the texts, shape ``(n,)``.
            size: Texts in a batch.
            seed: Of the order.

        Yields:
            Positions, shape ``(batch,)``.
        """
        rng = np.random.default_rng(seed)
        rows, group = rng.permutation(rows), 8 * size
        made = []
        for start in range(0, len(rows), group):
            made += list(by_length(rows[start : start + group], self.lengths, size))
        for index in rng.permutation(len(made)):
            yield made[index]


@torch.no_grad()
def interpolate(pretrained: nn.Module, trained: nn.Module, share: float) -> nn.Module:
    """Go a part of the way from pretrained weights to trained ones.

    Source: Wortsman et al. (2022), "Robust Fine-Tuning of Zero-Shot Models", section 3.

    Equation: eq-weight-interpolation.

    Args:
        pretrained: The module before training; it is not changed.
        trained: The same module after it.
        share: 0 is the one, 1 is the other.

    Returns:
        A new module.

    Raises:
        ValueError: If the two have different parameters, as after an insertion.
    """
    middle, goal = copy.deepcopy(pretrained), dict(trained.named_parameters())
    if goal.keys() != dict(middle.named_parameters()).keys():
        raise ValueError(
            "The trained module has other parameters than the pretrained one: merge what was "
            "inserted before, or interpolate the inserted update itself."
        )
    for name, param in middle.named_parameters():
        param.lerp_(goal[name], share)
    return middle


def by_length(rows: np.ndarray, lengths: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield batches of rows, the short texts together and the long ones together.

    Args:
        rows: Positions of texts, shape ``(n,)``.
        lengths: Tokens of every text.
        size: Rows in a batch.

    Yields:
        Positions, shape ``(batch,)``.
    """
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _padded(ids: list[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return ids with zeros after each text's end, and the mask of what is text."""
    lengths = torch.tensor([len(row) for row in ids])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    tokens = torch.zeros(mask.shape, dtype=torch.long)
    tokens[mask] = torch.tensor([token for row in ids for token in row])
    return tokens, mask
