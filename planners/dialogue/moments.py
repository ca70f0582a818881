"""References to times: "then", "after that", "at that moment", "in the same shot" become seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from planners.dialogue.said import span_of
from planners.dialogue.times import NUMBER, TIME_PHRASE, UNIT, Span, said, seconds
from planners.dialogue.turn import RECENT, Turn

_HOW = r"(?:(right|just|shortly|immediately|directly|soon) )?"
_ENDS = r"(?=\s*(?:[?.!,;:]|$|(?:in|on|at|with|near|of)\b))"
_MOMENT = r"(?:moment|time|point|instant|second|stage|interval|period|part|scene|shot|frame|event|cut)"
_THAT = rf"(?:(?:that|this|these|those|then|it|them)(?: very)?(?: {_MOMENT})?{_ENDS})"
_AFTER = re.compile(rf"\b{_HOW}(?:after|since|from) {_THAT}|\bafterwards?\b|\bthereafter\b|\blater on\b", re.I)
_BEFORE = re.compile(rf"\b{_HOW}(?:before|until) {_THAT}|\bbeforehand\b", re.I)
_AT = re.compile(
    r"\b(?:at|in|during|around|by|within|on) (?:that|this|the same|that very|this very|exactly that) (?:very )?"
    rf"{_MOMENT}\b"
    r"|\bmeanwhile\b|\bat the same time\b|\bat this point\b|\bin the meantime\b"
    r"|\b(?:while|when) (?:that|this|it) (?:happens|is happening|goes on|is going on|lasts)\b",
    re.I,
)
_GOES_ON = "happens|happened|happen|comes|come|appears|appear|follows|do|does|go|goes"
_NEXT = re.compile(
    rf"\b(?:({_GOES_ON}) then|({_GOES_ON}|said|shown|seen|visible|done|says?) next)(?=\s*(?:[?.!]|$))", re.I
)
_THEN = re.compile(r"(?<!\band )(?<!\bor )\bthen(?=\s*(?:[?.!]|$))", re.I)
_LEADING_THEN = re.compile(r"^(?:and |so )?then (?=(?:what|who|where|which|how|does|is|are|do)\b)", re.I)
_THERE = re.compile(
    r"\b(happens?|happening|said|written|shown|visible|going on|see|seen|say|says|doing|do|does|stands) there"
    r"(?=\s*(?:[?.!]|$))",
    re.I,
)


_OFFSET = re.compile(
    rf"\b(?P<within>in the )?(?P<much>{NUMBER}) ?(?P<unit>{UNIT}) (?P<way>later|earlier|(?:after|before) {_THAT})", re.I
)
_BARE = re.compile(rf"{_HOW}(?P<way>then|next|after|afterwards?|later|before|beforehand|earlier)", re.I)


def in_seconds(question: str, turns: Sequence[Turn]) -> str:
    """The question with its references to times bound to the latest answer that knows one."""
    if not refers_to_time(question):
        return question
    span = latest_span(turns)
    return question if span is None else _bound(question, span)


def refers_to_time(question: str) -> bool:
    return any(form.search(question) for form in (_OFFSET, _AFTER, _BEFORE, _AT, _NEXT, _THEN, _LEADING_THEN, _THERE))


def only_refers_to_time(text: str) -> bool:
    """ "After that", "at the same moment" and nothing else."""
    return any(form.fullmatch(text) for form in (_OFFSET, _AFTER, _BEFORE, _AT))


def latest_span(turns: Sequence[Turn]) -> Span | None:
    """When that of which was spoken last happens; None when no answer tells."""
    spans = (span_of(turn) for turn in reversed(turns[-RECENT:]))
    return next((span for span in spans if span is not None), None)


def _bound(question: str, span: Span) -> str:
    def after(found: re.Match[str]) -> str:
        return span.after((found.group(1) or "").lower())

    def before(found: re.Match[str]) -> str:
        return span.before((found.group(1) or "").lower())

    text = _OFFSET.sub(lambda found: _offset(found, span), question)
    text = _AFTER.sub(after, text)
    text = _BEFORE.sub(before, text)
    text = _AT.sub(span.at(), text)
    text = _NEXT.sub(lambda found: f"{found.group(1) or found.group(2)} {span.after('right')}", text)
    if _LEADING_THEN.search(text):
        text = f"{_LEADING_THEN.sub('', text).rstrip(' ?.!')} {span.after('right')}?"
    if TIME_PHRASE.search(text):  # one time is enough: "what happens after that, then?"
        return text
    return _THERE.sub(rf"\1 {span.at()}", _THEN.sub(span.at(), text))


def bare_time(text: str, turns: Sequence[Turn]) -> str:
    """ "Then", "right before", "later" as a phrase in seconds; empty when it is none, or no answer tells a time."""
    found, span = _BARE.fullmatch(text), latest_span(turns)
    if found is None or span is None:
        return ""
    how = (found.group(1) or ("right" if found["way"].lower() in ("then", "next") else "")).lower()
    return span.before(how) if found["way"].lower() in ("before", "beforehand", "earlier") else span.after(how)


def _offset(found: re.Match[str], span: Span) -> str:
    """ "3 seconds later", "in the 5 seconds before that"."""
    much_s = seconds(found["much"], found["unit"])
    later = found["way"].lower().startswith(("later", "after"))
    near_s = span.end_s if later else span.start_s
    far_s = max(0.0, near_s + (much_s if later else -much_s))
    first_s, last_s = sorted((near_s, far_s))
    return f"between {said(first_s)} and {said(last_s)} s" if found["within"] else f"at {said(far_s)} s"
