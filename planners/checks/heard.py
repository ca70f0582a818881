"""Recognised words against the sound in which they were recognised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planners.checks.base import Check, Finding
from planners.state import Draft, ToolCall
from tools.types import Evidence

VOICE_SHARE = 0.5


class SpeechCheck(Check):
    """Words need a voice: speech-like sound over most of the first cited span. In silence nobody speaks."""

    of = "find_speech"

    def call(self, draft: Draft, cited: Sequence[Evidence], duration_s: float) -> ToolCall | None:
        item = cited[0]
        if item.end_s <= item.start_s:
            return None
        return ToolCall("describe_sound", {"video": item.video, "start_s": item.start_s, "end_s": item.end_s})

    def judge(self, draft: Draft, cited: Sequence[Evidence], result: Any) -> Finding:
        item = cited[0]
        if not result.has_sound:
            return Finding("contradicts", f"it is silent at {item.start_s:.2f}-{item.end_s:.2f} s")
        voice_s = sum(
            max(0.0, min(item.end_s, span.end_s) - max(item.start_s, span.start_s))
            for span in result.intervals
            if span.kind == "speech-like"
        )
        if voice_s >= VOICE_SHARE * (item.end_s - item.start_s):
            return Finding("supports", f"a voice is heard at {item.start_s:.2f}-{item.end_s:.2f} s")
        return Finding("silent", "whether the sound is a voice is not known")
