"""`subtitles`: what is said as a file, as a track that players can show, or written on the pictures."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, Field

from tools.base import ToolContext, ToolFailed
from tools.editing.base import Edit, EditArgs, EditResult, check_words, seconds_to_write
from tools.editing.captions import Cue, CueTrack, apart, captions_of, read_captions, spoken_words, to_srt, to_vtt
from tools.editing.cut import COPIED, ENCODED
from tools.editing.overlay_text import MARGIN, place
from tools.types import Interval, Perceived
from tools.wording import counted

if TYPE_CHECKING:
    from tools.editing.provenance import OutFile
    from tools.editing.render import Rendered, Transform
    from tools.editing.source import Source
    from tools.media.frame import Frame, Picture
    from tools.media.lettering import Label
    from tools.media.reader import VideoReader

SHOWN = 3
MOST_LABELS = 64
"""Captions that are kept drawn."""


class Caption(BaseModel):
    """A caption and when it is shown."""

    start_s: float
    end_s: float
    text: Perceived


class Subtitles(Edit):
    """Captions of the speech in memory, or of a subtitle file."""

    name: ClassVar[str] = "subtitles"
    description: ClassVar[str] = (
        "Subtitle a video with what memory knows is said in it, or with an SRT or WebVTT file: on the pictures, as a "
        "track that players can switch on, or as a subtitle file of its own."
    )

    class Args(EditArgs):
        output: Literal["burned in", "track", "srt", "vtt"] = Field(
            "burned in",
            description="burned in: on the pictures, seen everywhere; track: in the MP4, for players that offer it, "
            "without encoding the pictures again; srt, vtt: a file of its own.",
        )
        file: str = Field("", description="An .srt or .vtt file to use; empty = the speech in memory.")
        language: str = Field("eng", pattern="^[a-z]{3}$", description="Of a track: ISO 639-2, e.g. eng, deu, fra.")
        size: float = Field(
            0.055, ge=0.01, le=0.3, description="Height of burned letters, as a share of the picture's."
        )

    class Result(EditResult):
        captions: list[Caption] = Field(description="By time.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video) if args.output == "burned in" else 0.0

    def run(self, args: Args, context: ToolContext) -> Result:
        source = self.source(args, context)
        with source.reader() as reader:
            cues = _cues(args, context, source, reader.info.duration_s)
            if args.file:  # what is said in the video may be written, whatever it is
                check_words(self, context, [cue.text for cue in cues])
            spans = [Interval(cue.start_s, cue.end_s) for cue in cues]
            if args.output in ("srt", "vtt"):
                model = "SubRip" if args.output == "srt" else "WebVTT"
                out = self.output(args, context, [source], model=model, suffix=f".{args.output}")
                out.write((to_srt(cues) if args.output == "srt" else to_vtt(cues)).encode())
                how, length_s = f"as a {model} file", 0.0
            elif args.output == "track":
                model, done, out = self._with_track(args, context, source, reader, cues)
                how, length_s = "as a track", done.duration_s
            else:
                model = ENCODED
                out = self.output(args, context, [source], model=model)
                length_s = _burn(args, context, reader, cues, out).duration_s
                how = "burned in"
        shown = "; ".join(f"{' '.join(cue.text.split())!r} at {cue.start_s:.1f} s" for cue in cues[:SHOWN])
        return self.Result(
            summary=f"{counted(len(cues), 'caption')} for {source.title} {how}: {shown}"
            + ("; ..." if len(cues) > SHOWN else ""),
            model=model,
            evidence=self.evidence(source, spans, model=model, note="captioned"),
            artifacts=[out.artifact(f"subtitles of {source.title} {how}", "video" if length_s else "text")],
            intervals=spans,
            duration_s=length_s,
            captions=[
                Caption(
                    start_s=cue.start_s,
                    end_s=cue.end_s,
                    text=Perceived(text=cue.text, source="metadata" if args.file else "speech"),
                )
                for cue in cues
            ],
        )

    def _with_track(
        self, args: Args, context: ToolContext, source: Source, reader: VideoReader, cues: Sequence[Cue]
    ) -> tuple[str, Rendered, OutFile]:
        """(model, what was written, where): pictures are copied where browsers play them."""
        from tools.editing.copying import copy_spans, key_span
        from tools.editing.render import render_pictures

        track = CueTrack(cues, args.language)
        whole = key_span(reader, Interval(0.0, reader.info.duration_s))
        model = COPIED if whole is not None and whole.exact else ENCODED
        out = self.output(args, context, [source], model=model)
        if whole is not None and whole.exact:
            return model, copy_spans(context, reader, [whole], out, subtitles=track), out
        return model, render_pictures(context, reader, out, lambda frame: frame.rgb, subtitles=track), out


def _cues(args: Subtitles.Args, context: ToolContext, source: Source, duration_s: float) -> list[Cue]:
    if args.file:
        cues = apart(read_captions(context.named_file(args.file)), duration_s)
        if not cues:
            raise ToolFailed(f"{args.file}: all its captions come after the {duration_s:.2f} s of {source.title}")
        return cues
    cues = captions_of(spoken_words(context, source), duration_s)
    if not cues:
        raise ToolFailed(f"no speech in memory of {source.title}; give a subtitle file with 'file'")
    return cues


def _burn(
    args: Subtitles.Args, context: ToolContext, reader: VideoReader, cues: Sequence[Cue], out: OutFile
) -> Rendered:
    from tools.editing.render import render_pictures

    return render_pictures(context, reader, out, burning(cues, reader, args.size), note="writing the subtitles")


def burning(cues: Sequence[Cue], reader: VideoReader, share: float) -> Transform:
    """What writes the caption of its time on a picture. Raises ToolFailed when letters cannot be drawn."""
    from tools.media.lettering import Style, check_letters, lettering

    check_letters("".join(cue.text for cue in cues))
    info = reader.info
    size_px = max(6, round(share * info.height))
    margin = round(MARGIN * min(info.width, info.height))
    style = Style(size_px, outline_px=max(1, size_px // 14), plate=0.35)
    starts = [cue.start_s for cue in cues]
    drawn: dict[int, Label] = {}

    def draw(number: int) -> Label:
        if number not in drawn:
            if len(drawn) >= MOST_LABELS:
                drawn.clear()
            drawn[number] = lettering(cues[number].text, style, info.width - 2 * margin)
        return drawn[number]

    def transform(frame: Frame) -> Picture:
        number = bisect_right(starts, frame.t_s + 1e-4) - 1
        if number < 0 or frame.t_s >= cues[number].end_s - 1e-4:
            return frame.rgb
        picture, label = frame.rgb.copy(), draw(number)
        label.put(picture, *place("bottom", label.size, (info.width, info.height), margin))
        return picture

    return transform
