"""`tools.matching.train`: labels of a folder of clips, runs that resume, and what they leave behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from tests.fixtures.render import Encoding, render
from tools.base import InvalidArguments
from tools.matching import train as command
from tools.matching.gim.clips import grid_frames, labelled_pairs
from tools.matching.gim.examples import Labelled
from tools.matching.gim.labels import LabelConfig
from tools.matching.gim.matcher import GimMatcher
from tools.matching.gim.network import SIZES, Gim
from tools.matching.matcher import Matches, match_plain
from tools.matching.train import Recipe, fit, share_near
from tools.media.frame import Picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.nn.figures import CARD, FIGURES

QUICK = Recipe(size="tiny", steps=2, batch_size=2, side_px=64)
FEW = LabelConfig(least_start=30, least_linked=40, least_final=30)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a moving camera, 3 frames a second, one of a grey wall, and a file that is none."""
    folder = tmp_path_factory.mktemp("clips")
    config = Config(height=240, width=320, num_frames=16, objects=(2, 3), still=1.0, cut=0.0, damage=0.0)
    frames = SyntheticVideos(config, seed=5)[1].frames()
    render(folder / "camera.mp4", list(frames[::2]), 3, encoding=Encoding(options={"crf": "12", "preset": "ultrafast"}))
    render(folder / "wall.mp4", [np.full((64, 96, 3), 99, np.uint8)] * 4, 3)
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("nothing")
    return folder


class Made(NamedTuple):
    pairs: list[Labelled]
    store: Path
    told: list[str]


@pytest.fixture(scope="module")
def made(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    store, told = tmp_path_factory.mktemp("labels"), list[str]()
    return Made(labelled_pairs(clips, [match_plain], store, config=FEW, progress=told.append), store, told)


def test_the_videos_of_a_folder_give_labels(made: Made) -> None:
    assert made.pairs
    assert all(pair.first.shape == (240, 320, 3) and len(pair.labels) >= 30 for pair in made.pairs)
    assert [text.split(":")[0] for text in made.told if "pairs" in text] == ["camera.mp4", "wall.mp4"]
    assert any("broken.mp4" in text for text in made.told)


def test_labels_are_made_once(clips: Path, made: Made) -> None:
    def asked(_first: Picture, _second: Picture) -> Matches:
        raise AssertionError("matched again")

    again = labelled_pairs(clips, [asked], made.store, config=FEW)
    assert len(again) == len(made.pairs)
    for one, two in zip(made.pairs, again, strict=True):
        assert np.array_equal(one.labels, two.labels)
        assert np.array_equal(one.second, two.second)
    with pytest.raises(AssertionError, match="matched again"):
        labelled_pairs(clips, [asked], made.store, config=replace(FEW, least_final=31))


def test_frames_come_at_the_rate_of_the_grid(clips: Path) -> None:
    assert len(grid_frames(clips / "camera.mp4")) == 8


def test_a_folder_without_labels_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="no video there gives labels"):
        labelled_pairs(tmp_path / "nothing", [match_plain], tmp_path)


def test_a_run_on_clips_leaves_weights_that_load(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = labelled_pairs(clips, [match_plain], tmp_path / "labels", config=FEW)
    monkeypatch.setattr(command, "labelled_pairs", lambda *_args, **_options: made)
    fit(QUICK, tmp_path / "base")
    recipe = replace(QUICK, clips=str(clips), base=str(tmp_path / "base"))
    model = fit(recipe, tmp_path / "run")
    loaded = Gim.from_pretrained(tmp_path / "run")
    assert loaded.config == SIZES["tiny"]
    for (name, one), (_, two) in zip(model.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert torch.equal(one, two), name
    assert json.loads((tmp_path / "run" / "run.json").read_text())["base"] == str(tmp_path / "base")


def test_a_run_goes_on_only_when_asked_and_as_it_began(tmp_path: Path) -> None:
    fit(QUICK, tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(InvalidArguments, match="--resume"):
        fit(QUICK, tmp_path)
    with pytest.raises(InvalidArguments, match="batch_size 2"):
        fit(replace(QUICK, batch_size=3), tmp_path, resume=True)
    fit(QUICK, tmp_path, resume=True)
    assert (tmp_path / "model.safetensors").read_bytes() == weights


def test_bad_settings_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="multiple of 8"):
        fit(replace(QUICK, side_px=100), tmp_path)
    with pytest.raises(InvalidArguments, match="choose of gim_loftr, small, tiny"):
        fit(replace(QUICK, size="huge"), tmp_path)


def test_the_share_of_right_matches_is_measured_on_made_pairs() -> None:
    right, number = share_near(Gim(replace(SIZES["tiny"], threshold=0.0)), side_px=96, seed=0, num_pairs=2)
    assert 0 <= right <= 1
    assert number > 0


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(command.main)
    done = CliRunner().invoke(app, ["--out", str(tmp_path), "--steps", "1", "--base", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "no weights at" in done.output


def test_the_command_measures_and_writes_a_card(tmp_path: Path) -> None:
    app, out = typer.Typer(), tmp_path / "gim"
    app.command()(command.main)
    place = ["--size", "tiny", "--side-px", "64", "--out", str(out)]
    assert CliRunner().invoke(app, [*place, "--steps", "1", "--batch-size", "1"]).exit_code == 0
    figures = (out / FIGURES).read_text()
    assert "--model loftr --size tiny --steps 1" in (out / CARD).read_text()
    (out / FIGURES).unlink()
    assert CliRunner().invoke(app, [*place, "--measure"]).exit_code == 0
    assert (out / FIGURES).read_text() == figures
    for options, message in (([], "how many --steps"), (["--measure"], "holds no run to measure")):
        told = CliRunner().invoke(app, ["--out", str(tmp_path), *options])
        assert (told.exit_code, message in told.output) == (2, True)


def test_the_matching_suite_measures_the_matcher(tmp_path: Path) -> None:
    from evals.suites.matching import MatchingSuite
    from tools.media.draw import save_picture

    texture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    for name in ("a", "b"):
        save_picture(tmp_path / f"{name}.png", texture)
    camera = "100 0 80 0 100 60 0 0 1"
    (tmp_path / "pairs_with_gt.txt").write_text(f"a.png b.png 0 0 {camera} {camera} 1 0 0 1 0 1 0 0 0 0 1 0 0 0 0 1\n")
    match = GimMatcher(Gim(replace(SIZES["tiny"], threshold=0.0)))
    scores = MatchingSuite(tmp_path).measure(lambda first, second: match(first, second)[:2])
    assert scores.items[0].values["matches"] == match(texture, texture).num
