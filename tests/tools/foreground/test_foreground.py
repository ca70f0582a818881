"""What moves by itself: against exact masks and plain MOG2, and the tool on files."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.ingest import register
from memory import Library
from tests.tools.tracking.motion_scenes import camera_view, paste_square, texture
from tools.base import InvalidArguments, ToolContext
from tools.foreground.model import foregrounds
from tools.foreground.tool import SegmentForeground
from tools.media.frame import Frame, Picture
from tools.media.reader import VideoReader
from tools.media.synthetic.clip import Clip
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.media.writer import VideoWriter

HZ = 8
SIDE = 44
WORLD, OTHER = texture(1), texture(9)
Masks = list[npt.NDArray[np.bool_]]


def scene(num: int, *, pan: float = 0.0, light: float = 0.0) -> list[Picture]:
    """A square of 44 pixels that goes right by 7 a frame, before a camera that pans by `pan` a frame."""
    pictures = []
    for t in range(num):
        picture = paste_square(camera_view(WORLD, pan * t, 0), 60 + 7 * t, 120, SIDE)
        pictures.append(np.clip(picture * (1 + light * np.sin(t)), 0, 255).astype(np.uint8))
    return pictures


def masks_of(pictures: list[Picture]) -> Masks:
    return [found.mask() for found in foregrounds(Frame.from_rgb(t, t / HZ, p) for t, p in enumerate(pictures))]


def truth_at(t: int, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape[:2], np.bool_)
    x = 60 + 7 * t - SIDE / 2
    mask[120 - SIDE // 2 : 120 + SIDE // 2, max(0, round(x)) : max(0, round(x + SIDE))] = True
    return mask


def f_measure(found: Masks, truth: Masks) -> float:
    hit = sum(int((a & b).sum()) for a, b in zip(found, truth, strict=True))
    total = sum(int(a.sum() + b.sum()) for a, b in zip(found, truth, strict=True))
    return 2 * hit / total if total else 1.0


def mog2(pictures: list[Picture]) -> Masks:
    """OpenCV's, which may learn from the whole clip before it is judged."""
    subtractor = cv2.createBackgroundSubtractorMOG2(history=len(pictures), detectShadows=True)
    for picture in pictures:
        subtractor.apply(picture)
    return [np.asarray(subtractor.apply(picture, learningRate=0.01) == 255) for picture in pictures]


@pytest.mark.parametrize(("pan", "light", "least"), [(0.0, 0.0, 0.85), (5.0, 0.0, 0.85), (0.0, 0.12, 0.7)])
def test_a_square_is_found_whatever_the_camera_and_the_light_do(pan: float, light: float, least: float) -> None:
    pictures = scene(16, pan=pan, light=light)
    truth = [truth_at(t, picture.shape) for t, picture in enumerate(pictures)]
    score = f_measure(masks_of(pictures), truth)
    assert score > least
    assert score > f_measure(mog2(pictures), truth)


def test_there_is_no_ghost_of_what_stood_and_left() -> None:
    """It stands for a third of the clip, then goes: its first place is free at once."""
    places = [100.0] * 5 + [100.0 + 14 * t for t in range(1, 12)]
    pictures = [paste_square(camera_view(WORLD, 0, 0), x, 120, SIDE) for x in places]
    found = masks_of(pictures)
    assert found[2][110:130, 90:110].mean() > 0.7
    assert found[11][98:142, 78:122].mean() < 0.05


def test_a_shadow_is_hardly_a_thing() -> None:
    """Of its rim, where the texture differs, something may be left."""
    pictures = []
    for t in range(12):
        view = camera_view(WORLD, 0, 0).astype(np.float64)
        view[140:220, 10 + 12 * t : 60 + 12 * t] *= 0.7
        pictures.append(view.astype(np.uint8))
    assert np.mean([mask.mean() for mask in masks_of(pictures)[2:-2]]) < 0.4 * 80 * 50 / (320 * 240)


def test_a_camera_alone_moves_nothing() -> None:
    pictures = [camera_view(WORLD, 4 * t, 2 * np.sin(t)) for t in range(10)]
    assert np.mean([mask.mean() for mask in masks_of(pictures)]) < 0.01


def test_a_cut_begins_anew() -> None:
    pictures = scene(8) + [camera_view(OTHER, 0, 0)] * 5
    found = masks_of(pictures)
    assert found[5].any()
    assert not any(mask.any() for mask in found[8:])


@pytest.mark.parametrize("size", [(1, 1), (9, 13), (37, 301)])
def test_odd_and_tiny_pictures(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (*size, 3)).astype(np.uint8) for _ in range(5)]
    assert [mask.shape for mask in masks_of(pictures)] == [size] * 5
    assert not masks_of(pictures[:1])[0].any(), "one picture alone says nothing"
    assert masks_of([]) == []


def moving_truth(clip: Clip) -> Masks:
    movers = [layer.number for layer in clip.objects if layer.moves]
    return [np.isin(clip.seen(t).labels, movers) for t in range(clip.num_frames)]


@pytest.mark.slow
@pytest.mark.parametrize("camera", [0.0, 1.0])
def test_it_beats_mog2_on_made_clips(camera: float) -> None:
    """Deforming, occluding things, a quarter of them standing still, with damage; exact masks."""
    config = Config(height=192, width=256, num_frames=36, camera=camera, cut=0.0, damage=0.5)
    ours, plain = [], []
    for index in range(3):
        clip = SyntheticVideos(config, seed=11)[index]
        pictures = list(clip.frames())
        truth = moving_truth(clip)
        frames = (Frame.from_rgb(t, t / 12, picture) for t, picture in enumerate(pictures))
        ours.append(f_measure([found.mask() for found in foregrounds(frames)], truth))
        plain.append(f_measure(mog2(pictures), truth))
    print(f"camera {camera}: F {np.mean(ours):.3f}, MOG2 {np.mean(plain):.3f}")
    assert np.mean(ours) > np.mean(plain) + 0.15


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    folder = tmp_path_factory.mktemp("foreground")
    with VideoWriter(folder / "a.mp4", 320, 240, HZ) as writer:
        for picture in scene(14):
            writer.add(picture)
    library = Library(folder / "library")
    video_id, _ = register(folder / "a.mp4", library)
    return ToolContext(library, [video_id], folder / "artifacts")


def test_the_tool_writes_masks_clips_and_evidence(watched: ToolContext) -> None:
    from pycocotools import mask as coco

    result: Any = SegmentForeground().call({}, watched)
    assert result.status == "ok"
    assert result.num_frames == 14
    (stretch,) = result.evidence
    assert stretch.end_s - stretch.start_s > 1
    rows = watched.memory().rows("observation", "extractor = 'foreground'", order_by="t_s")
    assert [row["t_s"] for row in rows] == [moment.t_s for moment in result.moments]
    middle = rows[len(rows) // 2]
    mask = coco.decode({"size": [240, 320], "counts": middle["mask"]}).astype(bool)
    truth = truth_at(round(middle["t_s"] * HZ), mask.shape)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.7
    for artifact in result.artifacts:
        with VideoReader(artifact.path) as reader:
            assert (reader.info.width, reader.info.height, reader.info.num_frames) == (320, 240, 14)
    again: Any = SegmentForeground().call({}, watched)
    assert again.moments == result.moments
    assert len(watched.memory().rows("observation", "extractor = 'foreground'")) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"start_s": 9.0}, "is empty"), ({"start_s": 1.5, "end_s": 1.0}, "is empty"), ({"hz": 0}, "hz")],
)
def test_bad_arguments_are_told(arguments: dict[str, float], message: str, watched: ToolContext) -> None:
    with pytest.raises(InvalidArguments, match=message):
        SegmentForeground().call(arguments, watched)
