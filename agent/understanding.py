"""What a question means in its conversation, and whether it may be answered at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.llm import endpoint, terms
from agent.observed import ObservedLLM
from planners.answer import Answer
from planners.dialogue import LLMResolver, Resolved, Resolver, RuleResolver, Turn
from planners.embedded.goal import MARKING, read_goals
from planners.embedded.kinds import says_only_kinds
from planners.llm import Allowance, LLMError, OpenAIChat
from planners.llm.retry import Timeouts
from tools.base import BudgetExceeded

if TYPE_CHECKING:
    from agent.run import Run

REMEMBERED = 100
"""Turns, the latest ones, that a follow-up may ask about."""
PATIENCE_S = 20.0
"""How long the language model may take to understand a question."""


def refusal(run: Run, question: str) -> Answer | None:
    """The explained 'cannot' for a question that the safety gate does not allow; None for all others."""
    decision = run.gate.check_text(question)
    if decision.allowed or (decision.category == "stalking" and _marks_only(question)):
        return None
    return Answer("cannot", decision.why, None, None, 0.0, (), (), {}, run.trace_id)


def _marks_only(question: str) -> bool:
    """Whether all that is asked is to mark, cut out, hide or follow things of a kind in the pictures of the video.

    "Track the person" watches nobody: it is said of a clip that the user has, and of whoever is in it.
    """
    goals = read_goals(question, 0.0)
    return bool(goals) and all(goal.verb in MARKING and says_only_kinds(goal.phrase) for goal in goals)


def understood(
    run: Run, question: str, options: Sequence[str], turns: Sequence[str], videos: Sequence[str]
) -> Resolved:
    """The question standing by itself, after the turns of these trace ids; `videos` are those of the conversation."""
    if run.store is None or not turns:
        return Resolved(question)
    said = [
        Turn(turn.question, turn.resolved, _as_it_is(turn.answer)) for turn in run.store.turns.of(turns[-REMEMBERED:])
    ]
    with _resolver(run) as resolver:
        try:
            found = resolver.resolve(question, said, options, run.file_names(videos))
        except BudgetExceeded:  # the model was slow; the search has time of its own
            found = RuleResolver().resolve(question, said, options, run.file_names(videos))
    for line in found.missing:
        run.lacks(line)
    return found if found.answer is None else replace(found, answer=replace(found.answer, trace_id=run.trace_id))


def files_made(run: Run, turns: Sequence[str]) -> list[Path]:
    """Files that the latest of these turns made and that are still there, the newest last."""
    answers = [turn.answer for turn in run.store.turns.of(turns[-REMEMBERED:])] if run.store is not None else []
    return [path for answer in answers for file in answer.artifacts if (path := Path(file.path)).is_file()]


def _as_it_is(answer: Answer) -> dict[str, Any]:
    """An answer without the files that are gone."""
    there = tuple(file for file in answer.artifacts if Path(file.path).is_file())
    return replace(answer, artifacts=there).to_json()


@contextmanager
def _resolver(run: Run) -> Iterator[Resolver]:
    """The language model of the settings, where there is one that can be reached; else rules."""
    settings = run.settings
    rules = RuleResolver()
    if not settings.llm_model:
        yield rules
        return
    meter = Allowance(max_calls=2, max_tokens=settings.max_llm_tokens, max_cost=settings.max_money)
    served = replace(endpoint(settings), timeouts=Timeouts(read_s=PATIENCE_S, total_s=PATIENCE_S))
    try:
        llm = OpenAIChat(served, terms(settings, meter, run.caller.cancelled))
    except LLMError as error:
        run.lacks(f"the language model (the question was understood by rules): {error}")
        yield rules
        return
    with llm:
        yield LLMResolver(ObservedLLM(llm, settings), rules)
