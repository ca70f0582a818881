"""`contact_sheet`, `storyboard`, `gif` and `side_by_side`: which frames are where, and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
import pytest

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, apart_s, flashes_of
from tests.fixtures.render import blank, corners, render
from tools.base import InvalidArguments, ToolFailed
from tools.editing.base import spread
from tools.editing.contact_sheet import ContactSheet
from tools.editing.gif import Gif
from tools.editing.side_by_side import SideBySide
from tools.editing.storyboard import CARDS_A_PAGE, Storyboard
from tools.media.reader import VideoReader
from tools.media.stills import read_picture
from tools.types import Interval

COLOURS = ((200, 30, 30), (30, 160, 30), (30, 30, 200), (220, 220, 40))
SHOTS = [{"shot_id": n, "start_s": n, "end_s": n + 1.0, "keyframe_s": n + 0.5} for n in range(4)]
EVENTS = [
    {"event_id": "s", "kind": "speech", "start_s": 1.2, "end_s": 1.6, "text": "look", "attributes": {}},
    {"event_id": "t", "kind": "text", "start_s": 3.1, "end_s": 3.9, "text": "出口 EXIT", "attributes": {}},
]


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, each of a colour of its own."""
    pictures = [blank(160, 120, colour) for colour in COLOURS for _ in range(10)]
    return render(tmp_path_factory.mktemp("colours") / "colours.mp4", pictures, 10)


def near(rgb: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (np.abs(rgb.astype(int) - colour) < 25).all(-1)


def test_a_contact_sheet_goes_through_the_video_in_order(colours: Path, watched: Watched) -> None:
    result = ContactSheet().call({"count": 4, "columns": 2, "width": 160}, watched(colours))
    sheet = read_picture(Path(result.artifacts[0].path))
    assert result.times_s == pytest.approx([0.5, 1.5, 2.5, 3.5])
    rows, columns = sheet.shape[0] // 2, sheet.shape[1] // 2
    for number, colour in enumerate(COLOURS):
        top, left = number // 2 * rows, number % 2 * columns
        cell = near(sheet[top : top + rows, left : left + columns], colour)
        assert cell.sum() > 0.9 * 160 * 120


def test_frames_are_spread_over_stretches_together() -> None:
    assert spread([Interval(0, 1), Interval(5, 8)], 4) == pytest.approx([0.5, 5.5, 6.5, 7.5])


def test_a_storyboard_has_a_picture_a_shot_and_its_words(colours: Path, watched: Watched) -> None:
    context = watched(colours, shot=SHOTS, event=EVENTS)
    result = Storyboard().call({"columns": 4, "width": 160}, context)
    sheet = read_picture(Path(result.artifacts[0].path))
    step = sheet.shape[1] // 4
    words = []
    for number, colour in enumerate(COLOURS):
        cell = sheet[:, number * step : (number + 1) * step]
        assert near(cell, colour).sum() > 0.9 * 160 * 120
        words.append(int((cell[158:].max(-1) > 120).sum()))
    assert (words[0], words[2]) == (0, 0)
    assert min(words[1], words[3]) > 50
    assert result.num_shots == 4


def test_many_shots_are_on_several_pages(colours: Path, watched: Watched) -> None:
    shots = [{"shot_id": n, "start_s": n / 10, "end_s": (n + 1) / 10, "keyframe_s": n / 10} for n in range(25)]
    result = Storyboard().call({"width": 96}, watched(colours, shot=shots))
    assert [artifact.description for artifact in result.artifacts] == [
        f"shots 1-{CARDS_A_PAGE} of colours",
        f"shots {CARDS_A_PAGE + 1}-25 of colours",
    ]


def test_a_storyboard_needs_shots(colours: Path, watched: Watched) -> None:
    with pytest.raises(ToolFailed, match="no shot in memory"):
        Storyboard().call({}, watched(colours))


def test_a_gif_has_the_frames_and_times_of_the_stretch(colours: Path, watched: Watched) -> None:
    result = Gif().call({"intervals": [(0.5, 1.5), (3.0, 3.6)], "width": 80}, watched(colours))
    with av.open(result.artifacts[0].path) as container:
        stream = container.streams.video[0]
        frames = [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)
        ]
    assert [t for t, _ in frames] == pytest.approx([n / 10 for n in range(16)], abs=0.011)
    assert all(frame.shape == (60, 80, 3) for _, frame in frames)
    seen = [next(n for n, colour in enumerate(COLOURS) if near(frame, colour).mean() > 0.95) for _, frame in frames]
    assert seen == [0] * 5 + [1] * 5 + [3] * 6
    assert result.duration_s == pytest.approx(1.6)


def test_colours_of_a_gif_are_near(watched: Watched, tmp_path: Path) -> None:
    shades = np.linspace(0, 255, 160).astype(np.uint8)
    picture = np.ascontiguousarray(np.broadcast_to(shades[None, :, None], (120, 160, 3)))
    clip = render(tmp_path / "shades.mp4", [picture, corners()], 10)
    result = Gif().call({"width": 160}, watched(clip))
    with av.open(result.artifacts[0].path) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    source = VideoReader(clip).frame_at(0).rgb.astype(int)
    assert np.abs(first.reshape(30, 4, 40, 4, 3).mean((1, 3)) - source.reshape(30, 4, 40, 4, 3).mean((1, 3))).mean() < 6


def test_a_gif_of_an_hour_is_refused(watched: Watched, tmp_path: Path) -> None:
    clip = render(tmp_path / "long.mp4", [blank()] * 3, times_s=[0.0, 50.0, 100.0])
    with pytest.raises(ToolFailed, match="at most 60 s"):
        Gif().call({}, watched(clip))


def test_videos_beside_each_other_run_together(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["stereo44"], flash_clips["variable"])
    result = SideBySide().call({"videos": list(context.videos), "labels": ["before", ""], "sound": 2}, context)
    path = Path(result.artifacts[0].path)
    assert apart_s(path) < IN_SYNC_S
    frames = [(frame.t_s, frame.rgb) for frame in VideoReader(path).frames()]
    assert all(rgb.shape == (120, 320, 3) for _, rgb in frames)
    for clip, part in ((flash_clips["stereo44"], slice(20, 140)), (flash_clips["variable"], slice(180, 300))):
        starts, before = [], False
        for t_s, rgb in frames:
            bright = rgb[40:, part].mean() > 128
            if bright and not before:
                starts.append(t_s)
            before = bright
        assert starts[: len(flashes_of(clip))] == pytest.approx(flashes_of(clip), abs=0.005)
    longest = max(VideoReader(flash_clips[name]).info.duration_s for name in ("stereo44", "variable"))
    assert result.duration_s == pytest.approx(longest)


def test_a_column_starts_where_it_is_told_and_ends_with_the_shortest(
    flash_clips: Mapping[str, Path], watched: Watched
) -> None:
    context = watched(flash_clips["stereo44"], flash_clips["rotated"])
    arguments = {"videos": list(context.videos), "layout": "column", "until": "shortest", "starts_s": [4.5, 0.0]}
    result = SideBySide().call(arguments, context)
    info = VideoReader(result.artifacts[0].path).info
    assert (info.width, info.height) == (120, 90 + 160)
    assert info.duration_s == pytest.approx(1.5, abs=1e-3)


def test_wrong_numbers_are_told(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["mute"])
    two = [context.videos[0]] * 2
    for wrong in (
        {"labels": ["a"]},
        {"starts_s": [0.0]},
        {"starts_s": [-1.0, 0.0]},
        {"sound": 3},
        {"starts_s": [99.0, 0]},
    ):
        with pytest.raises(InvalidArguments):
            SideBySide().call({"videos": two, **wrong}, context)
    assert not context.artifacts.exists()
