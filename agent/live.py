"""Watching a live stream: what is seen is published every few seconds, and can be asked about while the stream runs.

Memory is constant whatever the length: decoded pictures and sound wait in bounded queues, extractors live for one
window, of the frames the two bounded memories of `memory.stream` are kept. A stream has an id of its own, made of its
source and the time at which watching began; watching the same source again is a new stream, from its beginning.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.ingest import IngestTools, Progress, media_of
from agent.live_publish import Publisher
from agent.live_windows import Channel, PictureWindows, SoundWindows
from tools.media.features import FrameFeatures, LabGradientMap, frame_vector
from tools.media.follow import IDLE_S, LiveReader
from tools.media.frame import Frame

if TYPE_CHECKING:
    from memory import Library, VideoRecord
    from memory.streams import StreamMemory
    from tools.extractor import Row
    from tools.media.probe import MediaInfo
    from tools.media.sound import AudioChunk

WINDOW_S = 5.0
FRAME_MEMORY, FRAME_MEMORY_VERSION = "stream_memory", "1"


@dataclass
class LiveReport:
    """What was watched."""

    video_id: str = ""
    duration_s: float = 0.0
    num_frames: int = 0
    missing: dict[str, str] = field(default_factory=dict)
    """Extractors that could not run, with what they lack."""


@dataclass(frozen=True)
class LiveOptions:
    """How a stream is watched."""

    window_s: float = WINDOW_S
    """Seconds between two publications."""
    idle_s: float = IDLE_S
    """The stream ends when nothing new came for so long."""
    features: FrameFeatures = field(default_factory=LabGradientMap)
    """Of the frames in the bounded memories."""
    started: Callable[[str], None] = lambda _video_id: None
    """Hears the stream's id as soon as it can be asked about."""
    told: Callable[[str], None] = lambda _text: None
    """Hears of a lost source."""


def follow(
    source: Path,
    library: Library,
    tools: IngestTools,
    options: LiveOptions | None = None,
    *,
    progress: Progress = lambda _text, _share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> LiveReport:
    """Watch a growing file, a FIFO or a camera until it ends, `cancelled` says so or Ctrl-C is pressed.

    What was seen is published in all these cases. Raises MediaError when there is no such source or it is no video.
    """
    options = options or LiveOptions()
    watch: Watch | None = None
    with LiveReader(source, idle_s=options.idle_s, told=options.told, cancelled=cancelled) as reader:
        try:
            for event in reader.events():
                if watch is None:
                    assert reader.info is not None
                    watch = Watch(reader.info, library, tools, options)
                if isinstance(event, Frame):
                    watch.see(event, reader.losses, progress)
                else:
                    watch.hear(event)
        except KeyboardInterrupt:
            if watch is None:
                raise
        except BaseException:
            if watch is not None:
                watch.abandon()
            raise
    if watch is None:  # cancelled before the first picture
        return LiveReport()
    return watch.end()


class Watch:
    """One stream, from its first picture on."""

    def __init__(self, info: MediaInfo, library: Library, tools: IngestTools, options: LiveOptions) -> None:
        import memory

        self._options = options
        self._memory: StreamMemory = memory.stream()
        self._publisher = Publisher(library, _record(info), tools.embedder)
        self.report = LiveReport(self._publisher.video_id)
        channels = [Channel(make, self._publisher, info) for make in tools.extractors]
        self.report.missing = {channel.name: channel.missing for channel in channels if channel.missing}
        self._channels = [channel for channel in channels if not channel.missing]
        looking = [channel for channel in self._channels if channel.wants_pictures]
        self._pictures = PictureWindows(looking, options.window_s)
        listening = [channel for channel in self._channels if not channel.wants_pictures and info.has_audio]
        self._sound = SoundWindows(listening, options.window_s)
        self._due = self._losses = 0
        options.started(self.report.video_id)

    def hear(self, chunk: AudioChunk) -> None:
        """Take in a chunk of sound."""
        self._sound.hear(chunk)

    def see(self, frame: Frame, losses: int = 0, progress: Progress = lambda _text, _share: None) -> None:
        """Take in a frame; `losses` counts how often the source was lost until now."""
        self._remember(frame)
        self.report.duration_s, self.report.num_frames = frame.t_s, frame.index + 1
        lost, self._losses = losses > self._losses, losses
        if self._pictures.see(frame, lost=lost):
            self._publish_frames(live=True)
            progress(f"watched {frame.t_s:.0f} s", 1.0)

    def end(self) -> LiveReport:
        """Publish what is left, and join the parts."""
        self._sound.end()
        self._pictures.end(self.report.duration_s)
        self._publish_frames(live=False)
        self._publisher.library.compact(self.report.video_id)
        return self.report

    def abandon(self) -> None:
        """Stop the threads; what was published stays."""
        for channel in self._channels:
            channel.abandon()

    def _remember(self, frame: Frame) -> None:
        from memory.streams.stream import FRAMES_PER_S

        if frame.t_s * FRAMES_PER_S >= self._due - 1e-6:
            self._due = int(frame.t_s * FRAMES_PER_S + 1e-6) + 1
            self._memory.write(frame.t_s, self._options.features(frame))

    def _publish_frames(self, *, live: bool) -> None:
        """The frames in the bounded memories, to be searched, and the length of the stream."""
        rows = frame_rows(self._memory, f"frame:{self._options.features.name}")
        self._publisher.reach(self.report.duration_s)
        self._publisher.replace(FRAME_MEMORY, FRAME_MEMORY_VERSION, {"embedding": rows}, self.report.duration_s)
        self._publisher.note({"num_frames": self.report.num_frames, "live": live})


def frame_rows(memory: StreamMemory, space: str) -> list[Row]:
    """Rows of `embedding` for the frames that the bounded memories keep, owner_kind 'frame'."""
    entries, star = memory.read()
    kept = [(entry.index, entry.t_s, entry.features, f"kept in {len(entry.tokens)} tokens") for entry in entries]
    for frame in star.retrieved if star is not None else ():
        kept.append((frame.index, frame.t_s, frame.sharp, "typical of what was seen"))
    rows: dict[int, Row] = {}
    for index, t_s, features, text in kept:
        rows.setdefault(
            index,
            {
                "owner_kind": "frame",
                "owner_id": f"{FRAME_MEMORY}:{index}",
                "space": space,
                "text": f"frame {text}",
                "start_s": t_s,
                "end_s": t_s,
                "vector": frame_vector(features.numpy()).tolist(),
            },
        )
    return [rows[index] for index in sorted(rows)]


def _record(info: MediaInfo) -> VideoRecord:
    from memory import VideoRecord

    began = time.time_ns()
    sha256 = hashlib.sha256(f"{info.path}\n{began}\n{os.getpid()}\n{threading.get_ident()}".encode()).hexdigest()
    media = media_of(info) | {"live": True}
    began_at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began / 1e9))
    return VideoRecord(sha256[:16], sha256, info.path, media, f"{info.path.name}, {began_at}")
