"""What the source articles say about pre-training, in code, and where it fails.

Each function is the faulty version. The right versions are in
``recsys_book.encoders.pretraining`` and in the library ``transformers``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn


def llm_02_two_stages(
    model: nn.Module,
    masked_loss: Callable[[nn.Module], Tensor],
    pair_loss: Callable[[nn.Module], Tensor],
    make_optimizer: Callable[[Any], Any],
    steps: int,
) -> list[tuple[float, float]]:
    """LLM-02: masked words first, and when that is done, next sentences.

    Article S1 §2.2.2: "包括两个阶段" (comprises two stages), with a diagram
    A → MLM → NSP. In the second stage nothing holds what the first one taught.

    Args:
        model: A model with a head for each question.
        masked_loss: The first stage's loss, 0-dimensional.
        pair_loss: The second stage's loss, 0-dimensional.
        make_optimizer: From parameters to an optimizer.
        steps: Of each stage.

    Returns:
        Both losses before the first stage, between the stages, and at the end.
    """

    def both() -> tuple[float, float]:
        return masked_loss(model).item(), pair_loss(model).item()

    found = [both()]
    for loss in (masked_loss, pair_loss):
        optimizer = make_optimizer(model.parameters())
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model).backward()
            optimizer.step()
        found.append(both())
    return found


def llm_02_consecutive_pairs(
    sequences: Sequence[np.ndarray],
) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """LLM-02: next-sentence prediction "given two consecutive sentences".

    Article S1 §2.2.2: "给定两个连续的句子" (given two consecutive sentences). If every pair is
    consecutive, every label is 1, and the question is answered without reading.

    Args:
        sequences: Each of shape ``(words,)``.

    Returns:
        Both halves of each sequence, and the labels, shape ``(len(sequences),)``.
    """
    pairs = [(each[: len(each) // 2], each[len(each) // 2 :]) for each in sequences]
    return pairs, np.ones(len(pairs))


def llm_16_train_bare_bert(config: Any, rows: Sequence[dict], folder: str) -> None:
    """LLM-16: ``Trainer`` on a ``BertModel``.

    Article S3 §9.1: ``model = BertModel.from_pretrained('bert-base-chinese')``, then
    ``Trainer(model=model, …).train()``, under the heading of training BERT. A ``BertModel`` has
    no head and returns hidden states; there is no loss to follow.

    Args:
        config: A ``BertConfig``; a small one fails as the large one does.
        rows: One mapping a row, with ``input_ids``.
        folder: Where ``Trainer`` may write.

    Raises:
        ValueError: By ``Trainer``, because the model returns no loss.
    """
    from transformers import BertModel, Trainer, TrainingArguments

    arguments = TrainingArguments(
        folder, max_steps=1, report_to=[], disable_tqdm=True, use_cpu=True, save_strategy="no"
    )
    Trainer(model=BertModel(config), args=arguments, train_dataset=list(rows)).train()


def llm_17_logits_of_bare_bert(model: nn.Module, ids: Tensor) -> Tensor:
    """LLM-17: the logits of a ``BertModel``.

    Article S3 §9.2: ``outputs = model(**inputs)``, ``predictions = outputs.logits`` on the model
    of §9.1. There are no logits in what it returns.

    Args:
        model: A ``BertModel``.
        ids: Tokens, shape ``(rows, tokens)``.

    Returns:
        Nothing ever, if the model is a ``BertModel``.

    Raises:
        AttributeError: Because what the model returns has hidden states only.
    """
    return model(ids).logits
