"""The file of a vector index: read when it fits, built again when it is lost, stale or damaged, done without."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from memory.index import VectorIndex
from memory.vectors import cache
from memory.vectors.plan import Limits

faiss = pytest.importorskip("faiss")

HNSW = Limits(flat_rows=0)
IVF = Limits(flat_rows=0, hnsw_rows=0)


def unit_vectors(num: int, seed: int = 0, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(num, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def forge(path: Path) -> None:
    """Right fingerprint and checksum, but no FAISS index."""
    path.write_bytes(path.read_bytes()[:32] + b"junk" + hashlib.sha256(b"junk").digest())


@pytest.mark.parametrize("harm", [flip, cut, forge, Path.unlink])
@pytest.mark.parametrize("limits", [HNSW, IVF], ids=["HNSW", "IVF"])
def test_a_file_that_is_lost_or_damaged_is_written_again(
    tmp_path: Path, harm: Callable[[Path], None], limits: Limits
) -> None:
    path, vectors = tmp_path / "index" / "toy.faiss", unit_vectors(300)
    VectorIndex.load(path, vectors, limits)
    harm(path)
    harmed = path.read_bytes() if path.exists() else b""
    assert VectorIndex.load(path, vectors, limits).search(vectors[7], 1)[0][0] == 7
    assert path.read_bytes() != harmed
    assert cache.read(path, VectorIndex.load(path, vectors, limits).fingerprint) is not None
    assert [file.name for file in path.parent.iterdir()] == ["toy.faiss"]


@pytest.mark.parametrize("position", [0, 150, 299])
def test_a_file_of_other_vectors_is_written_again(
    tmp_path: Path, position: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_HASH_BLOCK_BYTES", 1000)  # so that these vectors have several blocks
    path, vectors = tmp_path / "toy.faiss", unit_vectors(300)
    other = vectors.copy()
    other[position] = -other[position]
    VectorIndex.load(path, other, HNSW)
    stale = path.read_bytes()
    index = VectorIndex.load(path, vectors, HNSW)
    assert path.read_bytes() != stale
    assert index.search(vectors[position], 1)[0][0] == position


def test_a_file_of_another_kind_is_written_again(tmp_path: Path) -> None:
    path, vectors = tmp_path / "toy.faiss", unit_vectors(300)
    VectorIndex.load(path, vectors, HNSW)
    index = VectorIndex.load(path, vectors, IVF)
    assert index.backend == "FAISS IVF"
    assert isinstance(index.built().index, faiss.IndexIVF)


@pytest.mark.parametrize("limits", [HNSW, IVF], ids=["HNSW", "IVF"])
def test_a_good_file_is_read_and_finds_the_same(
    tmp_path: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, vectors = tmp_path / "toy.faiss", unit_vectors(2000)
    built = VectorIndex.load(path, vectors, limits)
    before = path.stat().st_mtime_ns
    monkeypatch.setattr("memory.index.FaissIndex.build", lambda *_: pytest.fail("built again"))
    loaded = VectorIndex.load(path, vectors, limits)
    rows, scores = built.search_batch(vectors, 10)
    loaded_rows, loaded_scores = loaded.search_batch(vectors, 10)
    assert np.array_equal(rows, loaded_rows)
    assert np.array_equal(scores, loaded_scores)
    assert path.stat().st_mtime_ns == before


def test_what_was_saved_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, vectors = tmp_path / "toy.faiss", unit_vectors(300)
    index = VectorIndex(16, HNSW)
    index.add(vectors)
    index.save(path)
    monkeypatch.setattr("memory.index.FaissIndex.build", lambda *_: pytest.fail("built again"))
    assert VectorIndex.load(path, vectors, HNSW).search(vectors[7], 1)[0][0] == 7


def test_a_small_set_needs_no_file(tmp_path: Path) -> None:
    vectors = unit_vectors(300)
    index = VectorIndex.load(tmp_path / "toy.faiss", vectors)
    index.save(tmp_path / "toy.faiss")
    assert index.search(vectors[7], 1)[0][0] == 7
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file where the folder should be")
    vectors = unit_vectors(300)
    index = VectorIndex.load(tmp_path / "index" / "toy.faiss", vectors, HNSW)
    assert index.search(vectors[7], 1)[0][0] == 7
    with pytest.raises(OSError):
        index.save(tmp_path / "index" / "toy.faiss")


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, vectors = tmp_path / "toy.faiss", unit_vectors(300)
    index = VectorIndex.load(path, vectors, HNSW)
    before = path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        index.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["toy.faiss"]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, cut off, doubled or put in."""
    place, length = int(rng.integers(len(content))), int(rng.integers(1, 65))
    noise = rng.bytes(length)
    match int(rng.integers(5)):
        case 0:
            return content[:place] + bytes([content[place] ^ (1 << int(rng.integers(8)))]) + content[place + 1 :]
        case 1:
            return content[:place]
        case 2:
            return content[:place] + noise + content[place + length :]
        case 3:
            return content[:place] + noise + content[place:]
        case _:
            return content + noise


@pytest.mark.parametrize("limits", [HNSW, IVF], ids=["HNSW", "IVF"])
def test_no_mutation_of_a_file_is_taken_for_an_index(tmp_path: Path, limits: Limits) -> None:
    path, vectors = tmp_path / "toy.faiss", unit_vectors(300)
    index = VectorIndex.load(path, vectors, limits)
    good, mark, rng = path.read_bytes(), index.fingerprint, np.random.default_rng(3)
    for _ in range(500):
        bad = mutated(good, rng)
        path.write_bytes(bad)
        assert bad == good or cache.read(path, mark) is None


@pytest.mark.slow
def test_after_every_mutation_the_index_is_there_again(tmp_path: Path) -> None:
    path, vectors = tmp_path / "toy.faiss", unit_vectors(100)
    VectorIndex.load(path, vectors, HNSW)
    good, rng = path.read_bytes(), np.random.default_rng(4)
    for turn in range(1000):
        path.write_bytes(mutated(good, rng))
        row = turn % 100
        assert VectorIndex.load(path, vectors, HNSW).search(vectors[row], 1)[0][0] == row
        assert len(path.read_bytes()) == len(good)
