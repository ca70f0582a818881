"""`speed`: a video, or stretches of it, faster or slower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from tools.base import InvalidArguments, ToolContext
from tools.editing.base import Edit, EditResult, merged, seconds_to_write, told
from tools.editing.cut import ENCODED
from tools.editing.moments import WhenArgs, wanted
from tools.types import Interval

MODEL = f"{ENCODED}, WSOLA"


class Speed(Edit):
    """Plays stretches at another speed, sound at the same pitch; the rest of the video stays as it is."""

    name: ClassVar[str] = "speed"
    description: ClassVar[str] = (
        "Play a video, or stretches of it (by time or by what memory holds), faster or slower; the pitch of the sound "
        "is kept. Frames are repeated, not made up: slow_motion makes them smooth."
    )

    class Args(WhenArgs):
        factor: float = Field(2.0, ge=0.1, le=20, description="2 = twice as fast, 0.5 = half as fast.")
        only: bool = Field(False, description="Whether to leave out the rest of the video.")

    class Result(EditResult):
        pass

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video) * max(1.0, 1 / args.factor)

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.render import render_pieces
        from tools.editing.soundtrack import Piece

        if args.factor == 1.0:
            raise InvalidArguments("speed: a factor of 1 changes nothing; give another")
        source = self.source(args, context)
        with source.reader() as reader:
            duration_s = reader.info.duration_s
            when = wanted(args, context, source, duration_s)
        spans = merged(when.spans)
        parts = [(span, args.factor) for span in spans] if args.only else with_rest(spans, args.factor, duration_s)
        stretches, at_s = [], 0.0
        for span, speed in parts:
            stretches += source.cut(span, speed=speed, at_s=at_s)
            at_s += span.duration_s / speed
        out = self.output(args, context, [source], model=MODEL, stretches=stretches)
        pieces = [Piece(source.path, *span, speed) for span, speed in parts]
        done = render_pieces(context, pieces, out, note="changing the speed")
        what = f"{told(spans)} of {source.title}{when.why} plays at {args.factor:g} times the speed"
        return self.Result(
            summary=f"{what}; {done.duration_s:.2f} s in all",
            model=MODEL,
            evidence=self.evidence(source, spans, model=MODEL, note=f"at {args.factor:g} times the speed"),
            artifacts=[out.artifact(f"{source.title} at {args.factor:g} times the speed")],
            intervals=spans,
            entities=when.entities,
            duration_s=done.duration_s,
        )


def with_rest(spans: Sequence[Interval], factor: float, duration_s: float) -> list[tuple[Interval, float]]:
    """All of a video in order: these stretches at a factor of their speed, the rest as it is."""
    parts: list[tuple[Interval, float]] = []
    at_s = 0.0
    for span in spans:
        parts += [(Interval(at_s, span.start_s), 1.0), (span, factor)]
        at_s = span.end_s
    parts.append((Interval(at_s, duration_s), 1.0))
    return [(span, speed) for span, speed in parts if span.duration_s > 1e-3]
