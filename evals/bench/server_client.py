"""A small HTTP client for the benchmark `server`: it costs little beside what it measures, and notes when what came."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tools.base import ToolFailed

HEAD_BYTES = 1 << 20
PATIENCE_S = 120.0
"""For one answer; one that takes longer is an error."""


@dataclass
class Outcome:
    """What came of a question; times in seconds from the request on."""

    status: int = 0
    """0 = no answer came."""
    first_event_s: float = 0.0
    total_s: float = 0.0
    text: str = ""
    retry_after_s: float = 0.0
    error: str = ""
    """What was wrong, if something was; a refusal with 429 is no error."""
    at: float = field(default_factory=time.monotonic)
    """When it was asked."""

    @property
    def answered(self) -> bool:
        return self.status == 200 and not self.error


class Server:
    """The address of a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80

    async def json(self, method: str, path: str, body: bytes = b"") -> Any:
        """The JSON of an answer. Raises ToolFailed for any other than a good one."""
        async with self._request(method, path, body, "application/octet-stream") as (status, headers, reader):
            content = b"".join([part async for part in _body(headers, reader)])
        if status >= 300:
            raise ToolFailed(f"{method} {path}: status {status}: {content[:300].decode(errors='replace')}")
        return json.loads(content) if content else None

    async def chat(self, messages: list[dict[str, Any]], model: str = "videre") -> Outcome:
        """Ask the last of the messages, streamed."""
        outcome = Outcome()
        body = json.dumps({"model": model, "messages": messages, "stream": True}).encode()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._chat(body, outcome)
        except (OSError, TimeoutError, EOFError, ValueError, LookupError) as error:
            outcome.error = f"{type(error).__name__}: {error}"
        outcome.total_s = time.monotonic() - outcome.at
        return outcome

    async def _chat(self, body: bytes, outcome: Outcome) -> None:
        async with self._request("POST", "/v1/chat/completions", body, "application/json") as (status, headers, reader):
            outcome.status = status
            outcome.retry_after_s = float(headers.get("retry-after", 0))
            done, pending = False, b""
            async for part in _body(headers, reader):
                if not outcome.first_event_s:
                    outcome.first_event_s = time.monotonic() - outcome.at
                *lines, pending = (pending + part).split(b"\n")
                for line in lines:
                    done = _heard(line, outcome) or done
        if status not in (200, 429):
            outcome.error = f"status {status}: {pending[:200].decode(errors='replace')}"
        elif status == 200 and not outcome.error and not (done and outcome.text):
            outcome.error = "the stream broke off"

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: bytes, kind: str
    ) -> AsyncIterator[tuple[int, dict[str, str], asyncio.StreamReader]]:
        """Status and headers of the answer, and where its body is read."""
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=HEAD_BYTES)
        try:
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nConnection: close\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            await writer.drain()
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            yield int(first.split()[1]), headers, reader
        finally:
            writer.close()


async def _body(headers: dict[str, str], reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The pieces of a body as they come."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        while part := await reader.read(1 << 16):
            yield part
        return
    while size := int((await reader.readline()).split(b";")[0], 16):
        yield (await reader.readexactly(size + 2))[:-2]


def _heard(line: bytes, outcome: Outcome) -> bool:
    """Take in a line of the stream; whether it was the last."""
    if not line.startswith(b"data: "):
        return False
    if line[6:].strip() == b"[DONE]":
        return True
    event = json.loads(line[6:])
    if "error" in event:
        outcome.error = str(event["error"]["message"])
        return False
    for choice in event["choices"]:
        outcome.text += choice["delta"].get("content") or ""
    return False
