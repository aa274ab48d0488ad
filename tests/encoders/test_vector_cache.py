"""The cache: whole files only, of this model only, each text once."""

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from recsys_book.encoders import vector_cache
from recsys_book.encoders.vector_cache import (
    MOST_FILES,
    Entries,
    VectorCache,
    fingerprint,
    merge,
    name_texts,
)


def entries(*texts, width=3):
    """Vectors that can be told from the text: its length, in every coordinate."""
    names = name_texts(texts)
    order = np.lexsort((names[:, 1], names[:, 0]))
    tokens = np.array([len(t) for t in texts], dtype=np.int64)[order]
    return Entries(names[order], tokens, np.repeat(tokens[:, None], width, 1).astype(np.float32))


def lengths(found, *texts):
    rows = found.rows(name_texts(texts))
    return [int(found.tokens[r]) if r >= 0 else None for r in rows]


def files(cache):
    return sorted(cache.folder.iterdir()) if cache.folder.exists() else []


@pytest.fixture
def cache(tmp_path):
    return VectorCache(tmp_path, b"model")


class TestLookUp:
    def test_each_text_finds_its_own_row(self):
        found = entries("a", "bcd", "", "ef")
        assert lengths(found, "ef", "x", "", "a", "bcd", "a") == [2, None, 0, 1, 3, 1]

    def test_nothing_is_found_in_nothing(self):
        assert entries().rows(name_texts(["a"])).tolist() == [-1]

    def test_the_same_half_of_a_name_is_another_text(self):
        found = entries("a")
        other = found.names.copy()
        other[0, 1] ^= 1
        assert found.rows(other).tolist() == [-1]

    def test_a_lone_surrogate_has_a_name_too(self):
        assert len({tuple(n) for n in name_texts(["\ud800", "?", ""])}) == 3

    def test_of_two_vectors_the_first_stays(self):
        late = entries("a", "b")
        late.vectors[:] = 9.0
        whole = merge([entries("a", "cc"), late])
        assert lengths(whole, "a", "b", "cc") == [1, 1, 2]
        rows = whole.rows(name_texts(["a", "b"]))
        assert whole.vectors[rows, 0].tolist() == [1.0, 9.0]


class TestFiles:
    def test_what_was_kept_is_found(self, cache, tmp_path):
        assert cache.read() is None
        cache.add(entries("a", "bb"))
        cache.add(entries("ccc"))
        found = VectorCache(tmp_path, b"model").read()
        assert lengths(found, "ccc", "a", "bb", "dddd") == [3, 1, 2, None]
        assert found.vectors.dtype == np.float32
        assert len(files(cache)) == 2

    def test_the_same_again_is_the_same_file(self, cache):
        cache.add(entries("a", "bb"))
        cache.add(entries("bb", "a"))
        assert len(files(cache)) == 1

    def test_another_key_sees_nothing(self, cache, tmp_path):
        cache.add(entries("a"))
        assert VectorCache(tmp_path, b"another").read() is None

    def test_a_file_of_another_key_is_deleted(self, cache, tmp_path):
        cache.add(entries("a"))
        other = VectorCache(tmp_path, b"another")
        other.folder.mkdir()
        (file,) = files(cache)
        os.rename(file, other.folder / file.name)
        assert other.read() is None
        assert files(other) == []

    @pytest.mark.parametrize(
        "damage",
        [
            lambda raw: raw[:-3],
            lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
            lambda raw: raw[:1] + bytes([raw[1] ^ 1]) + raw[2:],
            lambda raw: raw + b"\0",
            lambda raw: b"",
            lambda raw: raw[:40],
        ],
        ids=["cut", "one bit", "one bit of the digest", "longer", "empty", "header only"],
    )
    def test_a_damaged_file_is_not_believed(self, cache, damage):
        cache.add(entries("a"))
        (damaged,) = files(cache)
        cache.add(entries("bb"))
        damaged.write_bytes(damage(damaged.read_bytes()))
        assert lengths(cache.read(), "a", "bb") == [None, 2]
        assert not damaged.exists()

    def test_many_files_become_one(self, cache):
        texts = ["x" * n for n in range(MOST_FILES + 1)]
        for n, text in enumerate(texts, 1):
            cache.add(entries(text))
            assert len(files(cache)) == (n if n <= MOST_FILES else 1)
        assert lengths(cache.read(), *texts) == list(range(MOST_FILES + 1))

    def test_joining_keeps_a_file_that_holds_everything_already(self, cache):
        everything = entries(*("x" * n for n in range(MOST_FILES)))
        for n in range(MOST_FILES):
            cache.add(entries("x" * n))
        cache.add(everything)
        assert len(files(cache)) == 1
        assert len(cache.read().names) == MOST_FILES


class TestTrouble:
    def test_an_interrupted_write_leaves_nothing(self, cache, monkeypatch):
        def interrupted(source, target):
            assert not os.path.exists(target)
            raise OSError("no space")

        monkeypatch.setattr(os, "replace", interrupted)
        cache.add(entries("a"))
        assert files(cache) == []

    def test_an_interrupted_process_leaves_nothing(self, cache, monkeypatch):
        monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            cache.add(entries("a"))
        assert files(cache) == []

    def test_a_folder_that_cannot_be_made_keeps_nothing(self, tmp_path):
        (tmp_path / "file").write_text("")
        cache = VectorCache(tmp_path / "file", b"model")
        cache.add(entries("a"))
        assert cache.read() is None

    def test_a_file_that_cannot_be_read_or_deleted_is_passed_over(self, cache, monkeypatch):
        cache.add(entries("a"))
        (file,) = files(cache)
        file.write_bytes(b"damaged")
        (cache.folder / "folder.vectors").mkdir()

        def refuse(self, missing_ok=False):
            raise PermissionError("read-only")

        monkeypatch.setattr(type(file), "unlink", refuse)
        assert cache.read() is None
        assert file.exists()

    def test_two_processes_at_once_lose_nothing(self, tmp_path):
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(_add_many, [(tmp_path, "a"), (tmp_path, "b")]))
        cache = VectorCache(tmp_path, b"model")
        texts = [letter * n for letter in "ab" for n in range(1, 25)]
        assert lengths(cache.read(), *texts) == [*range(1, 25)] * 2
        assert not [f for f in files(cache) if f.suffix == ".tmp"]


def _add_many(job):
    folder, letter = job
    for n in range(1, 25):
        VectorCache(folder, b"model").add(entries(letter * n))


class TestFingerprint:
    @pytest.fixture
    def model(self, tmp_path):
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "weights").write_bytes(b"weights")
        (folder / "deeper").mkdir()
        long_ago = time.time() - 100
        os.utime(folder / "weights", (long_ago, long_ago))
        return folder

    @pytest.fixture
    def reads(self, monkeypatch):
        """The files that were read to the end."""
        seen, true = [], vector_cache.digest_of
        monkeypatch.setattr(
            vector_cache, "digest_of", lambda file: (seen.append(file.name), true(file))[1]
        )
        monkeypatch.setattr(vector_cache, "_SETTLED", -1.0)  # ctime is now; take it as settled
        return seen

    def test_weights_are_read_once(self, model, tmp_path, reads):
        first = fingerprint(model, tmp_path)
        assert fingerprint(model, tmp_path) == first
        assert reads == ["weights"]

    def test_a_file_of_this_moment_is_not_remembered(self, model, tmp_path, reads, monkeypatch):
        monkeypatch.setattr(vector_cache, "_SETTLED", 2.0)
        fingerprint(model, tmp_path)
        fingerprint(model, tmp_path)
        assert reads == ["weights", "weights"]

    def test_other_bytes_of_the_same_length_and_date_are_others(self, model, tmp_path, reads):
        first = fingerprint(model, tmp_path)
        stat = (model / "weights").stat()
        time.sleep(0.02)
        (model / "weights").write_bytes(b"weightz")
        os.utime(model / "weights", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert fingerprint(model, tmp_path) != first

    def test_another_name_is_another_model(self, model, tmp_path, reads):
        first = fingerprint(model, tmp_path)
        (model / "weights").rename(model / "config")
        assert fingerprint(model, tmp_path) != first

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"[1]", b"7", json.dumps({"weights": 3}).encode(), b"\xff"]
    )
    def test_a_memory_that_makes_no_sense_is_made_again(self, model, tmp_path, reads, content):
        first = fingerprint(model, tmp_path)
        (memory,) = tmp_path.glob("*.json")
        memory.write_bytes(content)
        assert fingerprint(model, tmp_path) == first
        assert fingerprint(model, tmp_path) == first
        assert reads == ["weights", "weights"]

    def test_it_does_without_a_memory(self, model, tmp_path, reads):
        nowhere = model / "weights" / "below a file"
        assert fingerprint(model, nowhere) == fingerprint(model, nowhere)
