"""Fills memory with speech: utterances of speech-like sound are recognised one by one, as the sound streams by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.extractor import Extractor, Tables
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk
from tools.speech.sphinx import Sphinx
from tools.speech.voice import is_open, utterances
from tools.speech.whisper import Whisper, find_whisper
from tools.speech.words import Recogniser, Utterance

BLOCK = 30 * SAMPLE_RATE_HZ
"""Samples looked at together: bounds the memory."""


class SpeechExtractor(Extractor):
    """Events of kind 'speech', one an utterance. Only speech-like sound is recognised, so other sound costs little."""

    name = "speech"
    version = "2"
    wants_audio = True
    background = True

    def __init__(self, models: Path | None = None) -> None:
        """`models` is the folder of weights, if there is one; Whisper is used when it is there."""
        folder = find_whisper(models)
        self._recogniser: Recogniser = Whisper(folder) if folder else Sphinx()
        self._held = np.zeros(0, dtype=np.float32)
        self._start_s: float | None = None
        self._heard: list[Utterance] = []

    def params(self) -> dict[str, Any]:
        return {"model": self._recogniser.model}

    def on_audio(self, chunk: AudioChunk) -> None:
        if self._start_s is None:
            self._start_s = chunk.start_s
        self._held = np.concatenate([self._held, chunk.samples])
        # Blocks are cut by count, not by chunk, so that the chunks' size changes nothing.
        while len(self._held) >= BLOCK:
            self._hear(self._held[:BLOCK], last=False)

    def finish(self) -> Tables:
        if len(self._held):
            self._hear(self._held, last=True)
        return {"event": [self._row(number, said) for number, said in enumerate(self._heard)]}

    def _hear(self, block: npt.NDArray[np.float32], *, last: bool) -> None:
        """Recognise the finished utterances of a block; one that may go on waits for the next block."""
        zero_s = self._start_s or 0.0
        found = utterances(block)
        used = len(block)
        if not last and found and found[-1][0] > 0 and is_open(found[-1], block):
            used = found.pop()[0]
        for first, end in found:
            said = self._recogniser.recognise(block[first:end], zero_s + first / SAMPLE_RATE_HZ)
            if said is not None:
                self._heard.append(said)
        self._held = self._held[used:]
        self._start_s = zero_s + used / SAMPLE_RATE_HZ

    def _row(self, number: int, said: Utterance) -> dict[str, Any]:
        words = [word.as_json() for word in said.words]
        return {
            "event_id": f"{self.name}:{number}",
            "kind": "speech",
            "start_s": said.start_s,
            "end_s": said.end_s,
            "text": said.text,
            "attributes": {"model": self._recogniser.model, "words": words},
            "confidence": said.confidence,
        }
