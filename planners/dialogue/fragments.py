"""Questions that leave words out ("and the blue ones?", "no, I meant the man") and the part that they do say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from planners.dialogue.lexicon import (
    AUXILIARIES,
    DETERMINERS,
    ORDER,
    PREPOSITIONS,
    PRONOUNS,
    WH,
    is_modifier,
    is_number,
)
from planners.dialogue.phrases import Token, noun_phrases, tokens_of
from planners.dialogue.times import as_time_phrase
from planners.embedded.words import COLOURS, DIRECTIONS

MAX_WORDS = 12
_THANKS = r"(?:(?:great|good|nice|thanks|thank you|cool|perfect|fine|right|i see)\b[,.!;:]* ?)"
_LEAD = re.compile(
    rf"^{_THANKS}*(?:(?:and|or|but|so|also|ok|okay|now|then|well|alright|plus|no|yes|hm+)\b[,.:!]? ?)*"
    r"(?:(?:what|how) (?:about|of)|(?:do |ask )?(?:the )?same (?:question |thing )?(?:for|with)|and|or|but|also|plus"
    r"|only|just)\b[,:]? ?(?:only |just )?",
    re.I,
)
_NO = r"(?:(?:no|nope|nah|sorry|actually|wait|well|oh|pardon|hm+)\b[,.;:!]? ?)"
_MEANT = re.compile(
    rf"^{_NO}*(?:i (?:really )?(?:meant|mean|was asking about|was asking for|asked about|am asking about)"
    r"|i'm asking about|i was talking about|rather|make that) (?P<new>.+?)"
    r"(?:,? (?:and )?(?:not|instead of|rather than) (?P<old>.+)| instead)?$",
    re.I,
)
_NOT_BUT = re.compile(
    rf"^{_NO}*not (?P<old>[^,;:]+?)(?: ?[,;:-]+ ?(?:but )?| but )(?:rather |i meant )?(?P<new>.+)$", re.I
)
_BUT_NOT = re.compile(rf"^{_NO}*(?P<new>[^,;:]+?), (?:and )?not (?P<old>.+)$", re.I)
_NO_LEAD = re.compile(rf"^{_NO}+(?P<new>\w.+)$", re.I)
_HOW_MANY = re.compile(r"^how many (?P<what>.+)$", re.I)
_TAIL = re.compile(r"(?:,? (?:too|as well|again|then|please|also|instead|though))+$", re.I)
_OPENERS = re.compile(r"^(?:(?:and|but|so|ok|okay|also|now|well|alright|hm+)\b,? )+(?=\w)", re.I)


_SUBJECTS = frozenset(
    [
        "i",
        "you",
        "we",
        "he",
        "she",
        "they",
        "it's",
        "he's",
        "she's",
        "that's",
        "there's",
        "they're",
        "i'm",
        "you're",
        "what's",
        "where's",
        "who's",
    ]
)


@dataclass(frozen=True)
class Fragment:
    """What a follow-up says; `old` is what it takes back, if it says so."""

    text: str
    old: str = ""
    marked: bool = True
    """Whether it says itself that it goes on ("and", "what about")."""


def fragment_of(question: str, *, with_options: bool = False) -> Fragment | None:
    """The fragment that a question consists of; None when it is a whole question.

    `with_options`: the question has options of its own, so only one that says that it goes on is taken for a fragment.
    """
    text = question.strip().rstrip("?.! ")
    correction = _correction(text)
    if correction is not None:
        return correction
    lead = _LEAD.match(text)
    rest = _TAIL.sub("", text[lead.end() :] if lead else text)
    counted = _HOW_MANY.match(rest)
    if counted and (lead or _is_one(counted["what"].lower().split())):
        rest = counted["what"]  # "and how many blue ones?"
    if lead:
        return Fragment(rest) if rest and _says_part(rest) else None
    return Fragment(rest, marked=False) if not with_options and _is_plain_part(rest) else None


def without_opener(question: str) -> str:
    """The question without an "and" or "so" before it."""
    text = _OPENERS.sub("", question)
    return text[:1].upper() + text[1:]


def _correction(text: str) -> Fragment | None:
    for form in (_MEANT, _NOT_BUT, _BUT_NOT, _NO_LEAD):
        found = form.match(text)
        if found:
            new, old = _TAIL.sub("", found["new"]), found.groupdict().get("old") or ""
            return Fragment(new, old) if _says_part(new) and len(old.split()) <= MAX_WORDS else None
    return None


def _says_part(text: str) -> bool:
    """Whether the words are no whole question and no command."""
    tokens = [token for token in tokens_of(text) if not token.is_quote]
    low = [token.low for token in tokens]
    if not tokens_of(text) or len(low) > MAX_WORDS or any(word in AUXILIARIES | _SUBJECTS for word in low):
        return False
    return not low or low[0] not in WH


def _is_plain_part(text: str) -> bool:
    """Whether words without "and" or "what about" before them can only be a part of a question."""
    tokens = tokens_of(text)
    low = [token.low for token in tokens]
    if not _says_part(text) or not low or any(not token.is_word and not token.is_quote for token in tokens):
        return False
    if as_time_phrase(text):
        return True
    if low[0] in PREPOSITIONS and len(low) > 1 and low[1] in DETERMINERS:
        return _is_phrase(tokens[1:])
    if low[0] in ("the", "a", "an"):
        return low[1:] != [] and (_is_one(low[1:]) or _is_phrase(tokens))
    return all(word in COLOURS or word in ("left", "right") for word in low) or _is_one(low)


def _is_one(low: list[str]) -> bool:
    """ "Blue ones", "second one", "last of these", "second"."""
    before, _, after = " ".join(low).partition(" of ")
    words = before.split()
    named = (
        words[:-1]
        if words[-1:] and words[-1] in ("one", "ones")
        else words
        if words[-1:] and words[-1] in ORDER
        else []
    )
    all_modify = bool(named) and all(is_modifier(word) or is_number(word) or word in DIRECTIONS for word in named)
    return all_modify and (not after or after.split()[0] in ("these", "those", "them", "the"))


def _is_phrase(tokens: list[Token]) -> bool:
    """Whether it is one noun phrase of a thing."""
    phrases = noun_phrases(tokens)
    whole = len(phrases) == 1 and phrases[0].first == 0 and phrases[0].last == len(tokens)
    return whole and phrases[0].is_thing and not any(token.low in PRONOUNS for token in tokens)
