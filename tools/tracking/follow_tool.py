"""`track_objects`: things that phrases, categories of memory or boxes name, followed over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, Field

from tools.base import Effects, InvalidArguments, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.detection.boxes import clipped
from tools.detection.compose import choose_detector
from tools.detection.detector import Choice
from tools.detection.draw import Label, draw_boxes
from tools.detection.phrases import MAX_CHARACTERS, Wanted
from tools.detection.tool import MAX_PHRASES, MODEL, PHRASES, THRESHOLD, TILES, evidence_of, kept_ids, parsed
from tools.media.draw import save_picture
from tools.media.frame import Frame
from tools.media.reader import VideoReader
from tools.tracking.follow import Followed
from tools.tracking.follow_box import follow_boxes
from tools.tracking.follow_memory import frames_with, remembered
from tools.tracking.follow_phrases import Watched, detected, watch
from tools.types import Artifact, Box, Interval
from tools.wording import counted

MAX_BOXES = 16
TRACKER, FLOW = "ByteTrack association, Kalman filter", "median flow"
LEAST_SEEN, FEW_FRAMES = 2, 4
"""Sightings of a track that is believed, where more than a few frames were looked at."""
GAP_STEPS = 2.5
"""A stay goes on over gaps of so many steps between frames that were looked at."""
MAX_TRACKS = 200


class FollowedObject(BaseModel):
    """A thing over time."""

    entity_id: str = Field(description="The thing in memory.")
    phrase: str = Field(description="Which phrase, category or box it is of.")
    first_s: float
    last_s: float
    times_s: list[float] = Field(description="Times at which it is seen, seconds.")
    boxes: list[Box] = Field(description="Where it is at these times, xyxy source pixels.")
    stays: list[Interval] = Field(description="When it is seen without longer gaps.")
    confidence: float
    note: str = Field("", description="What could not be checked; empty = nothing.")


class _Job(NamedTuple):
    """What is asked of the video."""

    args: Any
    context: ToolContext
    reader: VideoReader
    end_s: float

    def frames(self, hz: float | None) -> Iterator[Frame]:
        length_s = max(1e-6, self.end_s - self.args.start_s)
        for frame in self.reader.frames(self.args.start_s, self.end_s, hz):
            self.context.check_cancelled()
            self.context.progress("tracking", min(1.0, (frame.t_s - self.args.start_s) / length_s))
            yield frame


class TrackObjects(Tool):
    """Tracks with identities: detections of any backend joined over time, or boxes carried along by the flow."""

    name: ClassVar[str] = "track_objects"
    description: ClassVar[str] = (
        "Follow things over time, given by phrases ('red cups'), categories in memory ('person', 'moving object') or "
        "boxes in the frame at start_s: who is where when, with identities that survive occlusion; kept in memory."
    )
    effects = Effects.WRITES_ARTIFACT
    writes_memory = True

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        phrases: list[str] = Field(default_factory=list, max_length=MAX_PHRASES, description=PHRASES)
        categories: list[str] = Field(
            default_factory=list, max_length=MAX_PHRASES, description="Categories of entities in memory."
        )
        boxes: list[Box] = Field(
            default_factory=list, max_length=MAX_BOXES, description="xyxy source pixels in the frame at start_s."
        )
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds; boxes are given here.")
        end_s: float | None = Field(None, ge=0, description="End of the interval, seconds; empty = end of the video.")
        hz: float = Field(4.0, gt=0, le=60, description="Frames a second that are looked at.")
        threshold: float | None = Field(None, ge=0, lt=1, description=THRESHOLD)
        tiles: int = Field(1, ge=1, le=6, description=TILES)
        model: Choice = Field("auto", description=MODEL)

    class Result(ToolResult):
        tracks: list[FollowedObject] = Field(description="The surest ones, by time of the first sighting.")
        num_tracks: int = Field(description="All that were found and are in memory; the list may be shorter.")
        num_frames: int = Field(description="Frames that were looked at.")

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        video = context.video_id(args.video)
        if bool(args.phrases) + bool(args.categories) + bool(args.boxes) != 1:
            raise InvalidArguments("track_objects: give one of phrases, categories and boxes")
        with context.reader(video) as reader:
            job = _Job(args, context, reader, _end_s(args, reader))
            follow = _by_phrases if args.phrases else _by_categories if args.categories else _by_boxes
            wanted, watched, model = follow(job)
        if watched.num_frames > FEW_FRAMES:
            watched.tracks = [track for track in watched.tracks if len(track.sightings) >= LEAST_SEEN]
        params = {"model": model, "tool": self.name, **args.model_dump(mode="json", exclude={"video", "model"})}
        ids = kept_ids(context, video, wanted, watched, params)
        tracks = [_described(track, ids[id(track)], GAP_STEPS / args.hz) for track in watched.tracks]
        listed = sorted(sorted(tracks, key=lambda t: -t.confidence)[:MAX_TRACKS], key=lambda t: t.first_s)
        return self.Result(
            summary=_told(tracks, watched.num_frames),
            status="ok" if tracks else "empty",
            confidence=max((track.confidence for track in tracks), default=0.5),
            model=model,
            evidence=evidence_of(self.name, video, model, watched.tracks),
            artifacts=_pictures(context, watched, tracks),
            tracks=listed,
            num_tracks=len(tracks),
            num_frames=watched.num_frames,
        )


_Followed = tuple[list[Wanted], Watched, str]
"""What was asked for, what came of it, and by which model."""


def _by_phrases(job: _Job) -> _Followed:
    args, wanted = job.args, parsed(job.args.phrases)
    detector = choose_detector(job.context, args.video, model=args.model, tiles=args.tiles, threshold=args.threshold)
    return wanted, watch(detected(detector, job.frames(args.hz), wanted)), f"{detector.model}; {TRACKER}"


def _by_categories(job: _Job) -> _Followed:
    categories = list(dict.fromkeys(job.args.categories))
    for name in categories:
        if not name.strip() or len(name) > MAX_CHARACTERS:
            raise InvalidArguments(f"track_objects: {name[:40]!r} is no category; list_objects names those there are")
    by_time = remembered(job.context.memory(job.args.video), categories, Interval(job.args.start_s, job.end_s))
    if not by_time:
        raise ToolFailed(f"memory holds no {' or '.join(categories)} with boxes then; give phrases instead")
    wanted = [Wanted(name, name) for name in categories]
    return wanted, watch(frames_with(job.frames(None), by_time)), f"detections in memory; {TRACKER}"


def _by_boxes(job: _Job) -> _Followed:
    info, start_s = job.reader.info, job.args.start_s
    boxes = []
    for box in job.args.boxes:
        inside = clipped(box, info.width, info.height)
        if inside is None or box.x2 <= box.x1 or box.y2 <= box.y1:
            raise InvalidArguments(f"track_objects: no box {tuple(box)} in a picture of {info.width}x{info.height}")
        boxes.append(inside)
    names = [f"box {' '.join(f'{side:.0f}' for side in box)} at {start_s:.2f} s" for box in boxes]
    wanted = list(dict.fromkeys(Wanted(name, "marked thing") for name in names))
    return wanted, follow_boxes(job.frames(None), boxes, names, job.args.hz), FLOW


def _end_s(args: Any, reader: VideoReader) -> float:
    end_s = reader.info.duration_s if args.end_s is None else min(args.end_s, reader.info.duration_s)
    if args.start_s > end_s:
        raise InvalidArguments(
            f"track_objects: the interval {args.start_s:g}-{end_s:g} s is empty; start_s must be before end_s"
        )
    return float(end_s)


def _described(track: Followed, entity_id: str, gap_s: float) -> FollowedObject:
    times = [one.t_s for one in track.sightings]
    stays: list[Interval] = []
    for t_s in times:
        if stays and t_s - stays[-1].end_s <= gap_s:
            stays[-1] = Interval(stays[-1].start_s, t_s)
        else:
            stays.append(Interval(t_s, t_s))
    return FollowedObject(
        entity_id=entity_id,
        phrase=track.kind,
        first_s=times[0],
        last_s=times[-1],
        times_s=times,
        boxes=[one.box for one in track.sightings],
        stays=stays,
        confidence=min(1.0, track.confidence),
        note=track.note,
    )


def _told(tracks: Sequence[FollowedObject], num_frames: int) -> str:
    if not tracks:
        return f"nothing to follow was found in {counted(num_frames, 'frame')}"
    said = [f"'{track.phrase}' {track.first_s:.2f}-{track.last_s:.2f} s" for track in tracks[:5]]
    return f"{counted(len(tracks), 'track')}: {', '.join(said)}{' ...' if len(tracks) > len(said) else ''}"


def _pictures(context: ToolContext, watched: Watched, tracks: Sequence[FollowedObject]) -> list[Artifact]:
    artifacts = []
    for frame in watched.shown:
        labels = [
            Label(track.boxes[track.times_s.index(frame.t_s)], f"{number + 1} {track.phrase}", number)
            for number, track in enumerate(tracks)
            if frame.t_s in track.times_s
        ]
        path = save_picture(context.artifacts / f"tracks-{frame.index:06d}.png", draw_boxes(frame.rgb, labels))
        artifacts.append(Artifact(path=str(path), kind="image", description=f"tracks at {frame.t_s:.2f} s"))
    return artifacts
