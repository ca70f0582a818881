"""What a recogniser gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Utterance:
    """A stretch of recognised speech; times in seconds of the video."""

    start_s: float
    end_s: float
    text: str
    confidence: float
