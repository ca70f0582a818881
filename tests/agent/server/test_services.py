"""The services with all that is real: workers with the agent, a clip that is watched, a server that is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.server.services import Services
from agent.settings import Settings
from tests.agent.server.pools import is_alive, options, until
from tests.agent.server.test_jobs import ROOT, ended
from tools.base import InvalidArguments
from tools.media.sample import render_sample


def services_in(folder: Path) -> Services:
    settings = Settings(home=str(folder / "library"), server_folder=folder)
    return Services(settings, options(folder, waiting=8))


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    async def run() -> None:
        first = Services(Settings(home=str(tmp_path)), options(tmp_path), tasks="tests.agent.server.worker_tasks")
        second = Services(Settings(home=str(tmp_path)), options(tmp_path), tasks="tests.agent.server.worker_tasks")
        await first.start()
        try:
            with pytest.raises(InvalidArguments, match="another server"):
                await second.start()
        finally:
            await first.close()
        await second.start()
        await second.close()

    asyncio.run(run())


def test_the_web_process_stays_light() -> None:
    code = (
        "import sys, agent.server.services;"
        "print([m for m in ('torch', 'cv2', 'duckdb', 'langgraph', 'numpy', 'pyarrow', 'av') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_is_killed_while_it_watches_a_video_goes_on_with_it(tmp_path: Path) -> None:
    clip = render_sample(tmp_path / "sample.mp4")
    command = [sys.executable, "-m", "tests.agent.server.small_server", str(tmp_path), str(clip)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    told = json.loads(server.stdout.readline())
    os.kill(server.pid, signal.SIGKILL)
    server.wait()

    async def run() -> None:
        await until(lambda: not any(is_alive(pid) for pid in told["workers"]), within_s=2.0)
        services = services_in(tmp_path)
        await services.start()
        try:
            (job_id,) = told["jobs"]
            assert (await ended(services.jobs, job_id))[-1] == "done"
            job = services.jobs.get(job_id)
            assert job is not None
            assert job.result is not None
            assert job.attempts == 2
            video = job.result["video_id"]
            assert (await services.pool.call("quick", "videos", {}))["videos"][0]["title"] == "My film"
            question = {"question": "How many shots are there?", "videos": [video], "thread": "t"}
            answer = await services.pool.call("answer", "ask", question)
            assert answer["answer"]["value"] == 3
            shots = await services.pool.call("quick", "memory", {"id": video, "table": "shot"})
            assert len(shots["rows"]) == 3, "each is there once"
            await follow_ups(services, video)
        finally:
            await services.close()

    asyncio.run(run())


async def follow_ups(services: Services, video: str) -> None:
    """A worker is killed in a question; the conversation goes on."""
    task = services.pool.submit("answer", "ask", {"question": "What text is shown?", "videos": [video], "thread": "t"})
    async for event in task.events():
        if event["event"] == "Understood":
            os.kill(services.pool.pids()[0], signal.SIGKILL)
            os.kill(services.pool.pids()[1], signal.SIGKILL)
    thread = await services.pool.call("quick", "thread", {"name": "t"})
    if thread["pending"] is not None:
        again = await services.pool.call("answer", "resume", {"thread": "t"})
        assert "VIDERE DEMO" in again["answer"]["answer"]
    thread = await services.pool.call("quick", "thread", {"name": "t"})
    assert len(thread["turns"]) == 2
