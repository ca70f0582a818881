"""Every editing tool on files that are gone, damaged or odd: one clear line or a whole file, never half of one."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evals.contracts.tool import example_arguments
from tests.editing.conftest import Watched
from tests.fixtures.render import playlist, truncated
from tools.base import Cancelled, MediaError, ToolError
from tools.builtin import TOOLS
from tools.editing.base import Edit
from tools.media.reader import VideoReader
from tools.media.stills import read_picture

EDITS = [tool for tool in TOOLS if issubclass(tool, Edit)]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "overlay_text": {"text": "Hello"},
    "speed": {"factor": 2.0},
    "blur_region": {"boxes": [(10, 10, 60, 60)]},
    "highlight": {"boxes": [(10, 10, 60, 60)]},
    "remove_object": {"boxes": [(10, 10, 60, 60)]},
    "slow_motion": {"factor": 2},
    "adjust": {"saturation": 0.0},
    "crop": {"box": (10, 10, 60, 60)},
    "fade": {"in_s": 0.01, "out_s": 0.0},
    "volume": {"factor": 0.5},
}
SPEECH = [{"event_id": "s", "kind": "speech", "start_s": 0.0, "end_s": 0.5, "text": "so", "attributes": {}}]
SHOTS = [{"shot_id": 0, "start_s": 0.0, "end_s": 6.0, "keyframe_s": 1.0}]


def gone(path: Path) -> None:
    path.unlink()


def without_index(path: Path) -> None:
    truncated(path, 0.6, path)


def a_playlist(path: Path) -> None:
    shutil.copy(path, path.with_name("sibling.mp4"))
    playlist(path, "sibling.mp4")


def holes(path: Path) -> None:
    """Damaged in the middle, but the index is there."""
    data = bytearray(path.read_bytes())
    chance = random.Random(1)
    begin, end = data.index(b"mdat") + 100, len(data)
    moov = data.find(b"moov")
    end = moov - 8 if moov > begin else end
    for _ in range(60):
        data[chance.randrange(begin, end)] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.fixture
def calling(tmp_path: Path, watched: Watched, flash_clips: Mapping[str, Path]) -> Callable[..., tuple[Any, Path]]:
    """`calling(tool, damage, name)`: the context of a call, and the arguments, after the file was spoilt."""

    def call(tool: type[Edit], clip: str, spoil: Callable[[Path], None] | None = None) -> tuple[Any, dict[str, Any]]:
        path = tmp_path / f"{clip}.mp4"
        shutil.copy(flash_clips[clip], path)
        second = tmp_path / "second.mp4"
        shutil.copy(flash_clips["mute" if clip == "one-frame" else "one-frame"], second)
        context = watched(path, second, event=SPEECH, shot=SHOTS)
        if spoil is not None:
            spoil(path)
        return context, ARGUMENTS.get(tool.name) or example_arguments(tool())

    return call


def left_over(context: Any) -> list[str]:
    return sorted(path.name for path in context.artifacts.rglob("*")) if context.artifacts.exists() else []


@pytest.mark.parametrize(
    "spoil",
    [gone, *(pytest.param(one, marks=pytest.mark.slow) for one in (without_index, a_playlist))],
)
@pytest.mark.parametrize("tool", EDITS, ids=lambda tool: tool.name)
def test_a_file_that_cannot_be_read_is_one_line_and_no_file(tool: type[Edit], spoil: Any, calling: Any) -> None:
    context, arguments = calling(tool, "mute", spoil)
    if tool.name == "export":
        arguments = {"format": "srt"}
        tool().call(arguments, context)  # memory is all it needs
        return
    with pytest.raises(MediaError) as caught:
        tool().call(arguments, context)
    assert "\n" not in str(caught.value)
    assert left_over(context) == []


@pytest.mark.slow
@pytest.mark.parametrize("clip", ["one-frame", "odd", "rotated", "mute", "variable"])
@pytest.mark.parametrize("tool", EDITS, ids=lambda tool: tool.name)
def test_odd_files_give_whole_files_or_one_line(tool: type[Edit], clip: str, calling: Any) -> None:
    check_outcome(tool, *calling(tool, clip))


@pytest.mark.slow
@pytest.mark.parametrize("tool", EDITS, ids=lambda tool: tool.name)
def test_damage_on_the_way_gives_whole_files_or_one_line(tool: type[Edit], calling: Any) -> None:
    check_outcome(tool, *calling(tool, "plain", holes))


def check_outcome(tool: type[Edit], context: Any, arguments: dict[str, Any]) -> None:
    result, refused = None, ""
    try:
        result = tool().call(arguments, context)
    except ToolError as error:
        refused = str(error)
    if result is None:
        assert refused
        assert "\n" not in refused
        assert left_over(context) == []
        return
    assert result.artifacts
    for artifact in result.artifacts:
        path = Path(artifact.path)
        if path.suffix == ".mp4":
            info = VideoReader(path).info
            assert info.warning == ""
            assert info.duration_s == pytest.approx(result.duration_s, abs=0.05)
        elif path.suffix == ".png":
            read_picture(path)
        else:
            assert path.stat().st_size
    assert not [name for name in left_over(context) if name.startswith((".", "tmp"))]


@pytest.mark.parametrize("tool", EDITS, ids=lambda tool: tool.name)
def test_a_cancelled_call_leaves_nothing(tool: type[Edit], calling: Any) -> None:
    context, arguments = calling(tool, "mute")
    context.cancelled = lambda: True
    try:
        tool().call(arguments, context)
    except (Cancelled, ToolError):
        assert left_over(context) == []
