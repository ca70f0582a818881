"""`foreground`: masks of what moves by itself, before a still or a moving camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from tools.base import Effects, InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.extractor import Row
from tools.media.frame import Frame, Picture
from tools.media.reader import VideoReader
from tools.media.writer import VideoWriter
from tools.types import Artifact, Box, Evidence
from tools.wording import counted

EXTRACTOR, VERSION = "foreground", "1"
CATEGORY = "foreground"
LEAST_SHARE = 0.001
"""Of the picture: less is nothing."""
MAX_FRAMES = 900
GREEN = (40, 230, 90)
GAP_STEPS = 2.5
Choice = Literal["auto", "mustan", "embedded"]


class Moment(BaseModel):
    """The foreground of one frame."""

    t_s: float
    share: float = Field(description="Of the picture that moves by itself, 0..1.")
    box: Box = Field(description="Around all of it, xyxy source pixels.")


class SegmentForeground(Tool):
    """Everything that moves by itself, as one mask a frame; there is no choice of objects.

    Backends: MUSTAN (weights) where it was measured to be the better one, registered samples and flow.
    """

    name: ClassVar[str] = "foreground"
    description: ClassVar[str] = (
        "Separate what moves by itself from the scene, also before a moving camera: a mask for each frame (in memory "
        "and as a black and white clip), an overlay clip, and when how much moves."
    )
    effects = Effects.WRITES_ARTIFACT
    writes_memory = True

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, ge=0, description="End of the interval, seconds; empty = end of the video.")
        hz: float = Field(8.0, gt=0, le=60, description="Frames a second that are looked at.")
        model: Choice = Field("auto", description="'auto' = the best that is here; 'mustan' needs weights.")

    class Result(ToolResult):
        moments: list[Moment] = Field(description="Frames in which something moves, by time.")
        num_frames: int = Field(description="Frames that were looked at.")
        mean_share: float = Field(description="Of the picture that moves, mean over the frames.")

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        from tools.foreground.choose import choose

        video = context.video_id(args.video)
        backend = choose(context.models, args.model, device=context.device)
        with context.reader(video) as reader:
            end_s = _end_s(args, reader)
            clips = _Clips(context, reader, args.hz)
            moments: list[Moment] = []
            rows: list[Row] = []
            shares: list[float] = []
            with clips:
                for found in backend.find(_frames(args, context, reader, end_s)):
                    mask = found.mask()
                    clips.add(found.frame, mask)
                    shares.append(float(mask.mean()))
                    if shares[-1] >= LEAST_SHARE:
                        moments.append(Moment(t_s=found.frame.t_s, share=shares[-1], box=_box(mask)))
                        rows.append(_observation(moments[-1], mask, found.soft))
        params = {"model": backend.model, **args.model_dump(exclude={"video", "model"})}
        _remember(context, video, rows, params)
        confidence = float(np.mean([row["confidence"] for row in rows])) if rows else 0.5
        return self.Result(
            summary=_told(moments, len(shares), shares),
            status="ok" if moments else "empty",
            confidence=confidence,
            model=backend.model,
            evidence=_evidence(self.name, video, backend.model, moments, confidence, GAP_STEPS / args.hz),
            artifacts=clips.artifacts(),
            moments=moments,
            num_frames=len(shares),
            mean_share=float(np.mean(shares)) if shares else 0.0,
        )


class _Clips:
    """The two clips: what moves in white, and the pictures with it tinted. Context manager."""

    def __init__(self, context: ToolContext, reader: VideoReader, hz: float) -> None:
        size = reader.info.width, reader.info.height
        rate = Fraction(min(hz, float(reader.info.fps) or hz)).limit_denominator(1000)
        self._masks = VideoWriter(context.artifacts / "foreground-masks.mp4", *size, rate)
        self._overlay = VideoWriter(context.artifacts / "foreground-overlay.mp4", *size, rate)
        self._zero_s: float | None = None

    def __enter__(self) -> _Clips:
        self._masks.__enter__()
        self._overlay.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._overlay.__exit__(kind, error, trace)
        self._masks.__exit__(kind, error, trace)

    def add(self, frame: Frame, mask: npt.NDArray[np.bool_]) -> None:
        self._zero_s = frame.t_s if self._zero_s is None else self._zero_s
        white = np.repeat((mask * np.uint8(255))[..., None], 3, axis=2)
        self._masks.add(white, frame.t_s - self._zero_s)
        self._overlay.add(tinted(frame.rgb, mask), frame.t_s - self._zero_s)

    def artifacts(self) -> list[Artifact]:
        """Their descriptions."""
        return [
            Artifact(path=str(self._overlay.path), kind="video", description="what moves, tinted and outlined"),
            Artifact(path=str(self._masks.path), kind="video", description="masks: white moves, black does not"),
        ]


def tinted(rgb: Picture, mask: npt.NDArray[np.bool_]) -> Picture:
    """A copy of the picture with the mask tinted and outlined, and the rest dimmed."""
    import cv2

    picture = np.where(mask[..., None], rgb * 0.65 + np.array(GREEN) * 0.35, rgb * 0.7).astype(np.uint8)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, GREEN, max(1, round(min(mask.shape) / 360)))
    return picture


def _end_s(args: Any, reader: VideoReader) -> float:
    end_s = reader.info.duration_s if args.end_s is None else min(args.end_s, reader.info.duration_s)
    if args.start_s > end_s:
        raise InvalidArguments(
            f"foreground: the interval {args.start_s:g}-{end_s:g} s is empty; start_s must be before end_s"
        )
    num = math.ceil((end_s - args.start_s) * min(args.hz, float(reader.info.fps) or args.hz))
    if num > MAX_FRAMES:
        raise InvalidArguments(
            f"foreground: about {num} frames are too many (at most {MAX_FRAMES}); shorten the interval or lower hz"
        )
    return float(end_s)


def _frames(args: Any, context: ToolContext, reader: VideoReader, end_s: float) -> Iterator[Frame]:
    for frame in reader.frames(args.start_s, end_s, args.hz):
        context.check_cancelled()
        context.progress("foreground", (frame.t_s - args.start_s) / max(1e-6, end_s - args.start_s))
        yield frame


def _box(mask: npt.NDArray[np.bool_]) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _observation(moment: Moment, mask: npt.NDArray[np.bool_], soft: npt.NDArray[np.float32]) -> Row:
    from pycocotools import mask as coco

    counts = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    sure = float(np.clip(2 * np.abs(soft[soft >= 0.5] - 0.5).mean(), 0, 1)) if (soft >= 0.5).any() else 0.0
    return {
        "t_s": moment.t_s,
        "x1": moment.box.x1,
        "y1": moment.box.y1,
        "x2": moment.box.x2,
        "y2": moment.box.y2,
        "mask": counts.decode() if isinstance(counts, bytes) else counts,
        "confidence": round(0.4 + 0.5 * sure, 4),
    }


def _remember(context: ToolContext, video: str, rows: list[Row], params: dict[str, Any]) -> None:
    """One entity, all that moves, with a mask for each frame; the run that was published last counts."""
    entity_id = f"{EXTRACTOR}:0"
    tables: dict[str, list[Row]] = {"entity": [], "observation": [{"entity_id": entity_id, **row} for row in rows]}
    if rows:
        tables["entity"] = [
            {
                "entity_id": entity_id,
                "category": CATEGORY,
                "description": "all that moves by itself",
                "first_s": rows[0]["t_s"],
                "last_s": rows[-1]["t_s"],
                "attributes": {"model": params["model"], "n_obs": len(rows)},
                "confidence": round(float(np.mean([row["confidence"] for row in rows])), 4),
            }
        ]
    context.library.write_segment(video, EXTRACTOR, VERSION, params, tables)
    context.reopen(video)


def _evidence(
    tool: str, video: str, model: str, moments: list[Moment], confidence: float, gap_s: float
) -> list[Evidence]:
    """Stretches in which something moves, with the box where most does."""
    stretches: list[list[Moment]] = []
    for moment in moments:
        if stretches and moment.t_s - stretches[-1][-1].t_s <= gap_s:
            stretches[-1].append(moment)
        else:
            stretches.append([moment])
    return [
        Evidence(
            video=video,
            start_s=part[0].t_s,
            end_s=part[-1].t_s,
            box=max(part, key=lambda one: one.share).box,
            note="moves by itself",
            tool=tool,
            model=model,
            confidence=confidence,
        )
        for part in stretches
    ]


def _told(moments: list[Moment], num_frames: int, shares: list[float]) -> str:
    if not moments:
        return f"nothing moves by itself in {counted(num_frames, 'frame')}"
    most = max(moments, key=lambda one: one.share)
    return (
        f"something moves in {len(moments)} of {counted(num_frames, 'frame')}, {np.mean(shares):.1%} of the picture on "
        f"average, most at {most.t_s:.2f} s ({most.share:.1%})"
    )
