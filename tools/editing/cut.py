"""`cut`: stretches of a video as a video of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tools.base import ToolContext, ToolFailed
from tools.editing.base import Edit, EditResult, merged, seconds_to_write, told
from tools.editing.moments import WhenArgs, wanted
from tools.types import Interval
from tools.wording import counted

if TYPE_CHECKING:
    from tools.editing.copying import KeySpan
    from tools.media.reader import VideoReader

ENCODING_SPEED = 3.0
"""Seconds of 480p decoded and encoded in a second of processor time, for consent; see `seconds_to_write`."""
COPIED, ENCODED = "stream copy", "libx264, AAC"


class Cut(Edit):
    """Keeps the stretches that are named by time or by what memory holds, or all but them, in one file."""

    name: ClassVar[str] = "cut"
    description: ClassVar[str] = (
        "Cut a video: keep (or take out) stretches given by time, or those in which an entity is visible, something is "
        "said, a text is on screen, something is heard, or a shot. Several stretches become one clip. Writes an MP4."
    )

    class Args(WhenArgs):
        keep: Literal["inside", "outside"] = Field(
            "inside", description="inside: the stretches; outside: everything but them."
        )
        exact: bool = Field(
            True,
            description="False: begin and end at the nearest places where nothing must be encoded, which is far "
            "quicker and loses no quality.",
        )

    class Result(EditResult):
        copied: bool = Field(description="Whether the packets of the source were copied, not encoded again.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video) if args.exact else 0.0

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.copying import copy_spans, key_span
        from tools.editing.render import render_pieces
        from tools.editing.soundtrack import Piece

        source = self.source(args, context)
        with source.reader() as reader:
            when = wanted(args, context, source, reader.info.duration_s)
            spans, why = list(when.spans), when.why
            if args.keep == "outside":
                why = f" outside those{why}"
                spans = _between(merged(spans), reader.info.duration_s)
            if not spans:
                raise ToolFailed(f"cut: nothing of {source.title} is left{why}; ask for other times")
            keys = [key_span(reader, span) for span in spans]
            places = [key for key in keys if key is not None and (key.exact or not args.exact)]
            copied = len(places) == len(spans)
            if copied:
                places = _apart(places, reader)
                spans = [key.span for key in places]
            model = COPIED if copied else ENCODED
            stretches, at_s = [], 0.0
            for span in spans:
                stretches += source.cut(span, at_s=at_s)
                at_s += span.duration_s
            out = self.output(args, context, [source], model=model, stretches=stretches)
            if copied:
                done = copy_spans(context, reader, places, out)
            else:
                done = render_pieces(context, [Piece(source.path, *span) for span in spans], out, note="cutting")
        kept = counted(len(spans), "stretch", "stretches")
        what = f"{kept}{why} of {source.title}: {told(spans)}; {done.duration_s:.2f} s in all"
        return self.Result(
            summary=f"kept {what}, {'copied as they are' if copied else 'encoded'}",
            model=model,
            evidence=self.evidence(source, spans, model=model, note="kept"),
            artifacts=[out.artifact(f"cut of {source.title}, {done.duration_s:.2f} s")],
            intervals=spans,
            entities=when.entities,
            duration_s=done.duration_s,
            copied=copied,
        )


def _between(spans: Sequence[Interval], duration_s: float) -> list[Interval]:
    """What lies before, between and after stretches that are in order."""
    ends = [0.0, *(one.end_s for one in spans)]
    starts = [*(one.start_s for one in spans), duration_s]
    return [Interval(a, b) for a, b in zip(ends, starts, strict=True) if b - a > 1e-3]


def _apart(places: Sequence[KeySpan], reader: VideoReader) -> list[KeySpan]:
    """Places to copy, those that run into each other joined."""
    from tools.editing.copying import key_span

    spans = [one.span for one in places]
    joined = merged(spans)
    if len(joined) == len(spans):
        return list(places)
    return [key for span in joined if (key := key_span(reader, span)) is not None]
