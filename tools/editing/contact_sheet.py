"""`contact_sheet`: a video at a glance."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from tools.base import ToolContext
from tools.editing.base import Edit, EditResult, spread, told
from tools.editing.moments import WhenArgs, wanted
from tools.wording import counted

MODEL = "evenly spaced frames"


class ContactSheet(Edit):
    """Frames at equal distances on one picture, each with its time."""

    name: ClassVar[str] = "contact_sheet"
    description: ClassVar[str] = (
        "One picture (PNG) with frames spread evenly over a video, or over stretches given by time or by what memory "
        "holds, each with its time."
    )

    class Args(WhenArgs):
        count: int = Field(12, ge=1, le=100, description="How many frames.")
        columns: int = Field(0, ge=0, le=20, description="Frames in a row; 0 = as fits.")
        width: int = Field(320, ge=64, le=1280, description="Of a frame on the sheet, pixels.")

    class Result(EditResult):
        times_s: list[float] = Field(description="Times of the frames, row by row, seconds.")

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.editing.sheet import Card, draw_sheet
        from tools.media.draw import encode_png

        source = self.source(args, context)
        cards = []
        with source.reader() as reader:
            info = reader.info
            when = wanted(args, context, source, info.duration_s)
            times = spread(when.spans, args.count)
            cell = args.width, max(1, round(args.width * info.height / (info.width * info.pixel_aspect)))
            seen_s = []
            for number, t_s in enumerate(times):
                context.check_cancelled()
                context.progress("taking frames", number / len(times))
                frame = reader.frame_at(t_s)
                seen_s.append(frame.t_s)
                cards.append(Card(frame.rgb, f"{frame.t_s:.2f} s", pixel_aspect=info.pixel_aspect))
        columns = args.columns or math.ceil(math.sqrt(args.count))
        out = self.output(args, context, [source], model=MODEL, suffix=".png", stretches=[])
        out.write(encode_png(draw_sheet(cards, min(columns, len(cards)), cell)))
        return self.Result(
            summary=f"{counted(len(cards), 'frame')} of {source.title}{when.why} on one picture, {told(when.spans)}",
            model=MODEL,
            evidence=self.evidence(source, when.spans, model=MODEL, note="on the sheet"),
            artifacts=[out.artifact(f"{len(cards)} frames of {source.title}", "image")],
            intervals=when.spans,
            entities=when.entities,
            times_s=seen_s,
        )
