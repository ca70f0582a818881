"""`stabilise`: a shaky camera becomes a steady one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tools.base import ToolContext, ToolFailed
from tools.editing.base import PIXELS_480P, Edit, EditArgs, EditResult, media_seconds, pixel_rate
from tools.types import Interval

if TYPE_CHECKING:
    from tools.media.frame import Frame, Picture

MODEL = "similarity of the scene from corners, Gaussian smoothing of the path"
SECONDS_A_SECOND = 1.4
"""Processor time for a second of 480p (`python -m evals.bench tools`)."""
STEADY_PX = 0.4
"""Less shake (of a picture 640 pixels wide) is none."""


class Stabilise(Edit):
    """Measures the camera's path, smooths it and moves each picture; the edges are cropped, the size stays."""

    name: ClassVar[str] = "stabilise"
    description: ClassVar[str] = (
        "Steady a shaky camera: its path is smoothed and the edges are cropped; writes a new video of the same size."
    )

    moves_things: ClassVar[bool] = True

    class Args(EditArgs):
        smooth_s: float = Field(
            0.8, ge=0.1, le=5, description="How long motions must last to be kept as meant, seconds."
        )
        crop: float = Field(0.1, ge=0.02, le=0.4, description="Share of width and height that may be lost, 0..1.")

    class Result(EditResult):
        shake_px: float = Field(description="How far the picture's corners trembled in the source, source pixels.")
        left_px: float = Field(description="How far they still do.")

    def expected_seconds(self, args: Any, context: ToolContext) -> float:
        steadying_s = SECONDS_A_SECOND * media_seconds(context, args.video)
        return steadying_s * pixel_rate(context, args.video) / PIXELS_480P

    def run(self, args: Any, context: ToolContext) -> EditResult:
        from tools.editing.render import render_pictures
        from tools.restoration.stabilise import camera_path, corrected, corrections, steady

        source = self.source(args, context)
        with source.reader() as reader:
            info = reader.info

            def check(frame: Frame) -> None:
                context.check_cancelled()
                context.progress("measuring the camera", min(1.0, frame.t_s / max(info.duration_s, 1e-6)))

            fps = float(info.fps)
            path = camera_path(reader.frames(), fps, check)
            shake = path.shake_px()
            if shake < STEADY_PX * max(info.width, info.height) / 640:
                raise ToolFailed(f"{source.title}: the camera is steady already ({shake:.1f} pixels of shake)")
            moves = corrections(path, args.smooth_s, args.crop)
            left = corrected(path, moves).shake_px()
            out = self.output(args, context, [source], model=MODEL)
            still = moves[min(moves)]

            def transform(frame: Frame) -> Picture:
                return steady(frame.rgb, moves.get(frame.index, still))

            rendered = render_pictures(context, reader, out, transform, note="stabilising")
        done = f"steadied the camera: {shake:.1f} pixels of shake became {left:.1f}"
        whole = Interval(0.0, info.duration_s)
        return self.Result(
            summary=f"{done} in {source.title}",
            model=MODEL,
            evidence=self.evidence(source, [whole], model=MODEL, note=done),
            artifacts=[out.artifact(done)],
            intervals=[whole],
            duration_s=rendered.duration_s,
            shake_px=shake,
            left_px=left,
        )
