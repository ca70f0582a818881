"""`volume`: a video, or stretches of it, louder, quieter, or without sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.editing.base import Edit, EditResult, merged, seconds_to_write, told
from tools.editing.cut import COPIED, ENCODED
from tools.editing.moments import WhenArgs, wanted
from tools.editing.speed import with_rest
from tools.types import Interval

if TYPE_CHECKING:
    from tools.editing.provenance import OutFile
    from tools.editing.render import Rendered
    from tools.editing.soundtrack import Piece
    from tools.media.reader import VideoReader


class Volume(Edit):
    """Multiplies the sound; pictures are copied where browsers play them."""

    name: ClassVar[str] = "volume"
    description: ClassVar[str] = (
        "Make a video, or stretches of it (by time or by what memory holds), louder or quieter, or mute it (factor 0). "
        "Writes an MP4."
    )

    class Args(WhenArgs):
        factor: float = Field(
            ge=0,
            le=10,
            description="2 = twice the amplitude (6 dB louder), 0.5 = half, 0 = silence. What is too loud clips.",
        )

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video)

    def run(self, args: Args, context: ToolContext) -> EditResult:
        from tools.editing.copying import key_span
        from tools.editing.soundtrack import Piece

        if args.factor == 1.0:
            raise InvalidArguments("volume: a factor of 1 changes nothing; give another")
        source = self.source(args, context)
        with source.reader() as reader:
            info = reader.info
            if not info.has_audio:
                raise ToolFailed(f"volume: {source.title} has no sound")
            when = wanted(args, context, source, info.duration_s)
            spans = merged(when.spans)
            parts = with_rest(spans, args.factor, info.duration_s)
            pieces = [Piece(source.path, *span, gain=gain) for span, gain in parts]
            whole = key_span(reader, Interval(0.0, info.duration_s))
            model = f"{COPIED}, AAC" if whole is not None and whole.exact else ENCODED
            out = self.output(args, context, [source], model=model)
            done = with_sound(context, reader, pieces, out)
        how = "muted" if args.factor == 0 else f"{args.factor:g} times as loud"
        return EditResult(
            summary=f"{source.title}{when.why} {how}, {told(spans)}",
            model=model,
            evidence=self.evidence(source, spans, model=model, note=how),
            artifacts=[out.artifact(f"{source.title} {how}")],
            intervals=spans,
            entities=when.entities,
            duration_s=done.duration_s,
        )


def with_sound(context: ToolContext, reader: VideoReader, pieces: Sequence[Piece], out: OutFile) -> Rendered:
    """All pictures of a file with the sound of its pieces, which are in order and leave nothing out; with no sound at
    all there is no track."""
    from tools.editing.copying import copy_spans, key_span
    from tools.editing.render import render_pictures
    from tools.editing.soundtrack import soundtrack

    heard = [(piece, reader) for piece in pieces]
    sound = soundtrack(heard) if any(piece.gain for piece in pieces) else None
    whole = key_span(reader, Interval(0.0, reader.info.duration_s))
    if whole is not None and whole.exact:
        return copy_spans(context, reader, [whole], out, sound=sound)
    return render_pictures(context, reader, out, lambda frame: frame.rgb, sound=sound)
