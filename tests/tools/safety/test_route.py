"""Tags in a reply, and the order of judging and making: input, prompt, generation, output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.base import Tool
from tools.media.draw import save_picture
from tools.safety.gate import Decision
from tools.safety.plain import PlainGate
from tools.safety.route import GeneratePart, Part, TextPart, answer_or_generate, parse_tags
from tools.types import Artifact


def text_of(parts: list[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def prompts_of(text: str) -> list[tuple[int, str]]:
    return [(part.index, part.prompt) for part in parse_tags(text) if isinstance(part, GeneratePart)]


@pytest.mark.parametrize(
    ("reply", "prompts"),
    [
        ("<video> a cat </video>", [(0, "a cat")]),
        ("<VIDEO>a cat</ video >", [(0, "a cat")]),
        ("<video0>a cat</video0> and <video1>a dog</video1>", [(0, "a cat"), (1, "a dog")]),
        ("<video3>a cat</video5>", [(3, "a cat")]),
        ("<video>a</video><video>b</video>", [(0, "a"), (1, "b")]),
        ("<video>a cat <video1>on a mat</video1> sleeps</video>", [(0, "a cat on a mat sleeps")]),
        ("<video>a cat", [(0, "a cat")]),
        ("<video>a cat\n\nDo you like it?", [(0, "a cat")]),
        ("<video>a cat. <video>a dog</video>", [(0, "a cat."), (1, "a dog")]),
        ("</video> nothing </video0>", []),
        ("<video> </video>", []),
        ("```\n<video>a cat</video>\n```", [(0, "a cat")]),
        ("```xml\n<video0>a</video0>\n<video1>b</video1>\n```", [(0, "a"), (1, "b")]),
        ("`<video>a cat</video>`", [(0, "a cat")]),
        ("Write `<video>` around it.", []),
        ("```html\n<p>see <video>x</video> there</p>\n```", []),
        ('<video src="cat.mp4"></video>', []),
        ("I am sorry, I cannot make that.", []),
    ],
)
def test_prompts_are_found_however_they_are_written(reply: str, prompts: list[tuple[int, str]]) -> None:
    assert prompts_of(reply) == prompts


def test_text_around_tags_stays_as_it_is() -> None:
    assert parse_tags("Sure:\n<video>a cat</video>\n  Enjoy!") == [
        TextPart("Sure:\n"),
        GeneratePart("a cat", 0),
        TextPart("\n  Enjoy!"),
    ]


PLAIN_TEXT = st.text(st.characters(exclude_characters="<>`", exclude_categories=("Cs",)), max_size=30)
PROMPT = PLAIN_TEXT.map(lambda text: " ".join(text.split())).filter(bool)


@given(st.lists(st.tuples(PLAIN_TEXT, PROMPT, st.sampled_from(["", "0", "1", "12"]))), PLAIN_TEXT)
def test_well_formed_replies_come_apart_as_they_were_put_together(
    pieces: list[tuple[str, str, str]], last: str
) -> None:
    reply = "".join(f"{text}<video{n}>{prompt}</video{n}>" for text, prompt, n in pieces) + last
    parts = parse_tags(reply)
    assert text_of(parts) == "".join(text for text, _, _ in pieces) + last
    assert prompts_of(reply) == [(int(n) if n else at, prompt) for at, (_, prompt, n) in enumerate(pieces)]


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=80).filter(lambda text: "video" not in text.lower()))
def test_without_a_tag_everything_is_text(reply: str) -> None:
    assert parse_tags(reply) == ([TextPart(reply)] if reply else [])


BITS = st.sampled_from(
    ["<video>", "</video>", "<video1>", "</video1>", "```", "\n", "`", "\n\n", "a cat", " ", "<", "é"]
)


@given(st.lists(BITS, max_size=14))
def test_any_reply_is_parsed_and_no_tag_is_in_a_prompt(bits: list[str]) -> None:
    parts = parse_tags("".join(bits))
    assert all(part.prompt.strip() and "video" not in part.prompt for part in parts if isinstance(part, GeneratePart))
    assert all(part.text for part in parts if isinstance(part, TextPart))
    assert "".join(bits).count("a cat") == sum(
        (part.text if isinstance(part, TextPart) else part.prompt).count("a cat") for part in parts
    )


class Log:
    """A gate and a generator that write down in which order they are called."""

    name = "log"

    def __init__(self, folder: Path, refuse: tuple[str, ...] = (), blocked: bool = False) -> None:
        self.calls: list[str] = []
        self._folder, self._refuse, self._blocked = folder, refuse, blocked

    def check_text(self, text: str, level: Any = "analysis") -> Decision:
        self.calls.append(f"{level} {text}")
        bad = any(word in text for word in self._refuse) and (level == "generation" or "never" in text)
        return Decision("refuse", "hate", 1.0, "refused") if bad else Decision("allow")

    def check_frames(self, frames: Any, threshold: float = 0.0, max_flagged: int = 4) -> Decision:
        raise AssertionError("frames are judged by check_artifact")

    def check_request(self, tool: Tool, arguments: Mapping[str, Any]) -> Decision:
        raise AssertionError("no tool is called")

    def check_artifact(self, artifact: Artifact) -> Decision:
        self.calls.append(f"seen {Path(artifact.path).name}")
        return Decision("replace", "sexual", 1.0, "too bare") if self._blocked else Decision("allow")

    def generate(self, part: GeneratePart) -> Artifact:
        self.calls.append(f"made {part.prompt}")
        path = save_picture(self._folder / f"{part.index}.png", np.zeros((8, 8, 3), np.uint8))
        return Artifact(path=str(path), kind="image", description=part.prompt)


def test_every_step_is_judged_in_order(tmp_path: Path) -> None:
    log = Log(tmp_path)
    done = answer_or_generate("Here: <video0>cat</video0><video1>dog</video1>", log, log.generate)
    assert log.calls == [
        "analysis Here: <video0>cat</video0><video1>dog</video1>",
        *("generation cat", "made cat", "seen 0.png"),
        *("generation dog", "made dog", "seen 1.png"),
    ]
    assert [getattr(one, "description", "") for one in done] == ["", "cat", "dog"]


def test_a_refused_prompt_is_not_made_but_its_neighbours_are(tmp_path: Path) -> None:
    log = Log(tmp_path, refuse=("gore",))
    done = answer_or_generate("<video>gore</video><video>dog</video>", log, log.generate)
    assert [call for call in log.calls if call.startswith("made")] == ["made dog"]
    assert done[0] == TextPart("refused")


def test_a_refused_reply_makes_nothing(tmp_path: Path) -> None:
    log = Log(tmp_path, refuse=("never",))
    assert answer_or_generate("never <video>cat</video>", log, log.generate) == [TextPart("refused")]
    assert len(log.calls) == 1


def test_a_blocked_clip_is_replaced(tmp_path: Path) -> None:
    log = Log(tmp_path, blocked=True)
    [made] = answer_or_generate("<video>cat</video>", log, log.generate)
    assert isinstance(made, Artifact)
    assert made.description == "replaced by the safety gate: too bare"


def test_the_plain_gate_stops_a_harmful_prompt_in_a_polite_reply(tmp_path: Path) -> None:
    log = Log(tmp_path)
    reply = "Of course, here it is. <video> a man is beheaded, blood everywhere </video>"
    [words, refusal] = answer_or_generate(reply, PlainGate(), log.generate)
    assert words == TextPart("Of course, here it is. ")
    assert isinstance(refusal, TextPart)
    assert "graphic violence" in refusal.text
    assert log.calls == []
