"""Understanding follow-up questions by rules: no model, the same answer every time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from planners.dialogue.edited import of_what_was_made
from planners.dialogue.ellipsis import substituted
from planners.dialogue.events import asked_of_event
from planners.dialogue.fragments import Fragment, fragment_of, without_opener
from planners.dialogue.lexicon import ATTRIBUTES, ORDER
from planners.dialogue.listed import listed_row, with_listed
from planners.dialogue.moments import bare_time, in_seconds, only_refers_to_time, refers_to_time
from planners.dialogue.ones import with_nouns
from planners.dialogue.phrases import tokens_of
from planners.dialogue.pronouns import bound_to_things
from planners.dialogue.recall import recalled, row_told
from planners.dialogue.recall_forms import about_conversation
from planners.dialogue.references import references
from planners.dialogue.said import slots
from planners.dialogue.scope import scope_of, video_at
from planners.dialogue.turn import MAX_CHARS, RECENT, Resolved, Turn
from planners.embedded.words import COLOURS
from planners.llm.errors import one_line

MAX_FOLLOW_UP = 300
"""Characters; what is longer says all that it needs."""
MAX_TITLE_WORDS = 6
_ORDINAL = re.compile(rf"\b(?:{'|'.join(ORDER)})\b", re.I)
_OF_IT = re.compile(rf"^(?:its|their|his|her) (?=(?:{'|'.join(sorted(ATTRIBUTES))})$)", re.I)
_COUNT_OF = re.compile(
    rf"^how many (?:of the )?(?P<things>.+?) (?:are|were|is|was) (?P<colour>{'|'.join(sorted(COLOURS))})\W*$", re.I
)


class RuleResolver:
    """Implements planners.dialogue.turn.Resolver with closed word classes. Deterministic; looks at the last turns only.

    What it does not understand comes back as it is, so a question is never made worse by a history that has nothing
    to do with it.
    """

    def resolve(
        self, question: str, turns: Sequence[Turn], options: Sequence[str], titles: Mapping[str, str]
    ) -> Resolved:
        """See planners.dialogue.turn.Resolver."""
        if not turns:
            return Resolved(question)
        asked = one_line(question, MAX_CHARS)
        if len(asked) > MAX_FOLLOW_UP or not asked:
            return Resolved(asked)
        answer = recalled(asked, turns, titles)
        if answer is not None:
            return Resolved(asked, answer=answer)
        searched = _searched(turns)
        made = of_what_was_made(asked, searched) if searched and not options else None
        found = _understood(asked, searched, bool(options), titles) if made is None else Resolved(made)
        return explained(found, asked, titles)


def _searched(turns: Sequence[Turn]) -> list[Turn]:
    """The latest turns that asked about videos."""
    return [turn for turn in turns[-2 * RECENT :] if about_conversation(turn.question) is None][-RECENT:]


def _understood(asked: str, turns: Sequence[Turn], with_options: bool, titles: Mapping[str, str]) -> Resolved:
    if not turns:
        return Resolved(asked)
    fragment = fragment_of(asked, with_options=with_options) or _only_scope(asked, turns, titles)
    if fragment is not None:
        return _completed(asked, fragment, turns, titles) or Resolved(asked)
    if event := asked_of_event(asked, turns[-1]):
        return Resolved(event)
    scope = scope_of(asked, turns, titles, fragment=False)
    text = scope.rest if scope is not None else asked
    text = in_seconds(text, turns)
    text = text if with_options else with_nouns(with_listed(text, turns[-1]), turns)
    text = bound_to_things(text, turns, with_options=with_options)
    changed = _counted(without_opener(text)) if text != asked else asked
    return Resolved(changed, videos=scope.videos if scope is not None else ())


def _only_scope(asked: str, turns: Sequence[Turn], titles: Mapping[str, str]) -> Fragment | None:
    """ "In kitchen.mp4?", "before that?": nothing but videos or a time."""
    text = asked.strip().rstrip("?.! ")
    if len(text.split()) > MAX_TITLE_WORDS:
        return None
    scope = scope_of(text, turns, titles, fragment=True)
    only_videos = scope is not None and not scope.rest
    only_time = bool(bare_time(text, turns)) or only_refers_to_time(text)
    return Fragment(text, marked=False) if only_videos or only_time else None


def _completed(asked: str, fragment: Fragment, turns: Sequence[Turn], titles: Mapping[str, str]) -> Resolved | None:
    """The latest question with the fragment in its place; None when that gives no question."""
    base = one_line(turns[-1].resolved, MAX_FOLLOW_UP)
    scope = scope_of(fragment.text, turns, titles, fragment=True)
    videos = scope.videos if scope is not None else ()
    if scope is not None:
        rest = scope.rest.strip(" ,?.!")
        if not rest or rest.lower() in ("in", "on", "the"):
            return Resolved(base, videos=videos)
        fragment = replace(fragment, text=rest)
    row = listed_row(fragment.text, turns[-1])
    if row is not None:
        return Resolved(asked, answer=row_told(row, titles))
    if bare_time(fragment.text, turns) or refers_to_time(fragment.text):
        return _at_time(fragment.text, base, turns)
    if _ORDINAL.search(base) is None and (numbered := video_at(fragment.text, titles)):
        return Resolved(base, videos=numbered)
    text = _OF_IT.sub("the ", fragment.text)
    text = bound_to_things(text, turns)
    completed = substituted(base, replace(fragment, text=text))
    return Resolved(_ended(completed), videos=videos) if completed and completed != base else None


def _at_time(text: str, base: str, turns: Sequence[Turn]) -> Resolved | None:
    """ "And after that?": the same of another time; of a question for a time, what happens then."""
    bare = bare_time(text, turns)
    phrase = bare or in_seconds(text, turns)
    if phrase == text:
        return None
    if slots(base).kind in ("time", "interval") or (bare and text.lower() in ("then", "next")):
        return Resolved(f"What happens {phrase}?")
    completed = substituted(base, Fragment(phrase))
    return Resolved(_ended(completed)) if completed else None


def _counted(text: str) -> str:
    """ "How many of the cups are red?" in the form that counting understands."""
    found = _COUNT_OF.match(text)
    if found is None:
        return text
    things = " ".join(word for word in found["things"].split() if word.lower() not in COLOURS)
    return f"How many {found['colour'].lower()} {things} are there?"


def _ended(text: str) -> str:
    """A question with its sign, its first letter large."""
    plain = text.rstrip(" ?.!,;:")
    return f"{plain[:1].upper()}{plain[1:]}?"


def stands_alone(asked: str, turns: Sequence[Turn], options: Sequence[str]) -> bool:
    """Whether nothing in the question's form points outside it. `turns` is not empty."""
    leans = fragment_of(asked, with_options=bool(options)) is not None or refers_to_time(asked)
    leans = leans or bool(references(asked, tokens_of(asked), with_options=bool(options)))
    return not leans and not asked_of_event(asked, turns[-1]) and with_listed(asked, turns[-1]) == asked


def explained(found: Resolved, asked: str, titles: Mapping[str, str]) -> Resolved:
    """With the line that says what the question was taken to mean, where it changed."""
    question = one_line(found.question, MAX_CHARS)
    if found.answer is not None or (question == asked and not found.videos):
        return replace(found, question=question)
    where = ", ".join(one_line(titles.get(video, video), 60) for video in found.videos)
    meant = f"{question} (asked of {where})" if where else question
    return replace(found, question=question, why=one_line(f"taken as: {meant}", MAX_CHARS))
