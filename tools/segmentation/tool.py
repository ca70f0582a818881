"""The tool `segment`: which pixels belong to a thing, followed through the video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from tools.base import Effects, Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Artifact, Box, Evidence, Interval
from tools.wording import counted

if TYPE_CHECKING:
    from tools.extractor import Row

SECONDS_A_WORKING_PIXEL = 7e-7
"""Processor time to follow one object over a pixel of the pictures that the embedded back end works on, for consent
before long work (`python -m evals.bench perception`: one object at 854x480 and at 1280x720)."""
SECONDS_A_PIXEL = 7e-8
"""Processor time to read a pixel of the source and to draw the masks over it."""
MOST_LISTED = 20
"""Stretches of one object that are given as evidence."""


class MaskCode(BaseModel):
    """A mask as a COCO run-length code."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    size: tuple[int, int] = Field(description="Height and width of the upright source picture, pixels.")
    counts: str = Field(description="Compressed counts, column by column.")


class ObjectPrompt(BaseModel):
    """What marks one object at one time; give the same object again at another time to correct it there."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    object: int = Field(1, ge=1, le=64, description="Number of the object, of your choice.")
    t_s: float = Field(0.0, ge=0, description="Time of the frame, seconds.")
    points: list[tuple[float, float]] = Field(default_factory=list, description="[x, y] on it, source pixels.")
    not_points: list[tuple[float, float]] = Field(default_factory=list, description="[x, y] beside it.")
    box: Box | None = Field(None, description="Around it, xyxy source pixels.")
    mask: MaskCode | None = Field(None, description="Its mask, taken as it is.")


class SegmentedObject(BaseModel):
    """An object that was followed."""

    object: int
    entity_id: str = Field(description="Entity in memory; its observations hold box and mask of each frame.")
    intervals: list[Interval] = Field(description="When it is in sight, seconds.")
    num_frames: int = Field(description="Frames that show it.")
    colour: str = Field(description="Its colour where it was marked first.")
    confidence: float = Field(description="Mean over the frames that show it.")


class Segment(Tool):
    """Finds masks from points, boxes, masks or a phrase, follows them both ways, and keeps them in memory.

    Masklets are entities of category 'segmented object' with an observation a frame (COCO run-length code). The same
    call again reads them from memory.
    """

    name: ClassVar[str] = "segment"
    description: ClassVar[str] = (
        "Cut things out pixel by pixel and follow them through the video: mark each by points, a box, a mask or a "
        "phrase (a colour, 'the person', 'the moving object', a quoted text). Gives when each is in sight, with boxes; "
        "masks go to memory, and a clip shows them."
    )
    effects: ClassVar[Effects] = Effects.WRITES_ARTIFACT
    writes_memory: ClassVar[bool] = True

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        points: list[tuple[float, float, float]] = Field(
            default_factory=list, description="[x, y, t] on object 1: source pixels and seconds."
        )
        not_points: list[tuple[float, float, float]] = Field(
            default_factory=list, description="[x, y, t] beside object 1, to correct it."
        )
        boxes: list[tuple[float, float, float, float, float]] = Field(
            default_factory=list, description="[x1, y1, x2, y2, t], each around an object of its own."
        )
        prompts: list[ObjectPrompt] = Field(
            default_factory=list, description="For several objects, masks, and corrections at other times."
        )
        mask_file: str = Field("", description="PNG of the size of the picture; each number in it but 0 is an object.")
        mask_t_s: float = Field(0.0, ge=0, description="Time of the frame that mask_file is of, seconds.")
        phrase: str = Field("", description="What to segment, in words, e.g. 'the red cup on the left'.")
        start_s: float = Field(0.0, ge=0, description="Follow from here on, seconds.")
        end_s: float | None = Field(None, ge=0, description="Follow up to here, seconds; empty = end of the video.")
        model: str = Field(
            "auto", description="auto, embedded, or a network whose weights are here, e.g. efficienttam-s, sam2.1-t."
        )
        overlay: bool = Field(True, description="Whether to write a clip that shows the masks.")

    class Result(ToolResult):
        objects: list[SegmentedObject] = Field(description="In the order of their numbers.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        from tools.segmentation.embedded.backend import WORKING_SIDE_PX

        media = context.memory(args.video).video.media
        end_s = float(media["duration_s"]) if args.end_s is None else args.end_s
        frames = float(media["num_frames"]) * max(0.0, end_s - args.start_s) / max(1e-6, float(media["duration_s"]))
        width, height = float(media["width"]), float(media["height"])
        scale = min(1.0, WORKING_SIDE_PX / max(width, height))
        of_one = SECONDS_A_WORKING_PIXEL * scale**2
        return frames * width * height * (_num_objects(args, context) * of_one + SECONDS_A_PIXEL)

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.segmentation.job import prepare, segment

        video = context.video_id(args.video)
        with context.reader(video) as reader:
            job = prepare(args, context, video, reader)
            if not context.library.has_segment(video, job.extractor, job.version, job.params):
                tables = segment(job, context, reader)
                context.library.write_segment(video, job.extractor, job.version, job.params, tables)
            memory = context.reopen(video)
            entities = memory.rows("entity", "extractor = ?", [job.extractor], "entity_id")
            entities.sort(key=lambda row: row["attributes"]["object"])
            seen = {
                row["entity_id"]: memory.rows("observation", "entity_id = ?", [row["entity_id"]], "t_s")
                for row in entities
            }
            artifacts = _overlay(job.extractor, seen, entities, context, reader, args) if args.overlay else []
        return self._result(video, job.model, job.notes, entities, seen, artifacts)

    def _result(
        self,
        video: str,
        model: str,
        notes: Sequence[str],
        entities: Sequence[Row],
        seen: dict[str, list[Row]],
        artifacts: list[Artifact],
    ) -> Result:
        objects = [
            SegmentedObject(
                object=row["attributes"]["object"],
                entity_id=row["entity_id"],
                intervals=[Interval(*span) for span in row["attributes"]["intervals"]],
                num_frames=len(seen[row["entity_id"]]),
                colour=row["colour"],
                confidence=row["confidence"],
            )
            for row in entities
        ]
        evidence = [
            self._evidence(video, model, row, Interval(*span), seen[row["entity_id"]])
            for row in entities
            for span in row["attributes"]["intervals"][:MOST_LISTED]
        ]
        told = "; ".join(_told(one) for one in objects)
        return self.Result(
            summary="; ".join([told, *notes]),
            status="ok" if any(one.num_frames for one in objects) else "empty",
            confidence=min((one.confidence for one in objects), default=0.0),
            model=model,
            evidence=evidence,
            artifacts=artifacts,
            objects=objects,
        )

    def _evidence(self, video: str, model: str, row: Row, span: Interval, seen: Sequence[Row]) -> Evidence:
        """A stretch in which an object is in sight, with its box in the surest frame."""
        inside = [one for one in seen if span.start_s <= one["t_s"] <= span.end_s]
        best = max(inside, key=lambda one: one["confidence"])
        return Evidence(
            video=video,
            start_s=span.start_s,
            end_s=span.end_s,
            box=Box(*(best[side] for side in ("x1", "y1", "x2", "y2"))),
            note=f"object {row['attributes']['object']}; box at {best['t_s']:.2f} s",
            tool=self.name,
            model=model,
            confidence=min(1.0, sum(one["confidence"] for one in inside) / len(inside)),
        )


def _num_objects(args: Segment.Args, context: ToolContext) -> int:
    """How many objects a call marks; a phrase counts as one. Raises MediaError for a mask file that is none."""
    from tools.media.stills import read_labels

    marked = {one.object for one in args.prompts} | ({1} if args.points or args.not_points else set())
    in_file = 0
    if args.mask_file:
        in_file = len(set(read_labels(context.named_file(args.mask_file)).ravel().tolist()) - {0})
    return max(1, len(marked) + len(args.boxes) + in_file + bool(args.phrase))


def _told(one: SegmentedObject) -> str:
    if not one.intervals:
        return f"object {one.object} is not in sight"
    spans = ", ".join(f"{a:.2f}-{b:.2f}" for a, b in one.intervals[:4])
    more = f" and {len(one.intervals) - 4} more stretches" if len(one.intervals) > 4 else ""
    return f"object {one.object} ({one.colour}) in sight {spans} s{more}, {counted(one.num_frames, 'frame')}"


def _overlay(
    extractor: str,
    seen: dict[str, list[Row]],
    entities: Sequence[Row],
    context: ToolContext,
    reader: Any,
    args: Segment.Args,
) -> list[Artifact]:
    """The clip of the masks; nothing where no frame shows an object."""
    from tools.segmentation.masklets import Sight
    from tools.segmentation.overlay import write_overlay

    sights = [
        {row["t_s"]: Sight(row["t_s"], Box(0, 0, 0, 0), row["mask"], row["confidence"]) for row in seen[e["entity_id"]]}
        for e in entities
    ]
    if not any(sights):
        return []
    end_s = reader.info.duration_s if args.end_s is None else args.end_s
    context.progress("drawing the masks", 0.9)
    path = write_overlay(
        context.artifacts / f"{extractor}.mp4", reader, sights, args.start_s, end_s, context.check_cancelled
    )
    return [Artifact(path=str(path), kind="video", description="the masks on the video")]
