"""Watching a video while it is being made: a growing file, a FIFO or a camera. Memory is bounded, whatever the length.

Times are stream times: seconds from the first picture that came. When the source is lost and comes back, or its stamps
jump, they go on by the time that passed meanwhile.
"""

from __future__ import annotations

import logging
import stat
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from tools.base import MediaError
from tools.media.follow_sound import LiveSound
from tools.media.frame import Frame
from tools.media.open import open_live, picture_stream, sound_stream
from tools.media.probe import MediaInfo
from tools.media.sound import AudioChunk
from tools.media.tail import POLL_S, Tail

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

IDLE_S = 10.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 4.0
"""Before a lost source is tried again: doubled each time."""
JUMP_BACK_S, JUMP_AHEAD_S = 0.5, 30.0
"""Stamps that go back or ahead by more than this began again; those that go back by less are left out."""
MAX_DAMAGED_PACKETS = 1000


class LiveReader:
    """A source that still grows. A file is watched from its beginning, as fast as it can be decoded.

    It ends when nothing new came for `idle_s` seconds, or when `cancelled()` says so (asked several times a second
    while a file or FIFO is silent). `told(text)` hears what a person should know: a lost source, another try.
    """

    def __init__(
        self,
        source: Path | str,
        *,
        idle_s: float = IDLE_S,
        told: Callable[[str], None] = log.warning,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Raises MediaError when there is no such file, FIFO or camera."""
        self.path = Path(source).expanduser().absolute()
        self._idle_s, self._told, self._cancelled = idle_s, told, cancelled
        self.info: MediaInfo | None = None
        """What the stream is; known from the first picture on. `duration_s` is 0: it has no end yet."""
        self.losses = 0
        """How often the source was lost, or its clock jumped, between two pictures."""
        self._tail = None if _is_camera(self.path) else Tail(self.path, idle_s, cancelled)
        self._sound = LiveSound()
        self._count = 0
        self._zero_s = 0.0
        """Stamp on the source's clock of stream time 0; moved when that clock jumps."""
        self._last_s = 0.0
        self._last_seen = time.monotonic()
        self._lost = True
        """Whether the next picture tells what the source's clock now says."""

    def __enter__(self) -> LiveReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tail is not None:
            self._tail.close()

    def events(self) -> Iterator[Frame | AudioChunk]:
        """Pictures at rising times, and sound in chunks of one second, in the order in which they come.

        Raises MediaError when the source is no video, or gives no picture before it ends.
        """
        wait_s = FIRST_WAIT_S
        while True:
            before = self._count
            try:
                yield from self._once()
            except MediaError as error:
                silent = self._tail is not None and not self._tail.received
                if not self._count and not silent:
                    raise
                log.info("%s", error)
            if self._over():
                break
            wait_s = FIRST_WAIT_S if self._count > before else min(LONGEST_WAIT_S, 2 * wait_s)
            self._told(f"{self.path}: lost; trying again (ends after {self._idle_s:g} s without anything new)")
            self._pause(wait_s)
        yield from self._sound.rest()
        if not self._count:
            raise MediaError(f"{self.path}: no picture came within {self._idle_s:g} s; is something written to it?")

    def _over(self) -> bool:
        if self._cancelled():
            return True
        if self._tail is None:
            return time.monotonic() - self._last_seen > self._idle_s
        return self._tail.end is Tail.End.IDLE or time.monotonic() - self._tail.newest > self._idle_s

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._over():
            time.sleep(POLL_S)

    def _once(self) -> Iterator[Frame | AudioChunk]:
        """What comes until the source is lost or ends."""
        if self._tail is not None and self._count:
            self._tail.renew()
        self._lost = True
        self._sound.jump()
        with open_live(self.path, cast("BinaryIO | None", self._tail), self._idle_s) as container:
            yield from self._decode(container)

    def _decode(self, container: InputContainer) -> Iterator[Frame | AudioChunk]:
        import av

        pictures, sound = picture_stream(container, self.path), sound_stream(container)
        streams = [pictures] if sound is None else [pictures, sound]
        damaged_in_a_row = 0
        try:
            for packet in container.demux(*streams):
                if self._cancelled():
                    return
                try:
                    decoded = packet.decode()
                    damaged_in_a_row = 0
                except av.error.FFmpegError as error:
                    damaged_in_a_row += 1
                    if damaged_in_a_row > MAX_DAMAGED_PACKETS:
                        raise MediaError(f"{self.path}: what comes cannot be decoded ({error})") from error
                    continue
                for block in decoded:
                    if isinstance(block, av.VideoFrame):
                        if self.info is None:
                            self.info = self._facts(block, container.format.name, pictures, sound)
                        yield from self._picture(block, self.info)
                    elif isinstance(block, av.AudioFrame) and not self._lost:
                        stamp_s = block.time
                        yield from self._sound.add(block, None if stamp_s is None else stamp_s - self._zero_s)
        except av.error.FFmpegError as error:
            log.info("%s: %s", self.path, error)

    def _picture(self, picture: av.VideoFrame, info: MediaInfo) -> Iterator[Frame]:
        stamp_s = picture.time
        if stamp_s is None:
            return
        passed_s = stamp_s - self._zero_s - self._last_s
        if self._lost or not -JUMP_BACK_S <= passed_s <= JUMP_AHEAD_S:
            self._begin_clock(stamp_s)
        elif passed_s <= 0 and self._count:
            return
        self._last_s = stamp_s - self._zero_s
        self._last_seen = time.monotonic()
        yield Frame.from_av(self._count, self._last_s, picture, size=(info.width, info.height))
        self._count += 1

    def _begin_clock(self, stamp_s: float) -> None:
        """Set the source's clock: the first picture is at 0, after a loss time went on as it does in the world."""
        self._lost = False
        if self._count:
            self._last_s += max(time.monotonic() - self._last_seen, 1e-3)
            self._sound.jump()
            self.losses += 1
        self._zero_s = stamp_s - self._last_s

    def _facts(
        self, first: av.VideoFrame, container: str, pictures: VideoStream, sound: AudioStream | None
    ) -> MediaInfo:
        upright = Frame.from_av(0, 0.0, first)
        codec: Any = sound.codec_context if sound else None
        return MediaInfo(
            path=self.path,
            duration_s=0.0,
            fps=pictures.average_rate or pictures.guessed_rate or Fraction(25),
            width=upright.width,
            height=upright.height,
            num_frames=0,
            rotation_deg=int(first.rotation or 0),
            video_codec=pictures.codec_context.name,
            container=container,
            has_audio=sound is not None,
            audio_codec=codec.name if codec else "",
            audio_rate_hz=codec.sample_rate if codec else 0,
            audio_channels=codec.channels if codec else 0,
        )


def _is_camera(path: Path) -> bool:
    """Whether a path is a device. Raises MediaError when it is nothing that can be followed."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise MediaError(f"{path}: no such file or device; check the path") from error
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        raise MediaError(f"{path}: not a file, FIFO or camera; name one of them")
    return stat.S_ISCHR(mode)
