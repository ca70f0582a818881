"""`E2fgviRemover`: windows, references and averages as published; any size and length, a few frames in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tools.restoration.scenes import Covered, covered
from tools.base import MissingModel
from tools.media.frame import Picture
from tools.nn.figures import FIGURES
from tools.restoration.e2fgvi import remover
from tools.restoration.e2fgvi.network import TINY, E2fgvi
from tools.restoration.e2fgvi.remover import FOLDER, E2fgviRemover, Look
from tools.restoration.removers import FramesRemover, choose, chosen

SMALLEST = replace(TINY, width=8, dim=16, offset_groups=2, flow_width=2, mixed=2)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


class Numbered(E2fgvi):
    """Says which frames it is shown, and makes pictures whose light is the number of the window, 0, 10, 20, ..."""

    def __init__(self) -> None:
        super().__init__(SMALLEST)
        self.windows: list[tuple[list[int], list[int]]] = []

    def encode_light(self, pictures: Tensor) -> Tensor:
        return pictures.mean((1, 2, 3), keepdim=True)

    def flows(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        self._near = pictures.shape[1]
        return pictures[:, :0], pictures[:, :0]

    def complete(self, features: Tensor, to_next: Tensor, to_previous: Tensor) -> Tensor:
        numbers = (features.flatten(2)[0, :, 0] * 127.5 + 127.5).round().int().tolist()
        self.windows.append((numbers[: self._near], numbers[self._near :]))
        return features

    def decode(self, features: Tensor) -> Tensor:
        light = 10 * (len(self.windows) - 1) / 127.5 - 1
        return torch.full((1, features.shape[1], 3, 60, 108), light)


class Light(torch.nn.Module):
    """In the place of the encoder."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures[:, :1, :1, :1]


def numbered() -> Numbered:
    network = Numbered()
    network.encoder = Light()  # type: ignore[assignment]
    return network


def looks(number: int, holes: Iterable[int] | None = None) -> Iterator[Look]:
    """Frame i has light i; a hole in the middle of all, or of some."""
    hole = np.zeros((20, 30), np.bool_)
    hole[8:12, 10:20] = True
    wanted = range(number) if holes is None else holes
    for index in range(number):
        yield Look(0, np.full((20, 30, 3), index, np.uint8), hole if index in wanted else None)


def test_windows_and_references_are_as_published() -> None:
    network = numbered()
    found = list(E2fgviRemover(network).fill(looks(23)))
    assert len(found) == 23
    assert network.windows == [
        (list(range(0, 6)), [10, 20]),
        (list(range(0, 11)), [20]),
        (list(range(5, 16)), [0, 20]),
        (list(range(10, 21)), [0]),
        (list(range(15, 23)), [0, 10]),
    ]


def test_overlaps_are_averaged_one_after_another() -> None:
    found = [picture for picture in E2fgviRemover(numbered()).fill(looks(12)) if picture is not None]
    inside = [float(picture[10, 15, 0]) for picture in found]
    # Windows 0, 1 and 2 make 0, 10 and 20: frame 5 is seen by all three, ((0 + 10) / 2 + 20) / 2.
    assert inside == pytest.approx([5] * 5 + [12.5] + [15] * 5 + [20])
    assert all(np.all(picture[0, 0] == index) for index, picture in enumerate(found))


def test_far_references_are_left_out_and_memory_does_not_grow() -> None:
    network, read, most = numbered(), 0, 0

    def counted() -> Iterator[Look]:
        nonlocal read
        for look in looks(240):
            read += 1
            yield look

    for done, _ in enumerate(E2fgviRemover(network).fill(counted())):
        most = max(most, read - done)
    assert most <= remover.REACH + 2 * remover.STRIDE + 1
    assert network.windows[24] == (list(range(115, 126)), [70, 80, 90, 100, 110, 130, 140, 150, 160, 170])


def test_windows_where_nothing_is_missing_are_skipped() -> None:
    network = numbered()
    found = list(E2fgviRemover(network).fill(looks(60, holes=[31])))
    assert [index for index, picture in enumerate(found) if picture is not None] == [31]
    assert [near[len(near) // 2] for near, _ in network.windows] == [30, 35]


def blind(picture: Picture, hole: np.ndarray) -> Picture:
    return np.where(hole[..., None], np.uint8(0), picture)


@pytest.mark.parametrize("size", [(60, 108), (50, 130), (7, 9)])
def test_pictures_of_any_size_are_filled_only_in_the_hole(size: tuple[int, int]) -> None:
    clip = covered(0.6, 0, num_frames=3, size=(120, 160))
    clip = Covered(*([one[: size[0], : size[1]] for one in part] for part in (clip.pictures, clip.truth, clip.holes)))
    hole = np.zeros(size, np.bool_)
    hole[size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = True
    holes = [hole, hole, hole]
    way = E2fgviRemover(E2fgvi(SMALLEST))
    found = list(way.remove(clip, lambda f: holes[f.index], 0.0, np.inf, lambda _f: None))
    assert [frame.index for frame, _ in found] == [0, 1, 2]
    for (_, picture), source, hole in zip(found, clip.pictures, holes, strict=True):
        assert np.array_equal(picture[~hole], source[~hole])
    # What is in the hole cannot matter.
    other = Covered([blind(p, h) for p, h in zip(clip.pictures, holes, strict=True)], clip.truth, holes)
    again = [p for _, p in way.remove(other, lambda f: holes[f.index], 0.0, np.inf, lambda _f: None)]
    deep = np.zeros(size, np.bool_)
    deep[size[0] // 4 + 3 : size[0] // 2 - 3, size[1] // 4 + 3 : size[1] // 2 - 3] = True  # beyond the mixed rim
    assert np.array_equal(again[1][deep], found[1][1][deep])


def test_shots_do_not_look_at_one_another() -> None:
    first, second = covered(0.0, 3, num_frames=2), covered(0.0, 9, num_frames=3)
    both = Covered(*([*a, *b] for a, b in ((first.pictures, second.pictures), (first.truth, second.truth), ([], []))))
    hole = np.zeros((120, 160), np.bool_)
    hole[50:60, 70:90] = True
    way = E2fgviRemover(E2fgvi(SMALLEST))
    shots = [look.shot for look in way._looks(both, lambda _f: hole, 0.0, np.inf, lambda _f: None)]
    assert shots == [0, 0, 1, 1, 1]
    together = [p for _, p in way.remove(both, lambda _f: hole, 0.0, np.inf, lambda _f: None)]
    alone = [p for _, p in way.remove(second, lambda _f: hole, 0.0, np.inf, lambda _f: None)]
    assert all(np.array_equal(a, b) for a, b in zip(together[2:], alone, strict=True))


def test_the_better_remover_is_chosen(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    assert isinstance(choose(None), FramesRemover)
    with pytest.raises(MissingModel, match="--model e2fgvi"):
        choose(tmp_path, "e2fgvi")
    E2fgvi(SMALLEST).save_pretrained(folder)
    assert (chosen(tmp_path), chosen(tmp_path, "e2fgvi")) == ("frames", "e2fgvi")
    for trained, wanted in ((20.0, "frames"), (40.0, "e2fgvi")):
        (folder / FIGURES).write_text(f'{{"real": {{"trained": {trained}, "without": 30.0}}}}')
        assert chosen(tmp_path) == wanted
    assert choose(tmp_path).model == "E2FGVI width 8"
    assert chosen(tmp_path, "frames") == "frames"
