"""An earlier question with one phrase replaced: by a fragment that says what is different now."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from planners.dialogue.fragments import Fragment
from planners.dialogue.lexicon import (
    ATTRIBUTES,
    DETERMINERS,
    ORDER,
    PREPOSITIONS,
    SOMEBODY,
    SOMETHING,
    is_modifier,
    is_number,
)
from planners.dialogue.phrases import NounPhrase, Token, noun_phrases, tokens_of
from planners.dialogue.times import TIME_PHRASE, as_time_phrase, normalised
from planners.embedded.words import COLOURS

_PLACE = re.compile(
    r"\b(?:on|at|in|to|from) the (?:(?:far|upper|lower|top|bottom) )?"
    r"(?:left|right|top|bottom|middle|centre|center|background|foreground|corner)(?:[ -]hand)?"
    r"(?: side| half| corner| part| edge)?(?: of the (?:picture|screen|frame|image|video))?\b",
    re.I,
)
_WAY = re.compile(r"\b(?:left|right|up|down|upwards|downwards|forwards|backwards|closer|away|in|out)\b", re.I)
_WAY_FRAGMENT = re.compile(r"(?:to the |on the )?(?:left|right|up|down|upwards|downwards|closer|away)", re.I)
_QUOTE = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)")
_FILE_ATTRIBUTE = re.compile(r"(?:the |its )?(duration|resolution|frame rate|fps|codec|orientation)", re.I)
_COLOUR = rf"(?:{'|'.join(sorted(COLOURS))})"
_COLOURS = re.compile(rf"\b{_COLOUR}(?:(?:, | and | or |, and |, or |/){_COLOUR})*\b", re.I)
_SINGULAR_OF = {"are": "is", "were": "was", "do": "does", "have": "has"}
_PLURAL_OF = {one: many for many, one in _SINGULAR_OF.items()}


def substituted(base: str, fragment: Fragment) -> str:
    """The base question with the phrase of the fragment's type replaced, or added; empty when nothing fits."""
    text = fragment.text
    if fragment.old and (found := _replaced_old(base, fragment.old, text)):
        return found
    for way in _WAYS:
        if found := way(base, text):
            return found
    return ""


def _replaced_old(base: str, old: str, new: str) -> str:
    """What the user names as wrong is replaced, where the base question has it."""
    wrong = noun_phrases(tokens_of(old))
    tokens = tokens_of(base)
    for phrase in noun_phrases(tokens):
        if any(phrase.head == one.head for one in wrong) and noun_phrases(tokens_of(new)):
            return _with_phrase(base, tokens, phrase, new)
    plain = re.sub(r"^(?:the|a|an) ", "", old, flags=re.I)
    found = re.search(rf"\b{re.escape(plain)}\b", base, re.I)
    replacement = re.sub(r"^(?:the|a|an) ", "", new, flags=re.I)
    return base[: found.start()] + replacement + base[found.end() :] if found else ""


def _by_time(base: str, text: str) -> str:
    phrase = as_time_phrase(text)
    if not phrase:
        return ""
    bare = re.sub(r"^(?:in|at|during) ", "", text, flags=re.I)
    shots = [one for one in _things(base) if one.head in ("shot", "scene", "take")]
    if shots and re.search(r"\b(?:shot|scene|take)$", bare, re.I):  # "how long is the first shot?"
        return _with_phrase(base, tokens_of(base), shots[0], bare)
    known = TIME_PHRASE.search(base)
    if known:
        return base[: known.start()] + phrase + base[known.end() :]
    return _added(base, phrase)


def _by_ordinal(base: str, text: str) -> str:
    found = re.fullmatch(
        rf"(?:in |during |at )?(?:the )?(?:very )?({'|'.join(ORDER)})(?: (?:one|ones|time|[a-z]+))?", text, re.I
    )
    if not found:
        return ""
    new, noun = found.group(1), text.split()[-1].lower()
    for known in re.finditer(rf"\b({'|'.join(ORDER)})\b", _QUOTE.sub(_blank, base), re.I):
        same = noun in ("one", "ones", "time", new.lower()) or re.match(rf"\W+{noun}", base[known.end() :], re.I)
        if same:
            return base[: known.start()] + new + base[known.end() :]
    return ""


def _by_modifier(base: str, text: str) -> str:
    """ "The blue ones", "and green", "the small one"."""
    words = [word for word in text.lower().split() if word not in ("the", "a", "an", "any", "and", "or", "ones", "one")]
    things = _things(base)
    if words and things and words[-1] == things[0].head:  # "the blue cups" where cups are asked about
        words = words[:-1]
    if not words or not all(is_modifier(word) for word in words):
        return ""
    new = " or ".join(words) if " or " in text else " and ".join(words) if " and " in text else " ".join(words)
    spoken = _QUOTE.sub(_blank, base)
    if all(word in COLOURS for word in words):
        known = _COLOURS.search(spoken)
        if known:
            return base[: known.start()] + new + base[known.end() :]
    if not things:
        return ""
    tokens, phrase = tokens_of(base), things[0]
    numbered = any(word in ORDER for word in words)
    if numbered and (phrase.determiner == "how many" or _QUOTE.search(phrase.words)):
        return ""
    begin = phrase.first + len(phrase.determiner.split())
    inner = [token for token in tokens[begin : phrase.last] if is_modifier(token.low) and token.low not in COLOURS]
    if inner and not any(word in COLOURS for word in words):
        return base[: inner[0].start] + new + base[inner[-1].end :]
    last = next(token for token in tokens[begin : phrase.last] if token.low in (*COLOURS, phrase.head))
    return f"{base[: last.start]}{new} {base[last.start :]}"


def _by_place(base: str, text: str) -> str:
    if _PLACE.fullmatch(text):
        known = _PLACE.search(base)
        return base[: known.start()] + text + base[known.end() :] if known else _added(base, text)
    if _WAY_FRAGMENT.fullmatch(text):
        known = _WAY.search(_QUOTE.sub(_blank, base))
        word = text.split()[-1]
        return base[: known.start()] + word + base[known.end() :] if known else ""
    return ""


def _by_quote(base: str, text: str) -> str:
    new, known = _QUOTE.search(text), _QUOTE.search(base)
    if not new or not known:
        return ""
    return base[: known.start()] + new.group() + base[known.end() :]


def _by_attribute(base: str, text: str) -> str:
    """ "And the colour?" asks the same thing about something else of it."""
    if found := _FILE_ATTRIBUTE.fullmatch(text):
        return f"What is the {found.group(1).lower()} of the video?"
    phrases = noun_phrases(tokens_of(text))
    if not phrases or " other " in text or phrases[0].head not in ATTRIBUTES or phrases[0].first != 0:
        return ""
    if " of " in text or re.search(r"\w['’]s? ", text):
        return f"What is {text}?"
    things = _things(base)
    if not things or phrases[0].last != len(tokens_of(text)):
        return ""
    verb = "are" if things[0].plural else "is"
    if phrases[0].head.startswith("colo"):
        return f"What {phrases[0].head} {verb} {things[0].definite()}?"
    return f"What is the {phrases[0].words} of {things[0].definite()}?"


def _by_number(base: str, text: str) -> str:
    if not is_number(text.lower()) and not re.fullmatch(r"\d+(?:\.\d+)?", text):
        return ""
    numbers = [token for token in tokens_of(base) if is_number(token.low) or re.fullmatch(r"\d+(?:\.\d+)?", token.low)]
    return base[: numbers[0].start] + text + base[numbers[0].end :] if numbers else ""


def _by_preposition(base: str, text: str) -> str:
    """ "And on the floor?": in place of the phrase with the same preposition, or else added."""
    first, _, rest = text.partition(" ")
    if first.lower() not in PREPOSITIONS or not noun_phrases(tokens_of(rest)):
        return ""
    tokens = tokens_of(base)
    for phrase in noun_phrases(tokens):
        if phrase.first > 0 and tokens[phrase.first - 1].low == first.lower():
            return base[: tokens[phrase.first - 1].start] + text + base[tokens[phrase.last - 1].end :]
    place = noun_phrases(tokens_of(rest))[0]
    for phrase in noun_phrases(tokens):  # "outside the kitchen" in place of "in the kitchen"
        if phrase.head == place.head and phrase.first > 0 and tokens[phrase.first - 1].low in PREPOSITIONS:
            return base[: tokens[phrase.first - 1].start] + text + base[tokens[phrase.last - 1].end :]
    inside = re.search(rf"\b{re.escape(first)} (?:the|a|an) \w+", base, re.I)  # within a longer phrase
    if inside:
        return base[: inside.start()] + text + base[inside.end() :]
    return _added(base, text)


def _by_thing(base: str, text: str) -> str:
    """Another thing in place of the one that the base question is about."""
    tokens, things = tokens_of(base), _things(base, vague=True)
    phrases = noun_phrases(tokens_of(text if text.split()[0].lower() in _ARTICLES else f"the {text}"))
    if not things or len(phrases) != 1 or not phrases[0].is_thing:
        return ""
    new = phrases[0]
    alike = [one for one in things if one.head == new.head] or [one for one in things if one.person == new.person]
    old = (alike or things)[0]
    if " of " in old.words:
        owner = noun_phrases(tokens_of(old.words.split(" of ", 1)[1]))
        if new.person and not old.person and owner:
            begin = tokens[old.first].start
            inner = base.index(" of ", begin) + len(" of ")
            return base[:inner] + text + base[tokens[old.last - 1].end :]
        if owner and " of " not in text:
            text = f"{text} of {old.words.split(' of ', 1)[1]}"
    return _with_phrase(base, tokens, old, text)


_ARTICLES = DETERMINERS - {"each", "every", "no", "all", "both", "several", "your"}
_WAYS: Sequence[Callable[[str, str], str]] = (
    _by_time,
    _by_ordinal,
    _by_place,
    _by_modifier,
    _by_quote,
    _by_attribute,
    _by_number,
    _by_preposition,
    _by_thing,
)


def _things(base: str, *, vague: bool = False) -> list[NounPhrase]:
    """The phrases that a fragment may replace, the topic first; `vague`: "anybody", "anything" as well."""
    tokens = tokens_of(base)
    times = [found.span() for found in TIME_PHRASE.finditer(base)]
    found = []
    for phrase in noun_phrases(tokens):
        start = tokens[phrase.first].start
        in_time = any(begin <= start < end for begin, end in times)
        if not in_time and (phrase.is_thing or (vague and phrase.head in SOMEBODY | SOMETHING)):
            found.append(phrase)
    return found


def _with_phrase(base: str, tokens: Sequence[Token], old: NounPhrase, text: str) -> str:
    """The base with one phrase replaced, "how many" kept, and its verb made to agree."""
    has_article = text.split()[0].lower() in _ARTICLES or tokens_of(text)[0].is_quote
    new = noun_phrases(tokens_of(text if has_article else f"the {text}"))
    many = bool(new) and new[0].plural
    plain = re.sub(r"^(?:the|a|an|any|some) ", "", text, flags=re.I)
    if old.determiner in ("how many", "what", "which"):
        asking = tokens[old.first : old.first + len(old.determiner.split())]
        text = " ".join([*(token.text for token in asking), plain])
    elif old.determiner in ("a", "an", "any", "some") and (many or not has_article):
        text = plain if old.determiner in ("a", "an") else f"{old.determiner} {plain}"
    elif not has_article:
        text = f"the {text}" if old.determiner else text
    result = base[: tokens[old.first].start] + text + base[tokens[old.last - 1].end :]
    if new and many != old.plural and old.determiner != "how many":
        result = _agreeing(result, tokens, old, plural=many)
    return result


def _agreeing(text: str, tokens: Sequence[Token], old: NounPhrase, *, plural: bool) -> str:
    at = old.first - 1
    if at >= 0 and tokens[at].low == "there":
        at -= 1
    if at < 0:
        return text
    verb = tokens[at]
    other = (_PLURAL_OF if plural else _SINGULAR_OF).get(verb.low)
    if other is None:
        return text
    return text[: verb.start] + (other.capitalize() if verb.text[0].isupper() else other) + text[verb.end :]


def _added(base: str, phrase: str) -> str:
    """The question with a phrase at its end."""
    plain = base.rstrip(" ?.!")
    return f"{plain} {normalised(phrase)}?"


def _blank(found: re.Match[str]) -> str:
    """A quotation hidden from a search, as long as it was."""
    return '"' + "_" * (len(found.group()) - 2) + '"'
