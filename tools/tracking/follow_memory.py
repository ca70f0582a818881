"""Detections that memory already holds, to be joined into tracks anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from memory import VideoMemory
from tools.detection.boxes import clipped
from tools.detection.record import extractor_name
from tools.media.frame import Frame
from tools.tracking.follow import Candidate
from tools.types import Interval

SAME_TIME_S = 1e-3

ByTime = Mapping[float, Sequence[Candidate]]


def remembered(memory: VideoMemory, categories: Sequence[str], span: Interval) -> ByTime:
    """Observations of all things of some categories, by time; what an earlier call made of the same is left out."""
    marks = ", ".join("?" for _ in categories)
    own = [extractor_name(name) for name in categories]
    rows = memory.sql(
        "SELECT o.t_s, o.x1, o.y1, o.x2, o.y2, coalesce(o.confidence, e.confidence, 0.5) AS score, e.category "
        "FROM observation o JOIN entity e USING (entity_id) "
        f"WHERE e.category IN ({marks}) AND e.extractor NOT IN ({marks}) AND o.x1 IS NOT NULL "
        "AND o.t_s BETWEEN ? AND ? ORDER BY o.t_s, o.entity_id",
        [*categories, *own, span.start_s, span.end_s],
    )
    width, height = int(memory.video.media["width"]), int(memory.video.media["height"])
    found: dict[float, list[Candidate]] = defaultdict(list)
    for row in rows:
        box = clipped((row["x1"], row["y1"], row["x2"], row["y2"]), width, height)
        if box is not None:
            found[row["t_s"]].append(Candidate(box, float(row["score"]), row["category"]))
    return found


def frames_with(frames: Iterable[Frame], by_time: ByTime) -> Iterator[tuple[Frame, Sequence[Candidate]]]:
    """The frames at the times of the observations (which were made in frames of the same file)."""
    times = sorted(by_time)
    next_one = 0
    for frame in frames:
        while next_one < len(times) and times[next_one] < frame.t_s - SAME_TIME_S:
            next_one += 1
        if next_one < len(times) and times[next_one] <= frame.t_s + SAME_TIME_S:
            yield frame, by_time[times[next_one]]
