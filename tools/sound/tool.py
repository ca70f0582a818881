"""`describe_sound`: is there a sound track, is it silent, is there speech, what is heard when."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from tools.base import Tool, ToolArgs, ToolContext, ToolResult
from tools.sound.extractor import MODEL
from tools.types import Evidence

HEARD_SHARE = 0.98
"""Silence over this share of the interval counts as no sound at all."""


class SoundSpan(BaseModel):
    """A stretch of sound."""

    kind: str = Field(description="'silence', 'loud', 'tone' or 'speech-like'.")
    text: str
    start_s: float
    end_s: float
    confidence: float


class DescribeSound(Tool):
    """Reads the sound of an interval from memory."""

    name = "describe_sound"
    description = (
        "Whether there is a sound track, whether it is silent, whether somebody speaks, and what is heard when."
    )

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")

    class Result(ToolResult):
        has_track: bool = Field(description="Whether the file has a sound track.")
        has_sound: bool = Field(description="Whether the track is anything but silence in the interval.")
        has_speech: bool = Field(description="Whether somebody speaks.")
        speech_confidence: float = Field(description="How sure that is, 0..1.")
        intervals: list[SoundSpan] = Field(description="What is heard when, by start.")

    def run(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        media = memory.video.media
        end_s = args.end_s if args.end_s is not None else float(media["duration_s"])
        where, bounds = "kind = ? AND start_s <= ? AND end_s >= ?", [end_s, args.start_s]
        heard = memory.rows("event", where, ["sound", *bounds], "start_s")
        words = memory.rows("event", where, ["speech", *bounds], "start_s")
        has_track = bool(media["has_audio"])
        silent_s = sum(
            min(end_s, row["end_s"]) - max(args.start_s, row["start_s"])
            for row in heard
            if row["attributes"]["kind"] == "silence"
        )
        has_sound = has_track and silent_s < HEARD_SHARE * (end_s - args.start_s)
        has_speech, sure = _speech(heard, words, has_sound)
        return self.Result(
            summary=_told(has_track, has_sound, has_speech),
            confidence=0.97,
            model=MODEL,
            evidence=self._evidence(memory.video.video_id, heard, words, args.start_s, end_s),
            has_track=has_track,
            has_sound=has_sound,
            has_speech=has_speech,
            speech_confidence=sure,
            intervals=[
                SoundSpan(
                    kind=row["attributes"]["kind"],
                    text=row["text"],
                    start_s=row["start_s"],
                    end_s=row["end_s"],
                    confidence=row["confidence"],
                )
                for row in heard
            ],
        )

    def _evidence(self, video: str, heard: list[Any], words: list[Any], start_s: float, end_s: float) -> list[Evidence]:
        """What is heard; the whole interval when there is no track to hear anything on."""
        spans = [(row["start_s"], row["end_s"], row["text"], row["confidence"]) for row in heard]
        spans += [(row["start_s"], row["end_s"], "speech", row["confidence"]) for row in words]
        if not spans:
            spans = [(start_s, end_s, "sound track", 0.97)]
        return [
            Evidence(
                video=video,
                start_s=a,
                end_s=max(a, min(b, end_s)),
                note=note,
                tool=self.name,
                model=MODEL,
                confidence=sure,
            )
            for a, b, note, sure in spans
        ]


def _speech(heard: list[Any], words: list[Any], has_sound: bool) -> tuple[bool, float]:
    """Recognised words prove speech; speech-like sound suggests it; silence excludes it."""
    if not has_sound:
        return False, 0.97
    if words:
        return True, max(row["confidence"] for row in words)
    like = [row["confidence"] for row in heard if row["attributes"]["kind"] == "speech-like"]
    return (True, min(0.55, max(like))) if like else (False, 0.62)


def _told(has_track: bool, has_sound: bool, has_speech: bool) -> str:
    if not has_track:
        return "The video has no sound track."
    if not has_sound:
        return "The sound track is silent."
    return "There is sound, with speech." if has_speech else "There is sound, but no clear speech."
