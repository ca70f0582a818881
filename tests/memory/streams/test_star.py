"""The STAR memory: what spec and paper promise of it, without weights."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
import torch

from memory.streams.attention import UPSTREAM, SemanticAttention, attend
from memory.streams.reduce import REDUCERS, weighted_kmeans
from memory.streams.star import PUBLISHED, TINY, StarConfig, StarMemory, StarSnapshot, Variant

VARIANTS: tuple[Variant, ...] = ("paper", "release")


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fed(memory: StarMemory, count: int, seed: int = 0, width: int = 6) -> StarSnapshot:
    generator = chance(seed)
    for index in range(count):
        memory.write(index, float(index), torch.randn(16, 16, width, generator=generator))
    snapshot = memory.read()
    assert snapshot is not None
    return snapshot


@pytest.mark.parametrize("variant", VARIANTS)
def test_681_tokens_from_25_frames_on_and_growth_before(variant: Variant) -> None:
    assert PUBLISHED.tokens == 681
    memory = StarMemory(variant=variant)
    assert memory.read() is None
    sizes = []
    for index in range(60):
        memory.write(index, float(index), torch.randn(16, 16, 4, generator=chance(index)))
        snapshot = memory.read()
        assert snapshot is not None
        sizes.append(len(snapshot.tokens()))
    assert sizes[24:] == [681] * 36
    assert all(a < b for a, b in pairwise(sizes[:25]))


def test_tokens_come_in_the_published_order() -> None:
    snapshot = fed(StarMemory(TINY), 30)
    tokens = snapshot.tokens()
    assert torch.equal(tokens[:5], snapshot.abstract)
    assert torch.equal(tokens[5:25], snapshot.temporal.flatten(0, 1))
    assert torch.equal(tokens[-16:], snapshot.spatial[0].sharp.flatten(0, 1))
    assert snapshot.spatial[0].index == 29


def test_kmeans_recovers_separate_blobs() -> None:
    centres = torch.eye(5) * 100
    counts = [3, 7, 1, 12, 5]
    points = torch.cat([centres[i] + 1e-4 * torch.randn(n, 5, generator=chance(i)) for i, n in enumerate(counts)])
    one_of_each = torch.tensor([0, 3, 10, 11, 23])
    found, weights = weighted_kmeans(points, torch.ones(28), 5, init=one_of_each)
    assert (found - centres).abs().max() < 1e-3
    assert weights.tolist() == counts


def test_weights_are_as_good_as_copies() -> None:
    points = torch.randn(12, 3, generator=chance(1))
    times = torch.tensor([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
    copies = points.repeat_interleave(times, dim=0)
    first_copy = times.cumsum(0) - times
    init = torch.tensor([2, 5, 8])
    weighted = weighted_kmeans(points, times.float(), 3, init=init)
    copied = weighted_kmeans(copies, torch.ones(len(copies)), 3, init=first_copy[init])
    assert torch.allclose(weighted[0], copied[0], atol=1e-5)
    assert torch.equal(weighted[1], copied[1])


def test_an_empty_cluster_begins_again_at_a_point() -> None:
    points = torch.tensor([[0.0], [0.0], [9.0]])
    found, weights = weighted_kmeans(points, torch.ones(3), 2, chance(), init=torch.tensor([0, 1]))
    assert set(found.flatten().tolist()) <= {0.0, 3.0, 9.0, 4.5}
    assert weights.sum() == 3
    assert not found.isnan().any()


@pytest.mark.parametrize("reducer", REDUCERS)
def test_weights_count_all_frames_whatever_the_history(reducer: str) -> None:
    memory = StarMemory(StarConfig(1, 4, 5, 2, 5, 2, 20, reducer=reducer))
    generator = chance(3)
    for index in range(120):
        repeated = torch.randn(8, 8, 3, generator=generator) if index % 3 else torch.ones(8, 8, 3)
        memory.write(index, float(index), repeated)
        snapshot = memory.read()
        assert snapshot is not None
        assert float(snapshot.weights.sum()) == index + 1 == snapshot.frames_seen
        assert len(snapshot.temporal) == min(5, index + 1)
        assert not snapshot.tokens().isnan().any()


def test_reducers_take_the_most_similar_pair_together() -> None:
    points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0], [1.0, 0.05]])
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    expected = {
        "drop": ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.05]], [1.0, 5.0, 4.0]),
        "merge": ([[1.0, 0.0], [0.05, 1.0], [1.0, 0.05]], [1.0, 5.0, 4.0]),
        "k_drop": ([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]], [5.0, 2.0, 3.0]),
        "k_merge": ([[1.0, 0.025], [0.0, 1.0], [0.1, 1.0]], [5.0, 2.0, 3.0]),
    }
    for name, (left, counted) in expected.items():
        found, sums = REDUCERS[name](points, weights, 3, None)
        assert torch.allclose(found, torch.tensor(left)), name
        assert sums.tolist() == counted, name
    assert points[1].tolist() == [0.0, 1.0]


def test_semantic_attention_has_the_published_parameters_and_keys() -> None:
    with torch.device("meta"):
        module = SemanticAttention()
    assert sum(parameter.numel() for parameter in module.parameters()) == 134_240
    names = {name.split(".")[0] for name in module.state_dict()}
    assert names == {"q_proj", "k_proj", "v_proj", "out_proj", "out_ln"}


def test_a_checkpoint_in_the_upstream_layout_loads_strictly() -> None:
    source = SemanticAttention(12, 4)
    state = {UPSTREAM + name: tensor for name, tensor in source.state_dict().items()}
    state["model.mm_projector.0.weight"] = torch.zeros(2)
    memory, frames = torch.randn(5, 12), torch.randn(3, 12)
    loaded = SemanticAttention.from_checkpoint(state)
    assert torch.equal(loaded(memory, frames), source(memory, frames))
    del state[UPSTREAM + "v_proj.bias"]
    with pytest.raises(RuntimeError, match=r"v_proj\.bias"):
        SemanticAttention.from_checkpoint(state)


@pytest.mark.parametrize("learned", [False, True])
def test_attention_mixes_convexly_at_the_rate_alpha(learned: bool) -> None:
    attention = SemanticAttention(6, 4) if learned else None
    memory, frames = torch.randn(4, 6, generator=chance(1)), torch.randn(9, 6, generator=chance(2))
    assert torch.equal(attend(memory, frames, 0.0, attention), memory)
    moved = attend(memory, frames, 0.2, attention)
    everything = torch.cat([memory, frames])
    assert (moved <= everything.max(dim=0).values + 1e-6).all()
    assert (moved >= everything.min(dim=0).values - 1e-6).all()
    one = frames[:1]
    assert torch.allclose(attend(memory, one, 0.2, attention), 0.8 * memory + 0.2 * one, atol=1e-6)


def test_attention_follows_what_resembles_the_memory() -> None:
    memory, frames = 20 * torch.eye(3), 20 * torch.eye(3)
    assert torch.allclose(attend(memory, frames, 0.2), memory, atol=1e-4)


def test_abstract_memory_is_an_average_that_forgets() -> None:
    snapshot = fed(StarMemory(TINY), 5)
    memory = StarMemory(TINY)
    fed(memory, 5)
    memory.write(5, 5.0, torch.full((16, 16, 6), 2.0))
    after = memory.read()
    assert after is not None
    assert torch.allclose(after.abstract, 0.8 * snapshot.abstract + 0.4, atol=1e-5)


def test_the_planted_frame_is_retrieved() -> None:
    memory = StarMemory(StarConfig(num_retrieved=1, num_temporal=3, buffer_frames=50))
    common = torch.randn(16, 16, 6, generator=chance(9)) * 5
    for index in range(40):
        far = torch.randn(16, 16, 6, generator=chance(index)) * 5
        near = common + 0.05 * torch.randn(16, 16, 6, generator=chance(index))
        memory.write(index, float(index), far if index in (3, 17) else near)
    memory.write(40, 40.0, common)
    snapshot = memory.read()
    assert snapshot is not None
    assert [frame.index for frame in snapshot.retrieved] == [40]


def test_retrieval_is_in_order_of_time_in_the_paper_and_of_first_frames_in_the_release() -> None:
    release = fed(StarMemory(TINY, "release"), 60)
    for count in range(30, 60):
        recent = [frame.index for frame in fed(StarMemory(TINY), count).retrieved]
        assert recent == sorted(recent)
        assert min(recent) >= count - TINY.buffer_frames
    assert all(frame.index < TINY.num_temporal for frame in release.retrieved)


def test_equal_seeds_give_equal_memories() -> None:
    first, second = (fed(StarMemory(TINY, seed=5), 80).tokens() for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, fed(StarMemory(TINY, seed=6), 80).tokens())


def test_an_unknown_reducer_is_refused() -> None:
    with pytest.raises(ValueError, match="weighted_kmeans"):
        StarConfig(reducer="magic")


def test_a_reader_never_sees_a_half_made_update() -> None:
    memory = StarMemory(TINY)
    done = threading.Event()
    faults: list[str] = []

    def read() -> None:
        while not done.is_set():
            snapshot = memory.read()
            if snapshot is None:
                continue
            if not float(snapshot.weights.sum()) == snapshot.frames_seen == snapshot.spatial[0].index + 1:
                faults.append(f"{snapshot.weights.sum()} {snapshot.frames_seen} {snapshot.spatial[0].index}")
            if float(snapshot.spatial[0].sharp.max()) != snapshot.spatial[0].index:
                faults.append("the current frame is another one")
            if len(snapshot.abstract) != min(5, snapshot.frames_seen):
                faults.append("the abstract memory lags")

    reader = threading.Thread(target=read)
    reader.start()
    for index in range(1000):
        memory.write(index, float(index), torch.full((4, 4, 2), float(index)))
    done.set()
    reader.join()
    assert faults == []


def held_bytes(snapshot: StarSnapshot) -> int:
    tensors = [snapshot.abstract, snapshot.temporal, snapshot.weights]
    tensors += [tensor for frame in (*snapshot.retrieved, *snapshot.spatial) for tensor in (frame.sharp, frame.coarse)]
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_memory_is_constant(count: int) -> None:
    memory = StarMemory(TINY)
    sizes = set()
    for index in range(count):
        memory.write(index, float(index), torch.rand(4, 4, 2))
        if index >= 100 and index % 100 == 0:
            snapshot = memory.read()
            assert snapshot is not None
            sizes.add(held_bytes(snapshot))
    assert len(sizes) == 1
    assert len(memory._recent) == TINY.buffer_frames
    assert len(memory._first) == TINY.num_temporal
