"""Autoencoders of whole histories: Mult-VAE and Mult-DAE for unary feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.optimizers import Dropout
from recsys_book.optimizers.problems.tables import linear
from recsys_book.recommenders.history import HistoryRecommender, history_weights
from recsys_book.recommenders.neural.training import (
    UserRows,
    check_settings,
    dense_rows,
    fit_network,
    multinomial_loss,
)

if TYPE_CHECKING:
    from recsys_book.data import Interactions


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of diagonal Gaussians from the standard one, in nats.

    Equation: eq-gaussian-kl

    Args:
        mean: Means, shape ``(batch, latent)``.
        log_variance: Logarithms of the variances, shape ``(batch, latent)``.

    Returns:
        One divergence a row, at least 0, shape ``(batch,)``.
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)


def multvae_loss(
    logits: Tensor, rows: Tensor, mean: Tensor, log_variance: Tensor, beta: float
) -> Tensor:
    """Return minus the bound that Mult-VAE maximises, with a weight on the divergence.

    Source: Liang et al. (2018), "Variational Autoencoders for Collaborative Filtering", WWW.

    Equation: eq-multvae-elbo

    Args:
        logits: Scores of all items after decoding, shape ``(batch, n_items)``.
        rows: What each user took, shape ``(batch, n_items)``.
        mean: Means of the codes, shape ``(batch, latent)``.
        log_variance: Logarithms of their variances, shape ``(batch, latent)``.
        beta: Weight of the divergence; 1 gives the bound itself.

    Returns:
        The mean over the users, 0-dimensional, in nats.
    """
    return multinomial_loss(logits, rows) + beta * gaussian_kl(mean, log_variance).mean()


class HistoryAutoencoder(nn.Module):
    """Squeeze a history through a code and score all items from the code.

    Args:
        n_items: Number of items.
        hidden: Width of the layer on either side of the code.
        latent: Width of the code.
        dropout: Share of the input that is dropped in training.
        variational: Whether the code is drawn from a Gaussian in training.
        generator: Of the first weights.
        seed: Of dropped inputs and drawn codes.
    """

    def __init__(
        self,
        n_items: int,
        hidden: int,
        latent: int,
        dropout: float,
        variational: bool,
        generator: torch.Generator,
        seed: int,
    ) -> None:
        super().__init__()
        self.latent, self.variational, self.seed = latent, variational, seed
        self.drop = Dropout(dropout, seed)
        self.encode = linear(n_items, hidden, generator)
        self.code = linear(hidden, latent * (2 if variational else 1), generator)
        self.decode = linear(latent, hidden, generator)
        self.output = linear(hidden, n_items, generator)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode and decode.

        Args:
            rows: Histories, shape ``(batch, n_items)``.

        Returns:
            Scores of all items, shape ``(batch, n_items)``; means of the codes and logarithms of
            their variances, both of shape ``(batch, latent)``.
        """
        x = self.drop(functional.normalize(rows, dim=1))
        code = self.code(torch.tanh(self.encode(x)))
        mean = code[:, : self.latent]
        log_variance = code[:, self.latent :] if self.variational else torch.zeros_like(mean)
        z = mean
        if self.training and self.variational:
            noise = torch.randn(mean.shape, generator=self.drop.generator)
            z = mean + torch.exp(0.5 * log_variance) * noise
        return self.output(torch.tanh(self.decode(z))), mean, log_variance


@dataclass(eq=False)
class HistoryProblem(UserRows):
    """Rebuild the histories of users from themselves.

    Attributes:
        make: From a seed to a fresh network.
        beta: Weight of the divergence at the end of the annealing.
        anneal: Steps in which the weight grows from 0; 0 starts with the whole.
        weights: Weight of the divergence at each step so far.
    """

    make: object
    beta: float
    anneal: int

    def model(self, seed: int) -> HistoryAutoencoder:
        """Return a network with fresh weights drawn from a seed, and start the annealing."""
        self.weights: list[float] = []
        return self.make(seed)

    def loss(self, model: HistoryAutoencoder, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of a batch of users, 0-dimensional, in nats."""
        _, rows = batch
        logits, mean, log_variance = model(rows)
        if not model.variational:
            return multinomial_loss(logits, rows)
        self.weights.append(annealed(self.beta, len(self.weights), self.anneal))
        return multvae_loss(logits, rows, mean, log_variance, self.weights[-1])


def annealed(beta: float, step: int, anneal: int) -> float:
    """Return the weight of the divergence: it rises linearly to beta, then stays.

    Args:
        beta: The weight after the annealing.
        step: Number of steps before this one.
        anneal: Steps that the annealing takes; 0 for none.

    Returns:
        The weight of this step.
    """
    return beta * min(1.0, step / anneal) if anneal else beta


class MultVAE(HistoryRecommender):
    """Rebuild a user's history through a random code, with a softmax over all items.

    Nothing belongs to a user: a history is all that is needed for a score, so new users are served
    without training. A user without history gets the popularity of the items. An item never seen in
    training keeps a score close to its first, random weights.

    Source: Liang et al. (2018), "Variational Autoencoders for Collaborative Filtering", WWW.

    Equations: eq-gaussian-kl, eq-multvae-elbo

    Args:
        latent: Width of the code.
        hidden: Width of the layers beside the code.
        dropout: Share of the input that is dropped in training.
        beta: Weight of the divergence after the annealing.
        anneal: Share of the steps in which the weight grows from 0 to beta.
        rate: Learning rate of AdamW.
        l2: Its decoupled weight decay.
        epochs: Passes over the users.
        batch_size: Users in a batch.
        half_life: None, or the number of positions from the end of a history after which an item
            counts half when scores are computed; training weighs all events alike.
        seed: Of weights, order, dropout and codes.

    Attributes:
        network_: The trained autoencoder, in double precision.
        history_: What it reads, sparse (n_users, n_items).
    """

    variational = True

    def __init__(
        self,
        latent: int = 32,
        hidden: int = 200,
        dropout: float = 0.5,
        beta: float = 0.2,
        anneal: float = 0.5,
        rate: float = 0.003,
        l2: float = 0.0,
        epochs: int = 40,
        batch_size: int = 128,
        half_life: float | None = None,
        seed: int = 0,
    ):
        self.latent = latent
        self.hidden = hidden
        self.dropout = dropout
        self.beta = beta
        self.anneal = anneal
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.half_life = half_life
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        check_settings(
            latent=self.latent,
            hidden=self.hidden,
            dropout=self.dropout,
            beta=self.beta,
            anneal=self.anneal,
            rate=self.rate,
            l2=self.l2,
            epochs=self.epochs,
            batch_size=self.batch_size,
            half_life=1.0 if self.half_life is None else self.half_life,
        )
        users, rows = dense_rows(self.seen_)
        steps = self.epochs * -(-len(users) // self.batch_size)
        problem = HistoryProblem(
            users, rows, self.batch_size, self._network, self.beta, int(self.anneal * steps)
        )
        self.network_ = fit_network(problem, self.rate, self.l2, self.epochs, self.seed)
        self.history_ = history_weights(interactions, self.half_life)

    def _network(self, seed: int) -> HistoryAutoencoder:
        return HistoryAutoencoder(
            len(self.items_),
            self.hidden,
            self.latent,
            self.dropout,
            self.variational,
            torch.Generator().manual_seed(seed),
            seed,
        )

    def _score(self, users: np.ndarray) -> np.ndarray:
        return self._decode(self.history_[users])

    def _decode(self, history: sp.csr_matrix) -> np.ndarray:
        with torch.no_grad():
            return self.network_(torch.as_tensor(history.toarray()))[0].numpy()

    def _score_others(self, histories: Interactions) -> np.ndarray:
        return self._decode(history_weights(histories, self.half_life))


class MultDAE(MultVAE):
    """Mult-VAE without the randomness: the code is the mean, and there is no divergence.

    ``beta`` and ``anneal`` have no effect.

    Source: Liang et al. (2018), "Variational Autoencoders for Collaborative Filtering", WWW.
    """

    variational = False
