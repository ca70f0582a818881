"""`export`: files that the programs they are for can read."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.editing.conftest import Watched
from tests.fixtures.render import blank, render
from tools.base import ToolFailed
from tools.editing.cut import Cut
from tools.editing.export import Export
from tools.editing.provenance import read_provenance
from tools.segmentation.masklets import encode

MASK = np.zeros((120, 160), bool)
MASK[20:60, 30:90] = True
MASK[20:30, 30:40] = False
ENTITIES = [
    {"entity_id": "a", "category": "cup", "description": "a red cup", "first_s": 0.0, "last_s": 2.0},
    {"entity_id": "b", "category": "moving object", "description": None, "first_s": 1.0, "last_s": 1.0},
]
OBSERVATIONS = [
    {
        "entity_id": "a",
        "t_s": 0.0,
        "x1": 30.0,
        "y1": 20.0,
        "x2": 90.0,
        "y2": 60.0,
        "mask": encode(MASK),
        "confidence": 0.9,
    },
    {"entity_id": "a", "t_s": 1.0, "x1": 31.0, "y1": 20.0, "x2": 91.0, "y2": 60.0, "confidence": 0.8},
    {"entity_id": "b", "t_s": 1.0, "x1": 0.0, "y1": 0.0, "x2": 10.0, "y2": 5.0},
]
EVENTS = [{"event_id": "s", "kind": "speech", "start_s": 0.5, "end_s": 1.5, "text": "one two", "attributes": {}}]
SHOTS = [
    {"shot_id": 0, "start_s": 0.0, "end_s": 1.52, "keyframe_s": 0.5},
    {"shot_id": 1, "start_s": 1.52, "end_s": 3.0, "keyframe_s": 2.0},
]
EDL = """TITLE: clip
FCM: NON-DROP FRAME

001  AX       AA/V  C        00:00:00:00 00:00:01:13 00:00:00:00 00:00:01:13
* FROM CLIP NAME: clip.mp4
* COMMENT: shot 1

002  AX       AA/V  C        00:00:01:13 00:00:03:00 00:00:01:13 00:00:03:00
* FROM CLIP NAME: clip.mp4
* COMMENT: shot 2
"""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return render(tmp_path / "clip.mp4", [blank()] * 75, 25)


@pytest.fixture
def context(clip: Path, watched: Watched):
    return watched(clip, entity=ENTITIES, observation=OBSERVATIONS, event=EVENTS, shot=SHOTS)


def test_coco_is_read_by_its_own_tools(context) -> None:
    from pycocotools.coco import COCO

    result = Export().call({"format": "coco"}, context)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(result.artifacts[0].path)
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == ["cup", "moving object"]
    cups = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(["cup"])))
    assert [one["bbox"] for one in cups] == [[30.0, 20.0, 60.0, 40.0], [31.0, 20.0, 60.0, 40.0]]
    assert np.array_equal(coco.annToMask(cups[0]).astype(bool), MASK)
    assert cups[0]["area"] == MASK.sum()
    assert cups[0]["track_id"] == cups[1]["track_id"]
    assert [image["t_s"] for image in coco.loadImgs([one["image_id"] for one in cups])] == [0.0, 1.0]
    assert result.num_rows == 3


def test_tables_are_those_of_memory(context) -> None:
    for name in ("parquet", "csv", "json", "graphml"):
        result = Export().call({"format": name}, context)
        paths = [Path(artifact.path) for artifact in result.artifacts]
        assert all(path.stat().st_size for path in paths)
        if name == "parquet":
            (observations,) = [path for path in paths if path.name.endswith("-observation.parquet")]
            assert pq.read_table(observations)["x1"].to_pylist() == [30.0, 31.0, 0.0]
            assert read_provenance(observations) is not None
        if name == "json":
            assert [row["text"] for row in json.loads(paths[0].read_text())["event"]] == ["one two"]


def test_subtitles_and_shots(context) -> None:
    srt = Path(Export().call({"format": "srt"}, context).artifacts[0].path).read_text()
    assert srt == "1\n00:00:00,500 --> 00:00:01,500\none two\n"
    assert Path(Export().call({"format": "edl"}, context).artifacts[0].path).read_text() == EDL


def test_the_edl_of_a_cut_says_what_it_was_cut_from(context) -> None:
    cut = Cut().call({"intervals": [(2.0, 2.4), (0.0, 1.0)]}, context)
    edl = Path(Export().call({"video": cut.artifacts[0].path, "format": "edl"}, context).artifacts[0].path).read_text()
    assert "001  AX       AA/V  C        00:00:02:00 00:00:02:10 00:00:00:00 00:00:00:10" in edl
    assert "002  AX       AA/V  C        00:00:00:00 00:00:01:00 00:00:00:10 00:00:01:10" in edl
    with pytest.raises(ToolFailed, match="ask for edl"):
        Export().call({"video": cut.artifacts[0].path, "format": "json"}, context)


def test_what_memory_lacks_is_told(clip: Path, watched: Watched) -> None:
    context = watched(clip)
    for name in ("coco", "srt", "edl"):
        with pytest.raises(ToolFailed, match=r"no (boxes|speech|shots) in memory"):
            Export().call({"format": name}, context)
    assert not context.artifacts.exists()
