"""Our own tools as the predictors of the suites that measure predictions: what `videre eval run davis` measures.

Each suite gets what the tool of its task uses: masks from the back ends of `segment`, points from `track_points`,
matches from `match`; phrases go to the tool `segment` itself, with memory and all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.datasets.davis import DavisSequence, Labels
from evals.datasets.ref_youtube_vos import Expression
from evals.metrics.masks import Mask
from evals.suites.base import find_suite
from evals.suites.davis import DavisSuite
from evals.suites.matching import Matches, MatchingSuite
from evals.suites.measured import Scores, load_measured
from evals.suites.ref_youtube_vos import RefYoutubeVosSuite
from evals.suites.tapvid import MODES, Floats, Followed, TapVidSuite
from tools.base import InvalidArguments, ToolError
from tools.media.frame import Frame, Picture
from tools.media.stills import read_picture

if TYPE_CHECKING:
    from agent.api import VideoAgent
    from agent.settings import Settings
    from tools.base import ToolContext
    from tools.matching.matcher import Matcher
    from tools.segmentation.prompts import Backend

Tell = Callable[[str], None]
"""Is told what is being worked on."""
FPS = 25
KEPT = 16
"""Pictures of a sequence that are in memory at a time."""
REF_FPS = 6
"""Ref-YouTube-VOS has every fifth frame of videos of 30 a second."""


def measures_predictions(name: str) -> bool:
    """Whether the suite of this name measures predictions; else it asks questions. Raises InvalidArguments."""
    return not hasattr(find_suite(name), "samples")


def measure_ours(name: str, data: Path, settings: Settings, tell: Tell) -> tuple[str, Scores]:
    """What was measured, in words, and its scores. Raises InvalidArguments, also for a suite without such a tool."""
    suite = load_measured(name, data)
    if isinstance(suite, DavisSuite):
        backend = _backend(settings)
        return backend.model, suite.measure(lambda sequence: _followed(sequence, backend, tell))
    if isinstance(suite, TapVidSuite):
        from tools.tracking.points_tool import MODEL

        return MODEL, suite.measure(lambda video, points: _tracked(video, points, tell), *MODES)
    if isinstance(suite, MatchingSuite):
        from tools.matching.choose import choose

        model, matcher = choose(settings.models, device=settings.device)
        return model, suite.measure(lambda first, second: _matched(matcher, first, second, tell))
    if isinstance(suite, RefYoutubeVosSuite):
        with tempfile.TemporaryDirectory() as folder:
            phrases = _Phrases(settings, Path(folder), tell)
            scores = suite.measure(phrases.segment)
        return f"segment with a phrase; {_backend(settings).model}", scores
    raise InvalidArguments(f"none of our tools predicts for suite {name!r}; use `videre eval score {name}`")


def _backend(settings: Settings) -> Backend:
    """What the tool `segment` chooses by itself."""
    from tools.segmentation.embedded.backend import EmbeddedBackend
    from tools.segmentation.networks import NetworkBackend, find_network

    network = find_network(settings.models, settings.device)
    return EmbeddedBackend() if network is None else NetworkBackend(network, settings.device)


class _Pictures(Sequence[Picture]):
    """Picture files, read when they are looked at; the last KEPT stay in memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths, self._read = paths, lru_cache(KEPT)(read_picture)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: Any) -> Any:
        return self._read(self._paths[index])


def _followed(sequence: DavisSequence, backend: Backend, tell: Tell) -> Iterator[Labels]:
    """The objects of the first frame in all frames; where two claim a pixel the surer one has it."""
    from tools.segmentation.film import Stills
    from tools.segmentation.prompts import Prompt, Span

    tell(sequence.name)
    first = sequence.labels(0)
    prompts = [Prompt(int(k), 0, mask=first == k) for k in np.unique(first) if k]
    film = Stills(_Pictures(sequence.frames), FPS)
    for _, seen in backend.follow(film, prompts, Span(0, len(sequence.frames) - 1), "forward"):
        labels = np.zeros_like(first)
        for one in sorted(seen, key=lambda one: one.confidence):
            labels[one.mask] = one.object_id
        yield labels


class _Clip:
    """Pictures in memory as a source of frames for `follow_points`."""

    def __init__(self, video: Picture) -> None:
        self._video = video

    def frames(self, start_s: float = 0.0, end_s: float = np.inf) -> Iterator[Frame]:
        for index, picture in enumerate(self._video):
            if start_s <= index / FPS <= end_s:
                yield Frame.from_rgb(index, index / FPS, picture)


def _tracked(video: Picture, points: Floats, tell: Tell) -> Followed:
    """Query points (t, y, x) followed both ways; the first pixel has its corner at (0, 0) there, its centre in ours."""
    from tools.tracking.points_video import follow_points

    tell(f"{len(points)} points in {len(video)} frames")
    times, ys, xs = np.asarray(points, np.float64).T
    queries = np.column_stack((np.clip(xs - 0.5, 0, video.shape[2] - 1), np.clip(ys - 0.5, 0, video.shape[1] - 1),
                               times / FPS))  # fmt: skip
    found = follow_points(_Clip(video), queries, 0.0, len(video) / FPS)
    places = np.where(np.isnan(found.points), queries[:, None, :2], found.points) + 0.5
    return places, ~found.visible


def _matched(matcher: Matcher, first: Picture, second: Picture, tell: Tell) -> Matches:
    tell("a pair")
    found = matcher(first, second)
    return found.first, found.second


class _Phrases:
    """Sentences given to the tool `segment`, on videos that are made of the pictures and watched first."""

    def __init__(self, settings: Settings, folder: Path, tell: Tell) -> None:
        from agent.api import VideoAgent

        self._agent: VideoAgent = VideoAgent(folder / "library", settings=settings)
        self._folder, self._tell = folder, tell
        self._contexts: dict[str, ToolContext] = {}

    def segment(self, expression: Expression) -> list[Mask]:
        """A mask a frame; empty ones where the tool says that it cannot find such a thing."""
        self._tell(f"{expression.video}: {expression.text}")
        if expression.video not in self._contexts:
            self._contexts[expression.video] = self._watched(expression)
        context = self._contexts[expression.video]
        size = read_picture(expression.frames[0]).shape[:2]
        masks = [np.zeros(size, np.bool_) for _ in expression.frames]
        try:
            result: Any = self._agent.registry.get("segment").call(
                {"phrase": expression.text, "overlay": False}, context
            )
        except ToolError as error:
            self._tell(f"  {error}")
            return masks
        from tools.segmentation.masklets import decode

        for one in result.objects:
            for row in context.memory().rows("observation", "entity_id = ?", [one.entity_id], "t_s"):
                index = min(len(masks) - 1, round(row["t_s"] * REF_FPS))
                # Odd sizes are one pixel larger in the video.
                mask = decode(row["mask"], (size[0] + size[0] % 2, size[1] + size[1] % 2))
                masks[index] |= mask[: size[0], : size[1]]
        return masks

    def _watched(self, expression: Expression) -> ToolContext:
        from tools.media.writer import VideoWriter

        path = self._folder / f"{len(self._contexts)}.mp4"
        pictures = _Pictures(expression.frames)
        height, width = pictures[0].shape[:2]
        with VideoWriter(path, width, height, REF_FPS) as writer:
            for picture in pictures:
                writer.add(picture)
        return self._agent.context(path, self._folder / "artifacts")
