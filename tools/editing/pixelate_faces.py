"""`pixelate_faces`: no face can be recognised, in any frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tools.editing.base import EditArgs
from tools.editing.target_edit import TargetEdit
from tools.editing.targets import FACE, TargetArgs, Targets

if TYPE_CHECKING:
    from tools.editing.parts import Mask
    from tools.media.frame import Picture


class PixelateFaces(TargetEdit):
    """Faces are sought in the pictures, followed, and hidden without gaps."""

    name: ClassVar[str] = "pixelate_faces"
    description: ClassVar[str] = (
        "Hide every face of a video behind coarse cells, followed so that no frame shows one; writes a new video."
    )
    seconds_a_second: ClassVar[float] = 0.5

    class Args(EditArgs):
        strength: float = Field(1.0, ge=0.5, le=4, description="Size of the cells; 1 hides who it is.")
        start_s: float = Field(0.0, ge=0, description="Hide from here on, seconds of the video.")
        end_s: float | None = Field(None, ge=0, description="Hide up to here, seconds; empty = to the end.")

    def asked(self, args: Any) -> TargetArgs:
        return TargetArgs(video=args.video, categories=[FACE], start_s=args.start_s, end_s=args.end_s)

    def change(self, args: Any, rgb: Picture, masks: Sequence[Mask]) -> Picture:
        from tools.editing.effects import pixelated

        return pixelated(rgb, masks, args.strength)

    def done(self, targets: Targets) -> str:
        return f"pixelated {targets.told}"
