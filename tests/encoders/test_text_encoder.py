"""The encoder against the library's model, and a cache that cannot lie."""

import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from recsys_book.data import encoder_path
from recsys_book.encoders import TextEncoder, title_vectors
from recsys_book.encoders.text_encoder import masked_mean, title_texts

TEXTS = [
    "Toy Story (1995) Animation, Children's, Comedy",
    "",
    "Amélie",
    "the " * 400,
    "Heat (1995) Action, Crime, Thriller",
]


@pytest.fixture(scope="module")
def encoder():
    return TextEncoder.from_pretrained()


@pytest.fixture(scope="module")
def library():
    """The tokenizer and the model as the library gives them."""
    from transformers import AutoModel, AutoTokenizer

    path = encoder_path()
    return AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("RECSYS_BOOK_DATA", str(tmp_path))
    return tmp_path / "vectors"


@pytest.fixture
def counting(tmp_path, monkeypatch):
    """An encoder whose model counts its runs instead of computing anything."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    runs = []

    def compute(self, texts, batch_size):
        runs.append(list(texts))
        return np.full((len(texts), 4), len(runs), dtype=np.float32)

    monkeypatch.setattr(TextEncoder, "_compute", compute)
    return SimpleNamespace(encoder=TextEncoder(folder), runs=runs, folder=folder)


def files(folder):
    return sorted(folder.iterdir()) if folder.exists() else []


class TestNumbers:
    def test_they_are_the_library_s_model_and_a_masked_mean(self, encoder, library):
        tokenizer, model = library
        expected = []
        for text in TEXTS:  # one at a time: no padding, so the mean needs no mask
            batch = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
            with torch.no_grad():
                mean = model(**batch).last_hidden_state[0].double().mean(dim=0).numpy()
            expected.append(mean / np.linalg.norm(mean))
        vectors = encoder.encode(TEXTS, batch_size=2, cache=False)
        assert vectors.shape == (5, 384) and vectors.dtype == np.float32
        assert np.allclose(vectors, expected, atol=1e-5)

    def test_padding_has_no_part_in_the_mean(self):
        hidden = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]]])
        assert masked_mean(hidden, torch.tensor([[1, 1, 0]])).tolist() == [[2.0, 4.0]]

    def test_no_texts_give_no_rows(self, encoder):
        assert encoder.encode([], cache=False).shape == (0, 384)


class TestCache:
    def test_the_second_time_the_model_does_not_run(self, counting, cache):
        first = counting.encoder.encode(["a", "b"])
        again = TextEncoder(counting.folder).encode(("a", "b"))
        assert np.array_equal(first, again)
        assert counting.runs == [["a", "b"]]
        assert len(files(cache)) == 1

    @pytest.mark.parametrize("texts", [["b", "a"], ["ab"], ["a", "b", ""], ["a\0b"], ["a"]])
    def test_other_texts_are_others(self, counting, cache, texts):
        counting.encoder.encode(["a", "b"])
        counting.encoder.encode(texts)
        assert counting.runs == [["a", "b"], texts]

    def test_other_weights_are_others(self, counting, cache):
        counting.encoder.encode(["a"])
        (counting.folder / "model.safetensors").write_bytes(b"weightz")
        TextEncoder(counting.folder).encode(["a"])
        assert len(counting.runs) == len(files(cache)) == 2

    @pytest.mark.parametrize(
        "damage",
        [
            lambda raw: raw[:-3],
            lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
            lambda raw: b"",
            lambda raw: raw[:40],
        ],
        ids=["cut", "one bit", "empty", "header only"],
    )
    def test_a_damaged_file_is_made_again(self, counting, cache, damage):
        counting.encoder.encode(["a", "b"])
        (file,) = files(cache)
        whole = file.read_bytes()
        file.write_bytes(damage(whole))
        assert np.array_equal(counting.encoder.encode(["a", "b"]), np.full((2, 4), 2.0))
        assert len(counting.runs) == 2
        assert np.array_equal(counting.encoder.encode(["a", "b"]), np.full((2, 4), 2.0))
        assert len(counting.runs) == 2

    def test_an_interrupted_write_leaves_nothing(self, counting, cache, monkeypatch):
        def interrupted(source, target):
            assert not os.path.exists(target)
            raise OSError("no space")

        monkeypatch.setattr(os, "replace", interrupted)
        assert counting.encoder.encode(["a"]).shape == (1, 4)
        assert files(cache) == []

    def test_a_folder_that_cannot_be_made_costs_time_only(self, counting, cache):
        cache.write_text("a file where the folder should be")
        assert counting.encoder.encode(["a"]).shape == (1, 4)

    def test_it_can_be_left_alone(self, counting, cache):
        counting.encoder.encode(["a"], cache=False)
        assert files(cache) == []


class TestInput:
    def test_one_string_is_refused(self, counting):
        with pytest.raises(ValueError, match=r"pass \[text\]"):
            counting.encoder.encode("a")

    def test_an_entry_that_is_no_string_is_named(self, counting):
        with pytest.raises(ValueError, match="Text 1 is of type NoneType"):
            counting.encoder.encode(["a", None])


class TestTitles:
    def test_a_film_is_its_title_year_and_genres(self):
        table = pd.DataFrame(
            {
                "title": ["Toy Story", "unknown"],
                "year": pd.array([1995, None], dtype="Int64"),
                "genres": ["Animation|Comedy", "unknown"],
            }
        )
        films = SimpleNamespace(items=table)
        assert title_texts(films) == ["Toy Story (1995) Animation, Comedy", "unknown unknown"]

    def test_every_film_has_a_vector(self, ml100k, counting, cache):
        vectors = title_vectors(ml100k, counting.encoder)
        assert vectors.shape == (ml100k.interactions.n_items, 4)
        assert counting.runs[0][0] == "Toy Story (1995) Animation, Children's, Comedy"

    def test_the_default_encoder_is_the_fetched_one(self, ml100k, monkeypatch):
        monkeypatch.setattr(TextEncoder, "encode", lambda self, texts: (self.path, len(texts)))
        assert title_vectors(ml100k) == (encoder_path(), ml100k.interactions.n_items)
