"""Pictures between two pictures, from their optical flow: no weights.

DIS flow in both directions (Kroeger et al., arXiv 1603.03590, in OpenCV), taken to the wanted time by inverting either
flow, gives two proposals of where each pixel comes from. Both pictures are warped there (backward, so there are no
holes), blended by time and by what each of them can see (inside the picture; the round trip of the flow closes), and
the proposals by how well the warped pictures agree. Where neither agrees the blend of the unmoved pictures takes over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from tools.media.frame import Picture
from tools.restoration.flow import NO_MAP, DenseFlow, Floats, grid
from tools.segmentation.embedded.motion import squared

INVERSIONS = 3
"""Fixed-point steps of an inversion; more make nothing better."""
AGREEMENT_PX = 2.0
"""Standard deviation of the window in which warped pictures are compared."""
NOISE = 4.0
"""Squared difference of colours (of 255, summed over channels) that means nothing."""
UNMOVED = 2.0
"""The blend of the unmoved pictures counts as if its squared difference were so many times as large."""
ROUND_TRIP_PX, ROUND_TRIP_SHARE = 1.0, 0.02
"""Gap of a round trip that is no sign of hiding: squared pixels, and a share of the squared motion."""
HIDING = 0.1
"""How fast a picture loses weight with the gap of its round trip; with more, errors of the flow count as hiding."""
OUTSIDE = 1e-4
"""Weight of a picture where the motion comes from beyond its border."""


class Interpolator(Protocol):
    """Makes pictures between two pictures of one size that show one scene."""

    model: str

    def between(self, before: Picture, after: Picture, shares: Sequence[float]) -> Iterator[Picture]:
        """The pictures at shares of the time from `before` (0) to `after` (1), which rise; uint8 RGB [H, W, 3]."""
        ...


class FlowInterpolator:
    """The one that needs no weights; keeps the solver's buffers."""

    model = "optical flow both ways"

    def __init__(self) -> None:
        self._flow = DenseFlow()

    def between(self, before: Picture, after: Picture, shares: Sequence[float]) -> Iterator[Picture]:
        """See Interpolator."""
        pair: _Pair | None = None
        for share in shares:
            if 0 < share < 1:
                pair = pair or _Pair(
                    before, after, self._flow.between(before, after), self._flow.between(after, before)
                )
                yield pair.at(share)
            else:
                yield before if share <= 0 else after


class _Proposal(NamedTuple):
    """Where the pixels of the wanted picture come from."""

    to_before: Floats
    """[H, W, 2], pixels."""
    to_after: Floats


class _Pair:
    """Two pictures and the motion between them."""

    def __init__(self, before: Picture, after: Picture, forward: Floats, backward: Floats) -> None:
        self._before, self._after = before, after
        self._forward, self._backward = forward, backward
        self._grid = grid(*before.shape[:2])

    def at(self, share: float) -> Picture:
        """The picture at a share of the time, 0 < share < 1."""
        out = cv2.addWeighted(self._before, 1 - share, self._after, share, 0, dtype=cv2.CV_32F)
        change = squared(cv2.subtract(self._before, self._after, dtype=cv2.CV_32F))
        total = _believed(UNMOVED * change)
        out = out * total[..., None]
        to_before = self._inverted(self._forward, share)
        to_after = self._inverted(self._backward, 1 - share)
        for proposal in (
            _Proposal(to_before, to_before * (share - 1) / share),
            _Proposal(to_after * share / (share - 1), to_after),
        ):
            picture, weight = self._warped(proposal, share)
            out += picture * weight[..., None]
            total = total + weight
        return np.asarray(np.clip(np.rint(out / total[..., None]), 0, 255), np.uint8)

    def _inverted(self, flow: Floats, share: float) -> Floats:
        """The way back to where a flow begins, seen from where it is after a share of it: v(x) = -share flow(x + v)."""
        back = -share * flow
        for _ in range(INVERSIONS):
            back = -share * self._look(flow, back)
        return back

    def _warped(self, proposal: _Proposal, share: float) -> tuple[Floats, Floats]:
        """The picture [H, W, 3] that a proposal gives, and how far it is to be believed [H, W]."""
        old = self._look(self._before, proposal.to_before, cv2.INTER_CUBIC)
        new = self._look(self._after, proposal.to_after, cv2.INTER_CUBIC)
        moved = proposal.to_after - proposal.to_before
        inside_old, inside_new = (self._inside(way) for way in proposal)
        gap_old = squared(self._look(self._forward, proposal.to_before) - moved)
        gap_new = squared(self._look(self._backward, proposal.to_after) + moved)
        slack = ROUND_TRIP_PX + ROUND_TRIP_SHARE * squared(moved)
        weight_old = (inside_old * (1 - share) + OUTSIDE) / (1 + HIDING * gap_old / slack)
        weight_new = (inside_new * share + OUTSIDE) / (1 + HIDING * gap_new / slack)
        part = (weight_old / (weight_old + weight_new))[..., None]
        return old * part + new * (1 - part), _believed(squared(old - new) * inside_old * inside_new)

    def _inside(self, way: Floats) -> Floats:
        """1 where a way from a pixel ends inside the picture, float32 [H, W]."""
        height, width = way.shape[:2]
        inside = cv2.inRange(self._grid + way, (-0.5, -0.5), (width - 0.5, height - 0.5))
        return np.asarray(inside / np.float32(255), np.float32)

    def _look(self, values: Floats | Picture, way: Floats, how: int = cv2.INTER_LINEAR) -> Floats:
        """What is at the other end of a way from every pixel; the border goes on outwards."""
        seen = cv2.remap(values, self._grid + way, NO_MAP, how, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.float32)


def _believed(differs: Floats) -> Floats:
    """Weight of a proposal from the squared difference of what it brings together, both [H, W]."""
    return np.asarray(1 / (NOISE + cv2.GaussianBlur(differs, (0, 0), AGREEMENT_PX)), np.float32)
