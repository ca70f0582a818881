"""The part that all chat models share: limits before a call, accounts after it, one second asking."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from planners.llm.accounting import Charge, Ledger, Meter, PriceTable, Stats, Unlimited
from planners.llm.completion import (
    MAX_TOKENS,
    Choice,
    Completion,
    Finished,
    Request,
    Restarted,
    Schema,
    StreamEvent,
    TextDelta,
    Usage,
)
from planners.llm.errors import BadOutput, ContextTooLong
from planners.llm.interpret import RawChoice, RawReply, Unusable, interpret, reasked
from planners.llm.messages import Message, ToolSpec
from planners.llm.text_protocol import TAG
from planners.llm.tokens import estimate_tokens, request_tokens
from tools.base import Cancelled


@dataclass(frozen=True)
class Terms:
    """What a client may use and whom it asks."""

    meter: Meter = field(default_factory=Unlimited)
    prices: PriceTable = field(default_factory=dict)
    context_tokens: int | None = None
    """Tokens that prompt and answer may have together; None = the server decides."""
    cancelled: Callable[[], bool] = lambda: False
    """Asked several times a second during a call; True ends it with Cancelled."""
    clock: Callable[[], float] = time.monotonic
    """Seconds that never go back."""


class Spent:
    """What one call to `complete` or `stream` has used so far."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.cost: float | None = 0.0

    def add(self, usage: Usage, cost: float | None) -> None:
        self.usage += usage
        self.cost = None if cost is None or self.cost is None else self.cost + cost


class Chat(ABC):
    """Implements planners.llm.LLM on top of `_send` and `_send_stream`."""

    def __init__(self, model: str, terms: Terms | None = None) -> None:
        self.model = model
        self._terms = terms or Terms()
        self._ledger = Ledger()

    @property
    def stats(self) -> Stats:
        """What was done since the client was made."""
        return self._ledger.stats

    @abstractmethod
    def _send(self, request: Request) -> RawReply:
        """One answered request; any number of choices between 1 and n. Raises LLMError, Cancelled."""

    @abstractmethod
    def _send_stream(self, request: Request) -> Generator[TextDelta | Restarted | RawReply, None, None]:
        """The same in pieces, the RawReply (of one choice) last."""

    def count_tokens(self, text: str) -> int:
        """See planners.llm.LLM; here the estimate."""
        return estimate_tokens(text)

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
        request = Request(tuple(messages), tuple(tools), schema, n, temperature, max_tokens, tuple(stop))
        spent = Spent()
        choices: list[Choice] = []
        raw, reason = None, ""
        asked = 0
        while asked < n:  # some servers give one choice however many are asked for
            reply = self._charged(replace(request, n=n - asked), spent)
            asked += len(reply.choices)
            for one in reply.choices:
                try:
                    choices.append(self._interpret(one, request, reply))
                except Unusable as error:
                    raw, reason = one, str(error)
        if not choices and raw is not None:
            self._ledger.parsed(reasks=1)
            choices.append(self._last_word(self._charged(reasked(request, raw, reason), spent), request))
        return Completion(tuple(choices[:n]), spent.usage, spent.cost, self.model)

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
        """See planners.llm.LLM. Calls that are written as text are not shown as text."""
        request = Request(tuple(messages), tuple(tools), schema, 1, temperature, max_tokens, tuple(stop))
        spent = Spent()
        reply = yield from self._streamed(request, spent)
        try:
            choice = self._interpret(reply.choices[0], request, reply)
        except Unusable as error:
            self._ledger.parsed(reasks=1)
            yield Restarted(str(error))
            reply = yield from self._streamed(reasked(request, reply.choices[0], str(error)), spent)
            choice = self._last_word(reply, request)
        yield Finished(Completion((choice,), spent.usage, spent.cost, self.model))

    def _last_word(self, reply: RawReply, request: Request) -> Choice:
        """The answer to a second asking. Raises BadOutput."""
        try:
            return self._interpret(reply.choices[0], request, reply)
        except Unusable as error:
            raise BadOutput(str(error), reply.choices[0].text) from None

    def _interpret(self, raw: RawChoice, request: Request, reply: RawReply) -> Choice:
        try:
            choice = interpret(raw, request, text_tools=reply.text_tools)
        except Unusable:
            self._ledger.parsed(failures=1)
            raise
        self._ledger.parsed(repairs=int(bool(choice.repairs)))
        return choice

    def _charged(self, request: Request, spent: Spent) -> RawReply:
        """Send a request within the limits."""
        prompt, most = self._announce(request)
        used = Charge(1, 0, 0.0)
        try:
            reply = self._send(request)
            used = self._account(reply.usage or self._estimated(prompt, reply.choices), spent)
        finally:
            self._terms.meter.after(most, used)
        return reply

    def _streamed(self, request: Request, spent: Spent) -> Generator[TextDelta | Restarted, None, RawReply]:
        """The same in pieces; returns the RawReply. What broke off half-way is paid for as well."""
        prompt, most = self._announce(request)
        used = Charge(1, 0, 0.0)
        shown, text = _Shown(hide_calls=bool(request.tools)), ""
        reply: RawReply | None = None
        try:
            with closing(self._send_stream(request)) as events:
                for event in events:
                    if isinstance(event, RawReply):
                        reply = event
                    elif isinstance(event, Restarted):
                        used = _plus(used, self._lose(prompt, text, spent))
                        shown, text = _Shown(hide_calls=bool(request.tools)), ""
                        yield event
                    else:
                        text += event.text
                        if piece := shown.next(event.text):
                            yield TextDelta(piece)
            assert reply is not None
            if piece := shown.rest():
                yield TextDelta(piece)
        finally:
            if reply is not None:
                used = _plus(used, self._account(reply.usage or self._estimated(prompt, reply.choices), spent))
            elif text:
                used = _plus(used, self._lose(prompt, text, spent))
            self._terms.meter.after(most, replace(used, calls=1))
        return reply

    def _announce(self, request: Request) -> tuple[int, Charge]:
        """The tokens of the prompt, and the charge that the meter let through."""
        if self._terms.cancelled():
            raise Cancelled("cancelled")
        prompt, answer = request_tokens(request, self.count_tokens), request.n * request.max_tokens
        limit = self._terms.context_tokens
        if limit is not None and prompt + request.max_tokens > limit:
            raise ContextTooLong(self.model, prompt + request.max_tokens, limit)
        most = Charge(1, prompt + answer, self._cost(Usage(prompt, answer)))
        self._terms.meter.before(most)
        return prompt, most

    def _account(self, usage: Usage, spent: Spent) -> Charge:
        cost = self._cost(usage)
        self._ledger.answered(usage, cost)
        spent.add(usage, cost)
        return Charge(1, usage.total, cost)

    def _lose(self, prompt: int, text: str, spent: Spent) -> Charge:
        """Account for an answer that broke off after `text`."""
        usage = self._estimated(prompt, (RawChoice(text),))
        cost = self._cost(usage)
        self._ledger.lost(usage, cost)
        spent.add(usage, cost)
        return Charge(0, usage.total, cost)

    def _estimated(self, prompt: int, choices: Sequence[RawChoice]) -> Usage:
        written = [choice.text + "".join(call.name + call.arguments for call in choice.calls) for choice in choices]
        return Usage(prompt, sum(map(self.count_tokens, written)), estimated=True)

    def _cost(self, usage: Usage) -> float | None:
        price = self._terms.prices.get(self.model)
        return None if price is None else price.of(usage)


class _Shown:
    """The part of a growing text that a reader may see: all of it, or what stands before the first call."""

    def __init__(self, *, hide_calls: bool) -> None:
        self._hide_calls = hide_calls
        self._held = ""

    def next(self, piece: str) -> str:
        """What can be shown now that this piece came."""
        if not self._hide_calls:
            return piece
        text = self._held + piece
        begin = text.find(TAG)
        if begin < 0:  # the end may be the beginning of a tag
            kept = max((size for size in range(1, len(TAG)) if text.endswith(TAG[:size])), default=0)
            begin = len(text) - kept
        self._held = text[begin:]
        return text[:begin]

    def rest(self) -> str:
        """What was held back and turned out to be no call."""
        return "" if self._held.startswith(TAG) else self._held


def _plus(first: Charge, second: Charge) -> Charge:
    cost = None if first.cost is None or second.cost is None else first.cost + second.cost
    return Charge(first.calls + second.calls, first.tokens + second.tokens, cost)
