"""A pre-trained transformer comes back as it was, or not at all."""

import os
from dataclasses import replace

import pytest
import torch

from recsys_book.encoders.configuration import TransformerConfig
from recsys_book.encoders.pretraining import load_transformer, save_transformer
from recsys_book.encoders.transformer import Transformer

CONFIG = TransformerConfig(30, width=8, layers=2, heads=2, max_tokens=9, segments=2, pooler=True)


@pytest.fixture
def saved(tmp_path):
    transformer = Transformer(CONFIG, torch.Generator().manual_seed(3))
    return transformer, save_transformer(transformer, tmp_path / "new" / "model.safetensors")


def test_what_is_loaded_answers_as_what_was_saved(saved):
    transformer, file = saved
    again = load_transformer(file, CONFIG)
    ids = torch.randint(30, (4, 9), generator=torch.Generator().manual_seed(0))
    assert again.config == CONFIG and not again.training
    assert torch.equal(again(ids), transformer(ids))
    assert torch.equal(again.pooled(again(ids)), transformer.pooled(transformer(ids)))


def test_another_size_is_named(saved):
    with pytest.raises(ValueError, match="with width 8, but width 16 is wanted"):
        load_transformer(saved[1], replace(CONFIG, width=16))


def test_a_changed_number_is_found(saved):
    raw = bytearray(saved[1].read_bytes())
    raw[-3] ^= 1
    saved[1].write_bytes(raw)
    with pytest.raises(ValueError, match="checksum is wrong"):
        load_transformer(saved[1])


def test_changed_sizes_are_found(saved):
    raw = saved[1].read_bytes()
    assert b'\\"dropout\\": 0.0' in raw
    saved[1].write_bytes(raw.replace(b'\\"dropout\\": 0.0', b'\\"dropout\\": 0.5'))
    with pytest.raises(ValueError, match="checksum is wrong"):
        load_transformer(saved[1])


def test_a_file_cut_short_is_found(saved):
    saved[1].write_bytes(saved[1].read_bytes()[:-100])
    with pytest.raises(ValueError, match="is damaged"):
        load_transformer(saved[1])


def test_a_missing_file_and_one_of_another_program(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(ValueError, match="There is no file"):
        load_transformer(tmp_path / "nothing")
    save_file({"w": torch.ones(2)}, tmp_path / "other")
    with pytest.raises(ValueError, match="another program"):
        load_transformer(tmp_path / "other")


def test_a_write_that_fails_leaves_the_old_file(saved, monkeypatch):
    _, file = saved
    before = file.read_bytes()

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        save_transformer(Transformer(CONFIG), file)
    assert file.read_bytes() == before and [each.name for each in file.parent.iterdir()] == [
        file.name
    ]
