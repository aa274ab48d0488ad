"""Fine-tuning a real language model for a few steps: tell one genre from a film's title."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Batch = tuple[dict[str, Tensor], Tensor]


class TitleClassifier(nn.Module):
    """A pretrained encoder, the mean of its last layer over the tokens, and a new linear head.

    Args:
        path: Folder of a Hugging Face encoder.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.encoder = AutoModel.from_pretrained(path)
        for module in self.encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # dropout would draw from the global generator
        self.encoder.embeddings.requires_grad_(False)
        self.head = nn.Linear(self.encoder.config.hidden_size, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def vectors(self, tokens: dict[str, Tensor]) -> Tensor:
        """Return the mean vector of each text, shape ``(batch, width)``."""
        hidden = self.encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1)
        return (hidden * mask).sum(1) / mask.sum(1)

    def forward(self, tokens: dict[str, Tensor]) -> Tensor:
        """Return a logit a text, shape ``(batch,)``."""
        return self.head(self.vectors(tokens)).squeeze(-1)


def mean_cosine(vectors: Tensor) -> float:
    """Return the mean cosine between different rows: 1 if all point the same way.

    Args:
        vectors: Shape ``(n, width)``, two rows or more.

    Returns:
        A number in [-1, 1].
    """
    unit = functional.normalize(vectors, dim=1)
    n = len(unit)
    return ((unit @ unit.T).sum().item() - n) / (n * (n - 1))


@dataclass(eq=False)
class FineTuningProblem:
    """Say from a title whether the film has a label; an epoch is a few batches.

    The word embeddings stay as they are, which saves half of the time of a step.

    Attributes:
        texts: The titles.
        labels: 0 or 1 for each, shape ``(n,)``.
        path: Folder of a Hugging Face encoder, as ``encoder_path`` returns it.
        steps: Batches in an epoch.
        batch_size: Titles in a batch.
        n_valid: Titles to validate on; the others are trained on.
        max_tokens: Longer titles are cut.
        seed: Of the cut into training and validation.
    """

    texts: Sequence[str]
    labels: np.ndarray
    path: Path
    steps: int = 16
    batch_size: int = 8
    n_valid: int = 64
    max_tokens: int = 16
    seed: int = 0
    valid: Batch = field(init=False)

    def __post_init__(self) -> None:
        """Cut the titles, and turn the validation part into tokens."""
        from transformers import AutoTokenizer

        if len(self.texts) != len(self.labels) or len(self.texts) <= self.n_valid:
            raise ValueError(
                f"There are {len(self.texts)} texts and {len(self.labels)} labels, but as many of "
                f"each are needed, and more than the {self.n_valid} to validate on."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._tokenizer = AutoTokenizer.from_pretrained(self.path)
        order = np.random.default_rng(self.seed).permutation(len(self.texts))
        self._train = order[self.n_valid :]
        self.valid = self._batch(order[: self.n_valid])

    def _batch(self, rows: np.ndarray) -> Batch:
        """Return tokens and labels of some titles."""
        tokens = self._tokenizer(
            [self.texts[row] for row in rows],
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
        )
        labels = torch.as_tensor(np.asarray(self.labels)[rows], dtype=torch.float32)
        return dict(tokens), labels

    @property
    def base_loss(self) -> float:
        """Validation loss of always predicting the share of the training labels, in nats."""
        share = torch.tensor(float(np.asarray(self.labels)[self._train].mean()))
        labels = self.valid[1]
        return functional.binary_cross_entropy(share.expand(len(labels)), labels).item()

    def model(self, seed: int) -> TitleClassifier:
        """Return the pretrained encoder with a head of zeros; the seed changes nothing."""
        return TitleClassifier(self.path)

    def batches(self, seed: int) -> Iterator[Batch]:
        """Yield one epoch: tokens and labels of random titles."""
        rng = np.random.default_rng(seed)
        for rows in rng.permutation(self._train)[: self.steps * self.batch_size].reshape(
            -1, self.batch_size
        ):
            yield self._batch(rows)

    def loss(self, model: TitleClassifier, batch: Batch) -> Tensor:
        """Return the cross-entropy of a batch, 0-dimensional, in nats."""
        return functional.binary_cross_entropy_with_logits(model(batch[0]), batch[1])

    @torch.no_grad()
    def validate(self, model: TitleClassifier) -> float:
        """Return the cross-entropy of the held-out titles, in nats."""
        return self.loss(model, self.valid).item()

    @torch.no_grad()
    def cosine(self, model: TitleClassifier) -> float:
        """Return the mean cosine between the vectors of different held-out titles."""
        return mean_cosine(model.vectors(self.valid[0]))
