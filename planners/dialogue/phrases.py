"""Noun phrases of a question, found by closed word classes: no tagger, no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from planners.dialogue.lexicon import (
    ATTRIBUTES,
    AUXILIARIES,
    BE,
    CLAUSE_WORDS,
    DETERMINERS,
    DO,
    FEMALE,
    MALE,
    MODIFIERS,
    ORDER,
    PERSONS,
    PLACE_NOUNS,
    PREPOSITIONS,
    PRONOUNS,
    SOMEBODY,
    SOMETHING,
    STOPS,
    VIDEO_NOUNS,
    WH,
    is_number,
    is_plural,
    is_verb,
    singular,
)
from planners.embedded.words import COLOURS

_TOKEN = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)|\w+(?:[-'’.]\w+)*|[^\w\s]")
_CLOSED = AUXILIARIES | PREPOSITIONS | CLAUSE_WORDS | WH | PRONOUNS | STOPS | DETERMINERS
"""Words that are in no noun phrase after its determiner."""
_ATTACHING = frozenset({"with", "in", "on", "near", "behind", "under", "beside"})


@dataclass(frozen=True)
class Token:
    """A word, a sign, or a quotation as a whole."""

    text: str
    start: int
    """Characters of the question before it."""

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def low(self) -> str:
        return self.text.lower().replace("’", "'")

    @property
    def is_quote(self) -> bool:
        return len(self.text) > 1 and self.text[0] in "\"“'"

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()


@dataclass(frozen=True)
class NounPhrase:
    """Tokens `first` to `last` (excluded) of a question; `words` are those after the determiner."""

    first: int
    last: int
    determiner: str
    """Lower case; "how many" for counted things, empty for bare nouns."""
    words: str
    head: str
    """Lower case; the noun that the phrase is about."""

    @property
    def plural(self) -> bool:
        return is_plural(self.head) or self.determiner in ("these", "those", "how many", "both")

    @property
    def person(self) -> bool:
        return self.head in PERSONS or self.head in SOMEBODY or self.head == "who"

    @property
    def male(self) -> bool:
        return self.head in MALE

    @property
    def female(self) -> bool:
        return self.head in FEMALE

    @property
    def about_video(self) -> bool:
        return self.head in VIDEO_NOUNS

    @property
    def is_thing(self) -> bool:
        """Whether a pronoun may mean it."""
        vague = self.head in ATTRIBUTES | PLACE_NOUNS | VIDEO_NOUNS | SOMETHING | WH
        return not vague and not is_number(self.head)

    def definite(self) -> str:
        """As it is named when it is known."""
        if self.head in SOMEBODY or self.head == "who":
            return "the person"
        return f"{self.determiner if self.determiner in ('his', 'her') else 'the'} {self.words}"

    def definite_singular(self) -> str:
        """The same, one of them."""
        return re.sub(rf"\b{re.escape(self.head)}\b", singular(self.head), self.definite(), count=1, flags=re.I)


def tokens_of(text: str) -> list[Token]:
    return [Token(found.group(), found.start()) for found in _TOKEN.finditer(text)]


def noun_phrases(tokens: Sequence[Token]) -> list[NounPhrase]:
    """Noun phrases in the order of the question; those after a preposition are found, too."""
    found: list[NounPhrase] = []
    at = 0
    while at < len(tokens):
        phrase = _phrase_at(tokens, at)
        if phrase is None:
            at += 1
        else:
            found.append(phrase)
            at = max(phrase.last, at + 1)
    return found


def _phrase_at(tokens: Sequence[Token], at: int) -> NounPhrase | None:
    low = tokens[at].low
    if low in SOMEBODY | SOMETHING:
        return NounPhrase(at, at + 1, "", tokens[at].text, low)
    if low == "how" and _low(tokens, at + 1) in ("many", "much"):
        return _collected(tokens, at, at + 2, "how many")
    if low in ("what", "which") and _is_noun_like(_low(tokens, at + 1)):
        return _collected(tokens, at, at + 1, low)
    if low in DETERMINERS:
        inner = at + 2 if low in ("all", "both") and _low(tokens, at + 1) in ("the", "of") else at + 1
        return _collected(tokens, at, inner, low)
    is_bare = is_number(low) or low in PERSONS or low in COLOURS or low in MODIFIERS - {"left", "right"}
    return _collected(tokens, at, at, "") if is_bare else None


def _collected(tokens: Sequence[Token], first: int, inner: int, determiner: str) -> NounPhrase | None:
    last, noun = _nouns(tokens, inner)
    words = tokens[inner:last]
    if not words:
        return None
    if not noun and not determiner:
        return None  # "red", "long": no thing
    lacks_verb = first > 0 and tokens[first - 1].low in DO and not is_verb(_low(tokens, last))
    if lacks_verb and noun and len(words) > 1 and not words[-1].is_quote and _low(tokens, last) not in ORDER:
        last -= 1  # "does the cat purr?": a verb has to follow
        words = words[:-1]
    spoken = [token for token in words if not token.is_quote]
    if not spoken:
        return None
    nouns = [token for token in spoken if not is_number(token.low)] or spoken  # "box 3"
    head = nouns[-1].low
    last = _attached(tokens, first, last, head)
    text = _text(tokens, inner, last)
    return NounPhrase(first, last, determiner, text, head)


def _nouns(tokens: Sequence[Token], inner: int) -> tuple[int, bool]:
    """Where the modifiers and nouns that begin at `inner` end, and whether a noun is among them."""
    at, noun = inner, False
    while at < len(tokens):
        low = tokens[at].low
        if tokens[at].is_quote:
            return (at + 1 if noun else at), noun
        between_colours = low in ("and", "or") and _low(tokens, at - 1) in COLOURS and _low(tokens, at + 1) in COLOURS
        if between_colours and not noun:
            at += 1
            continue
        if not tokens[at].is_word or low in _CLOSED:
            break
        if low in COLOURS or low in ORDER or is_verb(low):
            if noun:
                break  # "is the car red?", "does the ball come first?"
            noun = is_verb(low) and not low.endswith("ing")  # "the first cut", but "the mixing bowl"
        elif low not in MODIFIERS and not is_number(low):
            noun = True
        at += 1
    return at, noun


def _attached(tokens: Sequence[Token], first: int, last: int, head: str) -> int:
    """The end of a phrase with what describes it: "the shirt of the boy", "the man in the red coat"."""
    preposition = _low(tokens, last)
    inner = last + 2 if _low(tokens, last + 1) in DETERMINERS else last + 1
    end, noun = _nouns(tokens, inner)
    described = _low(tokens, end - 1)
    if end <= inner or head in ATTRIBUTES | VIDEO_NOUNS | PLACE_NOUNS:
        return last
    if preposition == "of":
        return end if described not in VIDEO_NOUNS else last
    is_last = end >= len(tokens) or not tokens[end].is_word
    predicate = (tokens[0].low in BE and is_last) or tokens[0].low == "where"
    predicate |= first > 0 and tokens[first - 1].low not in AUXILIARIES
    side = described in ("left", "right", "background", "foreground")
    if preposition not in _ATTACHING or predicate or not (side or noun) or end == last:
        return last
    elsewhere = described in (PLACE_NOUNS | VIDEO_NOUNS | {"shot", "scene"}) and not side
    return last if elsewhere else end


def _is_noun_like(word: str) -> bool:
    return bool(word) and word[0].isalnum() and word not in _CLOSED and (not is_verb(word) or word.endswith("ing"))


def _low(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].low if 0 <= at < len(tokens) else ""


def _text(tokens: Sequence[Token], first: int, last: int) -> str:
    """The words between two tokens, as spaced as English is."""
    parts: list[str] = []
    for before, token in zip([None, *tokens[first : last - 1]], tokens[first:last], strict=True):
        gap = " " if before is not None and token.start > before.end else ""
        parts.append(gap + token.text)
    return "".join(parts)
