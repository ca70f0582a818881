"""Connections that trickle in are not held."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from agent.server import patience
from agent.server.patience import patient

SHORT_S = 1.0


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answers late, after the body has come."""
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(2 * SHORT_S)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server that waits SHORT_S for headers."""
    monkeypatch.setattr(patience, "HEADERS_S", SHORT_S)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_app, http=patient(9), ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = threading.Thread(target=server.run, args=([listening],))
    running.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    running.join(10)
    assert not running.is_alive()


def is_closed(connection: socket.socket, within_s: float) -> bool:
    """Whether the server closes a connection without an answer."""
    connection.settimeout(within_s)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_a_connection_without_a_whole_request_is_closed(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as silent:
        assert is_closed(silent, 10)
    with socket.create_connection(("127.0.0.1", port)) as trickling:
        for line in (b"GET / HTTP/1.1\r\n", b"Host: localhost\r\n", b"X-1: "):
            trickling.sendall(line)
            time.sleep(SHORT_S / 10)
        assert is_closed(trickling, 10)


def test_an_answer_and_the_requests_after_it_may_take_their_time(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert [client.post("/", content=b"x").text for _ in range(2)] == ["ok", "ok"]
