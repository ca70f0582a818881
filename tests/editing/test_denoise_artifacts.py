"""`denoise_artifacts`: better than what it was given, in sync, and it says so where there is nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.editing.conftest import Watched
from tests.editing.flashes import IN_SYNC_S, apart_s
from tests.fixtures.render import Encoding, render
from tools.base import InvalidArguments, MissingModel, ToolFailed
from tools.editing.denoise_artifacts import DenoiseArtifacts
from tools.editing.provenance import read_provenance
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.restoration.quality import psnr


def clean(context: Any, **arguments: Any) -> Any:
    return DenoiseArtifacts().call(arguments, context)


@pytest.fixture(scope="module")
def truth() -> list[Picture]:
    config = Config(height=120, width=160, num_frames=20, cut=0.0, damage=0.0, leaving=0.0)
    return list(SyntheticVideos(config, seed=7)[0].frames())


@pytest.fixture(scope="module")
def coarse(truth: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    encoding = Encoding(options={"crf": "40", "g": "8", "preset": "veryfast"}, colour_space="ITU709", colour_tag=1)
    return render(tmp_path_factory.mktemp("coarse") / "coarse.mp4", truth, encoding=encoding)


def test_the_file_is_better_than_the_one_it_was_made_of(truth: list[Picture], coarse: Path, watched: Watched) -> None:
    context = watched(coarse)
    result = clean(context)
    before, after = (
        float(np.mean([psnr(f.rgb, t) for f, t in zip(VideoReader(path).frames(), truth, strict=True)]))
        for path in (coarse, Path(result.artifacts[0].path))
    )
    assert after > before
    assert result.qp == pytest.approx(40, abs=4)
    assert "compression" in result.summary
    made = read_provenance(Path(result.artifacts[0].path))
    assert made is not None
    assert made.tool == "denoise_artifacts"
    assert DenoiseArtifacts().expected_seconds(DenoiseArtifacts.Args(), context) > 0


def test_the_file_is_neither_lighter_nor_darker(coarse: Path, watched: Watched) -> None:
    made = Path(clean(watched(coarse)).artifacts[0].path)
    before, after = (
        np.mean([f.rgb for f in VideoReader(path, exact=True).frames()], axis=(0, 1, 2)) for path in (coarse, made)
    )
    assert np.abs(after - before).max() < 0.5


def test_what_is_hardly_compressed_is_left_alone_unless_asked(
    truth: list[Picture], tmp_path: Path, watched: Watched
) -> None:
    context = watched(render(tmp_path / "fine.mp4", truth[:3]))
    with pytest.raises(ToolFailed, match="give qp"):
        clean(context)
    assert not list(context.artifacts.glob("*.mp4"))
    assert clean(context, qp=36).qp == pytest.approx(36)


def test_a_codec_that_does_not_tell_needs_the_quantiser(truth: list[Picture], tmp_path: Path, watched: Watched) -> None:
    context = watched(render(tmp_path / "other.mp4", truth[:2], encoding=Encoding("mpeg4")))
    with pytest.raises(ToolFailed, match="does not tell"):
        clean(context)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["variable", "stereo44"])
def test_flash_and_beep_stay_together(name: str, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    result = clean(watched(flash_clips[name]), qp=36)
    path = Path(result.artifacts[0].path)
    assert apart_s(path) <= IN_SYNC_S


@pytest.mark.parametrize(
    "name", ["one-frame", *(pytest.param(name, marks=pytest.mark.slow) for name in ("rotated", "odd", "mute"))]
)
def test_other_files_keep_size_and_length(name: str, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    source = VideoReader(flash_clips[name]).info
    result = clean(watched(flash_clips[name]), qp=36)
    info = VideoReader(result.artifacts[0].path).info
    assert (info.num_frames, info.has_audio) == (source.num_frames, source.has_audio)
    assert abs(info.width - source.width) <= 1
    assert abs(info.height - source.height) <= 1
    assert info.duration_s == pytest.approx(source.duration_s, abs=0.05)


def test_a_network_that_is_not_there_is_named_with_the_command(coarse: Path, watched: Watched) -> None:
    with pytest.raises(MissingModel, match="--model keyframes_gan"):
        clean(watched(coarse), model="keyframes_gan")


def test_wrong_calls(coarse: Path, watched: Watched) -> None:
    with pytest.raises(InvalidArguments):
        clean(watched(coarse), qp=60)
