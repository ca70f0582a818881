"""Tracks of several things: CLEAR MOT and IDF1.

CLEAR MOT: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics" (EURASIP
JIVP 2008), section 2.3; matches of the frame before are kept while they hold. IDF1: Ristani et al., "Performance
Measures and a Data Set for Multi-Target, Multi-Camera Tracking" (arXiv 1609.01775), section 3: one assignment of
predicted to true identities over the whole video, the one with the fewest errors. Boxes match from IoU 0.5 on, as in
the MOT challenge.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Box = Sequence[float]
"""xyxy, pixels."""
FrameBoxes = Mapping[Hashable, Box]
"""What is in a frame, by identity."""
Floats = npt.NDArray[np.float64]

MATCH_IOU = 0.5


@dataclass(frozen=True)
class TrackScore:
    """One video, or several counted together. Shares are 1 at best; NaN where there is nothing to find."""

    mota: float
    """1 - (misses + false positives + switches) / true boxes; negative when errors outnumber them."""
    motp: float
    """Mean IoU of the matches."""
    idf1: float
    id_precision: float
    id_recall: float
    switches: int
    """A true thing that is matched to another identity than the last time that it was matched."""
    misses: int
    false_positives: int
    num_truth: int
    """True boxes."""


def score_tracks(truth: Sequence[FrameBoxes], found: Sequence[FrameBoxes], *, iou: float = MATCH_IOU) -> TrackScore:
    """Score the boxes found in each frame of a video. Raises ValueError when the numbers of frames differ."""
    if len(truth) != len(found):
        raise ValueError(f"{len(truth)} frames of truth and {len(found)} of results; give one entry a frame")
    last: dict[Hashable, Hashable] = {}
    held: dict[Hashable, Hashable] = {}
    overlaps: list[float] = []
    switches = misses = false_positives = 0
    for true, guess in zip(truth, found, strict=True):
        held, values = _match_frame(true, guess, held, iou)
        overlaps += values
        switches += sum(name in last and last[name] != other for name, other in held.items())
        last |= held
        misses += len(true) - len(held)
        false_positives += len(guess) - len(held)
    num_truth, num_found = sum(map(len, truth)), sum(map(len, found))
    agreed = _identity_matches(truth, found, iou)
    return TrackScore(
        mota=1 - (misses + false_positives + switches) / num_truth if num_truth else float("nan"),
        motp=float(np.mean(overlaps)) if overlaps else float("nan"),
        idf1=2 * agreed / (num_truth + num_found) if num_truth + num_found else float("nan"),
        id_precision=agreed / num_found if num_found else float("nan"),
        id_recall=agreed / num_truth if num_truth else float("nan"),
        switches=switches,
        misses=misses,
        false_positives=false_positives,
        num_truth=num_truth,
    )


def _match_frame(
    true: FrameBoxes, guess: FrameBoxes, held: Mapping[Hashable, Hashable], least: float
) -> tuple[dict[Hashable, Hashable], list[float]]:
    """Found identity by true one, and the overlaps: matches of the frame before first, then the best of the rest."""
    from scipy.optimize import linear_sum_assignment

    names, others = list(true), list(guess)
    table = _overlaps([true[name] for name in names], [guess[other] for other in others])
    pairs = {
        names.index(name): others.index(other)
        for name, other in held.items()
        if name in true and other in guess and table[names.index(name), others.index(other)] >= least
    }
    rows = [row for row in range(len(names)) if row not in pairs]
    columns = [column for column in range(len(others)) if column not in pairs.values()]
    rest = table[np.ix_(rows, columns)]
    # As many pairs as possible first, then the largest overlaps.
    for r, c in zip(*linear_sum_assignment(np.where(rest >= least, -10.0 - rest, 0.0)), strict=True):
        if rest[r, c] >= least:
            pairs[rows[r]] = columns[c]
    matched = {names[row]: others[column] for row, column in pairs.items()}
    return matched, [float(table[row, column]) for row, column in pairs.items()]


def _identity_matches(truth: Sequence[FrameBoxes], found: Sequence[FrameBoxes], least: float) -> int:
    """IDTP: boxes that agree under the best one-to-one assignment of identities."""
    from scipy.optimize import linear_sum_assignment

    names = {name: index for index, name in enumerate(dict.fromkeys(n for frame in truth for n in frame))}
    others = {name: index for index, name in enumerate(dict.fromkeys(n for frame in found for n in frame))}
    together = np.zeros((len(names), len(others)), np.int64)
    for true, guess in zip(truth, found, strict=True):
        table = _overlaps(list(true.values()), list(guess.values()))
        for row, name in enumerate(true):
            for column, other in enumerate(guess):
                together[names[name], others[other]] += table[row, column] >= least
    rows, columns = linear_sum_assignment(-together)
    return int(together[rows, columns].sum())


def _overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> Floats:
    """Intersection over union [N, M]."""
    one = np.asarray(boxes, np.float64).reshape(-1, 1, 4)
    two = np.asarray(others, np.float64).reshape(1, -1, 4)
    low, high = np.maximum(one[..., :2], two[..., :2]), np.minimum(one[..., 2:], two[..., 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    area = [np.clip(b[..., 2:] - b[..., :2], 0, None).prod(axis=-1) for b in (one, two)]
    union = area[0] + area[1] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
