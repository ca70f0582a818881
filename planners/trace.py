"""What a search did, as a list of frozen steps; `--trace`, replay and reports only read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

StepKind = Literal["called", "failed", "drafted"]


@dataclass(frozen=True)
class Step:
    """One node of the tree, in the order of trying."""

    node: int
    parent: int
    kind: StepKind
    what: str
    """The call, or the drafted answer."""
    t_s: float
    """Seconds since the search began."""
    prior: float
    result: str = ""
    """Summary of the result, or the error."""
    value: float | None = None
    """The verifier's score of a draft."""
    reasons: tuple[str, ...] = field(default=())
    cached: bool = False


def to_json_lines(trace: Iterable[Step]) -> str:
    return "".join(json.dumps(asdict(step), ensure_ascii=False) + "\n" for step in trace)


def from_json_lines(text: str) -> list[Step]:
    rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    return [Step(**row | {"reasons": tuple(row["reasons"])}) for row in rows]


def render_tree(trace: Sequence[Step]) -> str:
    """The tree as indented text."""
    children: dict[int, list[Step]] = {}
    for step in trace:
        children.setdefault(step.parent, []).append(step)
    lines: list[str] = []

    def walk(parent: int, depth: int) -> None:
        for step in children.get(parent, []):
            mark = {"called": "->", "failed": "!!", "drafted": "=="}[step.kind]
            score = f" value {step.value:.2f}" if step.value is not None else ""
            cached = " (cached)" if step.cached else ""
            lines.append(f"{'  ' * depth}{mark} {step.what}  [prior {step.prior:.2f}{score}, {step.t_s:.2f} s]{cached}")
            told = [step.result] if step.result else list(step.reasons)
            lines.extend(f"{'  ' * depth}     {line}" for line in told)
            walk(step.node, depth + 1)

    walk(0, 0)
    return "\n".join(lines)
