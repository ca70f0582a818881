"""Every registered tool keeps the contract: one more tool is one more parameter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.contracts.tool import STATIC_CHECKS, check_call, check_refuses_unknown_arguments, example_arguments
from tools.base import Tool, ToolContext
from tools.registry import Registry

EXAMPLES: dict[str, dict[str, Any]] = {
    "sql": {"query": "SELECT count(*) AS num FROM shot"},
    "slow_motion": {"end_s": 0.5},
}
"""Arguments for tools whose required texts are more than a phrase, or that would take minutes for the whole clip."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "tool" in metafunc.fixturenames:
        registry = Registry.load()
        metafunc.parametrize("tool", [registry.get(name) for name in registry.names()], ids=registry.names())


@pytest.fixture(scope="session")
def watched_sample(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    """The sample clip, ingested."""
    from agent import VideoAgent
    from tools.media.sample import render_sample

    folder = tmp_path_factory.mktemp("contract")
    (folder / "media").mkdir()
    clip = render_sample(folder / "media" / "sample.mp4")
    return VideoAgent(folder / "library").context(clip, folder / "artifacts")


def test_all_plug_ins_load() -> None:
    registry = Registry.load()
    assert registry.failures == {}
    assert registry.names()


@pytest.mark.parametrize("check", STATIC_CHECKS, ids=lambda check: check.__name__)
def test_a_tool_describes_itself(tool: Tool, check: Callable[[Tool], None]) -> None:
    check(tool)


@pytest.mark.slow
def test_a_tool_refuses_a_malformed_call(tool: Tool, watched_sample: ToolContext) -> None:
    check_refuses_unknown_arguments(tool, watched_sample)


@pytest.mark.slow
def test_a_tool_gives_the_same_twice_and_writes_nothing_else(
    tool: Tool, watched_sample: ToolContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    library = Path(watched_sample.library.root)
    segments = list((library / "videos").glob("*/segments"))
    media = watched_sample.library.video(watched_sample.videos[0]).path.parent
    context = ToolContext(
        library=watched_sample.library,
        videos=watched_sample.videos,
        artifacts=watched_sample.artifacts / tool.name,
        embedder=watched_sample.embedder,
    )
    arguments = EXAMPLES.get(tool.name) or example_arguments(tool)
    check_call(tool, arguments, context, [tmp_path, media, *([] if tool.writes_memory else segments)])
