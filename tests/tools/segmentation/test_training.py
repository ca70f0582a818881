"""`tools.segmentation.train`: runs resume, exported weights are those that were trained, and a clip can be learnt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from tools.base import Cancelled, InvalidArguments
from tools.media.synthetic.clip import Clip
from tools.media.synthetic.scene import Config as SceneConfig
from tools.media.synthetic.world import SyntheticVideos
from tools.nn.course import Course, Recipe, fit, training_command
from tools.nn.figures import FIGURES, beats_embedded
from tools.segmentation import course as module
from tools.segmentation.course import EFFICIENTTAM, SAM2, SamCourse, evaluate, region_similarity
from tools.segmentation.film import Stills
from tools.segmentation.models.efficienttam import EfficientTAM
from tools.segmentation.models.network import Sam2Network
from tools.segmentation.models.sam2 import Sam2
from tools.segmentation.predictor import VideoPredictor
from tools.segmentation.train import COURSES

SMALL = {
    "efficienttam": SamCourse(EfficientTAM, {"tiny": replace(EFFICIENTTAM["tiny"], image_size=64)}),
    "sam2": SamCourse(Sam2, {"tiny": replace(SAM2["tiny"], image_size=64)}),
}
"""`tiny` at half its side."""
SHORT = Recipe("efficienttam", "tiny", steps=3, batch_size=1, frames=2, learning_rate=4e-4)


class OneClip(SamCourse):
    """The same clip for ever: clean, with one object that moves."""

    def videos(self, recipe: Recipe) -> SyntheticVideos:
        scene = SceneConfig(height=64, width=64, num_frames=recipe.frames, objects=(2, 2), damage=0, leaving=0, cut=0)
        return _Again(scene, seed=3)


class _Again(SyntheticVideos):
    def __getitem__(self, index: int) -> Clip:
        return super().__getitem__(0)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.foreground.course.SIDE_PX", 32)


def stop_after(calls: int) -> Iterator[bool]:
    yield from [False] * calls
    yield True


def short(name: str) -> tuple[Course[Any, Any], Recipe]:
    """A course and two steps of it on next to nothing."""
    course: Course[Any, Any] = SMALL.get(name, COURSES[name])
    frames = 2 if name in SMALL else course.frames
    return course, course.recipe(name, 2, config="tiny", batch_size=1, frames=frames)


@pytest.mark.parametrize("name", COURSES)
def test_a_run_that_was_stopped_ends_with_the_same_weights(name: str, tmp_path: Path) -> None:
    course, recipe = short(name)
    fit(course, recipe, tmp_path / "whole")
    with pytest.raises(Cancelled, match="step 1 of 2"):
        fit(course, recipe, tmp_path / "stopped", cancelled=stop_after(1).__next__)
    fit(course, recipe, tmp_path / "stopped", resume=True)
    whole, stopped = (load_file(tmp_path / run / "checkpoint.safetensors") for run in ("whole", "stopped"))
    assert whole.keys() == stopped.keys()
    assert [key for key in whole if not torch.equal(whole[key], stopped[key])] == []
    fresh = course.network(recipe).state_dict()
    assert any(not torch.equal(whole[f"model.{key}"], value) for key, value in fresh.items())


@pytest.mark.parametrize("name", COURSES)
def test_it_trains_in_mixed_precision(name: str, tmp_path: Path) -> None:
    """As on a GPU; the log is finite, or the loop would have ended in an error."""
    course, recipe = short(name)
    fit(course, replace(recipe, steps=1, amp="bfloat16"), tmp_path)
    assert (tmp_path / "model.safetensors").is_file()


@pytest.mark.parametrize("family", ["efficienttam", "sam2"])
def test_exported_weights_give_the_same_masks(family: str, tmp_path: Path) -> None:
    course = SMALL[family]
    recipe = replace(SHORT, model=family, steps=1, frames=3)
    trained = fit(course, recipe, tmp_path)
    loaded = course.kind.from_pretrained(tmp_path)
    assert loaded.config == trained.config
    assert not loaded.training
    clip = course.videos(recipe)[0]
    mask = clip.labels()[0] > 0
    found = []
    for model in (trained, loaded):
        predictor = VideoPredictor(model, Stills(list(clip.frames())))
        predictor.add_mask(1, 0, mask)
        found.append(torch.cat([masks.small for masks in predictor.propagate()]))
    assert torch.equal(*found)


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    course, recipe = SMALL["efficienttam"], replace(SHORT, steps=1)
    fit(course, recipe, tmp_path)
    with pytest.raises(InvalidArguments, match="--resume"):
        fit(course, recipe, tmp_path)
    with pytest.raises(InvalidArguments, match="begun with frames 2"):
        fit(course, replace(recipe, frames=3), tmp_path, resume=True)


def test_names_that_are_not_there_are_refused() -> None:
    with pytest.raises(InvalidArguments, match="'huge'; choose of small, tiny, ti"):
        COURSES["efficienttam"].network(replace(SHORT, config="huge"))


@pytest.mark.parametrize("family", ["efficienttam", "sam2"])
def test_the_weights_of_a_small_network_fit_into_the_package(family: str) -> None:
    course: Course[Sam2Network, Any] = COURSES[family]
    with torch.device("meta"):
        model = course.build(course.configs["small"])
    assert 2 * sum(p.numel() for p in model.parameters()) <= 12_000_000


def test_the_command_writes_weights_figures_and_their_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_OUT_CLIPS", 2)
    app = training_command("tools.segmentation.train", SMALL)
    options = ["--model", "efficienttam", "--steps", "1", "--batch-size", "1", "--frames", "2", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output.splitlines()[-1])
    figures = json.loads((tmp_path / FIGURES).read_text())
    assert told["J from the mask of the first frame"] == figures["trained"]
    assert not beats_embedded(tmp_path)  # made data do not tell
    card = (tmp_path / "README.md").read_text()
    assert "python -m tools.segmentation.train --model efficienttam --config tiny --steps 1" in card
    assert f"| J from one click in the first frame | {told['J from one click in the first frame']:.3f} |" in card
    assert "| frames | 2 |" in card
    again = CliRunner().invoke(app, options)
    assert again.exit_code == 2
    assert "--resume" in again.output
    wrong = CliRunner().invoke(app, ["--model", "mask", "--steps", "1", "--out", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "choose of efficienttam, sam2" in wrong.output


def test_region_similarity() -> None:
    truth = np.zeros((3, 2, 2), np.bool_)
    found = truth.copy()
    truth[0, 0], found[0, :, 0] = True, True
    found[1, 0, 0] = True
    assert region_similarity(found, truth) == pytest.approx([1 / 3, 0, 1])


@pytest.mark.slow
def test_a_clip_is_learnt(tmp_path: Path) -> None:
    course = OneClip(EfficientTAM, SMALL["efficienttam"].configs)
    recipe = replace(SHORT, steps=200, frames=3, learning_rate=2e-3)
    scores = evaluate(fit(course, recipe, tmp_path), course.videos(recipe), 1)
    assert scores["mask"] > 0.9
    assert scores["click"] > 0.9
    assert scores["still"] < 0.8  # the object moves: keeping its mask where it was would not do
