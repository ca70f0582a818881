"""What an edit touches: entities of the memory, categories, faces, what a phrase means, fixed boxes; masks a frame.

Memory speaks of the library's videos; a file that an earlier edit made shows stretches of them, so times are mapped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.editing.base import EditArgs, media_seconds, merged, span_of
from tools.editing.parts import Boxes, FixedBox, Mask, Masks, Part
from tools.editing.source import Source
from tools.types import Box, Interval

if TYPE_CHECKING:
    from tools.media.frame import Frame
    from tools.media.reader import VideoReader

FACE = "face"
"""The category of faces, which are sought in the pictures and not in memory."""
_FACES = re.compile(
    r"^\W*((the|all|every|each|any|of|people'?s?|persons?'?s?|human|everyone'?s?|their)\s+)*faces?\W*$", re.I
)
LEAST_GAP_S, GAP_STEPS = 1.0, 3.0
"""A track is carried over gaps of so many of its usual steps, and at least so long."""
MOST_NAMED = 12
FACE_SECONDS, PHRASE_SECONDS = 0.6, 2.5
"""Processor time for a second of video of the search for faces, and of the segmentation of one thing (`python -m
evals.bench tools`, `perception`)."""


class TargetArgs(EditArgs):
    """Arguments of edits that touch things in the picture."""

    entities: list[str] = Field(
        default_factory=list,
        max_length=64,
        description="Ids of entities in memory, e.g. of what segment or track_objects found; masks are used where "
        "they have them, else boxes.",
    )
    categories: list[str] = Field(
        default_factory=list,
        max_length=16,
        description="All entities of these categories in memory, e.g. 'person', 'moving object'; 'face' = every face.",
    )
    phrase: str = Field("", description="What to touch, in words, e.g. 'the red cup': it is segmented and followed.")
    boxes: list[Box] = Field(
        default_factory=list, max_length=32, description="Fixed places, xyxy pixels of the upright picture."
    )
    start_s: float = Field(0.0, ge=0, description="Touch from here on, seconds of the video.")
    end_s: float | None = Field(None, ge=0, description="Touch up to here, seconds; empty = to the end.")


@dataclass
class Targets:
    """Things over time; times are those of the file that is edited."""

    source: Source
    size: tuple[int, int]
    """Height and width of its pictures."""
    span: Interval
    """Nothing is touched outside it."""
    found: dict[str, list[Part]] = field(default_factory=dict)
    """By the library video whose times they have; "" = those of the file itself."""
    model: str = ""
    """Who found them."""

    def boxes_at(self, t_s: float) -> list[Box]:
        """Of each thing that is there."""
        return [box for part, at_s in self._there(t_s) if (box := part.box_at(at_s)) is not None]

    def masks_at(self, t_s: float) -> list[Mask]:
        """Of each thing that is there, bool [H, W]."""
        return [mask for part, at_s in self._there(t_s) if (mask := part.mask_at(at_s, self.size)) is not None]

    def at(self, t_s: float) -> Mask | None:
        """All things as one mask, bool [H, W]; None when nothing is there."""
        masks = self.masks_at(t_s)
        return np.logical_or.reduce(masks) if masks else None

    def _there(self, t_s: float) -> list[tuple[Part, float]]:
        """All things, with the time at which to ask for them."""
        if not self.span.start_s - 1e-6 <= t_s <= self.span.end_s + 1e-6:
            return []
        there = [(part, t_s) for part in self.found.get("", [])]
        for stretch in self.source.stretches:
            if stretch.at_s - 1e-6 <= t_s <= stretch.until_s + 1e-6 and stretch.video in self.found:
                at_s = stretch.start_s + (t_s - stretch.at_s) * stretch.speed
                there += [(part, at_s) for part in self.found[stretch.video]]
                break
        return there

    @property
    def parts(self) -> list[Part]:
        return [part for parts in self.found.values() for part in parts]

    @property
    def entities(self) -> list[str]:
        """Ids of the entities of the memory."""
        return list(dict.fromkeys(part.entity_id for part in self.parts if part.entity_id))

    @property
    def intervals(self) -> list[Interval]:
        """When anything is touched, times of the file."""
        spans = [one for part in self.found.get("", []) for one in part.intervals()]
        for video, parts in self.found.items():
            spans += (
                [shown for part in parts for one in part.intervals() for shown in self.source.shown(video, one)]
                if video
                else []
            )
        low, high = self.span
        return merged([Interval(max(a, low), min(b, high)) for a, b in spans if a <= high and b >= low])

    @property
    def known(self) -> Interval:
        """Where it is known of all frames what of the things they show, times of the file."""
        low, high = self.span
        for video, parts in self.found.items():
            for part in parts:
                if isinstance(part, Masks) and part.looked_at is not None:
                    shown = self.source.shown(video, part.looked_at)
                    low = max(low, min((one.start_s for one in shown), default=low))
                    high = min(high, max((one.end_s for one in shown), default=high))
        return Interval(low, high)

    @property
    def told(self) -> str:
        """What they are, in words."""
        names = list(dict.fromkeys(part.name for part in self.parts))
        if all(name.startswith("face ") for name in names):
            return "1 face" if len(names) == 1 else f"{len(names)} faces"
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def find_targets(args: TargetArgs, context: ToolContext, source: Source, reader: VideoReader, tool: str) -> Targets:
    """What the arguments name. Raises InvalidArguments, MissingModel, and ToolFailed where nothing of it is there."""
    if not (args.entities or args.categories or args.phrase.strip() or args.boxes):
        raise InvalidArguments(f"{tool}: say what to touch: give entities, categories, a phrase or boxes")
    info = reader.info
    targets = Targets(source, (info.height, info.width), span_of(args.start_s, args.end_s, info.duration_s))
    categories, phrase = [one.strip().lower() for one in args.categories], args.phrase.strip()
    models: list[str] = []
    if wants_faces(args):
        models.append(_add_faces(targets, context, reader))
        phrase = "" if _FACES.match(phrase) else phrase
    categories = [one for one in categories if one != FACE]
    if args.entities or categories:
        _add_entities(targets, context, info, args.entities, categories, tool)
        models.append("memory")
    if phrase:
        models.append(_add_phrase(targets, context, info, phrase, tool))
    if args.boxes:
        _add_boxes(targets, args.boxes, tool)
        models.append("boxes as given")
    targets.model = "; ".join(models)
    if not targets.intervals:
        span = f"{targets.span.start_s:.2f}-{targets.span.end_s:.2f} s"
        raise ToolFailed(f"{tool}: nothing of {_asked(args)} is there in {span}; ask for what list_objects names")
    return targets


def seconds_touched(args: TargetArgs, context: ToolContext) -> float:
    """Length of the stretch in which something may be touched, seconds. Raises InvalidArguments."""
    whole_s = media_seconds(context, args.video)
    return max(0.0, (whole_s if args.end_s is None else min(args.end_s, whole_s)) - args.start_s)


def seconds_to_find(args: TargetArgs, context: ToolContext) -> float:
    """About how long it takes to find what the arguments name. Raises InvalidArguments."""
    each = FACE_SECONDS if wants_faces(args) else PHRASE_SECONDS if args.phrase.strip() else 0.0
    return each * seconds_touched(args, context)


def wants_faces(args: TargetArgs) -> bool:
    return FACE in [one.strip().lower() for one in args.categories] or bool(_FACES.match(args.phrase.strip()))


def _asked(args: TargetArgs) -> str:
    return ", ".join(repr(one) for one in [*args.entities, *args.categories, *([args.phrase] if args.phrase else [])])


def _add_faces(targets: Targets, context: ToolContext, reader: VideoReader) -> str:
    from tools.editing.faces import find_faces

    low, high = targets.span

    def check(frame: Frame) -> None:
        context.check_cancelled()
        context.progress("looking for faces", min(1.0, (frame.t_s - low) / max(high - low, 1e-6)))

    faces, model = find_faces(reader, low, high, check)
    targets.found.setdefault("", []).extend(faces)
    return model


def _add_entities(
    targets: Targets, context: ToolContext, info: Any, entities: Sequence[str], categories: Sequence[str], tool: str
) -> None:
    """Those of the memory of each library video that the file shows."""
    wanted = set(entities)
    for video, span in targets.source.of_library(targets.span):
        memory = context.memory(video)
        rows = memory.rows("entity", "last_s >= ? AND first_s <= ?", [span.start_s, span.end_s], "entity_id")
        chosen = [row for row in rows if row["entity_id"] in wanted or str(row["category"]).lower() in categories]
        known = {row["entity_id"] for row in memory.rows("entity", "", [], "entity_id")} if wanted else set()
        wanted -= known
        if chosen:
            _same_pictures(targets.source, context, video, info, tool)
        held = {part.entity_id for part in targets.found.get(video, [])}
        for row in chosen:
            part = _part(row, memory.rows("observation", "entity_id = ?", [row["entity_id"]], "t_s"))
            if part is not None and row["entity_id"] not in held:
                targets.found.setdefault(video, []).append(part)
    if wanted:
        named = ", ".join(sorted(wanted)[:MOST_NAMED])
        raise InvalidArguments(f"{tool}: memory has no entity {named}; list_objects names those there are")


def _part(entity: dict[str, Any], seen: list[dict[str, Any]]) -> Part | None:
    if not seen:
        return None
    name = str(entity["description"] or entity["category"])
    times = [float(row["t_s"]) for row in seen]
    boxes = [Box(*(float(row[side]) for side in ("x1", "y1", "x2", "y2"))) for row in seen]
    if all(row["mask"] for row in seen):
        looked_at = (entity["attributes"] or {}).get("looked_at")
        looked = None if looked_at is None else Interval(*looked_at)
        return Masks(name, entity["entity_id"], times, [row["mask"] for row in seen], boxes, looked)
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    gap_s = max(LEAST_GAP_S, GAP_STEPS * step_s)
    return Boxes(name, entity["entity_id"], times, boxes, gap_s=gap_s, beyond_s=max(0.1, step_s / 2))


def _same_pictures(source: Source, context: ToolContext, video: str, info: Any, tool: str) -> None:
    """Places of the memory mean nothing in pictures of another size. Raises InvalidArguments."""
    media = context.memory(video).video.media
    if source.moved:
        raise InvalidArguments(
            f"{tool}: in {source.title} things are elsewhere than in the video in memory; touch things first and turn "
            "or crop afterwards, or give boxes"
        )
    if (int(media["width"]), int(media["height"])) != (info.width, info.height):
        raise InvalidArguments(
            f"{tool}: {source.title} is {info.width}x{info.height}, the video in memory {media['width']}x"
            f"{media['height']}; touch things first and reframe afterwards, or give boxes"
        )


def _add_phrase(targets: Targets, context: ToolContext, info: Any, phrase: str, tool: str) -> str:
    """What `segment` finds for the phrase in each library video that the file shows."""
    from tools.segmentation.tool import Segment

    model = ""
    for video, span in targets.source.of_library(targets.span):
        _same_pictures(targets.source, context, video, info, tool)
        asked = Segment.Args.model_validate(
            {"video": video, "phrase": phrase, "start_s": span.start_s, "end_s": span.end_s, "overlay": False}
        )
        found = Segment().run(asked, context)
        model = found.model
        ids = [one.entity_id for one in found.objects if one.num_frames]
        memory = context.reopen(video)
        for entity in ids:
            row = memory.rows("entity", "entity_id = ?", [entity])[0]
            part = _part(row, memory.rows("observation", "entity_id = ?", [entity], "t_s"))
            if part is not None:
                targets.found.setdefault(video, []).append(part)
    return model


def _add_boxes(targets: Targets, boxes: Sequence[Box], tool: str) -> None:
    height, width = targets.size
    for box in boxes:
        inside = Box(max(0.0, box.x1), max(0.0, box.y1), min(float(width), box.x2), min(float(height), box.y2))
        if inside.x2 - inside.x1 < 1 or inside.y2 - inside.y1 < 1:
            raise InvalidArguments(f"{tool}: no box {tuple(box)} in a picture of {width}x{height}")
        targets.found.setdefault("", []).append(FixedBox(inside, targets.span))
