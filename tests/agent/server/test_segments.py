"""Every conversation that can be begun can be reached, whatever its name is made of."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.thread import FOLDERS, MAX_NAME
from tests.agent.server.canned import TASKS
from tests.agent.server.openai.serving import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("names") / "server", TASKS, requests_per_minute=10**6) as one:
        yield one


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as one:
        yield one


# What a thread may be called (agent.thread).
NAMES = st.text(min_size=1, max_size=MAX_NAME).filter(
    lambda name: name.isprintable() and name.strip() and name not in FOLDERS
)


@settings(max_examples=150, deadline=None)
@given(name=NAMES)
@example("a/b")
@example("points")
@example("a/points")
@example("a%2Fb")
@example("100 %")
@example("../../etc/passwd")
@example("/")
@example("//")
@example("?x=1#y")
@example("été 東京")
def test_any_name_reaches_the_worker_as_it_is(server: Served, client: httpx.Client, name: str) -> None:
    path = f"/api/threads/{quote(name, safe='')}"
    assert client.get(path).json()["name"] == name
    assert client.post(f"{path}/back", json={"point": "p1"}).json()["name"] == name
    assert client.get(f"{path}/points").status_code == 200
    assert server.asked("points")[-1] == {"name": name}
    assert client.post(f"{path}/ask", json={"question": "How many?"}).status_code == 200
    assert server.asked("ask")[-1]["thread"] == name


def test_a_slash_that_is_not_encoded_separates(client: httpx.Client, server: Served) -> None:
    before = len(server.pool.asked)
    assert client.get("/api/threads/a/b").status_code == 404
    assert client.post("/api/threads/a/b/ask", json={"question": "How many?"}).status_code == 404
    assert client.get("/api%2Fthreads/a").status_code == 404
    assert len(server.pool.asked) == before
    assert client.get("/api/%74hreads/a%252Fb").json()["name"] == "a%2Fb"


@pytest.mark.parametrize("name", ["", "x" * (MAX_NAME + 1), "/" * (MAX_NAME + 1)])
def test_the_length_of_a_name_is_that_of_its_characters(client: httpx.Client, name: str) -> None:
    assert client.get(f"/api/threads/{quote(name, safe='')}").status_code in (404, 422)
    assert client.get(f"/api/threads/{quote('é/' * (MAX_NAME // 2), safe='')}").status_code == 200


def test_metrics_name_the_route_and_not_the_conversation(client: httpx.Client) -> None:
    client.get("/api/threads/secret%2Fname")
    text = client.get("/metrics").text
    assert '"/api/threads/{name}"' in text
    assert "secret" not in text
