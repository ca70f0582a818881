"""`FeatureBank`: features of a whole video at a bounded size (MAMBA, arXiv 2401.09923, section 3).

Written a few rows a frame; once full, rows make room by the policy. Read as a key set of bounded length, so that the
cost of attention to it does not grow with the video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tools.base import InvalidArguments

Write = Literal["random", "fifo", "score"]
"""Who makes room: anyone, the oldest, those of the lowest score."""
Read = Literal["random", "rank", "frequency"]
"""Who is read: anyone; those of the highest score; anyone, with a chance by the softmax of the score."""


@dataclass(frozen=True)
class BankConfig:
    """Sizes in rows, and policies."""

    max_rows: int = 20_000
    key_rows: int = 2_000
    write: Write = "random"
    read: Read = "random"

    def __post_init__(self) -> None:
        if self.max_rows < 1 or self.key_rows < 1:
            raise InvalidArguments(f"a bank needs room: max_rows {self.max_rows} and key_rows {self.key_rows} are >= 1")


class FeatureBank:
    """Rows [L, C] with a score and an age each.

    L stays below `max_rows` plus the rows of one write, as in the released code, and is constant from then on. What is
    written is detached. Random choices come from `seed` alone, the same on every device.
    """

    def __init__(self, config: BankConfig | None = None, *, seed: int = 0) -> None:
        self.config = config or BankConfig()
        self._chance = torch.Generator().manual_seed(seed)
        self._clock = 0
        self.clear()

    def __len__(self) -> int:
        return len(self._born)

    @property
    def born(self) -> Tensor:
        """int64 [L]: the number of the write, since the last `clear`, that each row came with."""
        return self._born

    def clear(self) -> None:
        """Forget everything: a new video begins."""
        self._rows: Tensor | None = None
        self._scores = torch.zeros(0)
        self._born = torch.zeros(0, dtype=torch.int64)
        self._clock = 0

    def write(self, rows: Tensor, scores: Tensor | None = None) -> None:
        """Add rows [n, C] with scores [n] (default 0). Raises InvalidArguments when they cannot all be kept."""
        if len(rows) > self.config.max_rows:
            raise InvalidArguments(f"{len(rows)} rows at once do not fit into a bank of {self.config.max_rows}")
        rows = rows.detach()
        scores = torch.zeros(len(rows)) if scores is None else scores.detach().float().cpu()
        born = torch.full((len(rows),), self._clock)
        self._clock += 1
        if self._rows is None:
            self._rows, self._scores, self._born = rows.clone(), scores.clone(), born
        elif len(self) < self.config.max_rows:
            self._rows = torch.cat([self._rows, rows])
            self._scores, self._born = torch.cat([self._scores, scores]), torch.cat([self._born, born])
        else:
            place = self._leaving(len(rows))
            self._rows[place.to(rows.device)] = rows
            self._scores[place], self._born[place] = scores, born

    def keys(self) -> Tensor:
        """The key set, [at most key_rows, C]; all rows when they are no more than that.

        Raises InvalidArguments when nothing was written.
        """
        if self._rows is None:
            raise InvalidArguments("the bank is empty: write the features of a first frame before reading")
        num = self.config.key_rows
        if len(self) <= num:
            return self._rows
        if self.config.read == "random":
            chosen = self._any(num)
        else:
            weight = self._scores
            if self.config.read == "frequency":  # the largest of log-weights + Gumbel noise: no row twice
                weight = weight - torch.rand(len(self), generator=self._chance).log().neg().log()
            chosen = weight.topk(num).indices
        return self._rows[chosen.to(self._rows.device)]

    def num_bytes(self) -> int:
        """Size of all that is kept."""
        parts = [self._scores, self._born] + ([] if self._rows is None else [self._rows])
        return sum(part.numel() * part.element_size() for part in parts)

    def state_dict(self) -> dict[str, Tensor]:
        """All that is kept, and the state of chance: what `load_state_dict` goes on from."""
        state = {"scores": self._scores, "born": self._born, "chance": self._chance.get_state()}
        state["clock"] = torch.tensor(self._clock)
        return state if self._rows is None else state | {"rows": self._rows}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on exactly where `state_dict` was taken."""
        rows = state.get("rows")
        self._rows = None if rows is None else rows.clone()
        self._scores, self._born, self._clock = state["scores"].clone(), state["born"].clone(), int(state["clock"])
        self._chance.set_state(state["chance"])

    def _any(self, num: int) -> Tensor:
        return torch.randperm(len(self), generator=self._chance)[:num]

    def _leaving(self, num: int) -> Tensor:
        if self.config.write == "random":
            return self._any(num)
        order = self._born if self.config.write == "fifo" else self._scores
        return order.argsort(stable=True)[:num]
