"""Questions that ask for more about what an earlier question said: "when?", "where does that happen?", "how many?"."""

from __future__ import annotations

import re

from planners.dialogue.entities import Entity, entities
from planners.dialogue.lexicon import AUXILIARIES, BE
from planners.dialogue.phrases import tokens_of
from planners.dialogue.said import slots
from planners.dialogue.turn import Turn

_WH = (
    r"when|what time|(?:at )?(?:what|which) (?:second|moment|point)|where|how many|how often|how long|how many times"
    r"|what colou?r|which colou?r"
)
_EVENT = (
    r" (?:is|was|does|did|do|will) (?:that|this|it|they) (?:happen|occur|take place|begin|start|end)(?: exactly)?"
    r"| (?:is|was) (?:that|this)(?: exactly)?| exactly"
    r"| (?:does|did|do|will) (?:he|she|it|they|the [\w -]{1,40}) do (?:that|this|it|so)"
)
_ASKED = re.compile(rf"^(?:(?:and|but|so|ok|okay) )?(?:at )?(?P<wh>{_WH})(?:{_EVENT})?[?.! ]*$", re.I)
_DONE = re.compile(
    r"^(?:what|who|which [\w-]+) (?P<be>is|are|was|were) (?:being )?(?P<done>\w+(?:ed|en|ing|wn|ut)\b.*)$", re.I
)
""" "What is poured into the mug?" """


def asked_of_event(question: str, turn: Turn) -> str:
    """The question in full; empty when it is none of these or the turn does not fit."""
    found = _ASKED.match(question)
    if not found:
        return ""
    wh = found["wh"].capitalize()
    if wh.endswith(("time", "second", "moment", "point")):
        wh = "When"
    if wh == "When" and slots(turn.resolved).kind in ("time", "interval"):
        return turn.resolved
    tokens = tokens_of(turn.resolved)
    first = tokens[0].low if tokens else ""
    known = entities(turn)
    thing = known[0] if known else None
    if wh in ("What colour", "What color", "Which colour", "Which color"):
        return f"{wh} {_be(thing)} {thing.text}?" if thing else ""
    if wh == "How many":
        return f"How many {_bare(thing)} are there?" if thing and first in BE else ""
    if first in AUXILIARIES:
        if wh == "Where" and thing and re.match(r"\w+ there\b", turn.resolved, re.I):
            return f"Where {_be(thing)} {thing.text}?"
        rest = turn.resolved.rstrip(" ?.!")
        return f"{wh} {rest[:1].lower()}{rest[1:]}?"
    if thing is None:
        return ""
    done = _DONE.match(turn.resolved)
    if done and wh == "When":
        return f"When {done['be'].lower()} {thing.text} {done['done'].rstrip(' ?.!')}?"
    if wh == "When":
        return f"When {_be(thing)} {thing.text} visible?"
    return f"Where {_be(thing)} {thing.text}?" if wh == "Where" else ""


def _be(thing: Entity) -> str:
    return "are" if thing.plural else "is"


def _bare(thing: Entity) -> str:
    return re.sub(r"^(?:the|his|her) ", "", thing.text)
