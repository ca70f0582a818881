"""What a model is shown at a node of the search tree.

The system message holds words of ours only. What comes from videos, tools and earlier replies of models (which may
repeat it) stands in Data parts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from planners.llm.messages import AssistantMessage, Data, FunctionCall, Message, Part, SystemMessage, ToolMessage, user
from planners.llm_policy.citations import Citation
from planners.llm_policy.shown import Shown
from planners.state import Action, Draft, Observation, State
from tools.base import ToolResult
from tools.types import Evidence

SYSTEM = """\
You answer questions about videos. You cannot watch them: you read what is remembered of them, and call tools that
look further into that memory.

Every reply is one or more calls. Call a tool for each thing that is worth finding out next: calls of one reply are
alternatives, the most promising first, each explored by itself. Write what each call is to find out into
`sub_question`. Call `answer` as soon as what you read supports an answer; say 'cannot' rather than guess.

Every fact has a citation [video, start-end] in seconds. Cite in `citations` the facts that your answer rests on, copied
exactly. Answers that cite nothing, or what nobody showed you, count little."""
MAX_ROWS = 12
"""Pieces of evidence of one result that are shown."""
MAX_WORDS = 160
"""Characters of the words of one piece of evidence."""
MAX_DETAILS = 1_200
"""Characters of a result's own fields."""


def messages(state: State, k: int, tried: Sequence[Action], shown: Shown) -> list[Message]:
    """The request for up to `k` next actions."""
    task = state.task
    videos = ", ".join(task.videos)
    lines = [f"Question: {task.question}", f"Videos: {videos} (the first is {task.duration_s:.1f} s long)"]
    if task.options:
        lines.append("Options: " + "; ".join(task.options))
    parts: list[Part | str] = ["\n".join(lines)]
    if shown.text:
        parts += [f"What is remembered of {task.videos[0]}:", Data(shown.text, "memory")]
    ask = _ask(state, k, tried)
    if not state.steps:
        return [SystemMessage(SYSTEM), user(*parts, *ask)]
    found: list[Message] = [SystemMessage(SYSTEM), user(*parts)]
    for number, step in enumerate(state.steps, 1):
        call = FunctionCall(step.call.tool, step.call.arguments, f"call_{number}")
        found += [AssistantMessage(calls=(call,)), ToolMessage(call, Data(_result_text(step), f"tool {call.name}"))]
    return [*found, user(*ask)]


def _ask(state: State, k: int, tried: Sequence[Action]) -> list[Part | str]:
    parts: list[Part | str] = []
    if state.reflections:
        parts += ["Other attempts failed:", Data("\n".join(state.reflections), "failed attempts")]
    if tried:
        parts += ["Tried from here already, so propose others:", Data("\n".join(map(_said, tried)), "tried")]
    many = f"up to {k} different next calls" if k > 1 else "the next call"
    return [*parts, f"Propose {many}, or answer."]


def _said(action: Action) -> str:
    return f"answer {action.answer!r}" if isinstance(action, Draft) else action.key


def _result_text(step: Observation) -> str:
    result = step.result
    if result is None:
        return f"{step.error_kind}: {step.error}"
    rows = [_row(row) for row in result.evidence[:MAX_ROWS]]
    more = len(result.evidence) - len(rows)
    details = _details(result)
    return "\n".join(
        [result.summary, *rows, *([f"({more} more)"] if more else []), *([f"details: {details}"] if details else [])]
    )


def _row(row: Evidence) -> str:
    words = " ".join((row.text.text if row.text else row.note).split())[:MAX_WORDS]
    source = f"{row.text.source}: " if row.text else ""
    return f"{Citation(row.video, row.start_s, row.end_s)} {source}{words} ({row.confidence:.2f})"


def _details(result: ToolResult) -> str:
    """The fields that a tool adds to those of every result, as JSON; empty when there are none."""
    own = result.model_dump(mode="json", exclude=set(ToolResult.model_fields))
    text = json.dumps(own, ensure_ascii=False) if own else ""
    return text if len(text) <= MAX_DETAILS else text[: MAX_DETAILS - 1] + "…"
