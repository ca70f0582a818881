"""`segment` finds what `tools.segmentation.train` wrote, of whatever size, and prefers it only where it is better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tools.segmentation.scenes import moving, watched
from tools.base import MissingModel, ToolContext
from tools.media.synthetic.named import NamedShapes
from tools.nn.course import fit
from tools.nn.figures import Figures, add_real
from tools.segmentation.catr.course import CatrCourse
from tools.segmentation.catr.segmenter import EARS, SoundingSegmenter
from tools.segmentation.course import EFFICIENTTAM, SamCourse
from tools.segmentation.epcformer.course import EpcCourse, tokenizer
from tools.segmentation.epcformer.segmenter import ReferringSegmenter
from tools.segmentation.models.efficienttam import EfficientTAM
from tools.segmentation.named_batches import heard
from tools.segmentation.networks import NETWORKS, find_network
from tools.segmentation.tool import Segment

CONFIG = replace(EFFICIENTTAM["tiny"], image_size=64)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of a size that was never published."""
    folder = tmp_path_factory.mktemp("models")
    course = SamCourse(EfficientTAM, {"own": CONFIG})
    fit(course, course.recipe("efficienttam", 2, batch_size=1, frames=2), folder / "efficienttam")
    return folder


@pytest.fixture
def context(tmp_path: Path, models: Path) -> ToolContext:
    pictures, _ = moving([(25 + 3 * t, 40) for t in range(4)])
    return replace(watched(tmp_path, pictures), models=models)


def segment(context: ToolContext, model: str) -> Any:
    return Segment().call({"points": [[25, 40, 0.0]], "model": model, "overlay": False}, context)


def measured(folder: Path, trained: float, without: float) -> None:
    figures = Figures("J", trained, without)
    add_real(folder, figures, command="measure")


def test_it_is_used_when_it_is_asked_for(context: ToolContext) -> None:
    result = segment(context, "efficienttam")
    assert result.model.startswith("efficienttam trained here, ")


def test_by_itself_it_is_used_where_it_beats_the_embedded_one(context: ToolContext, models: Path) -> None:
    assert find_network(models) is None
    measured(models / "efficienttam", 0.4, 0.5)
    assert "embedded" in segment(context, "auto").model
    measured(models / "efficienttam", 0.6, 0.5)
    assert segment(context, "auto").model.startswith("efficienttam")


def test_published_weights_come_first(models: Path) -> None:
    measured(models / "efficienttam", 0.6, 0.5)
    file = models / NETWORKS["efficienttam-s"].file
    file.touch()
    found = find_network(models)
    assert found is not None
    assert found.name == "efficienttam-s"
    file.unlink()


def test_without_it_the_command_that_trains_it_is_told(context: ToolContext) -> None:
    with pytest.raises(MissingModel, match=r"python -m tools\.segmentation\.train --model sam2 .*/sam2"):
        segment(context, "sam2")


def test_words_that_training_taught_come_with_the_weights(tmp_path: Path) -> None:
    course = EpcCourse()
    fit(course, course.recipe("epcformer", 1, config="tiny", batch_size=1, frames=1), tmp_path)
    segmenter = ReferringSegmenter.from_pretrained(tmp_path)
    assert segmenter.tokenize is not None
    assert list(segmenter.tokenize("the STAR")) == tokenizer().encode("the star").ids
    assert len(set(segmenter.tokenize("a disc"))) == 4
    clip = NamedShapes(64, 2)[0]
    assert segmenter.segment(clip.pictures, text="the star").masks.shape == (2, 64, 64)


def test_what_training_heard_with_comes_with_the_weights(tmp_path: Path) -> None:
    course = CatrCourse()
    recipe = course.recipe("catr", 1, config="tiny", batch_size=1, frames=1)
    fit(course, recipe, tmp_path)
    segmenter = SoundingSegmenter.from_pretrained(tmp_path, tmp_path / EARS)
    sound = heard([0, 1], np.random.default_rng(0))
    assert torch.equal(segmenter.ears(sound), course.ears(recipe)(sound))
