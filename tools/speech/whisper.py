"""Whisper (Radford et al. 2022) through transformers, when its weights lie on this machine; nothing is downloaded."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.media.sound import SAMPLE_RATE_HZ
from tools.speech.words import Utterance

FOLDERS = ("whisper-large-v3-turbo", "whisper-small.en", "whisper-base.en", "whisper-tiny.en", "whisper-small")


def find_whisper(models: Path | None) -> Path | None:
    """The folder of the best Whisper weights below `models`; None when there are none."""
    if models is None:
        return None
    found = (models / name for name in FOLDERS)
    return next((folder for folder in found if (folder / "config.json").is_file()), None)


class Whisper:
    """Recognises one stretch of speech at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.model = folder.name

    @cached_property
    def _pipeline(self) -> Any:
        from transformers import pipeline

        return pipeline("automatic-speech-recognition", model=str(self._folder), device="cpu")

    def recognise(self, samples: npt.NDArray[np.float32], start_s: float) -> list[Utterance]:
        """Utterances with times in the video; `samples` float32 mono [N] at SAMPLE_RATE_HZ."""
        heard = self._pipeline({"raw": samples, "sampling_rate": SAMPLE_RATE_HZ}, return_timestamps=True)
        end_s = start_s + len(samples) / SAMPLE_RATE_HZ
        return [
            Utterance(start_s + part["timestamp"][0], min(end_s, start_s + (part["timestamp"][1] or 1e9)), text, 0.8)
            for part in heard["chunks"]
            if (text := part["text"].strip())
        ]
