"""Rotary and absolute positions equal the published implementations."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sam2.modeling.position_encoding import (
    PositionEmbeddingRandom,
    PositionEmbeddingSine,
    apply_rotary_enc,
    compute_axial_cis,
)
from sam2.modeling.sam2_utils import get_1d_sine_pe
from transformers.models.gptj import modeling_gptj
from transformers.models.llama import modeling_llama
from transformers.models.qwen2_vl import modeling_qwen2_vl
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLTextConfig

from tools.nn.positions import FourierPosition, sine_1d, sine_2d
from tools.nn.rope import RoPE, Rotation, Style, grid_coordinates


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_one_dimension_in_halves_is_llama() -> None:
    q, k = torch.randn(2, 3, 9, 16), torch.randn(2, 3, 9, 16)
    angles = torch.arange(9)[:, None] * 10_000.0 ** -(torch.arange(0, 16, 2) / 16)
    cos, sin = (torch.cat([f, f], -1)[None] for f in (angles.cos(), angles.sin()))
    expected = modeling_llama.apply_rotary_pos_emb(q, k, cos, sin)
    rotation = RoPE.axial([16], style="half")(grid_coordinates(9))
    assert torch.allclose(rotation(q), expected[0], atol=1e-5)
    assert torch.allclose(rotation(k), expected[1], atol=1e-5)


def test_one_dimension_interleaved_is_gpt_j() -> None:
    q = torch.randn(2, 3, 9, 16)
    sin, cos = modeling_gptj.create_sinusoidal_positions(9, 16).chunk(2, -1)
    expected = modeling_gptj.apply_rotary_pos_emb(q.transpose(1, 2), sin[None], cos[None]).transpose(1, 2)
    assert torch.allclose(RoPE.axial([16])(grid_coordinates(9))(q), expected, atol=1e-5)


def test_two_dimensions_are_sam_2() -> None:
    q, k = torch.randn(2, 1, 12, 16), torch.randn(2, 1, 36, 16)
    expected = apply_rotary_enc(q, k, compute_axial_cis(16, 4, 3), repeat_freqs_k=True)
    rotation = RoPE.axial([8, 8])(grid_coordinates(3, 4).flip(-1))
    assert torch.allclose(rotation(q), expected[0], atol=1e-5)
    assert torch.allclose(rotation.repeated(3)(k), expected[1], atol=1e-5)


def test_sections_are_the_multimodal_positions_of_qwen2_vl() -> None:
    q, coordinates = torch.randn(1, 2, 5, 16), torch.randint(0, 30, (5, 3))
    rope = {"rope_type": "default", "rope_theta": 1000.0, "mrope_section": [2, 3, 3]}
    config = Qwen2VLTextConfig(hidden_size=32, num_attention_heads=2, rope_parameters=rope)
    cos, sin = modeling_qwen2_vl.Qwen2VLRotaryEmbedding(config)(q, coordinates.T[:, None])
    expected = modeling_qwen2_vl.apply_rotary_pos_emb(q, q, cos, sin)[0]
    assert torch.allclose(RoPE.sections([2, 3, 3], theta=1000.0)(coordinates)(q), expected, atol=1e-5)


def test_three_axes_turn_their_own_channels() -> None:
    # Wan 2.1: complex pairs, the channels of a head cut into d - 4 (d // 6), 2 (d // 6), 2 (d // 6) for t, y, x.
    x, dims = torch.randn(1, 1, 24, 12), (4, 4, 4)
    found = RoPE.axial(dims)(grid_coordinates(2, 3, 4))(x)
    expected = torch.empty_like(x)
    for place, (t, row, column) in enumerate((t, y, x) for t in range(2) for y in range(3) for x in range(4)):
        for axis, coordinate in enumerate((t, row, column)):
            for j in range(2):
                turn = complex(math.cos(a := coordinate * 10_000 ** (-2 * j / 4)), math.sin(a))
                first = 4 * axis + 2 * j
                turned = complex(*x[0, 0, place, first : first + 2].tolist()) * turn
                expected[0, 0, place, first], expected[0, 0, place, first + 1] = turned.real, turned.imag
    assert torch.allclose(found, expected, atol=1e-5)


@given(
    a=st.integers(-50, 50), b=st.integers(-50, 50), shift=st.integers(-1000, 1000),
    style=st.sampled_from(["interleaved", "half"]),
)  # fmt: skip
def test_only_offsets_count_and_zero_turns_nothing(a: int, b: int, shift: int, style: Style) -> None:
    rope = RoPE.axial([8, 8], style=style)
    x, y = torch.randn(1, 1, 1, 16), torch.randn(1, 1, 1, 16)

    def at(place: int) -> Rotation:
        return rope(torch.tensor([[place, -2 * place]]))

    near, far = (at(a)(x) * at(b)(y)).sum(), (at(a + shift)(x) * at(b + shift)(y)).sum()
    assert torch.isclose(near, far, atol=1e-3)
    assert torch.equal(at(0)(x), x)
    assert torch.allclose(at(a).inverse()(at(a)(x)), x, atol=1e-5)


def test_positions_that_stand_still_are_not_touched() -> None:
    k = torch.randn(1, 1, 9, 4)
    turned = RoPE.axial([4])(grid_coordinates(3)).repeated(2, still=3)(k)
    assert torch.equal(turned[:, :, 6:], k[:, :, 6:])
    assert torch.equal(turned[:, :, 0], k[:, :, 0])
    assert not torch.allclose(turned[:, :, 4], k[:, :, 4])


def test_half_precision_is_rotated_in_single_precision() -> None:
    x = torch.randn(1, 1, 4, 8, dtype=torch.bfloat16)
    rotation = RoPE.axial([8])(grid_coordinates(4) * 1000)
    assert rotation(x).dtype == torch.bfloat16
    assert torch.equal(rotation(x), rotation(x.float()).to(torch.bfloat16))


@pytest.mark.parametrize(("height", "width", "dim"), [(1, 1, 8), (5, 7, 16), (32, 32, 64)])
def test_sine_maps_are_those_of_detr_and_sam_2(height: int, width: int, dim: int) -> None:
    expected = PositionEmbeddingSine(dim)(torch.zeros(1, 1, height, width))[0]
    assert torch.allclose(sine_2d(height, width, dim), expected, atol=1e-6)


def test_sines_of_time_are_those_of_sam_2() -> None:
    times = torch.tensor([-3.0, 0.0, 0.4, 1.0])
    assert torch.allclose(sine_1d(times, 32), get_1d_sine_pe(times, 32), atol=1e-6)


def test_fourier_features_are_those_of_sam() -> None:
    reference, ours = PositionEmbeddingRandom(8), FourierPosition(16)
    ours.load_state_dict(reference.state_dict())
    points = torch.rand(2, 3, 2)
    expected = reference.forward_with_coords(points * torch.tensor([40, 30]), (30, 40))
    assert torch.allclose(ours(points), expected, atol=1e-5)
    assert torch.allclose(ours.grid(3, 5), reference((3, 5)), atol=1e-5)
