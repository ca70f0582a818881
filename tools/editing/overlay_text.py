"""`overlay_text`: words on the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tools.base import InvalidArguments, ToolContext
from tools.editing.base import Edit, EditResult, merged, seconds_to_write, told
from tools.editing.cut import ENCODED
from tools.editing.moments import WhenArgs, wanted

if TYPE_CHECKING:
    from tools.media.frame import Frame, Picture
    from tools.media.lettering import Align

MARGIN = 0.04
"""Of the shorter side, between text and the edge."""

Place = Literal["top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right"]


class OverlayText(Edit):
    """Draws a text over stretches of a video; everything else stays as it is."""

    name: ClassVar[str] = "overlay_text"
    description: ClassVar[str] = (
        "Write a text on the picture of a video (a title, a label, a note), all the time or in stretches given by time "
        "or by what memory holds. Writes an MP4."
    )

    generative: ClassVar[bool] = True

    class Args(WhenArgs):
        text: str = Field(min_length=1, max_length=500, description="What to write; lines are broken where needed.")
        position: Place = Field("bottom", description="Where in the picture.")
        size: float = Field(0.07, ge=0.01, le=0.5, description="Height of the letters, as a share of the picture's.")
        colour: str = Field("#ffffff", pattern="^#[0-9a-fA-F]{6}$", description="Of the letters, as #rrggbb.")
        bold: bool = Field(False, description="Whether the letters are bold.")
        background: Literal["outline", "plate", "none"] = Field(
            "outline", description="What keeps the letters readable: a dark rim, a dark plate behind them, or nothing."
        )

    class Result(EditResult):
        pass

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video)

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.render import render_pictures
        from tools.media.lettering import Style, lettering

        if not args.text.strip():
            raise InvalidArguments("overlay_text: the text is empty; say what to write")
        source = self.source(args, context)
        with source.reader() as reader:
            info = reader.info
            when = wanted(args, context, source, info.duration_s)
            spans = merged(when.spans)
            size_px = max(6, round(args.size * info.height))
            style = Style(
                size_px,
                _rgb(args.colour),
                args.bold,
                outline_px=max(1, size_px // 14) if args.background == "outline" else 0,
                plate=0.6 if args.background == "plate" else 0.0,
                align=_align(args.position),
            )
            margin = round(MARGIN * min(info.width, info.height))
            label = lettering(args.text, style, info.width - 2 * margin)
            x, y = place(args.position, label.size, (info.width, info.height), margin)

            def transform(frame: Frame) -> Picture:
                picture = frame.rgb
                if any(span.start_s - 1e-4 <= frame.t_s < span.end_s for span in spans):
                    picture = picture.copy()
                    label.put(picture, x, y)
                return picture

            out = self.output(args, context, [source], model=ENCODED)
            done = render_pictures(context, reader, out, transform, note="writing on the pictures")
        words = " ".join(args.text.split())
        return self.Result(
            summary=f"wrote {words!r} at the {args.position} of {source.title}{when.why}, {told(spans)}",
            model=ENCODED,
            evidence=self.evidence(source, spans, model=ENCODED, note="written on"),
            artifacts=[out.artifact(f"{source.title} with {words!r}")],
            intervals=spans,
            entities=when.entities,
            duration_s=done.duration_s,
        )


def place(position: Place, label: tuple[int, int], picture: tuple[int, int], margin: int) -> tuple[int, int]:
    """Top left corner of a label in a picture; sizes are (width, height)."""
    words = position.split()
    x = (
        margin
        if "left" in words
        else picture[0] - label[0] - margin
        if "right" in words
        else (picture[0] - label[0]) // 2
    )
    y = (
        margin
        if "top" in words
        else picture[1] - label[1] - margin
        if "bottom" in words
        else (picture[1] - label[1]) // 2
    )
    return x, y


def _align(position: Place) -> Align:
    return "left" if "left" in position else "right" if "right" in position else "center"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
