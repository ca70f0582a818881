"""Ref-YouTube-VOS (and Ref-DAVIS 2017 in the same layout): objects of videos named by sentences.

Layout: `meta_expressions/<split>/meta_expressions.json` = {"videos": {video: {"expressions": {id: {"exp": text,
"obj_id": text}}, "frames": [names]}}}, without obj_id where the truth is not published; pictures
`<split>/JPEGImages/<video>/<frame>.jpg`; masks `<split>/Annotations/<video>/<frame>.png`, palette index = object.
The valid file holds the videos of test, too: they are left out where the test file is there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.base import InvalidArguments
from tools.media.stills import read_labels

MAX_BYTES = 512 << 20


@dataclass(frozen=True)
class Expression:
    """One sentence about one object of one video."""

    video: str
    expression_id: str
    text: str
    frames: tuple[Path, ...]
    annotations: tuple[Path, ...]
    """One a frame; empty where the truth is not published."""
    object_number: int | None
    """Palette index of the object; None where the truth is not published."""

    def mask(self, index: int) -> npt.NDArray[np.bool_]:
        """The object in a frame, bool [H, W]. Raises MediaError, and InvalidArguments where no truth is published."""
        if self.object_number is None or not self.annotations:
            raise InvalidArguments(f"{self.video}, expression {self.expression_id}: the truth is not published")
        return read_labels(self.annotations[index]) == self.object_number


class _Expression(BaseModel):
    model_config = ConfigDict(strict=True)
    exp: str = Field(min_length=1)
    obj_id: str | int | None = None


class _Video(BaseModel):
    model_config = ConfigDict(strict=True)
    expressions: dict[str, _Expression]
    frames: list[str] = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(strict=True)
    videos: dict[str, _Video]


def read_ref_youtube_vos(root: Path, *, split: str = "valid") -> list[Expression]:
    """All expressions of a split, in the order of the file. Raises InvalidArguments with one line on what is wrong."""
    path = _path_of(root, split)
    videos = _read(path).videos
    if split == "valid" and _path_of(root, "test").is_file():
        hidden = _read(_path_of(root, "test")).videos
        videos = {name: video for name, video in videos.items() if name not in hidden}
    return [
        expression for name, video in videos.items() for expression in _expressions(path, root / split, name, video)
    ]


def _path_of(root: Path, split: str) -> Path:
    return root / "meta_expressions" / split / "meta_expressions.json"


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidArguments(f"{path}: more than {MAX_BYTES >> 20} MiB")
        return _File.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise InvalidArguments(f"{path}: cannot be read; name the folder that holds meta_expressions") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidArguments(f"{path}: {where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidArguments(f"{path}: not JSON ({error}); fetch it again") from error


def _expressions(path: Path, folder: Path, name: str, video: _Video) -> list[Expression]:
    for part in (name, *video.frames):
        if part != Path(part).name or part in (".", ".."):
            raise InvalidArguments(f"{path}: {part!r} is not the plain name of a file")
    frames = tuple(folder / "JPEGImages" / name / f"{frame}.jpg" for frame in video.frames)
    masks = tuple(folder / "Annotations" / name / f"{frame}.png" for frame in video.frames)
    published = masks[0].is_file()
    found = []
    for expression_id, expression in video.expressions.items():
        number = expression.obj_id
        if number is not None and not (str(number).isascii() and str(number).isdecimal()):
            raise InvalidArguments(f"{path}: {name}, expression {expression_id}: obj_id {number!r} is not a number")
        truth = masks if published and number is not None else ()
        found.append(
            Expression(name, expression_id, expression.exp, frames, truth, None if number is None else int(number))
        )
    return found
