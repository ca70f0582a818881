"""`slow_motion`: a video, or stretches of it, slower and smooth, with pictures made up between its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tools.base import ToolContext, ToolError
from tools.editing.base import Edit, EditResult, media_seconds, merged, told
from tools.editing.cut import ENCODED, ENCODING_SPEED
from tools.editing.moments import WhenArgs, wanted
from tools.editing.speed import with_rest
from tools.types import Interval

if TYPE_CHECKING:
    from tools.editing.smooth import Made
    from tools.editing.soundtrack import Piece
    from tools.media.frame import Picture
    from tools.media.reader import VideoReader
    from tools.restoration.interpolation import Interpolator

SECONDS_A_MEGAPIXEL = {"flow": 1.0, "vfimamba": 23.0}
"""To make one picture up on one core (`python -m evals.bench tools`; VFIMamba-S of fresh weights at 640x352)."""


class SlowMotion(Edit):
    """Slows stretches down with interpolated pictures; the rest of the video stays as it is."""

    name: ClassVar[str] = "slow_motion"
    description: ClassVar[str] = (
        "Slow motion: play a video, or stretches of it (by time or by what memory holds: when an entity is visible, an "
        "event), slower and smooth, with new frames made up between its own. The pitch of the sound is kept, or the "
        "sound left out. Writes an MP4."
    )

    class Args(WhenArgs):
        factor: float = Field(
            4.0, gt=1, le=20, description="How many times as long it takes: 4 = a quarter of the speed."
        )
        sound: Literal["stretch", "drop"] = Field(
            "stretch", description="Sound of the slowed stretches: as long as the pictures at the same pitch, or none."
        )
        only: bool = Field(False, description="Whether to leave out the rest of the video.")
        model: Literal["auto", "flow", "vfimamba"] = Field(
            "auto",
            description="Who makes up the frames: auto = VFIMamba where its weights are here and were measured "
            "to be better, else optical flow.",
        )

    class Result(EditResult):
        made: int = Field(0, description="Number of frames that were made up.")
        held: int = Field(0, description="Cuts and gaps over which nothing was made up.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        from tools.restoration.interpolators import chosen

        try:
            with self.source(args, context).reader() as reader:
                info = reader.info
                spans = merged(wanted(args, context, self.source(args, context), info.duration_s).spans)
        except ToolError:
            return 0.0  # `run` says what is wrong, at once
        slow_s = sum(span.duration_s for span in spans)
        pictures = slow_s * (args.factor - 1) * min(60.0, float(info.fps) or 25.0)
        each = SECONDS_A_MEGAPIXEL[chosen(context.models, args.model)] * info.width * info.height / 1e6
        length_s = slow_s * args.factor + (0.0 if args.only else media_seconds(context, args.video) - slow_s)
        return pictures * each + length_s / ENCODING_SPEED

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.render import Form, render_stream
        from tools.editing.smooth import Made
        from tools.editing.soundtrack import Piece
        from tools.restoration.interpolators import choose

        source = self.source(args, context)
        interpolator = choose(context.models, args.model, device=context.device)
        model = f"{interpolator.model}; {ENCODED}"
        with source.reader() as reader:
            duration_s = reader.info.duration_s
            when = wanted(args, context, source, duration_s)
            spans = merged(when.spans)
            parts = [(span, 1 / args.factor) for span in spans]
            parts = parts if args.only else with_rest(spans, 1 / args.factor, duration_s)
            stretches, at_s = [], 0.0
            for span, speed in parts:
                stretches += source.cut(span, speed=speed, at_s=at_s)
                at_s += span.duration_s / speed
            out = self.output(args, context, [source], model=model, stretches=stretches)
            pieces = [Piece(source.path, *span, speed, speed < 1 and args.sound == "drop") for span, speed in parts]
            made = Made()
            done = render_stream(
                context,
                _frames(reader, pieces, interpolator, made),
                out,
                form=Form(reader.info.fps, at_s, reader.info.pixel_aspect),
                sound=pieces,
                note="making frames up",
            )
        heard = "" if args.sound == "stretch" or not reader.info.has_audio else ", without its sound"
        return self.Result(
            summary=f"{told(spans)} of {source.title}{when.why} plays {args.factor:g} times as slow{heard}, with "
            f"{made.pictures} frames made up; {done.duration_s:.2f} s in all",
            model=model,
            evidence=self.evidence(source, spans, model=model, note=f"{args.factor:g} times as slow"),
            artifacts=[out.artifact(f"{source.title} with slow motion")],
            intervals=spans,
            entities=when.entities,
            duration_s=done.duration_s,
            made=made.pictures,
            held=made.held,
        )


def _frames(
    reader: VideoReader, pieces: Sequence[Piece], interpolator: Interpolator, made: Made
) -> Iterator[tuple[float, Picture]]:
    """All pictures of the output with their times."""
    from tools.editing.render import frames_of
    from tools.editing.smooth import slowed

    at_s = 0.0
    for piece in pieces:
        if piece.speed < 1:
            span = Interval(piece.start_s, piece.end_s)
            for t_s, picture in slowed(reader, span, 1 / piece.speed, interpolator, made):
                yield at_s + t_s, picture
        else:
            for t_s, frame in frames_of(reader, piece):
                yield at_s + t_s, frame.rgb
        at_s += piece.lasts_s
