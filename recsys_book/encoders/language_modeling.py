"""What all language models have in common: what they are trained on, and how they are judged.

A language model is anything with ``next_log_probs``: for every position of a sequence, the
logarithm of the probability of each word to be the next one, given the words up to there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_book.encoders.corpora import BEGIN, END, FIRST, PAD, pad

#: Scores held at a time when a model is judged.
_CELLS = 1 << 23


class LanguageModel(Protocol):
    """Counts, a recurrent network or a transformer: what predicts the next word."""

    def next_log_probs(self, ids: Tensor) -> Tensor:
        """Return log p(next | ids up to each position), shape ``(B, T, V)``, in nats."""
        ...


def windows(sequences: Sequence[np.ndarray], max_tokens: int | None) -> list[np.ndarray]:
    """Cut long sequences into pieces in which every word is predicted exactly once.

    A piece begins with the token that ended the piece before: it is context there, not a target.
    No piece begins at the last token, which would leave nothing to predict.

    Args:
        sequences: Ids, each of shape ``(tokens,)``.
        max_tokens: Longest context, in tokens; a piece has at most one token more. None cuts
            nothing.

    Returns:
        The pieces, in order.

    Raises:
        ValueError: If ``max_tokens`` is below 1, or a sequence has fewer than two tokens.
    """
    if max_tokens is not None and max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}, but a context has at least one token.")
    pieces = []
    for row, ids in enumerate(sequences):
        if len(ids) < 2:
            raise ValueError(
                f"Sequence {row} has {len(ids)} tokens, so it has no next token to predict: "
                "leave it out."
            )
        step = max_tokens or len(ids)
        pieces += [ids[first : first + step + 1] for first in range(0, len(ids) - 1, step)]
    return pieces


@dataclass(eq=False)
class NextTokenProblem:
    """Predict every next token of every sequence; what ``optimizers.train`` trains on.

    Attributes:
        train: Sequences to learn from, each of shape ``(tokens,)``.
        valid: Sequences to validate on.
        make_model: From a generator to a model whose ``forward`` gives logits ``(B, T, V)``.
        batch_size: Pieces in a batch.
        max_tokens: Longest context; longer sequences are cut into pieces.
    """

    train: Sequence[np.ndarray]
    valid: Sequence[np.ndarray]
    make_model: Callable[[torch.Generator], nn.Module]
    batch_size: int = 32
    max_tokens: int = 64

    def __post_init__(self) -> None:
        """Cut and pad once; batches are slices of the result."""
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, but a batch needs a sequence.")
        if not len(self.train) or not len(self.valid):
            raise ValueError("train or valid has no sequences: cut the corpus so that both have.")
        self._ids, mask = pad(windows(self.train, self.max_tokens))
        self._lengths = mask.sum(1)
        self._valid = pad(windows(self.valid, self.max_tokens))[0].split(self.batch_size)

    def model(self, seed: int) -> nn.Module:
        """Return a model with fresh weights drawn from a seed."""
        return self.make_model(torch.Generator().manual_seed(seed))

    def batches(self, seed: int) -> Iterator[Tensor]:
        """Yield one epoch: pieces of similar lengths together, the batches in random order.

        Args:
            seed: Of the order.

        Yields:
            Ids, padded to the longest of the batch, int64, shape ``(batch, tokens)``.
        """
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self._ids), generator=generator)
        order = order[self._lengths[order].argsort(stable=True)]
        groups = order.split(self.batch_size)
        for k in torch.randperm(len(groups), generator=generator):
            rows = groups[k]
            yield self._ids[rows, : self._lengths[rows].max()]

    def loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        """Return the cross-entropy of the next tokens, padding left out.

        Equation: eq-behaviour-likelihood.

        Args:
            model: What ``model`` made.
            batch: Ids, shape ``(batch, tokens)``.

        Returns:
            The mean over the tokens, 0-dimensional, in nats a token.
        """
        return next_token_loss(model(batch[:, :-1]), batch[:, 1:])

    @torch.no_grad()
    def validate(self, model: nn.Module) -> float:
        """Return the cross-entropy of the held-out tokens, in nats a token."""
        total, tokens = 0.0, 0
        for batch in self._valid:
            n = int((batch[:, 1:] != PAD).sum())
            total, tokens = total + n * float(self.loss(model, batch)), tokens + n
        return total / tokens


class ItemToItem:
    """A baseline in the clothes of a language model: the sum of all earlier items' votes.

    Its scores rank; they are no probabilities, so a perplexity of them means nothing.

    Args:
        weights: What item i votes for item j, shape ``(n_items, n_items)``; the special ids have
            no vote and get none.

    Raises:
        ValueError: If the weights are not a square table.
    """

    def __init__(self, weights: np.ndarray) -> None:
        weights = np.asarray(weights, dtype=np.float32)
        if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
            raise ValueError(
                f"The weights have shape {weights.shape}, but one row and one column an item are "
                "needed."
            )
        self.weights = torch.from_numpy(np.pad(weights, ((FIRST, 0), (FIRST, 0))))

    def next_log_probs(self, ids: Tensor) -> Tensor:
        """Return the sum of the votes up to each position, shape ``(B, T, V)``.

        Args:
            ids: Tokens, int64, shape ``(B, T)``.
        """
        return self.weights[ids].cumsum(dim=1)


class NoRepeats:
    """A language model that was told one fact: no item comes twice in a sequence.

    Items of the context lose their probability, and the other words share it in proportion.

    Args:
        model: Any language model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    @torch.no_grad()
    def next_log_probs(self, ids: Tensor) -> Tensor:
        """Return log p(next | ids up to each position, no repeat), shape ``(B, T, V)``.

        Args:
            ids: Tokens, int64, shape ``(B, T)``.
        """
        log_p = self.model.next_log_probs(ids)
        seen = torch.zeros_like(log_p).scatter_(2, ids[..., None], 1.0).cumsum(dim=1) > 0
        seen[..., :FIRST] = False
        return log_p.masked_fill(seen, -torch.inf).log_softmax(dim=-1)


@torch.no_grad()
def sample_sentence(
    model: LanguageModel,
    generator: torch.Generator,
    prefix: Sequence[int] = (BEGIN,),
    max_tokens: int = 20,
    temperature: float = 1.0,
) -> list[int]:
    """Draw word after word, each from what the model expects after the ones before.

    Source: Shannon (1948), Bell System Technical Journal 27, section 3.

    Args:
        model: Any language model.
        generator: Where the draws come from.
        prefix: The ids to begin with.
        max_tokens: Draws after which the sentence is cut off.
        temperature: What the log-probabilities are divided by; small values take the likely.

    Returns:
        The ids, prefix included, up to the first ``END``.

    Raises:
        ValueError: If the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"The temperature is {temperature}, but it must be above 0.")
    ids = list(prefix)
    for _ in range(max_tokens):
        log_p = model.next_log_probs(torch.tensor([ids]))[0, -1]
        p = (log_p / temperature).softmax(-1)
        ids.append(int(torch.multinomial(p, 1, generator=generator)))
        if ids[-1] == END:
            break
    return ids


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of the tokens that came next.

    Equation: eq-behaviour-likelihood.

    Args:
        logits: Scores of all words at every position, shape ``(B, T, V)``.
        targets: The ids that came next, shape ``(B, T)``; ``PAD`` counts nothing.

    Returns:
        The loss, 0-dimensional, in nats a token.
    """
    return functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=PAD
    )


@torch.no_grad()
def token_log_probs(
    model: LanguageModel, sequences: Sequence[np.ndarray], max_tokens: int | None = 64
) -> list[np.ndarray]:
    """Return how probable a model found each token that came.

    Args:
        model: A language model.
        sequences: Ids, each of shape ``(tokens,)``.
        max_tokens: Longest context, the same for all models that are compared; None for no limit.

    Returns:
        For each sequence the log-probabilities of its tokens from the second on, in nats, shape
        ``(tokens - 1,)``.
    """
    found = []
    for ids, scores in _in_parts(model, sequences, max_tokens):
        targets = torch.from_numpy(ids[1:])
        found.append(scores.gather(1, targets[:, None])[:, 0].double().numpy())
    return _joined(found, sequences)


def perplexity(
    model: LanguageModel, sequences: Sequence[np.ndarray], max_tokens: int | None = 64
) -> float:
    """Return the number of equally likely words that would puzzle as much as the model is puzzled.

    Equation: eq-perplexity.

    Source: Jelinek, Mercer, Bahl & Baker (1977), JASA 62.

    Args:
        model: A language model.
        sequences: Ids, each of shape ``(tokens,)``.
        max_tokens: Longest context; None for no limit.

    Returns:
        The exponential of the mean negative log-probability of a token, at least 1; infinity if
        the model called a token impossible that came.
    """
    log_p = np.concatenate(token_log_probs(model, sequences, max_tokens))
    return float(np.exp(-log_p.mean()))


@torch.no_grad()
def next_item_ranks(
    model: LanguageModel,
    sequences: Sequence[np.ndarray],
    max_tokens: int | None = 64,
    min_context: int = 1,
    exclude_seen: bool = True,
    seed: int = 0,
) -> list[np.ndarray]:
    """Return at which place of the ranking of all items each item stood that came next.

    Special ids are no items and never ranked. Ties are broken by one seeded order of the items.

    Args:
        model: Anything whose ``next_log_probs`` gives scores, higher is better.
        sequences: Ids, each of shape ``(tokens,)``.
        max_tokens: Longest context that the model sees; None for no limit.
        min_context: Items that a sequence must have had before its first rank.
        exclude_seen: Whether items that came earlier in the sequence leave the ranking; the item
            that comes next stays in any case.
        seed: Of the order that breaks ties.

    Returns:
        For each sequence the ranks, from 1, of its items after the first ``min_context``, int64.
    """
    found = []
    scored = _in_parts(model, sequences, max_tokens)
    for ids in sequences:
        scores = []
        while sum(map(len, scores)) < len(ids) - 1:
            scores.append(next(scored)[1])
        found.append(_ranks(np.asarray(ids), torch.cat(scores), min_context, exclude_seen, seed))
    return found


def _ranks(
    ids: np.ndarray, scores: Tensor, min_context: int, exclude_seen: bool, seed: int
) -> np.ndarray:
    """Return the ranks of the items of one sequence; ``scores`` has shape ``(T - 1, V)``."""
    size = scores.shape[1]
    context = np.cumsum(ids[:-1] >= FIRST)
    rows = np.flatnonzero((ids[1:] >= FIRST) & (context >= min_context))
    table, targets = scores.numpy()[rows, FIRST:], ids[1:][rows] - FIRST
    own = np.take_along_axis(table, targets[:, None], 1)
    tie = np.random.default_rng(seed).permutation(size - FIRST)
    above = (table > own) | ((table == own) & (tie < tie[targets][:, None]))
    if exclude_seen:
        first = np.full(size, len(ids))
        first[ids[::-1]] = np.arange(len(ids))[::-1]
        above &= first[FIRST:] > rows[:, None]
    return 1 + above.sum(1)


def _in_parts(
    model: LanguageModel, sequences: Sequence[np.ndarray], max_tokens: int | None
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Yield every piece and its scores ``(tokens - 1, V)``, from batches of bounded size."""
    pieces = windows(sequences, max_tokens)
    if not pieces:
        return
    size = model.next_log_probs(torch.from_numpy(pieces[0][None, :1])).shape[-1]
    step = max(1, _CELLS // (size * max(len(ids) for ids in pieces)))
    for first in range(0, len(pieces), step):
        batch = pieces[first : first + step]
        table = model.next_log_probs(pad([ids[:-1] for ids in batch])[0])
        yield from ((ids, table[row, : len(ids) - 1]) for row, ids in enumerate(batch))


def _joined(parts: list[np.ndarray], sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Put the values of the pieces together again, one array a sequence."""
    ends = np.cumsum([len(ids) - 1 for ids in sequences])
    return np.split(np.concatenate(parts), ends[:-1]) if parts else []
