"""Turning reads of single frames into texts with a beginning and an end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tools.text.follow import Follower, Gray, Patch, View, cut_patch, first_seen
from tools.text.ocr import Reading
from tools.text.track import GRACE_S, TextTrack, alike, digits_differ
from tools.types import Box

_SAME_PLACE = 0.3
_SAME_TEXT = 0.6
_ALIKE_HERE = 0.4


class TextTracker:
    """Holds the texts in view and the last few views (grey pictures): O(1) memory but for the finished texts."""

    def __init__(self, view_scale: float, num_views: int) -> None:
        """`view_scale`: source pixels per view pixel; `num_views`: how many views to keep for looking back."""
        self._scale = view_scale
        self._views: deque[View] = deque(maxlen=num_views)
        self._live: list[TextTrack] = []
        self.finished: list[TextTrack] = []

    @property
    def wants_reads(self) -> bool:
        """Whether a text in view should be read more often."""
        now = self._views[-1][0] if self._views else 0.0
        return any(track.uncertain and now - track.last_s <= GRACE_S for track in self._live)

    def see(self, t_s: float, gray: Gray) -> None:
        """Follow the texts into the next view."""
        self._views.append((t_s, gray))
        for track in list(self._live):
            track.see(t_s, gray)
            if t_s - track.last_s > GRACE_S:
                self._live.remove(track)
                self.finished.append(track)

    def read(self, t_s: float, readings: Sequence[Reading]) -> None:
        """Take in what was read in the view at t_s (one of those seen)."""
        gray = next((g for s, g in self._views if s == t_s), None)
        free = list(self._live)
        for reading in sorted(readings, key=lambda r: -r.confidence):
            patch = cut_patch(gray, self._to_view(reading.box)) if gray is not None else None
            track = max(free, key=lambda k: self._affinity(k, reading), default=None)
            if track is None or self._affinity(track, reading) <= 0:
                self._live.append(self._new(t_s, reading, patch))
            elif digits_differ(track.readings[-1], reading) and not track.moving:
                free.remove(track)
                self._replace(track, self._new(t_s, reading, patch, rival=track.follower))
            else:
                free.remove(track)
                track.add(reading, t_s, self._caught_up(track, t_s, patch))

    def finish(self) -> list[TextTrack]:
        """All texts, by the time at which they appear."""
        self.finished += self._live
        self._live = []
        return sorted(self.finished, key=lambda k: (k.start_s, k.box.y1, k.box.x1))

    def _to_view(self, box: Box) -> Box:
        return Box(*(v / self._scale for v in box))

    def _affinity(self, track: TextTrack, reading: Reading) -> float:
        """How sure it is that a reading belongs to a track; 0 = it does not."""
        similarity = max(alike(reading.text, text) for text in {r.text for r in track.readings[-6:]})
        last = track.readings[-1]
        here = Box(*(v * self._scale for v in track.follower.box)) if track.follower is not None else last.box
        overlap = max(here.iou(reading.box), last.box.iou(reading.box))
        if overlap >= _SAME_PLACE and similarity >= _ALIKE_HERE:
            return similarity + overlap
        taller = (reading.box.y2 - reading.box.y1) / max(1.0, last.box.y2 - last.box.y1)
        long_enough = min(len(reading.text), len(last.text)) >= 3
        if similarity >= _SAME_TEXT and long_enough and 0.5 <= taller <= 2.0 and last.background == reading.background:
            return similarity
        return 0.0

    def _new(self, t_s: float, reading: Reading, patch: Patch | None, rival: Follower | None = None) -> TextTrack:
        start_s, moved = t_s, False
        if patch is not None:
            earlier = [view for view in reversed(self._views) if view[0] < t_s]
            start_s, moved = first_seen(patch, earlier, t_s, rival.patch if rival is not None else None)
        track = TextTrack(start_s, t_s, t_s, None, moving=moved)
        follower = Follower(patch) if patch is not None else None
        track.add(reading, t_s, follower)
        self._see_later(track, t_s)
        return track

    def _caught_up(self, track: TextTrack, t_s: float, patch: Patch | None) -> Follower | None:
        """A follower on the fresh patch, brought from the frame that was read up to the newest view."""
        if patch is None:
            return None
        follower = Follower(patch)
        for view_s, gray in self._views:
            if view_s > t_s and follower.see(gray):
                track.last_s = max(track.last_s, view_s)
        return follower

    def _see_later(self, track: TextTrack, t_s: float) -> None:
        for view_s, gray in self._views:
            if view_s > t_s:
                track.see(view_s, gray)

    def _replace(self, old: TextTrack, new: TextTrack) -> None:
        """The old text ends at the last view before the new one begins."""
        before = [view_s for view_s, _ in self._views if view_s < new.start_s]
        old.last_s = max(old.start_s, old.read_s, before[-1] if before else old.read_s)
        self._live.remove(old)
        self.finished.append(old)
        self._live.append(new)
