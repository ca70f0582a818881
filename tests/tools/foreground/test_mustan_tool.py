"""The tool `foreground` uses MUSTAN when its weights are in the folder of models, and says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.tools.segmentation.scenes import watched
from tools.base import ToolContext
from tools.foreground.choose import EMBEDDED, choose
from tools.foreground.mustan import TINY, Mustan
from tools.foreground.tool import SegmentForeground


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
    found: Any = SegmentForeground().call({"hz": 10.0}, context)
    assert found.model == "mustan2"
    assert found.num_frames == 5
    assert found.mean_share == share
    assert found.status == ("ok" if share else "empty")


def test_without_weights_it_is_the_model_that_needs_none(context: ToolContext) -> None:
    assert choose(context.models).model == EMBEDDED
    assert choose(None).model == EMBEDDED
