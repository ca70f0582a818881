"""More connections than a server may have: those that are there go on, the others are told to come again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.server import patience
from agent.server.patience import SPARE
from tests.agent.server.canned import TASKS
from tests.agent.server.openai.serving import Served, served
from tests.agent.server.test_patience import is_closed

LIMIT = 3
LONG_S = 20.0


async def ticking(task: Any, **_arguments: Any) -> dict[str, Any]:
    """Tells that it goes on, until it is stopped."""
    while True:
        task.tell({"event": "Progress", "trace_id": "", "text": "working", "share": 0.5})
        await asyncio.sleep(0.05)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "server", TASKS | {"ask": ticking}, connections=LIMIT) as one:
        yield one


def get(server: Served, path: str) -> httpx.Response:
    """By a connection of its own."""
    return httpx.get(server.url + path, trust_env=False, timeout=LONG_S)


def connect(server: Served) -> socket.socket:
    url = httpx.URL(server.url)
    return socket.create_connection((url.host, url.port or 0))


def test_one_too_many_is_told_to_come_again_while_streams_and_health_go_on(server: Served) -> None:
    with ExitStack() as open_streams:
        client = open_streams.enter_context(httpx.Client(base_url=server.url, trust_env=False, timeout=LONG_S))
        streams = []
        for number in range(LIMIT):
            ask = client.stream("POST", f"/api/threads/t{number}/ask", json={"question": "How many?"})
            streams.append(open_streams.enter_context(ask).iter_lines())
        assert [next(lines) for lines in streams] == ["event: Progress"] * LIMIT

        refused = get(server, "/api/videos")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["connection"] == "close"
        assert refused.headers["x-content-type-options"] == "nosniff"
        error = refused.json()["error"]
        assert (error["type"], error["code"]) == ("server_error", "crowded")
        assert get(server, "/").status_code == 503
        assert get(server, "/api/health").json() == {"status": "ok"}

        for lines in streams:  # and those that were there are told what happens
            assert sum(next(lines) == "event: Progress" for _ in range(9)) >= 2
    assert get(server, "/api/videos").status_code == 200


def test_a_connection_that_is_one_too_many_is_served_when_others_have_gone(server: Served) -> None:
    silent = [connect(server) for _ in range(LIMIT)]
    with httpx.Client(base_url=server.url, trust_env=False, timeout=LONG_S) as late:
        assert late.get("/api/health").status_code == 200  # on a connection that is kept
        for one in silent:
            one.close()
        assert late.get("/api/videos").status_code == 200


def test_a_flood_of_silent_connections_is_cut_off_and_passes(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LATE_S", 0.5)
    flood = [connect(server) for _ in range(LIMIT + SPARE)]
    more = [connect(server) for _ in range(5)]
    assert all(is_closed(one, LONG_S) for one in more)
    assert all(is_closed(one, LONG_S) for one in flood[LIMIT:])
    assert get(server, "/api/health").status_code == 200
    assert get(server, "/api/videos").status_code == 503
    for one in flood + more:
        one.close()
