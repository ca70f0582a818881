"""The tool track_points: where given points are over time, and when they are hidden."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, Field, FiniteFloat

from tools.base import Effects, InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Artifact, Evidence, Interval
from tools.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tools.media.reader import VideoReader
    from tools.tracking.points_video import PointTracks

MODEL = "Lucas-Kanade with anchors and re-detection"
MAX_POINTS = 4096
MAX_LISTED, MAX_PATH, MAX_INTERVALS, MAX_EVIDENCE = 32, 12, 12, 8


class GivenPoint(NamedTuple):
    """A point to follow: source pixels (the centre of the first pixel at (0, 0)), seconds."""

    x: FiniteFloat
    y: FiniteFloat
    t_s: FiniteFloat


class TrackPoint(NamedTuple):
    """Where a point is at a time; a guess while it is hidden."""

    t_s: float
    x: float
    y: float
    visible: bool


class PointTrack(BaseModel):
    """One point over time."""

    given: GivenPoint
    visible_share: float = Field(description="Share of the frames of its shot in which it is seen, 0..1.")
    visible: list[Interval] = Field(description=f"When it is seen, seconds; the first {MAX_INTERVALS}.")
    dx: float = Field(description="Shift to the right from the first to the last sight, source pixels.")
    dy: float = Field(description="The same, downwards.")
    confidence: float = Field(description="How much what is seen looks like what was given, 0..1.")
    path: list[TrackPoint] = Field(description=f"At most {MAX_PATH} places, evenly spread; all are in the artefact.")


class TrackPoints(Tool):
    """Reads the file; writes tracks and overlays as artefacts. Memory has no table for single points."""

    name = "track_points"
    description = (
        "Follow points (x, y, t) or a grid of points through the video, forward and backward, and tell where each is "
        "over time and when it is hidden; tracks end at cuts."
    )
    effects = Effects.WRITES_ARTIFACT

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        points: list[GivenPoint] = Field(
            default_factory=list,
            max_length=MAX_POINTS,
            description="Points [x, y, t_s]: pixels of the upright picture, seconds; empty = a grid.",
        )
        grid: int = Field(10, ge=1, le=64, description="Points along the longer side, where no points are given.")
        grid_s: float | None = Field(None, description="Time at which the grid is laid; empty = start_s.")
        start_s: float = Field(0.0, ge=0, description="Begin of the part to look at, seconds.")
        end_s: float | None = Field(None, description="End of that part, seconds; empty = the end of the video.")
        overlay: Literal["clip", "picture", "none"] = Field("clip", description="What to draw of the tracks.")

    class Result(ToolResult):
        num_points: int
        num_frames: int
        tracks: list[PointTrack] = Field(description=f"In the order given, the first {MAX_LISTED}.")

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.tracking.points_video import follow_points

        video_id = context.video_id(args.video)
        with context.reader(video_id) as reader:
            end_s = min(reader.info.duration_s, math.inf if args.end_s is None else args.end_s)
            if args.start_s >= end_s:
                raise InvalidArguments(f"track_points: the interval {args.start_s:g}..{end_s:g} s is empty; widen it")
            queries = _queries(args, reader)
            expected = 2 * max(1, round((end_s - args.start_s) * float(reader.info.fps)))

            def progress(frames: int) -> None:
                context.check_cancelled()
                context.progress("following points", min(1.0, frames / expected))

            tracks = follow_points(reader, queries, args.start_s, end_s, progress)
            artifacts = [_save(context.artifacts / f"points-{video_id}.npz", queries, tracks)]
            if args.overlay == "clip" and len(tracks.times_s) > 1:
                artifacts.append(_clip(context, video_id, reader, tracks))
            elif args.overlay != "none":
                artifacts.append(_picture(context, video_id, reader, tracks))
        listed = [_track(queries[index], tracks, index) for index in range(min(len(queries), MAX_LISTED))]
        likeness = float(tracks.likeness.mean())
        lost = int((tracks.visible.sum(axis=1) <= 1).sum()) if len(tracks.times_s) > 1 else 0
        return self.Result(
            summary=_told(tracks, lost),
            confidence=likeness * (1 - lost / len(queries)),
            model=MODEL,
            evidence=[_evidence(video_id, track) for track in listed[:MAX_EVIDENCE]],
            artifacts=artifacts,
            num_points=len(queries),
            num_frames=len(tracks.times_s),
            tracks=listed,
        )


def _queries(args: TrackPoints.Args, reader: VideoReader) -> npt.NDArray[np.float64]:
    """Points (x, y, t_s), [N, 3]."""
    import numpy as np

    if args.points:
        return np.array(args.points, np.float64)
    width, height = reader.info.width, reader.info.height
    step = max(width, height) / args.grid
    x, y = np.meshgrid(
        (np.arange(max(1, round(width / step))) + 0.5) * width / max(1, round(width / step)) - 0.5,
        (np.arange(max(1, round(height / step))) + 0.5) * height / max(1, round(height / step)) - 0.5,
    )
    first_s = reader.frame_at(args.start_s if args.grid_s is None else args.grid_s).t_s
    t_s = max(args.start_s, first_s) if args.grid_s is None else args.grid_s
    return np.column_stack((x.ravel(), y.ravel(), np.full(x.size, t_s)))


def _track(query: npt.NDArray[np.float64], tracks: PointTracks, index: int) -> PointTrack:
    import numpy as np

    places, visible, times = tracks.points[index], tracks.visible[index], tracks.times_s
    known = np.flatnonzero(np.isfinite(places[:, 0]))
    seen = np.flatnonzero(visible)
    shift = places[seen[-1]] - places[seen[0]]
    runs = np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1)
    chosen = known[np.unique(np.linspace(0, len(known) - 1, MAX_PATH).astype(int))]
    return PointTrack(
        given=GivenPoint(*query.tolist()),
        visible_share=len(seen) / len(known),
        visible=[Interval(float(times[run[0]]), float(times[run[-1]])) for run in runs[:MAX_INTERVALS]],
        dx=round(float(shift[0]), 2),
        dy=round(float(shift[1]), 2),
        confidence=float(tracks.likeness[index]),
        path=[_at(tracks, index, int(frame)) for frame in chosen],
    )


def _at(tracks: PointTracks, index: int, frame: int) -> TrackPoint:
    x, y = tracks.points[index, frame].tolist()
    return TrackPoint(float(tracks.times_s[frame]), round(x, 2), round(y, 2), bool(tracks.visible[index, frame]))


def _told(tracks: PointTracks, lost: int) -> str:
    num, frames = tracks.visible.shape
    share = float(tracks.visible.mean())
    cuts = f"; {counted(len(tracks.cuts), 'cut')}, where tracks end" if tracks.cuts else ""
    gone = f"; {lost} could not be followed at all" if lost else ""
    return f"{counted(num, 'point')} followed over {counted(frames, 'frame')}, seen {share:.0%} of the time{cuts}{gone}"


def _save(path: Path, queries: npt.NDArray[np.float64], tracks: PointTracks) -> Artifact:
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(
        temporary, times_s=tracks.times_s, points=tracks.points, visible=tracks.visible, queries=queries,
        query_frames=tracks.asked, cuts=np.array(tracks.cuts, np.int64), likeness=tracks.likeness,
    )  # fmt: skip
    temporary.replace(path)
    return Artifact(
        path=str(path),
        kind="table",
        description="NumPy arrays: points [N, T, 2] in source pixels, visible [N, T], times_s [T], queries [N, 3]",
    )


def _clip(context: ToolContext, video_id: str, reader: VideoReader, tracks: PointTracks) -> Artifact:
    from tools.media.writer import VideoWriter
    from tools.tracking.points_draw import draw_points

    path = context.artifacts / f"points-{video_id}.mp4"
    times = tracks.times_s
    first = draw_points(reader.frame_at(float(times[0])).rgb, tracks, 0)
    with VideoWriter(path, first.shape[1], first.shape[0], reader.info.fps) as writer:
        for index, frame in enumerate(reader.frames(float(times[0]) - 1e-6, float(times[-1]) + 1e-6)):
            context.check_cancelled()
            if index < len(times):
                writer.add(draw_points(frame.rgb, tracks, index), frame.t_s - float(times[0]))
    return Artifact(path=str(path), kind="video", description="points with their way; grey rings are hidden points")


def _picture(context: ToolContext, video_id: str, reader: VideoReader, tracks: PointTracks) -> Artifact:
    from tools.media.draw import save_picture
    from tools.tracking.points_draw import draw_points

    last = len(tracks.times_s) - 1
    picture = draw_points(reader.frame_at(float(tracks.times_s[last])).rgb, tracks, last)
    path = save_picture(context.artifacts / f"points-{video_id}.png", picture)
    return Artifact(path=str(path), kind="image", description="points in the last frame; grey rings are hidden")


def _evidence(video_id: str, track: PointTrack) -> Evidence:
    return Evidence(
        video=video_id,
        start_s=track.visible[0].start_s,
        end_s=track.visible[-1].end_s,
        note=f"point given at ({track.given.x:.0f}, {track.given.y:.0f}), seen {track.visible_share:.0%} of its shot",
        tool=TrackPoints.name,
        model=MODEL,
        confidence=track.confidence,
    )
