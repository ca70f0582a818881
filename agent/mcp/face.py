"""`/mcp` of the HTTP server: streamable HTTP, for hosts that are not started on the same machine."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tools.base import InvalidArguments

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent.server.services import Services

PATH = "/mcp"


def add_mcp(app: FastAPI, services: Services) -> AbstractAsyncContextManager[None]:
    """Give the application the path; what is returned has to be open while it runs. Nothing without the extra `mcp`."""
    try:
        from mcp.server.transport_security import TransportSecuritySettings
    except ImportError:
        return nullcontext()
    from agent.mcp.desk import Desk
    from agent.mcp.server import mcp_server

    def named(path: str) -> Path:
        file = Path(path).resolve()
        if not any(file.is_relative_to(folder) for folder in services.options.folders):
            raise InvalidArguments(
                "this path is in no folder that may be named (VIDERE_SERVER_FOLDERS): upload the file"
            )
        return file

    server = mcp_server(Desk(services.pool, services.options, named, urls=True, jobs=services.jobs))
    # Names of hosts are checked for all paths alike (agent.server.security.hosts).
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app.router.routes.extend(server.streamable_http_app(streamable_http_path=PATH, transport_security=unchecked).routes)
    return server.session_manager.run()
