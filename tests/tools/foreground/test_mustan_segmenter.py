"""MUSTAN over a video: every frame once, three behind, seven kept; any size; and its training from made video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tools.base import InvalidArguments
from tools.foreground import course as training
from tools.foreground.made import triples, videos
from tools.foreground.mustan import OFFSET, TINY, Mustan
from tools.foreground.mustan_segmenter import MustanSegmenter, find_weights
from tools.media.frame import Frame
from tools.nn.course import training_command
from tools.nn.figures import FIGURES


def frames(num: int, size: tuple[int, int] = (20, 30)) -> list[Frame]:
    chance = np.random.default_rng(0)
    return [Frame.from_rgb(i, i / 25, chance.integers(0, 255, (*size, 3), dtype=np.uint8)) for i in range(num)]


@pytest.fixture(scope="module")
def segmenter() -> MustanSegmenter:
    torch.manual_seed(0)
    return MustanSegmenter(Mustan(replace(TINY["mustan2"], widths=(8, 16))))


@pytest.mark.parametrize("num", [0, 1, 2, 3, 4, 7, 12])
def test_every_frame_has_its_mask_of_the_right_three(segmenter: MustanSegmenter, num: int) -> None:
    video = frames(num)
    found = list(segmenter.stream(video))
    assert [frame.index for frame, _ in found] == list(range(num))
    for frame, mask in found:
        places = [min(max(frame.index + step, 0), num - 1) for step in (-OFFSET, 0, OFFSET)]
        expected = segmenter.probability([video[place].small for place in places])
        np.testing.assert_allclose(mask, expected, atol=1e-6)


def test_it_is_three_frames_behind_and_asks_for_no_more(segmenter: MustanSegmenter) -> None:
    taken = 0

    def source() -> Iterator[Frame]:
        nonlocal taken
        for frame in frames(20):
            taken += 1
            yield frame

    for frame, _ in segmenter.stream(source()):
        assert taken == min(20, frame.index + OFFSET + 1)


@pytest.mark.parametrize("size", [(1, 1), (33, 57), (40, 700)])
def test_masks_have_the_size_of_the_small_picture(segmenter: MustanSegmenter, size: tuple[int, int]) -> None:
    for frame, mask in segmenter.stream(frames(4, size)):
        assert mask.shape == frame.small.shape[:2]
        assert mask.dtype == np.float32
        assert 0 <= mask.min() <= mask.max() <= 1


def test_made_triples_show_what_moves_beside_what_only_looks_like_it() -> None:
    batch = triples(videos(64), 6, 0)
    assert batch.frames.shape == (6, 3, 3, 64, 64)
    assert batch.moving.shape == (6, 64, 64)
    assert 0.01 < batch.moving.float().mean() < 0.5
    again, later = triples(videos(64), 6, 0), triples(videos(64), 6, 1)
    assert torch.equal(batch.frames, again.frames)
    assert not torch.equal(batch.frames, later.frames)
    change = (batch.frames[:, 0] - batch.frames[:, 2]).abs().mean(1)
    assert change[batch.moving].mean() > 1.5 * change[~batch.moving].mean()


def test_training_writes_a_model_that_segments_and_how_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SIDE_PX", 32)
    monkeypatch.setattr(training, "HELD_OUT_CLIPS", 1)
    monkeypatch.setattr(training, "HELD_OUT_FRAMES", 7)
    app = training_command("tools.segmentation.train", {"mustan": training.MustanCourse("mustan2")})
    place = ["--model", "mustan", "--out", str(tmp_path / "mustan")]
    told = CliRunner().invoke(app, [*place, "--steps", "2", "--batch-size", "2", "--config", "tiny"])
    assert told.exit_code == 0, told.output
    assert "F of the mask of what moves, by the back end without weights" in told.output
    figures = (tmp_path / "mustan" / FIGURES).read_text()
    (tmp_path / "mustan" / FIGURES).unlink()
    assert CliRunner().invoke(app, [*place, "--measure"]).exit_code == 0
    assert (tmp_path / "mustan" / FIGURES).read_text() == figures
    folder = find_weights(tmp_path)
    assert folder is not None
    loaded = MustanSegmenter.from_pretrained(folder)
    assert loaded.network.config == TINY["mustan2"]
    assert find_weights(None) is find_weights(tmp_path / "mustan") is None
    assert len(list(loaded.stream(frames(2)))) == 2


def test_a_command_that_cannot_train_or_measure_says_what_it_needs(tmp_path: Path) -> None:
    app = training_command("tools.segmentation.train", {"mustan": training.MustanCourse("mustan2")})
    place = ["--model", "mustan", "--out", str(tmp_path)]
    for options, message in (([], "how many --steps"), (["--measure"], "holds no run to measure")):
        told = CliRunner().invoke(app, [*place, *options])
        assert (told.exit_code, message in told.output) == (2, True)


def test_clips_too_short_for_three_frames_are_refused() -> None:
    with pytest.raises(InvalidArguments, match="clips of 6 frames"):
        videos(32, num_frames=6)
