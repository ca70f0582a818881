"""Answer or generate: the tags with which a language model asks for clips inside its reply (GPT4Video, section 3).

A reply holds `<video> prompt </video>`, or numbered `<video0> ... </video0>`, for every clip to be made. Models write
these carelessly, so the parser is tolerant: a tag that is never closed ends at the next one or at an empty line, tags
within tags belong to the outer prompt, numbers of opening and closing tags need not agree, and a fence of back-ticks
around nothing but tags is dropped. Tags quoted within other code are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tools.safety.artifacts import replace_by_card
from tools.safety.gate import Gate
from tools.types import Artifact

_TAG = re.compile(r"<\s*(?P<end>/?)\s*video\s*(?P<number>\d{0,3})\s*>", re.IGNORECASE)
_FENCE = re.compile(r"```[^\n`]*\n(?P<inner>.*?)```|`(?P<quoted>[^`\n]+)`", re.DOTALL)
_PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class TextPart:
    """Words for the user, as they stand in the reply."""

    text: str


@dataclass(frozen=True)
class GeneratePart:
    """A clip to be made."""

    prompt: str
    index: int
    """Number of the tag, else how many prompts come before it."""


Part = TextPart | GeneratePart


def parse_tags(text: str) -> list[Part]:
    """The parts of a reply in order. Text outside tags is preserved; empty prompts are left out."""
    parts: list[Part] = []
    start = 0
    for fence in _FENCE.finditer(text):
        inner = fence["inner"] or fence["quoted"] or ""
        if not _only_tags(inner):
            continue
        _parse(text[start : fence.start()], parts)
        _parse(inner.strip(), parts)
        start = fence.end()
    _parse(text[start:], parts)
    return parts


def _only_tags(code: str) -> bool:
    """Whether code is made of prompts in tags and nothing else."""
    found: list[Part] = []
    if _TAG.search(code):
        _parse(code, found, quoted=False)
    return bool(found) and all(isinstance(part, GeneratePart) or not part.text.strip() for part in found)


def _parse(text: str, parts: list[Part], *, quoted: bool = True) -> None:
    """Append the parts of a text whose fences of tags are gone; with `quoted`, tags in other code are text."""
    code = [fence.span() for fence in _FENCE.finditer(text)] if quoted else []
    tags = [tag for tag in _TAG.finditer(text) if not any(a <= tag.start() < b for a, b in code)]
    ends = _matched(tags)
    written = at = 0
    while at < len(tags):
        tag = tags[at]
        if tag["end"]:  # a closing tag that nothing opened is no text
            _add_text(parts, text[written : tag.start()])
            written, at = tag.end(), at + 1
            continue
        last = ends.get(at)
        if last is not None:
            stop = after = tags[last].start()
            after, following = tags[last].end(), last + 1
        else:
            following = at + 1
            stop = tags[following].start() if following < len(tags) else len(text)
            if (paragraph := _PARAGRAPH.search(text, tag.end(), stop)) is not None:
                stop = paragraph.start()
            after = stop
        _add_text(parts, text[written : tag.start()])
        prompt = " ".join(_TAG.sub(" ", text[tag.end() : stop]).split())
        if prompt:
            made = sum(isinstance(part, GeneratePart) for part in parts)
            parts.append(GeneratePart(prompt, int(tag["number"]) if tag["number"] else made))
        written, at = after, following
    _add_text(parts, text[written:])


def _matched(tags: list[re.Match[str]]) -> dict[int, int]:
    """Index of the closing tag of every opening one that has one."""
    ends: dict[int, int] = {}
    waiting: list[int] = []
    for index, tag in enumerate(tags):
        if not tag["end"]:
            waiting.append(index)
        elif waiting:
            ends[waiting.pop()] = index
    return ends


def _add_text(parts: list[Part], text: str) -> None:
    if not text:
        return
    if parts and isinstance(parts[-1], TextPart):
        text = parts.pop().text + text  # type: ignore[union-attr]
    parts.append(TextPart(text))


def answer_or_generate(
    text: str, gate: Gate, generate: Callable[[GeneratePart], Artifact]
) -> list[TextPart | Artifact]:
    """Carry out a reply: its words, and for every prompt the clip, a grey card in its place, or why there is none.

    The order is GPT4Video's: the reply is judged, then every prompt, then `generate` is called, then what it made is
    judged. What is refused costs no generation.
    """
    said = gate.check_text(text)
    if not said.allowed:
        return [TextPart(said.why)]
    done: list[TextPart | Artifact] = []
    for part in parse_tags(text):
        if isinstance(part, TextPart):
            done.append(part)
            continue
        wanted = gate.check_text(part.prompt, "generation")
        if not wanted.allowed:
            done.append(TextPart(wanted.why))
            continue
        made = generate(part)
        seen = gate.check_artifact(made)
        done.append(made if seen.allowed else replace_by_card(made, seen))
    return done
