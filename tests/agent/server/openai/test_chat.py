"""Chat completions with the official client, unchanged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import openai
import pytest

from tests.agent.server.openai.serving import Served, served
from tests.agent.server.openai.talking import EVIDENCE, VIDEO, Agent

WITHIN_S = 60.0


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Agent()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, agent: Agent) -> Iterator[Served]:
    known = {"id": VIDEO, "title": "Kitchen", "name": "kitchen.mp4"}
    library = {"video": lambda _task, id: known, "videos": lambda _task: {"videos": [known]}}
    with served(tmp_path_factory.mktemp("server"), agent.tasks | library) as found:
        yield found


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[openai.OpenAI]:
    with server.client() as found:
        yield found


def said(text: str) -> list[Any]:
    """The messages of a chat that begins."""
    parts = [{"type": "file", "file": {"file_id": VIDEO}}, {"type": "text", "text": text}]
    return [{"role": "user", "content": parts}]


def ask(client: openai.OpenAI, messages: list[Any], **more: Any) -> Any:
    return client.chat.completions.create(model="videre", messages=messages, **more)


def go_on(messages: list[Any], completion: Any, text: str) -> list[Any]:
    """The messages with the answer and another question, as a client sends them."""
    answer = {"role": "assistant", "content": completion.choices[0].message.content}
    return [*messages, answer, {"role": "user", "content": text}]


def last(server: Served, task: str = "ask") -> dict[str, Any]:
    return server.asked(task)[-1]


def until(true: Any) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_the_models_are_budgets_of_the_search(client: openai.OpenAI, server: Served) -> None:
    assert [model.id for model in client.models.list()] == ["videre", "videre-fast", "videre-deep"]
    assert client.models.retrieve("videre-deep").owned_by == "videre"
    for model, budget in (("videre", "standard"), ("videre-fast", "fast"), ("videre-deep", "deep")):
        client.chat.completions.create(model=model, messages=said("Who?"))
        assert last(server)["budget"] == budget
    with pytest.raises(openai.NotFoundError, match="videre-fast"):
        client.models.retrieve("gpt-9")
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-9", messages=said("Who?"))


def test_an_answer_has_all_that_the_schema_wants(client: openai.OpenAI) -> None:
    completion = ask(client, said("What is written?"))
    assert completion.object == "chat.completion"
    assert completion.id.startswith("chatcmpl-")
    assert completion.model == "videre"
    assert completion.system_fingerprint.startswith("fp_")
    assert abs(completion.created - time.time()) < 60
    (choice,) = completion.choices
    assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
    assert choice.message.tool_calls is None
    assert "You asked: What is written?" in choice.message.content
    assert '[12.4-15.0 s] "EXIT" (find_text)' in choice.message.content
    (annotation,) = choice.message.annotations
    citation = annotation.url_citation
    assert choice.message.content[citation.start_index : citation.end_index] == "[12.4-15.0 s]"
    assert annotation.evidence == EVIDENCE
    assert choice.message.reasoning_content == "find_text(query=exit) 0.42 s: 1 hit\n"


def test_usage_counts_by_the_stated_rule(client: openai.OpenAI) -> None:
    completion = ask(client, [{"role": "system", "content": "12345"}, *said("What?")])
    message, usage = completion.choices[0].message, completion.usage
    thought = -(-len(message.reasoning_content.encode()) // 4)
    assert usage.prompt_tokens == 2 + 2
    assert usage.completion_tokens == -(-len(message.content.encode()) // 4) + thought
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens_details.reasoning_tokens == thought


def test_a_stream_says_the_same(client: openai.OpenAI) -> None:
    whole = ask(client, said("What is written?")).choices[0].message
    chunks = list(ask(client, said("What is written?"), stream=True, stream_options={"include_usage": True}))
    *parts, counts = chunks
    deltas = [chunk.choices[0].delta for chunk in parts]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == whole.content
    assert "".join(getattr(delta, "reasoning_content", "") for delta in deltas) == whole.reasoning_content
    annotations = [one for delta in deltas for one in getattr(delta, "annotations", [])]
    assert annotations == [one.model_dump() for one in whole.annotations]
    assert all(delta.tool_calls is None for delta in deltas)
    assert [chunk.choices[0].finish_reason for chunk in parts][-2:] == [None, "stop"]
    assert counts.choices == []
    assert counts.usage.prompt_tokens == 4
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    plain = list(ask(client, said("What is written?"), stream=True))
    assert all(chunk.usage is None for chunk in plain)
    assert all(chunk.choices for chunk in plain)


def test_the_wire_is_as_proxies_and_clients_want_it(server: Served) -> None:
    body = {"model": "videre", "messages": said("Who?"), "stream": True}
    with httpx2.Client(trust_env=False) as http:
        reply = http.post(f"{server.url}/v1/chat/completions", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-accel-buffering"] == "no"
    assert reply.text.endswith("data: [DONE]\n\n")
    assert all(line == "" or line.startswith("data: ") for line in reply.text.split("\n"))


def test_what_is_not_known_is_ignored(client: openai.OpenAI) -> None:
    completion = ask(
        client,
        said("Who?"),
        temperature=0.3,
        max_tokens=5,
        seed=7,
        logit_bias={"1": 2},
        tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
        extra_body={"nobody_knows": [1], "stream_options": None},
    )
    assert "You asked: Who?" in completion.choices[0].message.content


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}, "response_format"),
    ],
)
def test_what_cannot_be_done_is_refused(client: openai.OpenAI, more: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, said("Who?"), **more)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_parts_that_cannot_be_taken_are_refused(client: openai.OpenAI, part: Any, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match="accepted are"):
        ask(client, [{"role": "user", "content": [part]}], stream=stream)


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([], openai.UnprocessableEntityError),
        ([{"role": "nobody", "content": "x"}], openai.UnprocessableEntityError),
        ([{"role": "user", "content": "  "}], openai.BadRequestError),
        ([*said("Who?"), {"role": "assistant", "content": "It"}], openai.BadRequestError),
        (
            [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-none"}}]}],
            openai.NotFoundError,
        ),
        (
            [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "/etc/passwd"}}]}],
            openai.PermissionDeniedError,
        ),
    ],
)
def test_errors_are_the_clients_own(client: openai.OpenAI, messages: list[Any], error: type[Exception]) -> None:
    for stream in (False, True):
        with pytest.raises(error):
            ask(client, messages, stream=stream)


def test_stop_ends_the_text_and_json_gives_the_fields(client: openai.OpenAI) -> None:
    assert ask(client, said("Who?"), stop="\n").choices[0].message.content == "You asked: Who?"
    content = ask(client, said("Who?"), response_format={"type": "json_object"}).choices[0].message.content
    assert json.loads(content)["evidence"] == [EVIDENCE]


def test_a_message_without_words_asks_what_happens(client: openai.OpenAI, server: Served) -> None:
    ask(client, [{"role": "user", "content": [{"type": "file", "file": {"file_id": VIDEO}}]}])
    assert last(server)["question"].endswith("?")


def test_a_chat_goes_on_in_its_thread(client: openai.OpenAI, server: Served) -> None:
    first = said("How many?")
    completion = ask(client, first)
    begun = last(server)
    assert (begun["videos"], begun["at"]) == ([VIDEO], "")
    second = go_on(first, completion, "And when?")
    again = ask(client, second)
    assert last(server) == begun | {"question": "And when?", "videos": []}
    ask(client, [{"role": "system", "content": "Be kind."}, *go_on(second, again, "Why?")])
    assert last(server) == begun | {"question": "Why?", "videos": []}


def test_another_version_of_a_message_goes_back_to_the_point_before(client: openai.OpenAI, server: Served) -> None:
    first = said("How many, this time?")
    completion = ask(client, first)
    thread = last(server)["thread"]
    second = go_on(first, completion, "And when?")
    ask(client, second)
    ask(client, second)
    again = last(server)
    assert again["thread"] == thread
    assert again["at"].startswith("p")
    ask(client, go_on(first, completion, "And where?"))
    assert last(server) == again | {"question": "And where?"}


def test_an_unknown_history_is_a_new_thread_about_its_videos(client: openai.OpenAI, server: Served) -> None:
    messages = [
        *said("How many?"),
        {"role": "assistant", "content": "Never said."},
        {"role": "user", "content": "Why?"},
    ]
    before = {one["thread"] for one in server.asked("ask")}
    ask(client, messages)
    assert last(server)["thread"] not in before
    assert last(server)["videos"] == [VIDEO]


def test_chats_that_say_the_same_have_threads_of_their_own(client: openai.OpenAI, server: Served) -> None:
    threads = []
    for _ in range(2):
        ask(client, said("The same?"))
        threads.append(last(server)["thread"])
    assert threads[0] != threads[1]


@pytest.mark.parametrize(("word", "agreed"), [("yes", True), ("No, don't.", False)])
def test_what_needs_a_word_waits_for_the_next_message(
    client: openai.OpenAI, server: Served, word: str, agreed: bool
) -> None:
    first = said("Please send it to me.")
    completion = ask(client, first)
    thread = last(server)["thread"]
    content = completion.choices[0].message.content
    assert 'send({"to": "me"}) (it uses the network)' in content
    assert '"yes"' in content
    decided = ask(client, go_on(first, completion, word))
    assert last(server, "decide") == {"thread": thread, "agreed": agreed, "budget": "standard"}
    assert ("is sent" in decided.choices[0].message.content) == agreed


def test_another_question_instead_of_a_word_is_asked(client: openai.OpenAI, server: Served) -> None:
    first = said("Please send that to me.")
    completion = ask(client, first)
    thread = last(server)["thread"]
    ask(client, go_on(first, completion, "What would it send to whom, and why?"))
    assert (last(server)["thread"], last(server)["question"][:4]) == (thread, "What")


def test_a_video_of_the_library_can_be_named_in_words(client: openai.OpenAI, server: Served) -> None:
    ask(client, [{"role": "user", "content": "In kitchen.mp4, who is at the sink?"}])
    assert last(server)["videos"] == [VIDEO]
    asked = len(server.asked("ask"))
    messages = [{"role": "user", "content": "Who is it?"}]
    completion = ask(client, messages)
    assert "Which video" in completion.choices[0].message.content
    assert "Kitchen" in completion.choices[0].message.content
    assert len(server.asked("ask")) == asked
    ask(client, go_on(messages, completion, "Kitchen.mp4"))
    assert (last(server)["question"], last(server)["videos"]) == ("Who is it?", [VIDEO])


def test_chores_of_front_ends_ask_nobody(client: openai.OpenAI, server: Served) -> None:
    asked = len(server.pool.asked)
    prompt = '### Task:\nGenerate a concise title.\n### Output:\nJSON format: { "title": "..." }\n<chat_history>\n'
    for stream in (False, True):
        given = ask(client, [{"role": "user", "content": f"{prompt}USER: Who?\n</chat_history>"}], stream=stream)
        content = (
            "".join(chunk.choices[0].delta.content or "" for chunk in given)
            if stream
            else given.choices[0].message.content
        )
        assert json.loads(content) == {"title": "Who"}
    assert len(server.pool.asked) == asked


@pytest.mark.parametrize(
    ("question", "error", "message"),
    [
        ("This fails.", openai.UnprocessableEntityError, "H.264"),
        ("This dies.", openai.InternalServerError, "try again"),
        ("This breaks.", openai.InternalServerError, "inside the server"),
    ],
)
def test_a_task_that_fails_says_why(
    client: openai.OpenAI, question: str, error: type[openai.APIError], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask(client, said(question))
    with pytest.raises(openai.APIError, match=message):
        list(ask(client, said(question), stream=True))


def test_a_busy_server_says_when_to_come_back(client: openai.OpenAI, server: Served) -> None:
    server.pool.full = True
    try:
        for stream in (False, True):
            with pytest.raises(openai.RateLimitError) as refused:
                ask(client, [{"role": "user", "content": "In kitchen.mp4, who?"}], stream=stream)
            assert refused.value.response.headers["retry-after"] == "3"
            assert refused.value.code == "busy"
    finally:
        server.pool.full = False


@pytest.mark.parametrize("stream", [False, True])
def test_closing_the_connection_cancels_the_question(server: Served, agent: Agent, stream: bool) -> None:
    question = f"This takes forever, stream {stream}."
    body = {"model": "videre", "messages": said(question), "stream": stream}

    url = f"{server.url}/v1/chat/completions"
    with (
        suppress(httpx2.TimeoutException),
        httpx2.Client(trust_env=False, timeout=3.0) as http,
        http.stream("POST", url, json=body) as reply,
    ):
        next(reply.iter_lines())
    until(lambda: question in agent.stopped)
