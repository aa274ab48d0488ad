"""Claims and listings that the chapter on text vectors runs, one function an entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def llm_06_multimodal_bert(bert: nn.Module, pixels: Tensor) -> Any:
    r"""LLM-06: BERT said to process multimodal data.

    Articles S3 (§2.4, §3.3) and S1 (§2.2.3, point 4). BERT's first layer looks rows of a table up
    by integer ids, so anything else stops there.

    Args:
        bert: A BERT model of ``transformers``.
        pixels: An image or any other array of real numbers.

    Returns:
        Nothing: it raises.

    Raises:
        ValueError: For an image batch, shape ``(batch, channels, height, width)``.
        RuntimeError: For a matrix of real numbers, because ids are integers.
    """
    return bert(pixels)


def llm_07_rank_with_the_encoder(
    encode: Callable[[Sequence[str]], np.ndarray], query: str, items: Sequence[str], k: int
) -> np.ndarray:
    r"""LLM-07: a language model as what makes recommendations real-time.

    Article S3 (abstract, §2.2, §8.1): "LLM可以快速地生成文本，从而提高推荐系统的实时性" (an LLM
    generates text quickly and so makes the recommender more real-time). Taken at its word: the
    model runs in the request, over the query and over every item.

    Args:
        encode: From texts to vectors of length one, shape ``(n, width)``.
        query: What the user asked for.
        items: The texts of the catalogue.
        k: How many to return.

    Returns:
        Positions of the k nearest items, best first; the right answer, slowly.
    """
    vectors = encode([query, *items])
    return np.argsort(-(vectors[1:] @ vectors[0]), kind="stable")[:k]


def llm_07_multiply_adds(tokens: int, width: int, layers: int) -> int:
    r"""LLM-07: what one text costs in a BERT, in multiply-adds.

    A layer multiplies each token by four square matrices and by two of four times the width, which
    is :math:`12d^2`, and compares all pairs of tokens, twice :math:`T^2d`.

    Args:
        tokens: Tokens T of the text.
        width: Width d of the model.
        layers: Number of layers.

    Returns:
        Multiply-adds, without the lesser parts (norms, softmax, biases).
    """
    return layers * (tokens * 12 * width**2 + 2 * tokens**2 * width)


def llm_10_no_mask(bert: nn.Module, ids: Tensor) -> Tensor:
    r"""LLM-10: padded ids without an attention mask.

    Article S1 §5.2.2: ``bert(input_ids)[1]`` on rows padded to ``max_sequence_length``; article S0b
    §5.2: the mask never leaves ``preprocess_data``. Every token attends to the padding, so the
    vector of a text depends on how long its neighbours in the batch are.

    Args:
        bert: A BERT model of ``transformers``.
        ids: Padded token ids, shape ``(batch, tokens)``.

    Returns:
        The pooled output, shape ``(batch, width)``.
    """
    return bert(ids)[1]


def llm_11_ids_as_vectors(tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    r"""LLM-11: "the tokenizer embeds".

    Article S3 §5.3: "使用BERTTokenizer…包括分词、嵌入和填充" (the tokenizer splits, embeds and
    pads). It returns integers. If they are taken for an embedding, a text is a list of names of
    word pieces, and distances between names mean nothing.

    Args:
        tokenizer: A tokenizer of ``transformers``.
        texts: The texts.

    Returns:
        What such an "embedding" is: padded ids, shape ``(n, tokens)``.
    """
    return np.asarray(tokenizer(list(texts), padding=True)["input_ids"], dtype=np.float64)


def llm_12_images_and_labels(bert: nn.Module, images: Tensor, labels: Tensor) -> Any:
    r"""LLM-12: pictures as tokens, and class labels as the attention mask.

    Article S2, project: ``model.bert(images, labels)`` on CIFAR-10 resized to 224 by 224. The
    second positional argument of ``BertModel.forward`` is ``attention_mask``, so the answers go in
    as the mask.

    Args:
        bert: A BERT model of ``transformers``.
        images: Shape ``(batch, 3, height, width)``.
        labels: Classes, shape ``(batch,)``.

    Returns:
        Nothing: it raises.

    Raises:
        ValueError: Because an image has four dimensions and ids have two.
    """
    return bert(images, labels)


def llm_19_cosine_of_cls(hidden: Tensor) -> np.ndarray:
    r"""LLM-19: cosine similarity of raw [CLS] vectors.

    Articles S2 (4.2.2, 5.2, 6.2) and S3 (§3.2.3) compare items by the cosine of BERT's first token.
    Without training on sentences these vectors all point nearly the same way.

    Args:
        hidden: Hidden states, shape ``(n, tokens, width)``.

    Returns:
        Cosines, shape ``(n, n)``.
    """
    first = hidden[:, 0].double()
    first = first / first.norm(dim=1, keepdim=True)
    return (first @ first.T).numpy()


def cod_07_linear_on_output(linear: nn.Linear, bert: nn.Module, ids: Tensor) -> Tensor:
    r"""COD-07: a linear layer on BERT's output object.

    Article S4 §5.2 (``self.user_enc(self.bert(user_data))``) and article S2, project
    (``model.bert(...)`` passed to an LSTM). The model returns a record with several tensors; which
    of them is meant has to be said.

    Args:
        linear: A layer that expects a tensor.
        bert: A BERT model of ``transformers``.
        ids: Token ids, shape ``(batch, tokens)``.

    Returns:
        Nothing: it raises.

    Raises:
        TypeError: Because the output is no tensor.
    """
    return linear(bert(ids))


def llm_10_change_by_padding(bert: nn.Module, ids: Tensor, padding: int) -> float:
    """LLM-10: measure how far padding moves the pooled vector where there is no mask.

    Args:
        bert: A BERT model of ``transformers``.
        ids: Token ids without padding, shape ``(1, tokens)``.
        padding: How many padding tokens to add.

    Returns:
        The largest change of a coordinate.
    """
    padded = torch.cat([ids, torch.zeros(1, padding, dtype=ids.dtype)], dim=1)
    with torch.no_grad():
        return float((llm_10_no_mask(bert, ids) - llm_10_no_mask(bert, padded)).abs().max())
