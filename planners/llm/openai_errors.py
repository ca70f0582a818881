"""What went wrong between us and a server of the chat completions interface: whose fault, and whether to try again."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from planners.llm.retry import retry_after_s

Kind = Literal["unreachable", "rate", "key", "request", "context"]

RETRIED = (408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529)
REFUSALS = (400, 404, 422, 500, 501)
"""Statuses that parameters get which a server does not know (llama.cpp says 500 to tools without a template)."""

_UNKNOWN = (
    r"(?=.*(?:support|only|unknown|unrecogni[sz]ed|not permitted|not allowed|unexpected|extra|invalid|must be 1"
    r"|deprecated))"
)
FEATURES = {
    "response_format": re.compile(r"response_format|json_schema|structured.output|guided|grammar"),
    "logprobs": re.compile(r"logprobs"),
    "stream_options": re.compile(r"stream_options"),
    "max_tokens": re.compile(r"max_completion_tokens"),
    "temperature": re.compile(_UNKNOWN + r".*temperature"),
    "stop": re.compile(_UNKNOWN + r".*['\"`]stop['\"`]"),
    "n": re.compile(_UNKNOWN + r".*(?:['\"`]n['\"`]|\bn\b must)"),
    "tools": re.compile(r"\btools?\b|tool_choice|tool_calls?|tool-call"),
}
"""Parts of a request that some servers or models refuse, and how they say so. Without them the request says the same
in words (tools, response_format), by another name (max_tokens), or goes without."""
_CONTEXT = re.compile(
    r"context.{0,3}(?:length|window|size)|maximum context|too many tokens|prompt is too long|input is too long"
    r"|reduce the length|exceed_context_size|request.{0,8}too large"
)


@dataclass(frozen=True)
class Failure:
    """One attempt that brought no answer. `what` names it in a few words, `said` is the server's message.

    Both are as they came, so they may hold anything, the key too (planners.llm.endpoint shows them cleaned).
    """

    kind: Kind
    what: str
    said: str = ""
    retry: bool = False
    retry_after_s: float | None = None
    status: int = 0

    def refused_feature(self, sent: Collection[str]) -> str:
        """The part of the request that the server does not want, of those that were sent; empty when it is none.

        A bad request that names no part puts first the response format and then the tools under suspicion.
        """
        if self.kind not in ("request", "unreachable") or self.status not in REFUSALS:
            return ""
        text = f"{self.said} {self.what}".casefold()
        for feature, pattern in FEATURES.items():
            if feature in sent and pattern.search(text):
                return feature
        suspects = [feature for feature in ("response_format", "tools") if feature in sent]
        return suspects[0] if suspects and self.status in (400, 422) else ""


def failure_of(error: Exception, now_s: float) -> Failure:
    """The failure that an exception of the OpenAI SDK, or of reading what came, stands for."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return _status(error, now_s)
    if isinstance(error, openai.APITimeoutError):
        return Failure("unreachable", f"time-out ({_cause(error)})", retry=True)
    if isinstance(error, openai.APIConnectionError):
        return Failure("unreachable", _cause(error), retry=True)
    if isinstance(error, openai.APIError):  # an error event inside a stream
        return Failure("unreachable", "an error in the stream", str(error), retry=True)
    return Failure("unreachable", "an answer that is no chat completion", type(error).__name__, retry=True)


def _cause(error: Exception) -> str:
    """The class of the transport's exception, with the operating system's words where there are any."""
    cause = error.__cause__
    return type(error).__name__ if cause is None else f"{type(cause).__name__} {cause}".strip()


def _status(error: Any, now_s: float) -> Failure:
    body = error.body if isinstance(error.body, dict) else {}
    given = body.get("message")
    parts = [given if isinstance(given, str) else error.message]
    parts += [str(body[key]) for key in ("code", "param") if body.get(key)]
    status, said = error.status_code, "; ".join(parts)
    wait = retry_after_s(error.response.headers, now_s)
    if status == 413 or (status in (400, 422, 500) and _CONTEXT.search(said.casefold())):
        return Failure("context", f"HTTP {status}", said, status=status)
    if status in (401, 403):
        return Failure("key", f"HTTP {status}", said, status=status)
    if status == 429:
        return Failure("rate", "HTTP 429", said, "insufficient_quota" not in said, wait, status)
    if status in RETRIED:
        return Failure("unreachable", f"HTTP {status}", said, True, wait, status)
    return Failure("request", f"HTTP {status}", said, status=status)
