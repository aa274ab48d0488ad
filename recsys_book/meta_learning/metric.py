"""Metric-based learners: a query is answered by the support items that it resembles."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recsys_book.meta_learning.amortised import Amortised, Reader
from recsys_book.meta_learning.functional import Params
from recsys_book.meta_learning.tasks import TaskBatch, masked_mean, masked_mse


def prototypes(
    embedded: Tensor, y: Tensor, mask: Tensor, prior: Tensor, strength: Tensor
) -> Tensor:
    """Return the middle of each class's support rows, drawn towards a prior by a few rows' weight.

    With a strength of 0 these are the means of prototypical networks, and a class without rows
    has none (NaN).

    Source: Snell, Swersky & Zemel (2017), equation 1, for strength 0.

    Equation: eq-prototypes.

    Args:
        embedded: Embedded support rows, shape (T, S, e).
        y: Their classes, whole numbers from 0, shape (T, S).
        mask: 1.0 where a row is real, shape (T, S).
        prior: What all tasks think of each class, shape (C, e).
        strength: How many rows that opinion counts, at least 0, shape ().

    Returns:
        Shape (T, C, e).
    """
    member = (y[..., None] == torch.arange(len(prior))).to(embedded.dtype) * mask[..., None]
    total = member.transpose(1, 2) @ embedded
    return (strength * prior + total) / (strength + member.sum(1)[..., None])


def class_scores(embedded: Tensor, centres: Tensor) -> Tensor:
    """Return minus the squared distance of queries to prototypes: the logits of the classes.

    Equation: eq-prototype-class.

    Args:
        embedded: Embedded queries, shape (T, Q, e).
        centres: Shape (T, C, e).

    Returns:
        Shape (T, Q, C).
    """
    return -(embedded[:, :, None] - centres[:, None]).square().sum(-1)


class PrototypeReader(Reader):
    """Prototypes of classes, for instance of the films that a user liked and disliked.

    Equations: eq-prototypes, eq-prototype-class.

    Args:
        embed: From rows (..., d) to points (..., e).
        points: The width e.
        classes: Number of classes.
        strength: Where the learned weight of the prior begins, in rows; None for no prior.
    """

    def __init__(
        self, embed: nn.Module, points: int, classes: int = 2, strength: float | None = 1.0
    ) -> None:
        super().__init__()
        if strength is not None and not strength > 0:
            raise ValueError(f"strength is {strength}; pass a number above 0, or None.")
        self.embed, dtype = embed, next(embed.parameters()).dtype
        learned = strength is not None
        zeros = torch.zeros(classes, points, dtype=dtype)
        self.prior = nn.Parameter(zeros, requires_grad=learned)
        first = torch.tensor(strength if learned else 0.0, dtype=dtype).log()
        self.log_strength = nn.Parameter(first, requires_grad=learned)

    def read(self, x: Tensor, y: Tensor, mask: Tensor) -> Params:
        """Return the prototypes of every task."""
        strength = self.log_strength.exp()
        return {"centres": prototypes(self.embed(x), y, mask, self.prior, strength)}

    def answer(self, x: Tensor, state: Params) -> Tensor:
        """Return the logits of the classes, shape (T, Q, C)."""
        return class_scores(self.embed(x), state["centres"])


class Prototypes(Amortised):
    """Prototypical networks: the nearest prototype names the class.

    Source: Snell, Swersky & Zemel (2017).

    Args:
        modules: A ``PrototypeReader``, or one a run.
    """

    def __init__(self, modules: nn.Module | list[nn.Module]) -> None:
        super().__init__(modules, masked_cross_entropy)

    def adapt(self, batch: TaskBatch) -> Params:
        """Return the prototypes of every task.

        Args:
            batch: The tasks; targets are classes.

        Raises:
            ValueError: If there is no prior and a task's support lacks a class; it names the task.
        """
        state = super().adapt(batch)
        missing = torch.isnan(state["centres"].detach()).any(-1)
        if missing.any():
            task, label = missing.nonzero()[0].tolist()
            raise ValueError(
                f"{batch.name(task)} has no usable support row of class {label}, so the class has "
                "no prototype; give the reader a prior (strength=1.0) or drop the task."
            )
        return state

    def probabilities(self, batch: TaskBatch) -> Tensor:
        """Return the probability of each class for every query, shape (T, Q, C)."""
        return self.predict(batch).softmax(-1)


class MatchingReader(Reader):
    """A query's answer is a mean of the support's targets, weighted by likeness.

    One more row, of target 0 and a learned likeness, stands for all that is not in the support;
    it draws the answer to 0 when nothing is alike, and makes an empty support harmless.

    Source: Vinyals, Blundell, Lillicrap, Kavukcuoglu & Wierstra (2016), section 2.1, without the
    extra row.

    Equation: eq-matching.

    Args:
        embed: From rows (..., d) to points (..., e).
        sharpness: Where the learned factor of the cosine begins.
    """

    def __init__(self, embed: nn.Module, sharpness: float = 3.0) -> None:
        super().__init__()
        self.embed, dtype = embed, next(embed.parameters()).dtype
        self.sharpness = nn.Parameter(torch.tensor(float(sharpness), dtype=dtype))
        self.nobody = nn.Parameter(torch.tensor(0.0, dtype=dtype))

    def read(self, x: Tensor, y: Tensor, mask: Tensor) -> Params:
        """Keep the embedded support rows and their targets."""
        return {"points": nn.functional.normalize(self.embed(x), dim=-1), "y": y, "mask": mask}

    def answer(self, x: Tensor, state: Params) -> Tensor:
        """Average the targets by likeness."""
        asked = nn.functional.normalize(self.embed(x), dim=-1)
        alike = self.sharpness * asked @ state["points"].transpose(1, 2)
        alike = alike.masked_fill(state["mask"][:, None] == 0, -torch.inf)
        nobody = self.nobody.expand(*alike.shape[:2], 1)
        weights = torch.cat([nobody, alike], -1).softmax(-1)[..., 1:]
        return (weights * state["y"][:, None]).sum(-1)


class Matching(Amortised):
    """Matching networks for numbers, such as ratings.

    Args:
        modules: A ``MatchingReader``, or one a run.
    """

    def __init__(self, modules: nn.Module | list[nn.Module]) -> None:
        super().__init__(modules, masked_mse)


def masked_cross_entropy(logits: Tensor, classes: Tensor, mask: Tensor) -> Tensor:
    """Return the mean cross-entropy over the real rows of each task.

    Args:
        logits: Shape (T, n, C).
        classes: Whole numbers from 0, shape (T, n).
        mask: 1.0 where a row is real, shape (T, n).

    Returns:
        Shape (T,).
    """
    chosen = logits.log_softmax(-1).gather(-1, classes.long()[..., None])[..., 0]
    return masked_mean(-chosen, mask)
