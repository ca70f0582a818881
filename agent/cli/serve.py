"""`videre serve`: the web page, the HTTP API, the OpenAI-compatible endpoint and MCP, in one server."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tools.base import InvalidArguments, MissingModel

if TYPE_CHECKING:
    from agent.server.options import ServerOptions
    from agent.settings import Settings

LEAVE_S, END_S = 5, 30
"""Answers that are on their way when the server is stopped get so long; then so long to be told that they end."""
SHORTEST_TOKEN = 16
NEEDED = ("fastapi", "uvicorn", "python_multipart")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen at; 0.0.0.0 = all of this machine.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 = a free one.")] = None,
    token: Annotated[
        str | None, typer.Option(help="What clients have to show; VIDERE_SERVER_TOKEN keeps it out of `ps`.")
    ] = None,
    library: Annotated[str | None, typer.Option(help="Folder of the library of memories.")] = None,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log requests to stderr, as JSON.")] = False,
) -> None:
    """Serve the web page, and the ways in for programs, until Ctrl-C."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise MissingModel(f"the server needs {', '.join(missing)}: pip install 'videre[server]'")
    from agent.server.options import ServerOptions
    from agent.server.security.hosts import is_loopback
    from agent.settings import Settings

    settings = Settings.read()
    given = {"server_host": host, "server_port": port, "home": library}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    shown = token if token is not None else settings.server_token.get_secret_value()
    generated = not shown and not is_loopback(settings.server_host)
    if generated:
        shown = secrets.token_urlsafe(32)
    elif shown and len(shown) < SHORTEST_TOKEN and not is_loopback(settings.server_host):
        raise InvalidArguments(f"the token can be guessed: give one of {SHORTEST_TOKEN} characters or more, or none")
    settings = settings.model_copy(update={"server_token": _secret(shown)})
    options = ServerOptions.of(settings)
    options.folder.mkdir(parents=True, exist_ok=True)
    _check_writable(options.folder)
    listening = _listen(options.host, options.port)
    _log(access_log)
    _serve(settings, options, listening, said=f"Token (shown this once): {shown}" if generated else "")


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


def _check_writable(folder: Path) -> None:
    """Raises OSError that names the folder."""
    trial = folder / f".{secrets.token_hex(8)}"
    trial.touch()
    trial.unlink()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that is bound. Raises InvalidArguments."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidArguments(f"{host!r} is no address of this machine: {error.strerror}") from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(socket.SOMAXCONN)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise InvalidArguments(
                f"port {port} is in use: stop what uses it, or choose another with --port"
            ) from error
        raise InvalidArguments(f"cannot listen at {host}, port {port}: {error.strerror}; choose another") from error
    return listening


def _log(access: bool) -> None:
    """Requests to stderr where they are wanted."""
    if access:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log = logging.getLogger("agent.server.access")
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False


def _serve(settings: Settings, options: ServerOptions, listening: socket.socket, *, said: str) -> None:
    import uvicorn

    from agent.server.app import create_app
    from agent.server.patience import patient
    from agent.server.services import Services

    services = Services(settings, options)

    class Server(uvicorn.Server):
        """Says where it is as soon as it can be asked, and ends streams in order."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            host, port = listening.getsockname()[:2]
            typer.echo(f"Videre is at {_url(options.host or host, port)}")
            if said:
                typer.echo(said)
            typer.echo("Stop it with Ctrl-C.")
            sys.stdout.flush()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            leaving = asyncio.create_task(self._leave())
            await super().shutdown(sockets)
            leaving.cancel()

        async def _leave(self) -> None:
            await asyncio.sleep(LEAVE_S)
            await services.close()  # what runs is cancelled, and clients are told so; closing again does nothing

    config = uvicorn.Config(
        create_app(services),
        http=patient(options.connections),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LEAVE_S + END_S,
    )
    # uvicorn ends in order and then gives the signal back to who had it before: to end with status 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    Server(config).run([listening])


def _url(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"
