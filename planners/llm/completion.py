"""What is asked of a language model and what comes back, the same for all back ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from planners.llm.messages import FunctionCall, Message, ToolSpec

Finish = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]
Schema = Mapping[str, Any]
"""A JSON schema, e.g. of `BaseModel.model_json_schema()`."""

MAX_TOKENS = 2048
"""Tokens of an answer when nothing else is asked for; always bounded, so that budgets can be hard."""


@dataclass(frozen=True)
class Request:
    """One call; see `LLM.complete`."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    schema: Schema | None = None
    n: int = 1
    temperature: float = 0.0
    max_tokens: int = MAX_TOKENS
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """Tokens. `cached` are those of `prompt` that the server had kept; `estimated`: it gave no sane count."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.cached + other.cached,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True)
class TokenLogprob:
    """A token of the answer with its natural-log probability."""

    token: str
    logprob: float


@dataclass(frozen=True)
class Choice:
    """One answer: text, calls, or both; `value` is the JSON value when a schema was given and nothing is called."""

    text: str
    calls: tuple[FunctionCall, ...] = ()
    value: Any = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    finish: Finish = "stop"
    repairs: tuple[str, ...] = ()
    """What had to be mended in its JSON, e.g. "code fence", "trailing comma"."""


@dataclass(frozen=True)
class Completion:
    """The answers to one request (at least one) and what they cost together, a second asking included."""

    choices: tuple[Choice, ...]
    usage: Usage
    cost: float | None
    """In the currency of the price table; None when no price is known."""
    model: str

    @property
    def text(self) -> str:
        return self.choices[0].text

    @property
    def tool_calls(self) -> tuple[FunctionCall, ...]:
        return self.choices[0].calls

    @property
    def value(self) -> Any:
        return self.choices[0].value


@dataclass(frozen=True)
class TextDelta:
    """The next piece of text."""

    text: str


@dataclass(frozen=True)
class Restarted:
    """The pieces so far are void: the stream broke, or its answer could not be used, and it begins anew."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """The last event of a stream."""

    completion: Completion


StreamEvent = TextDelta | Restarted | Finished


class LLM(Protocol):
    """A chat model."""

    model: str

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
        """Answer the messages.

        With `tools` the model may call some; with `schema` its text is JSON that matches; with both it does one or the
        other. `n` answers are drawn; those that cannot be used are left out as long as one can. Raises
        planners.llm.errors.LLMError, and Cancelled and BudgetExceeded of tools.base.
        """
        ...

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
        """As `complete` for one answer, piece by piece; ends with Finished. Closing the iterator stops the model."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text: by the model's tokenizer where it is at hand, else an estimate that is rather too high."""
        ...
