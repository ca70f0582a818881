"""A conversation: questions that follow one another, kept step by step, gone on with after any interruption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.constants import START
from langgraph.types import Command

from agent import telemetry
from agent.events import Event
from agent.run import Caller
from agent.store.database import kept
from agent.streaming import streamed
from tools.base import ApprovalRequired, InvalidArguments, ToolError

if TYPE_CHECKING:
    from langgraph.types import StateSnapshot

    from agent.api import VideoAgent
    from agent.run import Run
    from agent.store.turns import SavedTurn
    from planners.answer import Answer

MAX_NAME = 100
FOLDERS = (".", "..")
"""In the address of a page these are no names, whatever way they are written: no conversation begins with one."""


@dataclass(frozen=True)
class Pending:
    """A question that was interrupted, and what it waits for where that is a person's word."""

    trace_id: str
    question: str
    next_step: str
    action: str = ""
    why: str = ""


@dataclass(frozen=True)
class Point:
    """A step of the past that one can go back to."""

    id: str
    at: datetime
    next_step: str
    """What was to be done next; empty = the question had been answered."""
    question: str
    turns: int
    """Questions that had been answered."""
    trace_id: str
    """Of the question."""


class Thread:
    """One conversation of an agent, by its name; it exists from its first question on.

    One question at a time: a second one, also of another process, is refused with InvalidArguments meanwhile.
    """

    def __init__(self, agent: VideoAgent, name: str) -> None:
        """Raises InvalidArguments for a name that is none."""
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise InvalidArguments(f"a thread needs a name of 1 to {MAX_NAME} printable characters")
        self.name = name
        self._agent, self._store, self._graph = agent, agent.store, agent.threads_graph

    def ask(
        self,
        question: str,
        videos: Sequence[str | Path] = (),
        options: Sequence[str] = (),
        *,
        key: str = "",
        at: str = "",
        save: str | Path | None = None,
        caller: Caller | None = None,
    ) -> Answer:
        """Answer a question; without `videos` it is about those of the question before.

        `key` makes asking idempotent: a question that was asked with it gets the same answer again, one that was
        interrupted is gone on with. So is, without a key, the same question asked again after an interruption.
        `save` names a folder for annotated pictures of the evidence.
        `at` (an id of `points`) asks at a step of the past; what followed it is no longer part of the conversation.
        Raises ApprovalRequired when a person has to agree first and the caller has no way to ask: then see `decide`.
        Raises MediaError, InvalidArguments, Cancelled.
        """
        asked = {"question": question, "options": list(options), "paths": [str(video) for video in videos]}
        with self._store.lock(self.name):
            answer = self._ask(asked, key, at, caller)
        if save is not None:
            self._agent.save_evidence(answer, save)
        return answer

    def _ask(self, asked: dict[str, Any], key: str, at: str, caller: Caller | None) -> Answer:
        known = self._store.turns.get(key) if key else None
        if known is not None:
            return known.answer
        snapshot = self._state(at)
        if self.name in FOLDERS and not snapshot.values:
            raise InvalidArguments(f"{self.name!r} is no name for a new thread: addresses take it for a folder")
        if at and "trace_id" not in snapshot.values:
            raise InvalidArguments(f"{at!r} is no point of thread {self.name!r}: see its points")
        if not at and _is_waiting(snapshot) and _same(snapshot, asked, key):
            return self._go_on(None, snapshot, caller)
        run = self._agent.new_run(caller, thread=self.name, trace_id=key)
        try:
            return self._invoke(asked | {"trace_id": run.trace_id}, self._config(at), run)
        except ToolError:  # nothing was interrupted: the question or the file is at fault
            self._undo(snapshot)
            raise

    def stream(
        self, question: str, videos: Sequence[str | Path] = (), options: Sequence[str] = (), **more: Any
    ) -> Iterator[Event]:
        """The events of `ask` as they happen, the answer last; closing the iterator cancels the question."""
        return streamed(self._agent.caller, lambda caller: self.ask(question, videos, options, caller=caller, **more))

    def resume(self, caller: Caller | None = None) -> Answer:
        """Go on with the question that was interrupted. Raises InvalidArguments when there is none."""
        with self._store.lock(self.name):
            return self._go_on(None, self._waiting(), caller)

    def decide(self, agreed: bool, caller: Caller | None = None) -> Answer:
        """Say yes or no to what the question waits for, and go on.

        Raises InvalidArguments when it waits for nothing.
        """
        with self._store.lock(self.name):
            snapshot = self._waiting()
            need = _interrupt(snapshot)
            if need is None:
                raise InvalidArguments(f"thread {self.name!r} waits for no approval; its question can be resumed")
            return self._go_on(Command(resume={"action": need["action"], "agreed": agreed}), snapshot, caller)

    @property
    def pending(self) -> Pending | None:
        """The question that was interrupted, if one was."""
        snapshot = self._state()
        if not _is_waiting(snapshot):
            return None
        need = _interrupt(snapshot) or {"action": "", "why": ""}
        values = snapshot.values
        return Pending(values["trace_id"], values["question"], snapshot.next[0], need["action"], need["why"])

    @property
    def videos(self) -> list[str]:
        """Ids of the videos that the conversation is about now."""
        return list(self._state().values.get("video_ids", []))

    @property
    def latest(self) -> str:
        """Id of the point that the conversation is at; empty before its first question."""
        return str(self._state().config["configurable"].get("checkpoint_id", ""))

    def turns(self) -> list[SavedTurn]:
        """Questions and answers, the oldest first."""
        return self._store.turns.of(self._state().values.get("turns", []))

    def points(self) -> list[Point]:
        """Steps of the past, the latest first, also of what was gone back from."""
        with kept():
            history = list(self._graph.get_state_history(self._config()))
        return [_point(one) for one in history if "trace_id" in one.values and one.next != (START,)]

    def back(self, point: str) -> None:
        """Go back to an answered question (an id of `points` without a next step): what followed is forgotten.

        Raises InvalidArguments for another id.
        """
        with self._store.lock(self.name):
            found = self._state(point)
            if found.next or "trace_id" not in found.values:
                raise InvalidArguments(f"{point!r} is no answered question of thread {self.name!r}: see its points")
            self._undo(found)

    def forget(self) -> bool:
        """Delete the conversation; whether there was any."""
        return self._store.forget(self.name)

    def _undo(self, snapshot: StateSnapshot) -> None:
        """Make an earlier step the latest."""
        with kept():
            if "trace_id" in snapshot.values:
                self._graph.update_state(snapshot.config, {"turns": []}, as_node="answer")
            else:  # the thread had not begun
                self._store.checkpointer.delete_thread(self.name)

    def _state(self, point: str = "") -> StateSnapshot:
        with kept():
            state: StateSnapshot = self._graph.get_state(self._config(point))
        return state

    def _config(self, point: str = "") -> dict[str, Any]:
        place = {"thread_id": self.name, "checkpoint_ns": ""}
        return {"configurable": place | ({"checkpoint_id": point} if point else {})}

    def _waiting(self) -> StateSnapshot:
        snapshot = self._state()
        if not _is_waiting(snapshot):
            raise InvalidArguments(f"thread {self.name!r} has no interrupted question: ask one")
        return snapshot

    def _go_on(self, command: Command[Any] | None, snapshot: StateSnapshot, caller: Caller | None) -> Answer:
        run = self._agent.new_run(caller, thread=self.name, trace_id=snapshot.values["trace_id"])
        return self._invoke(command, self._config(), run)

    def _invoke(self, given: Any, config: dict[str, Any], run: Run) -> Answer:
        with kept(), telemetry.question(run):
            self._graph.invoke(given, config, context=run, durability="sync")
        need = _interrupt(self._state())
        if need is not None:
            raise ApprovalRequired(need["action"], need["why"])
        assert run.answer is not None
        self._agent.last_run = run
        return run.answer


def _is_waiting(snapshot: StateSnapshot) -> bool:
    """Whether a question was begun and not answered."""
    return bool(snapshot.next) and "trace_id" in snapshot.values


def _same(snapshot: StateSnapshot, asked: dict[str, Any], key: str) -> bool:
    """Whether what waits is what is asked now."""
    values = snapshot.values
    if key:
        return bool(values["trace_id"] == key)
    return all(_plain(values.get(name)) == _plain(value) for name, value in asked.items())


def _plain(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


def _interrupt(snapshot: StateSnapshot) -> dict[str, Any] | None:
    return snapshot.interrupts[0].value if snapshot.interrupts else None


def _point(snapshot: StateSnapshot) -> Point:
    values = snapshot.values
    return Point(
        snapshot.config["configurable"]["checkpoint_id"],
        datetime.fromisoformat(snapshot.created_at or "1970-01-01T00:00:00+00:00"),
        snapshot.next[0] if snapshot.next else "",
        values.get("question", ""),
        len(values.get("turns", [])),
        values["trace_id"],
    )
