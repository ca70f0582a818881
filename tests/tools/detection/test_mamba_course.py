"""MAMBA trained on made shapes: true boxes, blurred frames, runs that resume, weights that `detect` finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from tools.base import Cancelled, InvalidArguments
from tools.detection.mamba import course as module
from tools.detection.mamba.course import CLASSES, MambaCourse, blurred, shown
from tools.detection.mamba.detector import Labelled
from tools.detection.mamba.nouns import MambaNouns
from tools.detection.phrases import parse_phrase
from tools.detection.train import COURSES
from tools.media.frame import Frame
from tools.media.synthetic.named import NamedShapes
from tools.nn.course import Recipe, fit, training_command
from tools.nn.figures import FIGURES
from tools.types import Box

COURSE = MambaCourse()
SHORT = Recipe("mamba", "tiny", steps=3, batch_size=2, frames=3, learning_rate=1e-3)


def stop_after(calls: int) -> Iterator[bool]:
    yield from [False] * calls
    yield True


def test_boxes_are_around_what_is_seen() -> None:
    clip = NamedShapes(64, 2)[0]
    seen = shown(clip, 1)
    assert seen.labels == list(clip.kinds)
    for number, box in enumerate(seen.boxes, 1):
        inside = clip.labels[1][int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] == number
        assert inside.sum() == clip.masks(number)[1].sum()
        assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


def test_examples_are_a_frame_between_two_others_with_boxes_in_pixels_of_the_network() -> None:
    batches = COURSE.batches(SHORT)
    example = next(batches)
    clip = NamedShapes(module.SIDE_PX, SHORT.frames)[0]
    scale = example.size[0] / module.SIDE_PX
    truth = torch.tensor(shown(clip, 1).boxes, dtype=torch.float32) * scale
    torch.testing.assert_close(example.boxes, truth)
    assert example.labels.tolist() == list(clip.kinds)
    assert len(example.pictures) == 3
    assert len(example.reference_boxes) == 2
    with pytest.raises(InvalidArguments, match="at least 3"):
        COURSE.batches(replace(SHORT, frames=2))


def test_some_frames_are_blurred() -> None:
    clip = NamedShapes(64, 40)[0]
    pictures = blurred(clip, np.random.default_rng(0))
    changed = [not np.array_equal(a, b) for a, b in zip(pictures, clip.pictures, strict=True)]
    assert 5 < sum(changed) < 20


def test_each_thing_is_found_once() -> None:
    clip = NamedShapes(64, 1)[0]
    truth = shown(clip, 0)
    box, label = truth.boxes[0], CLASSES[truth.labels[0]]
    wrong = CLASSES[3 - truth.labels[0]]
    count = module._Count()
    found = [Labelled(box, label, 0.9), Labelled(box, label, 0.8), Labelled(box, wrong, 0.7), Labelled(box, label, 0.1)]
    count.add([*found, Labelled(Box(0, 0, 1, 1), label, 0.9)], truth)
    assert (count.right, count.found, count.there) == (1, 4, 2)
    assert count.f() == pytest.approx(2 / 6)


def test_it_trains_in_mixed_precision(tmp_path: Path) -> None:
    fit(COURSE, replace(SHORT, steps=1, amp="bfloat16"), tmp_path)
    assert (tmp_path / "model.safetensors").is_file()


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    fit(COURSE, SHORT, tmp_path / "whole")
    with pytest.raises(Cancelled, match="step 1 of 3"):
        fit(COURSE, SHORT, tmp_path / "stopped", cancelled=stop_after(1).__next__)
    fit(COURSE, SHORT, tmp_path / "stopped", resume=True)
    whole, stopped = (load_file(tmp_path / run / "checkpoint.safetensors") for run in ("whole", "stopped"))
    assert whole.keys() == stopped.keys()
    assert [key for key in whole if not torch.equal(whole[key], stopped[key])] == []


def test_published_sizes_are_trained_as_they_were() -> None:
    ours, published = (COURSE.training(replace(SHORT, config=config, steps=30)) for config in ("tiny", "r101"))
    assert (ours.optimizer.kind, published.optimizer.kind) == ("adamw", "sgd")
    assert published.optimizer.milestones == (20,)
    assert ours.accumulate == published.accumulate == SHORT.batch_size


def test_the_command_leaves_weights_that_detect_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_OUT_CLIPS", 1)
    options = ["--model", "mamba", "--config", "tiny", "--steps", "1", "--batch-size", "1"]
    told = CliRunner().invoke(
        training_command("tools.detection.train", COURSES), [*options, "--out", str(tmp_path / "mamba")]
    )
    assert told.exit_code == 0, told.output
    assert "F of boxes, by the whole video" in told.output
    assert (tmp_path / "mamba" / FIGURES).is_file()
    detector = MambaNouns(tmp_path, threshold=0.0)
    pictures = NamedShapes(64, 2)[0].pictures
    film = [Frame.from_rgb(t, t / 8, picture) for t, picture in enumerate(pictures)]
    ((found,), _) = detector.detect(film, [parse_phrase("the triangle")])
    assert found
