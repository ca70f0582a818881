"""Fills memory with dominant colours, for each stretch of similar colours (at a cut they jump)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tools.colours.names import COLOUR_NAMES, classify
from tools.extractor import Extractor, Tables
from tools.media.frame import Frame

JUMP = 0.5
"""L1 distance of colour shares from which a new stretch begins (0..2)."""
SHOWN_SHARE = 0.12
"""A colour is named from this share of the picture on."""


class ColourExtractor(Extractor):
    """Events of kind 'colour'."""

    name = "colours"
    version = "1"
    sample_hz = 2.0

    def __init__(self) -> None:
        self._stretches: list[tuple[float, float, npt.NDArray[np.float64], int]] = []

    def on_frame(self, frame: Frame) -> None:
        names = classify(np.ascontiguousarray(frame.small[::2, ::2]))
        shares = np.bincount(names.ravel(), minlength=len(COLOUR_NAMES)) / names.size
        if self._stretches:
            start_s, _, total, count = self._stretches[-1]
            if np.abs(total / count - shares).sum() < JUMP:
                self._stretches[-1] = (start_s, frame.t_s, total + shares, count + 1)
                return
        self._stretches.append((frame.t_s, frame.t_s, shares.astype(np.float64), 1))

    def finish(self) -> Tables:
        rows = []
        for number, (start_s, end_s, total, count) in enumerate(self._stretches):
            shares = total / count
            order = [int(index) for index in np.argsort(-shares) if shares[index] >= SHOWN_SHARE]
            colours = [{"name": COLOUR_NAMES[index], "share": round(float(shares[index]), 3)} for index in order]
            rows.append(
                {
                    "event_id": f"{self.name}:{number}",
                    "kind": "colour",
                    "start_s": start_s,
                    "end_s": end_s + 1 / self.sample_hz,
                    "text": "mostly " + " and ".join(COLOUR_NAMES[index] for index in order[:3]),
                    "attributes": {"colours": colours},
                    "confidence": 0.9,
                }
            )
        return {"event": rows}
