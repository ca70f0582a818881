"""Believable results of all tasks, for tests of the routes: one video, one conversation, one tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.server.pool import TaskFailed
from tests.agent.server.standing import Work

Json = dict[str, Any]

VIDEO = "0123456789abcdef"
TRACE = "0123456789ab"
ANSWER: Json = {
    "status": "answered",
    "answer": "Three.",
    "value": 3,
    "option": None,
    "confidence": 0.9,
    "evidence": [
        {
            "video": VIDEO,
            "start_s": 1.0,
            "end_s": 2.5,
            "box": [1, 2, 3, 4],
            "tool": "count",
            "model": "m",
            "confidence": 1,
        }
    ],
    "alternatives": [{"answer": "Two.", "confidence": 0.1, "why": "one is hidden"}],
    "missing": [],
    "cost": {"tool_calls": 1, "seconds": 0.5},
    "trace_id": TRACE,
    "artifacts": [{"path": f"{TRACE}/a b.png", "kind": "image", "description": "the frame"}],
}
TURN: Json = {
    "trace_id": TRACE,
    "asked_at": 1.5,
    "question": "How many?",
    "resolved": "How many cups?",
    "videos": [VIDEO],
    "answer": ANSWER,
}
DESCRIBED: Json = {
    "id": VIDEO,
    "title": "cups",
    "name": "cups.mp4",
    "duration_s": 12.5,
    "width": 640,
    "height": 360,
    "fps": 29.97,
    "has_audio": True,
    "bytes": 1000,
    "added_at": 2.5,
    "warning": "",
}
TOOL: Json = {
    "name": "count_objects",
    "description": "Count things.",
    "schema": {"type": "object", "properties": {"what": {"type": "string"}}},
    "effects": "none",
    "needs_vision": False,
}
ROWS: Json = {"columns": ["start_s", "text"], "rows": [[1.5, "a"], [None, None]], "truncated": False}


def of_video(result: Json) -> Work:
    """A task that knows one video."""

    def task(_task: Any, *, id: str, **_more: Any) -> Json:
        if id != VIDEO:
            raise TaskFailed("LibraryError", f"the library holds no video {id!r}")
        return result

    return task


def frame(_task: Any, *, id: str, path: str, **_more: Any) -> Json:
    """A picture, of sorts."""
    if id != VIDEO:
        raise TaskFailed("LibraryError", f"the library holds no video {id!r}")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(b"\xff\xd8")
    return {"t_s": 0.0, "width": 16, "height": 9}


def answered(task: Any, *, thread: str = "", **_more: Any) -> Json:
    """A question that is answered at once."""
    task.tell({"event": "Understood", "trace_id": TRACE, "question": "q", "resolved": "q", "why": ""})
    task.tell({"event": "Finished", "trace_id": TRACE, "answer": ANSWER})
    return {"answer": ANSWER, "thread": thread, "point": "p1"}


def obstacle(_task: Any, *, name: str, deciding: bool) -> Json:
    """Only in "t" there is a question to go on with."""
    return {"obstacle": "" if name == "t" else f"conversation {name!r} has no interrupted question: ask one"}


def tree(_task: Any, *, trace_id: str) -> Json:
    """The trace of one question."""
    if trace_id != TRACE:
        raise TaskFailed("InvalidArguments", f"no question {trace_id!r} is kept")
    about = {"schema": "videre.trace/1", "trace_id": TRACE, "thread": "t", "asked_at": 1.5, "question": "How many?"}
    return about | {"resolved": "How many?", "meant": "", "videos": {}, "answer": None, "evidence": [], "trees": []}


def tool(_task: Any, *, name: str, videos: list[str], arguments: Json, call: str = "") -> Json:
    """What it was called with."""
    return {"summary": f"{name} {arguments}", "evidence": [], "artifacts": ANSWER["artifacts"], "trace_id": call or "c"}


TASKS: dict[str, Work] = {
    "ask": answered,
    "resume": answered,
    "decide": answered,
    "tool": tool,
    "tools": lambda _task: {"tools": [TOOL]},
    "videos": lambda _task: {"videos": [DESCRIBED]},
    "video": of_video(DESCRIBED),
    "source": of_video({"path": "/gone/cups.mp4"}),
    "frame": frame,
    "remove_video": of_video({}),
    "memory": of_video(ROWS),
    "sql": of_video(ROWS),
    "timeline": of_video(
        {"duration_s": 12.5, "lanes": [{"name": "shots", "items": [{"start_s": 0, "end_s": 1.5, "label": "shot 1"}]}]}
    ),
    "observations": of_video(
        {
            "observations": [{"entity_id": "e1", "t_s": 1.5, "box": [0, 0, 9.5, 9], "confidence": 0.5}],
            "truncated": False,
        }
    ),
    "search": lambda _task, text, limit: {"hits": [{"video": VIDEO, "text": text, "score": 0.5}]},
    "threads": lambda _task: {"threads": [{"name": "t", "turns": 1, "last_at": 1.5, "last_question": "How many?"}]},
    "thread": lambda _task, name: {"name": name, "turns": [TURN], "pending": None},
    "obstacle": obstacle,
    "points": lambda _task, name: {
        "points": [{"id": "p1", "at": 1.5, "next_step": "", "question": "How many?", "turns": 1, "trace_id": TRACE}]
    },
    "back": lambda _task, name, point: {"name": name, "turns": 0},
    "forget": lambda _task, name: {"forgotten": name == "t"},
    "tree": tree,
}
