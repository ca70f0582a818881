"""DAVIS 2017: sequences of JPEG frames with label pictures.

Layout (davischallenge.org): `ImageSets/2017/<subset>.txt` names the sequences, one a line;
`JPEGImages/480p/<sequence>/<frame>.jpg`; `Annotations/480p/<sequence>/<frame>.png`, whose palette indices are the
numbers of the objects, 255 = void. Subsets without published truth have the annotation of the first frame only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.base import InvalidArguments, MediaError
from tools.media.stills import read_labels

Labels = npt.NDArray[np.uint8]

VOID = 255


@dataclass(frozen=True)
class DavisSequence:
    """Frames of one video, in order, and its annotations."""

    name: str
    frames: tuple[Path, ...]
    annotations: tuple[Path, ...]
    """Of all frames or, where the truth is not published, of the first one only."""

    def labels(self, index: int) -> Labels:
        """Numbers of the objects, uint8 [H, W], 0 = background or void. Raises MediaError."""
        labels = read_labels(self.annotations[index])
        labels[labels == VOID] = 0
        return labels

    @cached_property
    def num_objects(self) -> int:
        """The objects are those of the first frame, numbered from 1 on."""
        return int(self.labels(0).max())


def read_davis(root: Path, *, subset: str = "val", resolution: str = "480p") -> list[DavisSequence]:
    """The sequences of a subset. Raises InvalidArguments, in one line, when files are not where they should be."""
    listed = root / "ImageSets" / "2017" / f"{subset}.txt"
    try:
        names = listed.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArguments(
            f"{listed}: cannot be read; name the folder of DAVIS 2017 (it holds ImageSets)"
        ) from error
    if not names:
        raise InvalidArguments(f"{listed} names no sequence")
    return [_sequence(root, listed, name, resolution) for name in names]


def _sequence(root: Path, listed: Path, name: str, resolution: str) -> DavisSequence:
    if name != Path(name).name or name in (".", ".."):
        raise InvalidArguments(f"{listed}: {name!r} is not the plain name of a folder")
    frames = tuple(sorted((root / "JPEGImages" / resolution / name).glob("*.jpg")))
    annotations = tuple(sorted((root / "Annotations" / resolution / name).glob("*.png")))
    if not frames or not annotations:
        kind = "JPEGImages" if not frames else "Annotations"
        raise InvalidArguments(f"{root / kind / resolution / name} has no pictures; {listed} names the sequence {name}")
    expected = [frame.stem for frame in frames]
    if [path.stem for path in annotations] not in (expected, expected[:1]):
        raise InvalidArguments(
            f"sequence {name}: {len(annotations)} annotations for {len(frames)} frames, or others than the frames "
            "have; fetch the data set again"
        )
    return DavisSequence(name, frames, annotations)


def predicted_labels(folder: Path, sequence: DavisSequence, index: int) -> Labels:
    """What a folder of results says of a frame: `<folder>/<sequence>/<frame>.png`, uint8 [H, W].

    Raises MediaError when the picture is missing, has another size or more objects than the sequence.
    """
    path = folder / sequence.name / f"{sequence.frames[index].stem}.png"
    labels = read_labels(path)
    if int(labels.max()) > sequence.num_objects:
        raise MediaError(f"{path}: object {labels.max()} of a sequence with {sequence.num_objects} objects")
    return labels
