"""`find_same`: where else a person or thing appears."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.reidentification.appearance import SPACE
from tools.reidentification.extractor import CALIBRATION, LEAST_CHANCE
from tools.types import Box, Evidence
from tools.wording import counted

if TYPE_CHECKING:
    from memory import VideoMemory
    from memory.reidentify import Appearance

MODEL = f"{SPACE}, average link"


class Sighting(BaseModel):
    """An entity that is taken for the same thing."""

    video: str = Field(description="Video id.")
    title: str
    entity_id: str
    description: str
    start_s: float
    end_s: float
    chance: float = Field(description="How likely it is the thing that was asked for, 0..1; 1 for that one itself.")


class FindSame(Tool):
    """Clusters appearance vectors (memory.reidentify), things seen at once kept apart, and gives the group of one."""

    name = "find_same"
    description = "Where else a person or thing appears: in the video and, if asked, in all videos of the library."
    reads_library = True

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        thing: str = Field(
            "", description="Entity id (list_objects gives them), or words that describe it; empty = the longest seen."
        )
        everywhere: bool = Field(False, description="Look in all videos of the library.")
        least_chance: float = Field(LEAST_CHANCE, gt=0, lt=1, description="How sure it has to be, 0..1.")

    class Result(ToolResult):
        count: int = Field(description="Number of appearances, the one asked for included.")
        sightings: list[Sighting] = Field(description="The one asked for first, then by video and time.")

    def run(self, args: Args, context: ToolContext) -> Result:
        from memory.reidentify import identity_of

        memory = context.memory(args.video)
        video_id = memory.video.video_id
        entity = _named(memory, args.thing)
        source = context.library.open_all() if args.everywhere else memory
        threshold = CALIBRATION.threshold(args.least_chance)
        identity = identity_of((video_id, entity["entity_id"]), source, SPACE, threshold)
        if identity is None:
            raise ToolFailed(f"{entity['entity_id']} was too small, doubtful or short-lived to know its appearance")
        asked = next(one for one in identity.appearances if one.key == (video_id, entity["entity_id"]))
        others = [one for one in identity.appearances if one is not asked]
        memories = {video_id: memory}
        for one in others:
            if one.video_id not in memories:
                memories[one.video_id] = context.library.open(one.video_id)
        chances = [1.0, *(_chance(asked, one, identity.cosine) for one in others)]
        found = [
            _sighting(memories[one.video_id], one, chance)
            for one, chance in zip((asked, *others), chances, strict=True)
        ]
        said = "; ".join(_said(sighting, video_id) for sighting in found[1:6])
        return self.Result(
            summary=f"{found[0].description} ({asked.entity_id}) is seen again {counted(len(others), 'time')}: {said}"
            if others
            else f"{found[0].description} ({asked.entity_id}) is not recognised anywhere else",
            status="ok" if others else "empty",
            confidence=max(chances[1:], default=0.4),
            model=MODEL,
            evidence=[_evidence(memories[sighting.video], sighting) for sighting in found],
            count=len(found),
            sightings=found,
        )


def _named(memory: VideoMemory, thing: str) -> dict[str, Any]:
    """The entity of this id, or of those that the most words fit the one seen longest. Raises InvalidArguments."""
    rows = memory.rows("entity", order_by="first_s, entity_id")
    exact = [row for row in rows if row["entity_id"] == thing]
    if exact:
        return exact[0]
    wanted = _words(thing)
    hits = [(len(wanted & _words(f"{row['category']} {row['description']}")), row) for row in rows]
    most = max((hit for hit, _ in hits), default=0)
    if not rows or (thing and not most):
        raise InvalidArguments(f"find_same: nothing in memory is called {thing!r}; list_objects tells what there is")
    return max((row for hit, row in hits if hit == most), key=lambda row: row["last_s"] - row["first_s"])


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _chance(asked: Appearance, other: Appearance, cosine: float) -> float:
    """By how like both are and how like the whole group is, whichever is less."""
    return CALIBRATION.probability(min(cosine, float(asked.vector @ other.vector)))


def _sighting(memory: VideoMemory, one: Appearance, chance: float) -> Sighting:
    row = memory.rows("entity", "entity_id = ?", [one.entity_id])[0]
    return Sighting(
        video=one.video_id,
        title=memory.video.title,
        entity_id=one.entity_id,
        description=row["description"] or row["category"],
        start_s=one.start_s,
        end_s=one.end_s,
        chance=round(chance, 4),
    )


def _said(sighting: Sighting, video_id: str) -> str:
    where = "" if sighting.video == video_id else f" of {sighting.title!r}"
    return f"{sighting.start_s:.1f}-{sighting.end_s:.1f} s{where} ({sighting.entity_id}, chance {sighting.chance:.2f})"


def _evidence(memory: VideoMemory, sighting: Sighting) -> Evidence:
    """The sighting with the largest box."""
    rows = memory.rows("observation", "entity_id = ?", [sighting.entity_id], "(x2 - x1) * (y2 - y1) DESC, t_s LIMIT 1")
    media = memory.video.media
    box = None
    if rows:
        row = rows[0]
        x2, y2 = min(float(media["width"]), row["x2"]), min(float(media["height"]), row["y2"])
        box = Box(max(0.0, row["x1"]), max(0.0, row["y1"]), x2, y2)
    start_s = min(max(0.0, sighting.start_s), float(media["duration_s"]))
    return Evidence(
        video=sighting.video,
        start_s=start_s,
        end_s=max(start_s, min(sighting.end_s, float(media["duration_s"]))),
        box=box if box is not None and box.area > 0 else None,
        note=sighting.description,
        tool=FindSame.name,
        model=MODEL,
        confidence=sighting.chance,
    )
