"""`remove_object`: things vanish, and what is behind them shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from tools.base import ToolContext
from tools.editing.base import PIXELS_480P, Edit, EditResult, pixel_rate, seconds_to_write, told
from tools.editing.targets import TargetArgs, Targets, find_targets, seconds_to_find, seconds_touched

if TYPE_CHECKING:
    from tools.media.frame import Frame, Picture
    from tools.media.reader import VideoReader
    from tools.restoration.removers import Remover

SECONDS_A_SECOND = {"frames": 25.0, "e2fgvi": 300.0}
"""Processor time for a second of 480p: 12 from other frames with a hole of 10 % of the picture (`python -m evals.bench
tools`), twice that where much was never seen; E2FGVI in its published size takes 10 for a frame."""
CONTEXT_S = 10.0
"""Frames so long before and after are taken from, besides those that show the thing."""
GROWN = 0.012
"""Masks are made larger by this share of the picture's shorter side: their edges are not exact, and things blur."""
LEAST_GROWN_PX = 2


class RemoveObject(Edit):
    """Fills what its targets cover with pixels of other frames, and invents only what no frame shows."""

    name: ClassVar[str] = "remove_object"
    description: ClassVar[str] = (
        "Take things out of a video: what entities of the memory, categories, a phrase ('the red ball') or boxes name "
        "vanishes, and the background behind it is filled in; writes a new video."
    )
    generative: ClassVar[bool] = True

    class Args(TargetArgs):
        grow: float = Field(
            1.0, ge=0, le=5, description="How far masks are widened, 1 = usual; more where a rim of the thing stays."
        )
        shadows: bool = Field(
            True,
            description="Whether the shadows that the things cast vanish, too (with model 'frames', before a camera "
            "that stands still).",
        )
        model: Literal["auto", "frames", "e2fgvi"] = Field(
            "auto",
            description="Who fills the holes: auto = E2FGVI where its weights are here and were measured to be "
            "better, else other frames.",
        )

    def expected_seconds(self, args: Any, context: ToolContext) -> float:
        from tools.restoration.removers import chosen

        each = SECONDS_A_SECOND[chosen(context.models, args.model)] * pixel_rate(context, args.video) / PIXELS_480P
        return (
            each * seconds_touched(args, context)
            + seconds_to_find(args, context)
            + seconds_to_write(context, args.video)
        )

    def run(self, args: Any, context: ToolContext) -> EditResult:
        from tools.editing.render import Form, Piece, render_stream
        from tools.restoration.removers import choose

        source = self.source(args, context)
        remover = choose(context.models, args.model, device=context.device, shadows=args.shadows)
        with source.reader() as reader:
            info = reader.info
            targets = find_targets(args, context, source, reader, self.name)
            model = f"{targets.model}; {remover.model}"
            out = self.output(args, context, [source], model=model)
            whole = Piece(reader.path, 0.0, info.duration_s)
            rendered = render_stream(
                context,
                _pictures(context, reader, targets, args.grow, remover),
                out,
                form=Form(info.fps, whole.lasts_s, info.pixel_aspect),
                sound=[whole],
                note="removing",
            )
        done, intervals = f"removed {targets.told}", targets.intervals
        return EditResult(
            summary=f"{done} at {told(intervals)} of {source.title}",
            model=model,
            evidence=self.evidence(source, intervals, model=model, note=done),
            artifacts=[out.artifact(done)],
            intervals=intervals,
            entities=targets.entities,
            duration_s=rendered.duration_s,
        )


def _pictures(
    context: ToolContext, reader: VideoReader, targets: Targets, grow: float, remover: Remover
) -> Iterator[tuple[float, Picture]]:
    """All frames of the file; only around the times at which something is to vanish they are looked at."""
    spans, known = targets.intervals, targets.known
    # Where nobody looked for the thing it may show: no pixels are taken from there.
    low, high = max(known.start_s, spans[0].start_s - CONTEXT_S), min(known.end_s, spans[-1].end_s + CONTEXT_S)
    if low > 0:
        for frame in reader.frames():
            if frame.t_s >= low:
                break
            yield frame.t_s, frame.rgb

    def hole_at(frame: Frame) -> Any:
        mask = targets.at(frame.t_s)
        return None if mask is None else grown(mask, grow)

    def check(_frame: Frame) -> None:
        context.check_cancelled()

    last_s = -1.0
    for frame, picture in remover.remove(reader, hole_at, low, high, check):
        last_s = frame.t_s
        yield frame.t_s, picture
    for frame in reader.frames(high) if high < reader.info.duration_s else ():
        if frame.t_s > last_s:
            yield frame.t_s, frame.rgb


def grown(mask: Any, grow: float) -> Any:
    """The hole for a mask, bool [H, W]: small gaps closed, and widened."""
    import cv2

    radius = max(LEAST_GROWN_PX, round(GROWN * min(mask.shape))) if grow else 0
    radius = round(grow * radius)
    if not radius:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = np.pad(mask.astype(np.uint8), 2 * radius)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)
    wide = cv2.dilate(closed, kernel)[2 * radius : -2 * radius, 2 * radius : -2 * radius]
    return np.asarray(wide > 0)
