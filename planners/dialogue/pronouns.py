"""Pronouns replaced by the things of the latest answers that they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from planners.dialogue.entities import Entity, entities
from planners.dialogue.lexicon import singular
from planners.dialogue.phrases import tokens_of
from planners.dialogue.references import HE, MANY_PRONOUNS, POSSESSIVE, SHE, THING_PRONOUNS, references
from planners.dialogue.turn import RECENT, Turn

_FILE = re.compile(
    r"\b(?:fps|frame rate|frames per second|resolution|codec|duration|sound ?track|audio track|portrait|landscape"
    r"|how many (?:frames|seconds|minutes|shots|scenes|cuts))\b",
    re.I,
)
_LASTS = re.compile(r"\bhow long (?:is|was|does) (?:it|this|that)(?: last)?\W*$", re.I)
_FILMING = re.compile(
    r"\b(?:mov|pan|tilt|zoom|turn|rotat|shak|shaky|stead|stop|start|static|still|rest|follow|go|fast)\w*", re.I
)
"""What a camera does; of other things it is not the subject."""


def bound_to_things(question: str, turns: Sequence[Turn], *, with_options: bool = False) -> str:
    """The question with its unbound pronouns replaced by what they mean; as it is where nothing fits.

    `with_options`: "which of these" means the options.
    """
    tokens = tokens_of(question)
    text = question
    for reference in reversed(references(question, tokens, with_options=with_options)):
        entity = _meant(reference.pronoun, question, turns)
        if entity is None:
            continue
        words = _named(entity, reference.pronoun)
        first, last = tokens[reference.first], tokens[reference.last - 1]
        text = text[: first.start] + words + text[last.end :]
    return text


def _meant(pronoun: str, question: str, turns: Sequence[Turn]) -> Entity | None:
    if pronoun in ("it", "its", "this") and _FILE.search(question):
        return Entity("the video", "video")
    of_camera = _FILMING.search(question) is not None
    candidates = [
        entity
        for turn in reversed(turns[-RECENT:])
        for entity in entities(turn)
        if entity.head != "camera" or of_camera
    ]
    exact = next((entity for entity in candidates if _fits(entity, pronoun)), None)
    if exact is not None:
        return exact
    if pronoun in ("it", "this", "that") and _LASTS.search(question):
        return Entity("the video", "video")
    return next((entity for entity in candidates if _fits_loosely(entity, pronoun)), None)


def _fits(entity: Entity, pronoun: str) -> bool:
    if pronoun in HE or pronoun in SHE:
        other = "she" if pronoun in HE else "he"
        return entity.person and not entity.plural and entity.gender != other
    if pronoun in MANY_PRONOUNS:
        return entity.plural
    return not entity.plural and (not entity.person or pronoun in ("this", "that"))


def _fits_loosely(entity: Entity, pronoun: str) -> bool:
    """ "They" said of one person, "it" of one of many things."""
    if pronoun in HE or pronoun in SHE:
        return False
    return entity.person if pronoun in MANY_PRONOUNS else not entity.person


def _named(entity: Entity, pronoun: str) -> str:
    text = entity.text
    if entity.plural and pronoun in THING_PRONOUNS:
        text = _one_of(text, entity.head)
    if pronoun in POSSESSIVE:
        return text + ("'" if text.endswith("s") and not text.endswith("ss") else "'s")
    return text


def _one_of(text: str, head: str) -> str:
    return re.sub(rf"\b{re.escape(head)}\b", singular(head), text, count=1, flags=re.I)
