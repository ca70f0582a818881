"""Captions: of timed words, in SubRip and WebVTT files, and as a track of an MP4 file.

Lengths follow common practice (BBC and Netflix guides): two lines of at most 42 characters, 1 to 7 seconds.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from tools.base import InvalidArguments

if TYPE_CHECKING:
    from tools.base import ToolContext
    from tools.editing.provenance import Stretch
    from tools.editing.source import Source
    from tools.media.mp4 import Mp4File

LINE_CHARACTERS, LINES = 42, 2
SHORTEST_S, LONGEST_S = 1.0, 7.0
PAUSE_S = 0.8
"""A silence after which a new caption begins."""
FULL_STOP = tuple(".!?…。！？")
ENOUGH_CHARACTERS = 20
"""From here on the end of a sentence ends the caption."""
MOST_BYTES = 4 << 20
_TIMES = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})\s*-->\s*(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})")
_TAGS = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


@dataclass(frozen=True)
class Cue:
    """A text that is shown between two times, seconds; its lines are separated by line feeds."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class TimedWord:
    """A word, when it is said, and whether it begins something new."""

    text: str
    start_s: float
    end_s: float
    begins: bool = False


def spoken_words(context: ToolContext, source: Source) -> list[TimedWord]:
    """What is said in a source as far as memory knows, by its own times."""
    words: list[TimedWord] = []
    for stretch in source.stretches:
        where = "kind = 'speech' AND start_s <= ? AND end_s >= ?"
        rows = context.memory(stretch.video).rows("event", where, [stretch.end_s, stretch.start_s], "start_s")
        for row in rows:
            timed = [
                TimedWord(word["word"], word["start_s"], word["end_s"]) for word in row["attributes"].get("words", ())
            ]
            inside = [
                TimedWord(word.text, _shown(word.start_s, stretch), _shown(word.end_s, stretch))
                for word in timed or _spread(row["text"], row["start_s"], row["end_s"])
                if stretch.start_s <= (word.start_s + word.end_s) / 2 < stretch.end_s
            ]
            words += [replace(word, begins=number == 0) for number, word in enumerate(inside)]
    return sorted(words, key=lambda word: word.start_s)


def _shown(t_s: float, stretch: Stretch) -> float:
    """When a stretch shows a time of its video."""
    return stretch.at_s + (min(max(t_s, stretch.start_s), stretch.end_s) - stretch.start_s) / stretch.speed


def _spread(text: str, start_s: float, end_s: float) -> list[TimedWord]:
    """Words of a text whose times are not known: by their lengths."""
    words = text.split()
    ends = list(accumulate(len(word) + 1 for word in words))
    a_character_s = (end_s - start_s) / max(1, ends[-1] if ends else 1)
    times = [start_s + a_character_s * place for place in (0, *ends)]
    return [TimedWord(word, times[number], times[number + 1]) for number, word in enumerate(words)]


def captions_of(words: Sequence[TimedWord], end_s: float = math.inf) -> list[Cue]:
    """Captions that can be read, none longer than it may be, none over another, none after `end_s`."""
    groups: list[list[TimedWord]] = []
    for word in words:
        if not groups or _is_full(groups[-1], word):
            groups.append([])
        groups[-1].append(word)
    cues = []
    for number, group in enumerate(groups):
        begin = group[0].start_s
        following_s = groups[number + 1][0].start_s if number + 1 < len(groups) else end_s
        until = min(max(group[-1].end_s, begin + SHORTEST_S), following_s)
        if until > begin:
            cues.append(Cue(begin, until, _in_lines(" ".join(word.text for word in group))))
    return cues


def _is_full(group: Sequence[TimedWord], word: TimedWord) -> bool:
    text = " ".join(one.text for one in group)
    return (
        word.begins
        or word.start_s - group[-1].end_s > PAUSE_S
        or len(text) + 1 + len(word.text) > LINES * LINE_CHARACTERS - 4
        or word.end_s - group[0].start_s > LONGEST_S
        or (len(text) >= ENOUGH_CHARACTERS and text.endswith(FULL_STOP))
    )


def _in_lines(text: str) -> str:
    """One line, or two that are about as long as each other."""
    if len(text) <= LINE_CHARACTERS:
        return text
    spaces = [place for place, character in enumerate(text) if character == " "]
    if not spaces:
        return text
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"


def to_srt(cues: Sequence[Cue]) -> str:
    """As a SubRip file."""
    parts = (
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{_body(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    )
    return "\n".join(parts)


def to_vtt(cues: Sequence[Cue]) -> str:
    """As a WebVTT file."""
    parts = (
        f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{html.escape(_body(cue.text), quote=False)}\n"
        for cue in cues
    )
    return "\n".join(["WEBVTT\n", *parts])


def _body(text: str) -> str:
    """Without empty lines, which would end the caption, and without what looks like times."""
    return "\n".join(line for line in text.splitlines() if line.strip()).replace("-->", "→") or " "


def _clock(t_s: float, point: str) -> str:
    milliseconds = round(max(0.0, t_s) * 1000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{milliseconds:03d}"


def read_captions(path: Path) -> list[Cue]:
    """The cues of an SRT or WebVTT file, by time. Raises InvalidArguments with one line."""
    try:
        if path.suffix.lower() not in (".srt", ".vtt"):
            raise InvalidArguments(f"{path.name}: not an SRT or WebVTT file; name one that ends in .srt or .vtt")
        if path.stat().st_size > MOST_BYTES:
            raise InvalidArguments(f"{path.name}: more than {MOST_BYTES >> 20} MiB; no subtitles are that long")
        data = path.read_bytes()
    except OSError as error:
        raise InvalidArguments(f"{path.name}: cannot be read ({error.strerror}); check the path") from error
    cues = sorted(parse_captions(_decoded(data)), key=lambda cue: cue.start_s)
    if not cues:
        raise InvalidArguments(f"{path.name}: holds no captions; each needs a line like 00:00:01,000 --> 00:00:02,500")
    return cues


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def parse_captions(text: str) -> Iterator[Cue]:
    """Cues of SRT or WebVTT text, as tolerant as players are; tags are dropped."""
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        for number, line in enumerate(lines):
            found = _TIMES.search(line)
            if found is None:
                continue
            start_s, end_s = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
            words = html.unescape(_TAGS.sub("", "\n".join(lines[number + 1 :]))).strip()
            if words and end_s > start_s:
                yield Cue(start_s, end_s, words)
            break


def _seconds(parts: Iterable[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return (1000 * whole + int((fraction or "0").ljust(3, "0"))) / 1000


def apart(cues: Sequence[Cue], duration_s: float) -> list[Cue]:
    """Cues of a video of a length, one after the other: what would overlap ends when the next begins."""
    inside = [cue for cue in cues if cue.start_s < duration_s]
    ends = [*(cue.start_s for cue in inside[1:]), duration_s]
    cut = (Cue(cue.start_s, min(cue.end_s, end_s), cue.text) for cue, end_s in zip(inside, ends, strict=False))
    return [cue for cue in cut if cue.end_s - cue.start_s > 1e-3]


class CueTrack:
    """Puts captions into a file beside its pictures; a `tools.editing.soundtrack.Track`."""

    def __init__(self, cues: Sequence[Cue], language: str) -> None:
        self._cues, self._language = list(cues), language
        self._file: Mp4File | None = None

    def attach(self, file: Mp4File) -> None:
        file.add_subtitle_track(self._language)
        self._file = file

    def write(self, until_s: float) -> None:
        assert self._file is not None, "attach it first"
        while self._cues and self._cues[0].start_s < until_s:
            cue = self._cues.pop(0)
            self._file.add_cue(cue.start_s, cue.end_s, cue.text)

    def close(self) -> None:
        """Nothing is open."""
