"""The contract suite notices tools that break the contract."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from pydantic import ConfigDict, Field

from evals.contracts.tool import (
    STATIC_CHECKS,
    check_call,
    check_identity,
    check_refuses_unknown_arguments,
    check_schema,
    example_arguments,
)
from tools.base import Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.types import Artifact, Box, Evidence


class Library:
    """Knows one video of 10 s, 100x50."""

    def video(self, _video_id: str) -> SimpleNamespace:
        return SimpleNamespace(media={"duration_s": 10.0, "width": 100, "height": 50})


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext(library=cast(Any, Library()), videos=["v"], artifacts=tmp_path / "artifacts")


class Good(Tool):
    """Keeps the contract."""

    name: ClassVar[str] = "good_tool"
    description: ClassVar[str] = "Does as it should."

    class Args(ToolArgs):
        video: str = Field("", description="Video id.")
        colour: str = Field(description="Colour name.")
        at_s: float = Field(ge=2, description="Seconds.")
        box: tuple[float, float] | None = Field(description="Pixels.")

    class Result(ToolResult):
        num: int = 0

    def run(self, args: Args, context: ToolContext) -> Result:
        video = context.video_id(args.video)
        path = context.artifacts / "picture.txt"
        path.write_text("picture")
        evidence = Evidence(
            video=video, start_s=1, end_s=2, box=Box(0, 0, 9, 9), tool=self.name, model="m", confidence=1
        )
        artifact = Artifact(path=str(path), kind="text", description="a picture")
        return self.Result(summary="fine", model="m", num=3, evidence=[evidence], artifacts=[artifact])


def call(tool: Tool, context: ToolContext, watched: Path) -> None:
    check_call(tool, example_arguments(tool), context, [watched])


def test_a_good_tool_passes(context: ToolContext, tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    assert example_arguments(Good()) == {"colour": "red", "at_s": 2, "box": [1.0, 1.0]}
    for check in STATIC_CHECKS:
        check(Good())
    check_refuses_unknown_arguments(Good(), context)
    call(Good(), context, tmp_path / "watched")


def test_an_error_is_an_outcome(context: ToolContext, tmp_path: Path) -> None:
    class Fails(Good):
        def run(self, args: Any, context: ToolContext) -> Any:
            raise ToolFailed("nothing to do; ask for something else")

    call(Fails(), context, tmp_path)


def test_names_and_descriptions_are_checked() -> None:
    class Shouts(Good):
        name: ClassVar[str] = "Not a name"

    class Dumb(Good):
        description: ClassVar[str] = ""

    for tool in (Shouts(), Dumb()):
        with pytest.raises(AssertionError):
            check_identity(tool)


def test_undescribed_and_open_arguments_are_noticed() -> None:
    class Silent(Good):
        class Args(ToolArgs):
            colour: str

    class Open(Good):
        class Args(ToolArgs):
            model_config = ConfigDict(extra="ignore")
            colour: str = Field(description="Colour.")

    with pytest.raises(AssertionError, match="no description"):
        check_schema(Silent())
    with pytest.raises(AssertionError, match="unknown arguments"):
        check_schema(Open())


def test_a_tool_that_ignores_a_wrong_video_is_noticed(context: ToolContext) -> None:
    class Blind(Good):
        def run(self, args: Any, context: ToolContext) -> Any:
            return self.Result(summary="fine", model="m")

    with pytest.raises(AssertionError, match="no-such-video"):
        check_refuses_unknown_arguments(Blind(), context)


def test_chance_evidence_out_of_bounds_and_stray_files_are_noticed(context: ToolContext, tmp_path: Path) -> None:
    counter = itertools.count()
    watched = tmp_path / "watched"
    watched.mkdir()

    class Changes(Good):
        def run(self, args: Any, context: ToolContext) -> Any:
            return self.Result(summary="fine", model="m", num=next(counter))

    class Late(Good):
        def run(self, args: Any, context: ToolContext) -> Any:
            late = Evidence(video="v", start_s=11, end_s=12, tool="t", model="m", confidence=1)
            return self.Result(summary="fine", model="m", evidence=[late])

    class Outside(Good):
        def run(self, args: Any, context: ToolContext) -> Any:
            wide = Evidence(video="v", start_s=1, end_s=2, box=Box(0, 0, 101, 9), tool="t", model="m", confidence=1)
            return self.Result(summary="fine", model="m", evidence=[wide])

    class Stray(Good):
        def run(self, args: Any, context: ToolContext) -> Any:
            (watched / "stray").write_text("x")
            return self.Result(summary="fine", model="m")

    for tool, says in ((Changes(), "same call"), (Late(), "11"), (Outside(), "box"), (Stray(), "writes outside")):
        with pytest.raises(AssertionError, match=says):
            call(tool, context, watched)
