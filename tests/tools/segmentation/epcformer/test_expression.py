"""Words and sound align, work together, and let the pixels alone when they have nothing to say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tools.nn.attention import Attention
from tools.nn.set_losses import info_nce
from tools.segmentation.epcformer.expression import Alignment, Collaboration, Interaction, Tokens, summed

DIM = 16


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def _tokens(length: int, batch: int = 2, dim: int = DIM) -> Tokens:
    return Tokens(torch.randn(batch, length, dim), torch.ones(batch, length, dtype=torch.bool))


def _mute(attention: Attention) -> None:
    for projection in (attention.v_proj, attention.out_proj):
        nn.init.zeros_(projection.bias)
    nn.init.zeros_(attention.v_proj.weight)


def test_paired_tokens_are_summed_and_the_longer_kind_goes_on() -> None:
    words, sounds = _tokens(4), _tokens(2)
    joint = summed([words, sounds])
    assert torch.allclose(joint.x[:, :2], words.x[:, :2] + sounds.x)
    assert torch.equal(joint.x[:, 2:], words.x[:, 2:])
    assert joint.present.all()


def test_padding_adds_nothing() -> None:
    words = _tokens(4)
    padded = Tokens(words.x, torch.tensor([[True, True, False, False]] * 2))
    joint = summed([padded, _tokens(1)])
    assert torch.equal(joint.present, padded.present)
    assert not joint.x[:, 2:].any()
    assert torch.allclose(padded.mean(), words.x[:, :2].mean(1))


def test_one_kind_alone_is_itself() -> None:
    words, sentence = _tokens(4), torch.randn(2, DIM)
    alone = Alignment(DIM)(None, words, sentence)
    assert torch.equal(alone.joint.x, words.x)
    assert alone.audio is None
    assert torch.equal(alone.sentence, alone.text)
    assert torch.equal(Collaboration(DIM, 2, 0.0)(None, words).x, words.x)
    assert torch.equal(Collaboration(DIM, 2, 0.0)(words, None).x, words.x)


def test_swapping_the_branches_with_their_weights_changes_nothing() -> None:
    ours, swapped = Collaboration(DIM, 2, 0.0), Collaboration(DIM, 2, 0.0)
    swapped.audio_from_text.load_state_dict(ours.text_from_audio.state_dict())
    swapped.text_from_audio.load_state_dict(ours.audio_from_text.state_dict())
    audio, text = _tokens(3), _tokens(5)
    assert torch.allclose(ours(audio, text).x, swapped(text, audio).x, atol=1e-6)
    assert not torch.allclose(ours(audio, text).x, ours(text, audio).x, atol=1e-3)


def test_without_values_the_pixels_stay_what_they_are() -> None:
    interaction, visual, words = Interaction(DIM, 2, 0.0), torch.randn(2, 12, DIM), _tokens(3)
    assert not torch.allclose(interaction(visual, words)[0], visual, atol=1e-3)
    for attention in (interaction.visual_from_expression, interaction.expression_from_visual):
        _mute(attention)
    same, seen = interaction(visual, words)
    assert torch.equal(same, visual)
    assert not seen.any()


def test_pixels_do_not_look_at_padding() -> None:
    interaction, visual, words = Interaction(DIM, 2, 0.0), torch.randn(2, 12, DIM), _tokens(3)
    more = torch.cat([words.x, 100 * torch.randn(2, 2, DIM)], dim=1)
    padded = Tokens(more, torch.tensor([[True, True, True, False, False]] * 2))
    assert torch.allclose(interaction(visual, padded)[0], interaction(visual, words)[0], atol=1e-5)


def _aligned(alignment: Alignment, audio: Tokens, text: Tokens, temperature: float) -> Tensor:
    expression = alignment(audio, text, text.mean())
    assert expression.audio is not None
    assert expression.text is not None
    return info_nce(expression.text, expression.audio, temperature=temperature)


def test_fresh_alignment_costs_the_logarithm_of_the_batch() -> None:
    audio, text = _tokens(1, 8, 256), _tokens(1, 8, 256)
    assert abs(_aligned(Alignment(256), audio, text, 1.0).item() - math.log(8)) < 0.05


def test_eight_pairs_are_aligned_in_less_than_200_steps() -> None:
    alignment, audio, text = Alignment(DIM), _tokens(2, 8), _tokens(3, 8)
    optimizer = torch.optim.Adam(alignment.parameters(), 0.01)
    for _ in range(199):
        loss = _aligned(alignment, audio, text, 0.07)
        if loss < 0.05:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
