"""`Tool.call` is the door: what generative tools are asked for and what they made is judged, and nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from pydantic import Field

from tools.base import MediaError, Refused, Tool, ToolArgs, ToolContext, ToolError, ToolResult
from tools.media.draw import save_picture
from tools.media.reader import VideoReader
from tools.media.writer import VideoWriter
from tools.safety.artifacts import GREY, sample_frames
from tools.safety.gate import Decision, Gate
from tools.safety.plain import PlainGate
from tools.types import Artifact

ALLOWED = Decision("allow")
RED = np.full((48, 64, 3), (250, 0, 0), np.uint8)


class Made(ToolResult):
    """Nothing more."""


class Make(Tool):
    """Writes a red picture and a red clip; counts its runs."""

    name = "make"
    description = "Make something red."
    generative = True
    Result = Made

    class Args(ToolArgs):
        prompts: list[str] = Field(default_factory=list, description="What to make.")

    def __init__(self) -> None:
        self.runs = 0

    def run(self, args: Any, context: ToolContext) -> Made:
        self.runs += 1
        picture = save_picture(context.artifacts / "red.png", RED)
        clip = context.artifacts / "red.mp4"
        with VideoWriter(clip, 64, 48, 10) as writer:
            for _ in range(20):
                writer.add(RED)
        table = context.artifacts / "red.csv"
        table.write_text("red")
        kinds = {"image": picture, "video": clip, "table": table}
        made = [Artifact(path=str(path), kind=cast(Any, kind), description=kind) for kind, path in kinds.items()]
        return Made(summary="made 3", model="paint", artifacts=made)


class Look(Make):
    """The same without making anything, as far as it says."""

    name = "look"
    generative = False


class Recording:
    """A gate that notes what it is asked, and says what it is told."""

    name = "recording"

    def __init__(self, request: Decision = ALLOWED, artifact: Decision = ALLOWED) -> None:
        self.asked: list[str] = []
        self._request, self._artifact = request, artifact

    def check_text(self, text: str, level: Any = "analysis") -> Decision:
        raise AssertionError("the door does not judge bare texts")

    def check_frames(self, frames: Any, threshold: float = 0.0, max_flagged: int = 4) -> Decision:
        raise AssertionError("the door does not judge bare frames")

    def check_request(self, tool: Tool, arguments: Mapping[str, Any]) -> Decision:
        self.asked.append(f"request {tool.name} {arguments['prompts']} after {cast(Make, tool).runs} runs")
        return self._request

    def check_artifact(self, artifact: Artifact) -> Decision:
        self.asked.append(f"artifact {artifact.kind}")
        return self._artifact if artifact.kind in ("image", "video") else Decision("allow")


def context(folder: Path, gate: Gate | None) -> ToolContext:
    return ToolContext(library=cast(Any, None), videos=[], artifacts=folder, gate=gate)


def test_a_request_is_judged_before_and_artefacts_after_the_run(tmp_path: Path) -> None:
    gate, tool = Recording(), Make()
    made = tool.call({"prompts": ["a tree"]}, context(tmp_path, gate))
    assert gate.asked == ["request make ['a tree'] after 0 runs", "artifact image", "artifact video", "artifact table"]
    assert made.summary == "made 3"


def test_a_refused_request_runs_nothing(tmp_path: Path) -> None:
    gate, tool = Recording(request=Decision("refuse", "hate", 1.0, "refused, because of it")), Make()
    with pytest.raises(Refused, match="make: refused, because of it") as caught:
        tool.call({}, context(tmp_path, gate))
    assert isinstance(caught.value, ToolError)
    assert tool.runs == 0
    assert len(gate.asked) == 1


def test_a_tool_that_only_looks_is_not_judged(tmp_path: Path) -> None:
    gate = Recording(request=Decision("refuse"), artifact=Decision("replace"))
    assert Look().call({"prompts": ["gore"]}, context(tmp_path, gate)).summary == "made 3"
    assert gate.asked == []


def test_without_a_gate_nothing_is_judged(tmp_path: Path) -> None:
    assert Make().call({"prompts": ["gore"]}, context(tmp_path, None)).summary == "made 3"


def test_blocked_pictures_and_clips_become_grey_cards_of_the_same_kind(tmp_path: Path) -> None:
    made = Make().call({}, context(tmp_path, Recording(artifact=Decision("replace", "sexual", 0.9, "6 of 10 flagged"))))
    assert made.summary == "made 3 (2 of 3 files replaced by the safety gate: 6 of 10 flagged)"
    assert [artifact.kind for artifact in made.artifacts] == ["image", "video", "table"]
    assert made.artifacts[2].description == "table"
    for artifact in made.artifacts[:2]:
        assert Path(artifact.path).parent == tmp_path
        assert "replaced by the safety gate" in artifact.description
        for rgb in sample_frames(artifact):
            assert np.median(rgb) == pytest.approx(GREY, abs=3)
            assert int(np.ptp(rgb.astype(int).mean(axis=(0, 1)))) <= 3  # no red left
    assert sorted(path.name for path in tmp_path.iterdir()) == ["red.csv", "red.mp4", "red.png"]


def test_a_blocked_file_in_another_format_is_gone(tmp_path: Path) -> None:
    class Jpeg(Make):
        """Writes a JPEG."""

        def run(self, args: Any, context: ToolContext) -> Made:
            path = context.artifacts / "red.jpg"
            path.write_bytes(cv2.imencode(".jpg", RED[..., ::-1])[1].tobytes())
            made = Artifact(path=str(path), kind="image", description="red")
            return Made(summary="made", model="paint", artifacts=[made])

    made = Jpeg().call({}, context(tmp_path, Recording(artifact=Decision("replace", why="so"))))
    assert [path.name for path in tmp_path.iterdir()] == ["red.png"]
    assert made.artifacts[0].path == str(tmp_path / "red.png")


def test_nested_prompts_are_found_by_the_plain_gate(tmp_path: Path) -> None:
    tool = Make()
    with pytest.raises(Refused, match="graphic violence"):
        tool.call({"prompts": ["a tree", "a man is beheaded, gore"]}, context(tmp_path, PlainGate()))
    assert tool.runs == 0
    assert len(tool.call({"prompts": ["a tree"]}, context(tmp_path, PlainGate())).artifacts) == 3


def test_ten_frames_are_sampled_evenly(tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    with VideoWriter(path, 64, 48, 10) as writer:
        for index in range(40):
            writer.add(np.full((48, 64, 3), 5 * index, np.uint8))
    frames = sample_frames(Artifact(path=str(path), kind="video", description=""))
    with VideoReader(path) as reader:
        wanted = [reader.frame_at(0.2 + 0.4 * index).rgb.mean() for index in range(10)]
    assert [frame.mean() for frame in frames] == wanted
    assert wanted == sorted(set(wanted))


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_file_that_cannot_be_read_is_not_let_through(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"bad\.png"):
        PlainGate().check_artifact(Artifact(path=str(path), kind=kind, description=""))
