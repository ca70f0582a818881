"""The `tapvid` suite: points followed through videos of 256x256 (TAP-Vid)."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evals.datasets.tapvid import TapVideo, read_tapvid
from evals.metrics.tracking import QueryMode, score_points
from evals.suites.measured import Item, Scores, mean_figures, plain_name
from tools.base import InvalidArguments
from tools.media.frame import Picture

Floats = npt.NDArray[np.floating[Any]]
Followed = tuple[Floats, npt.NDArray[np.bool_]]
"""Tracks [Q, T, 2], (x, y) in pixels of 256x256, and whether the point is hidden [Q, T]."""
Tracker = Callable[[Picture, Floats], Followed]
"""Follows query points [Q, 3], (t, y, x), through a video, uint8 RGB [T, 256, 256, 3]."""
NAMES = ("AJ", "delta avg", "OA")
MODES: tuple[QueryMode, ...] = ("first", "strided")
MAX_BYTES = 1 << 30


class TapVidSuite:
    """Videos of a pickle, or of the pickles of a folder, in the layout of TAP-Vid."""

    name = "tapvid"
    version = "1"

    def __init__(self, data: Path) -> None:
        """`data` is a pickle or a folder of them; they are read one by one, when they are needed."""
        self.data = data

    def measure(self, track: Tracker, *modes: QueryMode) -> Scores:
        """Measure a function that follows points, in each of the modes (none given: "first").

        Raises InvalidArguments for tracks that do not fit.
        """
        return self._scores(
            lambda video: {mode: track(video.scaled(), video.queries(mode).points) for mode in modes or MODES[:1]}
        )

    def score(self, predictions: Path) -> Scores:
        """Measure `<predictions>/first/<video>.npz` and `<predictions>/strided/<video>.npz`, or one of the two.

        A file holds the arrays `tracks` and `occluded`, one row a query, in the order of the queries of that mode.
        """
        modes = [mode for mode in MODES if (predictions / mode).is_dir()]
        if not modes:
            raise InvalidArguments(f"{predictions} holds neither first nor strided; put the tracks into one of them")
        return self._scores(
            lambda video: {mode: _read(predictions / mode / f"{plain_name(video.name)}.npz") for mode in modes}
        )

    def _scores(self, predict: Callable[[TapVideo], dict[QueryMode, Followed]]) -> Scores:
        items = list(self._items(predict))
        names = list(dict.fromkeys(name for item in items for name in item.values))
        return Scores(self.name, self.version, mean_figures(items, names), tuple(items))

    def _items(self, predict: Callable[[TapVideo], dict[QueryMode, Followed]]) -> Iterator[Item]:
        for video in read_tapvid(self.data):
            values: dict[str, float] = {}
            for mode, (tracks, occluded) in predict(video).items():
                try:
                    score = score_points(video.queries(mode), tracks, occluded, mode)
                except ValueError as error:
                    raise InvalidArguments(f"video {video.name}: {error}") from error
                figures = (score.average_jaccard, score.delta_average, score.occlusion_accuracy)
                values |= {f"{mode} {name}": value for name, value in zip(NAMES, figures, strict=True)}
            yield Item(video.name, video.name, values)


def _read(path: Path) -> Followed:
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(member.file_size for member in packed.infolist()) > MAX_BYTES:
                raise InvalidArguments(f"{path}: unpacks to more than {MAX_BYTES >> 20} MiB")
        with np.load(path, allow_pickle=False) as arrays:
            tracks, occluded = arrays["tracks"], arrays["occluded"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise InvalidArguments(f"{path}: not a file with the arrays tracks and occluded ({error})") from error
    if tracks.dtype.kind != "f" or occluded.dtype != np.bool_ or not math.isfinite(float(np.sum(tracks))):
        raise InvalidArguments(f"{path}: tracks are not finite float, or occluded is not bool")
    return tracks, occluded
