"""Clips with exact truth, a library that knows their shots, and contexts that look through a server on loopback."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import httpcore2
import pytest

from agent.vision import ChatVision
from memory import Library, VideoRecord
from planners.llm import Allowance, Endpoint, OpenAIChat, Terms
from tests.fixtures.render import blank, render, stamped_pictures
from tools.base import ToolContext
from tools.retrieval.minilm import MiniLMEmbedder

VIDEO = "cd" * 8
FPS = 25
COLOURS = ((200, 30, 30), (30, 160, 30), (30, 30, 200), (220, 220, 40), (40, 200, 220), (200, 40, 200))
"""Of the seconds of the clip `colours`."""

Seeing = Callable[..., ToolContext]
_certificates = functools.cache(httpcore2.default_ssl_context)


@pytest.fixture(autouse=True)
def plain_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy on the way to this machine, certificates loaded once."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(httpcore2, "default_ssl_context", _certificates)


@pytest.fixture(scope="session")
def embedder() -> MiniLMEmbedder:
    return MiniLMEmbedder()


@pytest.fixture(scope="session")
def stamped_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds; every frame bears its index (tests.fixtures.render.read_stamp)."""
    return render(tmp_path_factory.mktemp("clips") / "stamped.mp4", stamped_pictures(10 * FPS), FPS)


@pytest.fixture(scope="session")
def colour_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds, each of a colour of its own."""
    pictures = [blank(160, 120, colour) for colour in COLOURS for _ in range(FPS)]
    return render(tmp_path_factory.mktemp("clips") / "colours.mp4", pictures, FPS)


@pytest.fixture
def seeing(tmp_path: Path, embedder: MiniLMEmbedder) -> Iterator[Seeing]:
    """Makes contexts: of a clip with shots that end at the given times, with a model at a URL."""
    clients: list[OpenAIChat] = []

    def make(clip: Path, url: str = "", ends_s: tuple[float, ...] = (), **options: object) -> ToolContext:
        library = Library(tmp_path / "library")
        duration_s = {"stamped": 10.0, "colours": 6.0, "slow": 60.0}[clip.stem]
        media = {"duration_s": duration_s, "fps": "25/1", "width": 160, "height": 120, "has_audio": False}
        library.add_video(VideoRecord(VIDEO, VIDEO * 4, clip, media | {"num_frames": round(duration_s * FPS)}, "clip"))
        write_shots(library, ends_s or (duration_s,), str(options.get("detector", "1")))
        context = ToolContext(library, [VIDEO], tmp_path / "artifacts", embedder)
        if url:
            limit = options.get("max_calls")
            meter = Allowance(max_calls=limit if isinstance(limit, int) else None)
            name = str(options.get("model", "seer"))
            client = OpenAIChat(Endpoint(name, url), Terms(meter=meter, cancelled=lambda: context.cancelled()))
            clients.append(client)
            context.vision = ChatVision(name, url, lambda: client)
        return context

    yield make
    for client in clients:
        client.close()


def write_shots(library: Library, ends_s: tuple[float, ...], detector: str) -> None:
    starts_s = (0.0, *ends_s[:-1])
    rows = [
        {"shot_id": number, "start_s": start_s, "end_s": end_s, "keyframe_s": (start_s + end_s) / 2}
        for number, (start_s, end_s) in enumerate(zip(starts_s, ends_s, strict=True))
    ]
    library.write_segment(VIDEO, "shots", detector, {}, {"shot": rows})
