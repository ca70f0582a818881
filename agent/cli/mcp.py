"""`videre mcp`: a server of the Model Context Protocol over standard input and output, for desktop hosts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.settings import Settings


def mcp() -> None:
    """Serve Videre's tools to an MCP host over standard input and output (docs/mcp.md)."""
    from agent.settings import Settings
    from tools.base import MissingModel

    try:
        import anyio
        import mcp.server  # noqa: F401
    except ImportError as error:
        raise MissingModel("videre mcp needs the SDK: pip install 'videre[mcp]'") from error
    anyio.run(_serve, Settings.read())


async def _serve(settings: Settings) -> None:
    from agent.mcp.desk import Desk
    from agent.mcp.server import mcp_server
    from agent.server.options import ServerOptions
    from agent.server.pool import WorkerPool

    options = ServerOptions.of(settings)
    options = replace(options, folder=options.folder.with_name("mcp"))  # `videre serve` keeps its own to itself
    options.folder.mkdir(parents=True, exist_ok=True)
    pool = WorkerPool(settings, options)
    await pool.start()
    try:
        await mcp_server(Desk(pool, options, _any_file, urls=False)).run_stdio_async()
    finally:
        await pool.close()


def _any_file(path: str) -> Path:
    """Whoever starts the program may read the file anyway."""
    return Path(path).expanduser()
