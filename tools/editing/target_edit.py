"""What the edits that change the pixels of things have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tools.base import ToolArgs, ToolContext
from tools.editing.base import PIXELS_480P, Edit, EditResult, media_seconds, pixel_rate, told
from tools.editing.targets import TargetArgs, Targets, find_targets, seconds_to_find
from tools.types import Artifact

if TYPE_CHECKING:
    from tools.editing.parts import Mask
    from tools.editing.source import Source
    from tools.media.frame import Frame, Picture


class TargetEdit(Edit):
    """Changes what its targets cover in every frame and leaves everything else; sound and times are the source's."""

    Args: ClassVar[type[ToolArgs]] = TargetArgs
    seconds_a_second: ClassVar[float]
    """Processor time for a second of 480p, decoding and writing included (`python -m evals.bench tools`)."""

    @abstractmethod
    def change(self, args: Any, rgb: Picture, masks: Sequence[Mask]) -> Picture:
        """A changed copy of a picture; there is at least one mask."""

    def asked(self, args: Any) -> TargetArgs:
        """What the arguments of a call say about targets."""
        targets: TargetArgs = args
        return targets

    def expected_seconds(self, args: Any, context: ToolContext) -> float:
        changing_s = self.seconds_a_second * media_seconds(context, args.video)
        return changing_s * pixel_rate(context, args.video) / PIXELS_480P + seconds_to_find(self.asked(args), context)

    def run(self, args: Any, context: ToolContext) -> EditResult:
        from tools.editing.render import render_pictures

        source = self.source(args, context)
        with source.reader() as reader:
            targets = find_targets(self.asked(args), context, source, reader, self.name)
            out = self.output(args, context, [source], model=targets.model)

            def transform(frame: Frame) -> Picture:
                masks = targets.masks_at(frame.t_s)
                return self.change(args, frame.rgb, masks) if masks else frame.rgb

            rendered = render_pictures(context, reader, out, transform, note=self.name.replace("_", " "))
        return self.result(source, targets, [out.artifact(self.done(targets))], rendered.duration_s)

    @abstractmethod
    def done(self, targets: Targets) -> str:
        """What was done to what, in words."""

    def result(self, source: Source, targets: Targets, artifacts: Sequence[Artifact], duration_s: float) -> EditResult:
        done, intervals = self.done(targets), targets.intervals
        return EditResult(
            summary=f"{done} at {told(intervals)} of {source.title}",
            model=targets.model,
            evidence=self.evidence(source, intervals, model=targets.model, note=done),
            artifacts=list(artifacts),
            intervals=intervals,
            entities=targets.entities,
            duration_s=duration_s,
        )
