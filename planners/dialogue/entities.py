"""The things that a turn of a conversation speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from planners.dialogue.lexicon import ATTRIBUTES, is_verb, singular
from planners.dialogue.phrases import NounPhrase, Token, noun_phrases, tokens_of
from planners.dialogue.said import named_text, number, rows_of, slots, text_of
from planners.dialogue.turn import Turn
from planners.embedded.words import COLOURS

MAX_NAME, MAX_NAME_WORDS = 60, 5
"""Characters and words of an answer that may be the name of a thing."""
_ASKS_FOR_THING = re.compile(r"(?:what|which|who)\b(?! (?:happens|is happening|is going on|does .{1,60} do)\b)", re.I)
_SAYS = re.compile(r"^(?:it is|it's|this is|that is|there is|there are|they are) ", re.I)
_UNITS = frozenset(("s", "sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes"))
_ARTICLE = re.compile(r"(?:an?|the|some|two|three|four|five|his|her) ", re.I)


@dataclass(frozen=True)
class Entity:
    """A thing of the conversation that a pronoun may mean."""

    text: str
    """With its article: "the red cup", 'the text "EXIT"'."""
    head: str
    plural: bool = False
    person: bool = False
    gender: str = ""
    """"he", "she" or empty."""


def entities(turn: Turn) -> list[Entity]:
    """The things that a turn speaks of, the likeliest first: what the answer names, then what was asked about."""
    tokens = tokens_of(turn.resolved)
    phrases = noun_phrases(tokens)
    things = [phrase for phrase in phrases if phrase.is_thing and not _is_time(tokens, phrase)]
    named = _answered(turn, phrases)
    if not things and named is None:
        return [Entity("the video", "video")] if any(phrase.about_video for phrase in phrases) else []
    there_is_one = number(turn.answer.get("value")) == 1
    found: list[Entity] = []
    for phrase in things:
        counted = phrase.determiner == "how many" and phrase.head not in ("shots", "scenes")  # one shot is the video
        found.append(_entity(phrase, single=there_is_one and counted))
        inner = noun_phrases(tokens_of(phrase.words))  # "the shirt of the boy" speaks of a boy, too
        found += [_entity(one) for one in inner if one.is_thing and one.first > 0 and one.determiner]
    return [named, *found] if named is not None else found


def _is_time(tokens: Sequence[Token], phrase: NounPhrase) -> bool:
    """ "In the second shot", "to 5 s": a part of the video, no thing in it."""
    before = tokens[phrase.first - 1].low if phrase.first > 0 else ""
    return phrase.head in _UNITS or (phrase.head in ("shot", "scene") and before in ("in", "during", "within", "of"))


def _entity(phrase: NounPhrase, *, single: bool = False) -> Entity:
    gender = "he" if phrase.male else "she" if phrase.female else ""
    if single:
        return Entity(phrase.definite_singular(), singular(phrase.head), False, phrase.person, gender)
    return Entity(phrase.definite(), phrase.head, phrase.plural, phrase.person, gender)


def _answered(turn: Turn, phrases: Sequence[NounPhrase]) -> Entity | None:
    """The thing that the answer names, where one was asked for."""
    text = text_of(turn.answer, "option", MAX_NAME) or text_of(turn.answer, "answer", MAX_NAME)
    if not text or turn.answer.get("status") == "cannot" or not _ASKS_FOR_THING.match(turn.resolved):
        return None
    for row in rows_of(turn.answer):
        if row.text is not None and row.text.text.strip() == text:
            return Entity(named_text(row.text), "text")
    asks_attribute = (
        bool(phrases) and phrases[0].head in ATTRIBUTES and phrases[0].determiner in ("what", "which", "the")
    )
    return None if asks_attribute or slots(turn.resolved).kind != "text" else _named(text)


def _named(text: str) -> Entity | None:
    """A text that is one short noun phrase of plain words ("a red panda", "It is a dog.") and nothing else."""
    plain = _SAYS.sub("", text.rstrip("."))
    has_article = _ARTICLE.match(plain) is not None
    tokens = tokens_of(plain if has_article else f"a {plain}")
    phrases = noun_phrases(tokens)
    if len(phrases) != 1 or len(tokens) > MAX_NAME_WORDS or phrases[0].last - phrases[0].first != len(tokens):
        return None
    phrase = phrases[0]
    unfit = phrase.head in COLOURS or phrase.head in ("yes", "no") or (is_verb(phrase.head) and not has_article)
    plain_words = all(token.text.replace("-", "").isalpha() for token in tokens)
    return _entity(phrase) if phrase.is_thing and plain_words and not unfit else None
