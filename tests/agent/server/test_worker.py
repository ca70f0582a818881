"""What a worker process may know and take, and that it is replaced when it has grown."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.server import limits
from agent.server import pool as pool_module
from agent.server.process import WorkerProcess, told_settings, worker_environment
from agent.settings import Settings
from tests.agent.server.pools import is_alive, pool, until

MIB = 1 << 20


def test_only_who_asks_the_language_model_is_told_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "VIDERE_SERVER_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD"):
        monkeypatch.setenv(name, "hush")

    async def run() -> None:
        async with pool(tmp_path) as workers:
            told = {kind: await workers.call(kind, "environment", {}) for kind in ("answer", "media", "quick")}
        assert {kind: facts["key"] for kind, facts in told.items()} == {
            "answer": "sk-secret",
            "media": "",
            "quick": "",
        }
        for facts in told.values():
            assert facts["token"] == ""
            assert "hush" not in facts["variables"].values()
            assert facts["core"] == 0
            assert facts["group"] == facts["pid"], "it leads a process group of its own"
        assert (told["media"]["memory"], told["quick"]["memory"]) == (8 << 30, -1)

    asyncio.run(run())


def test_all_settings_arrive_as_they_are(tmp_path: Path) -> None:
    servers = {"files": {"url": "http://127.0.0.1:1/mcp", "headers": {"Authorization": "Bearer hush"}}}
    settings = Settings(
        home=str(tmp_path),
        models=tmp_path,
        llm_api_key="key",
        server_token="token",
        llm_price=(1, 2),
        mcp_servers=servers,
    )
    arrived = Settings(**told_settings(settings, "answer"))
    assert arrived == settings.model_copy(update={"server_token": SecretStr("")})
    for kind in ("media", "quick"):
        assert not {"hush", "key", "token"} & set(re.findall(r"\w+", str(list(told_settings(settings, kind).values()))))


def test_an_object_store_keeps_the_keys_that_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3")
    monkeypatch.setenv("OPENAI_API_KEY", "hush")
    monkeypatch.setenv("VIDERE_LLM_API_KEY", "hush")
    kept = worker_environment(Settings(home="s3://bucket/library"))
    assert kept["AWS_SECRET_ACCESS_KEY"] == "s3"
    assert "hush" not in kept.values()
    assert "AWS_SECRET_ACCESS_KEY" not in worker_environment(Settings(home=str(tmp_path)))


def test_memory_that_media_may_take_ends(tmp_path: Path) -> None:
    async def run() -> None:
        async with pool(tmp_path, worker_memory_bytes=1024 * MIB) as workers:
            with pytest.raises(pool_module.TaskFailed, match="more memory"):
                await workers.call("media", "grows", {"mib": 2_000})
            assert (await workers.call("media", "echo", {"value": 1}))["value"] == 1

    asyncio.run(run())


def test_a_worker_that_has_grown_or_worked_long_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "MAX_TASKS", 3)

    async def run() -> None:
        async with pool(tmp_path, worker_memory_bytes=1024 * MIB) as workers:
            pids = [(await workers.call("quick", "grows", {"mib": mib}))["pid"] for mib in (1, 300, 1, 1, 1, 1)]
            assert [pids.index(pid) for pid in pids] == [0, 0, 2, 2, 2, 5]
            await until(lambda: not any(is_alive(pid) for pid in set(pids[:5])))
            assert workers.stats()["quick"]["restarts"] == 2

    asyncio.run(run())


def test_warm_workers_are_there_before_the_first_task_and_again_after_one_died(tmp_path: Path) -> None:
    async def run() -> None:
        async with pool(tmp_path) as workers:
            await workers.start()
            await until(lambda: len(workers.pids()) == 2 and workers.stats()["answer"]["busy"] == 0)
            assert workers.stats()["media"]["workers"] == 0
            assert workers.stats()["answer"]["memory_bytes"] > 10 * MIB
            with pytest.raises(pool_module.TaskFailed):
                await workers.call("answer", "dies", {})
            await until(lambda: workers.stats()["answer"] | {"workers": 1, "busy": 0} == workers.stats()["answer"])

    asyncio.run(run())


def test_workers_that_cannot_start_fail_their_tasks_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: WorkerProcess) -> dict[str, object]:
        return {"kind": "quick", "settings": {"nonsense": 1}}

    monkeypatch.setattr(WorkerProcess, "_first_words", broken)

    async def run() -> None:
        async with pool(tmp_path) as workers:
            await workers.start()
            with pytest.raises(pool_module.TaskFailed, match="status 1"):
                await workers.call("quick", "echo", {"value": 1})
            await until(lambda: workers.stats()["answer"]["workers"] == 0)

    asyncio.run(run())


def test_a_child_of_a_parent_that_is_gone_already_ends_at_once() -> None:
    code = "from agent.server.limits import die_with; die_with(1 << 22); print('still here')"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")


def test_what_a_process_holds_is_known() -> None:
    assert limits.resident_bytes() > 10 * MIB if os.path.exists("/proc/self/statm") else True
