"""All that can go wrong on the line and in the answer: it is survived or said, within the limits, without the key.

Time is made up where the client waits; nothing sleeps longer than 0.3 s.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest

from planners.llm import (
    Allowance,
    BadOutput,
    Completion,
    Endpoint,
    Finished,
    LLMError,
    OpenAIChat,
    Restarted,
    Stats,
    Terms,
    TextDelta,
    ToolSpec,
    user,
)
from planners.llm.errors import ContextTooLong, KeyRefused, RateLimited, RequestRefused, Unreachable
from planners.llm.retry import Retries, Timeouts
from tests.fixtures.openai_server import Behaviour, OpenAIServer, Raw, Refusal, Reply, Reset, Silence
from tools.base import BudgetExceeded, Cancelled

SOON_S = 30.0
"""Much longer than it takes, and less than what would end it otherwise."""
KEY = "sk-live-0123456789abcdef"
FIND = ToolSpec("find_text", "Find words.", {"type": "object", "properties": {"query": {"type": "string"}}})
YES_NO = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


Connect = Callable[..., OpenAIChat]


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    """Make clients with made-up time, closed at the end of the test."""
    made: list[OpenAIChat] = []

    def make(url: str, *, real_time: bool = False, timeouts: Timeouts | None = None, **terms: object) -> OpenAIChat:
        endpoint = Endpoint(
            "m",
            base_url=url,
            api_key=KEY,
            timeouts=timeouts or Timeouts(),
            retries=Retries(attempts=4),
            sleep=time.sleep if real_time else clock.sleep,
            rng=random.Random(0),
        )
        made.append(OpenAIChat(endpoint, Terms(clock=time.monotonic if real_time else clock, **terms)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for client in made:
        client.close()


def streamed(llm: OpenAIChat, **kinds: object) -> tuple[Completion, list[str], str]:
    """The completion, the reasons of restarts, and the text that a reader is left with."""
    reasons, text = [], ""
    for event in llm.stream([user("?")], **kinds):  # type: ignore[arg-type]
        if isinstance(event, Restarted):
            reasons.append(event.reason)
            text = ""
        elif isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, Finished):
            return event.completion, reasons, text
    raise AssertionError("no end of the stream")


SURVIVED: list[Behaviour] = [
    Refusal(429, "slow down", headers={"retry-after": "2"}),
    Refusal(500, "oops"),
    Refusal(502, body="<html>bad gateway</html>"),
    Refusal(503, headers={"retry-after": "1"}),
    Refusal(529, "overloaded"),
    Refusal(408),
    Reset(),
    Raw("<html>log in first</html>", "text/html"),
    Raw('{"choices": [{"mess'),
    Raw('{"error": {"message": "upstream gave up"}}'),
    Raw("[]"),
    Raw("null"),
    Raw('{"choices": [], "usage": 7}'),
    Raw('{"choices": "none"}'),
    Reply("half of an answer", cut_after=40),
    Reply("half of an answer", cut_after=40, reset_at_cut=True),
]


@pytest.mark.parametrize("behaviour", SURVIVED, ids=repr)
def test_one_failure_is_survived_and_counted(connect: Connect, behaviour: Behaviour) -> None:
    with OpenAIServer([behaviour, Reply("four")]) as server:
        llm = connect(server.url)
        assert llm.complete([user("?")]).text == "four"
    assert len(server.requests) == 2
    assert llm.stats.transport_failures == 1
    assert llm.stats.parse_failures == 0
    assert llm.stats.calls == 1


STREAMS: list[Behaviour] = [
    Refusal(429, headers={"retry-after": "2"}),
    Refusal(500),
    Reset(),
    Raw('data: {"choices": [{"delta": {"con\n\n', "text/event-stream"),
    Raw("", "text/event-stream"),
    Raw('data: {"error": {"message": "the GPU is gone"}}\n\n', "text/event-stream"),
    Raw("data: [DONE]\n\n", "text/event-stream"),
    Raw('data: [1]\n\ndata: 7\n\ndata: {"choices": 3}\n\ndata: {"choices": [null]}\n\n', "text/event-stream"),
    Reply("half of an answer", cut_after=3),
    Reply("half of an answer", cut_after=3, reset_at_cut=True),
    Reply(calls=[("find_text", '{"query": "exit"}')], cut_after=4),
]


@pytest.mark.parametrize("behaviour", STREAMS, ids=repr)
def test_one_broken_stream_is_survived_and_what_was_shown_is_called_back(
    connect: Connect, behaviour: Behaviour
) -> None:
    with OpenAIServer([behaviour, Reply("four")]) as server:
        llm = connect(server.url)
        done, reasons, text = streamed(llm)
    assert done.text == text == "four"
    assert llm.stats.transport_failures == 1
    began = isinstance(behaviour, Reply) and bool(behaviour.text)
    assert len(reasons) == (1 if began else 0)
    # What was generated before the break is paid for.
    assert done.usage.estimated is began
    assert done.usage.total > 15 if began else done.usage.total == 15


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        (Refusal(500, "oops"), Unreachable, "4 failed attempts: HTTP 500, HTTP 500, HTTP 500, HTTP 500"),
        (Reset(), Unreachable, "check that it runs"),
        (Raw("<html>", "text/html"), Unreachable, "no chat completion|broke off"),
        (Reply("half" * 50, cut_after=20), Unreachable, "4 failed attempts"),
        (Refusal(429, "slow down"), RateLimited, "run fewer branches at once"),
        (Refusal(429, "pay", code="insufficient_quota"), RateLimited, "1 failed attempt:.*raise the quota"),
        (Refusal(401, f"Incorrect API key provided: {KEY}"), KeyRefused, "set a valid OPENAI_API_KEY"),
        (Refusal(403, "forbidden"), KeyRefused, "is refused: forbidden"),
        (Refusal(404, "the model `m` does not exist"), RequestRefused, "check model name"),
        (Refusal(400, "maximum context length is 8192 tokens", code="context_length_exceeded"), ContextTooLong, "send"),
        (Refusal(413, body="too large"), ContextTooLong, "larger context"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_does_not_pass_is_said_in_one_line(
    connect: Connect, behaviour: Behaviour, kind: type[LLMError], words: str, stream: bool
) -> None:
    allowance = Allowance(max_calls=5)
    with OpenAIServer([behaviour] * 9) as server:
        llm = connect(server.url, meter=allowance)
        with pytest.raises(kind, match=words) as caught:
            streamed(llm) if stream else llm.complete([user("?")])
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert server.url in str(caught.value) or kind is ContextTooLong
    assert len(server.requests) == (4 if "4" in words or kind is Unreachable or words.startswith("run") else 1)
    assert allowance.used.calls == 1  # the call has had its chance; nothing stays reserved
    assert allowance._in_flight.calls == 0


def test_nobody_listens_there(connect: Connect) -> None:
    llm = connect("http://127.0.0.1:9/v1")
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9/v1 gave no answer.*base URL"):
        llm.complete([user("?")])
    assert llm.stats.transport_failures == 4


def test_retry_after_in_seconds_is_honoured(connect: Connect, clock: Clock) -> None:
    with OpenAIServer([Refusal(429, headers={"retry-after": "17"}), Reply("four")]) as server:
        llm = connect(server.url)
        llm.complete([user("?")])
    assert 17.0 <= clock.now <= 17.0 * 1.1 + 1e-9
    assert llm.stats.waited_s == pytest.approx(clock.now)
    assert max(clock.slept) <= 1.0  # so often somebody looks whether the run was cancelled


def test_retry_after_as_a_date_is_honoured(connect: Connect, clock: Clock) -> None:
    # The server's clock is years behind ours; its own date tells what it means.
    headers = {"date": formatdate(1e9, usegmt=True), "retry-after": formatdate(1e9 + 30, usegmt=True)}
    with OpenAIServer([Refusal(503, headers=headers), Reply("four")]) as server:
        connect(server.url).complete([user("?")])
    assert 30.0 <= clock.now <= 33.0 + 1e-9


def test_a_wait_longer_than_the_call_may_take_is_not_begun(connect: Connect, clock: Clock) -> None:
    with OpenAIServer([Refusal(429, headers={"retry-after": "3600"})]) as server:
        llm = connect(server.url)
        with pytest.raises(RateLimited, match="asks to wait 3600 s") as caught:
            llm.complete([user("?")])
    assert caught.value.retry_after_s == 3600
    assert clock.slept == []


def test_without_retry_after_waits_grow(connect: Connect, clock: Clock) -> None:
    with OpenAIServer([Refusal(500)] * 3 + [Reply("four")]) as server:
        connect(server.url).complete([user("?")])
    assert 0.5 * (0.5 + 1 + 2) <= clock.now <= 0.5 + 1 + 2


def test_an_answer_that_does_not_come_ends_at_the_total_time(connect: Connect) -> None:
    with OpenAIServer([Silence()]) as server:
        llm = connect(server.url, real_time=True, timeouts=Timeouts(total_s=0.15))
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"no complete answer within 0.15 s.*raise the time limit"):
            llm.complete([user("?")])
        assert time.monotonic() - began < SOON_S
    assert llm.stats.transport_failures == 1
    assert llm.stats.usage.total == 0


def test_slow_tokens_end_at_the_total_time(connect: Connect, clock: Clock) -> None:
    came: list[object] = []

    def read(llm: OpenAIChat) -> None:
        for event in llm.stream([user("?")]):
            came.append(event)
            clock.now = 0.2

    with OpenAIServer([Reply("x" * 600, delay_s=0.02)]) as server:
        llm = connect(server.url, timeouts=Timeouts(total_s=0.15))
        with pytest.raises(Unreachable, match=r"no complete answer within 0.15 s.*raise the time limit"):
            read(llm)
    assert [type(event) for event in came] == [TextDelta]
    assert llm.stats.transport_failures == 1
    assert llm.stats.usage.completion == (llm.stats.usage.total - llm.stats.usage.prompt)
    assert llm.stats.usage.total > 0  # pieces that came are paid for


def test_silence_ends_at_the_read_time_out(connect: Connect) -> None:
    with OpenAIServer([Silence(), *[Reply("four")] * 3]) as server:  # an answer may be late, too, where time is short
        llm = connect(server.url, timeouts=Timeouts(read_s=0.3))
        assert llm.complete([user("?")]).text == "four"
        assert llm.stats.transport_failures == len(server.requests) - 1 > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_run_ends_at_once_also_while_nothing_comes(connect: Connect, stream: bool) -> None:
    asked = threading.Event()
    with OpenAIServer([Silence()]) as server:
        allowance = Allowance(max_calls=9)
        llm = connect(server.url, real_time=True, cancelled=asked.is_set, meter=allowance)
        threading.Thread(target=lambda: asked.set() if server.arrived.wait(SOON_S) else None).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            streamed(llm) if stream else llm.complete([user("?")])
        assert time.monotonic() - began < SOON_S
        assert server.dropped.wait(SOON_S)  # the model need not think on
    assert allowance._in_flight.calls == 0


def test_a_run_is_cancelled_while_it_waits_for_another_attempt(connect: Connect, clock: Clock) -> None:
    with OpenAIServer([Refusal(429, headers={"retry-after": "60"})]) as server:
        llm = connect(server.url, cancelled=lambda: clock.now > 1.0)
        with pytest.raises(Cancelled):
            llm.complete([user("?")])
    assert clock.now < 2.0


def test_a_stream_that_is_not_read_to_its_end_is_paid_for_and_dropped(connect: Connect) -> None:
    allowance = Allowance(max_calls=9)
    with OpenAIServer([Reply("x" * 3000, delay_s=0.01)]) as server:
        llm = connect(server.url, meter=allowance)
        events = llm.stream([user("?")])
        next(iter(events))
        events.close()  # type: ignore[attr-defined]
    assert allowance.used.calls == 1
    assert 0 < allowance.used.tokens < 100
    assert allowance._in_flight.tokens == 0


BAD: list[tuple[Reply, dict[str, object], str]] = [
    (Reply('{"yes": "maybe"}'), {"schema": YES_NO}, "value.yes should be boolean"),
    (Reply("I think so."), {"schema": YES_NO}, "JSON that matches"),
    (Reply('{"yes": tr', finish="length"), {"schema": YES_NO}, "cut off at 2048 tokens"),
    (Reply(calls=[("fnd_text", "{}")]), {"tools": [FIND]}, "there is no tool 'fnd_text'; there are find_text"),
    (Reply(calls=[("find_text", '{"query": "ex')]), {"tools": [FIND]}, "break off in the middle"),
    (Reply(calls=[("find_text", "exit!")]), {"tools": [FIND]}, "should be a JSON object"),
    (Reply(""), {}, "it was empty"),
    (Reply("", finish="content_filter"), {}, "content filter"),
]


@pytest.mark.parametrize(("bad", "kinds", "reason"), BAD)
@pytest.mark.parametrize("stream", [False, True])
def test_an_unusable_answer_is_asked_for_once_again(
    connect: Connect, bad: Reply, kinds: dict[str, object], reason: str, stream: bool
) -> None:
    good = Reply('{"yes": true}' if "schema" in kinds else "fine")
    with OpenAIServer([bad, good]) as server:
        llm = connect(server.url)
        done = streamed(llm, **kinds)[0] if stream else llm.complete([user("?")], **kinds)  # type: ignore[arg-type]
    assert done.text == good.text
    assert done.usage.total == 30  # both answers are paid for
    assert reason in server.requests[1]["messages"][-1]["content"]
    assert llm.stats == Stats(
        calls=2, usage=done.usage, cost=None, parse_failures=1, reasks=1, transport_failures=0, repairs=0
    )


@pytest.mark.parametrize(("bad", "kinds", "reason"), BAD)
def test_an_answer_that_is_unusable_twice_is_an_error_of_its_own(
    connect: Connect, bad: Reply, kinds: dict[str, object], reason: str
) -> None:
    with OpenAIServer([bad] * 9) as server:
        llm = connect(server.url)
        with pytest.raises(BadOutput, match="try another model") as caught:
            llm.complete([user("?")], **kinds)  # type: ignore[arg-type]
    assert reason in caught.value.reason
    assert len(server.requests) == 2
    assert (llm.stats.parse_failures, llm.stats.transport_failures) == (2, 0)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "many",
        {"prompt_tokens": -3, "completion_tokens": 5},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": "ten", "completion_tokens": None},
        {"prompt_tokens": 1.5, "completion_tokens": True},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_usage_that_cannot_be_is_replaced_by_an_estimate(connect: Connect, usage: object, stream: bool) -> None:
    with OpenAIServer([Reply("The cup is red.", usage=usage)]) as server:
        llm = connect(server.url)
        done = streamed(llm)[0] if stream else llm.complete([user("Which colour has the cup?")])
    assert done.usage.estimated
    assert done.usage.prompt > 0
    assert 3 <= done.usage.completion <= 10


def test_a_budget_of_calls_is_a_hard_limit_also_for_second_askings(connect: Connect) -> None:
    with OpenAIServer([Reply("no JSON")] * 9) as server:
        llm = connect(server.url, meter=Allowance(max_calls=1))
        with pytest.raises(BudgetExceeded, match="LLM call budget of 1"):
            llm.complete([user("?")], schema=YES_NO)
    assert len(server.requests) == 1


def test_a_request_that_does_not_fit_is_not_sent(connect: Connect) -> None:
    with OpenAIServer([]) as server:
        llm = connect(server.url, context_tokens=500)
        with pytest.raises(ContextTooLong, match="it holds 500") as caught:
            llm.complete([user("word " * 400)], max_tokens=200)
    assert caught.value.needed is not None
    assert caught.value.needed > 500
    assert server.requests == []


def test_a_gateway_that_talks_in_lines_is_quoted_in_one(connect: Connect) -> None:
    with OpenAIServer([Raw('{"error": {"message": "first\\nsecond"}}')] * 4) as server:
        llm = connect(server.url)
        with pytest.raises(Unreachable, match="first second"):
            llm.complete([user("?")])
