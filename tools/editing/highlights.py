"""Which pieces make a short film of long ones: where one may cut, which pieces there could be, and which are taken.

Chosen is greedily by gain for cost under a budget (Lin and Bilmes 2010, "Multi-document summarization via budgeted
maximization of submodular functions"): what matters in the pieces, plus how well they stand for all of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.types import Interval

CUT_MARGIN_S = 0.15
"""A piece begins and ends no nearer to a cut of the source: a flash of the next shot looks like a mistake."""
SLIVER_S = 0.4
"""Nor is less than this of a shot shown at an end of a piece that goes over a cut, where there is a choice."""
SPEECH_PAD_S = 0.1
"""Left before and after what is said, where others do not speak."""
GAP_S = 1.0
"""Pieces of one passage are so far apart: a shorter jump looks like a mistake."""
CUT_COST_S = 3.0
"""What a further piece costs besides its length, so that few longer pieces win over many short ones."""
NUM_LENGTHS = 6
"""Lengths that are tried from each place."""
SLACK_S = 1e-6

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ground:
    """What limits the pieces of one video. Times in seconds, `utterances` and `cuts` in order."""

    duration_s: float
    cuts: Sequence[float] = ()
    utterances: Sequence[Interval] = ()


@dataclass(frozen=True)
class Limits:
    """Of pieces, seconds."""

    least_s: float
    most_s: float
    """Only one that would end inside an utterance is longer."""
    budget_s: float
    """Of all together."""
    step_s: float = 0.5
    """Between places where a piece may begin."""


@dataclass(frozen=True)
class Candidate:
    """A stretch that could be taken."""

    video: int
    """Number of its `Ground`."""
    passage: int
    span: Interval


def candidates(grounds: Sequence[Ground], limits: Limits) -> list[Candidate]:
    """All pieces that could be taken, in order. None begins or ends inside an utterance or close to a cut."""
    found: list[Candidate] = []
    for video, ground in enumerate(grounds):
        spoken = padded(ground.utterances, ground.duration_s)
        for passage, span in enumerate(passages(ground, spoken, limits.least_s)):
            places = _places(ground, spoken, span, limits.step_s)
            starts = [t for t in places if not _between(ground.cuts, t, t + SLIVER_S)]
            ends = [t for t in places if not _between(ground.cuts, t - SLIVER_S, t)]
            stretches = _stretches(ground, spoken, starts, ends, limits)
            stretches = stretches or _stretches(ground, spoken, places, places, limits)
            found += [Candidate(video, passage, one) for one in stretches]
    return found


def padded(utterances: Sequence[Interval], duration_s: float) -> list[Interval]:
    """Utterances with the quiet around them that is theirs; those that overlap joined, none overlap."""
    joined: list[Interval] = []
    for one in sorted(utterances):
        if joined and one.start_s < joined[-1].end_s:
            joined[-1] = Interval(joined[-1].start_s, max(joined[-1].end_s, one.end_s))
        else:
            joined.append(one)
    ends = [-2 * SPEECH_PAD_S, *(one.end_s for one in joined)]
    starts = [*(one.start_s for one in joined[1:]), duration_s + 2 * SPEECH_PAD_S]
    return [
        Interval(
            max(0.0, one.start_s - min(SPEECH_PAD_S, (one.start_s - before) / 2)),
            min(duration_s, one.end_s + min(SPEECH_PAD_S, (after - one.end_s) / 2)),
        )
        for one, before, after in zip(joined, ends, starts, strict=False)
    ]


def passages(ground: Ground, spoken: Sequence[Interval], least_s: float) -> list[Interval]:
    """Shots; those joined between which somebody speaks on, and those too short for a piece."""
    cuts = [
        cut
        for cut in ground.cuts
        if CUT_MARGIN_S < cut < ground.duration_s - CUT_MARGIN_S and not _inside(spoken, cut, CUT_MARGIN_S)
    ]
    found: list[Interval] = []
    start_s = 0.0
    for cut in [*cuts, ground.duration_s]:
        if cut - start_s >= least_s + 2 * CUT_MARGIN_S:
            found.append(Interval(start_s, cut))
            start_s = cut
    if start_s < ground.duration_s:
        first_s = found.pop().start_s if found else 0.0
        found.append(Interval(first_s, ground.duration_s))
    return found


def choose(
    pieces: Sequence[Candidate], worth: Floats, cover: Floats, weights: Floats, limits: Limits, total: float
) -> list[int]:
    """Numbers of the pieces to take, by time; their lengths together are within the budget.

    `worth` [N] is what is in each piece, `cover` [N, V] 0..1 how well it stands for each of V views, `weights` [V] what
    the views count; standing for all of them is worth `total`. The same arguments always give the same.
    """
    if not pieces:
        return []
    choice = _Choice(pieces, worth, cover, weights * (total / max(SLACK_S, float(weights.sum()))), limits)
    choice.add()
    choice.lengthen()
    alone = choice.alone()
    if alone is not None and choice.gained([alone]) > choice.gained(choice.taken):
        choice.taken = [alone]
        choice.lengthen()
    return sorted(choice.taken, key=lambda n: (pieces[n].video, pieces[n].span))


class _Choice:
    """Pieces that are taken, and what others would add."""

    def __init__(
        self, pieces: Sequence[Candidate], worth: Floats, cover: Floats, weights: Floats, limits: Limits
    ) -> None:
        self._worth, self._cover, self._weights = worth, cover, weights
        self._budget_s = limits.budget_s + SLACK_S
        self._video = np.array([one.video for one in pieces])
        self._passage = np.array([one.passage for one in pieces])
        self._start = np.array([one.span.start_s for one in pieces])
        self._end = np.array([one.span.end_s for one in pieces])
        self._lasts = self._end - self._start
        self.taken: list[int] = []

    def add(self) -> None:
        """Take what gains most for its cost, until nothing more fits or gains; one at least."""
        while True:
            free = self._free(self.taken)
            if not free.any():
                return
            rate = np.where(free, self._gains(self.taken) / (self._lasts + CUT_COST_S), -np.inf)
            best = int(np.argmax(rate))
            if rate[best] <= 0 and self.taken:
                return
            self.taken.append(best)

    def lengthen(self) -> None:
        """Put longer pieces in the place of those that are taken, the one first that gains most a second."""
        while True:
            best, swap = 0.0, None
            for at, number in enumerate(self.taken):
                others = self.taken[:at] + self.taken[at + 1 :]
                around = (self._start <= self._start[number]) & (self._end >= self._end[number])
                around &= (self._lasts > self._lasts[number] + SLACK_S) & (self._video == self._video[number])
                around &= self._free(others)
                if not around.any():
                    continue
                gains = self._gains(others)
                more = (gains - gains[number]) / np.maximum(SLACK_S, self._lasts - self._lasts[number])
                more[~around] = -np.inf
                if more.max() > best:
                    best, swap = float(more.max()), (at, int(np.argmax(more)))
            if swap is None:
                return
            self.taken[swap[0]] = swap[1]

    def alone(self) -> int | None:
        """The one piece that gains most by itself."""
        fits = self._free([])
        return int(np.argmax(np.where(fits, self._gains([]), -np.inf))) if fits.any() else None

    def gained(self, taken: Sequence[int]) -> float:
        return float(self._worth[list(taken)].sum() + self._covered(taken) @ self._weights)

    def _covered(self, taken: Sequence[int]) -> Floats:
        return np.asarray(self._cover[list(taken)].max(axis=0, initial=0.0))

    def _gains(self, taken: Sequence[int]) -> Floats:
        """What each piece would add, [N]."""
        now = self._covered(taken)
        return np.asarray(self._worth + np.maximum(self._cover - now, 0.0) @ self._weights)

    def _free(self, taken: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Which pieces fit into what is left, and stand clear of those that are taken."""
        free = self._lasts <= self._budget_s - self._lasts[list(taken)].sum()
        for one in taken:
            gap = np.where(self._passage == self._passage[one], GAP_S - SLACK_S, -SLACK_S)
            meet = (self._start < self._end[one] + gap) & (self._end > self._start[one] - gap)
            free &= ~(meet & (self._video == self._video[one]))
        return free


def _places(ground: Ground, spoken: Sequence[Interval], passage: Interval, step_s: float) -> list[float]:
    """Where a piece of a passage may begin or end."""
    first_s = passage.start_s + (CUT_MARGIN_S if passage.start_s > 0 else 0.0)
    last_s = passage.end_s - (CUT_MARGIN_S if passage.end_s < ground.duration_s else 0.0)
    steps = first_s + step_s * np.arange(1 + int((last_s - first_s) / step_s))
    edges = [t for span in spoken for t in span]
    edges += [cut + side for cut in ground.cuts for side in (-CUT_MARGIN_S, CUT_MARGIN_S)]
    times = sorted({first_s, last_s, *(float(t) for t in steps), *(t for t in edges if first_s < t < last_s)})
    return [t for t in times if _allowed(ground, spoken, t)]


def _allowed(ground: Ground, spoken: Sequence[Interval], t_s: float) -> bool:
    """Whether nobody is speaking then, and no cut is near."""
    end = t_s in (0.0, ground.duration_s)
    return not _inside(spoken, t_s, 0.0) and (end or not _between(ground.cuts, t_s - CUT_MARGIN_S, t_s + CUT_MARGIN_S))


def _between(times: Sequence[float], low_s: float, high_s: float) -> bool:
    at = bisect_left(times, low_s + SLACK_S)
    return at < len(times) and times[at] < high_s - SLACK_S


def _inside(spans: Sequence[Interval], t_s: float, margin_s: float) -> bool:
    """Whether less than a margin from a time one of the spans (in order, apart) goes on."""
    at = bisect_left(spans, t_s - margin_s + SLACK_S, key=lambda one: one.end_s)
    return at < len(spans) and spans[at].start_s < t_s + margin_s - SLACK_S


def _stretches(
    ground: Ground, spoken: Sequence[Interval], starts: Sequence[float], ends: Sequence[float], limits: Limits
) -> list[Interval]:
    """From each start on some lengths; where speech leaves none, the shortest that it does leave."""
    longest = min(limits.most_s, limits.budget_s)
    lengths = np.geomspace(limits.least_s, longest, NUM_LENGTHS) if longest > limits.least_s else [longest]
    found = []
    for start_s in starts:
        low = bisect_left(ends, start_s + limits.least_s - SLACK_S)
        if low == len(ends):
            break
        lasts = {bisect_left(ends, start_s + length + SLACK_S) - 1 for length in lengths}
        until = [ends[last] for last in sorted(lasts) if last >= low]
        if not until:
            shortest = start_s + limits.least_s
            until = [shortest if _allowed(ground, spoken, shortest) else ends[low]]
        found += [Interval(start_s, t) for t in until if t - start_s <= limits.budget_s + SLACK_S]
    return found
