"""The encoder against sentence-transformers and the library's model, and against bad input."""

import os
import shutil
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from recsys_book.data import encoder_path
from recsys_book.encoders import TextEncoder, title_vectors
from recsys_book.encoders import text_encoder as module
from recsys_book.encoders.model_folder import find_model, most_tokens
from recsys_book.encoders.pooling import POOLINGS, pad_tokens, token_idf
from recsys_book.encoders.text_encoder import masked_mean, title_texts

TEXTS = [
    "Toy Story (1995) Animation, Children's, Comedy",
    "",
    "Amélie",
    "the " * 400,
    "Heat (1995) Action, Crime, Thriller",
    "霸王别姬",
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


@pytest.fixture(scope="module")
def peer():
    """sentence-transformers with the same weights."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(encoder_path()), device="cpu")


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

    def compute(self, texts, batch_size, progress):
        runs.append(list(texts))
        tokens = np.array([len(t) for t in texts], dtype=np.int64)
        return np.full((len(texts), 4), len(runs), dtype=np.float32), tokens

    monkeypatch.setattr(TextEncoder, "_compute", compute)
    return SimpleNamespace(encoder=TextEncoder(folder), runs=runs, folder=folder)


def files(folder):
    return sorted(folder.rglob("*.vectors"))


@pytest.mark.filterwarnings("ignore:1 of")
class TestNumbers:
    def test_they_are_sentence_transformers_numbers(self, encoder, peer):
        ours = encoder.encode(TEXTS, batch_size=4, cache=False)
        theirs = peer.encode(TEXTS, normalize_embeddings=True)
        assert ours.shape == theirs.shape and ours.dtype == np.float32
        assert np.abs(ours - theirs).max() <= 1e-5

    @pytest.mark.equation("eq-masked-mean")
    def test_they_are_the_library_s_model_and_a_masked_mean(self, encoder, library):
        tokenizer, model = library
        expected = []
        for text in TEXTS:  # one at a time: no padding, so the mean needs no mask
            batch = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
            with torch.no_grad():
                mean = model(**batch).last_hidden_state[0].double().mean(dim=0).numpy()
            expected.append(mean / np.linalg.norm(mean))
        vectors = encoder.encode(TEXTS, batch_size=2, cache=False)
        assert np.allclose(vectors, expected, atol=1e-5)

    @pytest.mark.parametrize("how", ["cls", "max", "weighted"])
    def test_other_poolings_are_those_of_single_texts(self, library, how):
        tokenizer, model = library
        encoder = TextEncoder.from_pretrained(pooling=how, normalize=False)
        vectors = encoder.encode(TEXTS[:3], cache=False)
        for text, vector in zip(TEXTS, vectors):
            with torch.no_grad():
                hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
            place = np.arange(1, len(hidden) + 1)[:, None]
            expected = {
                "cls": hidden[0],
                "max": hidden.max(0),
                "weighted": (hidden * place).sum(0) / place.sum(),
            }[how]
            assert np.allclose(vector, expected, atol=1e-5)

    def test_equal_token_weights_are_the_mean(self, encoder):
        even = np.full(30522, 2.0, dtype=np.float32)
        weighted = TextEncoder.from_pretrained(pooling="weighted", token_weights=even)
        np.testing.assert_allclose(
            weighted.encode(TEXTS[:3], cache=False),
            encoder.encode(TEXTS[:3], cache=False),
            atol=1e-6,
        )
        idf = token_idf(encoder.tokenize(TEXTS)[0], 30522)
        rare = TextEncoder.from_pretrained(pooling="weighted", token_weights=idf)
        assert not np.allclose(
            rare.encode(TEXTS[:1], cache=False), encoder.encode(TEXTS[:1], cache=False), atol=1e-3
        )

    def test_the_batch_size_and_the_company_change_nothing(self, encoder):
        alone = np.concatenate([encoder.encode([t], cache=False) for t in TEXTS])
        assert np.allclose(encoder.encode(TEXTS, cache=False), alone, atol=1e-6)

    def test_without_normalising_lengths_differ_and_directions_do_not(self, encoder):
        plain = TextEncoder.from_pretrained(normalize=False).encode(TEXTS[:3], cache=False)
        lengths = np.linalg.norm(plain, axis=1, keepdims=True)
        assert np.ptp(lengths) > 0.1
        assert np.allclose(plain / lengths, encoder.encode(TEXTS[:3], cache=False), atol=1e-6)

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_half_precision_is_close_and_comes_as_float32(self, encoder, dtype):
        half = TextEncoder.from_pretrained(dtype=dtype)
        vectors = half.encode(TEXTS[:3], cache=False)
        assert vectors.dtype == np.float32
        cosine = (vectors * encoder.encode(TEXTS[:3], cache=False)).sum(1)
        assert (cosine > 0.999).all() and (cosine < 1 - 1e-9).any()

    def test_onnx_gives_the_same(self, encoder):
        pytest.importorskip("onnxruntime")
        fast = TextEncoder.from_pretrained(backend="onnx")
        assert np.allclose(
            fast.encode(TEXTS, cache=False), encoder.encode(TEXTS, cache=False), atol=1e-5
        )

    def test_an_empty_text_is_the_mean_of_the_special_tokens(self, encoder):
        ids, counts = encoder.tokenize([""])
        assert ids == [[101, 102]] and counts.tolist() == [2]
        hidden = encoder.hidden_states(torch.tensor(ids), torch.ones(1, 2, dtype=torch.int64))
        mean = torch.nn.functional.normalize(hidden.mean(1)).numpy()
        assert np.allclose(encoder.encode([""], cache=False), mean, atol=1e-6)

    @pytest.mark.parametrize("how", POOLINGS)
    def test_no_texts_give_no_rows(self, encoder, how, cache):
        model = TextEncoder(encoder.path, pooling=how)
        assert model.encode([]).shape == (0, 384)
        assert model.encode([], cache=False).shape == (0, 384)
        assert files(cache) == []

    def test_rows_are_padded_with_the_padding_token(self):
        ids, mask = pad_tokens([[7, 8, 9], [5]], padding=3)
        assert ids.tolist() == [[7, 8, 9], [5, 3, 3]]
        assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]

    def test_the_old_name_still_imports(self):
        hidden = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]]])
        assert masked_mean(hidden, torch.tensor([[1, 1, 0]])).tolist() == [[2.0, 4.0]]


class TestLongTexts:
    def test_cut_texts_are_counted_and_said(self, encoder):
        with pytest.warns(UserWarning, match="^1 of 6 texts have more than 256 tokens") as said:
            encoder.encode(TEXTS, cache=False)
        assert encoder.truncated_ == 1 and len(said) == 1
        assert said[0].filename == __file__

    def test_as_long_as_the_limit_is_not_too_long(self, encoder):
        ids, counts = encoder.tokenize(["the " * 254, "the " * 255])
        assert [len(row) for row in ids] == [256, 256]
        assert counts.tolist() == [256, 257]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            encoder.encode(["the " * 254], cache=False)
        assert encoder.truncated_ == 0

    def test_what_is_cut_is_the_end(self, encoder):
        long, other = "the " * 300 + "cat", "the " * 300 + "dog"
        with pytest.warns(UserWarning, match="2 of 2"):
            a, b = encoder.encode([long, other], cache=False)
        assert np.array_equal(a, b)

    def test_a_cached_text_is_reported_too(self, counting, cache):
        texts = ["x" * 300, "y"]
        for _ in range(2):
            with pytest.warns(UserWarning, match="1 of 2 texts"):
                counting.encoder.encode(texts)
        assert len(counting.runs) == 1


class TestCache:
    def test_the_second_time_the_model_does_not_run(self, counting, cache):
        first = counting.encoder.encode(["a", "b"])
        again = TextEncoder(counting.folder).encode(("a", "b"))
        assert np.array_equal(first, again)
        assert counting.runs == [["a", "b"]]
        assert len(files(cache)) == 1

    def test_one_new_film_costs_one_encoding(self, counting, cache):
        counting.encoder.encode(["a", "b"])
        vectors = counting.encoder.encode(["b", "new", "a", "new"])
        assert counting.runs == [["a", "b"], ["new"]]
        assert vectors[:, 0].tolist() == [1, 2, 1, 2]

    def test_a_text_that_is_there_twice_is_encoded_once(self, counting, cache):
        vectors = counting.encoder.encode(["b", "a", "b", "c", "a"], cache=False)
        assert counting.runs == [["b", "a", "c"]]
        assert vectors.shape == (5, 4)

    @pytest.mark.parametrize("texts", [["ab"], ["a\0b"], ["A"], [""]])
    def test_other_texts_are_others(self, counting, cache, texts):
        counting.encoder.encode(["a", "b"])
        counting.encoder.encode(texts)
        assert counting.runs == [["a", "b"], texts]

    def test_every_row_is_its_own_text_s(self, encoder, cache):
        texts = [f"film {n}" for n in range(7)]
        fresh = TextEncoder(encoder.path)
        fresh.encode([texts[4], texts[1]])
        fresh.encode([texts[3]])
        expected = encoder.encode(texts, cache=False)
        for _ in range(2):
            assert np.allclose(fresh.encode(texts), expected, atol=1e-6)

    def test_other_weights_are_others(self, counting, cache):
        counting.encoder.encode(["a"])
        (counting.folder / "model.safetensors").write_bytes(b"weightz")
        TextEncoder(counting.folder).encode(["a"])
        assert len(counting.runs) == len(files(cache)) == 2

    @pytest.mark.parametrize(
        "settings",
        [
            {"pooling": "cls"},
            {"pooling": "weighted"},
            {"normalize": False},
            {"dtype": "bfloat16"},
            {"backend": "onnx"},
            {"max_tokens": 64},
        ],
    )
    def test_other_settings_are_others(self, counting, cache, settings):
        counting.encoder.encode(["a"])
        TextEncoder(counting.folder, **settings).encode(["a"])
        assert len(counting.runs) == 2

    def test_other_token_weights_are_others(self, counting, cache):
        for weight in (1.0, 2.0):
            weights = np.full(9, weight)
            TextEncoder(counting.folder, "weighted", token_weights=weights).encode(["a"])
        assert len(counting.runs) == 2

    def test_a_damaged_file_is_made_again(self, counting, cache):
        counting.encoder.encode(["a", "b"])
        (file,) = files(cache)
        file.write_bytes(file.read_bytes()[:-3])
        for _ in range(2):
            assert np.array_equal(counting.encoder.encode(["a", "b"]), np.full((2, 4), 2.0))
        assert len(counting.runs) == 2

    def test_a_folder_that_cannot_be_made_costs_time_only(self, counting, cache):
        cache.write_text("a file where the folder should be")
        assert counting.encoder.encode(["a"]).shape == (1, 4)

    def test_it_can_be_left_alone(self, counting, cache):
        counting.encoder.encode(["a"], cache=False)
        assert files(cache) == []

    def test_the_weights_are_not_loaded_to_read_vectors(self, encoder, cache, monkeypatch):
        TextEncoder(encoder.path).encode(["a"])
        monkeypatch.setattr(module, "load_torch", None)
        assert TextEncoder(encoder.path).encode(["a"]).shape == (1, 384)


class TestInput:
    def test_one_string_is_refused(self, counting):
        with pytest.raises(ValueError, match=r"pass \[text\]"):
            counting.encoder.encode("a")

    def test_an_entry_that_is_no_string_is_named(self, counting):
        with pytest.raises(ValueError, match="Text 1 is of type NoneType"):
            counting.encoder.encode(["a", None])

    def test_a_vector_that_is_not_finite_is_refused_and_not_kept(
        self, counting, cache, monkeypatch
    ):
        def compute(self, texts, batch_size, progress):
            vectors = np.ones((len(texts), 4), dtype=np.float32)
            vectors[1, 2] = np.nan
            return vectors, np.ones(len(texts), dtype=np.int64)

        monkeypatch.setattr(TextEncoder, "_compute", compute)
        with pytest.raises(ValueError, match="of the text 'b' is not finite, and so it is for 1"):
            counting.encoder.encode(["a", "b", "c"])
        assert files(cache) == []

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"pooling": "first"}, "pooling is 'first'"),
            ({"dtype": "int8"}, "dtype is 'int8': use one of float32, bfloat16, float16"),
            ({"backend": "tensorflow"}, "backend is 'tensorflow': use one of torch, onnx"),
            ({"backend": "onnx", "dtype": "float16"}, "computes in float32, but dtype is float16"),
            ({"max_tokens": 2}, "max_tokens is 2: use at least 3"),
            ({"max_tokens": 513}, "max_tokens is 513.*at most the 512 positions"),
            ({"token_weights": np.ones(3)}, "pooling is 'mean', which has no use"),
        ],
    )
    def test_a_setting_that_cannot_be_is_refused(self, settings, message):
        with pytest.raises(ValueError, match=message):
            TextEncoder.from_pretrained(**settings)

    def test_weights_of_two_types_are_refused(self, encoder, monkeypatch):
        from transformers import AutoModel

        true = AutoModel.from_pretrained

        def mixed(path, dtype):
            model = true(path, dtype=dtype)
            model.pooler.half()
            return model

        monkeypatch.setattr(AutoModel, "from_pretrained", mixed)
        with pytest.raises(ValueError, match="types torch.float16, torch.float32 after loading"):
            TextEncoder(encoder.path).encode(["a"], cache=False)


class TestFolders:
    @pytest.fixture
    def copy(self, tmp_path):
        """The default model in a folder of the reader's."""
        folder = tmp_path / "mine"
        shutil.copytree(encoder_path(), folder, copy_function=os.symlink)
        return folder

    def test_a_local_folder_will_do(self, copy, encoder):
        mine = TextEncoder.from_pretrained(str(copy))
        assert np.array_equal(
            mine.encode(["Heat"], cache=False), encoder.encode(["Heat"], cache=False)
        )

    @pytest.mark.parametrize(
        ("lost", "message"),
        [
            (["config.json"], "has no config.json"),
            (["model.safetensors"], "has no weights"),
            (["tokenizer.json", "vocab.txt"], "has no tokenizer"),
        ],
    )
    def test_what_a_folder_lacks_is_named(self, copy, lost, message):
        for name in lost:
            (copy / name).unlink()
        with pytest.raises(ValueError, match=message) as error:
            TextEncoder.from_pretrained(copy)
        assert str(copy) in str(error.value) and "\n" not in str(error.value)

    @pytest.mark.parametrize("name", ["bert-base-chinese", "/no/such/folder", "a//b"])
    def test_a_name_that_cannot_be_had_is_one_sentence(self, name, monkeypatch, tmp_path):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        with pytest.raises(ValueError, match=f"No encoder {name} was found") as error:
            TextEncoder.from_pretrained(name)
        assert "pass the path of a local folder" in str(error.value)
        assert str(error.value).count(". ") == 0

    def test_a_name_on_the_hub_is_asked_for_at_its_revision(self, copy, monkeypatch):
        import huggingface_hub

        asked = []

        def download(name, revision, allow_patterns):
            asked.append((name, revision))
            assert "*.safetensors" in allow_patterns
            return str(copy)

        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        assert find_model("some/encoder", "v2") == copy
        assert asked == [("some/encoder", "v2")]

    def test_the_revision_is_in_the_sentence(self, monkeypatch):
        import huggingface_hub

        def download(*args, **options):
            raise ConnectionError

        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        with pytest.raises(ValueError, match="some/encoder at revision v2.*ConnectionError"):
            find_model("some/encoder", "v2")

    def test_a_model_without_a_limit_has_none(self, tmp_path):
        assert most_tokens(tmp_path) is None
        assert most_tokens(encoder_path()) == 512


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
