"""Small edits of whole pictures and of sound: turned, cropped, adjusted, louder, silent, extracted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, apart_s
from tests.fixtures.render import render
from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.editing.adjust import Adjust
from tools.editing.blur_region import BlurRegion
from tools.editing.contact_sheet import ContactSheet
from tools.editing.crop import Crop
from tools.editing.crop_to_subject import CropToSubject
from tools.editing.cut import Cut
from tools.editing.extract_audio import ExtractAudio
from tools.editing.fade import Fade
from tools.editing.gif import Gif
from tools.editing.overlay_text import OverlayText
from tools.editing.rotate import Rotate, Turn
from tools.editing.side_by_side import SideBySide
from tools.editing.slow_motion import SlowMotion
from tools.editing.speed import Speed
from tools.editing.volume import Volume
from tools.media.reader import VideoReader
from tools.media.sound import SoundFormat
from tools.media.writer import VideoWriter

QUARTERS = np.zeros((96, 128, 3), np.uint8)
QUARTERS[:48, :64], QUARTERS[:48, 64:] = (220, 30, 30), (30, 200, 30)
QUARTERS[48:, :64], QUARTERS[48:, 64:] = (30, 30, 220), (200, 200, 200)


@pytest.fixture
def quarters(tmp_path: Path, watched: Watched) -> ToolContext:
    """Two seconds of four colours: red, green; blue, grey."""
    thing = {"entity_id": "e", "category": "thing", "description": "a thing", "first_s": 0.0, "last_s": 2.0}
    seen = [
        {"entity_id": "e", "t_s": t, "x1": 0.0, "y1": 0.0, "x2": 64.0, "y2": 48.0} for t in (0.0, 0.5, 1.0, 1.5, 2.0)
    ]
    clip = render(tmp_path / "quarters.mp4", [QUARTERS] * 50)
    return watched(clip, entity=[thing], observation=seen)


def picture(path: str, t_s: float = 0.5) -> np.ndarray:
    return np.asarray(VideoReader(path).frame_at(t_s).rgb)


def is_near(rgb: np.ndarray, wanted: np.ndarray) -> bool:
    return rgb.shape == wanted.shape and float(np.abs(rgb.astype(int) - wanted).mean()) < 6


@pytest.mark.parametrize(
    ("turn", "wanted"),
    [
        ("right", np.rot90(QUARTERS, 3)),
        ("left", np.rot90(QUARTERS)),
        ("upside down", QUARTERS[::-1, ::-1]),
        ("mirror", QUARTERS[:, ::-1]),
        ("flip", QUARTERS[::-1]),
    ],
)
def test_pictures_are_turned(turn: Turn, wanted: np.ndarray, quarters: ToolContext) -> None:
    made = Rotate().call({"turn": turn}, quarters)
    assert is_near(picture(made.artifacts[0].path), wanted)


def test_a_box_is_kept(quarters: ToolContext) -> None:
    made = Crop().call({"box": [64, 0, 500, 47]}, quarters)
    assert is_near(picture(made.artifacts[0].path), QUARTERS[:46, 64:])
    with pytest.raises(InvalidArguments, match="128x96"):
        Crop().call({"box": [300, 0, 500, 50]}, quarters)


@pytest.mark.parametrize(("tool", "arguments"), [(Rotate(), {"turn": "mirror"}), (Crop(), {"box": [0, 0, 64, 48]})])
def test_places_of_memory_mean_nothing_in_what_was_turned(
    tool: Rotate | Crop, arguments: dict[str, object], quarters: ToolContext
) -> None:
    name = Path(tool.call(arguments, quarters).artifacts[0].path).name
    again = Path(Cut().call({"video": name, "end_s": 1.0}, quarters).artifacts[0].path).name
    for video in (name, again):
        with pytest.raises(InvalidArguments, match="elsewhere"):
            BlurRegion().call({"video": video, "entities": ["e"]}, quarters)


def test_light_and_colour(quarters: ToolContext) -> None:
    grey = picture(Adjust().call({"saturation": 0}, quarters).artifacts[0].path)
    assert np.ptp(grey.astype(int), axis=2).max() < 8
    made = Adjust().call({"brightness": 0.2, "start_s": 1.0}, quarters).artifacts[0].path
    before, after = picture(made, 0.5), picture(made, 1.5)
    assert is_near(before, QUARTERS)
    assert after[10, 10, 1] - 30 == pytest.approx(51, abs=8)
    flat = picture(Adjust().call({"contrast": 0}, quarters).artifacts[0].path)
    assert np.ptp(flat) < 8
    with pytest.raises(InvalidArguments, match="nothing would change"):
        Adjust().call({}, quarters)


def rms(path: str, start_s: float, end_s: float) -> float:
    form = SoundFormat(16_000, "mono")
    blocks = list(VideoReader(path).track(form, start_s, end_s))
    return float(np.sqrt(np.mean(np.concatenate(blocks, axis=1) ** 2))) if blocks else 0.0


@pytest.mark.parametrize("name", ["plain", "odd"])
def test_louder_quieter_and_silent(name: str, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    clip = flash_clips[name]
    context = watched(clip)
    was = rms(str(clip), 0, 6)
    half = Volume().call({"factor": 0.5}, context).artifacts[0].path
    assert rms(half, 0, 6) == pytest.approx(was / 2, rel=0.1)
    assert apart_s(Path(half)) < IN_SYNC_S
    muted = Volume().call({"factor": 0}, context).artifacts[0].path
    assert not VideoReader(muted).info.has_audio
    assert VideoReader(muted).info.num_frames == VideoReader(clip).info.num_frames
    partly = Volume().call({"factor": 0, "start_s": 0, "end_s": 3}, context).artifacts[0].path
    assert rms(partly, 0.2, 2.8) < 0.02 * was
    assert rms(partly, 3.2, 5.8) == pytest.approx(rms(str(clip), 3.2, 5.8), rel=0.1)


def test_fades(quarters: ToolContext) -> None:
    made = Fade().call({"in_s": 1.0, "out_s": 0.0}, quarters).artifacts[0].path
    levels = [float(picture(made, t).mean() / QUARTERS.mean()) for t in (0.0, 0.5, 1.0, 1.9)]
    assert levels == pytest.approx([0.0, 0.5, 1.0, 1.0], abs=0.06)
    with pytest.raises(InvalidArguments, match="shorter"):
        Fade().call({"in_s": 2.0}, quarters)


def test_sound_fades_too(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    clip = flash_clips["plain"]
    made = Fade().call({"in_s": 0.0, "out_s": 3.0}, watched(clip)).artifacts[0].path
    assert rms(made, 0, 2.9) == pytest.approx(rms(str(clip), 0, 2.9), rel=0.1)
    assert rms(made, 4, 5) == pytest.approx(rms(str(clip), 4, 5) / 2, rel=0.35)


@pytest.mark.parametrize(("form", "codec"), [("m4a", "aac"), ("wav", "pcm_s16le")])
def test_sound_by_itself(form: str, codec: str, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    clip = flash_clips["stereo44"]
    made = ExtractAudio().call({"format": form, "start_s": 1, "end_s": 4}, watched(clip)).artifacts[0]
    assert (made.kind, Path(made.path).suffix) == ("audio", f".{form}")
    with av.open(made.path) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == (codec, 44_100, 2)
        heard = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(stream)])
    assert len(heard) / 2 / 44_100 == pytest.approx(3.0, abs=0.05)


def test_no_sound_is_said(quarters: ToolContext) -> None:
    for tool, arguments in ((Volume(), {"factor": 2}), (ExtractAudio(), {})):
        with pytest.raises(ToolFailed, match="no sound"):
            tool.call(arguments, quarters)


PAL, ASPECT = (720, 576), Fraction(16, 15)


@pytest.fixture
def wide(tmp_path: Path, watched: Watched) -> ToolContext:
    """A second of PAL, whose pixels are wider than high."""
    with VideoWriter(tmp_path / "pal.mp4", *PAL, 6, pixel_aspect=ASPECT) as writer:
        for index in range(6):
            rgb = np.full((PAL[1], PAL[0], 3), 90, np.uint8)
            rgb[100:300, 20 * index : 20 * index + 200] = (200, 60, 40)
            writer.add(rgb)
    return watched(tmp_path / "pal.mp4", tmp_path / "pal.mp4")


def shape(path: str) -> float:
    """Width over height as it is shown."""
    info = VideoReader(path).info
    return float(info.width * info.pixel_aspect / info.height)


def test_pixels_that_are_not_square_keep_the_shape(wide: ToolContext) -> None:
    shown = float(PAL[0] * ASPECT / PAL[1])
    assert shape(str(wide.library.video(wide.videos[0]).path)) == pytest.approx(shown)
    calls = (
        (Cut(), {"start_s": 0.25, "end_s": 0.75}),
        (Speed(), {"factor": 2.0}),
        (SlowMotion(), {"factor": 2.0, "end_s": 0.2}),
        (OverlayText(), {"text": "x"}),
        (BlurRegion(), {"boxes": [[10, 10, 60, 60]]}),
        (Rotate(), {"turn": "mirror"}),
    )
    for tool, arguments in calls:
        made = tool.call(arguments, wide).artifacts[0].path
        assert shape(made) == pytest.approx(shown, rel=0.01), tool.name
    turned = Rotate().call({"turn": "right"}, wide).artifacts[0].path
    assert shape(turned) == pytest.approx(1 / shown, rel=0.01)
    assert shape(Cut().call({"exact": False}, wide).artifacts[0].path) == pytest.approx(shown)
    assert shape(CropToSubject().call({"aspect": "1:1", "boxes": [[0, 0, 300, 300]]}, wide).artifacts[0].path) == (
        pytest.approx(1, rel=0.01)
    )
    both = dataclasses.replace(wide, videos=[wide.videos[0]] * 2)
    beside = SideBySide().call({"videos": [wide.videos[0]] * 2}, both).artifacts[0].path
    assert shape(beside) == pytest.approx(2 * shown, rel=0.01)


def test_pictures_of_such_a_video_have_its_shape(wide: ToolContext) -> None:
    shown = float(PAL[0] * ASPECT / PAL[1])
    with av.open(Gif().call({"width": 320}, wide).artifacts[0].path) as gif:
        size = gif.streams.video[0].width / gif.streams.video[0].height
    assert size == pytest.approx(shown, rel=0.01)
    sheet = ContactSheet().call({"count": 1, "width": 400}, wide).artifacts[0].path
    rgb = np.asarray(Image.open(sheet).convert("RGB")).astype(int)
    lit = np.abs(rgb - 90).max(axis=2) < 12
    rows = lit.sum(axis=1) > 100  # the words below have fewer
    assert lit[rows].any(axis=0).sum() / rows.sum() == pytest.approx(shown, rel=0.03)
