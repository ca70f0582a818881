"""What a request for an edit says, taken apart: words, quotes, numbers, and the stretches of time that are meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from planners.embedded.edit_words import ASPECT, MADE, QUOTED
from planners.embedded.goal import Goal
from planners.embedded.kinds import usually_moves
from planners.embedded.movement_words import Said, read_movement
from planners.embedded.skill import window_seconds
from planners.embedded.window import Window, read_window
from planners.embedded.words import NUMBERS, ORDINALS

MOVING = "moving object"
"""What is taken where a thing that usually moves cannot be recognised: a category of the memory."""
_UNIT = r"(?:s|secs?|seconds?|m|mins?|minutes?)\b"
_NUMBER_WORDS = re.compile(rf"\b({'|'.join(word for word in NUMBERS if word != 'none')})\b")
_EDGE = re.compile(rf"\b(first|last|final) (?:(\d+(?:\.\d+)?) ?)?({_UNIT}|half\b|third\b|quarter\b)")
_SPAN = re.compile(rf"(?<![\d:.])(\d+(?:\.\d+)?) ?(?:{_UNIT})? ?(?:-|–|to|until) ?(\d+(?:\.\d+)?) ?({_UNIT})")
_LENGTH = re.compile(rf"\b(?:to|in|into)(?: about| at most| under| only)? (\d+(?:\.\d+)?)[- ]?({_UNIT})")
_ENDS = re.compile(r"\b(?:the |its )?(?:very )?(?:(beginning|start|intro)|(ending|end|outro))\b")
_SHOTS = re.compile(r"\b(?:shots?|scenes?) (?:numbers? )?(\d+(?:(?:, ?| and | ?& ?)\d+)*)\b")
_SHOT = re.compile(rf"\b({'|'.join(ORDINALS)}) (?:shot|scene|take)\b")
_PART = r"(?:parts?|moments?|scenes?|stretch(?:es)?|sections?|segments?|bits?|pieces?|clips?|times?|everything|all)"
_HAPPENS = re.compile(
    r"\b(?:where|when|while|in which|during which|(?:moment|instant)(?= (?:the|a|an|my|one|\w+body|\w+one)\b))"
    r" (?P<that>.+)$"
)
"""Before a clause."""
_SHOWN = re.compile(
    rf"\b(?:(?:that|which) (?:has|have|shows?|contains?)|showing|{_PART} with|of)(?: there (?:is|are))? (?P<that>.+)$"
)
"""Before a thing."""
_CHANGED = re.compile(r"^(?:slow(?: down)?|speed(?: up)?|fast[- ]forward|accelerate) (?P<that>.+?)(?: (?:down|up))?$")
"""What is to be slower or faster, where nothing else says it."""
_HOW = re.compile(
    r"(?:,? ?\b(?:in|into|as) (?:super )?slow[- ]?mo(?:tion)?|,? ?\b(?:as|into|to) an? (?:animated )?gif"
    r"|,? ?\b(?:by|to|at)? ?(?:\d+(?:\.\d+)? ?(?:x|times|fold|%|percent)|half|double|a (?:third|quarter))"
    r"(?: (?:of )?(?:the |its )?(?:original )?speed| as (?:slow|fast)| slower| faster)?)$"
)
"""How it is to be done, at the end of what is said."""
_WHOLE = re.compile(
    r"(?:it|this|them|(?:all (?:of )?|both )?(?:the |this |my |these )?"
    r"(?:(?:whole|entire|two|new|original|edited|resulting|cut|last) )?"
    r"(?:videos?|clips?|films?|movies?|results?|recordings?|summary|excerpt)"
    r"|down|up|(?:about |at most )?[\d.]+[- ]?\w*)?"
)
"""What limits nothing."""
_SEEN = re.compile(
    r"^(?P<who>.+?) (?:(?:is|are|can be|gets?|becomes?) )?(?:(?:clearly|still|to be) )?"
    r"(?:visible|seen|shown|in sight|in view|on (?:the )?screen|in (?:the )?(?:picture|frame|shot|view|image)|there|"
    r"present|appears?|moves|moving|around)$"
)
_SAID = re.compile(r"^(?:.+ )?(?:says?|mentions?|(?:speaks?|talks?) (?:about|of)) (?P<words>.+)$")
_SPEECH = re.compile(r"\b(?:speaks?|speaking|talks?|talking|speech|says? (?:something|anything)|spoken)\b")
_SOUND = re.compile(r"\b(silences?|pauses?|silent|quiet|music|noise|applause|loud|bang|beep|tone|whistle)\b")
_SOUNDS = {"silences": "silence", "pauses": "silence", "pause": "silence", "silent": "silence", "quiet": "silence"}
_CAMERA = re.compile(r"\bcamera (?:is )?(pan|zoom|tilt|mov|shak|stand|still|static)")
_SAYS = re.compile(r"\b(?:says?|said|mentions?|hears?|heard)\b")
_MOMENT = re.compile(r"\b(?:moments?|instants?)\b")
_IT = re.compile(r"^(?:it|this|that|they) ")
_ARTICLE = re.compile(r"^(?:the|a|an|any|every|all|all the|my|this|that) ")


@dataclass(frozen=True)
class Choice:
    """Arguments that say when or what an edit touches, and what is not certain about them."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    doubt: str = ""


@dataclass(frozen=True)
class Job:
    """An edit that is asked for."""

    goal: Goal
    window: Mapping[str, float]
    """start_s and end_s that the request names, as far as planners.embedded.window reads it."""
    duration_s: float
    """Of what is edited."""

    @cached_property
    def quoted(self) -> str:
        """The first words in quotes."""
        return next((first or second for first, second in QUOTED.findall(self.goal.said)), "").strip()

    @cached_property
    def text(self) -> str:
        """Lower case, without quotes and shapes of pictures, number words as digits."""
        plain = QUOTED.sub(" ", MADE.sub("it", self.goal.said)).lower()
        plain = ASPECT.sub(" ", plain) if self.goal.verb == "crop" else plain
        return " ".join(_NUMBER_WORDS.sub(lambda word: str(NUMBERS[word[1]]), plain).split()).rstrip(" .!?")

    def number(self, pattern: str) -> float | None:
        """The first group of a pattern as a number."""
        found = re.search(pattern, self.text)
        return float(found[1]) if found else None

    @property
    def shot(self) -> int | None:
        """Index of the one shot that is meant, negative from the end."""
        if self.goal.window.kind == "shot":
            return self.goal.window.shot_index
        found = _SHOT.search(self.text)
        return ORDINALS[found[1]] if found else None

    @cached_property
    def that(self) -> str:
        """What happens in the stretches that are meant: 'the bird is visible'; or the `thing`."""
        return self._clause[0] or self.thing

    @cached_property
    def thing(self) -> str:
        """What is to be seen in the stretches that are meant, without an article; may be empty."""
        clause, thing = self._clause
        seen = _SEEN.match(clause)
        who = _ARTICLE.sub("", seen["who"] if seen else "" if clause else thing)
        return "" if re.match(r"(?:nothing|nobody|something|anything|it)\b", who) else who

    @cached_property
    def movement(self) -> Said | None:
        """What a thing does in the stretches that are meant: "the cup is lifted".

        That it appears says when it is to be seen, unless the very moment is asked for.
        """
        happens = _HAPPENS.search(_HOW.sub("", self.text))
        said = read_movement(_IT.sub(f"{self.goal.phrase} ", happens["that"])) if happens else None
        return None if said is None or (said.kind == "appears" and not _MOMENT.search(self.text)) else said

    @cached_property
    def _clause(self) -> tuple[str, str]:
        """What happens, and a thing; one of them at most."""
        text = _HOW.sub("", self.text)
        if found := _HAPPENS.search(text):
            return found["that"], ""
        patterns = (_SHOWN, _CHANGED) if self.goal.verb in ("slow", "speed") else (_SHOWN,)
        found = next((match for pattern in patterns if (match := pattern.search(text))), None)
        said = _HOW.sub("", found["that"]) if found else ""
        if (
            part := re.match(rf"(?:the )?{_PART} (?:(?:that|in which|with) )?(?P<that>.+)$", said)
        ) and not said.startswith("all"):
            return part["that"], ""
        return "", "" if _WHOLE.fullmatch(said) else said


def stretches(job: Job) -> list[Choice]:
    """What a request says of time, as arguments of tools.editing.moments.WhenArgs, the likeliest first.

    Only where nothing is said it is one that limits nothing.
    """
    timed = _timed(job)
    if timed:
        return [Choice(timed)]
    if shots := _SHOTS.search(job.text):
        return [Choice({"what": "shot", "which": ", ".join(re.findall(r"\d+", shots[1]))})]
    if facts := _facts(job):
        return facts
    if edge := _ENDS.search(job.text):
        return [Choice(window_seconds(Window("start" if edge[1] else "end"), job.duration_s))]
    return [Choice()]


def seconds_said(job: Job) -> float | None:
    """A length: 'a 10 s summary', 'in half a minute'."""
    if "half a minute" in job.text:
        return 30.0
    found = re.search(rf"\b(\d+(?:\.\d+)?)[- ]?({_UNIT})", job.text)
    return _seconds(found[1], found[2]) if found else None


def _timed(job: Job) -> dict[str, float]:
    if edge := _EDGE.search(job.text):
        unit = edge[3]
        share = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4}.get(unit)
        length_s = share * job.duration_s if share else _seconds(edge[2] or "1", unit)
        if edge[1] == "first":
            return {"start_s": 0.0, "end_s": length_s}
        return {"start_s": max(0.0, job.duration_s - length_s), "end_s": job.duration_s}
    if span := _SPAN.search(job.text):
        return {"start_s": _seconds(span[1], span[3]), "end_s": _seconds(span[2], span[3])}
    window = read_window(job.text, job.duration_s)
    if window.kind not in ("all", "shot", "start", "end"):
        return window_seconds(window, job.duration_s)
    if job.goal.verb == "cut" and (length := _LENGTH.search(job.text)):
        return {"start_s": 0.0, "end_s": _seconds(length[1], length[2])}
    return dict(job.window) if window.kind in ("start", "end") or not job.that else {}


def _seconds(number: str, unit: str) -> float:
    return float(number) * (60.0 if unit.startswith("m") else 1.0)


def _facts(job: Job) -> list[Choice]:
    """What memory is asked for: where something is seen, said, written or heard, or what happens."""
    that = job.that
    if job.quoted and job.goal.verb != "text":  # there it is what is to be written
        spoken = _SPEECH.search(job.text) or _SAYS.search(job.text)
        return [
            Choice({"what": kind, "which": job.quoted})
            for kind in (("speech", "text") if spoken else ("text", "speech"))
        ]
    if (said := _SAID.match(that)) and not re.match(r"(?:something|anything)\b", said["words"]):
        return [Choice({"what": "speech", "which": said["words"]})]
    heard = that or (job.text if job.goal.verb == "cut" else "")
    if _SPEECH.search(heard):
        return [Choice({"what": "speech"})]
    if sound := _SOUND.search(heard):
        return [Choice({"what": "sound", "which": _SOUNDS.get(sound[1], sound[1])})]
    if camera := _CAMERA.search(that):
        return [Choice({"what": "camera", "which": camera[1]})]
    if not that:
        return []
    if job.movement is not None:
        return [Choice({"what": "movement", "which": str(job.movement)})]
    if job.thing:
        return [Choice({"what": "entity", "which": job.thing})]
    doubt = f"That {that} there is a guess from what memory holds."
    return [Choice({"what": "event", "which": that}), Choice({"what": "moment", "which": that}, doubt)]


def may_be_what_moves(thing: str) -> str:
    """What is not certain when what moves is taken for the thing; empty where it may not be."""
    return f"Something moves there; whether it is the {thing} was not checked." if usually_moves(thing) else ""
