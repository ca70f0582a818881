"""The Python face for asyncio: `await AsyncVideoAgent().ask("my.mp4", "When does the ball come back?")`.

The agent itself is synchronous; here its work is done on threads, a bounded number at once, and a task that is
cancelled stops the work as well: tools and language models look at least once a second whether they shall stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from agent.api import VideoAgent, Videos
from agent.events import Event, OnEvent
from agent.run import Caller
from agent.streaming import LEAVE_S, heard, put
from tools.base import Cancelled, InvalidArguments

if TYPE_CHECKING:
    from agent.ingest import IngestReport
    from agent.store.turns import SavedTurn, ThreadInfo
    from agent.thread import Pending, Point, Thread
    from planners.answer import Answer
    from tools.base import Tool, ToolResult

T = TypeVar("T")
CONCURRENCY = 4
"""Questions, ingests and tools at work at once; others wait for their turn."""


class AsyncVideoAgent:
    """What VideoAgent does, awaited. Use it as `async with AsyncVideoAgent() as agent`, or close it.

    `agent` is the VideoAgent that does the work (default: `VideoAgent()`); its callbacks are called from threads.
    Every method raises what its namesake raises, and InvalidArguments after `aclose`.
    """

    def __init__(self, agent: VideoAgent | None = None, *, concurrency: int = CONCURRENCY) -> None:
        self.sync = agent or VideoAgent()
        self._slots = asyncio.Semaphore(concurrency)
        self._pool = ThreadPoolExecutor(concurrency, "videre-async")
        self._loading = threading.Lock()
        self._stops: dict[asyncio.Future[Any], threading.Event] = {}
        self._closed = False

    async def ask(
        self,
        video: Videos,
        question: str,
        options: Sequence[str] | None = None,
        *,
        save: str | Path | None = None,
    ) -> Answer:
        """See VideoAgent.ask."""
        return await self._do(lambda agent: agent.ask(video, question, options, save=save))

    def stream(self, video: Videos, question: str, options: Sequence[str] | None = None) -> EventStream:
        """See VideoAgent.stream."""
        return EventStream(self, lambda agent, caller: agent.ask(video, question, options, caller=caller))

    def thread(self, name: str) -> AsyncThread:
        """See VideoAgent.thread; what is wrong with the name is said when the thread is used."""
        return AsyncThread(self, name)

    async def threads(self) -> list[ThreadInfo]:
        """See VideoAgent.threads."""
        return await self._do(lambda agent: agent.threads())

    async def ingest(self, video: str | Path) -> IngestReport:
        """See VideoAgent.ingest."""
        return await self._do(lambda agent: agent.ingest(video))

    async def tools(self) -> list[Tool]:
        """All tools, by name; each tells its description, and the schema of its arguments."""
        return await self._do(lambda agent: [agent.registry.get(name) for name in agent.registry.names()])

    async def run_tool(
        self, name: str, video: Videos, arguments: Mapping[str, Any] | None = None, *, artifacts: str | Path
    ) -> ToolResult:
        """Call one tool on videos (which are ingested first); files that it writes go to the folder `artifacts`."""
        return await self._do(
            lambda agent: agent.registry.get(name).call(arguments or {}, agent.context(video, artifacts))
        )

    async def save_evidence(self, answer: Answer, folder: str | Path) -> list[Path]:
        """See VideoAgent.save_evidence."""
        return await self._do(lambda agent: agent.save_evidence(answer, folder))

    async def aclose(self) -> None:
        """Cancel what is going on, and wait for it; what was kept stays."""
        self._closed = True
        for stop in self._stops.values():
            stop.set()
        if self._stops:
            await asyncio.wait(list(self._stops), timeout=LEAVE_S)
        self._pool.shutdown(wait=False)

    async def __aenter__(self) -> AsyncVideoAgent:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _do(self, work: Callable[[VideoAgent], T], tell: OnEvent = lambda _event: None) -> T:
        """Have a thread do the work with an agent that is stopped when the task is cancelled."""
        stop = threading.Event()

        def at_work() -> T:
            with self._loading:
                view = self.sync.view(heard(self.sync.caller, tell, stop))
            if stop.is_set():
                raise Cancelled("cancelled")
            return work(view)

        async with self._slots:
            if self._closed:
                raise InvalidArguments("this agent was closed: make another one")
            context = contextvars.copy_context()
            working = asyncio.get_running_loop().run_in_executor(self._pool, lambda: context.run(at_work))
            self._stops[working] = stop
            working.add_done_callback(self._stops.pop)
            try:
                await asyncio.wait([working])
            except asyncio.CancelledError:
                stop.set()
                await asyncio.wait([working], timeout=LEAVE_S)
                if working.done() and not working.cancelled():
                    working.exception()  # nobody else asks for it
                raise
            return working.result()


class EventStream(AsyncIterator[Event]):
    """The events of a question as they happen, the answer last; the error that it ends in is raised after them.

    A question that has to wait for a person ends in NeedsApproval. It begins with the first event that is asked for.
    Leaving it cancels the question: the end of `async with agent.stream(...) as events`, `aclose`, a cancelled task, or
    letting go of it, as `async for event in agent.stream(...)` does after `break`.
    """

    def __init__(self, agent: AsyncVideoAgent, ask: Callable[[VideoAgent, Caller], object]) -> None:
        self._agent, self._ask = agent, ask
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._asking: asyncio.Task[None] | None = None

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        if self._asking is None:
            self._asking = self._begin()
        try:
            event = None if self._asking.done() and self._events.empty() else await self._events.get()
        except asyncio.CancelledError:
            await self.aclose()
            raise
        if event is not None:
            return event
        with contextlib.suppress(asyncio.CancelledError):
            await self._asking
        raise StopAsyncIteration

    def _begin(self) -> asyncio.Task[None]:
        loop, events, ask = asyncio.get_running_loop(), self._events, self._ask

        def tell(event: Event) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        asking = loop.create_task(self._agent._do(lambda agent: put(lambda by: ask(agent, by), agent.caller), tell))
        asking.add_done_callback(lambda _task: events.put_nowait(None))
        return asking

    async def aclose(self) -> None:
        """Cancel the question if it is not answered, and wait until its work has ended."""
        if self._asking is not None and not self._asking.done():
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def __aenter__(self) -> EventStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        asking = self._asking
        if asking is not None and not asking.done():
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the question with it
                asking.get_loop().call_soon_threadsafe(asking.cancel)


class AsyncThread:
    """A conversation; see agent.thread.Thread, whose names these are."""

    def __init__(self, agent: AsyncVideoAgent, name: str) -> None:
        self.name = name
        self._agent = agent

    async def ask(
        self,
        question: str,
        videos: Sequence[str | Path] = (),
        options: Sequence[str] = (),
        *,
        key: str = "",
        at: str = "",
        save: str | Path | None = None,
    ) -> Answer:
        """See Thread.ask. Raises ApprovalRequired when a person has to agree first: then see `decide`."""
        return await self._do(lambda thread: thread.ask(question, videos, options, key=key, at=at, save=save))

    def stream(
        self,
        question: str,
        videos: Sequence[str | Path] = (),
        options: Sequence[str] = (),
        *,
        key: str = "",
        at: str = "",
    ) -> EventStream:
        """See Thread.stream."""

        def ask(agent: VideoAgent, caller: Caller) -> Answer:
            return agent.thread(self.name).ask(question, videos, options, key=key, at=at, caller=caller)

        return EventStream(self._agent, ask)

    async def resume(self) -> Answer:
        """See Thread.resume."""
        return await self._do(lambda thread: thread.resume())

    async def decide(self, agreed: bool) -> Answer:
        """See Thread.decide."""
        return await self._do(lambda thread: thread.decide(agreed))

    async def pending(self) -> Pending | None:
        """See Thread.pending."""
        return await self._do(lambda thread: thread.pending)

    async def videos(self) -> list[str]:
        """See Thread.videos."""
        return await self._do(lambda thread: thread.videos)

    async def latest(self) -> str:
        """See Thread.latest."""
        return await self._do(lambda thread: thread.latest)

    async def turns(self) -> list[SavedTurn]:
        """See Thread.turns."""
        return await self._do(lambda thread: thread.turns())

    async def points(self) -> list[Point]:
        """See Thread.points."""
        return await self._do(lambda thread: thread.points())

    async def back(self, point: str) -> None:
        """See Thread.back."""
        await self._do(lambda thread: thread.back(point))

    async def forget(self) -> bool:
        """See Thread.forget."""
        return await self._do(lambda thread: thread.forget())

    async def _do(self, work: Callable[[Thread], T]) -> T:
        return await self._agent._do(lambda agent: work(agent.thread(self.name)))
