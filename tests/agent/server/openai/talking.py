"""A stand-in for the agent: it answers with what it was asked, waits, fails or needs a word, as the question says."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

from agent.server.pool import TaskFailed
from tests.agent.server.openai.serving import answer
from tests.agent.server.standing import Work

VIDEO = "ab" * 8
EVIDENCE = {
    "video": VIDEO,
    "start_s": 12.4,
    "end_s": 15.0,
    "text": "EXIT",
    "tool": "find_text",
    "model": "ocr",
    "confidence": 0.9,
}
STEP = {"node_id": 1, "parent_id": 0, "t_s": 0.5, "cost": {"seconds": 0.42, "tool_calls": 1}}

Json = dict[str, Any]


@dataclass
class Agent:
    """Its tasks, and what became of them."""

    points: Any = field(default_factory=lambda: itertools.count(1))
    stopped: list[str] = field(default_factory=list)
    """Questions that were cancelled."""

    @property
    def tasks(self) -> dict[str, Work]:
        return {"ask": self.ask, "decide": self.decide}

    async def ask(self, task: Any, *, question: str, thread: str, **_rest: Any) -> Json:
        _tell(task, "Understood", question=question, resolved=question, why="")
        if "forever" in question:
            try:
                await asyncio.Event().wait()
            finally:
                self.stopped.append(question)
        if "fails" in question:
            raise TaskFailed("MediaError", "clip.mp4: cannot be read; convert it to H.264 in MP4")
        if "dies" in question:
            raise TaskFailed("WorkerDied", "the process that worked on this ended; try again")
        if "breaks" in question:
            raise TaskFailed("InternalError", "a secret of the inside")
        if "send" in question:
            _tell(task, "NeedsApproval", action='send({"to": "me"})', why="it uses the network")
            return {"needs_approval": {"action": 'send({"to": "me"})', "why": "it uses the network"}, "thread": thread}
        call = 'find_text({"query": "exit"})'
        _tell(task, "Searched", video=VIDEO, step=STEP | {"step": "Called", "call": call, "prior": 0.5})
        seen = {"step": "Observed", "summary": "1 hit", "error_kind": "", "cached": False}
        _tell(task, "Searched", video=VIDEO, step=STEP | seen)
        return self._answer(thread, f"You asked: {question}", evidence=[EVIDENCE])

    async def decide(self, task: Any, *, thread: str, agreed: bool, **_rest: Any) -> Json:
        return self._answer(thread, "It is sent." if agreed else "It is not sent.")

    def _answer(self, thread: str, text: str, **fields: Any) -> Json:
        return {"answer": answer(text, **fields), "thread": thread, "point": f"p{next(self.points)}"}


def _tell(task: Any, event: str, **fields: Any) -> None:
    task.tell({"event": event, "trace_id": "0123456789ab"} | fields)
