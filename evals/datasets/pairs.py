"""Pairs of pictures with intrinsics and true relative pose, as the matching benchmarks of SuperGlue list them.

One pair a line (magicleap/SuperGluePretrainedNetwork): name0 name1 rot0 rot1 K0 (9 numbers) K1 (9) T_0to1 (16), row by
row; names are paths below the folder of the list, rot is how many counter-clockwise quarter turns make a picture
upright, the pose takes points of the first camera to the second one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.base import InvalidArguments
from tools.media.frame import Picture
from tools.media.stills import read_picture

Matrix = npt.NDArray[np.float64]

NUM_FIELDS = 38


@dataclass(frozen=True)
class View:
    """One upright picture of a pair."""

    name: str
    picture: Picture
    """uint8 RGB [H, W, 3]."""
    intrinsics: Matrix
    """[3, 3], pixels."""


@dataclass(frozen=True)
class Pair:
    """Where the two pictures are, as listed."""

    paths: tuple[Path, Path]
    quarter_turns: tuple[int, int]
    intrinsics: tuple[Matrix, Matrix]
    """Of the pictures as stored."""
    pose: Matrix
    """[4, 4], from the first to the second camera as stored."""

    def load(self) -> tuple[View, View, Matrix]:
        """Both pictures upright, and the pose [4, 4] between their cameras. Raises MediaError."""
        views, turns = [], []
        for path, quarter_turns, intrinsics in zip(self.paths, self.quarter_turns, self.intrinsics, strict=True):
            picture = read_picture(path)
            turn = np.eye(4)
            for _ in range(quarter_turns):
                picture, intrinsics = _turned(picture, intrinsics)
                turn = _QUARTER @ turn
            views.append(View(path.name, np.ascontiguousarray(picture), intrinsics))
            turns.append(turn)
        return views[0], views[1], turns[1] @ self.pose @ turns[0].T


_QUARTER = np.array([[0.0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
"""A camera whose picture is turned a quarter counter-clockwise: x' = y, y' = -x."""


def _turned(picture: Picture, intrinsics: Matrix) -> tuple[Picture, Matrix]:
    """A quarter turn counter-clockwise: pixel (x, y) goes to (y, width - 1 - x)."""
    width = picture.shape[1]
    (fx, _, cx), (_, fy, cy), _ = intrinsics.tolist()
    return np.rot90(picture), np.array([[fy, 0, cy], [0, fx, width - 1 - cx], [0, 0, 1]])


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a list. Raises InvalidArguments, with the number of the line at fault."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArguments(f"{path}: cannot be read; name a list of pairs with their poses") from error
    pairs = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                pairs.append(_pair(path.parent, line.split()))
            except ValueError as error:
                raise InvalidArguments(f"{path}, line {number}: {error}") from error
    if not pairs:
        raise InvalidArguments(f"{path} lists no pair")
    return pairs


def _pair(folder: Path, fields: list[str]) -> Pair:
    if len(fields) != NUM_FIELDS:
        raise ValueError(f"{len(fields)} fields instead of {NUM_FIELDS}")
    for name in fields[:2]:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name!r} is not a plain path below the folder")
    numbers = np.array([float(value) for value in fields[2:]])
    if not np.isfinite(numbers).all():
        raise ValueError("a number is not finite")
    turns = [int(value) for value in numbers[:2]]
    if any(turn not in range(4) for turn in turns) or (numbers[:2] != turns).any():
        raise ValueError(f"quarter turns {fields[2]} and {fields[3]} are not 0 to 3")
    first, second = numbers[2:11].reshape(3, 3), numbers[11:20].reshape(3, 3)
    pose = numbers[20:].reshape(4, 4)
    if min(first[0, 0], first[1, 1], second[0, 0], second[1, 1]) <= 0:
        raise ValueError("a focal length is not above 0")
    rotation = pose[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 0.01 or np.linalg.det(rotation) < 0:
        raise ValueError("the pose is not a rotation and a translation")
    return Pair((folder / fields[0], folder / fields[1]), (turns[0], turns[1]), (first, second), pose)
