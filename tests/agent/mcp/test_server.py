"""Videre as an MCP server: with the SDK's own client, in memory and over standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import ImageContent, TextContent

from agent.mcp.desk import Desk
from agent.mcp.server import mcp_server
from agent.server.options import ServerOptions
from agent.server.pool import Busy, TaskFailed
from agent.settings import Settings
from tools.base import InvalidArguments
from tools.media.sample import render_sample

VIDEO = "0123456789abcdef"
ANSWER = {
    "status": "answered",
    "answer": "2 shots",
    "value": 2,
    "option": None,
    "confidence": 0.9,
    "evidence": [{"video": VIDEO, "start_s": 1.0, "end_s": 2.0, "tool": "list_shots", "model": "m", "confidence": 0.9}],
    "alternatives": [],
    "missing": [],
    "cost": {},
    "trace_id": "t1",
    "artifacts": [{"path": "t1/cut.mp4", "kind": "video", "description": "cut"}],
}


class Scripted:
    """Stands in for the pool: results by task, and what was asked."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.results, self.asked = results, []  # type: ignore[var-annotated]

    def submit(self, kind: str, name: str, arguments: dict[str, Any]) -> Scripted:
        self.asked.append((kind, name, arguments))
        if isinstance(self.results[name], Busy):
            raise self.results[name]
        self.name = name
        return self

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        yield {"event": "Progress", "trace_id": "", "text": "watching", "share": 0.5}

    async def result(self) -> dict[str, Any]:
        found = self.results[self.name]
        if isinstance(found, Exception):
            raise found
        return dict(found)

    def cancel(self) -> None:
        self.asked.append(("", "cancel", {}))


def desk(tmp_path: Path, results: dict[str, Any]) -> tuple[Desk, Scripted]:
    def named(path: str) -> Path:
        if not path.endswith(".mp4"):
            raise InvalidArguments(f"{path!r} is in no folder that may be named")
        return Path(path)

    pool = Scripted(results)
    options = replace(ServerOptions.of(Settings()), folder=tmp_path)
    return Desk(pool, options, named, urls=True), pool  # type: ignore[arg-type]


def call(one: Desk, tool: str, **arguments: Any) -> tuple[Any, list[str]]:
    told: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async def work() -> Any:
        async with Client(mcp_server(one)) as client:
            return await client.call_tool(tool, arguments, progress_callback=on_progress)

    return asyncio.run(work()), told


def text_of(result: Any) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def test_an_answer_comes_in_words_and_as_data_with_progress_and_files(tmp_path: Path) -> None:
    one, pool = desk(tmp_path, {"ask": {"answer": ANSWER, "thread": "", "point": ""}, "ingest": {"video_id": VIDEO}})
    result, told = call(one, "ask", question="How many shots?", videos=["clip.mp4"])
    assert "2 shots" in text_of(result)
    assert "[1.0-2.0 s]" in text_of(result)
    assert "/api/artifacts/t1/cut.mp4" in text_of(result)
    assert result.structured_content["answer"]["value"] == 2
    assert told[0].startswith("watching")
    assert pool.asked[0] == ("media", "ingest", {"path": "clip.mp4"})
    assert pool.asked[1][2]["videos"] == [VIDEO]


def test_what_waits_for_approval_says_how_to_go_on(tmp_path: Path) -> None:
    need = {"needs_approval": {"action": "cut({})", "why": "it writes a file"}, "thread": "t"}
    one, pool = desk(tmp_path, {"ask": need, "decide": {"answer": ANSWER, "thread": "t", "point": ""}})
    assert "decide" in text_of(call(one, "ask", question="cut it", thread="t")[0])
    assert "2 shots" in text_of(call(one, "decide", thread="t", agreed=True)[0])
    assert pool.asked[-1][2] == {"thread": "t", "agreed": True}


@pytest.mark.parametrize("error", [Busy("answer", 3.0), TaskFailed("MediaError", "not a video")])
def test_failures_are_results(tmp_path: Path, error: Exception) -> None:
    one, _ = desk(tmp_path, {"ask": error})
    result, _ = call(one, "ask", question="?", videos=[VIDEO])
    assert result.is_error
    assert ("not a video" in text_of(result)) or ("busy" in text_of(result))


def test_a_path_that_may_not_be_named_is_refused(tmp_path: Path) -> None:
    one, pool = desk(tmp_path, {})
    result, _ = call(one, "add_video", path="/etc/passwd")
    assert result.is_error
    assert "no folder that may be named" in text_of(result)
    assert not pool.asked


def test_tools_are_found_by_words(tmp_path: Path) -> None:
    tools = [{"name": f"cut_{n}", "description": "Cut a video.", "schema": {"properties": {"n": {}}}} for n in range(9)]
    one, _ = desk(tmp_path, {"tools": {"tools": tools}})
    assert "9 tools" in text_of(call(one, "find_tools")[0])
    found = text_of(call(one, "find_tools", words="CUT video")[0])
    assert found.count("arguments:") == 6
    assert "cut_8" in found
    assert "No tool" in text_of(call(one, "find_tools", words="fly")[0])


def test_artefacts_are_resources_and_nothing_else_is(tmp_path: Path) -> None:
    made = tmp_path / "artifacts" / "t1"
    made.mkdir(parents=True)
    (made / "cut.mp4").write_bytes(b"film")
    (tmp_path / "secret.txt").write_text("secret")
    (made / "link.mp4").symlink_to(tmp_path / "secret.txt")
    one, _ = desk(tmp_path, {})

    async def read(uri: str) -> Any:
        async with Client(mcp_server(one)) as client:
            return await client.read_resource(uri)

    assert asyncio.run(read("videre://artifacts/t1/cut.mp4")).contents[0].blob == "ZmlsbQ=="
    for uri in ("videre://artifacts/t1/link.mp4", "videre://artifacts/..%2F/secret.txt", "videre://artifacts/t2/x"):
        with pytest.raises(Exception):  # noqa: B017 - the SDK's own, of several kinds
            asyncio.run(read(uri))


def test_the_surface_is_small(tmp_path: Path) -> None:
    one, _ = desk(tmp_path, {})

    async def described() -> tuple[list[Any], list[Any]]:
        async with Client(mcp_server(one)) as client:
            return (await client.list_tools()).tools, (await client.list_prompts()).prompts

    tools, prompts = asyncio.run(described())
    assert 8 <= len(tools) <= 12
    assert sum(len(tool.model_dump_json(exclude_none=True)) for tool in tools) / 4 < 6_000  # tokens, about
    assert all(tool.annotations is not None and not tool.annotations.destructive_hint for tool in tools)
    assert {prompt.name for prompt in prompts} == {"summarise", "find_moment", "make_clip"}


@pytest.mark.slow
def test_videre_mcp_answers_about_a_file(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    render_sample(clip)
    environment = {**os.environ, "VIDERE_HOME": str(tmp_path / "library")}
    command = StdioServerParameters(
        command=sys.executable, args=["-c", "from agent.cli import main; main()", "mcp"], env=environment
    )

    async def work() -> None:
        async with Client(command, read_timeout_seconds=120) as client:
            answered = await client.call_tool("ask", {"question": "How many shots are there?", "videos": [str(clip)]})
            assert not answered.is_error, text_of(answered)
            assert answered.structured_content is not None
            assert answered.structured_content["answer"]["status"] == "answered"
            video = answered.structured_content["answer"]["evidence"][0]["video"]
            assert video in text_of(await client.call_tool("list_videos", {}))
            shown = await client.call_tool("show_frame", {"video": video, "t_s": 1.0, "width": 320})
            assert isinstance(shown.content[0], ImageContent)
            cut = await client.call_tool(
                "run_tool", {"name": "cut", "videos": [video], "arguments": {"start_s": 1, "end_s": 2}}
            )
            assert cut.structured_content is not None
            (file,) = cut.structured_content["artifacts"]
            assert Path(file["url"].removeprefix("file://")).stat().st_size > 1000
            read = await client.read_resource(file["resource"])
            assert read.contents[0].blob  # type: ignore[union-attr]
            refused = await client.call_tool("sql", {"video": video, "statement": "DELETE FROM shot"})
            assert refused.is_error

    asyncio.run(work())


@pytest.mark.slow
def test_nothing_but_the_protocol_is_printed_and_the_end_of_input_ends_it(tmp_path: Path) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    done = subprocess.run(
        [sys.executable, "-c", "from agent.cli import main; main()", "mcp"],
        input=json.dumps(hello) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["result"]["serverInfo"]["name"] == "videre"
