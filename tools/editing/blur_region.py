"""`blur_region`: things, people, faces or places that cannot be made out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from tools.editing.target_edit import TargetEdit
from tools.editing.targets import TargetArgs, Targets

if TYPE_CHECKING:
    from tools.editing.parts import Mask
    from tools.media.frame import Picture


class BlurRegion(TargetEdit):
    """Blurs or pixelates what its targets cover, in every frame."""

    name: ClassVar[str] = "blur_region"
    description: ClassVar[str] = (
        "Make things, people, faces or places in a video unrecognisable: blur or pixelate what entities of the memory, "
        "categories ('person', 'face'), a phrase or boxes name, followed through the video; writes a new video."
    )
    seconds_a_second: ClassVar[float] = 0.5

    class Args(TargetArgs):
        style: Literal["blur", "pixelate"] = Field("blur", description="How it is made unrecognisable.")
        strength: float = Field(1.0, ge=0.2, le=4, description="How much; 1 hides what a face or a text is.")

    def change(self, args: Any, rgb: Picture, masks: Sequence[Mask]) -> Picture:
        from tools.editing.effects import blurred, pixelated

        hide = blurred if args.style == "blur" else pixelated
        return hide(rgb, masks, args.strength)

    def done(self, targets: Targets) -> str:
        return f"made {targets.told} unrecognisable"
