"""Pages of the tools: made from their schemas, and up to date in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from agent.tool_pages import INDEX, tool_pages, write_pages
from tools.base import Effects, Tool, ToolArgs, ToolContext, ToolResult
from tools.registry import Registry
from tools.types import Box

ROOT = Path(__file__).resolve().parents[2]


class Corner(BaseModel):
    """A corner of something."""

    x: float = Field(description="To the right | pixels.")
    sharp: bool = True


class FindCorners(Tool):
    """Looks for corners."""

    name = "find_corners"
    description = "Find corners."
    effects = Effects.WRITES_ARTIFACT
    generative = True

    class Args(ToolArgs):
        at_s: float = Field(ge=0, le=60, description="When, seconds.")
        kind: Literal["round", "sharp"] = Field("sharp", description="Of corner.")
        inside: Box | None = Field(None, description="Only in here.")
        known: list[Corner] = Field(default_factory=list, description="Not these.")

    class Result(ToolResult):
        corners: list[Corner] = Field(description="Best first.")

    def run(self, args: ToolArgs, context: ToolContext) -> ToolResult:
        raise NotImplementedError


@pytest.fixture(scope="module")
def page() -> str:
    return tool_pages(Registry([FindCorners]))["find_corners.md"]


def test_arguments_have_types_bounds_and_defaults(page: str) -> None:
    for row in (
        "| `at_s` | number ≥ 0, ≤ 60 | required | When, seconds. |",
        '| `kind` | `"round"`, `"sharp"` | `"sharp"` | Of corner. |',
        "| `inside` | [x1, y1, x2, y2] |  | Only in here. |",
        "| `known` | list of `Corner` |  | Not these. |",
        "| `x` | number | required | To the right \\| pixels. |",
    ):
        assert row in page.splitlines()


def test_result_names_only_what_is_its_own(page: str) -> None:
    result = page.split("## Result")[1]
    assert "| `corners` | list of `Corner` | Best first. |" in result
    assert "| `summary` |" not in result


def test_effects_are_said(page: str) -> None:
    assert "Writes files into the artefact folder; passes the safety gate." in page


def test_writing_again_changes_nothing_and_deletes_pages_of_tools_that_are_gone(tmp_path: Path) -> None:
    registry = Registry([FindCorners])
    (tmp_path / "gone.md").write_text("a tool of the past")
    assert write_pages(registry, tmp_path) == sorted([INDEX, "find_corners.md", "gone.md"])
    assert write_pages(registry, tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {INDEX, "find_corners.md"}


def test_pages_in_the_repository_are_those_of_the_tools() -> None:
    folder = ROOT / "docs" / "tools"
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    from tools.builtin import TOOLS

    assert there == tool_pages(Registry(TOOLS)), "run: videre tool docs docs/tools"
