"""The same fine-tuning with the libraries that most projects use: Trainer and accelerate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from recsys_book.encoders.fine_tuning.heads import LabelHead, click_loss
from recsys_book.encoders.fine_tuning.trunk import Trunk
from recsys_book.encoders.pooling import masked_mean
from recsys_book.encoders.transformer import Transformer

if TYPE_CHECKING:
    from transformers import Trainer


class LabelledTexts(Dataset):
    """Token ids and labels of texts, row by row: what belongs together is cut together.

    Args:
        ids: Token ids of each text.
        labels: 0 or 1, shape ``(n, labels)``.

    Raises:
        ValueError: If there is not one row of labels a text.
    """

    def __init__(self, ids: Sequence[Sequence[int]], labels: np.ndarray) -> None:
        labels = np.asarray(labels, dtype=np.float32)
        if labels.ndim != 2 or len(labels) != len(ids):
            raise ValueError(
                f"There are {len(ids)} texts and labels of shape {labels.shape}: give one row of "
                "labels a text."
            )
        self.ids, self.labels = ids, labels

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.ids)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """Return one text's ``input_ids`` and ``labels``."""
        return {"input_ids": self.ids[row], "labels": self.labels[row]}


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """Make one batch of rows: ids padded to the longest, the mask of what is text, the labels.

    Args:
        rows: Rows of a ``LabelledTexts``.

    Returns:
        ``input_ids`` and ``attention_mask`` ``(batch, tokens)``, ``labels`` ``(batch, labels)``.
    """
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    ids = torch.zeros(mask.shape, dtype=torch.long)
    ids[mask] = torch.tensor([token for row in rows for token in row["input_ids"]])
    labels = torch.from_numpy(np.stack([row["labels"] for row in rows]))
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


class LabelClassifier(nn.Module):
    """An encoder, the mean over its tokens, and a logit a label; it speaks Trainer's language.

    Args:
        encoder: The pretrained encoder; it is trained too, unless it is frozen before.
        labels: Number of labels.
        generator: Where the head's first weights come from; None is one with seed 0.
    """

    def __init__(
        self, encoder: Transformer, labels: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.encoder = encoder
        self.head = LabelHead(encoder.config.width, labels, generator)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return logits, and the loss where labels are given.

        Args:
            input_ids: Shape ``(batch, tokens)``.
            attention_mask: True for a token, of the same shape.
            labels: 0 or 1, shape ``(batch, labels)``.

        Returns:
            ``logits`` ``(batch, labels)``, and before it ``loss`` in nats a label.
        """
        mask = attention_mask.bool()
        logits = self.head(masked_mean(self.encoder(input_ids, mask), mask))
        if labels is None:
            return {"logits": logits}
        return {"loss": click_loss(logits.float(), labels), "logits": logits}


class TrunkClassifier(nn.Module):
    """The upper blocks over a trunk, and a logit a label: it reads positions of texts, not ids.

    Args:
        trunk: The texts, behind the frozen blocks; it is no part of what is saved.
        head: A head on the vectors, for instance one that was fitted on the frozen ones.
    """

    def __init__(self, trunk: Trunk, head: LabelHead) -> None:
        super().__init__()
        self.trunk, self.top, self.head = trunk, trunk.top(), head

    def forward(self, rows: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return logits, and the loss where labels are given.

        Args:
            rows: Positions of the texts in the trunk, shape ``(batch,)``.
            labels: 0 or 1, shape ``(batch, labels)``.

        Returns:
            ``logits`` ``(batch, labels)``, and before it ``loss`` in nats a label.
        """
        logits = self.head(self.top(*self.trunk.inputs(rows.cpu().numpy())))
        if labels is None:
            return {"logits": logits}
        return {"loss": click_loss(logits.float(), labels), "logits": logits}


def make_trainer(
    model: nn.Module,
    train: Dataset | Sequence[dict[str, Any]],
    valid: Dataset | Sequence[dict[str, Any]],
    folder: str | Path,
    *,
    lr: float = 5e-5,
    steps: int = 40,
    batch_size: int = 16,
    warmup: int = 4,
    seed: int = 0,
    collator: Callable[[list[dict[str, Any]]], dict[str, Tensor]] | None = collate,
    **options: Any,
) -> Trainer:
    """Return a Trainer with the recipe of this part: AdamW, warm-up, linear decay, clipping at 1.

    It saves a checkpoint every half of the run: weights, optimizer, schedule and the state of the
    random numbers, so that ``train(resume_from_checkpoint=True)`` goes on as if nothing happened.
    The Trainer sets the seeds of all global generators; nothing else in this package does.

    Source: Mosbach, Andriushchenko & Klakow (2021), section 6, for the warm-up.

    Args:
        model: What is trained: it takes a batch and returns a dictionary with ``loss``.
        train: Texts to learn from.
        valid: Texts to validate on.
        folder: Where checkpoints go.
        lr: The highest rate.
        steps: Steps of the run.
        batch_size: Texts in a batch.
        warmup: Steps of the rise.
        seed: Of the order of the texts.
        collator: Makes a batch of rows; None takes the library's, which stacks them.
        **options: Further arguments of ``transformers.TrainingArguments``, for instance
            ``bf16=True`` or ``gradient_accumulation_steps=2``.

    Returns:
        The Trainer, before its first step.
    """
    from transformers import PrinterCallback, Trainer, TrainingArguments

    settings = {
        "learning_rate": lr,
        "max_steps": steps,
        "per_device_train_batch_size": batch_size,
        "per_device_eval_batch_size": 64,
        "warmup_steps": warmup,
        "weight_decay": 0.01,
        "seed": seed,
        "save_steps": max(1, steps // 2),
        "logging_steps": max(1, steps // 8),
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "dataloader_pin_memory": False,
        "use_cpu": not torch.cuda.is_available(),
    }
    arguments = TrainingArguments(output_dir=str(folder), **{**settings, **options})
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=valid,
        data_collator=collator,
    )
    trainer.remove_callback(PrinterCallback)  # the log is in trainer.state.log_history
    return trainer


def accelerate_steps(
    model: nn.Module,
    batches: Iterable[dict[str, Tensor]],
    *,
    lr: float = 5e-5,
    mixed_precision: str = "no",
) -> np.ndarray:
    """Train by a loop of one's own, which accelerate moves to any device and precision.

    Args:
        model: Takes a batch and returns a dictionary with ``loss``; it ends trained, in float32.
        batches: The batches, in order.
        lr: The rate, after a warm-up over the first tenth of the batches.
        mixed_precision: ``"no"``, ``"bf16"`` or ``"fp16"`` (the last on a GPU alone).

    Returns:
        The loss of each step, before it, shape ``(steps,)``.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # a second run may want another type
    loader = DataLoader(list(batches), batch_size=None)
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=mixed_precision)
    params = [param for param in model.parameters() if param.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=lr, weight_decay=0.01)
    rise = max(1, len(loader) // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / rise))
    wrapped, optimizer, loader = accelerator.prepare(model.train(), optimizer, loader)
    losses = []
    for batch in loader:
        loss = wrapped(**batch)["loss"]
        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(params, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    accelerator.unwrap_model(wrapped, keep_fp32_wrapper=False)
    return np.array(losses)


@torch.no_grad()
def predict_logits(
    model: LabelClassifier, texts: LabelledTexts, batch_size: int = 64
) -> np.ndarray:
    """Return the logits of texts, shape ``(n, labels)``.

    Args:
        model: A classifier; it is put into evaluation mode.
        texts: The texts.
        batch_size: Texts that go through it together.

    Returns:
        Float32, in the order of the texts.
    """
    model.eval()
    out = []
    for batch in DataLoader(texts, batch_size=batch_size, collate_fn=collate):
        out.append(model(batch["input_ids"], batch["attention_mask"])["logits"].numpy())
    return np.concatenate(out)
