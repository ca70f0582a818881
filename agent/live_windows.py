"""Windows over a live stream: fresh extractors for every few seconds, their rows joined and published."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from agent.ingest import QUEUE_FRAMES, Feed
from agent.live_join import Joiner
from agent.live_publish import Publisher
from tools.extractor import Extractor

if TYPE_CHECKING:
    from tools.media.frame import Frame
    from tools.media.probe import MediaInfo
    from tools.media.sound import AudioChunk

LEAD_IN_S = {"shots": 1.0}
"""By extractor: how long before the border the next window begins to look, to see what lies across it."""
QUIET_RMS, QUIET_S = 0.01, 0.25
"""A window of sound ends where it is quiet, at the latest after twice its length: no word is cut."""


class Channel:
    """One extractor over the windows."""

    def __init__(self, make: Callable[[], Extractor], publisher: Publisher, info: MediaInfo) -> None:
        self._make, self._publisher, self._info = make, publisher, info
        self._feed = self._begin()
        self._next: Feed | None = None
        self._start_s = 0.0
        extractor = self._feed.extractor
        self.name, self._version, self._params = extractor.name, extractor.version, extractor.params()
        self._lead_in_s = LEAD_IN_S.get(self.name, 0.0)
        self._joiner = Joiner(self.name)

    @property
    def missing(self) -> str:
        """What the extractor lacks; empty when it works."""
        return self._feed.missing

    @property
    def wants_pictures(self) -> bool:
        return self._feed.wants_pictures

    def _begin(self) -> Feed:
        feed = Feed(self._make())
        feed.begin(self._info)
        return feed

    def see(self, frame: Frame, border_s: float) -> None:
        self._feed.offer(frame)
        if self._lead_in_s and frame.t_s >= border_s - self._lead_in_s:
            self._next = self._next or self._begin()
            self._next.offer(frame)

    def hear(self, chunk: AudioChunk) -> None:
        self._feed.hear(chunk)

    def turn(self, border_s: float, next_s: float, *, lost: bool = False) -> None:
        """End the window at border_s, publish what it found, and begin the next one at next_s.

        When the source was `lost` between the two, nothing is carried on.
        """
        self._publish(border_s, last=lost)
        if lost and self._next is not None:
            self._next.close(abandon=True)
            self._next = None
        self._feed, self._next, self._start_s = self._next or self._begin(), None, next_s

    def end(self, end_s: float) -> None:
        """End the last window; nothing is open any more."""
        self._publish(end_s, last=True)

    def abandon(self) -> None:
        for feed in (self._feed, self._next):
            if feed is not None:
                feed.close(abandon=True)

    def _publish(self, border_s: float, *, last: bool = False) -> None:
        self._feed.close()
        final = self._joiner.add(self._feed.finish(), self._start_s, border_s)
        if last:
            for table, rows in self._joiner.close().items():
                final[table] = [*final.get(table, []), *rows]
        self._publisher.reach(border_s)
        # In this order a reader may see a row twice for a moment, but never misses one.
        self._publisher.final(self.name, self._version, self._params, final)
        self._publisher.still_open(self.name, self._version, self._joiner.open(), border_s)


class PictureWindows:
    """The extractors that look at pictures; windows begin at multiples of `window_s`."""

    def __init__(self, channels: Sequence[Channel], window_s: float) -> None:
        self._channels, self._window_s = channels, window_s
        self._border_s = window_s
        self._last_s = 0.0

    def see(self, frame: Frame, *, lost: bool) -> bool:
        """Take in a frame, before which the source was `lost` or not; True when it began a new window."""
        turned = lost or frame.t_s >= self._border_s
        if turned:
            for channel in self._channels:
                channel.turn(self._last_s if lost else self._border_s, frame.t_s, lost=lost)
            self._border_s = (math.floor(frame.t_s / self._window_s) + 1) * self._window_s
        for channel in self._channels:
            channel.see(frame, self._border_s)
        self._last_s = frame.t_s
        return turned

    def end(self, end_s: float) -> None:
        for channel in self._channels:
            channel.end(end_s)


class SoundWindows:
    """The extractors that listen, on a thread of their own behind a bounded queue: recognising speech takes long."""

    def __init__(self, channels: Sequence[Channel], window_s: float) -> None:
        self._channels, self._window_s = channels, window_s
        self._start_s = self._end_s = 0.0
        self._quiet = True
        self._queue: queue.Queue[AudioChunk | None] = queue.Queue(QUEUE_FRAMES)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="live-sound", daemon=True)
        self._thread.start()

    def hear(self, chunk: AudioChunk | None) -> None:
        """Take in a chunk; None: there are no more. Raises what went wrong with one before."""
        while self._thread.is_alive():
            try:
                self._queue.put(chunk, timeout=0.5)
                return
            except queue.Full:
                continue
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Work off what waits, and publish the last window."""
        self.hear(None)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            while (chunk := self._queue.get()) is not None:
                self._take(chunk)
            for channel in self._channels:
                channel.end(self._end_s)
        except BaseException as error:  # noqa: BLE001 - handed over and raised in the caller's thread
            self._failure = error

    def _take(self, chunk: AudioChunk) -> None:
        length_s = chunk.start_s - self._start_s
        quiet = self._quiet and _is_quiet(chunk.samples[: round(QUIET_S * 16_000)])
        if length_s >= 2 * self._window_s or (length_s >= self._window_s and quiet):
            for channel in self._channels:
                channel.turn(chunk.start_s, chunk.start_s)
            self._start_s = chunk.start_s
        for channel in self._channels:
            channel.hear(chunk)
        self._quiet = _is_quiet(chunk.samples[-round(QUIET_S * 16_000) :])
        self._end_s = chunk.end_s


def _is_quiet(samples: np.ndarray) -> bool:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) < QUIET_RMS
