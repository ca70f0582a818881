"""Streams of events: sent at once, kept alive, and the work behind them told when the client goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from agent.server.pool import TaskFailed
from agent.server.sse import COMMENT, EventStream, agent_frames, frame, kept_alive

Json = dict[str, Any]


async def _events(*events: Json | Exception) -> AsyncGenerator[Json]:
    for event in events:
        if isinstance(event, Exception):
            raise event
        yield event


def said(frames: bytes) -> list[tuple[str, Json]]:
    """Events on the wire, read as a client does."""
    found = []
    for block in frames.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


async def _all(frames: AsyncGenerator[bytes]) -> list[bytes]:
    return [one async for one in frames]


def test_events_go_out_by_name() -> None:
    events: list[Json] = [{"event": "Progress", "text": "ä\nb"}, {"event": "Finished", "answer": {}}]
    frames = asyncio.run(_all(agent_frames(_events(*events))))
    assert said(b"".join(frames)) == [("Progress", events[0]), ("Finished", events[1])]


def test_an_error_is_the_last_event_in_the_shape_of_errors() -> None:
    failing = _events({"event": "Progress"}, TaskFailed("MediaError", "no video"))
    last = said(b"".join(asyncio.run(_all(agent_frames(failing)))))[-1]
    assert last[0] == "Failed"
    assert last[1]["error"]["message"] == "no video"
    assert last[1]["error"]["code"] == "MediaError"


def test_a_bug_is_told_without_its_details() -> None:
    last = said(b"".join(asyncio.run(_all(agent_frames(_events(ValueError("/secret/path")))))))[-1]
    assert last[0] == "Failed"
    assert "secret" not in json.dumps(last[1])


def test_comments_fill_the_pauses() -> None:
    async def slow() -> AsyncGenerator[bytes]:
        await asyncio.sleep(0.05)
        yield b"event"

    frames = asyncio.run(_all(kept_alive(slow(), quiet_s=0.01)))
    assert frames[-1] == b"event"
    assert set(frames[:-1]) == {COMMENT}


def test_closing_a_stream_closes_what_feeds_it() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def run() -> None:
        async with aclosing(kept_alive(endless())) as frames:
            assert await anext(frames) == b"first"
        assert closed.is_set()

    asyncio.run(run())


def test_a_client_that_goes_away_ends_the_work_though_nothing_happens() -> None:
    ended: list[str] = []

    async def endless() -> AsyncGenerator[bytes]:
        try:
            yield frame("Progress", {})
            await asyncio.Event().wait()
        finally:
            ended.append("feed")

    async def run() -> list[Json]:
        sent: list[Any] = []
        gone = asyncio.Event()

        async def receive() -> Json:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if message.get("body"):
                gone.set()

        scope = {"type": "http", "method": "POST", "headers": [], "asgi": {"spec_version": "2.3"}}
        async with asyncio.timeout(10):
            await EventStream(endless(), closed=lambda: ended.append("work"))(scope, receive, send)
        return sent

    sent = asyncio.run(run())
    assert ended == ["feed", "work"]
    headers = dict(sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"x-accel-buffering"] == b"no"


def test_a_client_that_was_gone_before_the_first_event_ends_the_work_too() -> None:
    ended: list[str] = []

    async def never() -> AsyncGenerator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def receive() -> Json:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        scope = {"type": "http", "method": "POST", "headers": [], "asgi": {"spec_version": "2.3"}}
        async with asyncio.timeout(10):
            await EventStream(never(), closed=lambda: ended.append("work"))(scope, receive, send)

    asyncio.run(run())
    assert ended == ["work"]
