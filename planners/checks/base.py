"""Checking a draft by another tool than the one it rests on, on the cited spans only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from planners.state import Draft, ToolCall
from tools.types import Evidence


@dataclass(frozen=True)
class Finding:
    """What a check found out."""

    stance: Literal["supports", "contradicts", "silent"]
    reason: str

    def __str__(self) -> str:
        return f"{self.stance}: {self.reason}"


class Check(ABC):
    """Judges the drafts that rest on one tool. Instances are stateless."""

    of: ClassVar[str]
    """The tool whose findings are checked."""

    @abstractmethod
    def call(self, draft: Draft, cited: Sequence[Evidence], duration_s: float) -> ToolCall | None:
        """The call that tells; None when this draft cannot be judged so.

        `cited` is the draft's evidence, all of the tool `of`, in the order of time; `duration_s` is the length of the
        video.
        """

    @abstractmethod
    def judge(self, draft: Draft, cited: Sequence[Evidence], result: Any) -> Finding:
        """What the call's result says about the draft."""
