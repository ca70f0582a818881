"""`extract_audio`: the sound of a video as a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from memory.atomic import temporary_name
from tools.base import ToolContext, ToolFailed
from tools.editing.base import Edit, EditResult, media_seconds, merged, told
from tools.editing.moments import WhenArgs, wanted
from tools.editing.provenance import OutFile, cannot_write

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

    from tools.editing.soundtrack import Piece
    from tools.media.reader import VideoReader
    from tools.media.sound import SoundFormat

MODELS = {"m4a": "AAC", "wav": "PCM of 16 bits"}
SPEED = 100.0
"""Seconds of sound in a second of processor time."""


class ExtractAudio(Edit):
    """Writes what is heard, in the rate and the channels of the source."""

    name: ClassVar[str] = "extract_audio"
    description: ClassVar[str] = (
        "Save the sound of a video, or of stretches of it (by time or by what memory holds), as M4A or WAV."
    )

    class Args(WhenArgs):
        format: Literal["m4a", "wav"] = Field("m4a", description="m4a: small, AAC; wav: uncompressed.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return media_seconds(context, args.video) / SPEED

    def run(self, args: Args, context: ToolContext) -> EditResult:
        from tools.editing.soundtrack import Piece, sound_format

        source = self.source(args, context)
        with source.reader() as reader:
            form = sound_format([reader])
            if form is None:
                raise ToolFailed(f"extract_audio: {source.title} has no sound")
            when = wanted(args, context, source, reader.info.duration_s)
            spans = merged(when.spans)
            model = MODELS[args.format]
            out = self.output(args, context, [source], model=model, suffix=f".{args.format}", stretches=[])
            _write(context, out, reader, [Piece(source.path, *span) for span in spans], form)
        length_s = sum(span.duration_s for span in spans)
        return EditResult(
            summary=f"the sound of {source.title}{when.why}, {told(spans)}: {form.rate_hz} Hz, {form.layout}, {model}",
            model=model,
            evidence=self.evidence(source, spans, model=model, note="heard"),
            artifacts=[out.artifact(f"sound of {source.title}", "audio")],
            intervals=spans,
            entities=when.entities,
            duration_s=length_s,
        )


def _write(context: ToolContext, out: OutFile, reader: VideoReader, pieces: Sequence[Piece], form: SoundFormat) -> None:
    """Raises ToolFailed, Cancelled; then there is no file."""
    import av

    from tools.editing.soundtrack import joined

    temporary = temporary_name(out.path)
    length = sum(piece.lasts_s for piece in pieces) * form.rate_hz
    try:
        out.path.parent.mkdir(parents=True, exist_ok=True)
        kind, codec = ("ipod", "aac") if out.path.suffix == ".m4a" else ("wav", "pcm_s16le")
        with av.open(str(temporary), "w", format=kind) as container:
            container.metadata.update(out.tags)
            stream = cast("AudioStream", container.add_stream(codec, rate=form.rate_hz))
            stream.layout = form.layout
            heard = 0
            for block in joined([(piece, reader) for piece in pieces], form):
                context.check_cancelled()
                context.progress("writing the sound", min(1.0, heard / max(1.0, length)))
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=form.layout)
                frame.sample_rate, frame.pts = form.rate_hz, heard
                heard += block.shape[1]
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        temporary.replace(out.path)
    except (OSError, av.error.FFmpegError) as error:
        raise cannot_write(out.path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
