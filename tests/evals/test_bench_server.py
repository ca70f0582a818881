"""The benchmark of the server: what its client notes of an answer, and what is made of the notes."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from evals.bench.server import Load, _family, _figures, _processor_s
from evals.bench.server_client import Outcome, Server
from tools.base import ToolFailed

DONE = b"data: [DONE]\n\n"


def event(**delta: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


def asked(*parts: bytes, head: bytes = b"HTTP/1.1 200 OK\r\n", delay_s: float = 0.0) -> Outcome:
    """What the client notes of an answer that comes in these parts, the first after `delay_s`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(delay_s)
        for part in parts:
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        writer.close()

    async def ask() -> Outcome:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await Server(f"http://127.0.0.1:{port}").chat([{"role": "user", "content": "Who?"}])

    return asyncio.run(ask())


def test_an_answer_is_put_together_from_its_parts() -> None:
    whole = event(role="assistant", content="") + event(content="You ") + event(reasoning_content="x") + DONE
    for cut in (1, 40, len(whole) - 3):
        outcome = asked(whole[:cut], whole[cut:], delay_s=0.05)
        assert outcome.answered
        assert outcome.text == "You "
        assert 0.05 <= outcome.first_event_s <= outcome.total_s


@pytest.mark.parametrize(
    ("parts", "head"),
    [
        ([event(content="You")], b"HTTP/1.1 200 OK\r\n"),
        ([DONE], b"HTTP/1.1 200 OK\r\n"),
        ([b'data: {"error": {"message": "no"}}\n\n'], b"HTTP/1.1 200 OK\r\n"),
        ([b"{}"], b"HTTP/1.1 500 Internal Server Error\r\n"),
        ([b"{}"], b"nonsense\r\n"),
    ],
)
def test_what_is_no_answer_is_an_error(parts: list[bytes], head: bytes) -> None:
    outcome = asked(*parts, head=head)
    assert not outcome.answered
    assert outcome.error


def test_a_refusal_is_no_error() -> None:
    outcome = asked(b"{}", head=b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n")
    assert (outcome.answered, outcome.error, outcome.retry_after_s) == (False, "", 7.0)


def test_figures_count_what_went_wrong() -> None:
    good = [Outcome(200, 0.01 * n, 0.1 * n, "2 shots") for n in range(1, 21)]
    load = Load([*good, Outcome(200, error="the stream broke off"), Outcome(429)], seconds=10.0)
    found = {one.metric: one for one in _figures(load, {"Who?": "3 shots"}, 0.0)}
    assert found["errors, no thinking"].value == 2
    assert found["errors, no thinking"].ok is False
    assert found["answers a second, no thinking"].value == 2.0
    assert found["answer p95, no thinking"].value == pytest.approx(2.0)
    assert found["answers that nobody got alone, no thinking"].value == 20
    with pytest.raises(ToolFailed, match="broke off"):
        _figures(Load([Outcome(200, error="the stream broke off")], 1.0), {}, 0.0)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_a_process_is_measured_with_those_below_it() -> None:
    async def sleeping() -> list[int]:
        child = await asyncio.create_subprocess_exec("sleep", "30")
        try:
            return [child.pid, *_family(child.pid)]
        finally:
            child.kill()
            await child.wait()

    pid, *found = asyncio.run(sleeping())
    assert found == [pid]
    own, below = _processor_s(os.getpid())
    assert own > 0 <= below
