"""`fade`: a video out of black and into it, with its sound."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tools.base import InvalidArguments, ToolContext
from tools.editing.base import Edit, EditArgs, EditResult, seconds_to_write, told
from tools.editing.cut import ENCODED
from tools.types import Interval


class Fade(Edit):
    """Darkens the beginning and the end, and makes them quieter; everything between stays as it is."""

    name: ClassVar[str] = "fade"
    description: ClassVar[str] = (
        "Fade a video in out of black and out into black, with its sound; 0 leaves an end as it is. Writes an MP4."
    )

    class Args(EditArgs):
        in_s: float = Field(1.0, ge=0, le=60, description="How long the beginning takes to become bright, seconds.")
        out_s: float = Field(1.0, ge=0, le=60, description="How long the end takes to become black, seconds.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video)

    def run(self, args: Args, context: ToolContext) -> EditResult:
        from tools.editing.render import render_pieces
        from tools.editing.soundtrack import Piece

        source = self.source(args, context)
        with source.reader() as reader:
            duration_s = reader.info.duration_s
        if not args.in_s and not args.out_s:
            raise InvalidArguments("fade: nothing would change; give in_s or out_s")
        if args.in_s + args.out_s > duration_s:
            raise InvalidArguments(f"fade: {source.title} is {duration_s:.2f} s long; give shorter fades")
        begin, end = Interval(0.0, args.in_s), Interval(duration_s - args.out_s, duration_s)
        pieces = [
            Piece(source.path, *span, fade_s=length_s, sound_fade_s=length_s, fades=fades)
            for span, length_s, fades in (
                (begin, args.in_s, (True, False)),
                (Interval(begin.end_s, end.start_s), 0.0, (False, False)),
                (end, args.out_s, (False, True)),
            )
            if span.duration_s > 1e-3
        ]
        out = self.output(args, context, [source], model=ENCODED)
        done = render_pieces(context, pieces, out, note="fading")
        spans = [span for span in (begin, end) if span.duration_s > 0]
        return EditResult(
            summary=f"{source.title} fades at {told(spans)}",
            model=ENCODED,
            evidence=self.evidence(source, spans, model=ENCODED, note="fades"),
            artifacts=[out.artifact(f"{source.title} with fades")],
            intervals=spans,
            duration_s=done.duration_s,
        )
