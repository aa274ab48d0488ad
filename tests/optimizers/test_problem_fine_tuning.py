"""The fine-tuning problem: what it cuts, what it freezes, and what it measures."""

import numpy as np
import pytest
import torch

from recsys_book.data import encoder_path
from recsys_book.optimizers.problems.fine_tuning import FineTuningProblem, mean_cosine

TITLES = [f"Film {n} of many" for n in range(20)]
LABELS = np.arange(20) % 4 == 0


def make(**options):
    options = {"steps": 2, "batch_size": 3, "n_valid": 8, **options}
    return FineTuningProblem(TITLES, LABELS, encoder_path(), **options)


def test_batches_and_base_loss():
    problem = make()
    batches = list(problem.batches(0))
    assert [len(labels) for _, labels in batches] == [3, 3]
    again, other = list(problem.batches(0)), list(problem.batches(1))
    assert torch.equal(batches[0][0]["input_ids"], again[0][0]["input_ids"])
    assert not torch.equal(batches[0][0]["input_ids"], other[0][0]["input_ids"])
    share, held = LABELS[problem._train].mean(), problem.valid[1].numpy()
    want = -np.mean(held * np.log(share) + (1 - held) * np.log(1 - share))
    assert problem.base_loss == pytest.approx(want, rel=1e-5)


def test_the_model_starts_undecided_and_keeps_its_words():
    problem = make()
    model = problem.model(0)
    assert problem.validate(model) == pytest.approx(np.log(2), rel=1e-6)
    problem.loss(model, problem.valid).backward()
    assert model.head.weight.grad is not None
    assert all(p.grad is None for p in model.encoder.embeddings.parameters())
    assert model.vectors(problem.valid[0]).shape == (8, 384)
    assert 0 < problem.cosine(model) < 1


def test_mean_cosine():
    assert mean_cosine(torch.eye(3)) == pytest.approx(0)
    assert mean_cosine(torch.tensor([[1.0, 0], [2, 0], [5, 0]])) == pytest.approx(1)


def test_texts_and_labels_must_fit():
    with pytest.raises(ValueError, match="There are 20 texts and 3 labels"):
        FineTuningProblem(TITLES, LABELS[:3], encoder_path())
    with pytest.raises(ValueError, match="more than the 20 to validate on"):
        make(n_valid=20)
