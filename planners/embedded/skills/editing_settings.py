"""How an edit is to be done, from the words of a request: keyword arguments of its tool, or why it cannot be."""

from __future__ import annotations

import re
from typing import Any

from planners.embedded.edit_words import NO_TOOL
from planners.embedded.skills.editing_job import Job, seconds_said

Settings = dict[str, Any] | str
_OUTSIDE = re.compile(
    r"(?:cut|trim|chop|clip)(?: (?:it|this|the (?:video|clip|film)))? (?:out|off|away)\b"
    r"|(?:remove|delete|drop|skip|lose|leave out|take out|get rid of)\b"
    r"|(?:cut|trim|chop|clip) (?:the |its )?(?:very )?(?:first|last|final|beginning|start|end|ending|intro|outro)\b"
    r"|(?:cut|trim|chop) everything\b|(?:cut|trim|chop)(?: out)? (?:all |the )*(?:silences?|pauses?)"
)
_EXCEPT = re.compile(r"\b(?:except|but|other than|outside)\b")
_POSITION = re.compile(
    r"\b(top|upper|bottom|lower)?(?:[- ](?:and )?)?(left|right|cent(?:er|re)|middle)?(?:[- ](?:corner|side|edge))?\b"
)
_COLOURS = {
    "red": "#e02020", "green": "#20c040", "blue": "#2060ff", "yellow": "#ffe020", "orange": "#ff9020",
    "black": "#000000", "white": "#ffffff", "pink": "#ff80c0", "purple": "#a040d0", "cyan": "#20d0e0",
}  # fmt: skip
_FORMATS = {"webvtt": "vtt", "edit decision list": "edl", "shots": "edl", "scene graph": "graphml"}


def nothing(_job: Job) -> Settings:
    return {}


def cutting(job: Job) -> Settings:
    """Whether the stretches are kept or taken out."""
    outside = bool(_OUTSIDE.match(job.text)) and not re.search(r"\b(?:cut|trim)\b.* (?:down )?to\b", job.text)
    return {"keep": "outside"} if outside != bool(_EXCEPT.search(job.text)) else {}


def slowing(job: Job) -> Settings:
    factor = _factor(job)
    return {"factor": factor if factor > 1 else 1 / factor} if factor not in (0.0, 1.0) else {}


def speeding(job: Job) -> Settings:
    factor = _factor(job)
    return {"factor": factor} if factor not in (0.0, 1.0) else {}


def _factor(job: Job) -> float:
    """How many times the speed, or as slow; 0 where nothing is said."""
    if percent := job.number(r"(\d+(?:\.\d+)?) ?(?:%|percent)"):
        return percent / 100
    if times := job.number(r"\b(\d+(?:\.\d+)?) ?(?:x\b|times\b|fold\b)") or job.number(r"\bx ?(\d+(?:\.\d+)?)\b"):
        return times
    for word, factor in (("half", 0.5), ("third", 1 / 3), ("quarter", 0.25), ("triple", 3.0)):
        if re.search(rf"\b{word}\b", job.text):
            return factor
    return 2.0 if re.search(r"\b(?:double|twice)\b", job.text) else 0.0


def writing(job: Job) -> Settings:
    """What is written, where, and how."""
    unquoted = re.search(
        r"(?:text|words?|title|heading|label) (.+?) (?:at|in|on|to) the (?:top|bottom|upper|lower|cent|middle|left|"
        r"right|picture|video)",
        job.goal.said,
        re.IGNORECASE,
    )
    text = job.quoted or (unquoted[1] if unquoted else "")
    if not text:
        return "it was not said what to write; put it in quotes"
    size = 0.12 if re.search(r"\b(?:big|large|huge)\b", job.text) else 0.045 if "small" in job.text.split() else None
    colour = next((code for word, code in _COLOURS.items() if re.search(rf"\b{word}\b", job.text)), None)
    found: dict[str, Any] = {"text": text, "position": _position(job.text)}
    return found | ({"size": size} if size else {}) | ({"colour": colour} if colour else {})


def _position(text: str) -> str:
    for place in _POSITION.finditer(text):
        up = {"top": "top", "upper": "top", "bottom": "bottom", "lower": "bottom"}.get(place[1] or "", "")
        across = place[2] if place[2] in ("left", "right") else ""
        if up or across:
            return f"{up} {across}".strip()
        if place[2]:
            return "centre"
    return "bottom"


def captioning(job: Job) -> Settings:
    """Subtitles on the pictures unless a file or a track is asked for."""
    if re.search(r"\b(?:webvtt|vtt)\b", job.text):
        return {"output": "vtt"}
    if re.search(r"\bsrt\b|\b(?:as|in|into|to) (?:a |its own |a separate )?(?:subtitle )?file\b|^extract\b", job.text):
        return {"output": "srt"}
    return {"output": "track"} if re.search(r"\b(?:track|soft|selectable|switchable)\b", job.text) else {}


def exporting(job: Job) -> Settings:
    found = re.search(
        r"\b(coco|csv|parquet|graphml|json|srt|webvtt|vtt|edl|edit decision list|scene graph)\b", job.text
    )
    return {"format": _FORMATS.get(found[1], found[1])} if found else {}


def sheet(job: Job) -> Settings:
    count = job.number(r"\b(\d+) (?:\w+ )?(?:frames|pictures|thumbnails|images)\b")
    return {"count": int(count)} if count else {}


def animating(job: Job) -> Settings:
    width, fps = (
        job.number(r"\b(\d+) ?(?:px|pixels?)\b"),
        job.number(r"\b(\d+(?:\.\d+)?) ?(?:fps|frames (?:a|per) second)\b"),
    )
    return ({"width": int(width)} if width else {}) | ({"fps": fps} if fps else {})


def beside(job: Job) -> Settings:
    return {"layout": "column"} if re.search(r"\b(?:below|above|under|on top of|stacked)\b", job.text) else {}


def loudness(job: Job) -> Settings:
    """Silence, unless it is to be louder or quieter."""
    factor = _factor(job)
    if re.search(r"\b(?:quieter|softer|down|lower|reduce|halve)\b", job.text):
        return {"factor": 1 / factor if factor > 1 else factor or 0.5}
    if re.search(r"\b(?:loud|louder|up|increase|raise|double)\b", job.text):
        return {"factor": factor if factor > 1 else 2.0}
    return {"factor": 0.0}


def listening(job: Job) -> Settings:
    return {"format": "wav"} if re.search(r"\bwave?\b", job.text) else {}


def turning(job: Job) -> Settings:
    """To the right by default, as people turn pictures."""
    degrees = int(job.number(r"(-?\d+) ?(?:degrees?|°|deg\b)") or 90) % 360
    if re.search(r"\bflip\b.*\b(?:vertical|upside)|\bvertically\b", job.text):
        return {"turn": "flip"}
    if re.match(r"(?:mirror|flip)\b", job.text):
        return {"turn": "mirror"}
    if degrees == 180 or "upside down" in job.text:
        return {"turn": "upside down"}
    to_left = re.search(r"\b(?:left|counter-?clockwise|anti-?clockwise)\b", job.text) is not None
    if degrees not in (90, 270):
        return f"a video is turned by 90, 180 or 270 degrees, not by {degrees}"
    return {"turn": "left" if to_left != (degrees == 270) else "right"}


_LIGHT: tuple[tuple[str, dict[str, float]], ...] = (
    (r"black[- ]and[- ]white|gr[ea]y|monochrome|desaturate", {"saturation": 0.0}),
    (r"brighten|brighter|lighter|(?:increase|raise|boost|add|double).* brightness", {"brightness": 0.15}),
    (r"darken|darker|(?:lower|reduce|decrease|halve).* brightness", {"brightness": -0.15}),
    (r"(?:increase|raise|boost|add|double).* contrast", {"contrast": 1.3}),
    (r"(?:lower|reduce|decrease|halve).* contrast", {"contrast": 0.75}),
    (r"(?:lower|reduce|decrease|halve|less).* (?:saturation|colou?r)", {"saturation": 0.6}),
    (r"saturation|colou?r|vivid", {"saturation": 1.4}),
)
"""What words for light and colour mean; the first that fits counts."""


def lighting(job: Job) -> Settings:
    found = next((dict(values) for pattern, values in _LIGHT if re.search(pattern, job.text)), None)
    return found or "it was not said what to change: brightness, contrast or saturation"


def cropping(job: Job) -> Settings:
    sides = re.search(r"(\d+), ?(\d+), ?(\d+), ?(\d+)", job.goal.said)
    return {"box": [float(side) for side in sides.groups()]} if sides else "give the box as x1,y1,x2,y2 in pixels"


def fading(job: Job) -> Settings:
    """Both ends, unless one is named."""
    length_s = seconds_said(job) or 1.0
    into, out = (
        re.search(rf"\bfades? (?:\w+ )?{end}\b|\b{end} (?:and|fades?)\b|\band {end}\b", job.text)
        for end in ("in", "out")
    )
    return {"in_s": length_s if into or not out else 0.0, "out_s": length_s if out or not into else 0.0}


def budget(job: Job) -> Settings:
    """How long a summary may be."""
    length_s = seconds_said(job)
    return {"length_s": length_s} if length_s else {}


def no_tool(job: Job) -> Settings:
    why = next((told for pattern, told in NO_TOOL.items() if re.match(pattern, job.goal.said.lower())), "no tool")
    return (
        f"{why}. Edits there are: cut, join, side by side, speed, slow motion, text, subtitles, blur, remove, "
        "highlight, crop, rotate, adjust, volume, extract the sound, stabilise, GIF, contact sheet, storyboard, export"
    )
