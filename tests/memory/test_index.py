"""The vector index as its callers see it: exact where it is small, near enough where it is not, filtered, validated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.index import VectorIndex
from memory.vectors import faiss_module
from memory.vectors.plan import Limits

HNSW = Limits(flat_rows=0)
IVF = Limits(flat_rows=0, hnsw_rows=0)
IVF_PQ = Limits(flat_rows=0, hnsw_rows=0, budget_bytes=600_000)
"""Leaves 30 bytes to each of 20,000 vectors."""
NO_ROOM = Limits(budget_bytes=0)
KINDS = {"FAISS flat": Limits(), "FAISS HNSW": HNSW, "FAISS IVF": IVF, "FAISS IVF-PQ": IVF_PQ, "NumPy exact": NO_ROOM}
NUM, DIMENSION = 20_000, 64


def unit_vectors(num: int, seed: int = 0, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(num, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clustered(num: int) -> np.ndarray:
    """Unit vectors [num, 64] around 400 centres."""
    rng = np.random.default_rng(7)
    spread = rng.normal(size=(num, DIMENSION))
    vectors = (rng.normal(size=(400, DIMENSION))[rng.integers(400, size=num)] + spread).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def index_of(vectors: np.ndarray, limits: Limits | None = None) -> VectorIndex:
    index = VectorIndex(vectors.shape[1], limits)
    index.add(vectors)
    return index


def brute_force(vectors: np.ndarray, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> np.ndarray:
    scores = queries @ vectors.T
    if allowed is not None:
        hidden = np.setdiff1d(np.arange(len(vectors)), allowed)
        scores[:, hidden] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found[:, :, None] == truth[:, None, :]).any(2).mean())


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Stored vectors [20000, 64] and queries [200, 64] that are not among them."""
    vectors = clustered(NUM + 200)
    return vectors[:NUM], vectors[NUM:]


@pytest.fixture(scope="module")
def built(data: tuple[np.ndarray, np.ndarray]) -> dict[str, VectorIndex]:
    pytest.importorskip("faiss")
    return {name: index_of(data[0], limits) for name, limits in KINDS.items()}


@pytest.mark.parametrize("limits", [Limits(), NO_ROOM], ids=["FAISS flat", "NumPy exact"])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), num=st.integers(1, 40), k=st.integers(1, 50), data=st.data())
def test_search_is_exact_among_the_allowed(limits: Limits, seed: int, num: int, k: int, data: st.DataObject) -> None:
    vectors = unit_vectors(num + 1, seed)
    query, vectors = vectors[0], vectors[1:]
    allowed = np.array(sorted(data.draw(st.sets(st.integers(0, num - 1)))), dtype=np.int64)
    found = index_of(vectors, limits).search(query, k, allowed)
    cosines = vectors @ query
    best = sorted(allowed, key=lambda row: -cosines[row])[:k]
    assert [row for row, _ in found] == best
    assert [score for _, score in found] == pytest.approx([cosines[row] for row in best], abs=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_is_chosen_by_size_and_budget(built: dict[str, VectorIndex], name: str) -> None:
    assert built[name].backend == name


@pytest.mark.parametrize("name", ["FAISS flat", "NumPy exact"])
@pytest.mark.parametrize("num_queries", [1, 200])
def test_exact_kinds_find_what_brute_force_finds(
    data: tuple[np.ndarray, np.ndarray], built: dict[str, VectorIndex], name: str, num_queries: int
) -> None:
    vectors, queries = data
    rows, scores = built[name].search_batch(queries[:num_queries], 10)
    assert np.array_equal(rows, brute_force(vectors, queries[:num_queries], 10))
    assert scores == pytest.approx(np.einsum("qkd,qd->qk", vectors[rows], queries[:num_queries]), abs=1e-5)


@pytest.mark.parametrize("name", ["FAISS HNSW", "FAISS IVF", "FAISS IVF-PQ"])
def test_approximate_kinds_find_at_least_95_of_100(
    data: tuple[np.ndarray, np.ndarray], built: dict[str, VectorIndex], name: str
) -> None:
    vectors, queries = data
    rows, scores = built[name].search_batch(queries, 10)
    assert recall(rows, brute_force(vectors, queries, 10)) >= 0.95
    assert (np.diff(scores, axis=1) <= 0).all()
    assert scores == pytest.approx(np.einsum("qkd,qd->qk", vectors[rows], queries), abs=1e-5)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.0005, 0.03, 0.4])
def test_a_filter_costs_no_recall_and_lets_nothing_else_through(
    data: tuple[np.ndarray, np.ndarray],
    built: dict[str, VectorIndex],
    name: str,
    share: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("memory.index.EXACT_ROWS", 0)  # else a set of this size is always scored exactly
    vectors, queries = data
    # The rows furthest from one of the vectors: like the facts of one video, they lie together.
    allowed = np.sort(np.argsort(vectors @ vectors[0])[: int(share * NUM)])
    rows, _ = built[name].search_batch(queries, 10, allowed)
    assert rows.shape == (len(queries), min(10, len(allowed)))
    assert np.isin(rows, allowed).all()
    assert recall(rows, brute_force(vectors, queries, 10, allowed)) >= 0.95


def test_all_lists_probed_is_exact(data: tuple[np.ndarray, np.ndarray], built: dict[str, VectorIndex]) -> None:
    vectors, queries = data
    lists = built["FAISS IVF"].built()
    tuned = lists.index.nprobe
    lists.index.nprobe = lists.plan.num_lists
    rows, _ = built["FAISS IVF"].search_batch(queries, 10)
    lists.index.nprobe = tuned
    assert np.array_equal(rows, brute_force(vectors, queries, 10))


@pytest.mark.parametrize("name", ["FAISS HNSW", "FAISS IVF", "FAISS IVF-PQ"])
def test_more_effort_finds_no_less(
    data: tuple[np.ndarray, np.ndarray], built: dict[str, VectorIndex], name: str
) -> None:
    vectors, queries = data
    index, truth = built[name].built(), brute_force(data[0], data[1], 10)
    found = []
    tuned = index.effort
    for effort in (1, 4, 16, 64, 256):
        index.effort = effort
        found.append(recall(index.search(vectors, queries, 10)[0], truth))
    index.effort = tuned
    assert found == sorted(found)
    assert found[0] < found[-1]


@pytest.mark.parametrize("name", ["FAISS HNSW", "FAISS IVF", "FAISS IVF-PQ"])
def test_rows_that_the_index_does_not_reach_are_scored_exactly(
    data: tuple[np.ndarray, np.ndarray], built: dict[str, VectorIndex], name: str
) -> None:
    vectors, queries = data
    index = built[name].built()
    furthest = np.argsort(vectors @ queries[0])[:12]
    tuned, index.effort = index.effort, 1
    rows, _ = index.search(vectors, queries[:1], 12, np.sort(furthest))
    index.effort = tuned
    assert rows[0].tolist() == furthest[::-1].tolist()


@pytest.mark.parametrize("name", KINDS)
def test_one_query_is_answered_like_many(
    data: tuple[np.ndarray, np.ndarray], built: dict[str, VectorIndex], name: str
) -> None:
    rows, scores = built[name].search_batch(data[1], 5)
    for query, row, score in list(zip(data[1], rows, scores, strict=True))[:20]:
        found = built[name].search(query, 5)
        assert [number for number, _ in found] == row.tolist()
        assert [cosine for _, cosine in found] == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("limits", [Limits(), HNSW, IVF, NO_ROOM], ids=["flat", "HNSW", "IVF", "exact"])
def test_more_neighbours_than_vectors_are_all_the_vectors(limits: Limits) -> None:
    vectors = unit_vectors(50)
    rows, _ = index_of(vectors, limits).search_batch(vectors, 80)
    assert rows.shape == (50, 50)
    assert (np.sort(rows, axis=1) == np.arange(50)).all()


@pytest.mark.parametrize("limits", [Limits(), HNSW, IVF, NO_ROOM], ids=["flat", "HNSW", "IVF", "exact"])
def test_vectors_can_be_added_after_a_search(limits: Limits) -> None:
    vectors = unit_vectors(400)
    grown = index_of(vectors[:300], limits)
    grown.search(vectors[399], 1)
    grown.add(vectors[300:])
    assert len(grown) == 400
    assert grown.search(vectors[399], 1)[0][0] == 399
    if limits in (Limits(), NO_ROOM):
        rows, scores = grown.search_batch(vectors, 9)
        rows_at_once, scores_at_once = index_of(vectors, limits).search_batch(vectors, 9)
        assert np.array_equal(rows, rows_at_once)
        assert np.array_equal(scores, scores_at_once)


def test_an_index_that_outgrows_its_kind_changes_it() -> None:
    pytest.importorskip("faiss")
    vectors, limits = unit_vectors(400), Limits(flat_rows=300)
    index = index_of(vectors[:300], limits)
    index.search(vectors[0], 1)
    assert index.backend == "FAISS flat"
    index.add(vectors[300:])
    assert index.backend == "FAISS HNSW"
    assert [index.search(vector, 1)[0][0] for vector in vectors] == list(range(400))
    assert index.built().plan.kind == "HNSW"


def test_without_faiss_the_search_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_module, "is_installed", lambda: False)
    vectors = unit_vectors(300)
    index = index_of(vectors, HNSW)
    assert index.backend == "NumPy exact"
    assert np.array_equal(index.search_batch(vectors, 10)[0], brute_force(vectors, vectors, 10))


def test_an_empty_index_finds_nothing() -> None:
    index = VectorIndex(16)
    assert index.search(unit_vectors(1)[0], 5) == []
    assert index.search_batch(unit_vectors(3), 5)[0].shape == (3, 0)
    index = index_of(unit_vectors(4))
    assert index.search(unit_vectors(1)[0], 0) == []
    assert index.search(unit_vectors(1)[0], 5, np.array([], dtype=np.int64)) == []
    assert index.search_batch(unit_vectors(0), 5)[0].shape == (0, 4)


def test_rows_allowed_twice_are_found_once() -> None:
    vectors = unit_vectors(10)
    assert [row for row, _ in index_of(vectors).search(vectors[3], 5, np.array([3, 3, 1, 3]))] == [3, 1]


def test_another_dimension_is_refused() -> None:
    index = VectorIndex(4)
    with pytest.raises(ValueError, match="dimension 4"):
        index.add(unit_vectors(2))
    with pytest.raises(ValueError, match="dimension 4"):
        index.search(unit_vectors(1)[0], 1)
    with pytest.raises(ValueError, match="dimension 4"):
        index.search_batch(unit_vectors(2), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    vectors = unit_vectors(5)
    index = index_of(vectors)
    broken = vectors.copy()
    broken[2, 3] = value
    with pytest.raises(ValueError, match=r"vector 2 .* not finite"):
        index.add(broken)
    assert len(index) == 5
    with pytest.raises(ValueError, match=r"query 0 .* not finite"):
        index.search(broken[2], 1)


@pytest.mark.parametrize("row", [-1, 5])
def test_a_filter_with_rows_that_do_not_exist_is_refused(row: int) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.4"):
        index_of(unit_vectors(5)).search(unit_vectors(1)[0], 1, np.array([0, row]))


class FakeGpus:
    """Answers as FAISS' copy on GPUs would; this shows the wiring, not that a GPU computes right."""

    def __init__(self, index: object) -> None:
        self.index, self.num_queries = index, 0

    def search(self, queries: np.ndarray, k: int) -> object:
        self.num_queries += len(queries)
        return self.index.search(queries, k)  # type: ignore[attr-defined]


def test_searches_without_a_filter_run_on_gpus_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    faiss = pytest.importorskip("faiss")
    copies: list[FakeGpus] = []

    def to_gpus(index: object, co: object) -> FakeGpus:
        copies.append(FakeGpus(index))
        return copies[-1]

    monkeypatch.setattr(faiss_module, "has_gpu", lambda: True)
    monkeypatch.setattr(faiss, "GpuMultipleClonerOptions", type("Options", (), {}), raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", to_gpus)
    monkeypatch.setattr("memory.index.EXACT_ROWS", 0)
    vectors = unit_vectors(400)
    index = index_of(vectors, HNSW)
    assert index.backend == "FAISS flat"  # there is no HNSW on GPUs
    assert np.array_equal(index.search_batch(vectors, 10)[0], brute_force(vectors, vectors, 10))
    assert copies[-1].num_queries == 400
    index.search(vectors[0], 10, np.arange(200))
    assert copies[-1].num_queries == 400
    index.add(-vectors)
    assert index.search(-vectors[3], 1)[0][0] == 403
    assert copies[-1].num_queries == 1


def test_gpus_that_are_too_small_are_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faiss = pytest.importorskip("faiss")

    def too_small(index: object, co: object) -> None:
        raise RuntimeError("Error: out of memory")

    monkeypatch.setattr(faiss_module, "has_gpu", lambda: True)
    monkeypatch.setattr(faiss, "GpuMultipleClonerOptions", type("Options", (), {}), raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", too_small)
    vectors = unit_vectors(40)
    assert index_of(vectors).search(vectors[3], 1)[0][0] == 3
    assert "stays on the CPU" in caplog.text
