"""Responses with the official client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.agent.server.openai.serving import Served, served
from tests.agent.server.openai.talking import VIDEO, Agent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    library = {"video": lambda _task, id: {"id": VIDEO, "title": "Kitchen", "name": "kitchen.mp4"}}
    with served(tmp_path_factory.mktemp("server"), Agent().tasks | library) as found:
        yield found


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[openai.OpenAI]:
    with server.client() as found:
        yield found


def said(text: str) -> Any:
    parts = [{"type": "input_file", "file_id": VIDEO}, {"type": "input_text", "text": text}]
    return [{"role": "user", "content": parts}]


def test_a_response_holds_steps_and_answer(client: openai.OpenAI) -> None:
    response = client.responses.create(model="videre", input=said("What is written?"))
    assert response.status == "completed"
    assert response.id.startswith("resp_")
    assert response.output_text.startswith("You asked: What is written?")
    reasoning, message = response.output
    assert reasoning.type == "reasoning"
    assert reasoning.summary[0].text == "find_text(query=exit) 0.42 s: 1 hit\n"
    assert message.type == "message"
    (part,) = message.content
    assert part.type == "output_text"
    (annotation,) = part.annotations
    assert annotation.type == "url_citation"
    assert part.text[annotation.start_index : annotation.end_index] == "[12.4-15.0 s]"
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


def test_a_stream_has_the_official_events(client: openai.OpenAI) -> None:
    whole = client.responses.create(model="videre", input=said("What is written?"))
    events: list[Any] = list(client.responses.create(model="videre", input=said("What is written?"), stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == whole.output_text
    told = dict.fromkeys(("response.output_text.delta", "response.reasoning_summary_text.delta"), "")
    for event in events:
        if event.type in told:
            told[event.type] += event.delta
    assert list(told.values()) == [whole.output_text, whole.output[0].summary[0].text]  # type: ignore[union-attr]


def test_the_clients_own_reading_of_a_stream_ends_in_the_response(client: openai.OpenAI) -> None:
    with client.responses.stream(model="videre", input=said("What is written?")) as stream:
        stream.until_done()
        assert stream.get_final_response().output_text.startswith("You asked")


def test_a_response_can_be_gone_on_from_by_its_id_or_by_all_that_was_said(
    client: openai.OpenAI, server: Served
) -> None:
    first = client.responses.create(model="videre", input=said("How many?"))
    thread = server.asked("ask")[-1]["thread"]
    second = client.responses.create(model="videre", input="And when?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert server.asked("ask")[-1]["thread"] == thread
    client.responses.create(model="videre", input="And where?", previous_response_id=second.id)
    assert server.asked("ask")[-1]["thread"] == thread
    answered = [item.model_dump() for item in first.output]
    client.responses.create(
        model="videre", input=[*said("How many?"), *answered, {"role": "user", "content": "And why?"}]
    )
    again = server.asked("ask")[-1]
    assert (again["thread"], again["at"][:1]) == (thread, "p")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="videre", input="Who?", previous_response_id="resp_none")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}], openai.BadRequestError),
        ([{"type": "reasoning", "summary": []}], openai.BadRequestError),
        ("", openai.BadRequestError),
        (7, openai.UnprocessableEntityError),
    ],
)
def test_what_cannot_be_taken_is_refused(client: openai.OpenAI, given: Any, error: type[Exception]) -> None:
    for stream in (False, True):
        with pytest.raises(error):
            client.responses.create(model="videre", input=given, stream=stream)


def test_an_error_in_a_stream_is_its_last_event(client: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match=r"H\.264"):
        client.responses.create(model="videre", input=said("This fails."))
    *_, last = client.responses.create(model="videre", input=said("This fails."), stream=True)
    assert last.type == "error"
    assert "H.264" in last.message
