"""Two of the articles' programs, whole and corrected: text to ranking, and text to rating."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.encoders.layers import Linear
from recsys_book.evaluation import evaluate_ranking, evaluate_ratings
from recsys_book.preprocessing.splitting import Split
from recsys_book.recommenders.base import BaseRecommender
from recsys_book.recommenders.biases import UserItemBias, damped_mean
from recsys_book.recommenders.language.checks import (
    centred_unit_rows,
    text_vectors,
)
from recsys_book.recommenders.language.contrastive import AlphaRec
from recsys_book.recommenders.neural.training import fit_network
from recsys_book.recommenders.settings import check_above_zero, check_at_least_zero

if TYPE_CHECKING:
    from recsys_book.data import Interactions

Encoder = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True, eq=False)
class ProgramReport:
    """What a program gives back.

    Attributes:
        model: The fitted recommender.
        measured: Means over the test users (ranking) or test rows (ratings), by name.
        baseline: The same of the baseline that the program must beat.
    """

    model: BaseRecommender
    measured: dict[str, float]
    baseline: dict[str, float]


def ranking_program(
    split: Split, texts: Sequence[str], encode: Encoder, baseline: BaseRecommender, **settings
) -> ProgramReport:
    """Preprocess, build, train and evaluate a recommender that reads.

    The corrected form of the program of article S0a §5.2 and §5.3. The texts are the items', not
    the users' ids; the encoder stays frozen and runs once; the test side is not touched before the
    last line; the score is a rank metric over the whole catalogue, beside that of a baseline.

    Args:
        split: Training and test events.
        texts: One text an item.
        encode: From texts to vectors.
        baseline: An unfitted recommender to compare with.
        **settings: Of ``AlphaRec``.

    Returns:
        The fitted model and both models' nDCG@10 and recall@10.
    """
    vectors = encode(texts)
    model = AlphaRec(vectors, **settings).fit(split.train)
    measured = [
        evaluate_ranking(m, split).mean()[["ndcg", "recall"]].to_dict()
        for m in (model, baseline.fit(split.train))
    ]
    return ProgramReport(model, *measured)


def rating_program(
    split: Split, texts: Sequence[str], encode: Encoder, **settings
) -> ProgramReport:
    """Preprocess, build, train and evaluate a rating regressor that reads.

    The corrected form of the program of article S0b §5.2 and §5.3. The text describes the item and
    was written before anybody rated it; the user enters the model; the loss is that of the metric;
    the baseline is the user and item biases.

    Args:
        split: Training and test ratings.
        texts: One text an item.
        encode: From texts to vectors.
        **settings: Of ``TextRating``.

    Returns:
        The fitted model and both models' RMSE and MAE.
    """
    model = TextRating(encode(texts), **settings).fit(split.train)
    measured = []
    for one in (model, model.biases_):
        report = evaluate_ratings(one, split)
        measured.append({"rmse": report.rmse, "mae": report.mae})
    return ProgramReport(model, *measured)


class TextRatingNetwork(nn.Module):
    """A rating's residual: a level read from the item's text, and a taste times that text.

    Args:
        vectors: Text vectors, shape ``(n_items, inputs)``.
        n_users: Number of users.
        width: Width of the adapted text and of the users' tastes.
        generator: Where the first weights come from.
    """

    def __init__(
        self, vectors: Tensor, n_users: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.adapt = Linear(vectors.shape[1], width, generator)
        self.level = Linear(width, 1, generator)
        self.taste = nn.Embedding.from_pretrained(torch.zeros(n_users, width), freeze=False)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """Return residuals of pairs, shape ``(batch,)``."""
        read = torch.tanh(self.adapt(self.vectors[item]))
        return (read * self.taste(user)).sum(dim=-1) + self.level(read)[:, 0]


@dataclass(eq=False)
class ResidualProblem:
    """Predict what the biases leave over; what ``optimizers.train`` trains on.

    Attributes:
        user: Shape (n,).
        item: Shape (n,).
        residual: Shape (n,).
        make_model: From a generator to a ``TextRatingNetwork``.
        batch_size: Rows in a batch.
    """

    user: Tensor
    item: Tensor
    residual: Tensor
    make_model: object
    batch_size: int

    def model(self, seed: int) -> nn.Module:
        """Return a network with fresh weights drawn from a seed."""
        return self.make_model(torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch of rows in an order drawn from the seed."""
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(self.user)))
        for rows in order.split(self.batch_size):
            yield self.user[rows], self.item[rows], self.residual[rows]

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the mean squared error of a batch."""
        user, item, residual = batch
        return functional.mse_loss(model(user, item), residual)

    def validate(self, model: nn.Module) -> float:
        """Return 0: the number of epochs is a setting, chosen on splits of its own."""
        return 0.0


class TextRating(BaseRecommender):
    """Predict a rating from who rates and what the item's text says.

    First come the mean and the user's bias; then a small network reads from the text what they
    leave over; last comes a damped bias of each item for what the text leaves over, so that an
    item with many ratings is known by them and one without is known by its text. Predictions are
    clipped to the range of the training ratings; an unknown user or item gets the biases that are
    known.

    Args:
        vectors: One text vector an item, shape (n_items, width).
        width: Width of the adapted text.
        l2_user: Penalty of the user biases.
        l2_item: Penalty of the item biases.
        rate: Learning rate of AdamW.
        l2: Its weight decay.
        epochs: How often to go through the log.
        batch_size: Rows in a batch.
        seed: Of the first weights and of the order.

    Attributes:
        biases_: The fitted ``UserItemBias``, for the user biases and as the baseline.
        network_: The trained network.
        item_bias_: What the text leaves over, shape (n_items,).
        range_: Lowest and highest training rating.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        width: int = 16,
        l2_user: float = 5.0,
        l2_item: float = 3.0,
        rate: float = 0.003,
        l2: float = 0.1,
        epochs: int = 3,
        batch_size: int = 1024,
        seed: int = 0,
    ):
        self.vectors = vectors
        self.width = width
        self.l2_user = l2_user
        self.l2_item = l2_item
        self.rate = rate
        self.l2 = l2
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def _fit(self, interactions: Interactions) -> None:
        check_above_zero(self, "width", "rate", "epochs", "batch_size")
        check_at_least_zero(self, "l2")
        log = interactions
        vectors = centred_unit_rows(text_vectors(self.vectors, log.n_items))
        inputs = torch.from_numpy(vectors.astype(np.float32)) * vectors.shape[1] ** 0.5
        self.biases_ = UserItemBias(self.l2_user, self.l2_item).fit(log)
        rest = log.value - self.biases_.mean_ - self.biases_.user_bias_[log.user]
        self.range_ = float(log.value.min()), float(log.value.max())

        def make(generator: torch.Generator) -> TextRatingNetwork:
            return TextRatingNetwork(inputs, log.n_users, self.width, generator)

        rows = (torch.from_numpy(log.user.copy()), torch.from_numpy(log.item.copy()))
        residual = torch.from_numpy(rest.astype(np.float32))
        problem = ResidualProblem(*rows, residual, make, self.batch_size)
        self.network_ = fit_network(problem, self.rate, self.l2, self.epochs, self.seed)
        left = rest - self._residual(log.user, log.item)
        self.item_bias_ = damped_mean(left, log.item, log.n_items, self.l2_item)

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Predict the ratings of pairs.

        Args:
            users: User positions, shape (n,); -1 for an unknown user.
            items: Item positions, shape (n,); -1 for an unknown item.

        Returns:
            Ratings inside of the training ratings' range, shape (n,).

        Raises:
            NotFittedError: If ``fit`` was not called.
            ValueError: If a position is out of range or the lengths differ.
        """
        users, items = self._check_pairs(users, items)
        base = self.biases_.predict(users, items)
        both = (users >= 0) & (items >= 0)
        u, i = users[both], items[both]
        by_user = self.biases_.mean_ + self.biases_.user_bias_[u]
        base[both] = by_user + self._residual(u, i) + self.item_bias_[i]
        return np.clip(base, *self.range_)

    def _residual(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.network_(torch.from_numpy(users), torch.from_numpy(items)).numpy()

    def _score(self, users: np.ndarray) -> np.ndarray:
        n_items = len(self.items_)
        pairs = np.repeat(users, n_items), np.tile(np.arange(n_items), len(users))
        return self.predict(*pairs).reshape(len(users), n_items)

    def _fallback(self, users: np.ndarray) -> np.ndarray:
        return self.biases_.score(users)
