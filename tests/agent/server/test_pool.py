"""The worker pool with real processes: results, events, cancelling, limits of time and number."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

import agent.server.process as process
from agent.server.pool import Busy, TaskCancelled, TaskFailed, WorkerPool
from tests.agent.server.pools import Shared, first, is_alive, pool, until


def test_a_task_gives_its_events_and_then_its_result(shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        done = workers.stats()["quick"]["done"]
        task = workers.submit("quick", "echo", {"value": {"ä": [1, None]}})
        events = [event async for event in task.events()]
        assert [event["event"] for event in events] == ["Heard"]
        assert (await task.result())["value"] == {"ä": [1, None]}
        again = await workers.call("quick", "echo", {"value": 2})
        assert again["pid"] == (await task.result())["pid"], "a worker works on one task after the other"
        assert workers.stats()["quick"]["done"] == done + 2

    shared.run(run)


def test_what_a_task_prints_does_not_break_the_protocol(shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        assert await workers.call("quick", "chatty", {}) == {"said": True}
        assert (await workers.call("quick", "strange", {}))["values"] == [None, None, 1.5]
        with pytest.raises(TaskFailed, match="too long"):
            await workers.call("quick", "long", {})

    shared.run(run)


def test_errors_keep_their_name_and_bugs_say_nothing_of_the_machine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        async with pool(tmp_path) as workers:
            with pytest.raises(TaskFailed) as refused:
                await workers.call("quick", "refuses", {})
            assert (refused.value.kind, refused.value.details) == (
                "BudgetExceeded",
                {"kind": "tool", "limit": 3, "used": 4},
            )
            with pytest.raises(TaskFailed) as bug:
                await workers.call("quick", "bug", {})
            assert bug.value.kind == "InternalError"
            assert "secret path" not in str(bug.value)
            with pytest.raises(TaskFailed) as inside:
                await workers.call("quick", "names", {})
            assert inside.value.message == "files/x is broken, and library/y; not /elsewhere/z"
            assert workers.stats()["quick"] | {"failed": 3, "restarts": 0} == workers.stats()["quick"]

    asyncio.run(run())
    assert "secret path" in capfd.readouterr().err, "the traceback is in the log"


def test_a_task_that_listens_stops_when_it_is_cancelled(shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        task = workers.submit("answer", "patient", {})
        pid = (await first(task, "Begun"))["pid"]
        task.cancel()
        with pytest.raises(TaskCancelled):
            await task.result()
        assert (await workers.call("answer", "echo", {"value": 0}))["pid"] == pid, "the worker is as good as new"

    shared.run(run)


@pytest.mark.parametrize("deaf", [False, True])
def test_a_task_that_does_not_listen_is_ended_with_all_its_processes(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, deaf: bool
) -> None:
    monkeypatch.setattr(process, "STOP_S", 0.3)
    monkeypatch.setattr(process, "KILL_S", 0.3)

    async def run(workers: WorkerPool) -> None:
        task = workers.submit("answer", "stuck", {"deaf": deaf})
        begun = await first(task, "Begun")
        task.cancel()
        with pytest.raises(TaskCancelled):
            await task.result()
        await until(lambda: not is_alive(begun["pid"]) and not is_alive(begun["child"]))
        assert (await workers.call("answer", "echo", {"value": 1}))["value"] == 1, "there is a new worker"

    shared.run(run)


def test_a_task_that_takes_too_long_is_stopped(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_S", 0.2)

    async def run(workers: WorkerPool) -> None:
        for name, arguments in (("patient", {}), ("stuck", {"deaf": False})):
            task = workers.submit("quick", name, arguments, timeout_s=0.2)
            with pytest.raises(TaskFailed) as late:
                await task.result()
            assert late.value.kind == "TimedOut"
        assert (await workers.call("quick", "echo", {"value": 1}))["value"] == 1

    shared.run(run)


def test_a_worker_that_dies_fails_its_task_alone_and_is_replaced(shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        before = workers.stats()["media"]["restarts"]
        died = workers.submit("media", "dies", {})
        after = workers.submit("media", "echo", {"value": "after"})
        with pytest.raises(TaskFailed, match="signal 9") as failed:
            await died.result()
        assert failed.value.kind == "WorkerDied"
        assert (await after.result())["value"] == "after"
        assert workers.stats()["media"]["restarts"] == before + 1

    shared.run(run)


def test_a_worker_that_died_between_tasks_fails_none(shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        before = workers.stats()["quick"]["restarts"]
        pid = (await workers.call("quick", "echo", {"value": 1}))["pid"]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: pid not in workers.pids())
        assert (await workers.call("quick", "echo", {"value": 1}))["pid"] != pid
        assert workers.stats()["quick"]["restarts"] == before + 1

    shared.run(run)


def test_more_tasks_than_may_wait_are_refused_for_now(shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        running = workers.submit("media", "patient", {})
        waiting = [workers.submit("media", "patient", {}) for _ in range(2)]
        with pytest.raises(Busy) as busy:
            workers.submit("media", "patient", {})
        assert 1 <= busy.value.retry_after_s <= 60
        said = await anext(waiting[1].events())
        assert said["event"] == "Progress"
        assert "waiting" in said["text"]
        waiting[0].cancel()
        with pytest.raises(TaskCancelled):
            await waiting[0].result()
        last = workers.submit("media", "echo", {"value": 1})
        assert (await workers.call("quick", "echo", {"value": 1}))["value"] == 1, "other kinds are not held up"
        assert workers.stats()["media"]["waiting"] == 2
        for task in (running, waiting[1]):
            task.cancel()
        assert (await last.result())["value"] == 1

    shared.run(run)


def test_bursts_of_progress_are_thinned_and_the_latest_is_told(shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        started = time.monotonic()
        task = workers.submit("quick", "progress", {"times": 5_000})
        events = [event async for event in task.events()]
        assert 1 <= len(events) <= 3 + 10 * (time.monotonic() - started)
        assert [event["share"] for event in events] == sorted(event["share"] for event in events)

    shared.run(run)


def test_closing_the_pool_ends_what_runs_and_what_waits(tmp_path: Path) -> None:
    async def run() -> None:
        async with pool(tmp_path) as workers:
            running, waiting = (workers.submit("media", "patient", {}) for _ in range(2))
            await first(running, "Begun")
        for task in (running, waiting):
            with pytest.raises(TaskCancelled):
                await task.result()
        with pytest.raises(Busy):
            workers.submit("media", "echo", {"value": 1})

    asyncio.run(run())
