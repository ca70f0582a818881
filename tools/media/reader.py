"""Reading a video file: what it is, its frames at their true times, its sound. Memory is bounded, whatever the length.

Times come from presentation stamps, never from index / rate. A seek goes back to a key frame and decodes forward,
because the first frame after a plain seek is usually the wrong one. Each iteration opens the file anew, so iterators
do not disturb each other.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tools.base import MediaError
from tools.media.frame import Frame
from tools.media.open import open_media, picture_stream, sound_stream
from tools.media.probe import MediaInfo
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

MAX_PACKETS = 10_000_000
MAX_DAMAGED_PACKETS = 1000
"""After so many undecodable packets in a row the rest of the file is given up."""
GRID_SLACK_S = 1e-6


class VideoReader:
    """A video file. Raises MediaError when it cannot be used; `info.warning` says what is wrong with one that can."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser().absolute()
        with open_media(self.path) as container:
            stream = picture_stream(container, self.path)
            self._time_base = stream.time_base or Fraction(1, 1000)
            last_packet = self._index(container, stream)
            declared = stream.frames
            rate = stream.average_rate or stream.guessed_rate
        self._first_pts = 0
        self.info = self._probe(last_packet, declared, rate)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def _index(self, container: InputContainer, stream: VideoStream) -> int:
        """Collect the presentation stamps of all packets by demuxing; gives the length of the last in ticks."""
        import av

        stamps: list[int] = []
        length = newest = 0
        try:
            for packet in container.demux(stream):
                if packet.pts is None or packet.size == 0:
                    continue
                stamps.append(packet.pts)
                if packet.duration and packet.pts >= newest:
                    newest, length = packet.pts, packet.duration
                if len(stamps) > MAX_PACKETS:
                    raise MediaError(f"{self.path}: more than {MAX_PACKETS} frames; cut it into parts")
        except av.error.FFmpegError as error:
            log.debug("%s: index ends early: %s", self.path, error)
        self._stamps = np.unique(np.asarray(stamps, dtype=np.int64))
        if not len(self._stamps):
            raise MediaError(f"{self.path}: holds no pictures; it may be cut off, record or copy it again")
        return length

    def _probe(self, last_packet: int, declared: int, rate: Fraction | None) -> MediaInfo:
        first = next(self._decode(None), None)
        if first is None:
            raise MediaError(f"{self.path}: no picture can be decoded; the file is damaged")
        self._first_pts = first.pts or 0
        stamps = self._stamps[self._stamps >= self._first_pts]
        gaps = np.diff(stamps)
        usual = int(np.median(gaps)) if len(gaps) else last_packet or 1
        end_pts = int(stamps[-1]) + (last_packet or usual)
        duration_s = float((end_pts - self._first_pts) * self._time_base)
        turned = round((first.rotation or 0) / 90) % 2 == 1
        width, height = (first.height, first.width) if turned else (first.width, first.height)
        with open_media(self.path) as container:
            video = picture_stream(container, self.path)
            sound = sound_stream(container)
            codec = sound.codec_context if sound else None
            container_s = float(container.duration / 1e6) if container.duration else 0.0
            warning = self._damage(len(self._stamps), declared, duration_s, container_s)
            return MediaInfo(
                path=self.path,
                duration_s=duration_s,
                fps=rate or Fraction(len(stamps), max(1, round(duration_s))),
                width=width,
                height=height,
                num_frames=len(stamps),
                rotation_deg=int(first.rotation or 0),
                video_codec=video.codec_context.name,
                container=container.format.name,
                has_audio=sound is not None,
                audio_codec=codec.name if codec else "",
                audio_rate_hz=codec.sample_rate if codec else 0,
                audio_channels=codec.channels if codec else 0,
                variable_rate=bool(len(gaps)) and int(gaps.max()) - int(gaps.min()) > max(2, usual // 4),
                warning=warning,
            )

    def _damage(self, found: int, declared: int, duration_s: float, container_s: float) -> str:
        """What is missing of a file that is cut off but can be used."""
        if declared and found < declared:
            return (
                f"{self.path.name} is cut off: {found} of {declared} frames ({duration_s:.1f} s) are there and are used"
            )
        if container_s > 1.25 * duration_s + 2.0:
            return f"{self.path.name} says {container_s:.1f} s but holds pictures for {duration_s:.1f} s only"
        return ""

    def time_of(self, pts: int) -> float:
        """Seconds from the first presented frame of a stamp."""
        return float((pts - self._first_pts) * self._time_base)

    def _decode(self, seek_pts: int | None) -> Iterator[av.VideoFrame]:
        """Decoded pictures in order of presentation, from the key frame at or before a stamp; damage is skipped."""
        import av

        with open_media(self.path) as container:
            stream = picture_stream(container, self.path)
            if seek_pts is not None:
                container.seek(seek_pts, stream=stream, backward=True)
            damaged = 0
            try:
                for packet in container.demux(stream):
                    try:
                        pictures = packet.decode()
                        damaged = 0
                    except av.error.FFmpegError as error:
                        damaged += 1
                        log.debug("%s: damaged packet skipped: %s", self.path, error)
                        if damaged > MAX_DAMAGED_PACKETS:
                            return
                        continue
                    for picture in pictures:
                        if isinstance(picture, av.VideoFrame) and picture.pts is not None:
                            yield picture
            except av.error.FFmpegError as error:
                log.debug("%s: reading ends early: %s", self.path, error)

    def frames(self, start_s: float = 0.0, end_s: float = math.inf, hz: float | None = None) -> Iterator[Frame]:
        """Frames with start_s <= t_s <= end_s, in order.

        `hz` samples: the first frame at or after each multiple of 1/hz (counted from start_s). A frame is presented
        from its stamp on, so a start between two frames begins with the later one, except that `frame_at` below takes
        the one on show.
        """
        seek_pts = None
        if start_s > 0:
            seek_pts = self._first_pts + math.floor(start_s / self._time_base)
        due = 0
        last_pts = -(2**62)
        for picture in self._decode(seek_pts):
            pts = picture.pts
            assert pts is not None
            t_s = self.time_of(pts)
            if t_s < start_s - GRID_SLACK_S or pts <= last_pts:
                continue
            if t_s > end_s:
                return
            last_pts = pts
            if hz is not None:
                if (t_s - start_s) * hz < due - GRID_SLACK_S:
                    continue
                due = math.floor((t_s - start_s) * hz + GRID_SLACK_S) + 1
            yield Frame.from_av(self._rank(pts), t_s, picture)

    def frame_at(self, t_s: float) -> Frame:
        """The frame on show at a time (the last one with a stamp at or before it). Raises MediaError."""
        target = self._first_pts + math.floor(max(0.0, t_s) / self._time_base + 1e-6)
        # The stamp on show, from the index; the decoder may have to begin earlier.
        index = max(0, bisect_left(self._stamps, target + 1) - 1)
        wanted = max(int(self._stamps[index]), self._first_pts)
        best: av.VideoFrame | None = None
        for picture in self._decode(wanted if wanted > self._first_pts else None):
            assert picture.pts is not None
            if picture.pts > wanted and best is not None:
                break
            best = picture
            if picture.pts >= wanted:
                break
        if best is None or best.pts is None:
            raise MediaError(f"{self.path}: no picture can be decoded at {t_s:.2f} s")
        return Frame.from_av(self._rank(best.pts), self.time_of(best.pts), best)

    def _rank(self, pts: int) -> int:
        """Index in presentation order."""
        return int(np.searchsorted(self._stamps, pts) - np.searchsorted(self._stamps, self._first_pts))

    def audio(self, start_s: float = 0.0, end_s: float = math.inf, chunk_s: float = 1.0) -> Iterator[AudioChunk]:
        """The sound as chunks of `chunk_s` seconds (the last may be shorter), on the clock of the pictures.

        Gaps are filled with silence; sound before the first picture is left out. No sound track: nothing.
        """
        size = max(1, round(chunk_s * SAMPLE_RATE_HZ))
        buffer: list[npt.NDArray[np.float32]] = []
        held = 0
        position = round(start_s * SAMPLE_RATE_HZ)
        for start, samples in self._sound_blocks(start_s):
            skip = position + held - start
            if skip < 0:  # a gap in time
                silence = np.zeros(-skip, dtype=np.float32)
                buffer.append(silence)
                held += len(silence)
            elif skip:
                samples = samples[skip:]
            buffer.append(samples)
            held += len(samples)
            while held >= size:
                joined = np.concatenate(buffer)
                if position / SAMPLE_RATE_HZ >= end_s:
                    return
                yield AudioChunk(position / SAMPLE_RATE_HZ, joined[:size])
                buffer, held, position = [joined[size:]], held - size, position + size
        if held and position / SAMPLE_RATE_HZ < end_s:
            yield AudioChunk(position / SAMPLE_RATE_HZ, np.concatenate(buffer))

    def _sound_blocks(self, start_s: float) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """(sample position on the picture clock, float32 mono) of decoded sound; small jitter of stamps is ignored."""
        import av

        jitter = SAMPLE_RATE_HZ // 20
        zero_s = self._first_pts * self._time_base
        with open_media(self.path) as container:
            stream = sound_stream(container)
            if stream is None:
                return
            if start_s > 0 and stream.time_base:
                container.seek(math.floor((start_s + float(zero_s)) / stream.time_base), stream=stream, backward=True)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
            expected: int | None = None
            try:
                for packet in container.demux(stream):
                    try:
                        heard = packet.decode()
                    except av.error.FFmpegError:
                        continue
                    for block in heard:
                        stamp = block.time
                        for part in resampler.resample(block):
                            samples = part.to_ndarray().reshape(-1).astype(np.float32, copy=False)
                            start = expected if expected is not None else 0
                            if stamp is not None:
                                said = round((stamp - float(zero_s)) * SAMPLE_RATE_HZ)
                                if expected is None or abs(said - expected) > jitter:
                                    start = said
                            expected = start + len(samples)
                            stamp = None
                            yield start, samples
            except av.error.FFmpegError as error:
                log.debug("%s: sound ends early: %s", self.path, error)
