"""The tool `segment`: prompts, memory, evidence, overlay, bad input."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.segmentation.scenes import BLUE, RED, disc, ground, moving, overlap, painted, watched
from tools.base import Cancelled, InvalidArguments, MediaError, MissingModel, ToolContext, ToolFailed
from tools.media.frame import Frame
from tools.media.reader import VideoReader
from tools.segmentation.masklets import decode, encode
from tools.segmentation.tool import Segment
from tools.types import Box

SHAPE = (96, 128)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[ToolContext, list[Any]]:
    """A red disc that moves to the right beside a blue one that stands."""
    pictures, masks = moving([(25 + 3 * t, 40) for t in range(10)])
    still = disc(SHAPE, 100, 75, 12)
    return watched(tmp_path_factory.mktemp("clip"), [painted(p, still, BLUE) for p in pictures]), masks


def call(context: ToolContext, **arguments: Any) -> Any:
    return Segment().call(arguments | {"overlay": arguments.get("overlay", False)}, context)


def stored_masks(context: ToolContext, entity: str, shape: tuple[int, int] = SHAPE) -> dict[float, Any]:
    rows = context.reopen().rows("observation", "entity_id = ?", [entity], "t_s")
    return {round(row["t_s"], 3): decode(row["mask"], shape) for row in rows}


def test_a_point_becomes_a_masklet_in_memory(clip: tuple[ToolContext, list[Any]]) -> None:
    context, masks = clip
    result = call(context, points=[[25 + 3 * 4, 40, 0.4]])
    assert result.status == "ok"
    assert result.objects[0].num_frames == len(masks)
    assert result.objects[0].colour == "red"
    found = stored_masks(context, result.objects[0].entity_id)
    assert all(overlap(found[round(t / 10, 3)], mask) > 0.75 for t, mask in enumerate(masks))
    entity = context.memory().rows("entity", "entity_id = ?", [result.objects[0].entity_id])[0]
    assert entity["attributes"]["prompts"][0]["points"] == [[37.0, 40.0]]
    assert "embedded" in entity["attributes"]["model"]


def test_evidence_is_a_box_in_the_interval(clip: tuple[ToolContext, list[Any]]) -> None:
    context, _ = clip
    result = call(context, boxes=[[86, 61, 114, 89, 0.0]])
    one = result.evidence[0]
    assert (one.start_s, round(one.end_s, 3)) == (0.0, 0.9)
    assert abs(one.box.x1 - 88) <= 4
    assert abs(one.box.y2 - 88) <= 4
    assert result.objects[0].colour == "blue"


def test_the_same_call_again_reads_memory(clip: tuple[ToolContext, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    context, _ = clip
    first = call(context, points=[[25, 40, 0.0], [100, 75, 0.0]])
    segments = context.memory().segments()
    monkeypatch.setattr("tools.segmentation.job.segment", lambda *_: pytest.fail("followed again"))
    again = call(context, points=[[25, 40, 0.0], [100, 75, 0.0]])
    assert again.model_copy(update={"seconds": first.seconds}) == first
    assert context.memory().segments() == segments


def test_other_prompts_leave_earlier_masklets_in_memory(clip: tuple[ToolContext, list[Any]]) -> None:
    context, _ = clip
    one = call(context, points=[[26, 41, 0.0]]).objects[0].entity_id
    other = call(context, points=[[101, 75, 0.0]]).objects[0].entity_id
    assert one != other
    assert stored_masks(context, one)
    assert stored_masks(context, other)


def test_several_objects_are_followed_at_once_without_overlap(clip: tuple[ToolContext, list[Any]]) -> None:
    context, masks = clip
    prompts = [{"object": 3, "t_s": 0.0, "points": [[25, 40]]}, {"object": 7, "t_s": 0.5, "points": [[100, 75]]}]
    result = call(context, prompts=prompts)
    assert [one.object for one in result.objects] == [3, 7]
    red, blue = (stored_masks(context, one.entity_id) for one in result.objects)
    assert overlap(red[0.9], masks[9]) > 0.75
    assert len(blue) == 10  # the frames before its prompt, too
    assert not any((red[t] & blue[t]).any() for t in red)


def test_a_mask_file_is_taken_as_it_is(clip: tuple[ToolContext, list[Any]], tmp_path: Path) -> None:
    context, masks = clip
    cv2.imwrite(str(tmp_path / "mask.png"), masks[0].astype(np.uint8) * 255)
    result = call(context, mask_file=str(tmp_path / "mask.png"))
    assert overlap(stored_masks(context, result.objects[0].entity_id)[0.0], masks[0]) > 0.99


def test_the_overlay_is_a_clip_with_tinted_masks(clip: tuple[ToolContext, list[Any]]) -> None:
    context, masks = clip
    result = call(context, points=[[100, 75, 0.0]], overlay=True)
    path = Path(result.artifacts[0].path)
    assert path.is_relative_to(context.artifacts)
    with VideoReader(path) as reader, context.reader() as source:
        assert reader.info.num_frames == len(masks)
        changed = np.abs(reader.frame_at(0.3).rgb.astype(int) - source.frame_at(0.3).rgb).sum(-1)
    inside = disc(SHAPE, 100, 75, 9)
    assert changed[inside].mean() > 60
    assert changed[~disc(SHAPE, 100, 75, 20)].mean() < 15


def test_a_colour_phrase_is_grounded_and_says_how(clip: tuple[ToolContext, list[Any]]) -> None:
    context, _ = clip
    result = call(context, phrase="the blue ball")
    assert overlap(stored_masks(context, result.objects[0].entity_id)[0.0], disc(SHAPE, 100, 75, 12)) > 0.7
    assert "what it is was not recognised" in result.summary


def test_a_phrase_is_grounded_by_entities_of_the_memory(tmp_path: Path) -> None:
    pictures, masks = moving([(60, 48)] * 4)
    context = watched(tmp_path, pictures)
    seen = {"entity_id": "people:0", "t_s": 0.1, "x1": 44.0, "y1": 32.0, "x2": 76.0, "y2": 64.0, "confidence": 0.9}
    entity = {
        "entity_id": "people:0", "category": "person", "description": "a person", "colour": "", "first_s": 0.0,
        "last_s": 0.3, "attributes": {}, "confidence": 0.9,
    }  # fmt: skip
    context.library.write_segment("ab" * 8, "people", "1", {}, {"entity": [entity], "observation": [seen]})
    result = call(context, phrase="the person")
    assert "people:0" in result.summary
    assert overlap(stored_masks(context, result.objects[0].entity_id)[0.3], masks[0]) > 0.8


def test_a_detector_is_asked_where_one_is_here(
    clip: tuple[ToolContext, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.detection.detector import Detection

    def boxes(_phrase: str, frames: list[Frame], *_: Any, **__: Any) -> list[list[Detection]]:
        return [[Detection(Box(86, 61, 114, 89), 0.4 + 0.1 * (frame.t_s > 0.5))] for frame in frames]

    monkeypatch.setattr("tools.detection.detector.find_checkpoint", lambda *_: object())
    monkeypatch.setattr("tools.detection.compose.boxes_for", boxes)
    result = call(clip[0], phrase="the ball that stands still")
    assert "a detector takes for it" in result.summary
    assert overlap(stored_masks(clip[0], result.objects[0].entity_id)[0.0], disc(SHAPE, 100, 75, 12)) > 0.7


def test_words_for_a_detector_say_so(clip: tuple[ToolContext, list[Any]]) -> None:
    with pytest.raises(MissingModel, match=r"'zebra' can only be found by a detector.*hf download"):
        call(clip[0], phrase="the zebra on the left")
    with pytest.raises(ToolFailed, match="nothing in memory fits"):
        call(clip[0], phrase="the person")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing marks an object"),
        ({"points": [[128, 10, 0]]}, "outside the picture of 128x96"),
        ({"points": [[-1, 10, 0]]}, "outside the picture"),
        ({"points": [[10, 10, 99]]}, "the video ends at 1.00 s"),
        ({"points": [[float("nan"), 10, 0]]}, "outside the picture"),
        ({"points": [[10, 10, 0.8]], "end_s": 0.5}, "is marked outside"),
        ({"boxes": [[10, 10, 10, 20, 0]]}, "is empty"),
        ({"boxes": [[10, 10, 200, 20, 0]]}, "reaches beyond the picture"),
        ({"boxes": [[float("nan"), 10, 20, 20, 0]]}, "is empty"),
        ({"not_points": [[10, 10, 0]]}, "points beside it alone"),
        ({"prompts": [{"object": 2}]}, "object 2: nothing marks it"),
        ({"prompts": [{"mask": {"size": [96, 128], "counts": encode(np.zeros(SHAPE, bool))}}]}, "mask is empty"),
        ({"prompts": [{"mask": {"size": [50, 50], "counts": "0"}}]}, "the mask is 50x50, the picture 128x96"),
        ({"prompts": [{"mask": {"size": [96, 128], "counts": "~~~"}}]}, "no COCO run-length code"),
        ({"points": [[10, 10, 0]], "start_s": 5}, "holds nothing"),
        ({"points": [[10, 10, 0]], "model": "sam9"}, "there is no model 'sam9'"),
    ],
)
def test_bad_input_is_refused_with_a_line_that_helps(
    clip: tuple[ToolContext, list[Any]], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArguments, match=message):
        call(clip[0], **arguments)


def test_mask_files_that_mark_nothing_or_are_of_another_size_are_refused(
    clip: tuple[ToolContext, list[Any]], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros(SHAPE, np.uint8))
    with pytest.raises(InvalidArguments, match="marks no object"):
        call(clip[0], mask_file=str(tmp_path / "empty.png"))
    cv2.imwrite(str(tmp_path / "large.png"), np.full((200, 300), 255, np.uint8))
    with pytest.raises(InvalidArguments, match="the mask is 300x200, the picture 128x96"):
        call(clip[0], mask_file=str(tmp_path / "large.png"))


def test_missing_files_and_weights_are_named(clip: tuple[ToolContext, list[Any]], tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"nowhere\.png"):
        call(clip[0], mask_file=str(tmp_path / "nowhere.png"))
    with pytest.raises(MissingModel, match=r"hf download facebook/sam2\.1-hiera-tiny"):
        call(clip[0], points=[[10, 10, 0]], model="sam2.1-t")


def test_what_leaves_and_returns_has_two_stretches(tmp_path: Path) -> None:
    places = [(60.0, 48.0 - 11 * t) for t in range(8)] + [(60.0, -29.0 + 11 * t) for t in range(8)]
    pictures, _ = moving(places)
    result = call(watched(tmp_path, pictures), points=[[60, 48, 0.0]])
    spans = result.objects[0].intervals
    assert len(spans) == 2
    assert spans[0].start_s == 0.0
    assert spans[1].end_s == pytest.approx(1.5)
    assert spans[0].end_s < 0.75 < spans[1].start_s


def test_after_a_cut_to_another_scene_it_is_not_in_sight(tmp_path: Path) -> None:
    pictures, _ = moving([(60, 48)] * 5)
    result = call(watched(tmp_path, [*pictures, *[ground(*SHAPE, seed=8)] * 5], cuts=[5]), points=[[60, 48, 0.0]])
    assert [round(span.end_s, 3) for span in result.objects[0].intervals] == [0.4]


@pytest.mark.parametrize("shape", [(97, 127), (16, 16), (35, 301)])
def test_one_frame_of_an_odd_size_is_a_video(tmp_path: Path, shape: tuple[int, int]) -> None:
    picture = painted(ground(*shape), disc(shape, shape[1] / 2, shape[0] / 2, min(shape) / 4), RED)
    context = watched(tmp_path, [picture])
    result = call(context, points=[[shape[1] // 2, shape[0] // 2, 0.0]], overlay=True)
    assert result.objects[0].num_frames == 1
    assert Path(result.artifacts[0].path).is_file()


def test_cancelling_leaves_nothing_behind(clip: tuple[ToolContext, list[Any]]) -> None:
    context, _ = clip
    before = context.reopen().segments()
    stopped = ToolContext(context.library, context.videos, context.artifacts, cancelled=lambda: True)
    with pytest.raises(Cancelled):
        call(stopped, points=[[30, 45, 0.0]])
    assert context.reopen().segments() == before


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_masks_survive_their_code(height: int, width: int, seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    assert np.array_equal(decode(encode(mask), (height, width)), mask)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_text_that_is_no_code_is_refused(counts: str) -> None:
    try:
        mask = decode(counts, (7, 9))
    except InvalidArguments:
        return
    assert mask.shape == (7, 9)


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with a file where weights are expected; what is loaded of it is a tiny untrained network."""
    import torch

    from tools.segmentation.models.efficienttam import TINY, EfficientTAM

    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "efficienttam_ti_512x512.pt").touch()
    torch.manual_seed(0)
    model = EfficientTAM(TINY).eval()
    monkeypatch.setattr(EfficientTAM, "from_pretrained", classmethod(lambda cls, path: model))
    return tmp_path / "models"


def test_a_network_is_used_when_its_weights_are_here(network: Path, tmp_path: Path) -> None:
    pictures, masks = moving([(40, 40)] * 4)
    context = watched(tmp_path, pictures)
    context.models = network
    prompt = {"t_s": 0.2, "mask": {"size": list(SHAPE), "counts": encode(masks[0])}}
    result = call(context, prompts=[prompt])
    assert result.model == "efficienttam-ti"
    assert overlap(stored_masks(context, result.objects[0].entity_id)[0.2], masks[0]) > 0.9
    entity = context.memory().rows("entity", "entity_id = ?", [result.objects[0].entity_id])[0]
    assert entity["attributes"]["looked_at"] == [0.0, pytest.approx(0.3)]  # backward, too
    assert call(context, prompts=[prompt], model="embedded").model != result.model


def test_a_network_gets_points_boxes_and_corrections(network: Path, tmp_path: Path) -> None:
    pictures, _ = moving([(40, 40)] * 3)
    context = watched(tmp_path, pictures)
    context.models = network
    result = call(
        context, points=[[40, 40, 0.0], [45, 40, 0.0]], not_points=[[100, 80, 0.1]], boxes=[[20, 20, 60, 60, 0.1]]
    )
    assert [one.object for one in result.objects] == [1, 2]
    assert result.model == "efficienttam-ti"


def test_consent_is_asked_for_larger_pictures_and_more_objects() -> None:
    def expected_s(width: int, height: int, **arguments: Any) -> float:
        media = {"duration_s": 10.0, "num_frames": 300, "width": width, "height": height}
        memory = SimpleNamespace(video=SimpleNamespace(media=media))
        asked = SimpleNamespace(memory=lambda _video: memory)
        return Segment().expected_seconds(Segment.Args(**arguments), cast(ToolContext, asked))

    box = (1.0, 1.0, 9.0, 9.0, 0.0)
    small, large = expected_s(640, 480, boxes=[box]), expected_s(1280, 720, boxes=[box])
    assert 20 < small < 60
    assert large > small
    assert expected_s(1280, 720, boxes=[box] * 3, points=[(1, 1, 0)]) > 2 * large
    assert expected_s(1280, 720, boxes=[box], end_s=5.0) == pytest.approx(large / 2)
