"""A residual quantiser whose space is learned: the RQ-VAE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.encoders.layers import Linear
from recsys_book.encoders.residual_quantisation import checked_vectors, kmeans

__all__ = ["RQVAE", "RQVAEProblem", "straight_through"]


def straight_through(z: Tensor, quantised: Tensor) -> Tensor:
    """Return the quantised vectors, with the gradient of the vectors that were quantised.

    Equation: eq-straight-through.

    Source: Bengio, Léonard and Courville (2013); van den Oord et al. (2017), section 3.2.

    Args:
        z: What the encoder gave, shape ``(n, width)``.
        quantised: The code words in its place, shape ``(n, width)``.

    Returns:
        Numerically ``quantised``; its derivative with respect to ``z`` is the identity.
    """
    return z + (quantised - z).detach()


class RQVAE(nn.Module):
    """An encoder, a residual quantiser, and a decoder that must do with the digits.

    Source: Zeghidour et al. (2021), "SoundStream"; Lee et al. (2022), RQ-VAE; as in Rajput et al.
    (2023), section 3.1.

    Args:
        width: Width of the vectors.
        latent: Width of the space that is quantised.
        hidden: Width of the one hidden layer of encoder and decoder.
        levels: Number of digits.
        codes: Number of code words of every level.
        commitment: Weight of the commitment loss.
        generator: Where the first weights come from; None is one with seed 0.

    Attributes:
        codebooks: Code words, shape ``(levels, codes, latent)``.
    """

    def __init__(
        self,
        width: int,
        latent: int = 16,
        hidden: int = 64,
        levels: int = 2,
        codes: int = 32,
        commitment: float = 0.25,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.encoder = _perceptron(width, hidden, latent, generator)
        self.decoder = _perceptron(latent, hidden, width, generator)
        words = torch.randn(levels, codes, latent, generator=generator)
        self.codebooks = nn.Parameter(words)
        self.commitment = commitment

    def quantise(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Write latent vectors as digits.

        Args:
            z: Shape ``(n, latent)``.

        Returns:
            The sum of the code words, shape ``(n, latent)``; the digits, shape ``(n, levels)``;
            and the codebook and commitment losses of all levels, 0-dimensional.
        """
        rest, total, digits, loss = z, torch.zeros_like(z), [], z.new_zeros(())
        for words in self.codebooks:
            digit = torch.cdist(rest.detach(), words.detach()).argmin(dim=1)
            word = words[digit]
            pull_words = (rest.detach() - word).square().sum(dim=1).mean()
            pull_encoder = (rest - word.detach()).square().sum(dim=1).mean()
            loss = loss + pull_words + self.commitment * pull_encoder
            rest, total = rest - word.detach(), total + word
            digits.append(digit)
        return total, torch.stack(digits, dim=1), loss

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the decoded vectors, the digits and the quantiser's losses.

        Args:
            x: Vectors, shape ``(n, width)``.
        """
        z = self.encoder(x)
        quantised, digits, loss = self.quantise(z)
        return self.decoder(straight_through(z, quantised)), digits, loss

    def loss(self, x: Tensor) -> Tensor:
        """Return reconstruction, codebook and commitment loss together, 0-dimensional.

        Equation: eq-rqvae-loss.

        Args:
            x: Vectors, shape ``(n, width)``.
        """
        decoded, _, quantiser = self(x)
        return (x - decoded).square().sum(dim=1).mean() + quantiser

    @torch.no_grad()
    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Write vectors as digits.

        Args:
            vectors: Shape ``(n, width)``.

        Returns:
            Digits, int64, shape ``(n, levels)``.
        """
        return self(torch.as_tensor(vectors, dtype=torch.float32))[1].numpy()

    @torch.no_grad()
    def start_from_kmeans(self, x: Tensor, seed: int = 0) -> None:
        """Place the code words where the encoder's vectors are.

        Args:
            x: Vectors, shape ``(n, width)``, at least as many as code words of a level.
            seed: Of the clusterings.
        """
        rest = self.encoder(x).double().numpy()
        for level in range(len(self.codebooks)):
            words, members = kmeans(rest, self.codebooks.shape[1], seed=seed + level, max_iter=20)
            self.codebooks[level] = torch.from_numpy(words).float()
            rest = rest - words[members]

    @torch.no_grad()
    def usage(self, x: Tensor) -> Tensor:
        """Count how many vectors use each code word, shape ``(levels, codes)``."""
        digits = self(x)[1]
        return torch.stack([torch.bincount(d, minlength=self.codebooks.shape[1]) for d in digits.T])

    @torch.no_grad()
    def revive(self, x: Tensor, seed: int = 0) -> int:
        """Move code words that no vector uses onto rests of random vectors.

        Source: Zeghidour et al. (2021), section III-C.

        Args:
            x: Vectors, shape ``(n, width)``.
            seed: Of the draw.

        Returns:
            How many code words were dead.
        """
        generator, dead = torch.Generator().manual_seed(seed), 0
        rest = self.encoder(x)
        for words in self.codebooks:
            digit = torch.cdist(rest, words).argmin(dim=1)
            empty = torch.bincount(digit, minlength=len(words)) == 0
            chosen = torch.randint(len(rest), (int(empty.sum()),), generator=generator)
            words[empty] = rest[chosen]
            dead += len(chosen)
            rest = rest - words[torch.cdist(rest, words).argmin(dim=1)]
        return dead


def _perceptron(inputs: int, hidden: int, outputs: int, generator: torch.Generator) -> nn.Module:
    """Return two linear layers with a bend between them."""
    return nn.Sequential(
        Linear(inputs, hidden, generator), nn.ReLU(), Linear(hidden, outputs, generator)
    )


@dataclass(eq=False)
class RQVAEProblem:
    """Rebuild item vectors from their digits; what ``optimizers.train`` trains on.

    Attributes:
        vectors: One a row, shape ``(n, width)``.
        settings: Further arguments of ``RQVAE``.
        batch_size: Vectors in a batch.
        n_valid: Vectors to validate on; the others are trained on.
        kmeans_start: Whether the code words begin at cluster means; else at random.
        seed: Of the cut into training and validation.
    """

    vectors: np.ndarray
    settings: dict = field(default_factory=dict)
    batch_size: int = 128
    n_valid: int = 200
    kmeans_start: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Cut the vectors."""
        if not 0 < self.n_valid < len(self.vectors):
            raise ValueError(
                f"n_valid is {self.n_valid} of {len(self.vectors)} vectors: leave some for both "
                "sides."
            )
        order = np.random.default_rng(self.seed).permutation(len(self.vectors))
        x = torch.as_tensor(checked_vectors(self.vectors), dtype=torch.float32)
        self.valid, self.train = x[order[: self.n_valid]], x[order[self.n_valid :]]

    def model(self, seed: int) -> RQVAE:
        """Return a model with fresh weights drawn from a seed."""
        generator = torch.Generator().manual_seed(seed)
        model = RQVAE(self.train.shape[1], generator=generator, **self.settings)
        if self.kmeans_start:
            model.start_from_kmeans(self.train, seed)
        return model

    def batches(self, seed: int) -> Iterator[Tensor]:
        """Yield one epoch of vectors in an order drawn from the seed."""
        order = torch.randperm(len(self.train), generator=torch.Generator().manual_seed(seed))
        yield from self.train[order].split(self.batch_size)

    def loss(self, model: RQVAE, batch: Tensor) -> Tensor:
        """Return the loss of a batch, 0-dimensional."""
        return model.loss(batch)

    @torch.no_grad()
    def validate(self, model: RQVAE) -> float:
        """Return the mean squared error of the held-out vectors, rebuilt from their digits."""
        return float((self.valid - model(self.valid)[0]).square().sum(dim=1).mean())
