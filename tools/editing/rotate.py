"""`rotate`: a video turned by quarters, or mirrored."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from tools.base import ToolContext
from tools.editing.base import Edit, EditArgs, EditResult, seconds_to_write
from tools.editing.cut import ENCODED
from tools.types import Interval

if TYPE_CHECKING:
    from tools.media.frame import Frame, Picture

Turn = Literal["right", "left", "upside down", "mirror", "flip"]
SAID: dict[Turn, str] = {
    "right": "turned to the right",
    "left": "turned to the left",
    "upside down": "turned upside down",
    "mirror": "mirrored",
    "flip": "flipped",
}


class Rotate(Edit):
    """Turns or mirrors every picture; sound and times stay."""

    name: ClassVar[str] = "rotate"
    description: ClassVar[str] = (
        "Turn a video by 90 degrees to the right or the left or by 180 degrees, mirror it (left and right change "
        "places) or flip it (up and down change places). Writes an MP4."
    )
    moves_things: ClassVar[bool] = True

    class Args(EditArgs):
        turn: Turn = Field(
            "right",
            description="right, left: by 90 degrees; upside down: by 180; mirror: left and right change places; flip: "
            "up and down.",
        )

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return seconds_to_write(context, args.video)

    def run(self, args: Args, context: ToolContext) -> EditResult:
        from tools.editing.render import render_pictures

        source = self.source(args, context)
        with source.reader() as reader:
            out = self.output(args, context, [source], model=ENCODED)
            aspect = reader.info.pixel_aspect
            done = render_pictures(
                context,
                reader,
                out,
                lambda frame: turned(frame, args.turn),
                pixel_aspect=1 / aspect if args.turn in ("right", "left") else aspect,
                note="turning",
            )
            whole = Interval(0.0, reader.info.duration_s)
        return EditResult(
            summary=f"{source.title} {SAID[args.turn]}, {done.duration_s:.2f} s",
            model=ENCODED,
            evidence=self.evidence(source, [whole], model=ENCODED, note=SAID[args.turn]),
            artifacts=[out.artifact(f"{source.title} {SAID[args.turn]}")],
            intervals=[whole],
            duration_s=done.duration_s,
        )


def turned(frame: Frame, turn: Turn) -> Picture:
    """The picture of a frame, turned or mirrored."""
    rgb = frame.rgb
    if turn == "mirror":
        rgb = rgb[:, ::-1]
    elif turn == "flip":
        rgb = rgb[::-1]
    else:
        rgb = np.rot90(rgb, {"left": 1, "upside down": 2, "right": 3}[turn])
    return np.ascontiguousarray(rgb)
