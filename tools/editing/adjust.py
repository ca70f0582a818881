"""`adjust`: brighter or darker, with more or less contrast and colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from tools.base import InvalidArguments, ToolContext
from tools.editing.base import Edit, EditResult, merged, seconds_to_write, told
from tools.editing.cut import ENCODED
from tools.editing.moments import WhenArgs, wanted

if TYPE_CHECKING:
    from tools.media.frame import Frame, Picture

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of BT.709."""
MIDDLE = 127.5
"""Contrast is around it, levels."""


class Adjust(Edit):
    """Changes light and colour in stretches of a video; everything else stays as it is."""

    name: ClassVar[str] = "adjust"
    description: ClassVar[str] = (
        "Make a video, or stretches of it, brighter or darker, with more or less contrast or colour (saturation 0 = "
        "black and white). Writes an MP4."
    )

    class Args(WhenArgs):
        brightness: float = Field(0.0, ge=-1, le=1, description="Added light: 0.2 = a fifth of white, -1 = black.")
        contrast: float = Field(1.0, ge=0, le=4, description="1 = as it is, 2 = twice as far from grey.")
        saturation: float = Field(1.0, ge=0, le=4, description="1 = as it is, 0 = black and white, 2 = twice as much.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video)

    def run(self, args: Args, context: ToolContext) -> EditResult:
        from tools.editing.render import render_pictures

        if (args.brightness, args.contrast, args.saturation) == (0.0, 1.0, 1.0):
            raise InvalidArguments("adjust: nothing would change; give brightness, contrast or saturation")
        source = self.source(args, context)
        with source.reader() as reader:
            when = wanted(args, context, source, reader.info.duration_s)
            spans = merged(when.spans)
            out = self.output(args, context, [source], model=ENCODED)

            def transform(frame: Frame) -> Picture:
                inside = any(span.start_s - 1e-4 <= frame.t_s < span.end_s for span in spans)
                return adjusted(frame.rgb, args.brightness, args.contrast, args.saturation) if inside else frame.rgb

            done = render_pictures(context, reader, out, transform, note="adjusting")
        values = {"brightness": args.brightness, "contrast": args.contrast, "saturation": args.saturation}
        how = ", ".join(f"{name} {value:g}" for name, value in values.items() if value != (name != "brightness"))
        return EditResult(
            summary=f"{how} in {source.title}{when.why}, {told(spans)}",
            model=ENCODED,
            evidence=self.evidence(source, spans, model=ENCODED, note=how),
            artifacts=[out.artifact(f"{source.title} with {how}")],
            intervals=spans,
            entities=when.entities,
            duration_s=done.duration_s,
        )


def adjusted(rgb: Picture, brightness: float, contrast: float, saturation: float) -> Picture:
    """A picture with other light and colour. The luma of what does not clip is not changed by the saturation."""
    import cv2

    levels = contrast * (np.arange(256, dtype=np.float32) - MIDDLE) + MIDDLE + 255 * brightness
    lit = cv2.LUT(rgb, np.clip(levels + 0.5, 0, 255).astype(np.uint8))
    if saturation != 1.0:
        # Of each channel: what it has of the grey of all, and of itself.
        mixed = (1 - saturation) * np.tile(LUMA, (3, 1)) + saturation * np.eye(3, dtype=np.float32)
        lit = cv2.transform(lit, mixed)
    return np.asarray(lit, np.uint8)
