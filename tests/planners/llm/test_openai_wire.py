"""Whatever a server sends is read without a crash; what is of a wrong type counts as absent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.llm import Usage, openai_wire
from planners.llm.interpret import RawCall, RawChoice
from planners.llm.openai_errors import Failure, Kind

KEYS = st.sampled_from(
    [
        "message",
        "delta",
        "content",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "index",
        "id",
        "finish_reason",
        "logprobs",
        "token",
        "logprob",
        "text",
        "prompt_tokens",
        "completion_tokens",
        "refusal",
    ]
)
RUBBLE = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.sampled_from(["stop", "length"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None)
@given(RUBBLE)
def test_any_choice_is_read(found: Any) -> None:
    choice = openai_wire.choice(found)
    assert isinstance(choice.text, str)
    assert all(isinstance(call.arguments, str) and isinstance(call.name, str) for call in choice.calls)


@settings(deadline=None)
@given(st.lists(RUBBLE, max_size=5))
def test_any_stream_is_read(chunks: list[Any]) -> None:
    whole = openai_wire.StreamedChoice()
    text = "".join(whole.add(chunk) for chunk in chunks)
    assert whole.done().text == text


@settings(deadline=None)
@given(RUBBLE)
def test_a_usage_is_sane_or_none(found: Any) -> None:
    usage = openai_wire.usage(found)
    assert usage is None or (usage.prompt > 0 and usage.completion >= 0 and 0 <= usage.cached <= usage.prompt)


def test_habits_of_servers() -> None:
    # Arguments as an object; text in parts; a refusal in place of a text.
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    assert openai_wire.choice({"message": {"tool_calls": [call]}}).calls == (RawCall("f", '{"a": 1}'),)
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert openai_wire.choice({"message": {"content": parts}, "finish_reason": "stop"}) == RawChoice("ab")
    assert openai_wire.choice({"message": {"refusal": "No."}}).text == "No."


def test_no_more_tokens_are_cached_than_there_are() -> None:
    found = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 50}}
    assert openai_wire.usage(found) == Usage(5, 1, 5)


def test_calls_in_pieces_are_put_together_by_index() -> None:
    whole = openai_wire.StreamedChoice()
    for index, name, piece in [(1, "g", '{"b"'), (0, "f", "{}"), (1, "g", ": 2}")]:
        call = {"index": index, "id": f"id-{index}", "function": {"name": name, "arguments": piece}}
        whole.add({"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"})
    calls = (RawCall("f", "{}", "id-0"), RawCall("g", '{"b": 2}', "id-1"))
    assert whole.done() == RawChoice("", calls, "tool_calls")


@pytest.mark.parametrize(
    ("status", "said", "feature"),
    [
        (400, "registry.ollama.ai/library/gemma does not support tools", "tools"),
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', "tools"),
        (500, "tools param requires --jinja flag", "tools"),
        (404, "No endpoints found that support tool use", "tools"),
        (
            400,
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
            "response_format",
        ),
        (400, "You are not allowed to request logprobs from this model; invalid_request_error", "logprobs"),
        (422, "stream_options: Extra inputs are not permitted", "stream_options"),
        (500, "out of memory", ""),
        (400, "temperature: 3.0 is above 2", "response_format"),  # a guess; without success it is forgotten
        (404, "The model `m` does not exist", ""),
    ],
)
def test_how_servers_say_what_they_refuse(status: int, said: str, feature: str) -> None:
    sent = ["messages", "tools", "response_format", "logprobs", "stream_options", "temperature"]
    kind: Kind = "unreachable" if status == 500 else "request"
    assert Failure(kind, f"HTTP {status}", said, status=status).refused_feature(sent) == feature


@pytest.mark.parametrize("kind", ["context", "key", "rate"])
def test_a_long_context_or_a_bad_key_puts_no_feature_under_suspicion(kind: Kind) -> None:
    said = "maximum context length exceeded, reduce the tools"
    assert Failure(kind, "HTTP 400", said, status=400).refused_feature(["tools"]) == ""
