"""Recording the answers of a model and playing them back, so that a run can be repeated without the model.

A folder holds one JSON file a call, named by a hash of all that was asked (messages, tools, schema, sampling) and the
number of the asking: the same request asked twice may have two answers. Files are written under a temporary name,
synced and renamed, so any number of processes may record into one folder.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from planners.llm.completion import (
    LLM,
    MAX_TOKENS,
    Choice,
    Completion,
    Finished,
    Request,
    Schema,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    Usage,
)
from planners.llm.errors import BadOutput, NotRecorded
from planners.llm.messages import FunctionCall, Message, ToolSpec
from planners.llm.request_key import Askings, canonical
from planners.llm.tokens import estimate_tokens

FORMAT = 1


class ReplayLLM:
    """Implements planners.llm.LLM. With `inner` it records what that answers and replays what is there already;
    without, it has no way to a model and raises NotRecorded for what is not there."""

    def __init__(self, folder: str | Path, inner: LLM | None = None) -> None:
        self.model = "replay" if inner is None else inner.model
        self._folder, self._inner = Path(folder), inner
        self._askings = Askings()

    def count_tokens(self, text: str) -> int:
        """See planners.llm.LLM."""
        return estimate_tokens(text) if self._inner is None else self._inner.count_tokens(text)

    def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        schema: Schema | None = None,
        n: int = 1,
        temperature: float = 0.0,
        max_tokens: int = MAX_TOKENS,
        stop: Sequence[str] = (),
    ) -> Completion:
        """See planners.llm.LLM. Raises NotRecorded."""
        request = Request(tuple(messages), tuple(tools), schema, n, temperature, max_tokens, tuple(stop))
        path = self._path(request)
        known = self._read(path)
        if known is not None:
            return known
        inner = self._require_inner(path)
        with self._recorded_failure(path, request):
            completion = inner.complete(
                messages,
                tools=tools,
                schema=schema,
                n=n,
                temperature=temperature,
                max_tokens=max_tokens,
                stop=stop,
            )
        self._write(path, request, {"completion": asdict(completion)})
        return completion

    def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        schema: Schema | None = None,
        temperature: float = 0.0,
        max_tokens: int = MAX_TOKENS,
        stop: Sequence[str] = (),
    ) -> Iterator[StreamEvent]:
        """See planners.llm.LLM. Shares its recordings with `complete`; replayed text comes in one piece."""
        request = Request(tuple(messages), tuple(tools), schema, 1, temperature, max_tokens, tuple(stop))
        path = self._path(request)
        known = self._read(path)
        if known is not None:
            if known.text:
                yield TextDelta(known.text)
            yield Finished(known)
            return
        events = self._require_inner(path).stream(
            messages, tools=tools, schema=schema, temperature=temperature, max_tokens=max_tokens, stop=stop
        )
        with self._recorded_failure(path, request):
            for event in events:
                if isinstance(event, Finished):
                    self._write(path, request, {"completion": asdict(event.completion)})
                yield event

    def _path(self, request: Request) -> Path:
        key, number = self._askings.next(request)
        return self._folder / f"{key}-{number}.json"

    def _require_inner(self, path: Path) -> LLM:
        if self._inner is None:
            raise NotRecorded(
                f"no answer is recorded for this request ({path}): prompts, tools or the order of calls changed; "
                "record again with a model"
            )
        return self._inner

    def _read(self, path: Path) -> Completion | None:
        """The recorded completion; None when there is none. Raises the recorded BadOutput, NotRecorded when damaged."""
        try:
            content = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            record = json.loads(content)
            if record["format"] != FORMAT:
                raise ValueError(f"format {record['format']!r}")
            outcome = record["outcome"]
            bad = outcome.get("bad_output")
            known = BadOutput(bad["reason"], bad["text"]) if bad else _completion(outcome["completion"])
        except (ValueError, KeyError, TypeError) as error:
            raise NotRecorded(f"the recording {path} is damaged ({error}): delete it and record again") from error
        if isinstance(known, BadOutput):
            raise known
        return known

    @contextmanager
    def _recorded_failure(self, path: Path, request: Request) -> Iterator[None]:
        """What the model could not say is a part of the run, too; failures of the line are not."""
        try:
            yield
        except BadOutput as error:
            self._write(path, request, {"bad_output": {"reason": error.reason, "text": error.text}})
            raise

    def _write(self, path: Path, request: Request, outcome: Mapping[str, Any]) -> None:
        record = {"format": FORMAT, "request": canonical(request), "outcome": outcome}
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}-{path.name}")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(record, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _completion(found: Mapping[str, Any]) -> Completion:
    choices = tuple(_choice(choice) for choice in found["choices"])
    return Completion(choices, Usage(**found["usage"]), found["cost"], found["model"])


def _choice(found: Mapping[str, Any]) -> Choice:
    tokens = found["logprobs"]
    return Choice(
        found["text"],
        tuple(FunctionCall(**call) for call in found["calls"]),
        found["value"],
        None if tokens is None else tuple(TokenLogprob(**token) for token in tokens),
        found["finish"],
        tuple(found["repairs"]),
    )
