"""A chat model that says what it was told to say, for tests and demonstrations without a model."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from planners.llm.chat import Chat, Terms
from planners.llm.completion import Request, Restarted, TextDelta
from planners.llm.errors import LLMError
from planners.llm.interpret import RawChoice, RawReply

Said = str | RawChoice | LLMError
"""A text, a whole choice (with calls), or an error to raise."""


class ScriptedLLM(Chat):
    """Implements planners.llm.LLM with a list, said in order, or a function of the request.

    All else is as with a real model: limits, accounts, JSON repair, one second asking. Calls may be given in a
    RawChoice or be written in the text protocol. `requests` are those received. Not for several threads at once when
    the script is a list, since then the order decides.
    """

    def __init__(self, script: Sequence[Said] | Callable[[Request], Said], terms: Terms | None = None) -> None:
        super().__init__("scripted", terms)
        self._script = script if callable(script) else iter(script)
        self.requests: list[Request] = []

    def _send(self, request: Request) -> RawReply:
        said = self._next(request)
        choice = RawChoice(said) if isinstance(said, str) else said
        return RawReply((choice,), text_tools=not choice.calls)

    def _send_stream(self, request: Request) -> Generator[TextDelta | Restarted | RawReply, None, None]:
        reply = self._send(request)
        for piece in reply.choices[0].text.splitlines(keepends=True):
            yield TextDelta(piece)
        yield reply

    def _next(self, request: Request) -> str | RawChoice:
        self.requests.append(request)
        if callable(self._script):
            said = self._script(request)
        else:
            said = next(self._script, LLMError("the script is at its end: give it more replies"))
        if isinstance(said, LLMError):
            raise said
        return said
