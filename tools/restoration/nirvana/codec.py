"""Videos to files of networks, and back, by picture or by group.

Group k is stored as the change of its symbols from group k - 1; every `Settings.whole_every` groups one stands alone,
so that any picture can be had from a few blocks. Bits follow what changes: the bytes of the groups are a curve of how
much happens.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain, islice
from pathlib import Path

from torch import Tensor

from tools.base import MediaError
from tools.media.frame import Picture
from tools.restoration.nirvana.container import Header, Reader, Writer
from tools.restoration.nirvana.fit import FitConfig, Pace, fit_group
from tools.restoration.nirvana.latents import Quantised, from_payload, parts_of, to_payload
from tools.restoration.nirvana.network import SIZES, Config
from tools.restoration.nirvana.patches import Grid, rendered
from tools.restoration.nirvana.range_coder import Damaged

TICKS = 90_000
"""In a second."""
MOMENT_S = 0.05
"""A group is fitted at least so long, also when the time is used up."""


@dataclass(frozen=True)
class Settings:
    """How a video is compressed."""

    network: Config = SIZES["pocket"]
    fit: FitConfig = field(default_factory=FitConfig)
    whole_every: int = 8
    """Groups from one that stands alone to the next."""
    seconds: float = math.inf
    """Of processor time for all fitting; fits end early when they would take longer."""
    bits_per_pixel: float = math.inf
    """To be kept on average where it can be, by making bits dearer."""
    comment: str = ""


@dataclass(frozen=True)
class Group:
    """What became of a group."""

    index: int
    whole: bool
    num_bytes: int
    psnr_db: float
    steps: int


@dataclass(frozen=True)
class Compressed:
    """A file that was written."""

    num_bytes: int
    num_frames: int
    groups: tuple[Group, ...]


class RateControl:
    """Makes a bit dearer while more was spent than was meant, cheaper while less was."""

    WIDEST = 64.0
    """At most so much dearer or cheaper."""

    def __init__(self, rate_weight: float, bits_per_pixel: float) -> None:
        self._first, self._meant = rate_weight, bits_per_pixel
        self._bits = self._pixels = 0.0

    @property
    def rate_weight(self) -> float:
        """Lambda for the next group: the square of what is spent over what is meant. The first has the given one."""
        if not self._pixels or math.isinf(self._meant):
            return self._first
        over = self._bits / (self._meant * self._pixels)
        return self._first * min(self.WIDEST, max(1 / self.WIDEST, over**2))

    def spent(self, bits: float, pixels: int) -> None:
        self._bits += bits
        self._pixels += pixels


def compress(
    pictures: Iterable[tuple[float, Picture]],
    num_frames: int,
    end_s: float,
    path: Path,
    settings: Settings,
    *,
    told: Callable[[Group], None] = lambda _group: None,
    check: Callable[[], None] = lambda: None,
) -> Compressed:
    """Write (time in s, uint8 RGB [H, W, 3]) in order, `num_frames` of one size, as a file.

    The last is shown until `end_s`. `told` hears of each group when it is done, `check` is called before every step and
    may raise. Memory holds one group. Raises ValueError without a picture, OSError.
    """
    source = iter(pictures)
    first = next(source, None)
    if first is None:
        raise ValueError("no picture to compress")
    height, width = first[1].shape[:2]
    header = Header(width=width, height=height, network=settings.network, comment=settings.comment)
    fitter = _Fitter(settings, -(-num_frames // settings.network.frames), check)
    groups: list[Group] = []
    last, count = -1, 0
    with Writer(path, header) as writer:
        source = chain([first], source)
        while taken := list(islice(source, settings.network.frames)):
            payload, group = fitter.next([picture for _, picture in taken])
            times = []
            for t_s, _ in taken:
                last = max(last + 1, round((t_s - first[0]) * TICKS))
                times.append(last)
            writer.add(payload, whole=group.whole, times=times)
            groups.append(group)
            count += len(taken)
            told(group)
        num_bytes = writer.finish(max(last + 1, round((end_s - first[0]) * TICKS)))
    return Compressed(num_bytes, count, tuple(groups))


class _Fitter:
    """Fits group after group, with the time and the bits that are left."""

    def __init__(self, settings: Settings, num_groups: int, check: Callable[[], None]) -> None:
        self._settings, self._num_groups, self._check = settings, num_groups, check
        self._control = RateControl(settings.fit.rate_weight, settings.bits_per_pixel)
        self._begun = time.process_time()
        self._index, self._goal_db = 0, math.inf
        self._state: Quantised | None = None

    def next(self, pictures: list[Picture]) -> tuple[bytes, Group]:
        """The next group as it is stored."""
        settings, fit, index = self._settings, self._settings.fit, self._index
        whole = index % settings.whole_every == 0
        steps = fit.later_steps if index else fit.first_steps
        to_come = max(0, self._num_groups - index - 1) * fit.later_steps
        left_s = settings.seconds - (time.process_time() - self._begun)
        found = fit_group(
            pictures,
            settings.network,
            replace(fit, rate_weight=self._control.rate_weight),
            start=self._state,
            whole=whole,
            goal_db=self._goal_db,
            pace=Pace(steps, max(MOMENT_S, left_s * steps / (steps + to_come)), self._check),
        )
        payload = to_payload(found.state, None if whole else self._state)
        self._control.spent(8 * len(payload), len(pictures) * pictures[0].shape[0] * pictures[0].shape[1])
        if index == 0:
            self._goal_db = found.psnr_db  # the others are to be as good, not better
        self._state, self._index = found.state, index + 1
        return payload, Group(index, whole, len(payload), found.psnr_db, found.steps)


class Decoder:
    """Pictures of a file in any order; beside the file's index it holds the network of one group. Raises MediaError."""

    def __init__(self, path: Path) -> None:
        self._reader = Reader(path)
        self.header, self.index = self._reader.header, self._reader.index
        self.parts = parts_of(self.header.network)
        self.grid = Grid(self.header.width, self.header.height, self.header.network.patch)
        self._held: tuple[int, Quantised] | None = None

    @property
    def num_frames(self) -> int:
        return len(self.index.times)

    @property
    def duration_s(self) -> float:
        return self.index.end / TICKS

    def state(self, group: int) -> Quantised:
        """The network of a group: read on from the one that is held, or from the nearest that stands alone."""
        begin = max(index for index in range(group + 1) if self.index.blocks[index].whole)
        state = None
        if self._held is not None and begin <= self._held[0] <= group:
            begin, state = self._held[0] + 1, self._held[1]
        for index in range(begin, group + 1):
            base = None if self.index.blocks[index].whole else state
            try:
                state = from_payload(self._reader.payload(index), self.parts, base)
            except Damaged as error:
                raise MediaError(
                    f"{self._reader.path.name}: group {index}: {error}; compress the video again"
                ) from error
        if state is None:
            raise IndexError(group)
        self._held = group, state
        return state

    def group(self, group: int) -> list[Picture]:
        """All pictures of a group, uint8 RGB [H, W, 3]."""
        return self.grid.join(self.patches(group, range(self.grid.rows * self.grid.columns)))

    def patches(self, group: int, chosen: Sequence[int]) -> Tensor:
        """Some patches (numbered row by row) of a group: uint8 [N, frames, 3, patch, patch]."""
        weights = self.state(group).weights(self.parts)
        opened = rendered(self.header.network, weights, self.grid.places()[list(chosen)])
        return opened[:, : self.index.blocks[group].frames]

    def frame(self, index: int) -> Picture:
        """The picture of an index. Raises IndexError."""
        if not 0 <= index < self.num_frames:
            raise IndexError(f"picture {index} of {self.num_frames}")
        begins = [0, *accumulate(block.frames for block in self.index.blocks)]
        group = bisect_right(begins, index) - 1
        return self.group(group)[index - begins[group]]

    def frames(self) -> Iterator[tuple[float, Picture]]:
        """(time in s, picture), all in order."""
        times = iter(self.index.times)
        for group in range(len(self.index.blocks)):
            for picture in self.group(group):
                yield next(times) / TICKS, picture

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
