"""A few frames spread evenly over an interval, for tools that look at the pictures themselves."""

from __future__ import annotations

from collections.abc import Iterator

from tools.base import InvalidArguments, ToolContext
from tools.media.frame import Frame
from tools.media.reader import VideoReader

ONE_PASS_S = 20.0
"""Up to this length it is cheaper to decode an interval once than to seek for each frame."""


def spread_frames(
    context: ToolContext, video: str, count: int, start_s: float = 0.0, end_s: float | None = None
) -> list[Frame]:
    """At most `count` frames from the middles of equal parts of an interval; fewer where pictures are fewer.

    `end_s` empty = end of the video. Raises InvalidArguments when the interval is empty, MediaError, Cancelled.
    """
    with context.reader(video) as reader:
        last_s = min(reader.info.duration_s, reader.info.duration_s if end_s is None else end_s)
        if start_s >= last_s:
            raise InvalidArguments(f"the interval {start_s:g}-{last_s:g} s is empty; start_s must be before end_s")
        step_s = (last_s - start_s) / count
        chosen: list[Frame] = []
        for frame in _frames(reader, start_s, last_s, step_s):
            context.check_cancelled()
            if not chosen or frame.index != chosen[-1].index:
                chosen.append(frame)
        return chosen or [reader.frame_at(start_s)]


def _frames(reader: VideoReader, start_s: float, last_s: float, step_s: float) -> Iterator[Frame]:
    if last_s - start_s <= ONE_PASS_S:
        yield from reader.frames(start_s + step_s / 2, last_s, hz=1 / step_s)
        return
    t_s = start_s + step_s / 2
    while t_s < last_s:
        yield reader.frame_at(t_s)
        t_s += step_s
