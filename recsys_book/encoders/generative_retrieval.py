"""Retrieval by writing: a language model spells the id of the next item, digit by digit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recsys_book.data import Interactions
from recsys_book.encoders.attention import KeyValueCache
from recsys_book.encoders.corpora import BEGIN
from recsys_book.encoders.language_modeling import NextTokenProblem
from recsys_book.encoders.semantic_ids import SemanticIds

__all__ = [
    "GenerativeRetriever",
    "IdTree",
    "NextItemProblem",
    "beam_search",
    "id_log_likelihood",
    "item_histories",
    "prompt",
]


def item_histories(log: Interactions, seed: int | None = None) -> list[np.ndarray]:
    """Return each user's items in time order.

    Args:
        log: The events.
        seed: Of the order of tied timestamps; None takes the row order.

    Returns:
        One int64 array a user, empty for a user without events.
    """
    order = log.order_by_time(seed)
    order = order[np.argsort(log.user[order], kind="stable")]
    ends = np.cumsum(np.bincount(log.user, minlength=log.n_users))
    return np.split(log.item[order].astype(np.int64), ends[:-1])


def prompt(ids: SemanticIds, items: np.ndarray, context: int) -> np.ndarray:
    """Write the last items of a history as the prompt that the next id follows.

    The first token is that before the oldest item kept: the begin, or a last digit. Training
    pieces begin in the same way, so every place of the prompt was seen in training.

    Args:
        ids: The ids.
        items: A history, oldest first, shape ``(n,)``.
        context: Most items that the model reads; the next one takes a place too.

    Returns:
        Tokens, shape ``(1 + length * min(n, context - 1),)``.
    """
    tokens = np.concatenate([[BEGIN], ids.write(items[max(0, len(items) - context) :])])
    return tokens[-(1 + ids.length * min(len(items), context - 1)) :]


@dataclass(eq=False)
class NextItemProblem:
    """Predict every next digit of every history; what ``optimizers.train`` trains on.

    Attributes:
        histories: One array of items a user, oldest first.
        valid: The item that came after each history, -1 for none, shape ``(n_users,)``.
        ids: How items are written.
        make_model: From a generator to a causal language model.
        context: Most items in a training piece.
        batch_size: Pieces in a batch.
    """

    histories: Sequence[np.ndarray]
    valid: np.ndarray
    ids: SemanticIds
    make_model: Callable[[torch.Generator], nn.Module]
    context: int = 16
    batch_size: int = 64

    def __post_init__(self) -> None:
        """Write the histories as tokens once."""
        begin = np.array([BEGIN])
        train = [np.concatenate([begin, self.ids.write(h)]) for h in self.histories if len(h)]
        if not train:
            raise ValueError("No history has an item: pass the training side of a split.")
        self._train = NextTokenProblem(
            train, train[:1], self.make_model, self.batch_size, self.context * self.ids.length
        )

    def model(self, seed: int) -> nn.Module:
        """Return a model with fresh weights drawn from a seed."""
        return self._train.model(seed)

    def batches(self, seed: int) -> Iterator[Tensor]:
        """Yield one epoch of pieces in an order drawn from the seed."""
        return self._train.batches(seed)

    def loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        """Return the cross-entropy of the next digits, in nats a digit."""
        return self._train.loss(model, batch)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> float:
        """Return the negative log-likelihood of the held-out items, in nats an item.

        Nats an *item* can be compared between ids of different lengths, nats a digit cannot.
        """
        nats, count = 0.0, 0
        users = np.flatnonzero(np.asarray(self.valid) >= 0)
        for rows, prompts in _by_length(self.ids, self.histories, users, self.context):
            answer = torch.from_numpy(self.ids.tokens[self.valid[rows]])
            logits = model(torch.cat([prompts, answer[:, :-1]], dim=1))[:, -self.ids.length :]
            found = logits.log_softmax(-1).gather(2, answer[:, :, None])
            nats, count = nats - float(found.sum()), count + len(rows)
        return nats / count


class IdTree:
    """Which digits may follow which, if the id is to belong to an item.

    Source: De Cao et al. (2021), "Autoregressive Entity Retrieval": decoding held to a prefix tree.

    Args:
        ids: The ids.

    Attributes:
        children: For each place a table from node and digit to the node after it, -1 for none,
            shape ``(nodes, digits)``. The nodes after the last place are the items.
        node_of_item: For each place the node that an item passes through, shape ``(n_items,)``.
    """

    def __init__(self, ids: SemanticIds) -> None:
        n_items = len(ids.digits)
        self.children: list[Tensor] = []
        self.node_of_item: list[Tensor] = []
        parent, n_nodes = np.zeros(n_items, dtype=np.int64), 1
        for place, size in enumerate(ids.sizes):
            if place + 1 == ids.length:
                node, n_next = np.arange(n_items), n_items
            else:
                _, node = np.unique(parent * size + ids.digits[:, place], return_inverse=True)
                n_next = int(node.max()) + 1
            table = np.full((n_nodes, size), -1)
            table[parent, ids.digits[:, place]] = node
            self.children.append(torch.from_numpy(table))
            self.node_of_item.append(torch.from_numpy(node))
            parent, n_nodes = node, n_next

    def open_nodes(self, allowed: Tensor) -> list[Tensor]:
        """Return which nodes lead to an item that may be listed.

        Args:
            allowed: Which items may be listed, boolean, shape ``(batch, n_items)``.

        Returns:
            For each place a boolean table, shape ``(batch, nodes)``.
        """
        found = []
        for node in self.node_of_item:
            ways = torch.zeros(len(allowed), int(node.max()) + 1)
            found.append(ways.index_add_(1, node, allowed.float()) > 0)
        return found


@torch.no_grad()
def beam_search(
    model: Any, ids: SemanticIds, prompts: Tensor, beam: int, allowed: Tensor, tree: IdTree
) -> tuple[Tensor, Tensor]:
    """Write the likeliest ids after some prompts, never one that no item has.

    After each digit the ``beam`` likeliest beginnings are kept. With a beam as wide as the
    catalogue nothing is ever dropped, and the list is exact.

    Source: Rajput et al. (2023), section 3.2; the tree is that of De Cao et al. (2021).

    Args:
        model: A ``CausalLanguageModel`` over the tokens of the ids.
        ids: The ids.
        prompts: Tokens, shape ``(batch, tokens)``.
        beam: Number of beginnings to keep, and of items to return at most.
        allowed: Which items may be listed, boolean, shape ``(batch, n_items)``.
        tree: The tree of the ids.

    Returns:
        Items and their log-likelihoods, likeliest first, shape ``(batch, at most beam)``; where
        fewer items were found, minus infinity.
    """
    cache = KeyValueCache(model.config.layers)
    opens = tree.open_nodes(allowed)
    logits = model(prompts, cache=cache)[:, -1]
    n = len(prompts)
    score, node = torch.zeros(n, 1), torch.zeros(n, 1, dtype=torch.int64)
    for place, size in enumerate(ids.sizes):
        first, width = int(ids.offsets[place]), score.shape[1]
        digit_scores = logits.log_softmax(-1)[:, first : first + size].view(n, width, size)
        child = tree.children[place][node].view(n, -1)
        total = (score[:, :, None] + digit_scores).view(n, -1)
        open_ = opens[place].gather(1, child.clamp(min=0)) & (child >= 0)
        total = total.masked_fill(~open_, -torch.inf)
        score, pick = total.topk(min(beam, total.shape[1]))
        node = child.gather(1, pick).clamp(min=0)
        if place + 1 < ids.length:
            cache.select((torch.arange(n)[:, None] * width + pick // size).view(-1))
            logits = model((first + pick % size).view(-1, 1), cache=cache)[:, -1]
    return node, score


@torch.no_grad()
def id_log_likelihood(model: Any, ids: SemanticIds, prompt: Tensor) -> Tensor:
    """Score every item by the likelihood of its id: the product over its digits.

    Equation: eq-id-likelihood.

    Args:
        model: A language model over the tokens of the ids.
        ids: The ids.
        prompt: Tokens of one history, shape ``(tokens,)``.

    Returns:
        ``log p(item | history)`` in nats, shape ``(n_items,)``.
    """
    tokens = torch.from_numpy(ids.tokens)
    rows = torch.cat([prompt.expand(len(tokens), -1), tokens[:, :-1]], dim=1)
    log_p = model.next_log_probs(rows)[:, -ids.length :]
    return log_p.gather(2, tokens[:, :, None]).squeeze(2).sum(dim=1)


@dataclass(eq=False)
class GenerativeRetriever:
    """A trained model that lists items by writing their ids.

    Attributes:
        model: A ``CausalLanguageModel``; it reads ``max_tokens // length`` items at most.
        ids: The ids that it was trained on.
        histories: One array of items a user, oldest first.
        beam: Number of beginnings kept after each digit.
        allowed: Items that may be listed, boolean, shape ``(n_items,)``; None is all.
        exclude_seen: Whether items of a user's history are kept out of the tree.
    """

    model: Any
    ids: SemanticIds
    histories: Sequence[np.ndarray]
    beam: int = 20
    allowed: np.ndarray | None = None
    exclude_seen: bool = True

    def __post_init__(self) -> None:
        """Grow the tree, and refuse a beam without width."""
        if self.beam < 1:
            raise ValueError(f"beam is {self.beam}, but at least one beginning must be kept.")
        self.context = self.model.config.max_tokens // self.ids.length
        self.tree = IdTree(self.ids)

    def score(self, users: np.ndarray) -> np.ndarray:
        """Score the items that the beam found for some users.

        Args:
            users: Positions of users, shape ``(n,)``.

        Returns:
            Log-likelihoods in nats, shape ``(n, n_items)``; minus infinity where the beam did not
            go.
        """
        users = np.asarray(users)
        scores = np.full((len(users), len(self.ids.digits)), -np.inf)
        place = {user: row for row, user in enumerate(users.tolist())}
        for rows, prompts in _by_length(self.ids, self.histories, users, self.context):
            allowed = self._allowed(rows)
            items, found = beam_search(self.model, self.ids, prompts, self.beam, allowed, self.tree)
            at = np.array([place[user] for user in rows.tolist()])[:, None]
            kept = torch.isfinite(found).numpy()
            scores[np.broadcast_to(at, kept.shape)[kept], items.numpy()[kept]] = found.numpy()[kept]
        return scores

    def _allowed(self, users: np.ndarray) -> Tensor:
        """Return which items may be listed for each user, shape ``(users, n_items)``."""
        free = np.ones(len(self.ids.digits), bool) if self.allowed is None else self.allowed
        table = np.tile(free, (len(users), 1))
        if self.exclude_seen:
            for row, user in enumerate(users):
                table[row, self.histories[user]] = False
        return torch.from_numpy(table)


def _by_length(
    ids: SemanticIds,
    histories: Sequence[np.ndarray],
    users: np.ndarray,
    context: int,
    batch_size: int = 64,
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Yield users whose prompts are of one length, and the prompts: no padding is needed."""
    lengths = np.array([min(len(histories[user]), context - 1) for user in users])
    for length in np.unique(lengths):
        same = users[lengths == length]
        for first in range(0, len(same), batch_size):
            rows = same[first : first + batch_size]
            prompts = np.stack([prompt(ids, histories[user], context) for user in rows])
            yield rows, torch.from_numpy(prompts)
