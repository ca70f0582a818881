"""Camera motion over time: static, pan, tilt, zoom or handheld, as events of kind 'camera'."""

from __future__ import annotations

import json
from array import array
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from tools.extractor import Extractor, Row, Tables
from tools.media.frame import Frame
from tools.tracking.anchors import Anchors
from tools.tracking.global_motion import Motion, motion_between

if TYPE_CHECKING:
    from tools.media.probe import MediaInfo

SAMPLE_HZ = 8.0
WINDOW_S = 1.0
"""Motion is averaged over windows of this length before it gets a name."""
MOVING = 0.012
"""Mean speed (longest sides of the picture a second) above which the camera is not static."""
STEADY = 0.04
"""Net speed of a pan, a tilt or a zoom; less is the unrest of a hand."""
STEADY_SHARE = 0.5
"""Least share of the net in the mean absolute speed of a deliberate movement."""
LEAST_S = 0.5
"""Shorter stretches are given to their neighbours."""
FULL_SUPPORT = 0.5
"""With less of the picture behind a motion, it is believed less."""

Floats = npt.NDArray[np.float64]


class CameraExtractor(Extractor):
    """Events of kind 'camera'. The names say what the camera does: when it pans right, the scene moves left.

    `attributes`: speed_px_s (mean speed in source pixels), zoom_per_s (relative change of size), rotation_rad_s (of the
    scene, clockwise positive), pan_px_s and tilt_px_s (net; right and down positive), support (share of the picture
    that moves with the scene).
    Where the picture's anchors prove that the camera rests, they overrule the motion measured; the support is then the
    anchors' share of the picture.
    Memory: 56 bytes a sample, and what `Anchors` takes.
    """

    name: ClassVar[str] = "camera"
    version: ClassVar[str] = "2"
    sample_hz: ClassVar[float] = SAMPLE_HZ

    def begin(self, media: MediaInfo | None = None) -> None:
        self._end_s = media.duration_s if media is not None else 0.0
        self._previous: Frame | None = None
        self._samples = array("d")
        self._starts: list[int] = [0]
        self._anchors: list[Anchors] = []
        """One of each shot."""
        self._side_px = 1.0

    def on_frame(self, frame: Frame) -> None:
        previous, self._previous = self._previous, frame
        self._side_px = float(max(frame.width, frame.height))
        if previous is None:
            self._anchors.append(Anchors(frame.gray))
            return
        motion = motion_between(previous, frame)
        if motion.cut:
            self._starts.append(len(self._samples) // 7)
            self._anchors.append(Anchors(frame.gray))
            return
        self._anchors[-1].add(frame.gray)
        self._samples.extend((previous.t_s, frame.t_s, *_rates(motion, frame), motion.support))

    def finish(self) -> Tables:
        samples = np.frombuffer(self._samples, dtype=np.float64).reshape(-1, 7)
        rows: list[Row] = []
        bounds = pairwise([*self._starts, len(samples)])
        for (low, high), anchors in zip(bounds, self._anchors, strict=False):  # a file without pictures has no anchors
            if high > low:
                samples_here = _overrule(samples[low:high], anchors.rest(high - low))
                rows += self._shot(samples_here, last=high == len(samples))
        for number, row in enumerate(rows):
            row["event_id"] = f"{self.name}:{number}"
        return {"event": rows}

    def _shot(self, samples: Floats, *, last: bool) -> list[Row]:
        """Events of one uninterrupted shot: runs of equal names."""
        centres = samples[:, :2].mean(axis=1)
        names = [_name(samples[np.abs(centres - centre) <= WINDOW_S / 2]) for centre in centres]
        rows = []
        for label, low, high in _runs(names, samples):
            part = samples[low:high]
            speed = _speed(part)
            end_s = max(self._end_s, part[-1, 1]) if last and high == len(samples) else part[-1, 1]
            attributes = {
                "speed_px_s": round(speed * self._side_px, 2),
                "pan_px_s": round(-float(part[:, 2].mean()) * self._side_px, 2),
                "tilt_px_s": round(-float(part[:, 3].mean()) * self._side_px, 2),
                "zoom_per_s": round(float(part[:, 4].mean()), 4),
                "rotation_rad_s": round(float(part[:, 5].mean()), 4),
                "support": round(float(part[:, 6].mean()), 3),
            }
            rows.append(
                {
                    "kind": "camera",
                    "start_s": float(part[0, 0]),
                    "end_s": float(end_s),
                    "text": label,
                    "attributes": json.dumps(attributes),
                    "confidence": round(_confidence(speed, float(part[:, 6].mean())), 3),
                }
            )
        return rows


def _rates(motion: Motion, frame: Frame) -> tuple[float, float, float, float]:
    """Shift of the picture's middle (longest sides a second, x and y), log scale and rotation a second."""
    height, width = frame.gray.shape
    dx, dy = motion.shift_at(width / 2, height / 2)
    unit = max(width, height) * motion.dt_s
    return dx / unit, dy / unit, float(np.log(motion.scale)) / motion.dt_s, motion.rotation_rad / motion.dt_s


def _overrule(samples: Floats, rest: Floats) -> Floats:
    """The samples of a shot, those without motion in which the anchors prove rest (`rest` is their share there)."""
    found = samples.copy()
    wrong = (rest > 0) & np.array([_speed(sample[None]) >= MOVING for sample in samples])
    found[wrong, 2:6] = 0.0
    found[wrong, 6] = rest[wrong]
    return found


def _speed(samples: Floats) -> float:
    """Mean speed of the scene in the picture, zoom and rotation taken at a quarter of the longest side from its
    middle; longest sides a second."""
    shift = np.hypot(samples[:, 2], samples[:, 3])
    return float((shift + 0.25 * np.hypot(samples[:, 4], samples[:, 5])).mean())


def _name(window: Floats) -> str:
    speed = _speed(window)
    if speed < MOVING:
        return "static"
    net = window[:, 2:5].mean(axis=0)
    total = np.abs(window[:, 2:5]).mean(axis=0) + 1e-9
    steady = (np.abs(net) >= STEADY) & (np.abs(net) >= STEADY_SHARE * total)
    found = []
    across = max(abs(net[0]), abs(net[1]))
    for axis, words in ((0, ("pan right", "pan left")), (1, ("tilt down", "tilt up"))):
        if steady[axis] and abs(net[axis]) >= 0.5 * across:
            found.append((abs(net[axis]), words[0] if net[axis] < 0 else words[1]))
    if steady[2] and 0.5 * abs(net[2]) >= 0.5 * across:
        found.append((0.5 * abs(net[2]), "zoom in" if net[2] > 0 else "zoom out"))
    return ", ".join(word for _size, word in sorted(found, reverse=True)) or "handheld"


def _runs(names: list[str], samples: Floats) -> list[tuple[str, int, int]]:
    """Runs (name, low, high) of equal names; those shorter than LEAST_S go to the longer neighbour."""
    runs: list[tuple[str, int, int]] = []

    def add(name: str, low: int, high: int) -> None:
        if runs and runs[-1][0] == name:
            low = runs.pop()[1]
        runs.append((name, low, high))

    def seconds(run: tuple[str, int, int]) -> float:
        return float(samples[run[2] - 1, 1] - samples[run[1], 0])

    for index, name in enumerate(names):
        add(name, index, index + 1)
    while len(runs) > 1:
        short = min(range(len(runs)), key=lambda index: seconds(runs[index]))
        if seconds(runs[short]) >= LEAST_S:
            break
        into = max(
            (index for index in (short - 1, short + 1) if 0 <= index < len(runs)), key=lambda i: seconds(runs[i])
        )
        renamed = [(runs[into][0] if index == short else run[0], *run[1:]) for index, run in enumerate(runs)]
        runs.clear()
        for run in renamed:
            add(*run)
    return runs


def _confidence(speed: float, support: float) -> float:
    """Far from the threshold and much of the picture agrees: sure."""
    clear = min(1.0, abs(speed - MOVING) / MOVING)
    return 0.5 + 0.45 * clear * min(1.0, support / FULL_SUPPORT)
