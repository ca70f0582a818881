"""The whole of it: `videre serve` as a process, its workers, a clip of our own, the official client."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tools.media.sample import render_sample

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SERVE = "import sys; from agent.cli import main; sys.exit(main())"
SHOTS = "How many shots are there?"


class Running:
    """A server on a free port, which may be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--port", "0"],
            env=os.environ | {"VIDERE_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        http = httpx2.Client(trust_env=False, timeout=240)
        self.client = openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, http_client=http)

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("home"))
    try:
        yield running
    finally:
        running.client.close()
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 0


@pytest.fixture(scope="module")
def messages(server: Running, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """A chat that begins, about a clip that is being watched."""
    clip = render_sample(tmp_path_factory.mktemp("clip") / "sample.mp4")
    file = server.client.files.create(file=clip, purpose="user_data")
    return [{"role": "user", "content": [{"type": "file", "file": {"file_id": file.id}}, text(SHOTS)]}]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def ask(server: Running, messages: list[Any]) -> str:
    completion = server.client.chat.completions.create(model="videre", messages=messages)
    return completion.choices[0].message.content or ""


def then(messages: list[Any], content: str, question: str) -> list[Any]:
    return [*messages, {"role": "assistant", "content": content}, {"role": "user", "content": question}]


def test_a_clip_is_uploaded_watched_asked_about_and_asked_about_again(server: Running, messages: list[Any]) -> None:
    said, reasoning = "", ""
    for chunk in server.client.chat.completions.create(model="videre", messages=messages, stream=True):
        said += chunk.choices[0].delta.content or ""
        reasoning += getattr(chunk.choices[0].delta, "reasoning_content", "")
    assert "3 shot" in said
    assert re.search(r"\[0\.0-4\.0 s\]", said)
    assert re.search(r"^list_shots\(.*\) [\d.]+ s: ", reasoning, re.M)
    assert ask(server, messages) == said
    assert "10 s" in ask(server, then(messages, said, "And how long is it?"))
    assert "list_shots" in ask(server, then(messages, said, "How do you know?"))


def test_a_file_that_was_made_is_linked(server: Running, messages: list[Any]) -> None:
    said = ask(server, then(messages, ask(server, messages), "cut out the first 2 seconds"))
    link = re.search(r"\((http\S+/api/artifacts/\S+)\)", said)
    assert link is not None
    with httpx2.Client(trust_env=False) as http:
        assert http.get(link[1]).headers["content-type"] == "video/mp4"


def test_the_models_spend_differently(server: Running, messages: list[Any]) -> None:
    spent = {}
    for model in ("videre-fast", "videre-deep"):
        completion = server.client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": [messages[0]["content"][0], text("What is said of the rain?")]}],
            response_format={"type": "json_object"},
        )
        spent[model] = json.loads(completion.choices[0].message.content or "")["cost"]["rollouts"]
    assert spent["videre-fast"] <= spent["videre-deep"]
    assert spent["videre-fast"] <= 2


def test_chats_go_on_after_the_server_was_killed(server: Running, messages: list[Any]) -> None:
    said = ask(server, messages)
    server.kill()
    server.start()
    assert "list_shots" in ask(server, then(messages, said, "How do you know?"))


def test_a_stopped_question_makes_way_for_another_in_its_chat(server: Running, messages: list[Any]) -> None:
    said = ask(server, messages)
    slow = then(messages, said, "Make a slow motion of all of it.")
    hasty = httpx2.Timeout(10.0, read=0.05)
    with httpx2.Client(trust_env=False, timeout=hasty) as http, pytest.raises(httpx2.TimeoutException):
        http.post(f"{server.url}/v1/chat/completions", json={"model": "videre", "messages": slow})
    assert "list_shots" in ask(server, then(messages, said, "How do you know?"))
    deadline = time.monotonic() + 30
    with httpx2.Client(trust_env=False) as http:
        while 'videre_workers_busy{kind="answer"} 0' not in (counts := http.get(f"{server.url}/metrics").text):
            assert time.monotonic() < deadline, counts
            time.sleep(0.1)
