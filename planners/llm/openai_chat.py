"""Any server of the OpenAI chat completions interface, through the OpenAI SDK.

The SDK's own retries are off: they sleep where nobody can cancel and know no total time. Its calls run in an event
loop in the background, watched from here, so that a cancelled run drops its connections within POLL_S.
"""

from __future__ import annotations

import queue
import time
from collections.abc import AsyncIterator, Collection, Generator
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any

from planners.llm import openai_wire
from planners.llm.background import Background
from planners.llm.chat import Chat, Terms
from planners.llm.completion import Request, Restarted, TextDelta
from planners.llm.endpoint import NO_KEY, Attempts, Endpoint
from planners.llm.interpret import RawReply
from planners.llm.openai_errors import Failure, failure_of
from planners.llm.retry import POLL_S
from planners.llm.text_protocol import instruct
from planners.llm.tokens import CountTokens, estimate_tokens
from tools.base import Cancelled


class OpenAIChat(Chat):
    """Implements planners.llm.LLM. May be used by several threads at once; `close` when done."""

    def __init__(self, endpoint: Endpoint, terms: Terms | None = None, count: CountTokens = estimate_tokens) -> None:
        """`count` counts the tokens of a text; the estimate where the model's tokenizer is not at hand."""
        import openai

        super().__init__(endpoint.model, terms)
        self._endpoint, self._count = endpoint, count
        self._background = Background()
        self._refused = endpoint.refuses
        limits = endpoint.timeouts
        self._client = openai.AsyncOpenAI(
            api_key=NO_KEY,  # the header below holds it
            base_url=endpoint.place,
            timeout=openai.Timeout(limits.read_s, connect=limits.connect_s),
            max_retries=0,
            default_headers={"Authorization": endpoint.authorization},
        )
        # The SDK takes these from the environment when they are not given; here only settings count.
        self._client.organization = self._client.project = None

    @property
    def refused(self) -> frozenset[str]:
        """What this server was found to refuse (planners.llm.openai_errors.FEATURES)."""
        return self._refused

    def count_tokens(self, text: str) -> int:
        """See planners.llm.LLM."""
        return self._count(text)

    def close(self) -> None:
        """Drop all connections."""
        self._background.submit(self._client.close()).result()
        self._background.close()

    def __enter__(self) -> OpenAIChat:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, request: Request) -> RawReply:
        attempts = Attempts(self._endpoint, self._terms, self._ledger, self._refused)
        while True:
            body = self._body(request, attempts.refused)
            outcome = self._watch(self._background.submit(self._create(body)), attempts)
            if isinstance(outcome, RawReply):
                return self._learned(outcome, attempts)
            attempts.after(outcome, body)

    def _send_stream(self, request: Request) -> Generator[TextDelta | Restarted | RawReply, None, None]:
        attempts = Attempts(self._endpoint, self._terms, self._ledger, self._refused)
        while True:
            body = self._body(request, attempts.refused) | {"stream": True}
            if "stream_options" not in attempts.refused:
                body["stream_options"] = {"include_usage": True}
            outcome, began = yield from self._relay(body, attempts)
            if isinstance(outcome, RawReply):
                yield self._learned(outcome, attempts)
                return
            attempts.after(outcome, body)
            if began:
                yield Restarted(self._endpoint.clean(outcome.what))

    def _body(self, request: Request, refused: Collection[str]) -> dict[str, Any]:
        said = instruct(request, text_tools="tools" in refused, text_schema="response_format" in refused)
        return openai_wire.body(said, self.model, refused)

    def _learned(self, reply: RawReply, attempts: Attempts) -> RawReply:
        """Remember what the server turned out to refuse, now that it answered without."""
        self._refused = self._refused | attempts.refused
        return RawReply(reply.choices, reply.usage, text_tools="tools" in attempts.refused)

    def _watch(self, future: Future[RawReply | Failure], attempts: Attempts) -> RawReply | Failure:
        """Wait for an attempt. Raises Cancelled and Unreachable, and drops the attempt then."""
        try:
            while not wait([future], POLL_S).done:
                self._check(attempts)
            return future.result()
        finally:
            future.cancel()

    def _check(self, attempts: Attempts) -> None:
        if self._terms.cancelled():
            raise Cancelled("cancelled")
        attempts.check_time()

    def _relay(
        self, body: dict[str, Any], attempts: Attempts
    ) -> Generator[TextDelta, None, tuple[RawReply | Failure, bool]]:
        """Pass on the pieces of one attempt; returns how it ended and whether there were any."""
        pieces: queue.SimpleQueue[str | RawReply | Failure] = queue.SimpleQueue()
        future = self._background.submit(self._stream(body, pieces))
        began = False
        try:
            while True:
                try:
                    piece = pieces.get(timeout=POLL_S)
                except queue.Empty:
                    self._check(attempts)
                    if future.done():
                        future.result()  # raises what nobody expected
                    continue
                if not isinstance(piece, str):
                    return piece, began
                self._check(attempts)
                began = True
                yield TextDelta(piece)
        finally:
            future.cancel()

    async def _create(self, body: dict[str, Any]) -> RawReply | Failure:
        import openai

        try:
            response = await self._client.chat.completions.create(**body)
        except (openai.OpenAIError, ValueError) as error:  # ValueError: a body that is no JSON
            return failure_of(error, time.time())
        found = response.to_dict(warnings=False) if isinstance(response, openai.BaseModel) else {}
        choices = found.get("choices")
        if not isinstance(choices, list) or not choices:
            return _no_completion(found)
        return RawReply(tuple(openai_wire.choice(one) for one in choices), openai_wire.usage(found.get("usage")))

    async def _stream(self, body: dict[str, Any], pieces: queue.SimpleQueue[str | RawReply | Failure]) -> None:
        import openai

        whole, usage = openai_wire.StreamedChoice(), None
        try:
            chunks: AsyncIterator[Any] = await self._client.chat.completions.create(**body)
            async for chunk in chunks:
                found = chunk.to_dict(warnings=False) if isinstance(chunk, openai.BaseModel) else {}
                usage = openai_wire.usage(found.get("usage")) or usage
                choices = found.get("choices")
                for one in choices[:1] if isinstance(choices, list) else ():
                    if text := whole.add(one):
                        pieces.put(text)
        except (openai.OpenAIError, ValueError) as error:
            pieces.put(failure_of(error, time.time()))
            return
        if not whole.finish:
            pieces.put(Failure("unreachable", "a stream that broke off", retry=True))
        else:
            pieces.put(RawReply((whole.done(),), usage))


def _no_completion(found: dict[str, Any]) -> Failure:
    """A body without choices; some gateways report errors that way, with status 200."""
    error = found.get("error")
    said = str(error.get("message", "")) if isinstance(error, dict) else ""
    return Failure("unreachable", "an answer that is no chat completion", said, retry=True)
