"""An agent on a video that was watched already, with a tool that notes each of its runs in a file; also as a process.

    python -m tests.agent.noting FOLDER URL QUESTION [DIES_AT_RUN [DIES_AFTER_STEPS]]

asks in the thread 't' and prints the answer as JSON, or kills itself on the way.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import Field

from agent import VideoAgent
from agent.ingest import IngestTools
from agent.settings import Settings
from agent.store.searches import Searches
from memory import Library, VideoRecord
from tools.base import Effects, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.builtin import TOOLS
from tools.registry import Registry
from tools.retrieval.minilm import MiniLMEmbedder
from tools.types import Evidence

VIDEO = "ab" * 8
OTHER = "cd" * 8
SHOTS = {VIDEO: 2, OTHER: 5}


_embedder = functools.cache(MiniLMEmbedder)


class Note(Tool):
    """Notes what it is told."""

    name = "note"
    description = "Note something."
    folder: Path
    dies_at_run = -1

    class Args(ToolArgs):
        text: str = Field(description="What to note.")

    Result = ToolResult

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        return 1000.0 if args.text == "long" else 0.0

    def run(self, args: Args, context: ToolContext) -> ToolResult:
        with (self.folder / "runs").open("a") as file:
            file.write(args.text + "\n")
        if len(runs(self.folder)) == self.dies_at_run:
            os.kill(os.getpid(), signal.SIGKILL)
        if args.text == "nothing":
            raise ToolFailed("there is nothing to note; note something else")
        video = context.videos[0]
        evidence = [
            Evidence(video=video, start_s=1, end_s=2, note=args.text, tool=self.name, model="pen", confidence=0.9)
        ]
        return ToolResult(summary=f"noted {args.text}", model="pen", evidence=evidence)


class Post(Note):
    """As Note, with effects."""

    name = "post"
    description = "Tell the world something."
    effects = Effects.NETWORK


def runs(folder: Path) -> list[str]:
    """What the tools noted."""
    file = folder / "runs"
    return file.read_text().splitlines() if file.exists() else []


def watch(folder: Path) -> Library:
    """A library of two videos, of two and of five shots."""
    library = Library(folder / "library")
    for video_id, num in SHOTS.items():
        media = {"duration_s": 60.0, "fps": "25/1", "width": 320, "height": 240, "num_frames": 1500, "has_audio": True}
        library.add_video(VideoRecord(video_id, video_id * 4, folder / f"{num}.mp4", media, f"clip of {num}"))
        shots = [
            {"shot_id": n, "start_s": 60 / num * n, "end_s": 60 / num * (n + 1), "keyframe_s": 60 / num * n}
            for n in range(num)
        ]
        library.write_segment(video_id, "shots", "1", {}, {"shot": shots})
    return library


def agent_in(folder: Path, url: str = "", **settings: Any) -> VideoAgent:
    """The agent of `folder`, planned by the model at `url`."""
    model = {"llm_model": "m", "llm_base_url": url} if url else {}
    defaults = {"learn": False, "llm_parallel": 1, "llm_memory_tokens": 0}
    agent = VideoAgent(folder / "library", settings=Settings(**(defaults | model | settings)))
    tools: list[type[Tool]] = [type(one.__name__, (one,), {"folder": folder}) for one in (Note, Post)]
    agent.__dict__["registry"] = Registry([*TOOLS, *tools])
    agent.__dict__["_ingest_tools"] = IngestTools([], [], _embedder())
    return agent


def _main(folder: Path, url: str, question: str, dies_at_run: int = -1, dies_after_steps: int = -1) -> None:
    agent = agent_in(folder, url)
    type(agent.registry.get("note")).dies_at_run = dies_at_run  # type: ignore[attr-defined]
    save, steps = Searches.save, 0

    def save_and_die(searches: Searches, *args: Any) -> None:
        nonlocal steps
        save(searches, *args)
        steps += 1
        if steps == dies_after_steps:
            os.kill(os.getpid(), signal.SIGKILL)

    Searches.save = save_and_die  # type: ignore[method-assign]
    answer = agent.thread("t").ask(question, [VIDEO])
    print(json.dumps(answer.to_json()))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), *sys.argv[2:4], *map(int, sys.argv[4:]))
