"""The tool track_motion: in which direction, how fast, closer or away does the thing move that stands out."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.tracking.objects import CATEGORY, SAID_CONFIDENCE
from tools.tracking.recall import Candidate, Wanted, candidates
from tools.tracking.summary import Approach, Direction
from tools.tracking.trajectories import PIECE_S, SAMPLE_HZ, Drift, drift_of
from tools.tracking.verdict import Verdict, judge
from tools.types import Box, Evidence

MODEL = "camera-compensated flow and long point trajectories"
MAX_PIECES = 8
"""Pieces of the interval that are looked at again in the file; longer intervals are sampled evenly."""
LEAST_PIECE_S = 0.8
_SIDEWAYS = {"left": "to the left", "right": "to the right", "up": "upwards", "down": "downwards"}


class TrackMotion(Tool):
    """Tracks from memory plus a second look at the file over long baselines; each is used where it is the stronger."""

    name: ClassVar[str] = "track_motion"
    description: ClassVar[str] = (
        "Tell in which direction the most salient moving thing goes (camera motion removed), how fast, and whether it "
        "comes closer or goes away; optionally only things of a colour or category."
    )

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, description="Begin of the part to look at, seconds.")
        end_s: float | None = Field(None, description="End of that part, seconds; empty = the end of the video.")
        colour: str = Field("", description="Only things of this colour, e.g. 'red'; empty = any.")
        category: str = Field("", description="Only this category, e.g. 'person'; empty = moving objects.")

    class Result(ToolResult):
        direction: Direction = Field(description="Main direction in the picture, or 'none'.")
        direction_confidence: float = Field(description="0.5 = a guess, 1 = sure.")
        dx: float = Field(description="Net shift to the right, share of the picture's longest side.")
        dy: float = Field(description="Net shift downwards, share of the picture's longest side.")
        speed: float = Field(description="Mean speed along the way, longest sides a second.")
        approach: Approach = Field(description="Whether its picture grows (closer), shrinks (away) or neither.")
        approach_confidence: float = Field(description="0.5 = a guess, 1 = sure.")
        scale_ratio: float = Field(description="Size at the end divided by size at the start.")
        colour: str = Field("", description="Colour of the thing, where known.")
        entity_id: str = Field("", description="The track in memory, where there is one.")

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        video_id = context.video_id(args.video)
        memory = context.memory(video_id)
        duration_s = float(memory.video.media["duration_s"])
        end_s = duration_s if args.end_s is None else min(args.end_s, duration_s)
        if end_s <= args.start_s:
            raise InvalidArguments(f"track_motion: the interval {args.start_s:g}..{end_s:g} s is empty; widen it")
        colour = _basic_colour(args.colour)
        wanted = Wanted(max(0.0, args.start_s), end_s, args.category or CATEGORY, colour)
        tracks = candidates(memory, wanted)
        drifts = _second_look(context, video_id, wanted) if wanted.category == CATEGORY else []
        verdict = judge(tracks, drifts)
        if verdict is None:
            return self.Result(
                summary="nothing was seen to move there apart from the camera",
                status="empty",
                confidence=0.5,
                model=MODEL,
                direction="none",
                direction_confidence=0.6,
                dx=0.0,
                dy=0.0,
                speed=0.0,
                approach="same",
                approach_confidence=0.5,
                scale_ratio=1.0,
                colour="",
                entity_id="",
            )
        return self._result(video_id, verdict, tracks, drifts)

    def _result(
        self, video_id: str, verdict: Verdict, tracks: list[Candidate], drifts: list[Drift]
    ) -> TrackMotion.Result:
        said = _SIDEWAYS.get(verdict.direction, "nowhere in particular")
        depth = {"closer": ", coming closer", "away": ", going away", "same": ""}[verdict.approach]
        depth = depth if verdict.approach_confidence >= SAID_CONFIDENCE else ""
        best = tracks[0] if tracks and not verdict.by_drift else None
        evidence = [*_of_drifts(video_id, drifts, verdict), *_of_tracks(video_id, tracks, verdict)]
        return self.Result(
            summary=f"the {best.colour + ' ' if best else ''}thing that stands out moves {said}{depth}",
            confidence=max(verdict.direction_confidence, verdict.approach_confidence),
            model=MODEL,
            evidence=evidence if verdict.by_drift else evidence[::-1],
            direction=verdict.direction,
            direction_confidence=verdict.direction_confidence,
            dx=verdict.dx,
            dy=verdict.dy,
            speed=verdict.way / max(verdict.seconds, 1e-3),
            approach=verdict.approach,
            approach_confidence=verdict.approach_confidence,
            scale_ratio=math.exp(verdict.growth),
            colour=best.colour if best else "",
            entity_id=best.entity_id if best else "",
        )


def _basic_colour(word: str) -> str:
    from tools.colours.names import parse_colour

    if not word:
        return ""
    colour = parse_colour(word)
    if colour is None:
        raise InvalidArguments(f"track_motion: {word!r} is not a colour that I know; name a basic one such as 'red'")
    return colour


def _second_look(context: ToolContext, video_id: str, wanted: Wanted) -> list[Drift]:
    """Drift of lasting points in pieces of the interval that hold no cut."""
    shots = context.memory(video_id).rows("shot", order_by="start_s")
    bounds = [(row["start_s"], row["end_s"]) for row in shots] or [(wanted.start_s, wanted.end_s)]
    pieces = []
    for shot_start_s, shot_end_s in bounds:
        low, high = max(shot_start_s, wanted.start_s), min(shot_end_s, wanted.end_s)
        number = max(1, round((high - low) / PIECE_S))
        length = (high - low) / number
        if length >= LEAST_PIECE_S:
            pieces += [(low + index * length, low + (index + 1) * length) for index in range(number)]
    if len(pieces) > MAX_PIECES:
        pieces = [pieces[round(index * (len(pieces) - 1) / (MAX_PIECES - 1))] for index in range(MAX_PIECES)]
    found = []
    with context.reader(video_id) as reader:
        for number, (low, high) in enumerate(pieces):
            context.check_cancelled()
            context.progress("following points", number / len(pieces))
            # The end of a shot is the first frame of the next.
            drift = drift_of(reader.frames(low, high - 0.02, hz=SAMPLE_HZ), wanted.colour)
            if drift is not None:
                found.append(drift)
    return found


def _of_drifts(video_id: str, drifts: list[Drift], verdict: Verdict) -> list[Evidence]:
    strongest = sorted(drifts, key=lambda drift: -drift.num_points)[:2]
    note = "points that stay recognisable and move against the background"
    return [
        _evidence(video_id, (drift.start_s, drift.end_s), drift.box, note, verdict.direction_confidence)
        for drift in strongest
    ]


def _of_tracks(video_id: str, tracks: list[Candidate], verdict: Verdict) -> list[Evidence]:
    """Where the most salient track ends and begins."""
    rows = []
    for track in tracks[:1]:
        thing = f"{track.colour} {track.category}".strip()
        ends = ((track.last_s, track.last_box, "last"), (track.first_s, track.first_box, "first"))
        for t_s, box, which in ends:
            rows.append(_evidence(video_id, (t_s, t_s), box, f"{thing}, {which} seen", verdict.direction_confidence))
    return rows


def _evidence(video_id: str, when: tuple[float, float], box: Box, note: str, confidence: float) -> Evidence:
    return Evidence(
        video=video_id,
        start_s=when[0],
        end_s=max(when),
        box=box,
        note=note,
        tool=TrackMotion.name,
        model=MODEL,
        confidence=confidence,
    )
