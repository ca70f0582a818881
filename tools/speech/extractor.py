"""Fills memory with speech: stretches that sound like a voice are recognised one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.extractor import Extractor, Tables
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk
from tools.speech.sphinx import Sphinx
from tools.speech.voice import voiced_stretches
from tools.speech.whisper import Whisper, find_whisper
from tools.speech.words import Utterance

BLOCK_S = 30.0
"""Sound is looked at in blocks of this length: bounds the memory."""


class SpeechExtractor(Extractor):
    """Events of kind 'speech'."""

    name = "speech"
    version = "1"
    wants_audio = True

    def __init__(self, models: Path | None = None) -> None:
        folder = find_whisper(models)
        self._recogniser = Whisper(folder) if folder else Sphinx()
        self._held: list[npt.NDArray[np.float32]] = []
        self._start_s = 0.0
        self._heard: list[Utterance] = []

    def params(self) -> dict[str, Any]:
        return {"model": self._recogniser.model}

    def on_audio(self, chunk: AudioChunk) -> None:
        if not self._held:
            self._start_s = chunk.start_s
        self._held.append(chunk.samples)
        if sum(map(len, self._held)) >= BLOCK_S * SAMPLE_RATE_HZ:
            self._work()

    def _work(self, *, last: bool = False) -> None:
        """Recognise the finished stretches of the block; one that is still going on waits for the next block."""
        samples = np.concatenate(self._held)
        stretches = voiced_stretches(samples)
        rest = len(samples)
        if not last and stretches and stretches[-1][1] > len(samples) - SAMPLE_RATE_HZ // 2 and stretches[-1][0] > 0:
            rest = stretches.pop()[0]
        for first, end in stretches:
            self._heard += self._recogniser.recognise(samples[first:end], self._start_s + first / SAMPLE_RATE_HZ)
        self._held = [samples[rest:]] if rest < len(samples) else []
        self._start_s += rest / SAMPLE_RATE_HZ

    def finish(self) -> Tables:
        if self._held:
            self._work(last=True)
        return {
            "event": [
                {
                    "event_id": f"{self.name}:{number}",
                    "kind": "speech",
                    "start_s": said.start_s,
                    "end_s": said.end_s,
                    "text": said.text,
                    "attributes": {"model": self._recogniser.model},
                    "confidence": said.confidence,
                }
                for number, said in enumerate(self._heard)
            ]
        }
