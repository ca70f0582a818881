"""`crop`: a part of the picture."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from tools.base import InvalidArguments, ToolContext
from tools.editing.base import Edit, EditArgs, EditResult, seconds_to_write
from tools.editing.cut import ENCODED
from tools.types import Box, Interval

LEAST_PX = 16


class Crop(Edit):
    """Keeps a box of every picture."""

    name: ClassVar[str] = "crop"
    description: ClassVar[str] = (
        "Keep only a fixed box of the picture of a video; crop_to_subject follows a thing instead. Writes an MP4."
    )
    moves_things: ClassVar[bool] = True

    class Args(EditArgs):
        box: Box = Field(description="What to keep, xyxy pixels of the upright picture.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video)

    def run(self, args: Args, context: ToolContext) -> EditResult:
        from tools.editing.render import render_pictures

        source = self.source(args, context)
        with source.reader() as reader:
            info = reader.info
            x1, y1 = max(0, round(args.box.x1)), max(0, round(args.box.y1))
            x2, y2 = min(info.width, round(args.box.x2)), min(info.height, round(args.box.y2))
            x2, y2 = x2 - (x2 - x1) % 2, y2 - (y2 - y1) % 2  # H.264 wants even sides
            if x2 - x1 < LEAST_PX or y2 - y1 < LEAST_PX:
                raise InvalidArguments(
                    f"crop: less than {LEAST_PX} pixels of {tuple(args.box)} are in a picture of "
                    f"{info.width}x{info.height}"
                )
            out = self.output(args, context, [source], model=ENCODED)
            done = render_pictures(
                context,
                reader,
                out,
                lambda frame: np.ascontiguousarray(frame.rgb[y1:y2, x1:x2]),
                note="cropping",
            )
            whole = Interval(0.0, info.duration_s)
        kept = f"{x2 - x1}x{y2 - y1} pixels at {x1},{y1}"
        return EditResult(
            summary=f"kept {kept} of {source.title}, {done.duration_s:.2f} s",
            model=ENCODED,
            evidence=self.evidence(source, [whole], model=ENCODED, note=f"{kept} kept"),
            artifacts=[out.artifact(f"{kept} of {source.title}")],
            intervals=[whole],
            duration_s=done.duration_s,
        )
