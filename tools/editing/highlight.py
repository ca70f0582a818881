"""`highlight`: things stand out, all else is dimmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tools.editing.target_edit import TargetEdit
from tools.editing.targets import Targets

if TYPE_CHECKING:
    from tools.editing.parts import Mask
    from tools.media.frame import Picture


class Highlight(TargetEdit):
    """Outlines what its targets cover and dims everything else, in the frames that show them."""

    name: ClassVar[str] = "highlight"
    description: ClassVar[str] = (
        "Make things stand out in a video: outline what entities of the memory, categories, a phrase or boxes name, "
        "followed through the video, and dim everything else; writes a new video."
    )
    seconds_a_second: ClassVar[float] = 0.6

    def change(self, args: Any, rgb: Picture, masks: Sequence[Mask]) -> Picture:
        from tools.editing.effects import highlighted

        return highlighted(rgb, masks)

    def done(self, targets: Targets) -> str:
        return f"highlighted {targets.told}"
