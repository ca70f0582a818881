"""A connection to a server of the Model Context Protocol for code that is not asynchronous.

The client lives in an event loop of its own thread, from the first call on; a connection that broke is made anew by the
next call.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import wait
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tools.base import Cancelled, ToolFailed

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal
    from mcp import Client
    from mcp.types import CallToolResult
    from mcp.types import Tool as Described

    from agent.mcp.options import McpServerOptions

LOOK_S = 0.2
"""How often a waiting call looks whether it shall stop."""
MAX_TOOLS = 500

T = TypeVar("T")


class Connection:
    """One mounted server."""

    def __init__(self, name: str, options: McpServerOptions) -> None:
        self.name, self.options = name, options
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._open: tuple[BlockingPortal, Client] | None = None

    def tools(self) -> list[Described]:
        """What the server offers. Raises ToolFailed."""

        async def list_all(client: Client) -> list[Described]:
            found: list[Described] = []
            cursor = None
            while len(found) < MAX_TOOLS:
                page = await client.list_tools(cursor=cursor)
                found += page.tools
                cursor = page.next_cursor
                if cursor is None:
                    break
            return found[:MAX_TOOLS]

        return self._do(list_all, lambda: False)

    def call(self, tool: str, arguments: Mapping[str, Any], cancelled: Callable[[], bool]) -> CallToolResult:
        """What a tool gave. Raises ToolFailed when there is no answer, Cancelled."""

        async def call_tool(client: Client) -> CallToolResult:
            return await client.call_tool(tool, dict(arguments))

        return self._do(call_tool, cancelled)

    def close(self) -> None:
        """End the connection, and the server if it was started for it."""
        with self._lock:
            self._open = None
            self._stack.close()

    def _do(self, act: Callable[[Client], Awaitable[T]], cancelled: Callable[[], bool]) -> T:
        portal, client = self._connected()
        future = portal.start_task_soon(partial(_in_time, act, client, self.options.timeout_s))
        while not wait([future], LOOK_S).done:
            if cancelled():
                future.cancel()
                raise Cancelled("cancelled")
        try:
            return future.result()
        except Exception as error:  # noqa: BLE001 - the border to a server that is not ours
            failure = error
        from mcp import MCPError
        from mcp.types import CONNECTION_CLOSED

        if not isinstance(failure, MCPError) or failure.code == CONNECTION_CLOSED:  # no answer at all
            self.close()
        raise self._failed(failure) from failure

    def _connected(self) -> tuple[BlockingPortal, Client]:
        from anyio.from_thread import start_blocking_portal

        with self._lock:
            if self._open is None:
                try:
                    portal = self._stack.enter_context(start_blocking_portal())
                    client = self._stack.enter_context(portal.wrap_async_context_manager(_client(self.options)))
                except Exception as error:
                    self._stack.close()
                    raise self._failed(error) from error
                self._open = portal, client
            return self._open

    def _failed(self, error: BaseException) -> ToolFailed:
        while isinstance(error, BaseExceptionGroup):  # of the client's tasks; the first says what happened
            error = error.exceptions[0]
        if isinstance(error, TimeoutError):
            why = f"no answer within {self.options.timeout_s:g} s"
        else:
            why = " ".join(str(error).split())[:300] or type(error).__name__
        return ToolFailed(f"MCP server {self.name!r}: {why}; see `mcp_servers` in the settings")


async def _in_time(act: Callable[[Client], Awaitable[T]], client: Client, timeout_s: float) -> T:
    import anyio

    with anyio.fail_after(timeout_s):
        return await act(client)


@asynccontextmanager
async def _client(options: McpServerOptions) -> AsyncIterator[Client]:
    """A client that is connected."""
    import httpx2
    from mcp import Client, StdioServerParameters
    from mcp.client.streamable_http import streamable_http_client

    if options.command:
        program, *arguments = options.command
        env = {name: value.get_secret_value() for name, value in options.env.items()}
        server: Any = StdioServerParameters(command=program, args=arguments, env=env or None)
        async with Client(server) as client:
            yield client
        return
    headers = {name: value.get_secret_value() for name, value in options.headers.items()}
    limits = httpx2.Timeout(30.0, read=options.timeout_s)
    async with httpx2.AsyncClient(headers=headers, timeout=limits) as http:
        transport = streamable_http_client(options.url, http_client=http)
        async with Client(transport) as client:
            yield client
