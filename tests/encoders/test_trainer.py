import logging

import numpy as np
import pytest
import torch

from recsys_book.encoders import Transformer, TransformerConfig
from recsys_book.encoders.fine_tuning import (
    LabelClassifier,
    LabelHead,
    LabelledTexts,
    Trunk,
    TrunkClassifier,
    accelerate_steps,
    click_loss,
    collate,
    make_trainer,
    predict_logits,
)


def toy():
    config = TransformerConfig(30, width=16, layers=1, heads=2, norm="post", max_tokens=12)
    return LabelClassifier(Transformer(config, torch.Generator().manual_seed(1)), 2)


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    ids = [[int(x) for x in rng.integers(4, 30, n)] for n in rng.integers(3, 9, 48)]
    return LabelledTexts(ids, np.array([[5 in row, 6 in row] for row in ids]))


@pytest.fixture
def batches(texts):
    return [collate([texts[i] for i in range(k, k + 8)]) for k in range(0, 48, 8)]


def test_collate_keeps_ids_mask_and_labels_together(texts):
    batch = collate([texts[3], texts[7]])
    for row, source in enumerate((3, 7)):
        kept = batch["input_ids"][row][batch["attention_mask"][row]]
        assert kept.tolist() == texts.ids[source]
        np.testing.assert_array_equal(batch["labels"][row], texts.labels[source])
    assert not batch["input_ids"][~batch["attention_mask"]].any()


def test_labels_are_one_row_a_text():
    with pytest.raises(ValueError, match="one row of labels a text"):
        LabelledTexts([[1], [2]], np.zeros(2))


def test_classifier_gives_the_loss_of_its_logits(batches):
    out = toy()(**batches[0])
    torch.testing.assert_close(out["loss"], click_loss(out["logits"], batches[0]["labels"]))


def test_trunk_classifier_trains_its_top_and_head_in_a_trainer(texts, tmp_path):
    trunk = Trunk.of(toy().encoder, texts.ids, 0)
    head = LabelHead(trunk.width, 2, torch.Generator().manual_seed(0))
    model, rows = TrunkClassifier(trunk, head), torch.arange(8)
    out = model(rows, torch.from_numpy(texts.labels[:8]))
    vectors = torch.from_numpy(trunk.pretrained[:8])
    torch.testing.assert_close(out["logits"], head(vectors))
    torch.testing.assert_close(
        out["loss"], click_loss(out["logits"], torch.from_numpy(texts.labels[:8]))
    )
    torch.testing.assert_close(model(rows)["logits"], out["logits"])
    data = [{"rows": row, "labels": texts.labels[row]} for row in range(48)]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer = make_trainer(model, data, data, tmp_path, lr=1e-2, steps=4, collator=None)
    assert trainer.train().training_loss < out["loss"].item() + 0.1
    moved = {n.split(".")[0] for n, v in model.state_dict().items() if not v.equal(before[n])}
    assert moved == {"top", "head"}
    assert all(
        value.equal(trunk.blocks.state_dict()[name])
        for name, value in trunk.top().blocks.state_dict().items()
    )


def test_padding_changes_no_logit(texts):
    model = toy().eval()
    together = predict_logits(model, texts, batch_size=48)
    alone = predict_logits(model, texts, batch_size=1)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_trainer_resumes_as_if_nothing_had_happened(texts, tmp_path, capsys):
    logging.disable(logging.WARNING)
    options = dict(steps=6, batch_size=8, lr=1e-3, warmup=1)
    straight = make_trainer(toy(), texts, texts, tmp_path, **options)
    before = predict_logits(straight.model, texts)
    straight.train()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-3", "checkpoint-6"]
    again = make_trainer(toy(), texts, texts, tmp_path, **options)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert again.state.global_step == 6
    a, b = (predict_logits(t.model, texts) for t in (straight, again))
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, before)
    assert "loss" not in capsys.readouterr().out
    logging.disable(logging.NOTSET)


def test_accelerate_takes_the_steps_of_a_plain_loop(batches):
    ours, theirs = toy(), toy()
    optimizer = torch.optim.AdamW(ours.parameters(), lr=1e-3, weight_decay=0.01)
    want = []
    for batch in batches:  # six batches: the warm-up is one step long
        loss = ours(**batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(ours.parameters(), 1.0)
        optimizer.step()
        want.append(loss.item())
    got = accelerate_steps(theirs, batches, lr=1e-3)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b)


def test_mixed_precision_is_near_and_not_equal(batches, texts):
    exact = accelerate_steps(toy(), batches, lr=1e-3)
    model = toy()
    mixed = accelerate_steps(model, batches, lr=1e-3, mixed_precision="bf16")
    assert not np.array_equal(exact, mixed)
    np.testing.assert_allclose(exact, mixed, rtol=0.01)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert predict_logits(model, texts).dtype == np.float32
