"""A tiny BERT with random weights stands for the real one, which is compared in benchmarks/."""

import os
import sys
import warnings

import numpy as np
import pytest
import torch

from recsys_book.encoders import onnx_backend
from recsys_book.encoders.onnx_backend import OnnxModel, export_onnx

for name in ("onnx", "onnxruntime"):
    pytest.importorskip(name, reason="the extra onnx is not installed")

IDS = torch.tensor([[2, 9, 4, 7, 3], [2, 5, 3, 0, 0], [2, 3, 0, 0, 0]])
MASK = (IDS > 0).long()


def save_bert(folder, seed):
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=12,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    model = BertModel(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.3, generator=generator)
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bert")


@pytest.fixture(scope="module")
def bert(folder):
    return save_bert(folder, 0)


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(shared_cache, monkeypatch):
    """A cache folder of these tests."""
    monkeypatch.setenv("RECSYS_BOOK_DATA", str(shared_cache))
    return shared_cache / "onnx"


@pytest.fixture
def writing(monkeypatch):
    """Write a word instead of a model, and count how often."""
    calls = []

    def export(path, target):
        calls.append(path)
        target.write_text(f"model {len(calls)}")

    monkeypatch.setattr(onnx_backend, "_export", export)
    return calls


def test_hidden_states_are_torch_s_for_every_shape(bert, folder):
    model = OnnxModel(folder)
    for ids, mask in ((IDS, MASK), (IDS[:1], MASK[:1]), (IDS.repeat(3, 5), MASK.repeat(3, 5))):
        with torch.no_grad():
            expected = bert(input_ids=ids, attention_mask=mask).last_hidden_state.numpy()
        got = model(ids, mask.numpy())
        assert got.dtype == np.float32 and got.shape == (*ids.shape, 16)
        np.testing.assert_allclose(got[mask.bool()], expected[mask.bool()], atol=1e-5)


def test_padding_changes_nothing(bert, folder):
    model = OnnxModel(folder)
    padded, alone = model(IDS, MASK)[1, :3], model(IDS[1:2, :3], MASK[1:2, :3])[0]
    np.testing.assert_allclose(padded, alone, atol=1e-5)


def test_torch_s_threads_are_used(bert, folder):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        session = OnnxModel(folder).session
    finally:
        torch.set_num_threads(before)
    assert session.get_session_options().intra_op_num_threads == 1


def test_exporting_says_nothing(bert, folder, cache, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert export_onnx(folder).is_file()
    heard = capfd.readouterr()
    assert heard.out == "" and "Warning" not in heard.err
    assert len(os.listdir(tmp_path / "onnx")) == 2


class TestCache:
    def test_it_is_written_once(self, bert, folder, tmp_path, monkeypatch, writing):
        monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path))
        assert export_onnx(folder) == export_onnx(str(folder))
        assert len(writing) == 1

    def test_other_weights_are_another_file(self, bert, folder, tmp_path, monkeypatch, writing):
        monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path / "cache"))
        other = tmp_path / "other"
        save_bert(other, 1)
        assert export_onnx(folder) != export_onnx(other)

    @pytest.mark.parametrize("part", ["file", "digest"])
    def test_a_damaged_file_is_written_again(
        self, bert, folder, tmp_path, monkeypatch, writing, part
    ):
        monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path))
        file = export_onnx(folder)
        (file if part == "file" else file.with_suffix(".sha256")).write_text("mode")
        assert export_onnx(folder).read_text() == "model 2"
        export_onnx(folder)
        assert len(writing) == 2

    def test_a_failed_export_leaves_nothing(self, bert, folder, tmp_path, monkeypatch):
        monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path))

        def fail(path, target):
            target.write_text("half")
            raise RuntimeError("no memory")

        monkeypatch.setattr(onnx_backend, "_export", fail)
        with pytest.raises(RuntimeError, match="no memory"):
            export_onnx(folder)
        assert os.listdir(tmp_path / "onnx") == []


class TestErrors:
    def test_the_runtime_is_missing(self, folder, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(ValueError, match=r'onnxruntime.*pip install "recsys-book\[onnx\]"'):
            OnnxModel(folder)

    def test_the_exporter_s_package_is_missing(self, bert, folder, tmp_path, monkeypatch):
        def no_onnx(*_, **__):
            raise ModuleNotFoundError("No module named 'onnx'", name="onnx")

        monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path))
        monkeypatch.setattr(torch.onnx, "export", no_onnx)
        with pytest.raises(ValueError, match="The package onnx is not installed"):
            export_onnx(folder)

    def test_no_folder(self, tmp_path):
        with pytest.raises(ValueError, match="There is no model folder"):
            OnnxModel(tmp_path / "nothing")

    def test_a_folder_without_a_model(self, tmp_path):
        (tmp_path / "readme.txt").write_text("nothing here")
        with pytest.raises(ValueError, match="holds no encoder that transformers can load"):
            OnnxModel(tmp_path)

    def test_a_file_of_something_else(self, tmp_path):
        file = tmp_path / "foreign.onnx"
        file.write_text("not a model")
        with pytest.raises(ValueError, match="not a model that ONNX Runtime can read"):
            OnnxModel(file)
