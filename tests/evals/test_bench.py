"""The benchmark's parts: measuring a process, repeating a clip, the command line and its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evals.bench.machine import commit, describe_machine, versions
from evals.bench.process import limited_to_cores, measure
from evals.bench.repeat import repeat_clip
from evals.bench.result import Result
from tools.base import MediaError, ToolFailed
from tools.media.reader import VideoReader
from tools.media.sample import render_sample
from tools.media.sound import MONO
from tools.media.writer import VideoWriter

MEASURES = """
import sys
from evals.bench.process import measure
big = measure([sys.executable, "-c", "b = b'x' * 300_000_000; print(len(b))"], {})
small = measure([sys.executable, "-c", "import os; print(os.environ['MARK'])"], {"MARK": "seen"})
print(big.stdout.strip(), big.peak_bytes, small.stdout.strip(), small.peak_bytes)
"""


def test_a_process_is_measured_alone() -> None:
    # From a small parent: a child's peak is never below its parent's size, and this test run is large.
    told = subprocess.run([sys.executable, "-c", MEASURES], capture_output=True, text=True, check=True)
    printed, big_bytes, seen, small_bytes = told.stdout.split()
    assert (printed, seen) == ("300000000", "seen")
    assert int(big_bytes) > 300_000_000 > int(small_bytes)


def test_a_failing_process_is_an_error_unless_its_status_is_accepted() -> None:
    command = [sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"]
    with pytest.raises(ToolFailed, match="status 3: why"):
        measure(command, {})
    assert measure(command, {}, accept=(0, 3)).wall_s > 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot limit cores")
def test_the_limit_of_cores_holds_for_children_and_ends() -> None:
    before = os.sched_getaffinity(0)
    with limited_to_cores(1) as cores:
        ran = measure([sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"], {})
    assert (cores, ran.stdout.strip()) == (1, "1")
    assert os.sched_getaffinity(0) == before


def test_a_repeated_clip_has_every_picture_at_an_even_rate(tmp_path: Path) -> None:
    source = tmp_path / "short.mp4"
    with VideoWriter(source, 64, 48, Fraction(25), sound=MONO) as writer:
        for index in range(30):
            writer.add(np.full((48, 64, 3), 8 * index, np.uint8))
        writer.add_sound(np.zeros(int(1.2 * 16_000), np.float32))
    out = tmp_path / "long.mp4"
    assert repeat_clip(source, out, 4.0) == 4
    with VideoReader(out) as reader:
        frames = [(frame.t_s, int(frame.rgb[24, 32, 0])) for frame in reader.frames()]
        assert reader.info.has_audio
    assert len(frames) == 120
    gaps = np.diff([t_s for t_s, _ in frames])
    assert gaps.min() > 0.03
    assert gaps.max() < 0.04 + 0.1  # a block of sound more than the pictures last is the most that a copy waits
    for first, again in zip(frames[:30], frames[30:60], strict=True):
        assert abs(first[1] - again[1]) <= 2


def test_a_file_that_is_no_video_cannot_be_repeated(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    with pytest.raises(MediaError, match="bad"):
        repeat_clip(bad, tmp_path / "out.mp4", 10)


def test_a_result_is_ok_within_its_bounds() -> None:
    assert Result("m", 1.0, "s").to_json() == {"metric": "m", "value": 1.0, "unit": "s"}
    assert Result("m", 1.0, "s", target=2.0).to_json()["ok"] is True
    assert Result("m", 2.0, "s", target=2.0).to_json()["ok"] is False
    assert Result("m", 2.0, "1/s", at_least=2.0).to_json()["ok"] is True
    assert Result("m", 1.9, "1/s", at_least=2.0).to_json()["ok"] is False


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine["cpu"]
    assert float(machine["memory_gib"]) > 0
    assert versions()["torch"] == machine["torch"]
    assert commit()


def test_an_unknown_benchmark_is_a_usage_error() -> None:
    done = subprocess.run([sys.executable, "-m", "evals.bench", "nosuch"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "nosuch" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_ingest_benchmark_measures_and_writes_json(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    render_sample(data / "sample.mp4")
    written = tmp_path / "figures.json"
    command = [sys.executable, "-m", "evals.bench", "ingest", "--json", str(written), "--data", str(data)]
    done = subprocess.run([*command, "--long-minutes", "0.3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(written.read_text())
    assert {"name", "machine", "commit", "results"} == set(report)
    figures = {item["metric"]: item for item in report["results"]}
    peak = figures["ingest of sample.mp4, peak memory"]
    assert peak["target"] == 1.5
    assert peak["ok"] is (peak["value"] < 1.5)
    assert figures["length of sample.mp4 x 2"]["value"] == pytest.approx(20, abs=0.3)
    assert "second question, whole process" in figures
    assert any(metric.startswith("  extractor ") for metric in figures)
    assert "ingest of sample.mp4, wall" in done.stdout
