"""Policy, environment and language model of a search, with spans around what they do; they know nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from agent import telemetry
from planners.llm.completion import MAX_TOKENS, Finished
from planners.llm.messages import Image, ToolMessage, UserMessage

if TYPE_CHECKING:
    from agent.settings import Settings
    from planners.llm import LLM
    from planners.llm.completion import Completion, Schema, StreamEvent
    from planners.llm.messages import Message, ToolSpec
    from planners.state import Action, Environment, Observation, Policy, Proposal, State, ToolCall


PROVIDER = "openai"
"""Whose interface it is; who serves the model is not known."""


class ObservedPolicy:
    """Implements planners.state.Policy: a span `plan` around each asking of another policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy, self._within = policy, telemetry.here()
        self.name = policy.name

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """See planners.state.Policy."""
        with telemetry.span(
            telemetry.PLAN, "", {telemetry.AGENT_NAME: telemetry.AGENT, telemetry.POLICY: self.name}, self._within
        ) as noting:
            proposals = self._policy.propose(state, k, tried)
            noting.note({telemetry.OFFERS: len(proposals)})
            return proposals


class ObservedEnvironment:
    """Implements planners.state.Environment: a span `execute_tool` around each call."""

    def __init__(self, environment: Environment, settings: Settings) -> None:
        self._environment, self._content, self._within = environment, settings.telemetry_content, telemetry.here()

    def execute(self, call: ToolCall) -> Observation:
        """See planners.state.Environment."""
        with telemetry.span(
            telemetry.EXECUTE_TOOL,
            call.tool,
            {telemetry.TOOL_NAME: call.tool, telemetry.TOOL_TYPE: "function"},
            self._within,
        ) as noting:
            seen = self._environment.execute(call)
            noting.note({telemetry.CACHED: seen.cached})
            if not seen.ok:
                noting.fail(seen.error_kind)
            if self._content:
                said = seen.error if seen.result is None else seen.result.summary
                noting.note(
                    {
                        telemetry.TOOL_ARGUMENTS: telemetry.redact(json.dumps(dict(call.arguments))),
                        telemetry.TOOL_RESULT: telemetry.redact(said),
                    }
                )
            return seen


class ObservedLLM:
    """Implements planners.llm.LLM: a span `chat` around each call of another."""

    def __init__(self, llm: LLM, settings: Settings) -> None:
        self._llm, self._content, self._within = llm, settings.telemetry_content, telemetry.here()
        self.model = llm.model

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
        """See planners.llm.LLM."""
        with self._chat(
            {
                telemetry.CHOICES: n if n > 1 else None,
                telemetry.TEMPERATURE: temperature,
                telemetry.MAX_TOKENS: max_tokens,
            }
        ) as noting:
            completion = self._llm.complete(
                messages, tools=tools, schema=schema, n=n, temperature=temperature, max_tokens=max_tokens, stop=stop
            )
            self._note(noting, messages, completion)
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
        """See planners.llm.LLM."""
        with self._chat({telemetry.TEMPERATURE: temperature, telemetry.MAX_TOKENS: max_tokens}) as noting:
            for event in self._llm.stream(
                messages, tools=tools, schema=schema, temperature=temperature, max_tokens=max_tokens, stop=stop
            ):
                if isinstance(event, Finished):
                    self._note(noting, messages, event.completion)
                yield event

    def count_tokens(self, text: str) -> int:
        """See planners.llm.LLM."""
        return self._llm.count_tokens(text)

    def _chat(self, values: Mapping[str, Any]) -> AbstractContextManager[telemetry.Noting]:
        known = {telemetry.REQUEST_MODEL: self.model, telemetry.PROVIDER: PROVIDER}
        return telemetry.span(telemetry.CHAT, self.model, known | dict(values), self._within)

    def _note(self, noting: telemetry.Noting, messages: Sequence[Message], completion: Completion) -> None:
        noting.note(
            {
                telemetry.RESPONSE_MODEL: completion.model,
                telemetry.INPUT_TOKENS: completion.usage.prompt,
                telemetry.OUTPUT_TOKENS: completion.usage.completion,
                telemetry.CACHED_TOKENS: completion.usage.cached or None,
                telemetry.FINISH: [choice.finish for choice in completion.choices],
            }
        )
        if self._content:
            asked = [(_role(message), _words(message)) for message in messages]
            noting.note({telemetry.INPUT_MESSAGES: telemetry.said(*asked)})
            noting.note({telemetry.OUTPUT_MESSAGES: telemetry.said(("assistant", completion.text))})


def _role(message: Message) -> str:
    return type(message).__name__.removesuffix("Message").lower()


def _words(message: Message) -> str:
    """What a message says, without its pictures."""
    if isinstance(message, ToolMessage):
        return message.content.text
    if isinstance(message, UserMessage):
        return "\n".join(part.text for part in message.parts if not isinstance(part, Image))
    return message.text
