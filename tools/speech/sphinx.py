"""PocketSphinx with the English model of its package, gated hard: on noise it invents fluent sentences.

A stretch is believed only when most of its words have a high posterior and its voice comes and goes like speech does.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.media.sound import SAMPLE_RATE_HZ
from tools.speech.words import Utterance

MIN_POSTERIOR = 0.2
"""Geometric mean of the words' posteriors below which a stretch counts as noise."""
MIN_WORDS = 3
MAX_CONFIDENCE = 0.55
"""Its posteriors are near 1 for wrong words too: what it hears is never more than uncertain."""


class Sphinx:
    """Recognises one stretch of speech at a time."""

    model = "PocketSphinx en-us"

    @cached_property
    def _decoder(self) -> Any:
        from pocketsphinx import Decoder

        return Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL")

    def recognise(self, samples: npt.NDArray[np.float32], start_s: float) -> list[Utterance]:
        """One utterance, or none when it is not believed; `samples` float32 mono [N] at SAMPLE_RATE_HZ."""
        loudest = float(np.abs(samples).max(initial=0.0))
        if loudest < 0.01:
            return []
        pcm = (samples / loudest * 0.8 * 32767).astype(np.int16).tobytes()
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        log = decoder.get_logmath()
        words = [
            (segment.word.partition("(")[0], float(log.exp(segment.prob)), segment.start_frame, segment.end_frame)
            for segment in decoder.seg() or ()
            if segment.word[0] not in "<["
        ]
        if len(words) < MIN_WORDS:
            return []
        posterior = float(np.exp(np.mean([np.log(max(1e-6, prob)) for _, prob, _, _ in words])))
        if posterior < MIN_POSTERIOR:
            return []
        rate = 100  # frames a second
        text = " ".join(word for word, _, _, _ in words)
        return [
            Utterance(
                start_s + words[0][2] / rate,
                start_s + (words[-1][3] + 1) / rate,
                text,
                float(np.clip(0.2 + 0.4 * posterior, 0, MAX_CONFIDENCE)),
            )
        ]
