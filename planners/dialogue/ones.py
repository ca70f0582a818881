"""Nouns that are left out: "the biggest one", "which one moves?", "how many are left?"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from planners.dialogue.entities import Entity, entities
from planners.dialogue.lexicon import is_modifier, singular
from planners.dialogue.phrases import noun_phrases, tokens_of
from planners.dialogue.turn import RECENT, Turn
from planners.embedded.words import COLOURS

_ONE = re.compile(r"\b(the|which|any|every|each|another|a|all|some|other)((?: [\w-]+){0,3}?) (ones?)\b(?! of\b)", re.I)
_HOW_MANY = re.compile(r"^(?:and |but |so )?how many (?=(?:are|were|can|do|did|have)\b)", re.I)


def with_nouns(question: str, turns: Sequence[Turn]) -> str:
    """The question with the noun of the latest thing that was spoken of in place of "one", or after "how many"."""
    text = question
    if found := _HOW_MANY.match(text):
        thing = _latest(turns, plural=True)
        return text if thing is None else f"{found.group()}{_noun(thing)} {text[found.end() :]}"
    found = _ONE.search(text)
    if found is None or any(phrase.is_thing for phrase in noun_phrases(tokens_of(text[: found.start()]))):
        return text  # "is the red cup bigger than the blue one?"
    modifiers = found.group(2).split()
    if "same" in modifiers:
        return text
    alone = found.group(1).lower() in ("the", "a", "all", "some") and not modifiers
    if alone or not all(_modifies(word) for word in modifiers):
        return text
    thing = _latest(turns, plural=False)
    if thing is None:
        return text
    noun = _noun(thing)
    if any(word.lower() in COLOURS for word in modifiers):
        noun = " ".join(word for word in noun.split() if word.lower() not in COLOURS)
    if found.group(3).lower() == "one":
        noun = re.sub(rf"\b{re.escape(thing.head)}\b", singular(thing.head), noun, count=1, flags=re.I)
    return text[: found.start(3)] + noun + text[found.end(3) :]


def _modifies(word: str) -> bool:
    return is_modifier(word.lower()) or (len(word) > 4 and word.lower().endswith(("est", "er", "ing")))


def _latest(turns: Sequence[Turn], *, plural: bool) -> Entity | None:
    things = [entity for turn in reversed(turns[-RECENT:]) for entity in entities(turn)]
    fit = [one for one in things if one.plural] if plural else things
    return next(iter(fit), None)


def _noun(thing: Entity) -> str:
    return re.sub(r"^(?:the|his|her) ", "", thing.text)
