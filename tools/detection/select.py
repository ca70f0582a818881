"""Choosing among what was detected in one picture: by colour, relation to other things, size and place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from memory.spatial import BoxTrack, spatial_relations
from tools.colours.names import COLOUR_NAMES, classify, nearest_asked
from tools.detection.detector import Detection
from tools.detection.phrases import Place, Wanted
from tools.media.frame import Frame
from tools.types import Box

INNER = 0.15
"""Share of a box that is cut off at each side before its colour is looked at: its corners show what is behind."""
LEAST_COLOUR, FULL_COLOUR = 0.12, 0.35
"""Share of a colour in a box below which it is not of that colour, and from which it surely is."""
FAINT = 0.5
"""A phrase that speaks of one thing is not decided by detections less sure than this share of the surest."""
MIDDLE = (1 / 3, 2 / 3)


def choose(wanted: Wanted, found: Sequence[Detection], anchors: Sequence[Detection], frame: Frame) -> list[Detection]:
    """Those of `found` (which fit the noun) that the whole phrase means, best first.

    A phrase in the singular with a place, a size or a relation means one thing; otherwise all that fit stay.
    `anchors` is what the relation is to.
    """
    chosen = [one for one in (_of_colour(wanted, item, frame) for item in found) if one is not None]
    if wanted.relation is not None:
        chosen = _related(wanted, chosen, anchors)
    if wanted.place is not None and not wanted.single:
        chosen = [item for item in chosen if _in_part(item.box, wanted.place, frame)]
    one_of_many = wanted.single and (wanted.place is not None or wanted.size is not None or wanted.relation is not None)
    if wanted.size is None and not one_of_many:
        return sorted(chosen, key=lambda item: -item.score)
    surest = max((item.score for item in chosen), default=0.0)
    chosen = [item for item in chosen if item.score >= FAINT * surest]
    order = _order(wanted, anchors, frame)
    chosen = sorted(chosen, key=lambda item: (order(item), -item.score))
    return chosen[:1] if wanted.single else chosen


def _of_colour(wanted: Wanted, item: Detection, frame: Frame) -> Detection | None:
    """The detection, less sure where little of it has the colour; None where it has another one."""
    if wanted.colour is None:
        return item
    share = colour_share(frame, item.box, wanted.colour)
    if share < LEAST_COLOUR:
        return None
    return replace(item, score=item.score * min(1.0, share / FULL_COLOUR))


def colour_share(frame: Frame, box: Box, colour: str) -> float:
    """Share of the inner part of a box (source pixels) that bears a basic colour, 0..1."""
    dx, dy = INNER * (box.x2 - box.x1), INNER * (box.y2 - box.y1)
    x1, y1 = int((box.x1 + dx) / frame.scale), int((box.y1 + dy) / frame.scale)
    x2, y2 = int(np.ceil((box.x2 - dx) / frame.scale)), int(np.ceil((box.y2 - dy) / frame.scale))
    pixels = frame.small[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
    if not pixels.size:
        return 0.0
    names = nearest_asked(classify(np.ascontiguousarray(pixels)), (colour,))
    return float((names == COLOUR_NAMES.index(colour)).mean())


def _related(wanted: Wanted, found: Sequence[Detection], anchors: Sequence[Detection]) -> list[Detection]:
    """Those in the relation to any anchor (memory.spatial says what each means); of 'nearest' all, for the order."""
    if wanted.relation == "nearest":
        return [item for item in found if any(item.box != other.box for other in anchors)]
    tracks = {f"a{index}": _still(item.box) for index, item in enumerate(found)}
    tracks |= {f"b{index}": _still(item.box) for index, item in enumerate(anchors)}
    holding = {
        one.subject
        for one in spatial_relations(tracks)
        if one.subject[0] == "a" and one.object[0] == "b" and one.predicate == wanted.relation
        and found[int(one.subject[1:])].box != anchors[int(one.object[1:])].box
    }  # fmt: skip
    return [item for index, item in enumerate(found) if f"a{index}" in holding]


def _still(box: Box) -> BoxTrack:
    return BoxTrack(np.zeros(1), np.array([box], np.float64), np.ones(1))


def _in_part(box: Box, place: Place, frame: Frame) -> bool:
    x, y = box.centre[0] / frame.width, box.centre[1] / frame.height
    return {
        "left": x < 0.5,
        "right": x >= 0.5,
        "top": y < 0.5,
        "bottom": y >= 0.5,
        "middle": MIDDLE[0] <= x <= MIDDLE[1] and MIDDLE[0] <= y <= MIDDLE[1],
    }[place]


def _order(wanted: Wanted, anchors: Sequence[Detection], frame: Frame) -> Callable[[Detection], float]:
    """What the chosen one has least of: size before place before distance."""
    if wanted.size is not None:
        sign = -1 if wanted.size == "largest" else 1
        return lambda item: sign * item.box.area
    if wanted.place is not None:
        return lambda item: _towards(item.box, wanted.place, frame)
    if wanted.relation in ("nearest", "near"):
        return lambda item: min((_gap(item.box, a.box) for a in anchors if a.box != item.box), default=np.inf)
    return lambda item: -item.score


def _towards(box: Box, place: Place | None, frame: Frame) -> float:
    x, y = box.centre
    if place == "middle":
        return float(np.hypot(x - frame.width / 2, y - frame.height / 2))
    return {"left": x, "right": -x, "top": y, "bottom": -y}[place or "left"]


def _gap(one: Box, other: Box) -> float:
    """Distance between edges, pixels; where boxes touch, that of the centres makes the difference (below 1)."""
    dx = max(one.x1 - other.x2, other.x1 - one.x2, 0.0)
    dy = max(one.y1 - other.y2, other.y1 - one.y2, 0.0)
    between = float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))
    return float(np.hypot(dx, dy)) + between / (between + 1e4)
