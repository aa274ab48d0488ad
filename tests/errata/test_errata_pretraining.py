"""Two stages forget, consecutive pairs ask nothing, and a bare BertModel cannot be trained."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.pretraining import (
    MaskedLanguageModel,
    NextSentenceProblem,
    joint_loss,
    sentence_pairs,
)
from recsys_book.errata import pretraining as errata
from recsys_book.optimizers import AdamW, Optimizer

CONFIG = TransformerConfig(17, 16, 1, 2, 32, max_tokens=12, segments=2, pooler=True)


@pytest.fixture(scope="module")
def question():
    """A model, one batch of pairs, and functions for both losses."""
    rng = np.random.default_rng(0)
    rows = [np.r_[1, 4 + 4 * (k % 3) + rng.integers(4, size=8), 2] for k in range(64)]
    problem = NextSentenceProblem(rows, rows, CONFIG, 64)
    batch = next(iter(problem.batches(0)))
    return problem, batch


def adam(params):
    return Optimizer(params, AdamW(lr=0.02))


@pytest.mark.erratum("LLM-02")
def test_the_second_stage_forgets_the_first_and_the_sum_does_not(question):
    problem, batch = question
    masked, paired = (lambda m: problem.parts(m, batch)[0]), (lambda m: problem.parts(m, batch)[1])
    _, between, end = errata.llm_02_two_stages(problem.model(0), masked, paired, adam, 40)
    model = problem.model(0)
    optimizer = adam(model.parameters())
    for _ in range(80):
        optimizer.zero_grad()
        problem.loss(model, batch).backward()
        optimizer.step()
    joint = masked(model).item()
    assert end[0] > between[0] + 0.3  # forgotten
    assert joint < between[0] + 0.1 and paired(model).item() < 0.6


@pytest.mark.erratum("LLM-02")
def test_consecutive_pairs_are_answered_without_reading():
    rows = [np.r_[1, np.arange(4, 10), 2]] * 50
    _, labels = errata.llm_02_consecutive_pairs(rows)
    assert labels.all()  # "yes" is right every time
    mixed = sentence_pairs(rows, np.random.default_rng(0)).follows
    assert 0.3 < mixed.mean() < 0.7


@pytest.mark.erratum("LLM-02")
def test_the_sum_is_bert_s_own_loss():
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertForPreTraining(tiny(transformers))
    ids = torch.randint(5, 50, (4, 8), generator=torch.Generator().manual_seed(0))
    labels = torch.where(ids % 3 == 0, ids, -100)
    strangers = torch.tensor([0, 1, 1, 0])
    out = theirs(ids, labels=labels, next_sentence_label=strangers)
    scores = out.seq_relationship_logits[:, 0] - out.seq_relationship_logits[:, 1]
    ours = joint_loss(out.prediction_logits, labels, scores, 1 - strangers.float())
    assert float(ours.detach()) == pytest.approx(float(out.loss.detach()), abs=1e-5)


def tiny(transformers):
    return transformers.BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
    )


@pytest.mark.erratum("LLM-16")
def test_a_bare_model_returns_no_loss_and_the_right_class_trains(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = tiny(transformers)
    rows = [{"input_ids": [5, 6, 7, 8]}] * 4
    with pytest.raises(ValueError, match="did not return a loss"):
        errata.llm_16_train_bare_bert(config, rows, str(tmp_path))
    model = transformers.BertForMaskedLM(config)
    ids = torch.tensor([row["input_ids"] for row in rows])
    model(ids, labels=ids).loss.backward()
    assert model.bert.embeddings.word_embeddings.weight.grad.abs().sum() > 0


@pytest.mark.erratum("LLM-17")
def test_a_bare_model_has_no_logits_and_the_right_class_has():
    transformers = pytest.importorskip("transformers")
    config, ids = tiny(transformers), torch.tensor([[5, 6, 7]])
    with pytest.raises(AttributeError, match="logits"):
        errata.llm_17_logits_of_bare_bert(transformers.BertModel(config), ids)
    logits = transformers.BertForSequenceClassification(config)(ids).logits
    assert logits.shape == (1, 2)
    # Ours gives the scores of the words for what it is: a masked language model.
    from recsys_book.encoders.transformer import Transformer

    ours = MaskedLanguageModel(Transformer(CONFIG), torch.Generator().manual_seed(0))
    assert ours(ids).shape == (1, 3, 17)
    assert functional.softmax(ours(ids), -1).sum().item() == pytest.approx(3, abs=1e-5)
