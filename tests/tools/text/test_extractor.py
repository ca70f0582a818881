"""The text extractor on drawn scenes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tools.text.screens import Picture, blank, extract, write
from tools.media.frame import Frame
from tools.text.gate import BURST, READS_PER_S, ReadGate
from tools.text.similarity import text_similarity


def test_a_caption_is_read_with_its_interval_place_and_colours() -> None:
    def scene(t_s: float) -> Picture:
        picture = blank((20, 20, 20))
        return write(picture, "Closing time soon", (140, 330), (230, 30, 30)) if 1.5 <= t_s < 3.5 else picture

    rows = extract(scene, 5.0)
    assert [row["text"] for row in rows] == ["Closing time soon"]
    row = rows[0]
    assert row["start_s"] == pytest.approx(1.5, abs=0.3)
    assert row["end_s"] == pytest.approx(3.5, abs=0.3)
    assert row["confidence"] > 0.9
    facts = row["attributes"]
    assert facts["position"] == ["bottom", "centre"]
    assert (facts["colour"], facts["background"]) == ("red", "black")
    assert facts["box"] == pytest.approx([140, 300, 480, 340], abs=25)


def test_text_over_a_busy_moving_picture_has_its_true_interval() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (60, 160, 3), dtype=np.uint8).repeat(12, 0).repeat(12, 1) * 90

    def scene(t_s: float) -> Picture:
        shift = int(t_s * 120)
        picture = np.ascontiguousarray(noise[100:460, shift : shift + 640])
        return write(picture, "BREAKING NEWS", (150, 60), (255, 255, 0)) if 2.2 <= t_s < 5.0 else picture

    rows = [row for row in extract(scene, 7.0) if text_similarity(row["text"], "BREAKING NEWS") > 0.8]
    assert len(rows) == 1
    assert rows[0]["start_s"] == pytest.approx(2.2, abs=0.3)
    assert rows[0]["end_s"] == pytest.approx(5.0, abs=0.3)


def test_text_that_comes_back_is_another_event() -> None:
    def scene(t_s: float) -> Picture:
        picture = blank()
        return write(picture, "Chapter two", (60, 80)) if t_s < 1.5 or t_s >= 4.0 else picture

    rows = extract(scene, 5.5)
    assert [row["text"] for row in rows] == ["Chapter two", "Chapter two"]
    assert rows[0]["end_s"] == pytest.approx(1.5, abs=0.3)
    assert rows[1]["start_s"] == pytest.approx(4.0, abs=0.3)


def test_one_subtitle_replaces_another_at_its_time() -> None:
    def scene(t_s: float) -> Picture:
        return write(blank(), "Where are you going" if t_s < 2.0 else "Back to the garden", (120, 320))

    rows = extract(scene, 4.0)
    assert [row["text"] for row in rows] == ["Where are you going", "Back to the garden"]
    assert rows[0]["end_s"] == pytest.approx(2.0, abs=0.3)
    assert rows[1]["start_s"] == pytest.approx(2.0, abs=0.3)


def test_a_counter_that_goes_on_is_another_text() -> None:
    def scene(t_s: float) -> Picture:
        return write(blank(), "Score 21" if t_s < 2.0 else "Score 27", (400, 60), size=1.5)

    rows = extract(scene, 4.0)
    assert [row["text"] for row in rows] == ["Score 21", "Score 27"]
    assert rows[1]["start_s"] == pytest.approx(2.0, abs=0.3)


def test_moving_text_is_one_text() -> None:
    def scene(t_s: float) -> Picture:
        return write(blank(), "ROLLING TRAM", (20 + int(60 * t_s), 180))

    rows = extract(scene, 4.0)
    assert [row["text"] for row in rows] == ["ROLLING TRAM"]
    assert rows[0]["attributes"]["moving"]
    assert rows[0]["start_s"] == pytest.approx(0.0, abs=0.01)
    assert rows[0]["end_s"] == pytest.approx(4.0, abs=0.3)


def test_no_text_gives_no_row() -> None:
    texture = np.random.default_rng(1).integers(60, 190, (360, 640, 3), dtype=np.uint8)

    def scene(t_s: float) -> Picture:
        picture = blank((90, 140, 90)) if t_s < 1.0 else texture.copy()
        picture[100:200, 40 + int(50 * t_s) : 140 + int(50 * t_s)] = (200, 60, 40)
        return picture

    assert extract(scene, 3.0) == []


def test_the_same_frames_give_the_same_rows() -> None:
    def scene(t_s: float) -> Picture:
        return write(blank(), "Lobby", (40 + int(40 * t_s), 200))

    assert extract(scene, 1.6) == extract(scene, 1.6)


def test_a_still_picture_is_read_once() -> None:
    picture, gate = write(blank(), "Lobby", (40, 200)), ReadGate()
    orders = [gate.offer(Frame.from_rgb(i, i / 5, picture), eager=True) for i in range(50)]
    assert [i for i, order in enumerate(orders) if order is not None] == [0]


def test_reads_are_bounded_whatever_moves() -> None:
    random, gate, reads = np.random.default_rng(2), ReadGate(), 0
    for i in range(300):
        picture = random.integers(0, 2, (45, 80, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1) * 255
        reads += gate.offer(Frame.from_rgb(i, i / 5, picture), eager=True) is not None
    assert 20 < reads <= (BURST + 60 * READS_PER_S) * 2
