"""The key is sent to the server and shown nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from planners.llm import Endpoint, OpenAIChat, ReplayLLM, ToolSpec, user
from planners.llm.errors import KeyRefused, RequestRefused
from planners.llm.retry import Retries
from tests.fixtures.openai_server import Behaviour, OpenAIServer, Refusal, Reply

KEY = "sk-live-0123456789abcdef"
FIND = ToolSpec("find_text", "Find words.", {"type": "object", "properties": {"query": {"type": "string"}}})


def connect(url: str) -> OpenAIChat:
    return OpenAIChat(Endpoint("m", base_url=url, api_key=KEY, retries=Retries(first_s=0.001)))


@pytest.mark.parametrize("before", [270, 285, 295])
def test_half_a_key_is_not_shown_either(before: int) -> None:
    said = "x" * before + KEY
    server = OpenAIServer([Refusal(400, said)])
    with server, connect(server.url) as llm, pytest.raises(RequestRefused) as caught:
        llm.complete([user("?")])
    assert "sk-l" not in str(caught.value)


def test_a_line_end_behind_the_key_does_no_harm() -> None:
    server = OpenAIServer([Reply("four"), Refusal(401, f"wrong: {KEY}")])
    with server, OpenAIChat(Endpoint("m", base_url=server.url, api_key=f"{KEY}\n")) as llm:
        assert llm.complete([user("?")]).text == "four"
        with pytest.raises(KeyRefused, match=r"wrong: \*\*\*"):
            llm.complete([user("?")])
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["sk-ключ-0123", "sk-one\nsk-two"])
def test_what_can_be_no_key_is_said(key: str) -> None:
    with pytest.raises(KeyRefused, match="copy it again") as caught:
        OpenAIChat(Endpoint("m", api_key=key))
    assert "sk-" not in str(caught.value)


def test_the_key_is_nowhere(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    leaks: Sequence[Behaviour] = [
        Refusal(500, f"key {KEY} broke the server"),
        Refusal(400, f"tools are not for {KEY}"),
        Reply("four"),
        Refusal(401, f"Incorrect API key provided: {KEY}"),
    ]
    said = []
    server = OpenAIServer(leaks)
    with server, connect(server.url.replace("//", f"//user:{KEY}@")) as llm:
        recorder = ReplayLLM(tmp_path, llm)
        recorder.complete([user("?")], tools=[FIND])
        with pytest.raises(KeyRefused) as caught:
            recorder.complete([user("!")])
        error: BaseException | None = caught.value
        while error is not None:
            said += [str(error), repr(error)]
            error = error.__cause__
        said += [repr(llm), repr(llm._endpoint), repr(llm.stats), caplog.text]
    said += [path.read_text() for path in tmp_path.iterdir()]
    assert len(server.requests) == 4
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in "\n".join(said)
    assert "***" in said[0]
