"""From followed texts to rows of the memory: joining, judging, describing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.extractor import Row
from tools.text.track import GRACE_S, TextTrack, alike
from tools.text.vote import agreement, vote, vote_digits
from tools.types import Box

MIN_CONFIDENCE = 0.5
"""Texts of less confidence are not remembered."""
_SHORT, _SHORT_CONFIDENCE, _SHORT_SPAN_S = 2, 0.85, 0.5
_KIN, _SURE = 0.55, 0.9
_MAX_KIN_READINGS = 60


def text_rows(tracks: Sequence[TextTrack], size: tuple[int, int], name: str) -> list[Row]:
    """Event rows for the tracks, in order of time; `size` is (width, height) of the picture, pixels."""
    joined = _join(tracks)
    rows = []
    for track in joined:
        said = _settle(track, joined)
        if not _is_noise(track, said.text, said.confidence):
            rows.append((track, said))
    return [
        {
            "event_id": f"{name}:{i}",
            "kind": "text",
            "start_s": track.start_s,
            "end_s": track.last_s,
            "text": said.text,
            "attributes": json.dumps(_attributes(track, said, size), ensure_ascii=False),
            "confidence": round(said.confidence, 4),
        }
        for i, (track, said) in enumerate(rows)
    ]


def place_of(box: Box, size: tuple[int, int]) -> tuple[str, str]:
    """Which third of the picture the middle of a box is in: (top | middle | bottom, left | centre | right)."""
    x, y = box.centre
    return (
        ("top", "middle", "bottom")[min(2, int(3 * y / max(1, size[1])))],
        ("left", "centre", "right")[min(2, int(3 * x / max(1, size[0])))],
    )


def _join(tracks: Sequence[TextTrack]) -> list[TextTrack]:
    """Join pieces of what is one text: alike, in about one place or moving, with hardly a gap between."""
    joined: list[TextTrack] = []
    for track in tracks:
        host = next((k for k in reversed(joined) if _continues(k, track)), None)
        if host is None:
            joined.append(replace(track, readings=list(track.readings), follower=None))
            continue
        host.readings += track.readings
        host.num_reads += track.num_reads
        host.moving = host.moving or track.moving
        host.last_s, host.read_s = max(host.last_s, track.last_s), max(host.read_s, track.read_s)
    return joined


def _continues(host: TextTrack, track: TextTrack) -> bool:
    gap_s = track.start_s - host.last_s
    if gap_s > GRACE_S:
        return False
    if host.moving or track.moving:
        same_look = host.most_common("background") == track.most_common("background")
        return same_look and alike(host.text, track.text) >= 0.6
    return host.box.iou(track.box) >= 0.3 and host.text == track.text


@dataclass(frozen=True)
class _Settled:
    text: str
    digits: str
    confidence: float


def _settle(track: TextTrack, tracks: Sequence[TextTrack]) -> _Settled:
    """What a track says.

    Text on a thing that the camera loses and finds again is read anew each time; where the readings of one visit leave
    doubt, those of the others (alike, of the same background, moving in the picture too) vote with them.
    """
    votes, text = track.votes, track.text
    if track.moving or len(votes) <= 2 or track.confidence <= _SURE:
        ground = track.most_common("background")
        kin = [k for k in tracks if k is track or (_same_thing(k, track, ground) and alike(k.text, text) >= _KIN)]
        votes = sorted((v for k in kin for v in k.votes), key=lambda v: -v[1])[:_MAX_KIN_READINGS]
        text = vote(votes)
    return _Settled(text, vote_digits(votes), agreement(text, votes))


def _same_thing(a: TextTrack, b: TextTrack, ground: str) -> bool:
    """Whether two texts may stand on one thing that moves through the picture."""
    return (a.moving or b.moving) and a.most_common("background") == ground


def _is_noise(track: TextTrack, text: str, confidence: float) -> bool:
    if confidence < MIN_CONFIDENCE:
        return True
    if sum(c.isalnum() for c in text) > _SHORT:
        return False
    lasting = track.num_reads > 1 or (track.last_s - track.start_s >= _SHORT_SPAN_S and not track.moving)
    return confidence < _SHORT_CONFIDENCE or not lasting


def _attributes(track: TextTrack, said: _Settled, size: tuple[int, int]) -> dict[str, object]:
    box = track.box
    vertical, horizontal = place_of(box, size)
    others: dict[str, float] = {}
    for reading in track.readings:
        if reading.text != said.text:
            others[reading.text] = max(others.get(reading.text, 0.0), round(reading.confidence, 3))
    best = max(track.readings, key=lambda r: r.confidence)
    return {
        "box": [round(v, 1) for v in box],
        "height_px": round(box.y2 - box.y1, 1),
        "colour": track.most_common("colour"),
        "background": track.most_common("background"),
        "position": [vertical, horizontal],
        "best_read_s": round(track.read_s, 3),
        "best_box": [round(v, 1) for v in best.box],
        "readings": [{"text": t, "confidence": c} for t, c in sorted(others.items(), key=lambda o: (-o[1], o[0]))][:8],
        "num_reads": track.num_reads,
        "moving": track.moving,
        "digits": said.digits,
        "words": said.text.split(),
    }
