"""Pronouns of a question that nothing in the question itself binds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planners.dialogue.lexicon import (
    ATTRIBUTES,
    AUXILIARIES,
    BE,
    CLAUSE_WORDS,
    PREPOSITIONS,
    VERBS,
    WH,
    is_modifier,
    is_verb,
)
from planners.dialogue.phrases import NounPhrase, Token, noun_phrases

_ATTRIBUTE = "|".join(sorted(ATTRIBUTES))
_UNBOUND = re.compile(
    r"\bit (?:is |was |start(?:s|ed)? to |begin(?:s)? to |ever )*(?:rain|snow|hail|thunder|storm)\w*"
    r"|\b(?:is|was) it (?:day|night|sunny|cloudy|raining|snowing|windy|foggy|daytime|night-?time|morning|noon|evening"
    r"|dawn|dusk|winter|summer|spring|autumn|indoors?|outdoors?|inside or|outside or|dark outside|late|early)\b"
    r"|\b(?:is|was|does|did) it (?:get|getting|become|becoming|turn|turning|grow|growing) "
    r"(?:dark|late|light|bright|cold|warm|hot|loud|quiet|silent|foggy|cloudy|windy)\w*\b"
    r"|\b(?:is|was) it (?:true|possible|likely|clear|certain|safe|correct|me|you)\b"
    r"|\b(?:is|was) it (?:the|an?|\w+) (?:[\w-]+ ){1,6}?(?:who|that|which)\b"
    r"|\b(?:is|was) (?:it|this|that) (?:an?|the same) (?:[\w-]+ ){0,4}"
    r"(?:shot|video|clip|film|movie|recording|take|scene|cartoon|animation|footage)\b"
    r"|\bwhen (?:is|was|does|did) it (?:get |become |turn )?(?:dark|bright|light|silent|quiet|loud|noisy|calm)\b"
    r"|\bwhat (?:time|day|season|weather|year) is it\b|\bhow (?:long|much time|many \w+) (?:does|did|will) it take\b"
    rf"|\b(?:what|which) (?:(?:kind|type|sort|species|breed) of )?(?!(?:{_ATTRIBUTE})\b)[\w-]+(?: [\w-]+)? "
    r"(?:is|are|was) (?:it|this|that|they|these|those)(?=\s*[?.!]|$)"
    r"|\bit (?:seems?|looks? like|appears? that)\b|\b(?:was|is) (?:it|this) (?:filmed|recorded|shot|taken)\b",
    re.I,
)
"""Questions whose pronoun stands for no thing ("is it raining?"), for the video, or for what is to be named."""
THING_PRONOUNS = ("it", "its", "this", "that")
MANY_PRONOUNS = ("they", "them", "their", "these", "those")
HE, SHE = ("he", "him", "himself"), ("she", "her")
POSSESSIVE = ("its", "their")


@dataclass(frozen=True)
class Reference:
    """Tokens `first` to `last` (excluded) of a question that mean something said before."""

    first: int
    last: int
    pronoun: str


def references(question: str, tokens: Sequence[Token], *, with_options: bool = False) -> list[Reference]:
    """The pronouns that mean something outside the question, in its order."""
    if _UNBOUND.search(question):
        return []
    phrases = noun_phrases(tokens)
    found: list[Reference] = []
    for at, token in enumerate(tokens):
        pronoun, size = token.low, 1
        if _next(tokens, at) in ("one", "ones") and pronoun in ("this", "that", "these", "those"):
            size = 2
        elif pronoun == "the" and _next(tokens, at) == "same" and _next(tokens, at + 1) in ("one", "ones", "thing"):
            pronoun, size = "that", 3
        elif pronoun in ("this", "that", "these", "those"):
            of_options = with_options and pronoun in MANY_PRONOUNS
            if of_options or not _stands_alone(tokens, at):
                continue
        elif (
            (pronoun == "her" and not _is_object(tokens, at))
            or pronoun not in (*THING_PRONOUNS, *MANY_PRONOUNS, *HE, *SHE)
            or pronoun == "himself"
        ):
            continue
        repeats = any(one.pronoun == pronoun and _clause_between(tokens, one.last, at) for one in found)
        does = (
            _before(tokens, at) in ("do", "doing", "done") and at > 1 and tokens[at - 2].low not in WH
        )  # "do it again"
        # "Is it the same one?" compares.
        said_twice = size == 3 and (bool(found) or any(phrase.is_thing for phrase in phrases))
        if not said_twice and not repeats and not does and not _is_bound(tokens, at, pronoun, phrases):
            found.append(Reference(at, at + size, pronoun))
    words = sum(token.is_word for token in tokens)
    return [] if sum(one.last - one.first for one in found) == words else found  # "it?" asks nothing


def _next(tokens: Sequence[Token], at: int) -> str:
    return tokens[at + 1].low if at + 1 < len(tokens) else ""


def _before(tokens: Sequence[Token], at: int) -> str:
    return tokens[at - 1].low if at > 0 else ""


def _ends_phrase(word: str) -> bool:
    closed = AUXILIARIES | PREPOSITIONS | CLAUSE_WORDS
    return not word or not word[0].isalnum() or word in closed or is_verb(word) or is_modifier(word)


def _stands_alone(tokens: Sequence[Token], at: int) -> bool:
    """Whether a demonstrative is a pronoun: no noun follows, and it begins no clause ("the man that sits")."""
    before, after = _before(tokens, at), _next(tokens, at)
    if before in BE and after in PREPOSITIONS and tokens[0].low in ("what", "who"):
        return False  # "what is that on the roof?" points at the picture
    opens = before in AUXILIARIES | PREPOSITIONS or at == 0 or is_verb(before) or before in ("and", "or", ",", "about")
    if tokens[at].low == "that" and before in ("say", "says", "said", "true", "see", "seen", "know", "think", "sure"):
        return not after or not after[0].isalnum()
    is_subject = before in BE and after in ("a", "an", "the")  # "is this a toy?"
    return opens and (is_subject or _ends_phrase(after) or after in ("too", "again", "exactly", "there", "also", "not"))


def _is_object(tokens: Sequence[Token], at: int) -> bool:
    """Whether "her" is a pronoun, and no possessive."""
    after = _next(tokens, at)
    return not after or not after[0].isalnum() or after in AUXILIARIES | PREPOSITIONS | CLAUSE_WORDS or after in VERBS


def _is_bound(tokens: Sequence[Token], at: int, pronoun: str, phrases: Sequence[NounPhrase]) -> bool:
    """Whether a phrase of the question itself is meant: one that agrees, in another clause where it must be."""
    for phrase in [*phrases, *_asked(tokens)]:
        if phrase.first <= at < phrase.last or not _agrees(phrase, pronoun):
            continue
        if phrase.last <= at:
            if (pronoun in POSSESSIVE and phrase.head != "what") or _clause_between(tokens, phrase.last, at):
                return True
        elif _leads_clause(tokens, at) and any(token.low == "," for token in tokens[at : phrase.first]):
            return True  # "when it falls, does the cup break?"
    return False


def _asked(tokens: Sequence[Token]) -> Iterator[NounPhrase]:
    """ "who" and "what" as subjects: "what falls after it is hit?"."""
    for at, token in enumerate(tokens):
        after, then = _next(tokens, at), _next(tokens, at + 1)
        is_subject = after not in AUXILIARIES or (after in BE and is_verb(then))
        if token.low == "who" or (token.low in ("what", "which") and is_subject):
            yield NounPhrase(at, at + 1, "", token.text, token.low)


def _agrees(phrase: NounPhrase, pronoun: str) -> bool:
    if phrase.head in ("who", "what", "which"):
        return phrase.head != "what" or pronoun not in (*HE, *SHE)
    if pronoun in HE or pronoun in SHE:
        return phrase.person and not (phrase.female if pronoun in HE else phrase.male)
    if pronoun in MANY_PRONOUNS:
        return phrase.plural or phrase.person
    return not phrase.plural and not phrase.person


def _clause_between(tokens: Sequence[Token], first: int, at: int) -> bool:
    """Whether a clause begins between; "before it" at the end of a question is none."""
    for place in range(first, at):
        low = tokens[place].low
        if low == "," or low == ":":
            return True
        if low in CLAUSE_WORDS | WH:
            heads_phrase = low in PREPOSITIONS and place == at - 1
            if not heads_phrase or _next(tokens, at) in AUXILIARIES or is_verb(_next(tokens, at)):
                return True
    return False


def _leads_clause(tokens: Sequence[Token], at: int) -> bool:
    return at == 1 and tokens[0].low in CLAUSE_WORDS
