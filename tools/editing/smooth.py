"""The pictures of a stretch of video in slow motion: its own and, between them, made-up ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from tools.tracking.global_motion import motion_between
from tools.types import Interval

if TYPE_CHECKING:
    from tools.media.frame import Frame, Picture
    from tools.media.reader import VideoReader
    from tools.restoration.interpolation import Interpolator

MOST_FPS = 60.0
"""Pictures a second that are made up to; a faster source keeps what it has."""
USUAL_FPS = 25.0
"""Of a file that does not say its rate."""
MOST_BETWEEN = 64
"""Made-up pictures between two pictures."""
MOST_GAP_S = 0.25
"""Pictures that are further apart are held: what happened between them is not known."""
TICK_S = 1e-4


@dataclass
class Made:
    """What was done, counted while pictures are taken."""

    pictures: int = 0
    held: int = 0
    """Cuts and long gaps, over which nothing was made up."""


def slowed(
    reader: VideoReader, span: Interval, factor: float, interpolator: Interpolator, made: Made
) -> Iterator[tuple[float, Picture]]:
    """(seconds from the start of the stretch in the output, picture), for a stretch that takes `factor` times as long.

    Own pictures keep their times (multiplied), so a variable rate stays one; between them as many are made up as the
    rate of the source asks for. Over cuts and long gaps the earlier picture is held. Three pictures are in memory.
    """
    fps = min(float(reader.info.fps) or USUAL_FPS, MOST_FPS)
    last: Frame | None = None
    for before, after in pairwise(_from_shown(reader, span)):
        last = after
        if before.t_s >= span.end_s - TICK_S:
            return
        yield from _between(before, after, span, factor, fps, interpolator, made)
    if last is None:
        yield 0.0, reader.frame_at(span.start_s).rgb
    elif last.t_s < span.end_s - TICK_S:
        yield max(0.0, last.t_s - span.start_s) * factor, last.rgb


def _from_shown(reader: VideoReader, span: Interval) -> Iterator[Frame]:
    """The frame on show at the start, and all that follow; as many as are asked for."""
    shown = reader.frame_at(span.start_s)
    later = (frame for frame in reader.frames(span.start_s, math.inf) if frame.t_s > shown.t_s + TICK_S)
    return chain([shown], later)


def _between(
    before: Frame, after: Frame, span: Interval, factor: float, fps: float, interpolator: Interpolator, made: Made
) -> Iterator[tuple[float, Picture]]:
    gap_s = after.t_s - before.t_s
    count = min(MOST_BETWEEN + 1, max(1, round(gap_s * factor * fps)))
    if count > 1 and (gap_s > MOST_GAP_S or motion_between(before, after).cut):
        made.held += 1
        count = 1
    times = [before.t_s + gap_s * step / count for step in range(count)]
    shown = [t_s for t_s in times if span.start_s <= t_s < span.end_s - TICK_S]
    if before.t_s < span.start_s and (not shown or shown[0] > span.start_s + TICK_S):
        shown.insert(0, span.start_s)  # the stretch begins between two pictures
    shares = [(t_s - before.t_s) / gap_s for t_s in shown] if count > 1 else [0.0] * len(shown)
    for t_s, share, picture in zip(shown, shares, interpolator.between(before.rgb, after.rgb, shares), strict=True):
        made.pictures += 0 < share < 1
        yield (t_s - span.start_s) * factor, picture
