"""Edits that touch things: what changes, what stays, and that sound stays in sync."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, apart_s
from tests.fixtures.render import render
from tools.base import Cancelled, InvalidArguments, ToolContext, ToolFailed
from tools.editing.blur_region import BlurRegion
from tools.editing.crop_to_subject import CropToSubject, window_of
from tools.editing.effects import blurred, pixelated
from tools.editing.highlight import Highlight
from tools.editing.pixelate_faces import PixelateFaces
from tools.editing.provenance import read_provenance
from tools.editing.remove_object import RemoveObject, grown
from tools.editing.stabilise import Stabilise
from tools.media.reader import VideoReader
from tools.segmentation.masklets import encode

HEIGHT, WIDTH, NUM = 96, 160, 30
BALL_PX = 12
CODED = 8
"""Mean difference that encoding twice makes in this lively clip, levels."""
TOUCHING = (BlurRegion, Highlight, RemoveObject, CropToSubject)
KINDS = ("variable", "rotated", "odd", "one-frame")


def ball_at(t: int) -> tuple[int, int]:
    return 20 + 4 * t, 48


def ball_mask(t: int) -> Any:
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    cx, cy = ball_at(t)
    return (x - cx) ** 2 + (y - cy) ** 2 <= BALL_PX**2


@pytest.fixture(scope="session")
def wall() -> Any:
    small = np.random.default_rng(7).integers(40, 220, (24, 40, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture(scope="session")
def ball_clip(tmp_path_factory: pytest.TempPathFactory, wall: Any) -> Path:
    """A black and white ball that rolls along before a wall."""
    pictures = []
    for t in range(NUM):
        picture = wall.copy()
        mask = ball_mask(t)
        picture[mask] = np.where((np.indices(mask.shape).sum(axis=0) // 4 % 2)[mask][:, None] == 0, 0, 255)
        pictures.append(picture)
    return render(tmp_path_factory.mktemp("ball") / "ball.mp4", pictures)


@pytest.fixture
def ball(watched: Watched, ball_clip: Path) -> ToolContext:
    rows = []
    for t in range(NUM):
        x, y = ball_at(t)
        side = {"x1": x - BALL_PX, "y1": y - BALL_PX, "x2": x + BALL_PX + 1, "y2": y + BALL_PX + 1}
        rows.append({"entity_id": "ball", "t_s": t / 25, "mask": encode(ball_mask(t)), "confidence": 1.0, **side})
    entity = {"category": "segmented object", "description": "the ball", "first_s": 0.0, "last_s": 1.2}
    return watched(ball_clip, entity=[{"entity_id": "ball", **entity}], observation=rows)


def pictures(path: Path | str) -> list[Any]:
    return [frame.rgb for frame in VideoReader(Path(path)).frames()]


def off(first: Any, second: Any, mask: Any) -> float:
    """Mean difference within a mask."""
    return float(np.abs(first.astype(int) - second)[mask].mean())


@pytest.mark.parametrize(
    ("tool", "kind"),
    [
        *((BlurRegion, kind) for kind in KINDS),
        *((CropToSubject, kind) for kind in ("rotated", "mute")),
        *((Highlight, kind) for kind in ("plain",)),
        (RemoveObject, "one-frame"),
        *(pytest.param(RemoveObject, kind, marks=pytest.mark.slow) for kind in ("plain", "variable", "odd")),
    ],
)
def test_sound_stays_in_sync_in_every_kind_of_file(
    tool: Any, kind: str, flash_clips: Mapping[str, Path], watched: Watched
) -> None:
    context = watched(flash_clips[kind])
    before = VideoReader(flash_clips[kind]).info
    # A highlight dims what is outside: where all is inside, flashes stay as bright.
    box = [0, 0, 200, 200] if tool is Highlight else [20, 20, 50, 40]
    result = tool().call({"boxes": [box]}, context)
    path = Path(result.artifacts[0].path)
    after = VideoReader(path).info
    assert after.num_frames == before.num_frames
    assert after.has_audio == before.has_audio
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.05)
    if before.has_audio:
        assert apart_s(path) <= IN_SYNC_S
    if tool is not CropToSubject:
        assert abs(after.width - before.width) <= 1
    made = read_provenance(path)
    assert made is not None
    assert made.tool == tool.name


def test_what_is_removed_gives_way_to_the_wall(ball: ToolContext, wall: Any) -> None:
    result = RemoveObject().call({"entities": ["ball"]}, ball)
    assert result.entities == ["ball"]
    assert "removed the ball" in result.summary
    found, source = pictures(result.artifacts[0].path), pictures(ball.reader().path)
    for t in range(0, NUM, 3):
        mask = ball_mask(t)
        assert off(found[t], wall, mask) < 2 * CODED < 30 < off(source[t], wall, mask)
        assert off(found[t], source[t], ~cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))).astype(bool)) < CODED


def test_pixels_come_from_frames_in_which_the_thing_was_looked_for(ball: ToolContext, wall: Any) -> None:
    """It rests at the end of the span; the frames after it show it, too, and must not give it back."""
    result = RemoveObject().call({"entities": ["ball"], "end_s": 0.6}, ball)
    found, source = pictures(result.artifacts[0].path), pictures(ball.reader().path)
    assert off(found[5], wall, ball_mask(5)) < 2 * CODED
    assert off(found[14], wall, ball_mask(14)) < 2 * CODED
    assert off(found[20], source[20], np.ones((HEIGHT, WIDTH), bool)) < CODED
    assert len(found) == NUM


@pytest.mark.parametrize("style", ["blur", "pixelate"])
def test_what_is_blurred_is_gone_and_the_rest_stays(ball: ToolContext, style: str) -> None:
    result = BlurRegion().call({"entities": ["ball"], "style": style}, ball)
    found, source = pictures(result.artifacts[0].path), pictures(ball.reader().path)
    for t in range(0, NUM, 5):
        mask = ball_mask(t)
        inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5))).astype(bool)
        assert found[t][inner].std() < 0.5 * source[t][inner].std()
        assert off(found[t], source[t], ~cv2.dilate(mask.astype(np.uint8), np.ones((13, 13))).astype(bool)) < CODED


def test_only_what_is_outside_is_dimmed(ball: ToolContext) -> None:
    result = Highlight().call({"entities": ["ball"], "end_s": 0.6}, ball)
    found, source = pictures(result.artifacts[0].path), pictures(ball.reader().path)
    inner = cv2.erode(ball_mask(5).astype(np.uint8), np.ones((7, 7))).astype(bool)
    assert off(found[5], source[5], inner) < 12
    assert found[5][~ball_mask(5)].mean() < 0.6 * source[5][~ball_mask(5)].mean()
    assert off(found[25], source[25], np.ones((HEIGHT, WIDTH), bool)) < CODED  # after the span


def test_the_window_follows_and_glides(ball: ToolContext) -> None:
    result = CropToSubject().call({"entities": ["ball"], "aspect": "1:1"}, ball)
    found, source = pictures(result.artifacts[0].path), pictures(ball.reader().path)
    assert found[0].shape == (96, 96, 3)
    # The window that was taken is the one that fits best.
    places = [
        cv2.minMaxLoc(cv2.matchTemplate(wide, part, cv2.TM_SQDIFF))[2][0]
        for wide, part in zip(source, found, strict=True)
    ]
    steps = np.diff(places)
    assert places[0] < places[-1]
    assert steps.min() >= -1
    assert steps.max() <= 4
    for t in (0, 15, 29):
        assert 0 <= ball_at(t)[0] - places[t] <= 96


@pytest.mark.parametrize("tool", [*TOUCHING, PixelateFaces, Stabilise])
def test_where_nothing_matches_there_is_one_line_and_no_file(tool: Any, ball: ToolContext) -> None:
    asked = {"categories": ["dog"]} if tool in TOUCHING else {}
    with pytest.raises(ToolFailed) as refused:
        tool().call(asked, ball)
    assert "\n" not in str(refused.value)
    assert not list(ball.artifacts.glob("*"))


def test_a_cancelled_removal_leaves_no_file(ball: ToolContext) -> None:
    asked = iter(range(100))
    ball.cancelled = lambda: next(asked) > 50
    with pytest.raises(Cancelled):
        RemoveObject().call({"entities": ["ball"]}, ball)
    assert not [path for path in ball.artifacts.glob("*") if path.is_file()]


def test_costs_are_told_before(ball: ToolContext) -> None:
    for tool in (*TOUCHING, PixelateFaces, Stabilise):
        args = tool.Args.model_validate({"entities": ["ball"]} if tool in TOUCHING else {})
        assert tool().expected_seconds(args, ball) > 0
    whole, part = (
        RemoveObject().expected_seconds(RemoveObject.Args(entities=["ball"], end_s=end_s), ball)
        for end_s in (None, 0.1)
    )
    assert part < 0.5 * whole
    args = BlurRegion.Args.model_validate({"phrase": "every face"})
    assert BlurRegion().expected_seconds(args, ball) > BlurRegion().expected_seconds(BlurRegion.Args(boxes=[]), ball)


def test_windows_have_the_shape_and_even_sides() -> None:
    assert window_of("9:16", 1920, 1080) == (608, 1080)
    assert window_of("16:9", 1080, 1920) == (1080, 608)
    assert window_of("1:1", 161, 121) == (120, 120)
    with pytest.raises(InvalidArguments, match="0:1"):
        window_of("0:1", 160, 120)
    with pytest.raises(InvalidArguments, match="nothing"):
        window_of("1:9999", 160, 120)


def test_hiding_leaves_nothing_of_the_mask_and_touches_nothing_far_away() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    mask = np.zeros((80, 80), np.bool_)
    mask[0:40, 20:80] = True
    far = np.zeros_like(mask)
    far[60:] = True
    for hide in (blurred, pixelated):
        hidden = hide(picture, [mask], 1.0)
        assert np.array_equal(hidden[far], picture[far])
        assert (hidden[mask] == picture[mask]).all(axis=1).mean() < 0.02
        assert hidden[mask].std() < 0.4 * picture[mask].std()


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_pixelated_has_the_mean_of_its_cell_and_only_that(order: Literal["C", "F"]) -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)
    mask = np.asarray(rng.random((70, 90)) < 0.5, np.bool_, order)
    mask[:9] = mask[:, :10] = mask[-20:] = False
    mask[9, 10] = mask[49, 89] = True  # 41 rows and 80 columns: cells of 8 pixels
    hidden = pixelated(picture, [mask], 1.0)
    for y in range(8, 56, 8):
        for x in range(8, 90, 8):
            cell = np.pad(picture[y : y + 8, x : x + 8], ((0, 0), (0, max(0, x + 8 - 90)), (0, 0)), mode="edge")
            covered = mask[y : y + 8, x : x + 8]
            assert np.abs(hidden[y : y + 8, x : x + 8][covered] - cell.mean(axis=(0, 1))).max(initial=0) <= 0.51
    assert np.array_equal(hidden[~mask], picture[~mask])


def test_holes_are_wider_than_masks_and_closed() -> None:
    mask = np.zeros((200, 300), np.bool_)
    mask[50:100, 50:70] = mask[50:100, 72:90] = True
    hole = grown(mask, 1.0)
    assert hole[75, 71]
    assert hole[48, 60]
    assert not hole[40, 60]
    assert np.array_equal(grown(mask, 0.0), mask)
