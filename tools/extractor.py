"""The contract of an extractor: what ingest runs over a video once, to fill the memory.

One decode pass feeds all extractors. `begin` comes first, then `on_frame` in order of time (frames sampled on a grid
of `sample_hz`) and `on_audio` (all the sound, in order), then `finish`, which returns the rows for the segment.
Frames and sound arrive interleaved or one after the other: an extractor may not rely on either.
The rows may depend on nothing but the media and the parameters (no clock, no thread timing): a resumed ingest must
give the same memory as an undisturbed one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from memory import VideoMemory
    from tools.base import Embedder
    from tools.media.frame import Frame
    from tools.media.probe import MediaInfo
    from tools.media.sound import AudioChunk

Row = dict[str, Any]
Tables = dict[str, list[Row]]
"""Rows by table name (see memory/schema.py); columns that are left out become null."""


class Extractor(ABC):
    """Fills memory from the decode pass. An instance serves one video."""

    name: ClassVar[str]
    version: ClassVar[str]
    sample_hz: ClassVar[float] = 0.0
    """Frames a second that it wants: 0 = none (sound only), math.inf = every frame."""
    wants_audio: ClassVar[bool] = False
    background: ClassVar[bool] = False
    """Heavy: the pass runs it on a thread of its own, behind a bounded queue."""

    def params(self) -> dict[str, Any]:
        """What the result depends on besides the media: JSON values; hashed into the segment's name."""
        return {}

    def begin(self, media: MediaInfo) -> None:  # noqa: B027 - most extractors need no set-up
        """Called once before the first frame."""

    def on_frame(self, frame: Frame) -> None:  # noqa: B027 - sound extractors see no frames
        """Called for each sampled frame."""

    def on_audio(self, chunk: AudioChunk) -> None:  # noqa: B027 - picture extractors hear no sound
        """Called for each chunk of sound."""

    @abstractmethod
    def finish(self) -> Tables:
        """The rows. Ids are `<extractor name>:<number>`, counted from 0 in order of time."""


class DerivedExtractor(ABC):
    """Fills memory from what other extractors have put there (embeddings of facts, say)."""

    name: ClassVar[str]
    version: ClassVar[str]

    def params(self) -> dict[str, Any]:
        return {}

    @abstractmethod
    def derive(self, memory: VideoMemory, embedder: Embedder) -> Tables:
        """The rows, from all other segments of the video."""
