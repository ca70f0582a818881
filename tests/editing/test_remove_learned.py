"""`remove_object` with E2FGVI: used where it was measured to be better, missing elsewhere, in the hole only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.editing.conftest import Watched
from tests.fixtures.render import render
from tools.base import MissingModel
from tools.editing.remove_object import RemoveObject
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.restoration.e2fgvi.network import TINY, E2fgvi

BOX = {"x1": 40, "y1": 30, "x2": 80, "y2": 60}
START_S, END_S = 0.1, 0.3


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    wall = np.kron(rng.integers(60, 190, (15, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return render(tmp_path_factory.mktemp("wall") / "wall.mp4", [wall] * 12)


def frames(path: Path | str) -> Iterator[Picture]:
    with VideoReader(Path(path)) as reader:
        for frame in reader.frames():
            yield frame.rgb


def test_e2fgvi_is_used_where_it_is_better_and_said_to_be_missing_elsewhere(
    clip: Path, watched: Watched, tmp_path: Path
) -> None:
    context = watched(clip)

    def removed(**arguments: Any) -> Any:
        return RemoveObject().call({"boxes": [BOX], "start_s": START_S, "end_s": END_S, **arguments}, context)

    with pytest.raises(MissingModel, match=r"tools\.restoration\.train --model e2fgvi"):
        removed(model="e2fgvi")
    torch.manual_seed(0)
    context.models = tmp_path / "models"
    folder = context.models / "e2fgvi"
    E2fgvi(replace(TINY, width=8, dim=16, offset_groups=2, flow_width=2, mixed=2)).save_pretrained(folder)
    cost = RemoveObject().expected_seconds(RemoveObject.Args(boxes=[]), context)
    (folder / "figures.json").write_text('{"real": {"trained": 30.0, "without": 29.0}}')
    assert RemoveObject().expected_seconds(RemoveObject.Args(boxes=[]), context) > cost
    result = removed()
    assert result.model.endswith("E2FGVI width 8")
    assert "removed" in result.summary
    found, source = (list(frames(path)) for path in (result.artifacts[0].path, clip))
    assert len(found) == len(source)
    for t, (picture, before) in enumerate(zip(found, source, strict=True)):
        apart = np.abs(picture.astype(int) - before)
        assert apart[:20].mean() < 4
        # Fresh weights make grey of the wall's colours; before and after the span it stands.
        assert (apart[35:55, 45:75].mean() > 10) == (START_S <= t / 25 <= END_S)
    assert "E2FGVI" not in removed(model="frames").model
