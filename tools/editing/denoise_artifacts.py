"""`denoise_artifacts`: a strongly compressed video with less of what compression did to it."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from tools.base import ToolContext, ToolError, ToolFailed
from tools.editing.base import Edit, EditArgs, EditResult
from tools.editing.cut import ENCODED
from tools.types import Interval

SECONDS_A_MEGAPIXEL = {"temporal": 1.2, "keyframes_gan": 8.1}
"""Processor time of one picture (`python -m evals.bench tools`; Keyframes-GAN `small`, fresh, at 320x180)."""
LEAST_QP = 32.0
"""What is quantised more finely loses as much by being stored again as it gains."""
CRF = 14
"""Of what is written; finer than in other edits, for what was won is small."""


class DenoiseArtifacts(Edit):
    """Each picture is made of itself, its neighbours and a key frame; sound and times stay."""

    name: ClassVar[str] = "denoise_artifacts"
    description: ClassVar[str] = (
        "Clean up a badly compressed video: reduce the blocks, ringing and flicker of a low bit rate with the help of "
        "key frames and neighbouring frames. Writes a new video of the same size with the same sound."
    )

    class Args(EditArgs):
        qp: int | None = Field(
            None,
            ge=0,
            le=51,
            description="How strongly it was compressed, as H.264's quantiser: 30 = visibly, 40 = badly. Empty = what "
            "the file says; give it for a video that was compressed badly before it was stored again.",
        )
        model: Literal["auto", "temporal", "keyframes_gan"] = Field(
            "auto",
            description="Who restores: auto = Keyframes-GAN where its weights are here and were measured to be "
            "better, else key frames and neighbours along optical flow.",
        )

    class Result(EditResult):
        qp: float = Field(0.0, description="Quantiser that was reckoned with, on H.264's scale of 0..51.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        from tools.restoration.denoisers import chosen

        try:
            with self.source(args, context).reader() as reader:
                info = reader.info
        except ToolError:
            return 0.0  # `run` says what is wrong, at once
        each = SECONDS_A_MEGAPIXEL[chosen(context.models, args.model)] * info.width * info.height / 1e6
        return each * info.num_frames

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.render import Form, frames_of, render_stream
        from tools.editing.soundtrack import Piece
        from tools.media.quantiser import h264_qp, h264_step, quantiser_step
        from tools.restoration.denoise import variance_of
        from tools.restoration.denoisers import choose

        source = self.source(args, context)
        step = h264_step(args.qp) if args.qp is not None else quantiser_step(source.path)
        if step is None:
            raise ToolFailed(f"{source.title}: its codec does not tell how strongly it was compressed; give qp, say 36")
        qp = h264_qp(step)
        if args.qp is None and qp < LEAST_QP:
            raise ToolFailed(
                f"{source.title} is hardly compressed (quantiser {qp:.0f} of 51), cleaning would not make it better; "
                "give qp, say 36, if it was compressed badly before"
            )
        with source.reader(exact=True) as reader:
            index = reader.index
            denoiser = choose(
                context.models, variance_of(step), lambda f: index.is_key(f.t_s), args.model, device=context.device
            )
            model = f"{denoiser.model}; {ENCODED}"
            out = self.output(args, context, [source], model=model)
            piece = Piece(source.path, 0.0, math.inf).within(reader.info.duration_s)
            done = render_stream(
                context,
                denoiser.restored(frames_of(reader, piece)),
                out,
                form=Form(reader.info.fps, piece.lasts_s, reader.info.pixel_aspect, CRF),
                sound=[piece],
                note="cleaning up",
            )
        whole = Interval(0.0, piece.lasts_s)
        what = f"reduced the artefacts of compression (quantiser {qp:.0f} of 51)"
        return self.Result(
            summary=f"{what} in {source.title}, {done.num_frames} frames",
            model=model,
            evidence=self.evidence(source, [whole], model=model, note=what),
            artifacts=[out.artifact(f"{source.title} with less artefacts")],
            intervals=[whole],
            duration_s=done.duration_s,
            qp=qp,
        )
