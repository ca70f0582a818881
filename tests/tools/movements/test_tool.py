"""From pixels to the moment: a cup that rises at a known second, a camera that tilts, and what is cut out of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from memory import Library, VideoRecord
from tests.fixtures.render import render
from tests.tools.tracking.motion_scenes import HEIGHT, WIDTH, camera_view, paste_square, texture
from tools.base import InvalidArguments, MissingModel, ToolContext, ToolFailed
from tools.editing.cut import Cut
from tools.media.identity import content_id
from tools.media.reader import VideoReader
from tools.movements.tool import FindMovements

FPS, SECONDS = 12, 4.0
WORLD = texture(3)
RISES_S = 2.0

Scene = Callable[[float], np.ndarray]


def cup(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    return paste_square(picture, x, y, 44, colour=(215, 20, 25))


def share(t_s: float) -> float:
    return float(np.clip((t_s - RISES_S) / 0.6, 0, 1))


def lifted(t_s: float) -> np.ndarray:
    return cup(camera_view(WORLD, 0, 0), 160, 170 - 80 * share(t_s))


def tilted(t_s: float) -> np.ndarray:
    """The camera looks further down: everything rises in the picture, and the cup with it."""
    return cup(camera_view(WORLD, 0, 80 * share(t_s)), 160, 170 - 80 * share(t_s))


def pushed(t_s: float) -> np.ndarray:
    return cup(camera_view(WORLD, 0, 0), 100 + 80 * share(t_s), 170)


@pytest.fixture
def watching(tmp_path: Path) -> Callable[[Scene], ToolContext]:
    def make(scene: Scene) -> ToolContext:
        pictures = [scene(index / FPS) for index in range(round(FPS * SECONDS))]
        path = render(tmp_path / "clip.mp4", pictures, fps=FPS)
        sha256, video = content_id(path)
        info = VideoReader(path).info
        media = {
            "duration_s": info.duration_s, "fps": str(FPS), "width": info.width, "height": info.height,
            "num_frames": info.num_frames, "has_audio": False,
        }  # fmt: skip
        library = Library(tmp_path / "library")
        library.add_video(VideoRecord(video, sha256, path, media, "clip"))
        return ToolContext(library, [video], tmp_path / "artifacts")

    return make


def find(context: ToolContext, thing: str, movement: str) -> list[float]:
    result = FindMovements().call({"thing": thing, "movement": movement}, context)
    assert isinstance(result, FindMovements.Result)
    assert (result.status == "ok") == bool(result.found)
    return [one.at_s for one in result.found]


def test_a_cup_that_rises_is_followed_and_its_moment_cut_out(watching: Callable[[Scene], ToolContext]) -> None:
    context = watching(lifted)
    assert (HEIGHT, WIDTH) == (240, 320)
    with pytest.raises(ToolFailed, match="memory holds none"):
        Cut().call({"what": "movement", "which": "red cup: lifted"}, context)
    assert FindMovements().expected_seconds(FindMovements.Args(thing="red cup", movement="lifted"), context) > 0
    assert find(context, "red cup", "lifted") == [pytest.approx(RISES_S, abs=0.3)]
    assert FindMovements().expected_seconds(FindMovements.Args(thing="red cup", movement="lifted"), context) == 0
    assert find(context, "cup", "stops") == [pytest.approx(RISES_S + 0.6, abs=0.3)]
    assert find(context, "red cup", "put down") == []
    made = Cut().call({"what": "movement", "which": "red cup: lifted"}, context)
    [span] = made.intervals  # type: ignore[attr-defined]
    assert span.start_s == pytest.approx(RISES_S, abs=0.3)
    assert span.end_s == pytest.approx(RISES_S + 0.6, abs=0.3)
    with pytest.raises(ToolFailed, match="none does that"):
        Cut().call({"what": "movement", "which": "red cup: falls"}, context)
    with pytest.raises(InvalidArguments, match="THING: MOVEMENT"):
        Cut().call({"what": "movement", "which": "the red cup is lifted"}, context)
    with pytest.raises(MissingModel):
        find(context, "teapot", "lifted")


@pytest.mark.parametrize("scene", [tilted, pytest.param(pushed, marks=pytest.mark.slow)])
def test_a_camera_that_tilts_and_a_push_lift_nothing(scene: Scene, watching: Callable[[Scene], ToolContext]) -> None:
    context = watching(scene)
    assert find(context, "red cup", "lifted") == []
    assert find(context, "red cup", "rises") == []
    assert (find(context, "red cup", "right") != []) == (scene is pushed)
