"""NIRVANA: network, whole-number weights, fitting and files, by what must hold without any trained weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tools.base import Cancelled, MediaError
from tools.media.frame import Picture
from tools.restoration.nirvana.codec import Compressed, Decoder, RateControl, Settings, compress
from tools.restoration.nirvana.fit import FitConfig, Fitted, Pace, fit_group
from tools.restoration.nirvana.latents import Quantised, from_payload, parts_of, round_through, to_payload
from tools.restoration.nirvana.network import SIZES, Config, PatchNetwork
from tools.restoration.nirvana.patches import Grid, rendered
from tools.restoration.nirvana.range_coder import Damaged

SMALL = Config(patch=16, frames=3, trunk=(24,), channels=8, side=4, blocks=((2, 8), (2, 6)))
FIT = FitConfig(first_steps=60, later_steps=20)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So that equal work gives equal bits, and the tests share the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def disc(step: float, count: int = 9, *, height: int = 32, width: int = 48) -> list[Picture]:
    """A disc that moves by `step` pixels a picture over a smooth texture."""
    y, x = np.indices((height, width), dtype=np.float32)
    ground = np.stack([120 + 40 * np.sin(x / 9), 110 + 40 * np.cos(y / 7), 100 + 30 * np.sin((x + y) / 11)], axis=-1)
    pictures = []
    for index in range(count):
        inside = np.clip(7 - np.hypot(x - 10 - step * index, y - height / 2), 0, 1)[..., None]
        pictures.append((ground + (np.array([230, 60, 40]) - ground) * inside).astype(np.uint8))
    return pictures


def timed(pictures: Sequence[Picture]) -> list[tuple[float, Picture]]:
    return [(index / 10, picture) for index, picture in enumerate(pictures)]


def written(path: Path, pictures: Sequence[Picture], how: Settings) -> Compressed:
    return compress(timed(pictures), len(pictures), len(pictures) / 10, path, how)


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Compressed, list[Picture]]:
    """Eleven pictures in four groups, of which the first and the third stand alone."""
    path, pictures = tmp_path_factory.mktemp("nirvana") / "moving.nirvana", disc(2.0, 11)
    return path, written(path, pictures, Settings(SMALL, FIT, whole_every=2)), pictures


# The network


def test_parameters_of_every_size() -> None:
    counts = {"pocket": 21_153, "small": 38_213, "tiny": 233_513, "full": 3_004_201}
    for name, config in SIZES.items():
        with torch.device("meta"):
            network = PatchNetwork(config)
        assert sum(one.numel() for one in network.parameters()) == config.num_parameters == counts[name]


def test_one_head_a_frame() -> None:
    network = PatchNetwork(SMALL)
    places = torch.rand(5, 2) * 2 - 1
    before = network(places).detach()
    assert before.shape == (5, 3, 3, 16, 16)
    with torch.no_grad():
        network.heads.weight[3:6] += 1
    after = network(places).detach()
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.allclose(before[:, 1], after[:, 1])


@pytest.mark.parametrize(
    "change", [{"patch": 32}, {"trunk": (8192,) * 8}, {"channels": 0}, {"blocks": ()}, {"frames": 10**6}, {"extra": 1}]
)
def test_networks_that_do_not_fit_or_are_huge_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({**SMALL.model_dump(), **change})


# Whole-number weights


def test_rounding_lets_the_gradient_through() -> None:
    x = torch.tensor([0.4, -1.6], requires_grad=True)
    rounded = round_through(x)
    assert rounded.tolist() == [0.0, -2.0]
    (rounded * torch.tensor([2.0, 3.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 3.0]


def scattered(seed: int, spread: float = 3.0) -> Quantised:
    generator = torch.Generator().manual_seed(seed)
    parts = parts_of(SMALL)
    return Quantised(
        [(torch.randn(part.rows, part.columns, generator=generator) * spread).round().int() for part in parts],
        [torch.randn(part.columns, part.columns, generator=generator).half().float() for part in parts],
        [torch.randn(part.columns, generator=generator).half().float() for part in parts],
    )


def same(a: Quantised, b: Quantised) -> bool:
    tensors = [(*one.symbols, *one.psi, *one.shift) for one in (a, b)]
    return all(x.dtype == y.dtype and torch.equal(x, y) for x, y in zip(*tensors, strict=True))


def test_weights_are_symbols_times_decoder_plus_shift() -> None:
    state, parts = scattered(0), parts_of(SMALL)
    weights = state.weights(parts)
    with torch.device("meta"):
        shapes = {name: one.shape for name, one in PatchNetwork(SMALL).named_parameters()}
    assert {name: one.shape for name, one in weights.items()} == shapes
    heads = next(index for index, part in enumerate(parts) if part.kind == "heads")
    wanted = state.symbols[heads].double() @ state.psi[heads].double() + state.shift[heads].double()
    assert torch.allclose(weights["heads.weight"].reshape(-1, 9).double(), wanted, atol=1e-4)


def test_groups_come_back_to_the_bit() -> None:
    parts, first, second = parts_of(SMALL), scattered(1), scattered(2)
    second = replace(second, psi=first.psi, shift=first.shift)
    assert same(from_payload(to_payload(first, None), parts, None), first)
    assert same(from_payload(to_payload(second, first), parts, first), second)


def test_no_change_costs_a_few_bytes_alone() -> None:
    state = scattered(3)
    columns = sum(part.columns for part in parts_of(SMALL))
    assert len(to_payload(state, state)) <= 3 * columns + 1


@given(st.integers(0, 2**31))
@settings(max_examples=8, deadline=None)
def test_damaged_groups_are_refused_or_read_as_other_numbers(seed: int) -> None:
    """Never another error than Damaged, and never a tensor of another shape: the check of the file finds the rest."""
    generator = np.random.default_rng(seed)
    data = bytearray(to_payload(scattered(4), None))
    for place in generator.integers(0, len(data), 3):
        data[place] ^= int(generator.integers(1, 256))
    cut = data[: generator.integers(0, len(data) + 1)]
    for spoilt in (data, cut):
        try:
            read = from_payload(bytes(spoilt), parts_of(SMALL), None)
        except Damaged:
            continue
        assert [one.shape for one in read.symbols] == [(part.rows, part.columns) for part in parts_of(SMALL)]


# Patches


def test_patches_join_to_the_picture_they_were_cut_from() -> None:
    pictures = [np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8) for _ in range(2)]
    grid = Grid(50, 37, 16)
    patches = grid.split(pictures)
    assert patches.shape == (12, 2, 3, 16, 16)
    joined = grid.join((patches * 255).round().to(torch.uint8))
    assert all(np.array_equal(a, b) for a, b in zip(joined, pictures, strict=True))
    places = grid.places()
    assert places[0].tolist() == pytest.approx([-0.75, -2 / 3])
    assert places[-1].tolist() == pytest.approx([0.75, 2 / 3])


# Fitting


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    """The first group of the disc."""
    torch.set_num_threads(1)
    return fit_group(disc(1.0, 3), SMALL, FIT)


def test_what_is_stored_is_what_was_fitted(moving: tuple[Path, Compressed, list[Picture]]) -> None:
    path, done, pictures = moving
    from tools.restoration.quality import psnr

    with Decoder(path) as decoder:
        assert decoder.num_frames == done.num_frames == 11
        assert path.stat().st_size == done.num_bytes
        for group in done.groups:
            found = np.stack(decoder.group(group.index))
            truth = np.stack(pictures[3 * group.index : 3 * group.index + 3])
            assert len(found) == len(truth)
            assert psnr(found, truth) == group.psnr_db
    assert done.groups[0].psnr_db > 20


def test_the_same_call_gives_the_same_network() -> None:
    short = replace(FIT, first_steps=8)
    first, second = (fit_group(disc(1.0, 3), SMALL, short).state for _ in range(2))
    assert same(first, second)
    assert not same(first, fit_group(disc(1.0, 3), SMALL, short, seed=1).state)


def test_bits_of_the_density_are_about_those_of_the_coder(fitted: Fitted) -> None:
    head = sum(2 * (part.columns**2 + part.columns) + 3 * part.columns for part in parts_of(SMALL))
    assert 8 * (len(to_payload(fitted.state, None)) - head) == pytest.approx(fitted.bits, rel=0.12)


def test_rate_falls_with_the_weight_of_a_bit(fitted: Fitted) -> None:
    done = [fitted, fit_group(disc(1.0, 3), SMALL, replace(FIT, rate_weight=0.3))]
    cheap, dear = (len(to_payload(one.state, None)) for one in done)
    assert dear < 0.8 * cheap
    assert done[1].bits < 0.8 * done[0].bits
    assert done[1].psnr_db < done[0].psnr_db


def test_a_still_video_costs_almost_nothing_after_its_first_group(tmp_path: Path) -> None:
    done = written(tmp_path / "still", disc(0.0), Settings(SMALL, FIT))
    first, *later = [group.num_bytes for group in done.groups]
    assert len(later) == 2
    assert max(later) < 0.05 * first
    assert all(group.steps == 0 for group in done.groups[1:])


@pytest.mark.slow
def test_more_motion_costs_more(tmp_path: Path) -> None:
    sizes = []
    for step in (0.3, 1.5, 3.0):
        done = written(tmp_path / str(step), disc(step), Settings(SMALL, FIT))
        first, *later = [group.num_bytes for group in done.groups]
        assert max(later) < first
        sizes.append(sum(later))
    assert sizes[0] < sizes[1] < sizes[2]


def test_warm_start_needs_half_the_steps(fitted: Fitted) -> None:
    """To what a cold start reaches in all of its own."""
    pictures = disc(1.0, 6)[3:]
    cold = fit_group(pictures, SMALL, FIT)
    warm = fit_group(
        pictures, SMALL, replace(FIT, later_steps=60), start=fitted.state, whole=False, goal_db=cold.psnr_db - 0.05
    )
    assert warm.psnr_db >= cold.psnr_db - 0.05
    assert warm.steps <= 30


def test_pace_ends_by_steps_and_by_the_clock() -> None:
    assert list(Pace(4).shares()) == [0, 0.25, 0.5, 0.75]
    shares = Pace(1000, seconds=1e-9).shares()
    assert next(shares) >= 1  # at least one step
    assert next(shares, None) is None
    seen = list(Pace(10**9, seconds=0.05).shares())
    assert seen == sorted(seen)
    assert len(seen) < 10**9


def test_rate_control_makes_bits_dearer_while_too_many_are_spent() -> None:
    control = RateControl(1e-3, 0.5)
    assert control.rate_weight == 1e-3
    control.spent(1000, 1000)
    dear = control.rate_weight
    assert dear == pytest.approx(4e-3)
    control.spent(0, 1000)
    assert control.rate_weight == pytest.approx(1e-3)
    control.spent(0, 10**9)
    assert control.rate_weight == 1e-3 / RateControl.WIDEST
    assert RateControl(1e-3, math.inf).rate_weight == 1e-3


@pytest.mark.slow
def test_a_bit_rate_that_is_asked_for_makes_later_groups_smaller(tmp_path: Path) -> None:
    sizes = [
        sum(
            one.num_bytes
            for one in written(tmp_path / str(bpp), disc(3.0), Settings(SMALL, FIT, bits_per_pixel=bpp)).groups[1:]
        )
        for bpp in (math.inf, 0.5)
    ]
    assert sizes[1] < 0.8 * sizes[0]


# Files


def test_any_picture_can_be_had_alone(moving: tuple[Path, Compressed, list[Picture]]) -> None:
    path, _, _ = moving
    with Decoder(path) as decoder:
        whole = list(decoder.frames())
        assert [t_s for t_s, _ in whole] == pytest.approx([index / 10 for index in range(11)])
        assert decoder.duration_s == pytest.approx(1.1)
    for index in (10, 0, 7, 5):
        with Decoder(path) as decoder:
            assert np.array_equal(decoder.frame(index), whole[index][1])
    with Decoder(path) as decoder:
        for index in (8, 3, 4, 9):  # back and forth with one group held
            assert np.array_equal(decoder.frame(index), whole[index][1])
        with pytest.raises(IndexError):
            decoder.frame(11)
        with pytest.raises(IndexError):
            decoder.frame(-1)


def test_a_group_is_read_from_the_nearest_that_stands_alone(moving: tuple[Path, Compressed, list[Picture]]) -> None:
    path, done, _ = moving
    assert [group.whole for group in done.groups] == [True, False, True, False]
    spoilt = path.with_name("first-gone")
    with Decoder(path) as decoder:
        at = decoder.index.blocks[0].at
        last = decoder.group(3)
    data = bytearray(path.read_bytes())
    data[at + 400] ^= 1
    spoilt.write_bytes(data)
    with Decoder(spoilt) as decoder:
        assert all(np.array_equal(a, b) for a, b in zip(decoder.group(3), last, strict=True))
        for group in (0, 1):
            with pytest.raises(MediaError, match="group 0 is damaged"):
                decoder.group(group)


def test_patches_decoded_alone_are_those_of_the_picture(moving: tuple[Path, Compressed, list[Picture]]) -> None:
    with Decoder(moving[0]) as decoder:
        count = decoder.grid.rows * decoder.grid.columns
        one_by_one = torch.cat([decoder.patches(1, [index]) for index in range(count)])
        assert all(np.array_equal(a, b) for a, b in zip(decoder.grid.join(one_by_one), decoder.group(1), strict=True))
        every_other = decoder.patches(1, range(0, count, 2))
        assert torch.equal(every_other, one_by_one[::2])


def test_decoding_needs_only_the_file(moving: tuple[Path, Compressed, list[Picture]]) -> None:
    """The same weights to the bit as a network that is built by hand out of the stored numbers."""
    with Decoder(moving[0]) as decoder:
        state = decoder.state(1)
        network = PatchNetwork(decoder.header.network)
        network.load_state_dict(state.weights(decoder.parts))
        with torch.no_grad():
            opened = network(decoder.grid.places())
        by_hand = (opened.clamp(0, 1) * 255).round().to(torch.uint8)
        assert (by_hand.int() - decoder.patches(1, range(len(by_hand))).int()).abs().max() <= 1
        assert (
            rendered(decoder.header.network, state.weights(decoder.parts), decoder.grid.places()).shape == by_hand.shape
        )


@pytest.mark.parametrize("spoil", ["empty", "short", "cut", "magic", "header", "index", "other"])
def test_damaged_files_are_refused_in_one_line(
    spoil: str, moving: tuple[Path, Compressed, list[Picture]], tmp_path: Path
) -> None:
    data = bytearray(moving[0].read_bytes())
    if spoil == "magic":
        data[0] ^= 1
    elif spoil == "header":
        data[40] ^= 1
    elif spoil == "index":
        data[-60] ^= 1
    content = {"empty": b"", "short": bytes(data[:30]), "cut": bytes(data[:-1]), "other": b"text\n" * 500}
    path = tmp_path / "spoilt"
    path.write_bytes(content.get(spoil, bytes(data)))
    with pytest.raises(MediaError, match="no whole NIRVANA file") as caught:
        Decoder(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be read"):
        Decoder(tmp_path / "none")


def test_stopping_leaves_nothing_behind(tmp_path: Path) -> None:
    calls = iter([False] * 65 + [True] * 100)

    def check() -> None:
        if next(calls):
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        compress(timed(disc(2.0)), 9, 0.9, tmp_path / "stopped", Settings(SMALL, FIT), check=check)
    assert not list(tmp_path.iterdir())


def test_pictures_are_held_one_group_at_a_time(tmp_path: Path) -> None:
    given_out, heard = 0, []

    def pictures() -> Iterator[tuple[float, Picture]]:
        nonlocal given_out
        for item in timed(disc(1.0, 12)):
            given_out += 1
            yield item

    compress(
        pictures(), 12, 1.2, tmp_path / "long", Settings(SMALL, replace(FIT, first_steps=2, later_steps=1)),
        told=lambda group: heard.append((group.index, given_out)),
    )  # fmt: skip
    assert heard == [(0, 3), (1, 6), (2, 9), (3, 12)]


def test_without_a_picture_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no picture"):
        compress([], 0, 0.0, tmp_path / "none", Settings(SMALL, FIT))
    assert not list(tmp_path.iterdir())
