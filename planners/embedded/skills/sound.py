"""Sound and speech: is there any, what is said, when."""

from __future__ import annotations

from typing import Any

from planners.embedded.choose import by_truth, by_words
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, cannot, evidence_of, uncertain
from planners.embedded.words import names_writing
from planners.state import Draft, ToolCall

_SOUND = r"\b(sound|sounds|audio|sound ?tracks?|silent|silence|noise|loud|hear|heard|quiet|mute|muted|tone|beep)\b"
_SPEECH = (
    r"\b(speech|speak|speaks|speaking|spoken|say|says|said|saying|talk|talks|talking|voice|words? spoken|narrat\w+)\b"
)

_SOUND_OR_MUSIC = (
    r"\b(sounds?|audio|noises?) (?:track )?or (?:any )?music\b"
    r"|\bmusic or (?:any )?(?:other )?(sounds?|audio|noises?)\b"
)


def _about_speech(question: Question) -> bool:
    return question.matches(_SPEECH) and not names_writing(question.text)


class HasSound(OneCall):
    name = "is there sound"
    exemplars = (
        "Does the video have a sound track?",
        "Is there any audio?",
        "Is the video silent?",
        "Is there speech in this clip?",
        "Can you hear somebody talking?",
    )

    def fits(self, question: Question) -> float:
        about = question.matches(_SOUND) or _about_speech(question) or question.has("music")
        if not about or question.quoted:
            return 0.0
        return 1.0 if question.kind == "boolean" or by_truth(question.options, True) else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("describe_sound", window)

    def draft(self, question: Question, result: Any) -> Draft:
        evidence = evidence_of(result)
        asks_track = question.matches(r"\b(track|audio|sound)\b")
        asks_speech = question.matches(_SPEECH) and not asks_track
        if question.has("music") and not question.matches(_SOUND_OR_MUSIC):
            if result.has_sound:
                return cannot("telling music from other sound needs a sound classifier")
            return Draft("answered", "There is no sound at all.", False, None, 0.95, evidence)
        if question.matches(r"\b(silent|silence|mute|muted|quiet)\b"):
            truth, confidence = not result.has_sound, 0.95
        elif asks_speech:
            truth, confidence = result.has_speech, result.speech_confidence
        else:
            truth, confidence = result.has_track and (result.has_sound or question.matches(r"track\b")), 0.97
        option = by_truth(question.options, truth)
        draft = Draft("answered", result.summary, truth, option, confidence, evidence)
        return draft if confidence >= 0.6 else uncertain(draft)


class WhatIsSaid(OneCall):
    name = "what is said"
    exemplars = (
        "What does the speaker say?",
        "What is said in the video?",
        "Transcribe the speech.",
        "Which words are spoken at the beginning?",
    )

    def fits(self, question: Question) -> float:
        return 0.8 if _about_speech(question) and question.kind == "text" and not question.quoted else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("find_speech", window)

    def draft(self, question: Question, result: Any) -> Draft:
        if not result.matches:
            return cannot("no speech was recognised", "a better recogniser: see 'speech to text' in 'videre doctor'")
        text = " ".join(match.text.text for match in result.matches)
        confidence = sum(match.confidence for match in result.matches) / len(result.matches)
        option = by_words(question.options, text)
        draft = Draft("answered", text, None, option, confidence, evidence_of(result))
        return draft if confidence >= 0.6 else uncertain(draft)


class FindWords(OneCall):
    name = "find spoken words"
    exemplars = (
        "When does the speaker say 'country'?",
        "Does anybody say 'hello'?",
        "At what time is the word 'freedom' spoken?",
    )

    def fits(self, question: Question) -> float:
        return 1.0 if _about_speech(question) and question.quoted else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("find_speech", {"query": question.quoted[0]} | window)

    def draft(self, question: Question, result: Any) -> Draft:
        phrase = question.quoted[0]
        if not result.matches:
            text = f"I did not hear {phrase!r}."
            if question.kind == "boolean":
                return Draft("uncertain", text, False, by_truth(question.options, False), 0.5)
            return cannot(f"I did not hear {phrase!r}")
        first = result.matches[0]
        said = f"{phrase!r} is said at {first.start_s:.2f} s."
        if question.kind == "boolean":
            option = by_truth(question.options, True)
            return Draft("answered", said, True, option, first.confidence, evidence_of(result))
        value = (first.start_s, first.end_s) if question.kind == "interval" else first.start_s
        return Draft("answered", said, value, None, first.confidence, evidence_of(result))


class LoudMoment(OneCall):
    name = "when is it loud"
    exemplars = (
        "When is there a loud noise?",
        "When does the sound start?",
        "When is it silent?",
        "When does the beep sound?",
    )

    def fits(self, question: Question) -> float:
        return 0.7 if question.matches(_SOUND) and question.kind in ("time", "interval") else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("describe_sound", window)

    def draft(self, question: Question, result: Any) -> Draft:
        wants_silence = question.matches(r"\b(silent|silence|quiet)\b")
        pattern = "silence" if wants_silence else "tone" if question.matches(r"\b(tone|beep)\b") else ""
        spans = [span for span in result.intervals if (pattern in span.kind if pattern else span.kind != "silence")]
        if question.has("loud"):
            spans = [span for span in spans if "loud" in span.kind] or spans
        if not spans:
            return cannot("no such sound was found")
        span = spans[0]
        value = (span.start_s, span.end_s) if question.kind == "interval" else span.start_s
        text = f"{span.kind} from {span.start_s:.2f} s to {span.end_s:.2f} s"
        here = tuple(row for row in result.evidence if abs(row.start_s - span.start_s) < 0.01)
        return Draft("answered", text, value, None, 0.7, here or evidence_of(result))


SOUND_SKILLS = (HasSound(), WhatIsSaid(), FindWords(), LoudMoment())
