"""PocketSphinx with the English model of its package, gated hard: on noise it invents fluent sentences.

What tells invention from hearing is the posterior of the words: a sentence is believed only when the geometric mean
over its words is high enough.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.media.sound import SAMPLE_RATE_HZ
from tools.speech.words import Utterance, Word

MIN_POSTERIOR = 0.18
"""Geometric mean of the words' posteriors below which an utterance counts as noise."""
MIN_SINGLE = 0.6
"""The same for an utterance of a single word, which noise produces easily."""
LOWEST = 1e-3
"""Posteriors below it count as this much: one impossible word shall not outweigh a sentence."""
FRAMES_PER_S = 100
PEAK = 0.8
"""The utterance is scaled to this peak: the model knows speech at recording level only."""


class Sphinx:
    """Recognises one utterance at a time; the first use loads the model."""

    model = "PocketSphinx en-us"

    @cached_property
    def _decoder(self) -> Any:
        from pocketsphinx import Decoder

        return Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL")

    def recognise(self, samples: npt.NDArray[np.float32], start_s: float) -> Utterance | None:
        """The words, or None when they are not believed. Confidence is the mean posterior of the words."""
        loudest = float(np.abs(samples).max(initial=0.0))
        if loudest == 0.0:
            return None
        pcm = (samples / loudest * PEAK * 32767).astype(np.int16).tobytes()
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        words = [
            Word(
                segment.word.partition("(")[0],
                start_s + segment.start_frame / FRAMES_PER_S,
                start_s + (segment.end_frame + 1) / FRAMES_PER_S,
                float(np.clip(segment.prob, 0.0, 1.0)),
            )
            for segment in decoder.seg() or ()
            if segment.word[0] not in "<[+"  # silence and noises
        ]
        return believed(words)


def believed(words: list[Word]) -> Utterance | None:
    """An utterance of the words when their posteriors are high enough."""
    if not words:
        return None
    posteriors = np.array([word.confidence for word in words])
    geometric = float(np.exp(np.log(np.maximum(posteriors, LOWEST)).mean()))
    if geometric < (MIN_SINGLE if len(words) == 1 else MIN_POSTERIOR):
        return None
    return Utterance(words, float(posteriors.mean()))
