"""What a media file is: size, length, rate, tracks. Filled by the reader's probe."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

SQUARE = Fraction(1)


@dataclass(frozen=True)
class MediaInfo:
    """Facts about a video file. Times in seconds from the first presented frame."""

    path: Path
    duration_s: float
    """Presentation time from the first frame to the end of the last."""
    fps: Fraction
    """Average rate; never used to compute times."""
    width: int
    """Of the upright picture, pixels."""
    height: int
    num_frames: int
    """Packets of the video stream found by demuxing."""
    rotation_deg: int
    video_codec: str
    container: str
    has_audio: bool
    audio_codec: str = ""
    audio_rate_hz: int = 0
    audio_channels: int = 0
    variable_rate: bool = False
    pixel_aspect: Fraction = SQUARE
    """Width of a pixel of the upright picture over its height; players stretch what is not square."""
    warning: str = ""
    """What is wrong with the file though it can be used, e.g. "truncated at 12.3 s"; empty when all is well."""
