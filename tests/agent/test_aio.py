"""The agent for asyncio: the same answers, cancelled with the task or the stream, a bounded number at once."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent import AsyncVideoAgent, VideoAgent
from agent.aio import AsyncThread
from agent.events import Event, Finished, NeedsApproval, Progress, Searched
from agent.thread import Thread
from tests.agent.noting import OTHER, VIDEO, agent_in, watch
from tests.fixtures.openai_server import OpenAIServer, Reply
from tools.base import Cancelled, InvalidArguments, MediaError, Tool, ToolArgs, ToolContext, ToolResult
from tools.registry import Registry

SHOTS = "How many shots are there?"
NOTE = "Please note that."
T = TypeVar("T")
asked_by: contextvars.ContextVar[str] = contextvars.ContextVar("asked_by", default="nobody")


class Wait(Tool):
    """Waits until it is cancelled, or for a moment."""

    name = "wait"
    description = "Wait."
    begun: threading.Event
    ended: list[str]
    active: list[int]
    """How many were at work whenever one began."""
    num = 0
    lock = threading.Lock()

    class Args(ToolArgs):
        text: str

    Result = ToolResult

    def run(self, args: Args, context: ToolContext) -> ToolResult:
        kind = type(self)
        with self.lock:
            kind.num += 1
            self.active.append(kind.num)
        self.begun.set()
        try:
            deadline = time.monotonic() + (0.05 if args.text == "short" else 60)
            while time.monotonic() < deadline:
                context.check_cancelled()
                context.progress("waiting", 0.0)
                time.sleep(0.005)
            self.ended.append(asked_by.get())
        except Cancelled:
            self.ended.append("cancelled")
            raise
        finally:
            with self.lock:
                kind.num -= 1
        return ToolResult(summary="waited", model="clock")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    watch(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def waiting_agent(folder: Path, url: str = "") -> tuple[VideoAgent, type[Wait]]:
    agent = agent_in(folder, url)
    tool = type("Wait", (Wait,), {"begun": threading.Event(), "ended": [], "active": []})
    tools = [type(agent.registry.get(name)) for name in agent.registry.names()]
    agent.__dict__["registry"] = Registry([*tools, tool])
    return agent, tool


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 60))


async def until(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0.005)


def test_it_answers_as_the_synchronous_agent_does(folder: Path) -> None:
    async def main() -> None:
        async with AsyncVideoAgent(agent_in(folder)) as agent:
            answers = await asyncio.gather(agent.ask(VIDEO, SHOTS), agent.ask(OTHER, SHOTS), agent.ask(VIDEO, SHOTS))
            assert [answer.value for answer in answers] == [2, 5, 2]
            thread = agent.thread("t")
            assert (await thread.ask(SHOTS, [VIDEO])).value == 2
            assert (await thread.ask("How many shots does it have?")).value == 2
            assert [turn.answer.value for turn in await thread.turns()] == [2, 2]
            assert [info.name for info in await agent.threads()] == ["t"]
            first = [point for point in await thread.points() if not point.next_step][-1]
            await thread.back(first.id)
            assert len(await thread.turns()) == 1
            assert await thread.pending() is None
            assert await thread.forget()
            assert (await agent.ingest(VIDEO)).video_id == VIDEO
            assert "list_shots" in [tool.name for tool in await agent.tools()]
            result = await agent.run_tool("list_shots", VIDEO, {}, artifacts=folder / "out")
            assert len(result.evidence) == 2

    run(main())


def test_a_stream_gives_the_steps_and_then_the_answer(folder: Path) -> None:
    async def main() -> list[Event]:
        async with AsyncVideoAgent(agent_in(folder)) as agent:
            events = [event async for event in agent.stream(VIDEO, SHOTS)]
            in_thread = [event async for event in agent.thread("t").stream(SHOTS, [OTHER])]
            assert isinstance(in_thread[-1], Finished)
            assert in_thread[-1].answer.value == 5
            return events

    events = run(main())
    assert isinstance(events[-1], Finished)
    assert events[-1].answer.value == 2
    assert [event for event in events if isinstance(event, Progress)]
    assert [event for event in events if isinstance(event, Searched)]


def test_errors_come_as_they_are(folder: Path) -> None:
    async def main() -> None:
        async with AsyncVideoAgent(agent_in(folder)) as agent:
            with pytest.raises(MediaError):
                await agent.ask("nowhere.mp4", SHOTS)
            with pytest.raises(InvalidArguments, match="empty"):
                async for _event in agent.stream(VIDEO, " "):
                    pass
            with pytest.raises(InvalidArguments, match="name"):
                await agent.thread("").turns()

    run(main())


def test_a_cancelled_task_stops_its_tool(folder: Path) -> None:
    synchronous, tool = waiting_agent(folder)

    async def main() -> None:
        async with AsyncVideoAgent(synchronous) as agent:
            task = asyncio.create_task(agent.run_tool("wait", VIDEO, {"text": "long"}, artifacts=folder))
            await until(tool.begun)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert tool.ended == ["cancelled"]  # it has ended when the task has

    run(main())


@pytest.mark.parametrize("way", ["break", "leave", "aclose", "cancel"])
def test_leaving_a_stream_cancels_the_question(folder: Path, way: str) -> None:
    with OpenAIServer([Reply(calls=[("wait", json.dumps({"text": "long"}))])] * 4) as server:
        synchronous, tool = waiting_agent(folder, server.url)

        async def follow(agent: AsyncVideoAgent) -> None:
            async for _event in agent.stream(VIDEO, NOTE):  # the tool tells of its progress
                if way == "break" and tool.begun.is_set():
                    break

        async def main() -> None:
            async with AsyncVideoAgent(synchronous) as agent:
                if way in ("aclose", "leave"):
                    async with agent.stream(VIDEO, NOTE) as events:
                        await anext(events)
                        await until(tool.begun)
                        if way == "aclose":
                            await events.aclose()
                else:
                    task = asyncio.create_task(follow(agent))
                    await until(tool.begun)
                    if way == "cancel":
                        task.cancel()
                    await asyncio.wait([task])
                while not tool.ended:
                    await asyncio.sleep(0.005)

        run(main())
    assert tool.ended == ["cancelled"]


def test_no_more_than_so_many_are_at_work(folder: Path) -> None:
    synchronous, tool = waiting_agent(folder)

    async def main() -> None:
        async with AsyncVideoAgent(synchronous, concurrency=2) as agent:
            calls = [agent.run_tool("wait", VIDEO, {"text": "short"}, artifacts=folder) for _ in range(6)]
            await asyncio.gather(*calls)

    run(main())
    assert len(tool.active) == 6
    assert max(tool.active) <= 2


def test_what_waits_for_its_turn_can_be_cancelled_too(folder: Path) -> None:
    synchronous, tool = waiting_agent(folder)

    async def main() -> None:
        async with AsyncVideoAgent(synchronous, concurrency=1) as agent:
            first = asyncio.create_task(agent.run_tool("wait", VIDEO, {"text": "long"}, artifacts=folder))
            await until(tool.begun)
            second = asyncio.create_task(agent.ask(VIDEO, SHOTS))
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.wait([second])
            assert second.cancelled()
            first.cancel()

    run(main())
    assert tool.active == [1]


def test_a_closed_agent_stops_its_work_and_begins_none(folder: Path) -> None:
    synchronous, tool = waiting_agent(folder)

    async def main() -> None:
        agent = AsyncVideoAgent(synchronous)
        task = asyncio.create_task(agent.run_tool("wait", VIDEO, {"text": "long"}, artifacts=folder))
        await until(tool.begun)
        await agent.aclose()
        with pytest.raises(Cancelled):
            await task
        with pytest.raises(InvalidArguments, match="closed"):
            await agent.ask(VIDEO, SHOTS)

    run(main())
    assert tool.ended == ["cancelled"]


def test_a_question_that_waits_for_a_person_is_decided_later(folder: Path) -> None:
    given = {"answer": "It is noted.", "confidence": 0.9, "citations": [f"[{VIDEO}, 1-2]"]}
    done = Reply(calls=[("answer", json.dumps(given))])
    with OpenAIServer([Reply(calls=[("post", json.dumps({"text": "hello"}))]), *[done] * 6]) as server:

        async def main() -> None:
            async with AsyncVideoAgent(agent_in(folder, server.url)) as agent:
                thread = agent.thread("t")
                events = [event async for event in thread.stream(NOTE, [VIDEO])]
                assert isinstance(events[-1], NeedsApproval)
                pending = await thread.pending()
                assert pending is not None
                assert "post" in pending.action
                assert (await thread.decide(True)).answer == "It is noted."
                with pytest.raises(InvalidArguments, match="interrupted"):
                    await thread.resume()

        run(main())


def test_work_sees_the_context_of_its_task(folder: Path) -> None:
    synchronous, tool = waiting_agent(folder)

    async def one(agent: AsyncVideoAgent, name: str) -> None:
        asked_by.set(name)
        await agent.run_tool("wait", VIDEO, {"text": "short"}, artifacts=folder)

    async def main() -> None:
        async with AsyncVideoAgent(synchronous) as agent:
            await asyncio.gather(one(agent, "Ada"), one(agent, "Bob"))

    run(main())
    assert sorted(tool.ended) == ["Ada", "Bob"]


def test_both_threads_have_the_same_names() -> None:
    def names(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}

    assert names(Thread) <= names(AsyncThread)
