"""The command `videre`: one file a verb; heavy packages are imported only where they are used."""

from __future__ import annotations

import importlib.metadata
import os
import sys

import typer

from agent.cli import ask, chat, doctor, ingest, library, mcp, sample, serve, thread, tool
from agent.cli.errors import run_app


def build_app() -> typer.Typer:
    """The application with our verbs and those of plug-ins (entry points `videre.commands`)."""
    app = typer.Typer(
        name="videre",
        help="Ask videos questions in words; get answers with evidence.",
        callback=_observe,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.command("ask")(ask.ask)
    app.command("chat")(chat.chat)
    app.command("ingest")(ingest.ingest)
    app.command("mcp")(mcp.mcp)
    app.command("sample")(sample.sample)
    app.command("serve")(serve.serve)
    app.command("doctor")(doctor.doctor)
    app.add_typer(library.app, name="library")
    app.add_typer(thread.app, name="thread")
    app.add_typer(tool.app, name="tool")
    for entry in importlib.metadata.entry_points(group="videre.commands"):
        app.add_typer(entry.load(), name=entry.name)
    return app


def _observe() -> None:
    """Logs and spans as the settings and the environment say."""
    from agent import logs, telemetry
    from agent.settings import Settings

    logs.set_up(Settings.read())
    telemetry.export(os.environ)


def main() -> None:
    """Entry point of the command."""
    sys.exit(run_app(build_app()))
