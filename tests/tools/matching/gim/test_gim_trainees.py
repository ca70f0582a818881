"""Every network of GIM is trained by the same command and the same loop; a new lightglue stands on a detector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fixtures.render import render
from tools.base import InvalidArguments
from tools.matching import train as command
from tools.matching.gim.clips import all_frames
from tools.matching.gim.examples import Labelled
from tools.matching.gim.lightglue import GimLightGlue
from tools.matching.gim.matcher import GimMatcher
from tools.matching.gim.superpoint import SuperPoint
from tools.matching.matcher import Matcher
from tools.matching.train import Recipe, fit, share_near
from tools.media.synthetic.pairs import MatchingPairs
from tools.nn.checkpoint import CheckpointError

QUICK = Recipe(size="tiny", steps=2, batch_size=2, side_px=64)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("superpoint")
    fit(replace(QUICK, model="superpoint"), folder)
    return folder


@pytest.mark.parametrize("model", ["loftr", "dkm", "lightglue"])
def test_every_matcher_goes_through_the_loop(
    model: str, detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First on made pairs, then from its own weights on pairs with labels, which the base helped to make."""
    pair = MatchingPairs(height=96, width=128, seed=1)[0]
    y, x = np.nonzero(pair.visible[::8, ::8])
    first = np.column_stack((x, y)).astype(np.float64) * 8
    asked: list[Matcher] = []

    def labelled_pairs(_clips: Path, matchers: list[Matcher], *_args: object, **_options: object) -> list[Labelled]:
        asked.extend(matchers)
        return [Labelled(pair.first, pair.second, np.column_stack((first, first)))]

    monkeypatch.setattr(command, "labelled_pairs", labelled_pairs)
    recipe = replace(QUICK, model=model, base=str(detector) if model == "lightglue" else "")
    base = fit(recipe, tmp_path / "base")
    student = fit(replace(recipe, clips="clips", base=str(tmp_path / "base")), tmp_path / "run")
    assert isinstance(asked[1], GimMatcher)
    loaded = GimMatcher.from_pretrained(tmp_path / "run").network
    assert type(loaded) is type(base)
    changed = False
    for (name, one), two, before in zip(
        student.state_dict().items(), loaded.state_dict().values(), base.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name
        changed |= not torch.equal(one, before)
    assert changed


def test_a_new_lightglue_takes_its_detector_and_leaves_it_as_it_is(detector: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="--model superpoint"):
        fit(replace(QUICK, model="lightglue"), tmp_path)
    trained = fit(replace(QUICK, model="lightglue", base=str(detector)), tmp_path)
    assert isinstance(trained, GimLightGlue)
    for name, tensor in SuperPoint.from_pretrained(detector).state_dict().items():
        assert torch.equal(trained.superpoint.state_dict()[name], tensor)


def test_a_detector_learns_what_another_finds_in_frames(detector: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "clips").mkdir()
    render(tmp_path / "clips" / "a.mp4", [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(3)], 3)
    (tmp_path / "clips" / "b.mp4").write_bytes(b"no video")
    told: list[str] = []
    assert len(all_frames(tmp_path / "clips", progress=told.append)) == 3
    assert "b.mp4" in told[0]
    student = replace(QUICK, model="superpoint", steps=1, base=str(detector), clips=str(tmp_path / "clips"))
    trained = fit(student, tmp_path / "run")
    assert isinstance(trained, SuperPoint)
    right, number = share_near(trained, side_px=64, seed=0, num_pairs=1)
    assert 0 <= right <= 1
    assert number > 0


def test_what_cannot_be_trained_is_told(detector: Path, tmp_path: Path) -> None:
    for recipe, why in (
        (replace(QUICK, model="sift"), "choose of loftr, lightglue, dkm, superpoint"),
        (replace(QUICK, model="dkm", side_px=72), "multiple of 32"),
        (replace(QUICK, model="superpoint", size="huge"), "choose of superpoint, small, tiny"),
        (replace(QUICK, model="superpoint", clips="clips"), "--base"),
        (replace(QUICK, model="superpoint", clips=str(tmp_path / "none"), base=str(detector)), "folder with videos"),
    ):
        with pytest.raises(InvalidArguments, match=why):
            fit(recipe, tmp_path / "run")
    with pytest.raises(CheckpointError):
        fit(replace(QUICK, model="dkm", base=str(detector)), tmp_path / "run")
