"""`videre chat [VIDEO...]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def chat(
    videos: Annotated[list[Path] | None, typer.Argument(help="Videos to talk about; more with /video add.")] = None,
    thread: Annotated[str, typer.Option(help="Conversation to begin or go on with; empty = a new one.")] = "",
) -> None:
    """Talk about videos in the terminal; /help lists the commands."""
    from agent.api import VideoAgent
    from agent.chat.screen import Screen
    from agent.chat.session import Chat

    session = Chat(VideoAgent(), thread, Screen())
    for video in videos or ():
        session.add(str(video))
    if session.lines.interactive:
        session.screen.say("Ask about the videos, in words. /help lists commands, Ctrl-D leaves.", "dim")
    session.run()
