"""Cutting things out, following them, marking them, and telling what moves from the scene."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from planners.embedded.goal import Goal
from planners.embedded.kinds import usually_moves
from planners.embedded.move import Act, AnyWay
from planners.embedded.places import ask_whereabouts, place_words, stay_of, way_words
from planners.embedded.skill import evidence_of, uncertain
from planners.embedded.skills.editing import EDITING
from planners.embedded.skills.same import matched
from planners.embedded.words import COLOURS, GENERIC_THINGS
from planners.state import Draft, ToolCall

MOVING = "the moving object"
"""What is taken where a thing that usually moves cannot be recognised."""
_POINTS = re.compile(r"\b(points?|pixels?|corners?|spots?|grid)\b")
_ALL_THAT_MOVES = re.compile(r"\bmov(es?|ing)\b|\bmotion\b")
MOST_FOREGROUND = 880
"""Frames that `foreground` is asked to look at, at most; and how many a second in short videos."""
FOREGROUND_HZ = 8.0


class SegmentThing(AnyWay):
    """Masks through the video, as a clip and in memory."""

    verbs = frozenset(("segment",))
    vague = "it was not said what to cut out: name it, or give a point or a box in pixels"

    def ways(self, goal: Goal, window: dict[str, float], duration_s: float) -> list[ToolCall]:
        t_s = goal.moments[0] if goal.moments else window.get("start_s", 0.0)
        span = {} if goal.moments else window  # "the thing at 120,80 at 2 s" is marked then, and followed throughout
        if goal.points:
            return [ToolCall("segment", {"points": [[x, y, t_s] for x, y in goal.points]} | span)]
        if goal.box is not None:
            return [ToolCall("segment", {"boxes": [[*goal.box, t_s]]} | span)]
        if not goal.phrase:
            return []
        phrases = [
            f"all {goal.phrase}" if goal.plural else goal.phrase,
            *([MOVING] if usually_moves(goal.phrase) else []),
        ]
        return [ToolCall("segment", {"phrase": phrase} | window) for phrase in phrases]

    def draft(self, goal: Goal, call: ToolCall, result: Any) -> Draft:
        return segmented(goal, call, result)


class TrackThing(SegmentThing):
    """One thing is followed by its mask, several by their boxes, points as points."""

    verbs = frozenset(("track",))
    vague = "it was not said what to follow: name it, or give a point or a box in pixels"

    def ways(self, goal: Goal, window: dict[str, float], duration_s: float) -> list[ToolCall]:
        by_mask = super().ways(goal, window, duration_s)
        if _POINTS.search(goal.phrase):
            points = [list(call) for call in by_mask[0].arguments["points"]] if goal.points else []
            return [ToolCall("track_points", ({"points": points} if points else {}) | window)]
        if not goal.plural or goal.points or goal.box is not None:
            return by_mask
        named = {"categories": ["moving object"]} if _ALL_THAT_MOVES.search(goal.phrase) else {"phrases": [goal.phrase]}
        return [ToolCall("track_objects", named | window), *by_mask]

    def draft(self, goal: Goal, call: ToolCall, result: Any) -> Draft:
        if call.tool == "segment":
            return segmented(goal, call, result)
        if call.tool == "track_points":
            return Draft("answered", f"{result.summary}.", None, None, result.confidence, evidence_of(result))
        tracks = result.tracks
        listed = "; ".join(f"{one.first_s:.1f}-{one.last_s:.1f} s" for one in tracks[:6])
        more = f" and {result.num_tracks - 6} more" if result.num_tracks > 6 else ""
        said = f"{result.num_tracks} followed ({goal.phrase}): {listed}{more}."
        return _checked(Draft("answered", said, None, None, result.confidence, evidence_of(result)), tracks)

    def after(self, goal: Goal, result: Any) -> ToolCall | None:
        seen = [one.entity_id for one in getattr(result, "objects", ()) if one.intervals]
        return ask_whereabouts(seen) if len(seen) == 1 else None

    def told(self, goal: Goal, draft: Draft, result: Any) -> Draft:
        stay = stay_of(result)
        if stay is None:
            return draft
        return _saying(draft, f"{draft.answer} {way_words(stay)}")


class DetectThing(AnyWay):
    """Boxes in pictures, and in memory."""

    verbs = frozenset(("detect",))
    vague = "it was not said what to look for"

    def ways(self, goal: Goal, window: dict[str, float], duration_s: float) -> list[ToolCall]:
        if goal.box is not None or goal.points:
            return SegmentThing().ways(goal, window, duration_s)
        if not goal.phrase:
            return []
        when = {"at_s": goal.moments[0]} if goal.moments else window
        by_motion = (
            [ToolCall("list_objects", {"category": "moving object"} | window)] if usually_moves(goal.phrase) else []
        )
        return [ToolCall("detect", {"phrases": [goal.phrase]} | when), *by_motion]

    def draft(self, goal: Goal, call: ToolCall, result: Any) -> Draft:
        if call.tool == "segment":
            return segmented(goal, call, result)
        if call.tool == "list_objects":
            said = f"Something moves, which may be the {goal.phrase}: {result.summary}."
            return uncertain(Draft("uncertain", said, None, None, 0.3, evidence_of(result)))
        count = result.phrases[0]
        span = f"from {count.times_s[0]:.1f} s to {count.times_s[-1]:.1f} s" if count.num_frames > 1 else (
            f"at {count.times_s[0]:.1f} s"
        )  # fmt: skip
        most = f"up to {count.most_at_once} at once, " if count.most_at_once > 1 else ""
        looked = f"in {count.num_frames} of the {result.num_frames} frames looked at, {span}"
        draft = Draft(
            "answered", f"{goal.phrase[:1].upper()}{goal.phrase[1:]}: {most}{looked}.", None, None, result.confidence,
            evidence_of(result),
        )  # fmt: skip
        return _checked(draft, result.found)

    def after(self, goal: Goal, result: Any) -> ToolCall | None:
        found = list(dict.fromkeys(one.entity_id for one in getattr(result, "found", ())))
        return ask_whereabouts(found) if found and not goal.plural else None

    def told(self, goal: Goal, draft: Draft, result: Any) -> Draft:
        stay = stay_of(result)
        if stay is None:
            return draft
        best = f"It is seen best at {stay.best_s:.1f} s, at the {place_words(*stay.best)} of the picture."
        return _saying(draft, f"{draft.answer} {best}")


class TellForeground(AnyWay):
    """Masks of all that moves by itself."""

    verbs = frozenset(("foreground",))

    def ways(self, goal: Goal, window: dict[str, float], duration_s: float) -> list[ToolCall]:
        length_s = window.get("end_s", duration_s) - window.get("start_s", 0.0)
        rate = {"hz": MOST_FOREGROUND / length_s} if length_s * FOREGROUND_HZ > MOST_FOREGROUND else {}
        return [ToolCall("foreground", rate | window)]

    def draft(self, goal: Goal, call: ToolCall, result: Any) -> Draft:
        said = f"{result.summary[:1].upper()}{result.summary[1:]}."
        return Draft("answered", said, None, None, max(0.6, result.confidence), evidence_of(result))


class MatchMoments(AnyWay):
    """Points that two frames have in common."""

    verbs = frozenset(("match",))
    vague = "it was not said which two moments to match, e.g. 'match the frames at 2 s and 8 s'"

    def ways(self, goal: Goal, window: dict[str, float], duration_s: float) -> list[ToolCall]:
        if len(goal.moments) < 2:
            return []
        return [ToolCall("match", {"at_s": goal.moments[0], "other_s": goal.moments[1]})]

    def draft(self, goal: Goal, call: ToolCall, result: Any) -> Draft:
        return matched(result, goal.moments)


def segmented(goal: Goal, call: ToolCall, result: Any) -> Draft:
    """What `segment` gave: when each object is in sight, and what a phrase was taken for."""
    seen = [one for one in result.objects if one.intervals]
    guessed = call.arguments.get("phrase") == MOVING != goal.phrase
    marked = "phrase" not in call.arguments
    name = "Something that moves" if guessed else f"The {goal.phrase or 'thing'}" if len(seen) == 1 else "One"
    each = [f"{name} is in sight {_spans(one.intervals)} ({one.num_frames} frames)" for one in seen]
    taken = result.summary.partition("was taken for ")[2]  # the tool's note on how it understood the phrase
    said = f"{len(seen)} found. " if len(seen) > 1 else ""
    said += ". ".join(each) + "." + (f" It was taken for {taken}." if taken and not guessed else "")
    value = (seen[0].intervals[0].start_s, seen[0].intervals[-1].end_s) if len(seen) == 1 else None
    confidence = result.confidence if marked else 0.9 * result.confidence
    draft = Draft("answered", said, value, None, confidence, evidence_of(result))
    if guessed:
        return uncertain(_saying(draft, f"{said} Whether it is the {goal.phrase} was not checked."))
    return uncertain(draft) if "not recognised" in taken and _names_a_kind(goal.phrase) else draft


def _names_a_kind(phrase: str) -> bool:
    """Whether the words say what the thing is, not only which colour it has."""
    return bool(set(re.findall(r"\w+", phrase.lower())) - COLOURS - GENERIC_THINGS - {"one", "ones", "region", "the"})


def _checked(draft: Draft, found: Any) -> Draft:
    """Uncertain with the notes of what could not be checked, if there are any."""
    notes = list(dict.fromkeys(one.note for one in found if one.note))
    if notes:
        return uncertain(_saying(draft, f"{draft.answer} It is {notes[0]}."))
    return draft if draft.confidence >= 0.6 else uncertain(draft)


def _saying(draft: Draft, answer: str) -> Draft:
    return replace(draft, answer=answer)


def _spans(intervals: Any) -> str:
    listed = ", ".join(f"from {span.start_s:.2f} s to {span.end_s:.2f} s" for span in intervals[:3])
    return listed + (f" and {len(intervals) - 3} more times" if len(intervals) > 3 else "")


ACT_SKILLS = (Act((SegmentThing(), TrackThing(), DetectThing(), TellForeground(), MatchMoments(), *EDITING)),)
