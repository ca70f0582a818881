"""Labels of a folder of clips: frames are read at a fixed rate, matched, and the labels kept beside the run."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from tools.base import InvalidArguments, MediaError
from tools.matching.gim.examples import Labelled
from tools.matching.gim.labels import NONE, LabelConfig, LabelledPair, Propagation, match_frames
from tools.matching.matcher import Matcher
from tools.media.frame import Picture
from tools.media.reader import VideoReader

FRAMES_HZ = 3.0
"""Rate of the grid of frames: ten frames of a video of 30 a second, GIM's least skip."""
SIDE_PX, MAX_FRAMES = 512, 90
"""Frames are made smaller to this longer side; so many of a clip are used, which bounds memory (40 MB a clip)."""
TRIM_S = 300.0
"""Left out at both ends of videos of more than four times this: titles and credits."""
SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi")


def labelled_pairs(
    clips: Path,
    matchers: Sequence[Matcher],
    store: Path,
    *,
    config: LabelConfig | None = None,
    progress: Callable[[str], None] = lambda _text: None,
) -> list[Labelled]:
    """Of all videos of a folder, in order of their names; `store` keeps the labels, so that a second call is fast.

    A video that cannot be read is left out and named to `progress`. Raises InvalidArguments when no label is left.
    """
    found = []
    for path in _videos(clips):
        try:
            pairs = list(_of_clip(path, matchers, store / f"{path.name}.npz", config or LabelConfig()))
        except MediaError as error:
            progress(str(error))
            continue
        progress(f"{path.name}: {len(pairs)} pairs of frames with labels")
        found += pairs
    if not found:
        raise InvalidArguments(f"{clips}: no video there gives labels; name a folder with videos of a moving camera")
    return found


def all_frames(clips: Path, *, progress: Callable[[str], None] = lambda _text: None) -> list[Picture]:
    """`grid_frames` of all videos of a folder; one that cannot be read is named to `progress`.

    Raises InvalidArguments when none can be read.
    """
    found = []
    for path in _videos(clips):
        try:
            found += grid_frames(path)
        except MediaError as error:
            progress(str(error))
    if not found:
        raise InvalidArguments(f"{clips}: no video there can be read; name a folder with videos")
    return found


def grid_frames(path: Path) -> list[Picture]:
    """At most MAX_FRAMES frames of a video, FRAMES_HZ a second, uint8 RGB, made smaller. Raises MediaError."""
    frames = []
    with VideoReader(path) as reader:
        start_s = TRIM_S if reader.info.duration_s > 4 * TRIM_S else 0.0
        for frame in reader.frames(start_s, reader.info.duration_s - start_s, hz=FRAMES_HZ):
            height, width = frame.rgb.shape[:2]
            shrink = min(1.0, SIDE_PX / max(height, width))
            size = max(1, round(width * shrink)), max(1, round(height * shrink))
            frames.append(np.asarray(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), np.uint8))
            if len(frames) == MAX_FRAMES:
                break
    return frames


def _videos(clips: Path) -> list[Path]:
    return [path for path in sorted(clips.iterdir()) if path.suffix.lower() in SUFFIXES] if clips.is_dir() else []


def _of_clip(path: Path, matchers: Sequence[Matcher], store: Path, config: LabelConfig) -> Iterator[Labelled]:
    frames = grid_frames(path)
    made_of = json.dumps([asdict(config), path.stat().st_size, len(frames)])
    pairs = _stored(store, made_of)
    if pairs is None:
        chain = Propagation(lambda a, b: match_frames(frames[a], frames[b], matchers, config), len(frames), config)
        pairs = chain.pairs()
        _save(store, made_of, pairs)
    for pair in pairs:
        yield Labelled(frames[pair.first], frames[pair.second], pair.labels)


def _save(store: Path, made_of: str, pairs: list[LabelledPair]) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    partial = store.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            made_of=np.array(made_of),
            frames=np.array([(pair.first, pair.second, len(pair.labels)) for pair in pairs], np.int64).reshape(-1, 3),
            labels=np.concatenate([NONE, *(pair.labels for pair in pairs)]),
        )
    os.replace(partial, store)


def _stored(store: Path, made_of: str) -> list[LabelledPair] | None:
    """What `_save` wrote of the same clip and the same settings; None where there is no such file."""
    try:
        with np.load(store, allow_pickle=False) as arrays:
            if str(arrays["made_of"]) != made_of:
                return None
            frames, labels = arrays["frames"], arrays["labels"]
        parts = np.split(labels, np.cumsum(frames[:, 2])[:-1])
        return [LabelledPair(int(a), int(b), part) for (a, b, _), part in zip(frames, parts, strict=len(frames) > 0)]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
