"""MAMBA behind the tool `detect`: found in the folder of models, asked by nouns; what it does not know is passed on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tools.base import MissingModel
from tools.detection.compose import choose_detector
from tools.detection.detector import Detection
from tools.detection.mamba.config import TINY
from tools.detection.mamba.network import Mamba
from tools.detection.mamba.nouns import MambaNouns
from tools.detection.mamba.weights import find_weights
from tools.detection.phrases import Wanted, parse_phrase
from tools.media.frame import Frame
from tools.types import Box

CONFIG = replace(TINY, classes=("domestic cat", "dog"))
ELSEWHERE = Detection(Box(1, 2, 3, 4), 0.9)


class Others:
    model = "others"

    def detect(self, frames: Sequence[Frame], wanted: Sequence[Wanted]) -> list[list[list[Detection]]]:
        return [[[ELSEWHERE] for _ in wanted] for _ in frames]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    Mamba(CONFIG).save_pretrained(tmp_path / "mamba")
    return tmp_path


def frames(num: int) -> list[Frame]:
    chance = np.random.default_rng(0)
    return [Frame.from_rgb(i, i / 25, chance.integers(0, 255, (40, 60, 3), dtype=np.uint8)) for i in range(num)]


def detector(models: Path, others: Others | None = None) -> MambaNouns:
    return MambaNouns(models, others=others, threshold=0.0)


def test_weights_are_found_where_they_are_put(models: Path, tmp_path: Path) -> None:
    found = find_weights(models)
    assert found is not None
    assert found.size is None
    assert find_weights(None) is None
    assert find_weights(tmp_path / "other") is None
    file = tmp_path / "other" / "mamba" / "work_dirs" / "mamba_r101_dc5_6x" / "epoch_6_model.pth"
    with pytest.raises(MissingModel, match=r"hf download guanxiongsun/vfe.pytorch work_dirs/mamba_r101_dc5_6x/"):
        MambaNouns(tmp_path / "other")
    file.parent.mkdir(parents=True)
    file.touch()
    released = find_weights(tmp_path / "other")
    assert released is not None
    assert released.size == "r101"
    assert released.path == file


def test_nouns_mean_classes_and_the_rest_is_passed_on(models: Path) -> None:
    wanted = [parse_phrase(text) for text in ("the red cup", "cats", "a dog")]
    found = detector(models, Others()).detect(frames(3), wanted)
    assert [len(by_noun) for by_noun in found] == [3, 3, 3]
    for cup, cats, dogs in found:
        assert cup == [ELSEWHERE]
        assert cats
        assert dogs
        assert not set(cats) & set(dogs)
        assert [one.score for one in cats] == sorted((one.score for one in cats), reverse=True)


def test_without_another_detector_strange_nouns_are_told(models: Path) -> None:
    with pytest.raises(MissingModel, match=r"does not know 'cup'.*domestic cat, dog"):
        detector(models).detect(frames(1), [parse_phrase("cup")])


def test_frames_one_by_one_are_frames_together_and_an_earlier_frame_begins_anew(models: Path) -> None:
    wanted, video = [parse_phrase("dog")], frames(4)
    single = detector(models)
    apart = [single.detect([frame], wanted)[0] for frame in video]
    assert apart == detector(models).detect(video, wanted)
    assert [single.detect([frame], wanted)[0] for frame in video] == apart


def test_of_a_whole_video_later_frames_help_with_earlier_ones(models: Path) -> None:
    wanted, video = [parse_phrase("dog")], frames(6)
    other = [*video[:3], *(replaced(frame, seed=9) for frame in video[3:])]
    first, changed = (MambaNouns(models, threshold=0.0, film=film).detect(video[:1], wanted) for film in (video, other))
    assert first != changed
    assert first != detector(models).detect(video[:1], wanted)


def test_a_whole_video_is_looked_at_once_and_can_be_asked_in_any_order(models: Path) -> None:
    wanted, video = [parse_phrase("dog")], frames(5)
    asked: list[int] = []
    single = MambaNouns(models, threshold=0.0, film=video, check_cancelled=lambda: asked.append(1))
    apart = {frame.index: single.detect([frame], wanted)[0] for frame in reversed(video)}
    assert len(asked) == 5
    assert list(reversed(apart.values())) == MambaNouns(models, threshold=0.0, film=video).detect(video, wanted)
    assert single.model == "mamba (whole video)"


def replaced(frame: Frame, seed: int) -> Frame:
    chance = np.random.default_rng(seed)
    return Frame.from_rgb(frame.index, frame.t_s, chance.integers(0, 255, frame.rgb.shape, dtype=np.uint8))


def test_the_tool_uses_the_weights_that_are_here(models: Path) -> None:
    memory: Any = SimpleNamespace(memory=lambda _: None, models=models, check_cancelled=lambda: None, device="cpu")
    assert isinstance(choose_detector(memory, model="mamba"), MambaNouns)
    assert choose_detector(memory).model.startswith("mamba + ")
    memory.models = None
    assert not isinstance(choose_detector(memory), MambaNouns)
    with pytest.raises(MissingModel, match="hf download guanxiongsun"):
        choose_detector(memory, model="mamba")


def test_asking_for_weights_loads_no_network() -> None:
    code = "import sys, tools.detection.mamba.weights; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
