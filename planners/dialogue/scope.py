"""Which of the conversation's videos a follow-up names: by title, by number, as "the other one"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planners.dialogue.said import rows_of
from planners.dialogue.turn import RECENT, Turn
from planners.embedded.words import ORDINALS

_VIDEO = r"(?:video|clip|film|movie|recording|file)"
_IN = r"(?:(?:in|on|of|from|for|about) )?"
_NUMBERED = re.compile(
    rf"(?P<lead>\b{_IN})(?:the )?(?P<which>{'|'.join(ORDINALS)}|other) (?:one of the )?{_VIDEO}\b", re.I
)
_COUNTED = re.compile(rf"(?P<lead>\b{_IN}){_VIDEO} (?:number |no\.? ?|#)?(?P<number>\d{{1,3}})\b", re.I)
_ALL = re.compile(rf"\b{_IN}(?:all|both|each|every)(?: of)?(?: (?:the|these|them))?(?: {_VIDEO}s?)?$", re.I)
_BETWEEN = re.compile(
    rf"\b(?:than|unlike|compared?|as in|same as)\b"
    rf"|\b(?:which|what|any|all|both|each|every) (?:of the |of these |the |these )?{_VIDEO}s?\b",
    re.I,
)


@dataclass(frozen=True)
class Scope:
    """Videos that a follow-up names, and what is left of it without them."""

    videos: tuple[str, ...]
    rest: str


def scope_of(text: str, turns: Sequence[Turn], titles: Mapping[str, str], *, fragment: bool) -> Scope | None:
    """The videos that a text names; None when it names none, or there is but one.

    Of a whole question the rest still says "the video". Words that could be others ("cups" of cups.mp4) count as a
    title in a fragment only ("what about cups?").
    """
    if len(titles) < 2 or (not fragment and _BETWEEN.search(text)):
        return None
    if found := _by_title(text, titles, fragment=fragment):
        return found
    ids = list(titles)
    numbered = _NUMBERED.search(text)
    if numbered:
        chosen = (
            _other(ids, turns)
            if numbered["which"].lower() == "other"
            else _at(ids, ORDINALS[numbered["which"].lower()])
        )
        return Scope(chosen, _without(text, numbered, fragment)) if chosen else None
    counted = _COUNTED.search(text)
    if counted:
        chosen = _at(ids, int(counted["number"]) - 1) if int(counted["number"]) > 0 else ()
        return Scope(chosen, _without(text, counted, fragment)) if chosen else None
    if fragment and (found_other := re.fullmatch(rf"{_IN}the other(?: one)?", text, re.I)):
        chosen = _other(ids, turns)
        return Scope(chosen, text[found_other.end() :]) if chosen else None
    if fragment and (found_all := _ALL.search(text)):
        return Scope(tuple(ids), text[: found_all.start()].strip())
    return None


def _by_title(text: str, titles: Mapping[str, str], *, fragment: bool) -> Scope | None:
    named: list[tuple[int, int, str]] = []
    for video, title in titles.items():
        stem = title.rsplit(".", 1)[0]
        names = [title] if "." in title else []
        names += [stem] if fragment and len(stem) > 2 else []
        for name in names:
            found = re.search(rf"(?<![\w.])(?:the )?{re.escape(name)}(?![\w]|\.\w)(?: {_VIDEO})?", text, re.I)
            if found:
                named.append((found.start(), found.end(), video))
                break
    if not named:
        return None
    if not fragment:
        return Scope(tuple(video for _, _, video in named), text)
    first, last = min(start for start, _, _ in named), max(end for _, end, _ in named)
    before = re.sub(rf"\b{_IN}$", "", text[:first], flags=re.I)
    return Scope(tuple(video for _, _, video in sorted(named)), (before + text[last:]).strip(" ,"))


def _at(ids: Sequence[str], index: int) -> tuple[str, ...]:
    return (ids[index],) if -len(ids) <= index < len(ids) else ()


def _other(ids: Sequence[str], turns: Sequence[Turn]) -> tuple[str, ...]:
    """The one that the latest answers did not speak of."""
    for turn in reversed(turns[-RECENT:]):
        spoken = {row.video for row in rows_of(turn.answer)}
        left = [video for video in ids if video not in spoken]
        if spoken and len(left) == 1:
            return (left[0],)
    return ()


def _without(text: str, found: re.Match[str], fragment: bool) -> str:
    if fragment:
        return (text[: found.start()] + text[found.end() :]).strip(" ,")
    return f"{text[: found.start()]}{found['lead']}the video{text[found.end() :]}"


def video_at(text: str, titles: Mapping[str, str]) -> tuple[str, ...]:
    """The video that "the third one" counts off; empty when the text says no such thing or there is but one."""
    found = re.fullmatch(rf"(?:in |of )?the ({'|'.join(ORDINALS)})(?: one)?", text, re.I)
    return _at(list(titles), ORDINALS[found.group(1).lower()]) if found and len(titles) > 1 else ()
