"""Doing what a request asks: moves, each for the goals of some verbs, and the skill that makes them one after another.

A move is replayed like a skill: given a goal and what was called for it so far, it names the next call or drafts the
answer. `Act` shares the calls of a path out among the goals of the request, so "cut out the cup, then follow it" is two
moves on one branch. A family that acts adds a verb class to planners.embedded.goal.VERBS and a move to
planners.embedded.skills.acting.ACT_SKILLS.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from planners.embedded.goal import Goal
from planners.embedded.question import Question
from planners.embedded.skill import Skill, cannot, plain_window, shot_window
from planners.state import Draft, Observation, Status, ToolCall

GIVES_UP = ("InvalidArguments", "Denied", "Refused", "MediaError")
"""Errors after which no other way to the same goal is tried."""


class Move(ABC):
    """How goals of some verbs are reached. Instances are stateless."""

    verbs: frozenset[str]
    edits: bool = False
    """Whether it changes a video: then it is done to the file that an edit before it made, and its file is gone on
    with."""

    @abstractmethod
    def next_call(self, goal: Goal, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        """The call for the goal after those that were made for it; None when it is time to answer."""

    @abstractmethod
    def answer(self, goal: Goal, question: Question, steps: Sequence[Observation]) -> Draft:
        """What came of the goal."""


class AnyWay(Move):
    """Reaches a goal by the first of several calls that finds something."""

    @abstractmethod
    def ways(self, goal: Goal, window: dict[str, float], duration_s: float) -> list[ToolCall]:
        """Calls that reach the goal, the best first: the next is made when one cannot be or finds nothing.

        `window` holds start_s and end_s when the goal is limited to a part of the video, which is `duration_s` long.
        None at all: see `vague`.
        """

    @abstractmethod
    def draft(self, goal: Goal, call: ToolCall, result: Any) -> Draft:
        """The answer from the result of the way that found something."""

    vague: ClassVar[str] = "it was not said what"
    """Why a goal without ways is not reached."""

    def after(self, goal: Goal, result: Any) -> ToolCall | None:
        """A call that is made after a way that found something, to tell more about it."""
        return None

    def told(self, goal: Goal, draft: Draft, result: Any) -> Draft:
        """The draft with what the call of `after` tells."""
        return draft

    def next_call(self, goal: Goal, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        if _first_needs_shots(question) and not steps:
            return ToolCall("list_shots")
        ways, made = self._ways(goal, question, steps)
        found = _found(made[: len(ways)])
        if found is not None:
            more = self.after(goal, made[found].result)
            return more if len(made) == found + 1 else None
        if made and made[-1].error_kind in GIVES_UP:
            return None
        return ways[len(made)] if len(made) < len(ways) else None

    def answer(self, goal: Goal, question: Question, steps: Sequence[Observation]) -> Draft:
        if _first_needs_shots(question) and not steps[0].ok:
            return cannot(steps[0].error)
        ways, made = self._ways(goal, question, steps)
        if not ways:
            return cannot("there is no such shot" if _first_needs_shots(question) else self.vague)
        found = _found(made[: len(ways)])
        if found is None:
            return _failed(goal, made)
        draft = self.draft(goal, ways[found], made[found].result)
        lacking = tuple(step.error for step in made[:found] if step.error_kind == "MissingModel")
        draft = replace(draft, missing=(*draft.missing, *lacking))
        return self.told(goal, draft, made[-1].result) if len(made) > found + 1 and made[-1].ok else draft

    def _ways(
        self, goal: Goal, question: Question, steps: Sequence[Observation]
    ) -> tuple[list[ToolCall], Sequence[Observation]]:
        """The ways, and the calls that were made on them."""
        duration_s = question.task.duration_s
        if not _first_needs_shots(question):
            return self.ways(goal, plain_window(question), duration_s), steps
        window = shot_window(question.window.shot_index, steps[0].result) if steps[0].ok else None
        return ([] if window is None else self.ways(goal, window, duration_s)), steps[1:]


class Act(Skill):
    """Reaches the goals of a request in turn."""

    name = "act"
    exemplars = ("Cut out the person.", "Follow the ball.", "Draw a box around the dog.")
    acts = True

    def __init__(self, moves: Sequence[Move]) -> None:
        self._moves = {verb: move for move in moves for verb in move.verbs}

    def fits(self, question: Question) -> float:
        return 1.0 if question.goals and question.goals[0].verb in self._moves else 0.0

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        for *_, call in self._walk(question, steps):
            if call is not None:
                return call
        return None

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        drafts = [move.answer(goal, asked, own) for goal, asked, move, own, _ in self._walk(question, steps)]
        undone = [
            f"I do not know how to do this: {goal.said!r}" for goal in question.goals if goal.verb not in self._moves
        ]
        return _joined(drafts, undone)

    def _walk(
        self, question: Question, steps: Sequence[Observation]
    ) -> Iterator[tuple[Goal, Question, Move, list[Observation], ToolCall | None]]:
        """Goals with what they are asked of and their moves, the calls of the path that were made for each, and the
        first that is still to come.

        A call that two goals need is made once. An edit is done to what the one before it made; after one that was
        not made, none is: half of what was asked, or that to the whole video, would be something else.
        """
        made = {step.call.key: step for step in steps}
        file, task, lost = "", question.task, ""
        for goal in question.goals:
            if goal.verb not in self._moves:
                continue
            move, own = self._moves[goal.verb], list[Observation]()
            if move.edits and lost:
                yield goal, question, _NotDone(lost), own, None
                continue
            goal = replace(goal, file=file or goal.file) if move.edits else goal
            asked = replace(question, window=goal.window, task=task if move.edits else question.task)
            call = move.next_call(goal, asked, own)
            while call is not None and call.key in made:
                own.append(made[call.key])
                call = move.next_call(goal, asked, own)
            yield goal, asked, move, own, call
            if call is not None:
                return
            if move.edits:
                file, length_s = _video_made(own) or (file, task.duration_s)
                task = replace(task, duration_s=length_s)
                lost = "" if own and own[-1].ok else goal.said


class _NotDone(Move):
    """Stands for an edit of what was not made."""

    def __init__(self, lost: str) -> None:
        self._lost = lost

    def next_call(self, goal: Goal, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        return None

    def answer(self, goal: Goal, question: Question, steps: Sequence[Observation]) -> Draft:
        return Draft("cannot", f"So this was not done either: {goal.said!r}.", confidence=0.3)


def _video_made(steps: Sequence[Observation]) -> tuple[str, float] | None:
    """Name and seconds of the video that the last of the calls made; None when it made none."""
    result: Any = steps[-1].result if steps else None
    videos = [file for file in result.artifacts if file.kind == "video"] if result is not None else []
    return (Path(videos[0].path).name, float(result.duration_s)) if videos else None


def _first_needs_shots(question: Question) -> bool:
    return question.window.kind == "shot"


def _found(made: Sequence[Observation]) -> int | None:
    """Index of the way that found something; None when none has yet."""
    return next((i for i, step in enumerate(made) if step.result is not None and step.result.status != "empty"), None)


def _failed(goal: Goal, made: Sequence[Observation]) -> Draft:
    """Nothing was found: the reasons, and what would be needed."""
    missing = tuple(step.error for step in made if step.error_kind == "MissingModel")
    why = [step.result.summary if step.result is not None else step.error for step in made]
    told = [reason for reason in why if reason not in missing] or [f"nothing here recognises {goal.phrase!r}"]
    return cannot(told[-1], *missing)


_WORST: dict[Status, int] = {"answered": 0, "uncertain": 1, "cannot": 2}


def _joined(drafts: Sequence[Draft], undone: Sequence[str]) -> Draft:
    """One answer to all goals; it is uncertain when some of them were reached, and some not."""
    if len(drafts) == 1 and not undone:
        return drafts[0]
    said = [draft for draft in drafts if draft.status != "cannot"] or drafts
    status = max((draft.status for draft in drafts), key=lambda one: _WORST[one])
    if undone or (status == "cannot" and said is not drafts):
        status = "uncertain" if said[0].status != "cannot" else "cannot"
    return Draft(
        status,
        " ".join(draft.answer for draft in drafts),
        confidence=min(draft.confidence for draft in said),
        evidence=tuple(item for draft in drafts for item in draft.evidence),
        missing=(*(line for draft in drafts for line in draft.missing), *undone),
    )
