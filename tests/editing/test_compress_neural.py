"""`compress_neural`: three files that belong together, within its time, or one clear line."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.editing.conftest import Watched
from tools.base import Cancelled, InvalidArguments
from tools.editing.compress_neural import CompressNeural
from tools.editing.provenance import read_provenance
from tools.media.reader import VideoReader
from tools.restoration.h264 import CRFS
from tools.restoration.nirvana.__main__ import app
from tools.restoration.nirvana.codec import Decoder
from tools.restoration.nirvana.network import SIZES
from tools.restoration.nirvana.plan import FEWEST_STEPS, FIRST_SHARE, MOST_STEPS, fewest_seconds, later_steps
from tools.types import Interval

SHORT = {"end_s": 0.2, "seconds": 1.0, "height": 64}


def compressed(context: Any, **arguments: Any) -> Any:
    return CompressNeural().call({**SHORT, **arguments}, context)


def test_the_file_the_video_and_the_table_belong_together(
    flash_clips: Mapping[str, Path], watched: Watched, tmp_path: Path
) -> None:
    context = watched(flash_clips["plain"])
    said: list[float] = []
    context.progress = lambda _note, share: said.append(share)
    result = compressed(context)
    path, video, table = (Path(one.path) for one in result.artifacts)
    assert path.stat().st_size == result.num_bytes
    assert all(read_provenance(one) is not None for one in (path, video, table))
    assert result.intervals == [Interval(0.0, 0.2)]
    assert f"{result.num_bytes} bytes" in result.summary
    assert f"{result.h264_bytes} bytes" in result.summary
    assert said

    with Decoder(path) as decoder:
        assert decoder.num_frames == result.num_frames
        assert decoder.header.height == 64
        assert len(result.group_bytes) == len(decoder.index.blocks)
        assert result.group_bytes[1] < result.group_bytes[0]
        first = decoder.frame(0)
    info = VideoReader(video).info
    assert info.num_frames == result.num_frames
    assert info.duration_s == pytest.approx(0.2, abs=0.05)

    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["codec"] for row in rows] == ["NIRVANA", *(f"H.264, CRF {crf}" for crf in CRFS)]
    assert int(rows[0]["bytes"]) == result.num_bytes
    assert float(rows[0]["psnr_db"]) == pytest.approx(result.psnr_db, abs=0.01)

    run = CliRunner()
    assert run.invoke(app, ["decode", str(path), str(tmp_path / "again.mp4")]).exit_code == 0
    assert VideoReader(tmp_path / "again.mp4").info.num_frames == result.num_frames
    assert run.invoke(app, ["decode", str(path), str(tmp_path / "one.png"), "--frame", "0"]).exit_code == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "one.png")), first)
    assert run.invoke(app, ["decode", str(path), str(tmp_path / "group"), "--group", "1"]).exit_code == 0
    assert len(list((tmp_path / "group").iterdir())) == min(3, result.num_frames - 3)
    assert "group 1: " in run.invoke(app, ["info", str(path)]).output
    failed = run.invoke(app, ["decode", str(table), str(tmp_path / "no.mp4")])
    assert failed.exit_code == 1
    assert not (tmp_path / "no.mp4").exists()


@pytest.mark.parametrize("name", ["one-frame", pytest.param("odd", marks=pytest.mark.slow), "rotated"])
def test_unusual_files_give_right_ones(name: str, flash_clips: Mapping[str, Path], watched: Watched) -> None:
    source = VideoReader(flash_clips[name]).info
    result = compressed(watched(flash_clips[name]), end_s=0.1, seconds=0.5, height=32)
    with Decoder(Path(result.artifacts[0].path)) as decoder:
        shape = decoder.frame(decoder.num_frames - 1).shape
    assert shape == (32, round(source.width * 32 / source.height), 3)


def test_what_cannot_be_done_is_said_and_leaves_no_file(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["plain"])
    with pytest.raises(InvalidArguments, match="need at least seconds="):
        compressed(context, end_s=2.0, seconds=0.1)
    with pytest.raises(InvalidArguments, match="is empty"):
        compressed(context, start_s=1.0)
    with pytest.raises(InvalidArguments, match="end_s"):
        CompressNeural().call({"seconds": 5.0}, context)
    stops = iter([False] * 12 + [True] * 100)
    context.cancelled = lambda: next(stops)
    with pytest.raises(Cancelled):
        compressed(context)
    assert not list(context.artifacts.glob("*"))


def test_consent_is_asked_for_the_time_that_is_given(flash_clips: Mapping[str, Path], watched: Watched) -> None:
    context = watched(flash_clips["plain"])
    args = CompressNeural.Args(end_s=1.0, seconds=90.0)
    assert CompressNeural().expected_seconds(args, context) == 90.0
    assert CompressNeural().expected_seconds(args.model_copy(update={"video": "none"}), context) == 0.0


def test_steps_follow_the_time() -> None:
    pocket = SIZES["pocket"]
    few, many = (later_steps(pocket, 15, 6, seconds) for seconds in (5.0, 10.0))
    assert FEWEST_STEPS <= few < many <= 2 * few + 1
    assert later_steps(pocket, 15, 60, 10.0) < many
    assert later_steps(pocket, 30, 6, 10.0) < many
    assert later_steps(pocket, 15, 6, 1e9) == MOST_STEPS
    least = fewest_seconds(pocket, 15, 6)
    assert later_steps(pocket, 15, 6, 1.001 * least) == FEWEST_STEPS
    assert later_steps(pocket, 15, 6, 0.99 * least) == 0
    assert least > FEWEST_STEPS * FIRST_SHARE * 1e-3
