"""TAP-Vid: videos with points followed through them, in pickles of NumPy arrays (read without running any code).

Layout (google-deepmind/tapnet): DAVIS is a dict by name, RGB-stacking, RoboTAP and the shards of Kinetics are lists
(or dicts) of {"video": uint8 [T, H, W, 3] or T JPEG files, "points": float [N, T, 2], (x, y) as shares of width and
height, "occluded": bool [N, T]}.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evals.datasets.plain_pickle import read_plain_pickle
from evals.metrics.tracking import Queries, QueryMode, first_queries, strided_queries
from tools.base import InvalidArguments, MediaError
from tools.media.frame import Picture
from tools.media.stills import decode_picture

SIDE_PX = 256
"""The benchmark is defined on videos of this height and width."""
MAX_FRAMES = 100_000


@dataclass(frozen=True)
class TapVideo:
    """A video with N annotated points over T frames."""

    name: str
    video: Picture
    """uint8 RGB [T, H, W, 3], at the size of the file."""
    points: npt.NDArray[np.float32]
    """[N, T, 2]: (x, y) as shares of width and height."""
    occluded: npt.NDArray[np.bool_]
    """[N, T]."""

    def scaled(self) -> Picture:
        """The video at 256x256, uint8 RGB [T, 256, 256, 3]; averaged over areas when it gets smaller."""
        import cv2

        height, width = self.video.shape[1:3]
        if (height, width) == (SIDE_PX, SIDE_PX):
            return self.video
        method = cv2.INTER_AREA if min(height, width) >= SIDE_PX else cv2.INTER_LINEAR
        frames = [cv2.resize(frame, (SIDE_PX, SIDE_PX), interpolation=method) for frame in self.video]
        return np.stack(frames).astype(np.uint8)

    def queries(self, mode: QueryMode) -> Queries:
        """What a tracker is asked, and the truth, in pixels of 256x256."""
        tracks = self.points * SIDE_PX
        return first_queries(tracks, self.occluded) if mode == "first" else strided_queries(tracks, self.occluded)


def read_tapvid(path: Path) -> Iterator[TapVideo]:
    """The videos of a pickle, or of all `*.pkl` of a folder, file by file.

    Raises InvalidArguments with one line that names the file and the video at fault.
    """
    files = sorted(path.glob("*.pkl")) if path.is_dir() else [path]
    if not files:
        raise InvalidArguments(f"{path} holds no .pkl; name a pickle of TAP-Vid or a folder of them")
    for file in files:
        content = read_plain_pickle(file)
        if not isinstance(content, dict | list):
            raise InvalidArguments(f"{file}: neither a dict nor a list of videos")
        named = content.items() if isinstance(content, dict) else enumerate(content)
        for key, example in named:
            name = str(key) if isinstance(content, dict) else f"{file.stem}-{key:04}"
            try:
                yield _video(name, example)
            except (ValueError, MediaError) as error:
                raise InvalidArguments(f"{file}: video {name!r}: {error}") from error


def _video(name: str, example: Any) -> TapVideo:
    if not isinstance(example, dict) or not {"video", "points", "occluded"} <= example.keys():
        raise ValueError("has not the fields video, points and occluded")
    video, points, occluded = example["video"], example["points"], example["occluded"]
    if isinstance(video, list):
        video = _decoded(name, video)
    if not isinstance(video, np.ndarray) or video.dtype != np.uint8 or video.ndim != 4 or video.shape[3] != 3:
        raise ValueError("video is not uint8 [T, H, W, 3]")
    if not isinstance(points, np.ndarray) or points.dtype.kind != "f" or points.ndim != 3 or points.shape[2] != 2:
        raise ValueError("points are not float [N, T, 2]")
    if not isinstance(occluded, np.ndarray) or occluded.dtype != np.bool_:
        raise ValueError("occluded is not bool [N, T]")
    if occluded.shape != points.shape[:2] or points.shape[1] != len(video):
        raise ValueError(f"{len(video)} frames, points {points.shape}, occluded {occluded.shape} do not fit together")
    if not np.isfinite(points[~occluded]).all():
        raise ValueError("a visible point is nowhere")
    return TapVideo(name, video, points.astype(np.float32), occluded)


def _decoded(name: str, frames: list[Any]) -> Picture:
    if not 1 <= len(frames) <= MAX_FRAMES or not all(isinstance(frame, bytes) for frame in frames):
        raise ValueError("video is neither an array nor a list of JPEG files")
    pictures = [decode_picture(frame, f"frame {index}") for index, frame in enumerate(frames)]
    if len({picture.shape for picture in pictures}) > 1:
        raise ValueError("frames of different sizes")
    return np.stack(pictures)
