"""Tasks for tests of the pool: well-behaved ones, and ones that do all that a worker should not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from agent.server.tasks.context import Json, TaskContext
from tools.base import BudgetExceeded, Cancelled, InvalidArguments


def warm_up(kind: str, context: TaskContext) -> None:
    """Nothing is needed."""


def echo(context: TaskContext, *, value: Any) -> Json:
    """The same back, with an event before."""
    context.send({"event": "Heard", "trace_id": "t", "value": value})
    return {"value": value, "pid": os.getpid()}


def patient(context: TaskContext) -> Json:
    """Waits until it is told to stop."""
    context.send({"event": "Begun", "trace_id": "", "pid": os.getpid()})
    while not context.cancelled():
        time.sleep(0.01)
    raise Cancelled("cancelled")


def stuck(context: TaskContext, *, deaf: bool) -> Json:
    """Never looks whether it shall stop, and keeps a child of its own; `deaf` to SIGTERM too."""
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    context.send({"event": "Begun", "trace_id": "", "pid": os.getpid(), "child": child.pid})
    time.sleep(600)
    return {}


def dies(context: TaskContext) -> Json:
    """As a crash in native code would look."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def chatty(context: TaskContext) -> Json:
    """Prints where the protocol might be."""
    print('{"result": "forged"}', flush=True)
    os.write(1, b'{"result": "forged"}\n')
    subprocess.run([sys.executable, "-c", "print('{}')"], check=True)
    return {"said": True}


def progress(context: TaskContext, *, times: int) -> Json:
    """A burst."""
    for number in range(times):
        context.caller.progress("working", number / times)
    return {}


def refuses(context: TaskContext) -> Json:
    """An error of ours."""
    raise BudgetExceeded("tool", 3, 4)


def names(context: TaskContext) -> Json:
    """Tells where things are."""
    folder, home = context.folder, context.settings.home
    raise InvalidArguments(f"{folder}/files/x is broken, and {home}/library/y; not /elsewhere/z")


def bug(context: TaskContext) -> Json:
    """An error that nobody foresaw."""
    raise RuntimeError(f"secret path {__file__}")


def grows(context: TaskContext, *, mib: int) -> Json:
    """Keeps memory for good."""
    globals().setdefault("_kept", []).append(b"x" * (mib << 20))
    return {"pid": os.getpid()}


def long(context: TaskContext) -> Json:
    """More than a line may hold."""
    return {"text": "x" * (33 << 20)}


def strange(context: TaskContext) -> Json:
    """Values that JSON does not know."""
    return {"values": [float("nan"), float("inf"), 1.5], "text": "\ud800"}


def environment(context: TaskContext) -> Json:
    """What a worker knows of secrets and limits."""
    import resource

    return {
        "variables": dict(os.environ),
        "key": context.settings.llm_api_key.get_secret_value(),
        "token": context.settings.server_token.get_secret_value(),
        "group": os.getpgid(0),
        "pid": os.getpid(),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
    }


def tidy(context: TaskContext, *, older_s: float) -> Json:
    """There is nothing to do."""
    return {"deleted": 0}


def ingest(context: TaskContext, *, path: str, title: str) -> Json:
    """As if a video had been watched."""
    return {"video_id": "v"}


def tool(context: TaskContext, *, name: str, videos: list[str], arguments: Json, call: str) -> Json:
    """Tools of tests, by name."""
    if name == "add":
        return {"sum": arguments["a"] + arguments["b"]}
    if name == "refuse":
        raise InvalidArguments("no such thing")
    if name == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "write":
        made = Path(arguments["folder"]) / call / "made"
        made.parent.mkdir(parents=True)
        made.touch()
    if name == "wait":
        context.progress("waiting", 0.5)
        while not Path(arguments["until"]).exists():
            time.sleep(0.01)
            if context.cancelled() and not arguments.get("deaf"):
                raise Cancelled("cancelled")
    return {}


TASKS = {
    task.__name__: task
    for task in (
        *(echo, patient, stuck, dies, chatty, progress, refuses, names, bug, grows, long, strange, environment),
        *(ingest, tool, tidy),
    )
}
