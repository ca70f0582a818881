"""`crop_to_subject`: another shape of picture (16:9 becomes 9:16) that follows what matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.editing.base import PIXELS_480P, Edit, EditResult, media_seconds, pixel_rate, told
from tools.editing.source import Source
from tools.editing.targets import TargetArgs, Targets, find_targets, seconds_to_find
from tools.media.probe import SQUARE
from tools.types import Box, Interval

if TYPE_CHECKING:
    from tools.media.frame import Frame, Picture

Floats = npt.NDArray[np.float64]

SECONDS_A_SECOND = 0.4
"""Processor time for a second of 480p (`python -m evals.bench tools`)."""
STEP_S = 0.1
"""The subject's place is looked up so often."""
SMOOTH_S = 0.7
"""Standard deviation of the Gaussian that smooths the way of the virtual camera."""
SUBJECTS = ("person", "moving object")
"""Categories of entities that may be the subject where none is named, the first that memory has."""


class CropToSubject(Edit):
    """The largest window of the wanted shape glides along so that the subject stays in it; it jumps only at cuts."""

    name: ClassVar[str] = "crop_to_subject"
    description: ClassVar[str] = (
        "Reframe a video to another shape, e.g. 16:9 to 9:16 for phones, following a subject (entities of the memory, "
        "categories, a phrase, 'face'; by default the person or thing seen most); writes a new video."
    )

    moves_things: ClassVar[bool] = True

    class Args(TargetArgs):
        aspect: str = Field("9:16", pattern=r"^\d{1,4}:\d{1,4}$", description="Width to height of the new picture.")
        start_s: float = Field(0.0, ge=0, description="Follow from here on, seconds; the whole video is reframed.")

    def expected_seconds(self, args: Any, context: ToolContext) -> float:
        cropping_s = SECONDS_A_SECOND * media_seconds(context, args.video)
        return cropping_s * pixel_rate(context, args.video) / PIXELS_480P + seconds_to_find(args, context)

    def run(self, args: Any, context: ToolContext) -> EditResult:
        from tools.editing.render import render_pictures

        source = self.source(args, context)
        with source.reader() as reader:
            info = reader.info
            window = window_of(args.aspect, info.width, info.height, info.pixel_aspect)
            targets = find_targets(_named(args, context, source), context, source, reader, self.name)
            way = virtual_camera(targets, info.duration_s, window, _cuts(source, context))
            model = f"{targets.model}; Gaussian path"
            out = self.output(args, context, [source], model=model)

            def transform(frame: Frame) -> Picture:
                return cropped(frame.rgb, way.at(frame.t_s), window)

            rendered = render_pictures(context, reader, out, transform, note="reframing")
        done = f"reframed to {window[0]}x{window[1]} following {targets.told}"
        intervals = targets.intervals
        return EditResult(
            summary=f"{done}, which is seen at {told(intervals)} of {source.title}",
            model=model,
            evidence=self.evidence(source, intervals, model=model, note=done),
            artifacts=[out.artifact(done)],
            intervals=intervals,
            entities=targets.entities,
            duration_s=rendered.duration_s,
        )


@dataclass(frozen=True, eq=False)
class Way:
    """Where the middle of the window is."""

    times_s: Floats
    """[N], rising."""
    middles: Floats
    """[N, 2]: (x, y), source pixels."""

    def at(self, t_s: float) -> tuple[float, float]:
        x, y = (float(np.interp(t_s, self.times_s, self.middles[:, i])) for i in (0, 1))
        return x, y


def window_of(aspect: str, width: int, height: int, pixel_aspect: Fraction = SQUARE) -> tuple[int, int]:
    """Width and height, even, of the largest window of a shape 'W:H' in a picture. Raises InvalidArguments."""
    across, down = (float(part) for part in aspect.split(":"))
    if not across or not down:
        raise InvalidArguments(f"crop_to_subject: {aspect} is no shape; give it as 9:16 or 1:1")
    across /= float(pixel_aspect)
    scale = min(width / across, height / down)
    wide, high = (min(side, round(part * scale)) // 2 * 2 for side, part in ((width, across), (height, down)))
    if wide < 2 or high < 2:
        raise InvalidArguments(f"crop_to_subject: nothing of a picture of {width}x{height} is left at {aspect}")
    return wide, high


def virtual_camera(targets: Targets, duration_s: float, window: tuple[int, int], cuts: Sequence[float]) -> Way:
    """The smooth way of the window, shot by shot; where nothing of the subject is seen it rests or moves on evenly."""
    from scipy.ndimage import gaussian_filter1d

    height, width = targets.size
    half = np.array([window[0], window[1]]) / 2
    low, high = half, np.array([width, height]) - half
    bounds = [0.0, *[cut for cut in cuts if 0 < cut < duration_s], duration_s]
    times: list[Floats] = []
    middles: list[Floats] = []
    for start_s, end_s in pairwise(bounds):
        # The last place of a shot lies just before the cut, so that nothing glides across it.
        last_s = end_s if end_s == duration_s else max(start_s, end_s - 1e-3)
        at = np.linspace(start_s, last_s, max(2, round((last_s - start_s) / STEP_S) + 1))
        seen = [(t_s, _middle(boxes)) for t_s in at if (boxes := targets.boxes_at(float(t_s)))]
        way = np.tile((low + high) / 2, (len(at), 1))
        if seen:
            known, places = np.array([t_s for t_s, _ in seen]), np.array([place for _, place in seen])
            way = np.column_stack([np.interp(at, known, places[:, i]) for i in (0, 1)])
        way = gaussian_filter1d(np.clip(way, low, high), SMOOTH_S / STEP_S, axis=0, mode="nearest")
        times.append(at)
        middles.append(np.asarray(way, np.float64))
    return Way(np.concatenate(times), np.concatenate(middles))


def _middle(boxes: Sequence[Box]) -> tuple[float, float]:
    """Of several boxes, larger ones counting for more."""
    weights = np.sqrt([max(box.area, 1.0) for box in boxes])
    x, y = np.average([box.centre for box in boxes], axis=0, weights=weights)
    return float(x), float(y)


def cropped(rgb: Picture, middle: tuple[float, float], window: tuple[int, int]) -> Picture:
    """The window around a place; between pixels it is interpolated, so that it glides."""
    import cv2

    # `getRectSubPix` counts from the middle of the first pixel.
    return np.asarray(cv2.getRectSubPix(rgb, window, (middle[0] - 0.5, middle[1] - 0.5)), np.uint8)


def _named(args: Any, context: ToolContext, source: Source) -> TargetArgs:
    """The arguments; where they name nothing, with the entity that is seen most and largest."""
    if args.entities or args.categories or args.phrase.strip() or args.boxes:
        return TargetArgs.model_validate(args.model_dump(exclude={"aspect"}))
    for category in SUBJECTS:
        best: tuple[float, str] | None = None
        for video in dict.fromkeys(stretch.video for stretch in source.stretches):
            memory = context.memory(video)
            for row in memory.rows("entity", "category = ?", [category], "entity_id"):
                seen = memory.rows("observation", "entity_id = ?", [row["entity_id"]], "t_s")
                areas = [(one["x2"] - one["x1"]) * (one["y2"] - one["y1"]) for one in seen]
                weight = (row["last_s"] - row["first_s"]) * float(np.sqrt(np.mean(areas))) if areas else 0.0
                if weight and (best is None or weight > best[0]):
                    best = weight, row["entity_id"]
        if best is not None:
            return TargetArgs.model_validate(args.model_dump(exclude={"aspect"}) | {"entities": [best[1]]})
    raise ToolFailed(
        "crop_to_subject: memory holds no person and no moving object to follow; name entities, a phrase or boxes"
    )


def _cuts(source: Source, context: ToolContext) -> list[float]:
    """Where shots begin, and stretches of an earlier edit; times of the file."""
    cuts = {stretch.at_s for stretch in source.stretches}
    for video in dict.fromkeys(stretch.video for stretch in source.stretches):
        for row in context.memory(video).rows("shot", order_by="start_s"):
            cuts |= {shown.start_s for shown in source.shown(video, Interval(row["start_s"], row["start_s"]))}
    return sorted(cuts)
