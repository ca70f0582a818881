"""What front ends ask on their own account is told from questions of persons. Prompts as Open WebUI words them."""

from __future__ import annotations

import json

import pytest

from agent.server.openai.chores import chore

HISTORY = """### Chat History:
<chat_history>
USER: How many shots are there in the kitchen film?
ASSISTANT: There are 2 shots.
USER: And people?
</chat_history>"""


def task(what: str, wanted: str) -> str:
    return f"### Task:\n{what}\n### Guidelines:\n- Be brief.\n### Output:\nJSON format: {wanted}\n{HISTORY}"


@pytest.mark.parametrize(
    ("prompt", "key", "value"),
    [
        (
            task("Generate a concise, 3-5 word title with an emoji.", '{ "title": "your concise title here" }'),
            "title",
            "How many shots are there in",
        ),
        (task("Generate 1-3 broad tags.", '{ "tags": ["tag1", "tag2", "tag3"] }'), "tags", ["Video"]),
        (task("Analyze the chat history to decide on queries.", '{ "queries": ["q1"] }'), "queries", []),
        (task("Autocomplete the text.", '{ "text": "<completion>" }'), "text", ""),
    ],
)
def test_tasks_of_a_front_end_get_the_json_that_they_want(prompt: str, key: str, value: object) -> None:
    said = chore(prompt)
    assert said is not None
    assert json.loads(said) == {key: value}


def test_follow_ups_are_questions() -> None:
    said = chore(task("Suggest 3-5 relevant follow-up questions.", '{ "follow_ups": ["Question 1?"] }'))
    assert said is not None
    assert all(one.endswith("?") for one in json.loads(said)["follow_ups"])


def test_a_plain_request_for_a_title_gets_a_plain_title() -> None:
    prompt = (
        "Provide a concise, 5-word-or-less title for the conversation, using title case. Only return the title.\n"
        "User: Who opens the door?\nAI: A woman."
    )
    assert chore(prompt) == "Who opens the door"


@pytest.mark.parametrize(
    "question",
    ["What is the title of this film?", "Give me the title that is shown at 3 s.", "### Who is that?", "Task: count."],
)
def test_a_question_of_a_person_is_none(question: str) -> None:
    assert chore(question) is None
