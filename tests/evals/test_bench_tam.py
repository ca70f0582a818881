"""The benchmark of EfficientTAM: it refuses to tell times of what differs, and its memory figures can grow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from evals.bench.efficienttam import SETTLED, grown, random_network, take_turns
from tools.base import ToolFailed
from tools.segmentation.models.efficienttam import TINY


def steps(scale: float, count: int = SETTLED + 3) -> Iterator[Tensor]:
    for i in range(count):
        yield torch.arange(1.0, 9.0) * scale + i


def test_only_frames_with_all_slots_taken_are_timed() -> None:
    took = list(take_turns([steps(1.0), steps(1.0)], SETTLED + 3, torch.device("cpu")))
    assert [len(times) for times in took] == [2, 2, 2]


def test_no_times_are_told_when_the_masks_differ() -> None:
    with pytest.raises(ToolFailed, match="frame 1 differ from ours by"):
        list(take_turns([steps(1.0), steps(1.1)], SETTLED + 3, torch.device("cpu")))


def test_a_session_over_many_frames_takes_no_more_than_over_few() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (40, 60, 3), dtype=np.uint8) for _ in range(3)]
    figures = {result.metric: result for result in grown(random_network(TINY), pictures, 18, 24)}
    assert figures["memory from frame 18 to 24, session"].ok
    early = {result.metric: result for result in grown(random_network(TINY), pictures, 2, 4)}
    assert not early["memory from frame 2 to 4, session"].ok  # the slots are still filling
