"""What a search did, as a list of frozen steps; `--trace`, replay and reports only read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from planners.state import Status


@dataclass(frozen=True)
class Cost:
    """What one step used up."""

    seconds: float = 0.0
    tool_calls: int = 0


@dataclass(frozen=True)
class Offer:
    """A proposal, in words."""

    what: str
    prior: float
    thought: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """Common to all steps."""

    node_id: int
    """The node that the step is about."""
    parent_id: int | None
    t_s: float
    """Seconds from the beginning of the search to the end of the step."""
    cost: Cost = Cost()


@dataclass(frozen=True, kw_only=True)
class Proposed(Step):
    """The policy was asked at a node; `offers` are the new ones, likeliest first."""

    offers: tuple[Offer, ...]
    duplicates: int = 0
    """Proposals that were dropped because the same had been tried there."""


@dataclass(frozen=True, kw_only=True)
class Called(Step):
    """A tool call is made."""

    call: str
    prior: float


@dataclass(frozen=True, kw_only=True)
class Observed(Step):
    """What came of a call."""

    summary: str
    """The tool's summary, or the error's message."""
    error_kind: str = ""
    cached: bool = False


@dataclass(frozen=True, kw_only=True)
class Scored(Step):
    """A draft was verified."""

    answer: str
    status: Status
    prior: float
    value: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answered(Step):
    """The drafts were merged into the answer."""

    answer: str
    status: Status
    confidence: float


STEPS: dict[str, type[Step]] = {cls.__name__: cls for cls in (Proposed, Called, Observed, Scored, Answered)}


def to_rows(trace: Iterable[Step]) -> list[dict[str, Any]]:
    """Steps as JSON objects; `step` names the class."""
    return [_row(step) for step in trace]


def _row(step: Step) -> dict[str, Any]:
    # dataclasses.asdict copies deeply, which would be most of the time of a snapshot.
    row = {"step": type(step).__name__} | vars(step) | {"cost": vars(step.cost)}
    return row | {"offers": [vars(offer) for offer in step.offers]} if isinstance(step, Proposed) else row


def from_rows(rows: Iterable[dict[str, Any]]) -> list[Step]:
    """The inverse of `to_rows`. Raises ValueError on a step of an unknown kind."""
    return [_step(dict(row)) for row in rows]


def to_json_lines(trace: Iterable[Step]) -> str:
    """One JSON object a line; see `to_rows`."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in to_rows(trace))


def from_json_lines(text: str) -> list[Step]:
    """The inverse of `to_json_lines`. Raises ValueError on a step of an unknown kind."""
    return from_rows(json.loads(line) for line in text.split("\n") if line.strip())


def _step(row: dict[str, Any]) -> Step:
    kind = row.pop("step", None)
    if kind not in STEPS:
        raise ValueError(f"{kind!r} is no kind of step; known are {', '.join(STEPS)}")
    row["cost"] = Cost(**row["cost"])
    if "offers" in row:
        row["offers"] = tuple(Offer(**offer) for offer in row["offers"])
    if "reasons" in row:
        row["reasons"] = tuple(row["reasons"])
    return STEPS[kind](**row)


def render_tree(trace: Sequence[Step]) -> str:
    """The tree as indented text: calls with their results, drafts with their scores, at last the answer."""
    lines: dict[int, list[str]] = {}
    children: dict[int, list[int]] = {}
    last: list[str] = []
    for step in trace:
        if isinstance(step, Answered):
            last = [f"answer: {_line(step.answer)}  [{step.status}, confidence {step.confidence:.2f}]"]
        elif not isinstance(step, Proposed):
            if step.parent_id is not None and step.node_id not in lines:
                children.setdefault(step.parent_id, []).append(step.node_id)
            lines.setdefault(step.node_id, []).extend(_lines(step))
    drawn: list[str] = []
    stack = [(node, 0) for node in reversed(children.get(0, []))]
    while stack:
        node, depth = stack.pop()
        drawn += ["  " * depth + line for line in lines[node]]
        stack += [(child, depth + 1) for child in reversed(children.get(node, []))]
    return "\n".join(drawn + last)


def _lines(step: Step) -> list[str]:
    if isinstance(step, Called):
        return [f"-> {_line(step.call)}  [prior {step.prior:.2f}]"]
    if isinstance(step, Observed):
        cached = " (cached)" if step.cached else f" ({step.cost.seconds:.2f} s)"
        failed = f"{step.error_kind}: " if step.error_kind else ""
        return [f"     {failed}{_line(step.summary)}{cached}"]
    if isinstance(step, Scored):
        head = f"== {_line(step.answer)}  [{step.status}, prior {step.prior:.2f}, value {step.value:.2f}]"
        return [head, *(f"     {reason}" for reason in step.reasons)]
    return []


def _line(text: str) -> str:
    """One line without control characters: text from pixels or sound must not steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
