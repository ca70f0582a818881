"""Tools of other MCP servers, over standard input and output and over HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from agent import VideoAgent
from agent.mcp.mounted import MAX_TEXT, MountedTool, mounted_tools
from agent.mcp.options import McpServerOptions
from agent.settings import Settings
from tools.base import Cancelled, Effects, InvalidArguments, ToolContext, ToolFailed

OTHER = Path(__file__).with_name("other_server.py")
STDIO = (sys.executable, str(OTHER))


def mounted(**options: Any) -> dict[str, MountedTool]:
    failures: dict[str, str] = {}
    servers = {"other": McpServerOptions(**({"command": STDIO} | options))}
    tools = {tool.name: tool for tool in mounted_tools(servers, failures)}
    assert not failures
    return tools


@pytest.fixture(scope="module")
def tools() -> Iterator[dict[str, MountedTool]]:
    found = mounted()
    yield found
    next(iter(found.values()))._connection.close()


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext(library=None, videos=[], artifacts=tmp_path / "out")  # type: ignore[arg-type]


def test_a_tool_is_called_with_checked_arguments_and_what_it_says_is_data(
    tools: dict[str, MountedTool], context: ToolContext
) -> None:
    add = tools["other__add"]
    assert add.effects is Effects.NETWORK
    assert add.schema()["required"] == ["first", "second"]
    result = add.call({"first": 19, "second": 23}, context)
    assert result.texts[0].model_dump() == {"text": "42", "source": "mcp"}  # type: ignore[attr-defined]
    with pytest.raises(InvalidArguments, match="first"):
        add.call({"first": "many", "second": 1}, context)
    with pytest.raises(InvalidArguments, match="second"):
        add.call({"first": 1}, context)


def test_pictures_become_artefacts(tools: dict[str, MountedTool], context: ToolContext) -> None:
    (artifact,) = tools["other__picture"].call({}, context).artifacts
    assert Path(artifact.path).read_bytes().startswith(b"\x89PNG")
    assert Path(artifact.path).parent == context.artifacts


def test_long_texts_are_cut_and_failures_are_told(tools: dict[str, MountedTool], context: ToolContext) -> None:
    result = tools["other__say"].call({"words": "x" * (MAX_TEXT + 10)}, context)
    assert "cut short" in result.summary
    assert sum(len(text.text) for text in result.texts) == MAX_TEXT  # type: ignore[attr-defined]
    with pytest.raises(ToolFailed, match="the well is dry"):
        tools["other__fail"].call({}, context)


def test_a_call_is_cancelled_while_it_runs(context: ToolContext) -> None:
    found = mounted()
    stop = threading.Event()
    context.cancelled = stop.is_set
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        found["other__sleep"].call({"seconds": 50}, context)
    assert time.monotonic() - started < 25
    found["other__sleep"]._connection.close()


def test_keys_of_ours_do_not_reach_the_server(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted")
    found = mounted(env={"GIVEN": SecretStr("yes")})
    environment = found["other__environment"]
    said = [environment.call({"name": name}, context).texts[0].text for name in ("OPENAI_API_KEY", "GIVEN")]  # type: ignore[attr-defined]
    environment._connection.close()
    assert said == ["not set", "yes"]


@pytest.mark.slow
def test_a_server_that_died_or_hangs_is_told_and_started_again(context: ToolContext) -> None:
    found = mounted(timeout_s=3.0)
    with pytest.raises(ToolFailed, match="MCP server 'other'"):
        found["other__die"].call({}, context)
    assert found["other__add"].call({"first": 1, "second": 1}, context).texts[0].text == "2"  # type: ignore[attr-defined]
    with pytest.raises(ToolFailed, match="no answer within 3 s"):
        found["other__sleep"].call({"seconds": 8}, context)
    found["other__add"]._connection.close()


def test_a_server_over_http(context: ToolContext) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = subprocess.Popen([*STDIO, str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < deadline:
            time.sleep(0.1)
        found = mounted(command=(), url=f"http://127.0.0.1:{port}/mcp", tools=("add",))
        assert list(found) == ["other__add"]
        assert found["other__add"].call({"first": 2, "second": 3}, context).texts[0].text == "5"  # type: ignore[attr-defined]
        found["other__add"]._connection.close()
    finally:
        running.kill()
        running.wait()


def test_the_agent_has_them_and_does_without_servers_that_are_not_there(tmp_path: Path) -> None:
    servers = {
        "other": McpServerOptions(command=STDIO, tools=("add",)),
        "gone": McpServerOptions(command=(str(tmp_path / "nothing"),)),
    }
    registry = VideoAgent(tmp_path, settings=Settings(mcp_servers=servers)).registry
    added = registry.get("other__add")
    assert isinstance(added, MountedTool)
    added._connection.close()
    assert "MCP server 'gone'" in registry.failures["MCP server gone"]


def test_options_say_what_is_wrong() -> None:
    for wrong in ({}, {"command": ("x",), "url": "http://x"}, {"url": "file:///etc/passwd"}):
        with pytest.raises(ValidationError):
            McpServerOptions(**wrong)  # type: ignore[arg-type]
