"""What the source articles say about better meta-optimizers, and where it fails.

The right versions are in ``recsys_book.meta_learning``: ``MAMLPlus`` with its switches, and
``InContext`` for a language model that learns from its prompt.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def meta_04_one_more_layer(build: Callable[[list[int]], nn.Module], sizes: list[int]) -> nn.Module:
    """META-04: MAML++ as MAML with one more layer of training.

    Article S2 3.3 says that MAML++ improves MAML by adding one more layer of training. It adds
    none: it changes the loss, the order of the derivative, the normalisation, the inner rates and
    the outer rate, and leaves the network as it is. Here the sentence is taken at its word, with
    one more hidden layer for MAML to train.

    Args:
        build: From widths to a network.
        sizes: The network's widths, from inputs to outputs.

    Returns:
        The network with its last hidden layer doubled.
    """
    return build([*sizes[:-1], sizes[-2], sizes[-1]])


#: META-06: article S2 3.3, "LLM-based meta-learning algorithms": the four that it lists.
META_06_LISTED = ("MAML", "Reptile", "MAML++", "ADWIN")


def meta_06_context_ignored(
    step: Callable[[torch.Tensor, torch.Tensor], None],
    answer: Callable[[torch.Tensor], torch.Tensor],
    support: tuple[torch.Tensor, torch.Tensor],
    query: torch.Tensor,
) -> torch.Tensor:
    """META-06: adapting a model by gradient steps, offered as what a language model does.

    Article S2 3.3 puts MAML, Reptile, MAML++ and ADWIN under the heading "LLM-based meta-learning
    algorithms". None of them has a language model in it, and none reads the examples when it
    answers: whatever the support teaches must go through a change of weights. With a step that
    changes nothing, such as one of rate 0, the answers are those of a model that never saw the
    support. A model that learns in context needs no step.

    Args:
        step: Takes the support's rows and targets and changes the model.
        answer: From query rows to answers; it is not shown the support.
        support: Rows and targets.
        query: Rows.

    Returns:
        The answers.
    """
    step(*support)
    return answer(query)
