"""Weighs tracks and long trajectories against each other: which way, closer or away, and how sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.tracking.recall import Candidate
from tools.tracking.summary import Approach, Direction, approach_of, direction_of
from tools.tracking.trajectories import Drift

FULL_POINTS = 15
"""Points from which a drift has full weight."""
UNSUPPORTED = 0.3
"""What is left of the support of a growth that long trajectories do not show."""


@dataclass(frozen=True)
class Verdict:
    """The answer of `track_motion`; shares of the longest side of the picture."""

    direction: Direction
    direction_confidence: float
    dx: float
    dy: float
    way: float
    seconds: float
    approach: Approach
    approach_confidence: float
    growth: float
    by_drift: bool
    """The long trajectories decided the direction, not the tracks."""


def judge(tracks: Sequence[Candidate], drifts: Sequence[Drift]) -> Verdict | None:
    """`tracks`: the most salient first; None when neither shows anything that moves."""
    if not tracks and not drifts:
        return None
    fast = _from_tracks(tracks) if tracks else None
    slow = _from_drifts(drifts) if drifts else None
    if fast is None or slow is None:
        only = fast or slow
        assert only is not None
        return only
    chosen, other = (fast, slow) if fast.direction_confidence >= slow.direction_confidence else (slow, fast)
    if chosen.direction == "none" and other.direction != "none":
        chosen, other = other, chosen
    sure = _joint(chosen, other)
    approach, approach_confidence = _joint_approach(tracks[0], drifts)
    return Verdict(
        direction=chosen.direction,
        direction_confidence=sure,
        dx=chosen.dx,
        dy=chosen.dy,
        way=chosen.way,
        seconds=chosen.seconds,
        approach=approach,
        approach_confidence=approach_confidence,
        growth=fast.growth,
        by_drift=chosen is slow,
    )


def _joint(chosen: Verdict, other: Verdict) -> float:
    """Two ways of looking that agree are surer than one; a contradiction costs as much as the other is sure."""
    if chosen.direction == other.direction:
        return min(0.95, max(chosen.direction_confidence, other.direction_confidence) + 0.05)
    if other.direction == "none":
        return 0.5 + 0.85 * (chosen.direction_confidence - 0.5)
    doubt = (other.direction_confidence - 0.5) / 0.45
    return 0.5 + (chosen.direction_confidence - 0.5) * (1.0 - 0.7 * doubt)


def _joint_approach(track: Candidate, drifts: Sequence[Drift]) -> tuple[Approach, float]:
    """Growth of the track's boxes, believed less where lasting points on moving things do not grow likewise."""
    agreement = track.growth_agreement
    during = [drift for drift in drifts if drift.start_s < track.last_s and drift.end_s > track.first_s]
    strong = [drift for drift in during if drift.num_points >= FULL_POINTS]
    if strong:
        by_points = sum(drift.growth for drift in strong)
        if by_points * track.growth < 0 or abs(by_points) < 0.2 * abs(track.growth):
            agreement *= UNSUPPORTED
    return approach_of(track.growth, agreement)


def _from_tracks(tracks: Sequence[Candidate]) -> Verdict:
    """The most salient track, believed as far as the other tracks go the same way."""
    best = tracks[0]
    direction, confidence = direction_of(best.dx, best.dy, best.way)
    approach, approach_confidence = approach_of(best.growth, best.growth_agreement)
    return Verdict(
        direction=direction,
        direction_confidence=0.5 + (confidence - 0.5) * _consent(tracks),
        dx=best.dx,
        dy=best.dy,
        way=best.way,
        seconds=best.last_s - best.first_s,
        approach=approach,
        approach_confidence=approach_confidence,
        growth=best.growth,
        by_drift=False,
    )


def _consent(tracks: Sequence[Candidate]) -> float:
    """Share of the salience that goes the way of the first track, less what goes against it, 0..1."""
    shifts = np.array([(track.dx, track.dy) for track in tracks])
    weight = np.array([track.salience for track in tracks])
    lengths = np.hypot(shifts[:, 0], shifts[:, 1])
    if lengths[0] < 1e-9:
        return 1.0
    cosine = (shifts @ shifts[0]) / np.maximum(lengths * lengths[0], 1e-12)
    return float(np.clip((weight * cosine).sum() / max(float(weight.sum()), 1e-12), 0.0, 1.0))


def _from_drifts(drifts: Sequence[Drift]) -> Verdict:
    """All pieces together, each weighted by its points."""
    points = np.array([drift.num_points for drift in drifts], dtype=float)
    share = points / points.sum()
    dx = float(sum(drift.dx * weight for drift, weight in zip(drifts, share, strict=True)) * len(drifts))
    dy = float(sum(drift.dy * weight for drift, weight in zip(drifts, share, strict=True)) * len(drifts))
    way = float(sum(drift.way * weight for drift, weight in zip(drifts, share, strict=True)) * len(drifts))
    growth = float(sum(drift.growth for drift in drifts))
    direction, confidence = direction_of(dx, dy, way)
    full = min(1.0, float(points.mean()) / FULL_POINTS)
    approach, approach_confidence = approach_of(growth, 0.5 * full)
    return Verdict(
        direction=direction,
        direction_confidence=0.5 + (confidence - 0.5) * full,
        dx=dx,
        dy=dy,
        way=way,
        seconds=sum(drift.end_s - drift.start_s for drift in drifts),
        approach=approach,
        approach_confidence=approach_confidence,
        growth=growth,
        by_drift=True,
    )
