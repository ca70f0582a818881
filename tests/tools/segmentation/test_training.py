"""`tools.segmentation.train`: runs resume, exported weights are those that were trained, and a clip can be learnt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import load_file
from typer.testing import CliRunner

from tools.base import Cancelled, InvalidArguments
from tools.media.synthetic.clip import Clip
from tools.media.synthetic.scene import Config as SceneConfig
from tools.media.synthetic.world import SyntheticVideos
from tools.segmentation import train as module
from tools.segmentation.film import Stills
from tools.segmentation.model_card import evaluate, region_similarity
from tools.segmentation.models.efficienttam import EfficientTAM
from tools.segmentation.models.network import Sam2Network
from tools.segmentation.models.sam2 import Sam2
from tools.segmentation.predictor import VideoPredictor
from tools.segmentation.train import CONFIGS, FAMILIES, Recipe, fit

SHORT = Recipe(steps=3, batch_size=1, frames=2)


class OneClip(SyntheticVideos):
    """The same clip for ever: clean, with one object that moves."""

    def __init__(self, side: int, num_frames: int) -> None:
        scene = SceneConfig(height=side, width=side, num_frames=num_frames, objects=(2, 2), damage=0, leaving=0, cut=0)
        super().__init__(scene, seed=3)

    def __getitem__(self, index: int) -> Clip:
        return super().__getitem__(0)


@pytest.fixture
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tiny` at half its side."""
    configs = {family: {"tiny": replace(CONFIGS[family]["tiny"], image_size=64)} for family in CONFIGS}
    monkeypatch.setattr(module, "CONFIGS", configs)


def stop_after(calls: int) -> Iterator[bool]:
    yield from [False] * calls
    yield True


@pytest.mark.usefixtures("small_pictures")
@pytest.mark.parametrize("family", ["efficienttam", "sam2"])
def test_a_run_that_was_stopped_ends_with_the_same_weights(family: str, tmp_path: Path) -> None:
    recipe = replace(SHORT, model=family)  # type: ignore[arg-type]
    fit(recipe, tmp_path / "whole")
    with pytest.raises(Cancelled, match="step 1 of 3"):
        fit(recipe, tmp_path / "stopped", cancelled=stop_after(1).__next__)
    fit(recipe, tmp_path / "stopped", resume=True)
    whole, stopped = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "stopped"))
    assert whole.keys() == stopped.keys()
    assert [name for name in whole if not torch.equal(whole[name], stopped[name])] == []
    fresh = recipe.network().state_dict()
    assert not torch.equal(whole["model.obj_ptr_proj.layers.0.weight"], fresh["obj_ptr_proj.layers.0.weight"])


@pytest.mark.usefixtures("small_pictures")
@pytest.mark.parametrize("family", [EfficientTAM, Sam2])
def test_exported_weights_give_the_same_masks(family: type[Sam2Network], tmp_path: Path) -> None:
    name = next(name for name, known in FAMILIES.items() if known is family)
    videos = OneClip(64, 3)
    trained = fit(replace(SHORT, model=name, steps=1), tmp_path, videos=videos)  # type: ignore[arg-type]
    loaded = family.from_pretrained(tmp_path)
    assert loaded.config == trained.config
    assert not loaded.training
    clip = videos[0]
    mask = clip.labels()[0] > 0
    found = []
    for model in (trained, loaded):
        predictor = VideoPredictor(model, Stills(list(clip.frames())))
        predictor.add_mask(1, 0, mask)
        found.append(torch.cat([masks.small for masks in predictor.propagate()]))
    assert torch.equal(*found)


@pytest.mark.usefixtures("small_pictures")
def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    fit(replace(SHORT, steps=1), tmp_path)
    with pytest.raises(InvalidArguments, match="--resume"):
        fit(replace(SHORT, steps=1), tmp_path)
    with pytest.raises(InvalidArguments, match="begun with frames 2"):
        fit(replace(SHORT, steps=1, frames=3), tmp_path, resume=True)


def test_names_that_are_not_there_are_refused() -> None:
    with pytest.raises(InvalidArguments, match="choose of efficienttam: tiny, small, ti"):
        Recipe(config="huge").network()


@pytest.mark.parametrize("family", ["efficienttam", "sam2"])
def test_the_weights_of_a_small_network_fit_into_the_package(family: str) -> None:
    with torch.device("meta"):
        model = FAMILIES[family](CONFIGS[family]["small"])
    assert 2 * sum(p.numel() for p in model.parameters()) <= 12_000_000


@pytest.mark.usefixtures("small_pictures")
def test_the_command_writes_weights_and_their_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLIPS_OF_CARD", 2)
    app = typer.Typer()
    app.command()(module.main)
    options = ["--model", "efficienttam", "--config", "tiny", "--steps", "1", "--batch-size", "1", "--frames", "2"]
    options += ["--out", str(tmp_path)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    scores = json.loads(result.output.splitlines()[-1])
    card = (tmp_path / "README.md").read_text()
    assert "python -m tools.segmentation.train --model efficienttam --config tiny --steps 1" in card
    assert f"| from one click in the first frame | {scores['click']:.3f} |" in card
    assert "| frames | 2 |" in card
    again = CliRunner().invoke(app, options)
    assert again.exit_code == 2
    assert "--resume" in again.output
    assert CliRunner().invoke(app, ["--model", "mask", "--steps", "1", "--out", str(tmp_path)]).exit_code == 2


def test_region_similarity() -> None:
    truth = np.zeros((3, 2, 2), np.bool_)
    found = truth.copy()
    truth[0, 0], found[0, :, 0] = True, True
    found[1, 0, 0] = True
    assert region_similarity(found, truth) == pytest.approx([1 / 3, 0, 1])


@pytest.mark.slow
@pytest.mark.usefixtures("small_pictures")
def test_a_clip_is_learnt(tmp_path: Path) -> None:
    videos = OneClip(64, 3)
    recipe = Recipe(steps=200, batch_size=1, frames=3, learning_rate=2e-3)
    scores = evaluate(fit(recipe, tmp_path, videos=videos), videos, 1)
    assert scores["mask"] > 0.9
    assert scores["click"] > 0.9
    assert scores["still"] < 0.8  # the object moves: keeping its mask where it was would not do
