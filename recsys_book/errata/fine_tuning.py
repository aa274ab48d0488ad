"""What the source articles say about training an encoder, in code, and where it fails.

Each function is the faulty version. The right versions are in ``recsys_book.encoders.fine_tuning``
and in torch.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


def llm_20_adapt_to_feedback(
    encode: Callable[[Any], Tensor],
    history: Any,
    items: Tensor,
    answer: Callable[[int], float],
    rounds: int = 5,
) -> list[int]:
    """LLM-20: a pretrained encoder that "adapts its strategy to user feedback".

    Article S3 §2.2, §2.4 and §3.3, article S1 §2.2.3 item 3. The feedback is collected; no rule
    says what it changes, and an encoder's weights are constants at inference. So the same
    history gets the same item for ever, whatever the user answers.

    Args:
        encode: From a history to a user's vector, shape (width,).
        history: What the user did before.
        items: The items' vectors, shape (n_items, width).
        answer: From a shown item to the user's feedback.
        rounds: How often an item is shown.

    Returns:
        The item that was shown in each round.
    """
    shown: list[int] = []
    feedback: list[float] = []
    for _ in range(rounds):
        shown.append(int((items @ encode(history)).argmax()))
        feedback.append(answer(shown[-1]))  # collected, and read by nothing
    return shown


def cod_04_keras_calls(model: nn.Module, x: Tensor, y: Tensor, optimizer: object = None) -> Any:
    """COD-04: ``compile``, ``fit`` and ``predict`` on a torch model.

    Article S0a §5.2: ``BertModel`` with ``tf.keras.optimizers.Adam``. A torch module has neither
    ``fit`` nor ``predict``, and its ``compile`` hands its arguments to ``torch.compile``, which
    knows no optimizer.

    Args:
        model: Any torch module.
        x: Inputs.
        y: Targets.
        optimizer: The optimizer of Keras; it is never looked at.

    Returns:
        Nothing: it always raises ``TypeError``.
    """
    model.compile(optimizer=optimizer, loss="mean_squared_error")  # type: ignore[call-arg]
    model.fit(x, y, epochs=10, batch_size=32)  # type: ignore[operator]
    return model.predict(x)  # type: ignore[operator]


def cod_05_symbolic_inputs(encoder: nn.Module, tokens: int = 6) -> Any:
    """COD-05: a torch BERT called on ``keras.Input``.

    Article S0b §5.2: ``outputs = model(input_ids, attention_mask=attention_mask)``. What Keras
    makes of an input is a name with a shape, without numbers. Torch needs numbers.

    Args:
        encoder: A BERT of ``transformers``.
        tokens: Length of the input.

    Returns:
        Nothing: it always raises ``AttributeError``.
    """
    keras = _keras()
    input_ids = keras.Input((tokens,), dtype="int32")
    attention_mask = keras.Input((tokens,), dtype="int32")
    return encoder(input_ids, attention_mask=attention_mask)


def cod_05_torch_optimizer(lr: float = 1e-5) -> Any:
    """COD-05: a torch optimizer handed to Keras.

    Article S0b §5.2: ``AdamW(model.parameters(), lr=1e-5)``, then
    ``model.compile(optimizer=optimizer)``. Keras runs on torch here, so its model is a torch module
    and does have ``parameters()``; on TensorFlow that line already raises ``AttributeError``. The
    optimizer is refused on both.

    Args:
        lr: The rate.

    Returns:
        Nothing: it always raises ``ValueError``.
    """
    keras = _keras()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    return model.compile(optimizer=optimizer, loss="mean_squared_error")


def cod_05_split_the_ids(
    inputs: Mapping[str, np.ndarray], labels: np.ndarray, seed: int = 0
) -> Any:
    """COD-05: the ids are split, the mask is forgotten, and the tensor is asked for a key.

    Article S0b §5.2: ``train_test_split(inputs['input_ids'], labels)``, then
    ``X_train['input_ids']``.

    Args:
        inputs: What a tokenizer returns, as arrays of shape (n, tokens).
        labels: Shape (n,).
        seed: Of the split.

    Returns:
        Nothing: it always raises ``IndexError``.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    X_train = inputs["input_ids"][order[: int(0.8 * len(order))]]
    return X_train["input_ids"]


def cod_05_import(name: str) -> Any:
    """COD-05: ``from transformers import AdamW`` and ``from transformers import TFBertModel``.

    Articles S0b §5.2 and S1 §5.2.2. Version 5 of the library has neither: its own AdamW gave way
    to torch's, and the TensorFlow models were dropped.

    Args:
        name: What to import.

    Returns:
        The object, if there is one.

    Raises:
        ImportError: If there is none.
    """
    library = importlib.import_module("transformers")
    try:
        return getattr(library, name)
    except AttributeError as problem:
        raise ImportError(f"cannot import name {name!r} from 'transformers'") from problem


def cod_10_cross_entropy_on_one_logit(logits: Tensor, labels: Tensor) -> Tensor:
    """COD-10: cross-entropy over a single class.

    Article S2 附录B, 附录C and 项目实战: ``output_dim = 1`` under ``nn.CrossEntropyLoss()``. The
    softmax of one number is 1 whatever the number, so for the only legal label, 0, loss and
    gradient are 0 for ever. A label of 1 raises.

    Args:
        logits: Shape (n, 1).
        labels: Integers, shape (n,).

    Returns:
        The mean loss, a scalar.
    """
    return functional.cross_entropy(logits, labels)


def cod_10_batch_as_classes(logits: Tensor, targets: Tensor) -> Tensor:
    """COD-10: ``criterion(logits.view(-1), targets.view(-1))``.

    Article S3 §5.2 and §5.4. Torch reads a flat vector as one row whose classes are the users of
    the batch. Integer targets raise; float targets train a softmax across users: a number added
    to all scores changes nothing, and k positives cost at least k log k.

    Args:
        logits: Shape (n, 1).
        targets: Shape (n,).

    Returns:
        The loss, a scalar.
    """
    return functional.cross_entropy(logits.view(-1), targets.view(-1))


def cod_11_argmax_of_one_logit(logits: Tensor) -> Tensor:
    """COD-11: the recommended item is ``logits.argmax(-1)``, and there is one logit.

    Article S3 §5.2 ``recommend_goods``; article S2 附录C 项目实战, as ``torch.max(logits, 1)``.
    The largest of one number is the first.

    Args:
        logits: Shape (n, 1).

    Returns:
        Zeros, shape (n,).
    """
    return logits.argmax(-1)


def _keras() -> ModuleType:
    """Return Keras, run by torch; its backend is chosen when it is first imported."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return importlib.import_module("keras")
