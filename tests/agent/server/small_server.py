"""`python -m tests.agent.server.small_server FOLDER`: workers and two jobs, until it is killed; says who they are."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from agent.server.jobs import Jobs
from agent.server.pool import WorkerPool
from agent.settings import Settings
from tests.agent.server.pools import TASKS, options, until


async def main(folder: Path) -> None:
    """Tells when the first job runs, and stays."""
    workers = WorkerPool(Settings(home=str(folder / "library")), options(folder), tasks=TASKS)
    await workers.start()
    jobs = Jobs(workers, options(folder))
    await jobs.start()
    call = {"name": "wait", "videos": [], "arguments": {"until": str(folder / "go")}}
    added = [jobs.add("tool", call).id for _ in range(2)]
    await until(lambda: len(workers.pids()) == 3 and jobs.all()[1].share == 0.5)
    print(json.dumps({"workers": workers.pids(), "jobs": added}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
