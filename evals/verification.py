"""`python -m evals.verification LIBRARY`: do cross-checks tell what memory says from the opposite of it?

Each check of planners/checks is given claims as memory has them, and the same turned into what is not so: a cut in the
middle of a shot, a camera that rests where it moved, a thing that goes the other way, a text that appears in the middle
of its time. A good check supports the first and contradicts the second; it may be silent, but never the other way
round.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planners.checks import CHECKS, Check
from planners.environment import ToolEnvironment
from planners.state import Draft
from tools.base import ToolContext
from tools.registry import Registry
from tools.types import Box, Evidence

if TYPE_CHECKING:
    from memory import VideoMemory

MANY = 3
"""Claims of a kind that are made of one video."""
LEAST_S = 2.5
"""Shortest shot or text that is said to begin in its middle."""
SURE = 0.7
OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}


@dataclass(frozen=True)
class Claim:
    """A draft, and whether memory says so (else it is turned round)."""

    draft: Draft
    true: bool


def claims(memory: VideoMemory) -> Iterator[Claim]:
    """Of one video."""
    yield from _cuts(memory)
    yield from _camera(memory)
    yield from _directions(memory)
    yield from _texts(memory)


def _draft(memory: VideoMemory, tool: str, span: tuple[float, float], **fields: Any) -> Draft:
    row = {name: fields.pop(name) for name in ("box", "note") if name in fields}
    cited = Evidence(
        video=memory.video.video_id, start_s=span[0], end_s=span[1], tool=tool, model="memory", confidence=1.0, **row
    )
    return Draft("answered", fields.pop("answer", "It is so."), confidence=0.9, evidence=(cited,), **fields)


def _cuts(memory: VideoMemory) -> Iterator[Claim]:
    shots = memory.rows("shot", order_by="start_s")
    for shot in shots[1 : MANY + 1]:
        yield Claim(_draft(memory, "list_shots", (shot["start_s"], shot["end_s"])), True)
    for shot in [shot for shot in shots if shot["end_s"] - shot["start_s"] >= LEAST_S][:MANY]:
        yield Claim(_draft(memory, "list_shots", ((shot["start_s"] + shot["end_s"]) / 2, shot["end_s"])), False)


def _camera(memory: VideoMemory) -> Iterator[Claim]:
    spans = memory.rows("event", "kind = 'camera' AND confidence >= ?", [SURE], "start_s - end_s")
    for span in spans[:MANY]:
        when, rests = (span["start_s"], span["end_s"]), span["text"] == "static"
        yield Claim(_draft(memory, "camera_motion", when, note=f"camera: {span['text']}"), True)
        turned = "pan left" if rests else "static"
        yield Claim(_draft(memory, "camera_motion", when, note=f"camera: {turned}"), False)


def _directions(memory: VideoMemory) -> Iterator[Claim]:
    things = memory.rows("entity", "category = 'moving object'", order_by="first_s - last_s")
    for thing in [thing for thing in things if thing["attributes"].get("direction") in OPPOSITE][:MANY]:
        first = memory.rows("observation", "entity_id = ?", [thing["entity_id"]], "t_s")[0]
        box, direction = Box(*(first[side] for side in ("x1", "y1", "x2", "y2"))), thing["attributes"]["direction"]
        for said, true in ((direction, True), (OPPOSITE[direction], False)):
            when = (first["t_s"], first["t_s"])
            yield Claim(_draft(memory, "track_motion", when, box=box, answer=f"It goes {said}."), true)


def _texts(memory: VideoMemory) -> Iterator[Claim]:
    texts = memory.rows("event", "kind = 'text' AND confidence >= ? AND end_s - start_s >= ?", [SURE, LEAST_S])
    for text in sorted(texts, key=lambda text: text["start_s"])[:MANY]:
        for start_s, true in ((text["start_s"], True), ((text["start_s"] + text["end_s"]) / 2, False)):
            box = Box(*text["attributes"]["box"])
            yield Claim(_draft(memory, "find_text", (start_s, text["end_s"]), box=box, value=start_s), true)


def stance(claim: Claim, check: Check, environment: ToolEnvironment, duration_s: float) -> str:
    """What the check says of the claim; 'unfit' when it cannot be asked about it."""
    cited = claim.draft.evidence
    call = check.call(claim.draft, cited, duration_s)
    if call is None:
        return "unfit"
    found = environment.execute(call)
    return "unfit" if found.result is None else check.judge(claim.draft, cited, found.result).stance


def measure(library: Path) -> dict[tuple[str, bool], Counter[str]]:
    """Stances by tool and truth, over all videos of a library."""
    from memory import Library

    opened, registry = Library(str(library)), Registry.load()
    checks = {check.of: check for check in CHECKS}
    counts: dict[tuple[str, bool], Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for video in opened.videos():
            context = ToolContext(opened, [video.video_id], Path(folder))
            environment = ToolEnvironment(registry, context)
            for claim in claims(context.memory()):
                tool = claim.draft.evidence[0].tool
                said = stance(claim, checks[tool], environment, float(video.media["duration_s"]))
                counts.setdefault((tool, claim.true), Counter())[said] += 1
    return counts


def main(library: Annotated[Path, typer.Argument(help="A library of videos that were watched.", exists=True)]) -> None:
    """Print how often each check supports, contradicts or is silent."""
    for (tool, true), counts in sorted(measure(library).items()):
        asked = sum(counts.values()) - counts["unfit"]
        told = ", ".join(f"{counts[said]} {said}" for said in ("supports", "contradicts", "silent"))
        typer.echo(f"{tool:14} {'as memory says' if true else 'turned round':14} {asked:3} claims: {told}")


if __name__ == "__main__":
    typer.run(main)
