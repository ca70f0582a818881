"""Making new files of videos: one tool an edit, told when and to what, and honest when nothing of it is there.

An edit is a small program: it yields calls, is sent what came of them, and returns the answer. Like all skills it is
replayed, from its beginning for every step. What the tools know of a thing (a stretch of time, an entity) is asked
for in the best way first; where memory knows no such thing, it is looked for in the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planners.embedded.goal import Goal
from planners.embedded.move import GIVES_UP, Move
from planners.embedded.movement_words import Said
from planners.embedded.question import Question
from planners.embedded.skill import evidence_of, plain_window, shot_window, uncertain
from planners.embedded.skills import editing_settings as settings
from planners.embedded.skills.editing_job import MOVING, Choice, Job, may_be_what_moves, stretches
from planners.embedded.skills.editing_things import hiding, shape, subjects, things
from planners.embedded.skills.movement import LEAST_SURE, doubt_of, movement_calls
from planners.state import Draft, Observation, ToolCall

Program = Generator[ToolCall, Observation, Draft]
MOST_TOLD = 4
AROUND = {"before_s": 0.5, "after_s": 0.5}
SHOWN_ALONE = frozenset(("cut", "gif", "contact_sheet", "audio"))
"""Edits that show a moment of motion without the rest: with a little time around it, so that it can be seen."""
MOST_SAID = 2
"""Reasons for a failure that are told."""


def anything(job: Job) -> list[Choice]:
    """For edits of the whole."""
    return [Choice()]


def some_stretches(job: Job) -> list[Choice]:
    """For edits of parts: none where no part was named."""
    return [choice for choice in stretches(job) if choice.arguments]


def queries(job: Job) -> list[Choice]:
    """For summaries, which are limited by what they show and not by times."""
    return [
        Choice({"query" if name == "which" else name: value for name, value in choice.arguments.items()}, choice.doubt)
        for choice in stretches(job)
        if "start_s" not in choice.arguments
    ]


@dataclass(frozen=True)
class EditMove(Move):
    """One edit by one tool."""

    verbs: frozenset[str]
    tool: str
    settings: Callable[[Job], settings.Settings] = settings.nothing
    choices: Callable[[Job], list[Choice]] = anything
    """When or to what it is done."""
    vague: str = "it was not said what"
    """Why it cannot be done where there are no choices."""
    edits: bool = True
    several: bool = False
    """Whether it is done to all videos in scope together."""
    file: str = "video"
    """The argument that names the file of an earlier edit: `video`, or `videos` for a list."""

    def next_call(self, goal: Goal, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        """See Move."""
        call, _ = _replayed(self._program(goal, question), steps)
        return call

    def answer(self, goal: Goal, question: Question, steps: Sequence[Observation]) -> Draft:
        """See Move."""
        _, draft = _replayed(self._program(goal, question), steps)
        assert draft is not None, "an answer is asked for when no call is left"
        return draft

    def _program(self, goal: Goal, question: Question) -> Program:
        job = Job(goal, plain_window(question), question.task.duration_s)
        if job.shot is not None:
            shots = yield ToolCall("list_shots")
            window = shot_window(job.shot, shots.result) if shots.ok else None
            if window is None:
                return _cannot(job, shots.error if not shots.ok else "there is no such shot")
            job = Job(goal, window, question.task.duration_s)
        return (yield from self._done(job))

    def _done(self, job: Job) -> Program:
        if self.several and job.goal.file:
            return _cannot(job, "several videos are put together first, and edited afterwards; ask in that order")
        how = self.settings(job)
        if isinstance(how, str):
            return _cannot(job, how)
        if job.goal.points and self.choices in (things, subjects):
            marked = yield _at_points(job)
            if not marked.ok:
                return _failed(job, [marked])
            found: Any = marked.result
            choices = [Choice({"entities": [one.entity_id for one in found.objects]})]
        else:
            choices = self.choices(job)
        if not choices:
            return _cannot(job, self.vague)
        of_things = self.choices in (things, subjects)
        if (
            job.movement is not None
            and not job.goal.file
            and (of_things or "movement" in choices[0].arguments.values())
        ):
            found = yield from _movement(job.movement)
            if isinstance(found, Observation):
                return _failed(job, [found])
            more = AROUND if job.goal.verb in SHOWN_ALONE and "keep" not in how else {}
            choices = [_then(choice, found) for choice in choices] if of_things else [found.with_more(more)]
        made: list[Observation] = []
        for choice in choices:
            made.append((yield self._call(job, how, choice)))
            if made[-1].ok:
                return _told(made[-1].result, choice.doubt)
            if made[-1].error_kind in GIVES_UP:
                return _failed(job, made)
        if self.choices in (stretches, some_stretches, queries) and not job.goal.file:
            looked = yield from _looked_for(job.thing, as_query=self.choices is queries)
            if looked is not None:
                made.append((yield self._call(job, how, looked)))
                if made[-1].ok:
                    return _told(made[-1].result, looked.doubt)
        return _failed(job, made)

    def _call(self, job: Job, how: Mapping[str, Any], choice: Choice) -> ToolCall:
        named = {self.file: job.goal.file if self.file == "video" else [job.goal.file]} if job.goal.file else {}
        return ToolCall(self.tool, {**how, **choice.arguments, **named})


def _at_points(job: Job) -> ToolCall:
    t_s = job.goal.moments[0] if job.goal.moments else job.window.get("start_s", 0.0)
    return ToolCall("segment", {"points": [[x, y, t_s] for x, y in job.goal.points]})


@dataclass(frozen=True)
class _Moment:
    """A movement that was found."""

    choice: Choice
    """What edits of stretches are told."""
    span: dict[str, float]

    def with_more(self, arguments: Mapping[str, Any]) -> Choice:
        return Choice({**self.choice.arguments, **arguments}, self.choice.doubt)


def _then(choice: Choice, moment: _Moment) -> Choice:
    """The same things, in that moment only."""
    return Choice({**choice.arguments, **moment.span}, f"{choice.doubt} {moment.choice.doubt}".strip())


def _movement(said: Said) -> Generator[ToolCall, Observation, _Moment | Observation]:
    """The moment of a movement; where there is none, what came of looking for it."""
    own, other = movement_calls(said)
    step = yield own
    if step.error_kind == "MissingModel":
        missing, step = step, (yield other)
        result: Any = step.result
        if not _found(step) or result.confidence < LEAST_SURE:
            return missing
    if not _found(step):
        return step
    result = step.result
    best = max(result.found, key=lambda one: one.confidence)
    which = str(Said(step.call.arguments["thing"], said.kind))
    doubt = doubt_of(said, step.call, result)
    return _Moment(Choice({"what": "movement", "which": which}, doubt), {"start_s": best.start_s, "end_s": best.end_s})


def _found(step: Observation) -> bool:
    return step.result is not None and step.result.status != "empty"


def _looked_for(thing: str, *, as_query: bool) -> Generator[ToolCall, Observation, Choice | None]:
    """The stretches in which a thing is seen that memory does not know; what moves may be it."""
    if not thing:
        return None
    followed = yield ToolCall("track_objects", {"phrases": [thing]})
    result: Any = followed.result
    which = "query" if as_query else "which"
    if result is not None and result.status != "empty":
        longest = max(result.tracks, key=lambda one: one.last_s - one.first_s)
        if as_query:
            return Choice({"what": "entity", which: longest.entity_id})
        return Choice({"intervals": [[one.first_s, one.last_s] for one in result.tracks]})
    doubt = may_be_what_moves(thing)
    return Choice({"what": "entity", which: MOVING}, doubt) if doubt else None


def _replayed(program: Program, steps: Sequence[Observation]) -> tuple[ToolCall | None, Draft | None]:
    """The call after these steps, or the answer."""
    try:
        call = next(program)
        for step in steps:
            call = program.send(step)
    except StopIteration as end:
        return None, end.value
    return call, None


def _told(result: Any, doubt: str) -> Draft:
    """What was done, when and to what."""
    entities = list(dict.fromkeys(result.entities))
    more = f" and {len(entities) - MOST_TOLD} more" if len(entities) > MOST_TOLD else ""
    touched = f" Objects in memory: {', '.join(entities[:MOST_TOLD])}{more}." if entities else ""
    said = f"{result.summary[:1].upper()}{result.summary[1:].rstrip('.')}.{touched}"
    draft = Draft("answered", f"{said} {doubt}".strip(), None, None, result.confidence, evidence_of(result))
    return uncertain(draft) if doubt else draft


def _failed(job: Job, made: Sequence[Observation]) -> Draft:
    missing = [step.error for step in made if step.error_kind == "MissingModel"]
    why = list(dict.fromkeys(_reason(step) for step in made if step.error not in missing))
    told = [*(reason.partition(";")[0] for reason in why[:-1]), *why[-1:]][-MOST_SAID:]
    return _cannot(job, "; ".join(told) or "nothing here recognises what it is to be done to", *missing)


def _reason(step: Observation) -> str:
    if step.result is not None:  # it found nothing
        return step.result.summary
    return step.error.rpartition(";")[0] if step.error_kind == "Denied" else step.error  # what follows is for planners


def _cannot(job: Job, why: str, *missing: str) -> Draft:
    said = f"{job.goal.said!r} cannot be done: {why.rstrip('.')}. No file was made of it."
    return Draft("cannot", said, confidence=0.3, missing=missing)


NOT_SAID = "it was not said what; name it, or give a point or a box in pixels"

EDITING: tuple[EditMove, ...] = (
    EditMove(frozenset(("no_tool",)), "", settings.no_tool, edits=False),
    EditMove(
        frozenset(("cut",)),
        "cut",
        settings.cutting,
        some_stretches,
        "it was not said which part; name times, or what is to be seen or heard in it",
    ),
    EditMove(
        frozenset(("summary",)),
        "summary_clip",
        settings.budget,
        queries,
        "a summary is made of a whole video; cut the part out first, and then make a summary of it",
        file="videos",
    ),
    EditMove(frozenset(("slow",)), "slow_motion", settings.slowing, stretches),
    EditMove(frozenset(("speed",)), "speed", settings.speeding, stretches),
    EditMove(frozenset(("gif",)), "gif", settings.animating, stretches),
    EditMove(frozenset(("contact_sheet",)), "contact_sheet", settings.sheet, stretches),
    EditMove(frozenset(("storyboard",)), "storyboard"),
    EditMove(frozenset(("text",)), "overlay_text", settings.writing, stretches),
    EditMove(frozenset(("subtitles",)), "subtitles", settings.captioning),
    EditMove(frozenset(("hide",)), "blur_region", hiding, things, NOT_SAID),
    EditMove(frozenset(("highlight",)), "highlight", settings.nothing, things, NOT_SAID),
    EditMove(frozenset(("remove",)), "remove_object", settings.nothing, things, NOT_SAID),
    EditMove(frozenset(("rotate",)), "rotate", settings.turning),
    EditMove(frozenset(("adjust",)), "adjust", settings.lighting, stretches),
    EditMove(frozenset(("volume",)), "volume", settings.loudness, stretches),
    EditMove(frozenset(("audio",)), "extract_audio", settings.listening, stretches),
    EditMove(frozenset(("fade",)), "fade", settings.fading),
    EditMove(frozenset(("crop_box",)), "crop", settings.cropping),
    EditMove(frozenset(("crop",)), "crop_to_subject", shape, subjects),
    EditMove(frozenset(("stabilise",)), "stabilise"),
    EditMove(frozenset(("denoise",)), "denoise_artifacts"),
    EditMove(frozenset(("concat",)), "concat", several=True),
    EditMove(frozenset(("side_by_side",)), "side_by_side", settings.beside, several=True),
    EditMove(frozenset(("export",)), "export", settings.exporting, edits=False),
)
"""All edits. A new one is a verb class in planners.embedded.edit_words and a line here."""
