"""Still pictures: labels keep their numbers, photographs their colours, and bad files give one clear line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.fixtures.stills import write_palette, write_photo
from tools.base import MediaError
from tools.media.stills import decode_picture, read_labels, read_picture

LABELS = np.random.default_rng(0).integers(0, 256, (13, 17), dtype=np.uint8)


def test_labels_are_indices_of_a_palette(tmp_path: Path) -> None:
    assert (read_labels(write_palette(tmp_path / "a.png", LABELS)) == LABELS).all()


def test_labels_are_grey_values_and_single_bits(tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(cv2.imencode(".png", LABELS)[1].tobytes())
    assert (read_labels(tmp_path / "grey.png") == LABELS).all()
    mask = np.where(LABELS > 99, 255, 0).astype(np.uint8)
    (tmp_path / "bits.png").write_bytes(cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes())
    assert (read_labels(tmp_path / "bits.png") == mask).all()


def test_photographs_keep_their_colours(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    rgb = colours.repeat(16, axis=0).repeat(16, axis=1)
    assert (read_picture(write_photo(tmp_path / "a.png", rgb)) == rgb).all()
    assert np.abs(read_picture(write_photo(tmp_path / "a.jpg", rgb)).astype(int) - rgb).max() <= 4
    assert read_picture(write_palette(tmp_path / "b.png", LABELS)).shape == (13, 17, 3)


@pytest.mark.parametrize("name", ["pattern%05d.png", "-.png", "concat:a|b.png"])
def test_a_name_is_no_pattern_and_no_protocol(tmp_path: Path, name: str) -> None:
    assert read_labels(write_palette(tmp_path / name, LABELS)).shape == (13, 17)


def test_bad_files_give_one_line_that_names_them(tmp_path: Path) -> None:
    whole = write_palette(tmp_path / "a.png", LABELS).read_bytes()
    (tmp_path / "deep.png").write_bytes(cv2.imencode(".png", LABELS.astype(np.uint16) * 200)[1].tobytes())
    write_photo(tmp_path / "photo.jpg", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "bitmap.png").write_bytes(cv2.imencode(".bmp", LABELS)[1].tobytes())
    cases = {"cut.png": whole[:-40], "empty.png": b"", "text.png": b"not a picture", "playlist.png": b"#EXTM3U\nfile:x"}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
    for name in (*cases, "deep.png", "photo.jpg", "bitmap.png", "none.png"):
        with pytest.raises(MediaError) as caught:
            read_labels(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    data = bytearray(write_palette(tmp_path / "a.png", LABELS).read_bytes())
    data[16:24] = b"\x00\x00\x30\x00\x00\x00\x30\x00"
    with pytest.raises(MediaError):
        decode_picture(bytes(data), "huge")
