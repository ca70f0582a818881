"""The contract of an evaluation suite: samples to ask, rules to score an answer by, targets to reach."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from tools.base import InvalidArguments

Outcome = Literal["right", "wrong", "abstained", "failed"]
"""`abstained`: the agent said that it cannot answer; `failed`: it raised an error instead of answering."""


class Said(Protocol):
    """What a suite reads of an answer."""

    @property
    def status(self) -> str: ...
    @property
    def answer(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def option(self) -> str | None: ...
    @property
    def confidence(self) -> float: ...


@dataclass(frozen=True)
class Sample:
    """A question with its truth. The agent is given video, question and options, and nothing else."""

    id: str
    video: Path
    question: str
    options: tuple[str, ...]
    expected: Any
    """A JSON value: text, number, boolean or [start_s, end_s]."""
    kind: str
    skill: str
    tier: str
    tolerance: float = 0.0


@dataclass(frozen=True)
class Target:
    """A figure that must be reached: over the samples of `tier`, `metric` on the good side of `bound`.

    `accuracy` (right of all, 0..1) must be at least the bound; `confident_wrong` (number of samples answered wrongly
    with high confidence) at most.
    """

    metric: Literal["accuracy", "confident_wrong"]
    tier: str
    bound: float


class Suite(Protocol):
    """A data set with its scoring rules; made with the folder of the data as only argument."""

    name: str
    version: str
    targets: Sequence[Target]

    def __init__(self, folder: Path) -> None: ...

    def fingerprint(self) -> str:
        """Changes when questions or answers change; a run is resumed only on the same data."""
        ...

    def samples(self) -> Sequence[Sample]: ...

    def score(self, sample: Sample, said: Said) -> Outcome: ...


def find_suite(name: str) -> type:
    """The class registered as `name` (entry point group `videre.suites`). Raises InvalidArguments."""
    entries = {entry.name: entry for entry in importlib.metadata.entry_points(group="videre.suites")}
    if name not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise InvalidArguments(f"there is no evaluation suite {name!r}; installed: {known}")
    suite: type = entries[name].load()
    return suite


def load_suite(name: str, folder: Path) -> Suite:
    """The suite of questions registered as `name`. Raises InvalidArguments, also for one that measures predictions."""
    suite = find_suite(name)
    if not hasattr(suite, "samples"):
        raise InvalidArguments(
            f"suite {name!r} asks no questions; `videre eval run {name}` measures our tools on it, and "
            f"`videre eval score {name} --predictions FOLDER` others"
        )
    return cast(type[Suite], suite)(folder)
