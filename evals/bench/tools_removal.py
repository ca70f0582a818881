"""Part of the benchmark `tools`: what is taken out, blurred and steadied.

Removal: made clips whose background is known, before a still and a moving camera, clean and with the damage of cameras
and codecs. PSNR within the holes, beside OpenCV's inpainting frame by frame and the median over time, and the flicker:
the mean change of the filling along the true flow of the background, beside that of the background itself. Speed: tools
as they are called, on a clip of 480p.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from evals.bench.result import BenchOptions, Result
from memory import Library, VideoRecord
from tools.base import ToolContext, ToolFailed
from tools.editing.base import Edit
from tools.editing.blur_region import BlurRegion
from tools.editing.crop_to_subject import CropToSubject
from tools.editing.highlight import Highlight
from tools.editing.pixelate_faces import PixelateFaces
from tools.editing.remove_object import RemoveObject
from tools.editing.stabilise import Stabilise
from tools.media.frame import Frame, Picture
from tools.media.identity import content_id
from tools.media.reader import VideoReader
from tools.media.synthetic.clip import Clip
from tools.media.synthetic.scene import Config, Scene
from tools.media.synthetic.world import SyntheticVideos
from tools.media.writer import VideoWriter
from tools.restoration.quality import psnr
from tools.restoration.removal import remove

Bools = npt.NDArray[np.bool_]

SEED, NUM_CLIPS, NUM_FRAMES, SIZE = 21, 4, 36, (240, 320)
RATE_HZ = 25
CASES = (("still camera", 0.0, 0.0), ("moving camera", 0.6, 0.0), ("moving camera, damaged", 0.6, 0.6))
"""Name, strength of the camera's motion, chance of damage."""
WIDER_PX = 3
"""Holes are wider than the things by so much, as their smoothed edges are."""
LEAST_DB = 26.0
LEAST_REAL_TIME = 3.0
SHADOW_FALL, SHADOW_DEPTH, SHADOW_SOFT_PX = 0.25, 0.45, 2.0
"""How far made shadows fall to the right and down, as a share of the thing's height, and how dark and soft they are."""
CLEARLY = 0.95
"""Less light than this is counted as shadow."""
SPEED_CLIP = "bear.mp4"
BOX = (300.0, 150.0, 500.0, 350.0)
"""What the tools of which the speed is measured touch, pixels."""


@dataclass(frozen=True, eq=False)
class _Covered:
    """A clip with things in it, and the same without."""

    pictures: Sequence[Picture]
    truth: Sequence[Picture]
    holes: Sequence[Bools]
    behind: Clip

    def frames(self, start_s: float = 0.0, end_s: float = np.inf) -> Iterator[Frame]:
        for index, picture in enumerate(self.pictures):
            if start_s - 1e-6 <= index / RATE_HZ <= end_s + 1e-6:
                yield Frame.from_rgb(index, index / RATE_HZ, picture)


def removal(options: BenchOptions) -> Iterator[Result]:
    """Baseline of the PSNR: OpenCV's inpainting; of the flicker: the background itself."""
    for name, camera, damage in CASES:
        options.progress(f"removal, {name}")
        yield from _made(name, camera, damage)
    options.progress("removal, with a shadow")
    yield from _shaded()
    options.progress("speed of the tools that touch things")
    yield from _speeds(options)


def _made(name: str, camera: float, damage: float) -> Iterator[Result]:
    ours: list[float] = []
    medians: list[float] = []
    painted: list[float] = []
    flicker: list[tuple[float, float]] = []
    seconds = frames = 0.0
    for number in range(NUM_CLIPS):
        clip = _covered(number, camera, damage)
        started = time.process_time()
        found = [p for _, p in remove(clip, lambda f, c=clip: c.holes[f.index], 0.0, np.inf, _nothing, _rng())]  # type: ignore[misc]
        seconds, frames = seconds + time.process_time() - started, frames + len(found)
        ours.append(_in_holes(clip, found))
        medians.append(_in_holes(clip, _median_filled(clip)))
        painted.append(_in_holes(clip, [_painted(p, h) for p, h in zip(clip.pictures, clip.holes, strict=True)]))
        flicker.append((_flicker(clip, found), _flicker(clip, clip.truth)))
    made = f"remove_object, {name} ({NUM_CLIPS} made clips)"
    yield Result(f"{made}: PSNR in the hole", _mean(ours), "dB", at_least=LEAST_DB, baseline=_mean(painted))
    yield Result(f"{made}: lowest of a clip", min(ours), "dB", baseline=min(painted))
    yield Result(f"{made}: PSNR of the median over time", _mean(medians), "dB")
    change, real = (_mean([pair[i] for pair in flicker]) for i in (0, 1))
    yield Result(f"{made}: flicker, change along the true flow", change, "levels", baseline=real)
    yield Result(f"{made}: frames a second of processor time", frames / seconds, "1/s")


def _shaded() -> Iterator[Result]:
    """A thing before a still camera that casts a shadow below and beside it, which is in no hole."""
    ours: list[float] = []
    kept: list[float] = []
    for number in range(NUM_CLIPS):
        clip, shadows = _with_shadow(number)
        for values, on in ((ours, True), (kept, False)):
            found = remove(clip, lambda f, c=clip: c.holes[f.index], 0.0, np.inf, _nothing, _rng(), shadows=on)  # type: ignore[misc]
            values.append(_in_holes(replace(clip, holes=shadows), [picture for _, picture in found]))
    made = f"remove_object, still camera, things with a shadow ({NUM_CLIPS} made clips)"
    yield Result(f"{made}: PSNR in the shadow", _mean(ours), "dB", at_least=LEAST_DB, baseline=_mean(kept))
    yield Result(f"{made}: lowest of a clip", min(ours), "dB", baseline=min(kept))


def _with_shadow(number: int) -> tuple[_Covered, list[Bools]]:
    """An ellipse that crosses a made background, and where its shadow is clear beside its hole."""
    behind = _covered(number, 0.0, 0.0)
    colour = np.random.default_rng(number).integers(0, 255, 3)
    pictures, holes, shadows = [], [], []
    for index, truth in enumerate(behind.truth):
        thing = np.zeros(SIZE, np.uint8)
        place = round(40 + 240 * index / NUM_FRAMES), 110 + 8 * number
        cv2.ellipse(thing, place, (18, 32), 0, 0, 360, 1, -1)
        hole = cv2.dilate(thing, np.ones((2 * WIDER_PX + 1,) * 2, np.uint8)) > 0
        shade = _shade(thing > 0)
        shaded = (truth * shade[..., None] + 0.5).astype(np.uint8)
        pictures.append(np.where(thing[..., None] > 0, colour, shaded).astype(np.uint8))
        holes.append(hole)
        shadows.append((shade < CLEARLY) & ~hole)
    return replace(behind, pictures=pictures, holes=holes), shadows


def _shade(hole: Bools) -> npt.NDArray[np.float32]:
    """The share of light [H, W] that a thing leaves."""
    rows = np.flatnonzero(hole.any(axis=1))
    fall = round(SHADOW_FALL * (rows[-1] - rows[0] + 1))
    moved = cv2.warpAffine(hole.astype(np.float32), np.array([[1, 0, fall], [0, 1, fall]], np.float64), SIZE[::-1])
    return np.asarray(1 - SHADOW_DEPTH * cv2.GaussianBlur(moved, (0, 0), SHADOW_SOFT_PX), np.float32)


def _covered(number: int, camera: float, damage: float) -> _Covered:
    config = Config(
        height=SIZE[0], width=SIZE[1], num_frames=NUM_FRAMES, objects=(1, 2), camera=camera, motion=1.6, still=0,
        twins=0, cut=0, damage=damage,
    )  # fmt: skip
    clip = SyntheticVideos(config, seed=SEED)[number]
    behind = replace(clip, scenes=tuple(Scene((scene.layers[0],), scene.camera) for scene in clip.scenes))
    kernel = np.ones((2 * WIDER_PX + 1, 2 * WIDER_PX + 1), np.uint8)
    holes = [cv2.dilate((labels > 0).astype(np.uint8), kernel) > 0 for labels in clip.labels()]
    return _Covered(list(clip.frames()), list(behind.frames()), holes, behind)


def _in_holes(clip: _Covered, pictures: Sequence[Picture]) -> float:
    """Mean PSNR of the holes of the frames that have one."""
    return _mean(
        [
            psnr(picture[hole][None], truth[hole][None])
            for picture, truth, hole in zip(pictures, clip.truth, clip.holes, strict=True)
            if hole.any()
        ]
    )


def _painted(picture: Picture, hole: Bools) -> Picture:
    return np.asarray(cv2.inpaint(picture, hole.astype(np.uint8), 5, cv2.INPAINT_TELEA), np.uint8)


def _median_filled(clip: _Covered) -> list[Picture]:
    """Each hole filled with the median of what the other frames show at the same pixels; black where none does."""
    stack = np.ma.masked_array(np.stack(clip.pictures), np.repeat(np.stack(clip.holes)[..., None], 3, axis=-1))
    median = np.asarray(np.ma.median(stack, axis=0).filled(0), np.uint8)
    return [np.where(hole[..., None], median, picture) for picture, hole in zip(clip.pictures, clip.holes, strict=True)]


def _flicker(clip: _Covered, pictures: Sequence[Picture]) -> float:
    """Mean difference of a hole's pixels to where the background goes in the next frame, levels."""
    y, x = np.indices(SIZE, dtype=np.float32)
    each = []
    for t in range(len(pictures) - 1):
        flow = clip.behind.flow(t, t + 1)
        later = cv2.remap(pictures[t + 1], x + flow.flow[..., 0], y + flow.flow[..., 1], cv2.INTER_LINEAR)
        seen = clip.holes[t] & flow.visible
        if seen.any():
            each.append(float(np.abs(later[seen].astype(np.float32) - pictures[t][seen]).mean()))
    return _mean(each)


def _speeds(options: BenchOptions) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        path = None if options.data is None else options.data / SPEED_CLIP
        clip = path if path is not None and path.is_file() else _sample(Path(folder) / "made.mp4")
        context, info = _context(Path(folder), clip), VideoReader(clip).info
        size = f"{info.width}x{info.height}, {float(info.fps):.0f} frames a second"
        boxes = {"boxes": [list(BOX)]}
        calls: tuple[tuple[Edit, dict[str, Any], float | None], ...] = (
            (BlurRegion(), boxes, LEAST_REAL_TIME),
            (BlurRegion(), boxes | {"style": "pixelate"}, LEAST_REAL_TIME),
            (Highlight(), boxes, None),
            (CropToSubject(), boxes, None),
            (PixelateFaces(), {}, None),
            (Stabilise(), {}, None),
            (RemoveObject(), boxes, None),
        )
        for tool, arguments, least in calls:
            wall, processor = time.perf_counter(), time.process_time()
            try:
                tool.call(arguments, context)
            except ToolFailed:  # no face, no shake: it took its time to find out
                options.progress(f"{tool.name}: nothing to be done")
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            what = " ".join([tool.name, *([str(arguments["style"])] if "style" in arguments else [])])
            yield Result(f"{what}, {size}: times real time", info.duration_s / wall, "1", at_least=least)
            yield Result(f"{what}, {size}: processor time of a second", processor / info.duration_s, "s")


def _context(folder: Path, clip: Path) -> ToolContext:
    sha256, video = content_id(clip)
    info = VideoReader(clip).info
    media = {
        "duration_s": info.duration_s,
        "fps": str(Fraction(info.fps)),
        "width": info.width,
        "height": info.height,
        "num_frames": info.num_frames,
        "has_audio": info.has_audio,
    }
    library = Library(folder / "library")
    library.add_video(VideoRecord(video, sha256, clip, media, clip.stem))
    return ToolContext(library, [video], folder / "artifacts")


def _sample(path: Path) -> Path:
    clip = SyntheticVideos(Config(height=480, width=854, num_frames=48, cut=0.0), seed=SEED)[0]
    with VideoWriter(path, 854, 480, RATE_HZ) as writer:
        for picture in clip.frames():
            writer.add(picture)
    return path


def _nothing(_frame: Frame) -> None:
    """Nobody cancels."""


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
