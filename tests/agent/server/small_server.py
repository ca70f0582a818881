"""`python -m tests.agent.server.small_server FOLDER [CLIP]`: a server without a face, until it is killed.

It has jobs: to watch the clip, or two of worker_tasks; it says who its workers are as soon as the first job runs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from agent.server.services import Services
from agent.settings import Settings
from tests.agent.server.pools import TASKS, options, until


async def main(folder: Path, clip: Path | None) -> None:
    """Tells when the first job runs, and stays."""
    tasks = "agent.server.tasks" if clip else TASKS
    services = Services(Settings(home=str(folder / "library")), options(folder), tasks=tasks)
    await services.start()
    jobs, call = services.jobs, {"name": "wait", "videos": [], "arguments": {"until": str(folder / "go"), "deaf": True}}
    if clip:
        added = [jobs.add("ingest", {"path": str(clip), "title": "My film"}, video="0" * 16).id]
    else:
        added = [jobs.add("tool", call).id for _ in range(2)]
    await until(lambda: len(services.pool.pids()) == 3 and jobs.all()[-1].share > 0.3, within_s=120.0)
    print(json.dumps({"workers": services.pool.pids(), "jobs": added}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
