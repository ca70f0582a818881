"""Reading a video file: what it is, its frames at their true times, its sound. Memory is bounded, whatever the length.

Times come from presentation stamps, never from index / rate. A seek goes back to a key frame and decodes forward,
because the first frame after a plain seek is usually the wrong one. Each iteration opens the file anew, so iterators
do not disturb each other.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tools.base import MediaError
from tools.media.frame import Frame
from tools.media.index import PacketIndex
from tools.media.listen import read_sound, read_track
from tools.media.open import open_media, picture_stream, sound_stream
from tools.media.probe import SQUARE, MediaInfo
from tools.media.sound import AudioChunk, Samples, SoundFormat

if TYPE_CHECKING:
    import av

log = logging.getLogger(__name__)

MAX_DAMAGED_PACKETS = 1000
"""After so many undecodable packets in a row the rest of the file is given up."""
GRID_SLACK_S = 1e-6
LEAST_ASPECT = Fraction(1, 4)
"""Width of a pixel over its height, and height over width; what a file says beyond is not believed."""


class VideoReader:
    """A video file. Raises MediaError when it cannot be used; `info.warning` says what is wrong with one that can.

    `exact` is for pictures that are changed very little and written again; see `Frame.from_av`.
    """

    def __init__(self, path: Path | str, *, exact: bool = False) -> None:
        self._exact = exact
        self.path = Path(path).expanduser().absolute()
        with open_media(self.path) as container:
            stream = picture_stream(container, self.path)
            self._index = PacketIndex.of(container, stream, self.path)
            # In the stream's fields the demuxer's knowledge after the whole file has been seen.
            rate, declared = stream.average_rate or stream.guessed_rate, stream.frames
            declared_s = float(container.duration / 1e6) if container.duration else 0.0
        first = next(self._decode(None), None)
        if first is None:
            raise MediaError(f"{self.path}: no picture can be decoded; the file is damaged, copy or record it again")
        self._index.begin_at(first[0])
        self.info = self._facts(first[1], rate, self._index.damage(self.path.name, declared, declared_s))
        if self.info.warning:
            log.warning("%s", self.info.warning)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close: files are open only while something is read from them."""

    def frames(self, start_s: float = 0.0, end_s: float = math.inf, hz: float | None = None) -> Iterator[Frame]:
        """Frames with start_s <= t_s <= end_s, in order.

        `hz` samples: the first frame at or after each multiple of 1/hz, counted from start_s.
        """
        due = 0
        for pts, picture in self._decode(self._index.stamp(start_s) if start_s > 0 else None):
            t_s = self._index.time_s(pts)
            if t_s < start_s - GRID_SLACK_S:
                continue
            if t_s > end_s:
                return
            if hz is not None:
                if (t_s - start_s) * hz < due - GRID_SLACK_S:
                    continue
                due = math.floor((t_s - start_s) * hz + GRID_SLACK_S) + 1
            yield self._frame(pts, picture)

    def frame_at(self, t_s: float) -> Frame:
        """The frame on show at a time (the last one with a stamp at or before it). Raises MediaError."""
        wanted = self._index.on_show(t_s)
        best = None
        for pts, picture in self._decode(wanted):
            if best is not None and pts > wanted:
                break
            best = pts, picture
            if pts >= wanted:
                break
        if best is None:
            raise MediaError(f"{self.path}: no picture can be decoded at {t_s:.2f} s")
        return self._frame(*best)

    def audio(self, start_s: float = 0.0, end_s: float = math.inf, chunk_s: float = 1.0) -> Iterator[AudioChunk]:
        """The sound as chunks of `chunk_s` seconds (the last may be shorter), on the clock of the pictures.

        Gaps are filled with silence; sound before the first picture is left out. No sound track: nothing.
        """
        return read_sound(self.path, self._index.zero_s, start_s, end_s, chunk_s)

    def track(self, form: SoundFormat, start_s: float = 0.0, end_s: float = math.inf) -> Iterator[Samples]:
        """The sound in a format of choice, float32 [channels, N] a second, one after the other from start_s on."""
        return read_track(self.path, self._index.zero_s, form, start_s, end_s)

    @property
    def index(self) -> PacketIndex:
        """Stamps and key frames of the pictures."""
        return self._index

    def _frame(self, pts: int, picture: av.VideoFrame) -> Frame:
        # A stream may change its size on the way; as in a player, the picture is then shown at the size of the first.
        size = self.info.width, self.info.height
        return Frame.from_av(self._index.rank(pts), self._index.time_s(pts), picture, size=size, exact=self._exact)

    def _decode(self, wanted: int | None) -> Iterator[tuple[int, av.VideoFrame]]:
        """(stamp, decoded picture) in order of presentation, from one at or before `wanted` on (None: from the first).

        A container without a good index may seek too far; then it is tried from earlier key frames.
        """
        for key in self._index.keys_before(wanted):
            pictures = self._decode_from(key)
            first = next(pictures, None)
            if key is None or (first is not None and wanted is not None and first[0] <= wanted):
                if first is not None:
                    yield first
                    yield from pictures
                return

    def _decode_from(self, key: int | None) -> Iterator[tuple[int, av.VideoFrame]]:
        """(stamp, decoded picture), stamps rising, from a key frame on; damage is skipped."""
        import av

        with open_media(self.path) as container:
            stream = picture_stream(container, self.path)
            damaged = in_a_row = 0
            last = -math.inf
            try:
                if key is not None:
                    container.seek(key, stream=stream, backward=True)
                waiting = key is not None
                for packet in container.demux(stream):
                    if waiting and packet.size and not packet.is_keyframe:
                        continue
                    waiting = False
                    try:
                        pictures = packet.decode()
                        in_a_row = 0
                    except av.error.FFmpegError:
                        damaged, in_a_row = damaged + 1, in_a_row + 1
                        if in_a_row > MAX_DAMAGED_PACKETS:
                            break
                        continue
                    for picture in pictures:
                        if isinstance(picture, av.VideoFrame) and picture.pts is not None and picture.pts > last:
                            last = picture.pts
                            yield picture.pts, picture
            except av.error.FFmpegError as error:
                log.warning("%s: reading ends early: %s", self.path, error)
            if damaged:
                log.warning("%s: %d damaged packets skipped", self.path, damaged)

    def _facts(self, first: av.VideoFrame, rate: Fraction | None, warning: str) -> MediaInfo:
        upright = Frame.from_av(0, 0.0, first)
        index = self._index
        with open_media(self.path) as container:
            video, sound = picture_stream(container, self.path), sound_stream(container)
            codec = sound.codec_context if sound else None
            return MediaInfo(
                path=self.path,
                duration_s=index.duration_s,
                fps=rate or Fraction(index.num_frames, max(1, round(index.duration_s))),
                width=upright.width,
                height=upright.height,
                num_frames=index.num_frames,
                rotation_deg=int(first.rotation or 0),
                video_codec=video.codec_context.name,
                container=container.format.name,
                has_audio=sound is not None,
                audio_codec=codec.name if codec else "",
                audio_rate_hz=codec.sample_rate if codec else 0,
                audio_channels=codec.channels if codec else 0,
                variable_rate=index.variable_rate,
                pixel_aspect=_pixel_aspect(video, int(first.rotation or 0)),
                warning=warning,
            )


def _pixel_aspect(stream: av.VideoStream, rotation_deg: int) -> Fraction:
    """Of the upright picture; square where the file says nothing of use."""
    said = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not said or not LEAST_ASPECT <= said <= 1 / LEAST_ASPECT:
        return SQUARE
    return 1 / said if rotation_deg % 180 else Fraction(said)
