"""The tool `foreground` uses MUSTAN when it is asked to, or when its weights were measured to be better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.tools.segmentation.scenes import watched
from tools.base import MissingModel, ToolContext
from tools.foreground.choose import EMBEDDED, choose
from tools.foreground.mustan import TINY, Mustan
from tools.foreground.tool import SegmentForeground
from tools.nn.figures import FIGURES, Figures, add_real


def weights(folder: Path, bias: float) -> None:
    """Random ones that call everything (bias > 0) or nothing foreground."""
    torch.manual_seed(0)
    model = Mustan(replace(TINY["mustan2"], widths=(8, 16)))
    torch.nn.init.zeros_(model.decoder.head.weight)
    torch.nn.init.constant_(cast(torch.Tensor, model.decoder.head.bias), bias)
    model.save_pretrained(folder / "mustan")


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    """Half a second of noise."""
    pictures = np.random.default_rng(0).integers(0, 255, (5, 48, 64, 3), dtype=np.uint8)
    return replace(watched(tmp_path, list(pictures)), models=tmp_path / "models")


@pytest.mark.parametrize(("bias", "share"), [(9.0, 1.0), (-9.0, 0.0)])
def test_its_masks_are_those_of_the_weights(context: ToolContext, bias: float, share: float) -> None:
    assert context.models is not None
    weights(context.models, bias)
    found: Any = SegmentForeground().call({"hz": 10.0, "model": "mustan"}, context)
    assert found.model == "mustan2"
    assert found.num_frames == 5
    assert found.mean_share == share
    assert found.status == ("ok" if share else "empty")


def test_by_itself_it_is_used_where_it_was_measured_to_be_better(tmp_path: Path) -> None:
    weights(tmp_path, 9.0)
    assert choose(tmp_path).model == EMBEDDED
    for trained, expected in ((0.5, EMBEDDED), (0.7, "mustan2")):
        figures = Figures("F", trained, without=0.6)
        add_real(tmp_path / "mustan", figures, command="measure")
        assert choose(tmp_path).model == expected
    assert choose(tmp_path, "embedded").model == EMBEDDED
    (tmp_path / "mustan" / FIGURES).write_text("{")
    assert choose(tmp_path).model == EMBEDDED
    assert choose(tmp_path, "mustan").model == "mustan2"


def test_asked_for_without_weights_it_tells_how_to_train_them(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"python -m tools\.segmentation\.train --model mustan .*/mustan"):
        choose(tmp_path, "mustan")


def test_without_weights_it_is_the_model_that_needs_none(context: ToolContext) -> None:
    assert choose(context.models).model == EMBEDDED
    assert choose(None).model == EMBEDDED
