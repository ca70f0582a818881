"""Drawing of evidence, saved pictures, frames in memory, and the identity of files."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.fixtures.render import blank, texture
from tools.media.draw import ACCENT, draw_evidence, save_picture
from tools.media.frame import Frame
from tools.media.identity import content_id
from tools.types import Box


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_box_is_drawn_where_it_is_and_seen_on_any_picture(shade: int) -> None:
    picture = blank(320, 240, (shade, shade, shade))
    drawn = draw_evidence(picture, Box(40, 50, 140, 120), "red cup", 1.25)
    assert (picture == shade).all()
    marked = np.argwhere((drawn == ACCENT).all(axis=2))
    assert np.abs(marked.min(axis=0) - (50, 40)).max() <= 2
    assert np.abs(marked.max(axis=0) - (120, 140)).max() <= 2
    bar = drawn[-15:].astype(int)
    assert bar.max() - bar.min() > 100
    assert (drawn[60:110, 50:130] == shade).all()


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (64, 48), (1920, 1080)])
@pytest.mark.parametrize("label", ["", "x" * 500, "tête-à-tête 漢字", "two\nlines"])
def test_any_size_and_label_can_be_drawn(size: tuple[int, int], label: str) -> None:
    picture = blank(*size)
    assert draw_evidence(picture, Box(-5, -5, 5000, 5000), label, 3600.0).shape == picture.shape


def test_a_saved_picture_is_the_same(tmp_path: Path) -> None:
    picture = texture(50, 40)
    path = save_picture(tmp_path / "new" / "p.png", picture)
    stored = cv2.imread(str(path))
    assert stored is not None
    assert np.array_equal(stored[:, :, ::-1], picture)
    assert [entry.name for entry in path.parent.iterdir()] == ["p.png"]


def test_the_identity_is_the_hash_of_the_content(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    assert content_id(tmp_path / "a") == (sha256, sha256[:16])


def test_views_of_a_frame_are_made_once() -> None:
    frame = Frame.from_rgb(3, 0.5, texture(640, 480))
    assert frame.rgb.shape == (480, 640, 3)
    assert frame.small is frame.small
    assert (frame.small.shape, frame.gray.shape, frame.scale) == ((240, 320, 3), (240, 320), 2.0)
    tiny = Frame.from_rgb(0, 0.0, texture(100, 80))
    assert tiny.small is tiny.rgb
    assert tiny.scale == 1.0


def test_threads_that_share_frames_never_wait_for_each_other_forever() -> None:
    """One thread asks for `small` and another for `rgb` of the same picture, which are one where it is small."""
    frames = [Frame.from_rgb(index, 0.0, texture(32, 24)) for index in range(300)]
    start = threading.Barrier(2)

    def use(view: str) -> None:
        for frame in frames:
            start.wait(timeout=20)
            getattr(frame, view)

    threads = [threading.Thread(target=use, args=(view,), daemon=True) for view in ("small", "rgb")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()
