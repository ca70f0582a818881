"""The vector index: exact, filtered, cached, and rebuilt whenever the cache does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.index import VectorIndex


def unit_vectors(num: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(num, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def index_of(vectors: np.ndarray, backend: str) -> VectorIndex:
    index = VectorIndex(vectors.shape[1])
    index.backend = backend
    index.add(vectors)
    return index


BACKENDS = ["FAISS flat", "NumPy exact"]


@pytest.mark.parametrize("backend", BACKENDS)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), num=st.integers(1, 40), k=st.integers(1, 50), data=st.data())
def test_search_is_exact_among_the_allowed(backend: str, seed: int, num: int, k: int, data: st.DataObject) -> None:
    if backend == "FAISS flat":
        pytest.importorskip("faiss")
    vectors = unit_vectors(num + 1, seed)
    query, vectors = vectors[0], vectors[1:]
    allowed = np.array(sorted(data.draw(st.sets(st.integers(0, num - 1)))), dtype=np.int64)
    found = index_of(vectors, backend).search(query, k, allowed)
    cosines = vectors @ query
    best = sorted(allowed, key=lambda row: -cosines[row])[:k]
    assert [row for row, _ in found] == best
    assert [score for _, score in found] == pytest.approx([cosines[row] for row in best], abs=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_vectors_can_be_added_after_a_search(backend: str) -> None:
    if backend == "FAISS flat":
        pytest.importorskip("faiss")
    vectors = unit_vectors(20)
    index = index_of(vectors[:10], backend)
    index.search(vectors[15], 1)
    index.add(vectors[10:])
    assert index.search(vectors[15], 1)[0][0] == 15


def test_another_dimension_is_refused() -> None:
    index = VectorIndex(4)
    with pytest.raises(ValueError, match="dimension 4"):
        index.add(unit_vectors(2))
    with pytest.raises(ValueError, match="dimension 4"):
        index.search(unit_vectors(1)[0], 1)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def forge(path: Path) -> None:
    """Right fingerprint and checksum, but no FAISS index."""
    import hashlib

    path.write_bytes(path.read_bytes()[:32] + hashlib.sha256(b"junk").digest() + b"junk")


@pytest.mark.parametrize("harm", [flip, cut, forge, Path.unlink])
def test_a_cache_that_is_lost_or_damaged_is_built_again(tmp_path: Path, harm: object) -> None:
    pytest.importorskip("faiss")
    path, vectors = tmp_path / "index" / "toy.faiss", unit_vectors(30)
    VectorIndex.load(path, vectors)
    good = path.read_bytes()
    assert callable(harm)
    harm(path)
    assert VectorIndex.load(path, vectors).search(vectors[7], 1)[0][0] == 7
    assert path.read_bytes() == good


def test_a_cache_of_other_vectors_is_built_again(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    path, vectors = tmp_path / "toy.faiss", unit_vectors(30)
    VectorIndex.load(path, vectors[::-1].copy())
    assert VectorIndex.load(path, vectors).search(vectors[7], 1)[0][0] == 7


def test_a_good_cache_is_read_and_not_written(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    path, vectors = tmp_path / "toy.faiss", unit_vectors(30)
    VectorIndex.load(path, vectors)
    before = path.stat().st_mtime_ns
    assert VectorIndex.load(path, vectors).search(vectors[7], 1)[0][0] == 7
    assert path.stat().st_mtime_ns == before


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file where the folder should be")
    vectors = unit_vectors(30)
    assert VectorIndex.load(tmp_path / "index" / "toy.faiss", vectors).search(vectors[7], 1)[0][0] == 7
