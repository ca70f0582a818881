"""The forms of questions about the conversation itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from planners.embedded.words import ORDINALS

About = Literal["evidence", "certainty", "question", "answer", "alternatives"]

_WHICH = rf"(?P<which>{'|'.join([*ORDINALS, 'previous', 'latest', 'earlier'])}) "
_WHEN = r"(?P<which>before|first|last|at first|earlier|just now|at the beginning|previously|second|third)"
_THAT = r"(?:that|this|it|so)"
_FOR = r"(?: for (?:that|this|it))?"
_ABOUT = rf"(?: (?:about|of) {_THAT})?"
_OPENER = (
    r"(?:and|but|so|ok|okay|well|wait|hm+|please|sorry|no)?[, ]*"
    r"(?:(?:can|could|would|will) you (?:please )?|please )?"
)
_FORMS: Mapping[About, tuple[str, ...]] = {
    "evidence": (
        rf"how (?:do|did|can|could) you (?:know|tell|see|find out|work out)(?: (?:{_THAT}|all that))?",
        rf"how (?:do|did) you (?:come to|get|arrive at|reach) (?:{_THAT}|that (?:answer|conclusion|result))",
        rf"(?:why|what) makes you (?:think|say|believe|so sure)(?: {_THAT})?",
        rf"why (?:do|did|would) you (?:think|say|believe) {_THAT}",
        rf"why(?: not| (?:is|was) {_THAT})?",
        r"how so|how come|says who",
        r"(?:on|from) what (?:basis|evidence)(?: do you (?:say|think|know) that)?",
        rf"based on what|on what (?:is|was) {_THAT} based|what (?:is|was) (?:{_THAT}|your answer) based on",
        rf"(?:which|what) tools? did you use{_FOR}",
        rf"what (?:is|are|was) (?:the|your) (?:evidence|proof|sources?|reasons?|reasoning){_FOR}",
        rf"(?:show|give|list|tell)(?: me)? (?:(?:the|your|all|some) )*(?:evidence|proof|sources?)(?: again)?{_FOR}",
        rf"(?:prove|show|explain)(?: me| us)? {_THAT}(?: to me)?",
        r"(?:what |any |do you have (?:any )?)?(?:evidence|proof)",
        r"where (?:can|could|do|did|may|should) (?:i|we|you) (?:see|find|check|look|read|hear|verify|get)"
        rf"(?: (?:at|for|{_THAT}|that from|it from))*",
        rf"show me(?: where(?: (?:{_THAT} is|is {_THAT}|you (?:saw|see|read|found) {_THAT}))?)?",
        r"where (?:in the video )?(?:is|was) that (?:shown|seen|said|written)",
    ),
    "certainty": (
        rf"(?:are|is) you(?: (?:really|quite|very|absolutely|completely|so))? (?:sure|certain|confident){_ABOUT}",
        rf"how (?:sure|certain|confident|reliable) (?:are you|is (?:{_THAT}|your answer)){_ABOUT}",
        r"really|seriously|sure|wrong|could you be wrong|can i trust (?:that|you|it)|you (?:are|must be) wrong",
        rf"is (?:{_THAT}|your answer) (?:really )?(?:right|correct|true|certain|sure|reliable)",
        rf"(?:{_THAT}|that answer) (?:is|can't be|cannot be) (?:wrong|right|not right|incorrect|not true|not correct)",
        r"that's (?:wrong|not right|not true|incorrect)",
        r"i (?:do not|don't) (?:believe|think) (?:that|so|it|you)",
    ),
    "question": (
        rf"what (?:did i (?:just )?ask(?: you)?|was i asking)(?: {_WHEN})?(?: (?:that|this))?",
        rf"(?:what (?:is|was)|repeat|show|tell|say)(?: me)? my (?:{_WHICH})?question(?: again)?",
    ),
    "answer": (
        rf"what (?:is|was) (?:your|the) (?:{_WHICH})?answer(?: again| before)?",
        rf"what (?:is|was) (?:your|the) answer to my {_WHICH}question",
        rf"what (?:did|have) you (?:just )?(?:say|said|answer|answered|tell me|reply)(?: {_WHEN})?",
        rf"what (?:did|have) you (?:say|said|answer|answered) to my {_WHICH}question",
        r"(?:repeat|say) (?:that|it)(?: again)?(?:,? please)?",
        r"once (?:more|again)|again please|repeat|pardon|come again",
        rf"(?:repeat|say) your (?:{_WHICH})?answer(?: again)?|what was (?:that|it) again",
    ),
    "alternatives": (
        r"(?:(?:are|is) there )?(?:any )?(?:other|another) (?:answers?|possibilit(?:y|ies)|candidates?|explanations?)",
        r"what else (?:could|might|can) (?:it|that|this) (?:be|have been)",
        r"what are the alternatives|(?:any )?alternatives",
        r"what (?:other|else) did you (?:consider|think of)|what was your second(?: best)? guess",
    ),
}
_PATTERNS = tuple(
    (about, re.compile(rf"{_OPENER}(?:{form})[\s?.!]*", re.I)) for about, forms in _FORMS.items() for form in forms
)


def about_conversation(question: str) -> tuple[About, str] | None:
    """What of the conversation a question asks for, and of which turn ("first", "second", empty = the latest).

    None when it asks about the video.
    """
    for about, pattern in _PATTERNS:
        if found := pattern.fullmatch(question):
            return about, (found.groupdict().get("which") or "").lower()
    return None
