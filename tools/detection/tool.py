"""`detect`: phrases to boxes in some frames of a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, Field

from tools.base import Effects, InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.detection.compose import choose_detector
from tools.detection.detector import Choice
from tools.detection.draw import Label, draw_boxes
from tools.detection.phrases import Wanted, parse_phrase
from tools.detection.record import remember
from tools.media.draw import save_picture
from tools.media.frame import Frame
from tools.media.spread import spread_frames
from tools.tracking.follow import Followed
from tools.tracking.follow_phrases import Watched, detected, watch
from tools.types import Artifact, Box, Evidence
from tools.wording import counted

MAX_PHRASES = 20
MAX_EVIDENCE = 12
UNFOUND = 0.5
"""How sure it is that a thing is not there when it was not found in any frame."""
PHRASES = (
    "What to find, e.g. ['red cup', 'the dog on the left', 'the largest bottle', 'the chair nearest to the door']."
)
MODEL = (
    "Detector; 'auto' = the best that is here; 'embedded' = people, faces, text, colours and what moves, no weights."
)
THRESHOLD = "Least score of a detection; empty = the model's own. Models differ in what their scores mean."
TILES = "Parts along the picture's longer side that are searched one by one, for small things (slower)."


class FoundBox(BaseModel):
    """A thing in a frame."""

    phrase: str
    entity_id: str = Field(description="The thing in memory; the same in all frames where it is taken for the same.")
    t_s: float
    box: Box = Field(description="xyxy pixels of the upright source picture.")
    score: float
    note: str = Field("", description="What could not be checked; empty = nothing.")


class PhraseCount(BaseModel):
    """What came of a phrase."""

    phrase: str
    most_at_once: int = Field(description="The most that one frame shows.")
    num_frames: int = Field(description="Frames in which it was found.")
    times_s: list[float] = Field(description="Times of these frames.")


class Detect(Tool):
    """Boxes of what phrases mean, in one frame or in frames spread over an interval.

    Backends, best first: Grounding DINO or OWLv2, MAMBA for its classes (weights), and the embedded detectors. What is
    found is kept in memory as entities with observations.
    """

    name = "detect"
    description = (
        "Find things by phrases (open vocabulary: nouns with colour, size, place, or relation to another thing) in "
        "frames of a video: boxes with scores, kept in memory for sql and other tools."
    )
    effects = Effects.WRITES_ARTIFACT
    writes_memory = True

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        phrases: list[str] = Field(min_length=1, max_length=MAX_PHRASES, description=PHRASES)
        at_s: float | None = Field(None, ge=0, description="Only the frame on show at this time, seconds.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, ge=0, description="End of the interval, seconds; empty = end of the video.")
        frames: int = Field(8, ge=1, le=64, description="How many frames to look at, spread over the interval.")
        threshold: float | None = Field(None, ge=0, lt=1, description=THRESHOLD)
        tiles: int = Field(1, ge=1, le=6, description=TILES)
        model: Choice = Field("auto", description=MODEL)

    class Result(ToolResult):
        found: list[FoundBox] = Field(description="By time, best first in each frame.")
        phrases: list[PhraseCount] = Field(description="One for each phrase asked for, in that order.")
        num_frames: int = Field(description="Frames that were looked at.")

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        video = context.video_id(args.video)
        wanted = parsed(args.phrases)
        frames = _frames(args, context)
        detector = choose_detector(
            context, video, model=args.model, tiles=args.tiles, threshold=args.threshold, film=frames
        )
        watched = watch(detected(detector, _one_by_one(frames, context), wanted), sure=0.0)
        params = {"model": detector.model, "tool": self.name, **args.model_dump(exclude={"video", "phrases", "model"})}
        ids = kept_ids(context, video, wanted, watched, params)
        found = _boxes(watched, ids)
        counts = [_count(one, found) for one in wanted]
        return self.Result(
            summary="; ".join(_told(one, watched.num_frames) for one in counts),
            status="ok" if found else "empty",
            confidence=max((one.score for one in found), default=UNFOUND),
            model=detector.model,
            evidence=evidence_of(self.name, video, detector.model, watched.tracks),
            artifacts=_pictures(context, watched, found),
            found=found,
            phrases=counts,
            num_frames=watched.num_frames,
        )


def parsed(phrases: Sequence[str]) -> list[Wanted]:
    """The phrases taken apart, each once. Raises InvalidArguments."""
    return list(dict.fromkeys(parse_phrase(phrase) for phrase in phrases))


def kept_ids(
    context: ToolContext, video: str, wanted: Sequence[Wanted], watched: Watched, params: dict[str, Any]
) -> dict[int, str]:
    """Write all phrases into memory; the entity's id by `id` of its track."""
    ids: dict[int, str] = {}
    for one in wanted:
        tracks = [track for track in watched.tracks if track.kind == one.phrase]
        names = remember(context, video, one, tracks, params)
        ids |= {id(track): name for track, name in zip(tracks, names, strict=True)}
    context.reopen(video)
    return ids


def evidence_of(tool: str, video: str, model: str, tracks: Sequence[Followed]) -> list[Evidence]:
    """The surest things: from when to when each is seen, with its box where it is seen best."""
    surest = sorted(tracks, key=lambda track: (-track.confidence, track.sightings[0].t_s))[:MAX_EVIDENCE]
    return [
        Evidence(
            video=video,
            start_s=track.sightings[0].t_s,
            end_s=track.sightings[-1].t_s,
            box=track.sightings[0].box,
            note=track.kind + (f" ({track.note})" if track.note else ""),
            tool=tool,
            model=model,
            confidence=min(1.0, track.confidence),
        )
        for track in surest
    ]


def _frames(args: Any, context: ToolContext) -> list[Frame]:
    if args.at_s is None:
        return spread_frames(context, args.video, args.frames, args.start_s, args.end_s)
    with context.reader(args.video) as reader:
        if args.at_s > reader.info.duration_s:
            raise InvalidArguments(f"detect: at_s {args.at_s:g} is after the end ({reader.info.duration_s:.2f} s)")
        return [reader.frame_at(args.at_s)]


def _one_by_one(frames: Sequence[Frame], context: ToolContext) -> Iterator[Frame]:
    for number, frame in enumerate(frames):
        context.check_cancelled()
        context.progress("detecting", number / len(frames))
        yield frame


def _boxes(watched: Watched, ids: dict[int, str]) -> list[FoundBox]:
    found = [
        FoundBox(
            phrase=track.kind, entity_id=ids[id(track)], t_s=one.t_s, box=one.box, score=one.score, note=track.note
        )
        for track in watched.tracks
        for one in track.sightings
    ]
    return sorted(found, key=lambda one: (one.t_s, -one.score, one.entity_id))


def _count(wanted: Wanted, found: Sequence[FoundBox]) -> PhraseCount:
    per_frame = Counter(one.t_s for one in found if one.phrase == wanted.phrase)
    return PhraseCount(
        phrase=wanted.phrase,
        most_at_once=max(per_frame.values(), default=0),
        num_frames=len(per_frame),
        times_s=sorted(per_frame),
    )


def _told(one: PhraseCount, num_frames: int) -> str:
    if not one.num_frames:
        return f"'{one.phrase}' was not found in {counted(num_frames, 'frame')}"
    return f"'{one.phrase}': up to {one.most_at_once} at once, in {one.num_frames} of {counted(num_frames, 'frame')}"


def _pictures(context: ToolContext, watched: Watched, found: Sequence[FoundBox]) -> list[Artifact]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(one.entity_id for one in found))}
    artifacts = []
    for frame in watched.shown:
        here = [one for one in found if one.t_s == frame.t_s]
        labels = [Label(one.box, f"{one.phrase} {one.score:.2f}", numbers[one.entity_id]) for one in reversed(here)]
        path = save_picture(context.artifacts / f"detect-{frame.index:06d}.png", draw_boxes(frame.rgb, labels))
        artifacts.append(Artifact(path=str(path), kind="image", description=f"what was found at {frame.t_s:.2f} s"))
    return artifacts
