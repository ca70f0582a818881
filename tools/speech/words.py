"""What a recogniser gives: utterances with their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Word:
    """A recognised word; times in seconds of the video, confidence 0..1."""

    text: str
    start_s: float
    end_s: float
    confidence: float

    def as_json(self) -> dict[str, str | float]:
        return {
            "word": self.text,
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "confidence": round(self.confidence, 3),
        }


@dataclass(frozen=True)
class Utterance:
    """A stretch of recognised speech."""

    words: Sequence[Word]
    """In order of time, at least one."""
    confidence: float

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return max(word.end_s for word in self.words)

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class Recogniser(Protocol):
    """Turns one utterance's sound into words."""

    model: str

    def recognise(self, samples: npt.NDArray[np.float32], start_s: float) -> Utterance | None:
        """The words of `samples`, float32 mono [N] at SAMPLE_RATE_HZ from `start_s` on; None = no words."""
        ...
