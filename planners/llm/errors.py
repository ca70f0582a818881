"""Errors of language models, by who must act.

    RunError
    `- LLMError
       |- Unreachable      the server: start it, mend the address, wait
       |- KeyRefused       the key: set another one
       |- RateLimited      the quota: wait, pay, lower the number of parallel calls
       |- RequestRefused   the settings: model, parameters, content
       |- ContextTooLong   the caller: send less
       |- BadOutput        the model: it twice gave what cannot be used; another branch may do better
       |- UnknownPrice     the settings: a price is missing and there is a limit of money
       `- NotRecorded      the recording: it has no answer to this request

They end a run, since without its model a policy can do nothing; a policy may catch BadOutput and ContextTooLong and
go on elsewhere, a tool that asks a model turns them into a ToolError. Transport (Unreachable, RateLimited) and parsing
(BadOutput) are never mixed up. No message holds a key, and all are one line.
"""

from __future__ import annotations

from tools.base import RunError

MAX_QUOTE = 300
"""Characters of a foreign text (a server's message, a model's reply) that an error quotes."""


class LLMError(RunError):
    """A language model could not be used."""


class Unreachable(LLMError):
    """No usable answer came over the line within the attempts and the time allowed."""


class KeyRefused(LLMError):
    """The server does not accept the key (401, 403)."""


class RateLimited(LLMError):
    """The server asks to wait longer than this call may, or the quota is gone."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RequestRefused(LLMError):
    """The server understood the request and does not want it."""


class ContextTooLong(LLMError):
    """The request does not fit into the model's context."""

    def __init__(self, model: str, needed: int | None = None, limit: int | None = None) -> None:
        sizes = "" if needed is None else f" (about {needed} tokens with the answer"
        sizes += "" if needed is None else ")" if limit is None else f", it holds {limit})"
        super().__init__(
            f"the request is too long for the context of {model}{sizes}: send less memory or fewer steps, "
            "lower max_tokens, or choose a model with a larger context"
        )
        self.needed, self.limit = needed, limit


class BadOutput(LLMError):
    """The reply could not be used, also after it was asked for once again."""

    def __init__(self, reason: str, text: str = "") -> None:
        said = f"; it said: {one_line(text)!r}" if text.strip() else ""
        super().__init__(f"the model's reply cannot be used: {reason}{said}; try another model or a simpler request")
        self.reason, self.text = reason, text


class UnknownPrice(LLMError):
    """Money is limited and nobody said what the model costs."""


class NotRecorded(LLMError):
    """A recording is replayed that does not hold this request."""


def one_line(text: str, limit: int = MAX_QUOTE) -> str:
    """Text as one line without control characters, cut to `limit` characters."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
