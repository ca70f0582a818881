"""What a user refers with: words, sound or both, as tokens of one width, aligned and working together.

Expression alignment (EA) and the audio-text half of expression-visual attention (EVA) of EPCFormer, section 3 and the
figure of its repository. A batch has the same kinds of prompt in all its clips; a kind that is not there adds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.attention import Attention
from tools.nn.blocks import MLP


@dataclass(frozen=True)
class Tokens:
    """Tokens of one kind."""

    x: Tensor
    """[B, L, C]; what stands where no token is does not matter."""
    present: Tensor
    """bool [B, L]; at least one a clip."""

    def mean(self) -> Tensor:
        """[B, C] over the tokens that are there."""
        weights = self.present.to(self.x.dtype)[..., None]
        return (self.x * weights).sum(1) / weights.sum(1)

    @property
    def mask(self) -> Tensor:
        """Where queries may look, bool [B, 1, 1, L]."""
        return self.present[:, None, None]

    def positions(self) -> Tensor:
        """Sine of the place among those present, from 0 to 2 pi, [B, L, C] (ReferFormer's 1-D encoding)."""
        place = self.present.cumsum(1).to(self.x.dtype)
        angles = (place / (place[:, -1:] + 1e-6) * 2 * math.pi)[..., None]
        j = torch.arange(self.x.shape[-1], device=self.x.device)
        angles = angles / 10_000.0 ** (2 * (j // 2).to(self.x.dtype) / self.x.shape[-1])
        return torch.where(j % 2 == 0, angles.sin(), angles.cos())


@dataclass(frozen=True)
class Expression:
    """The prompts of a batch after alignment; what was not given is None."""

    joint: Tokens
    """Sound and words, token by token."""
    referring: Tokens
    """What sound and words say of each other."""
    sentence: Tensor
    """Content of the queries, [B, C]."""
    audio: Tensor | None
    """The audio's sentence vector [B, C], which alignment learns."""
    text: Tensor | None


def summed(parts: list[Tokens]) -> Tokens:
    """Token i of the sum is the sum of the tokens i that are there; shorter ones add nothing at the end."""
    length = max(part.x.shape[1] for part in parts)
    longer = [(part, length - part.x.shape[1]) for part in parts]
    x = torch.stack([F.pad(part.x * part.present[..., None], (0, 0, 0, more)) for part, more in longer]).sum(0)
    return Tokens(x, torch.stack([F.pad(part.present, (0, more)) for part, more in longer]).any(0))


class Alignment(nn.Module):
    """Sentence vectors of sound and words in one space, and the joint tokens."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.audio_mlp, self.text_mlp = MLP(dim, dim, dim), MLP(dim, dim, dim)

    def forward(self, audio: Tokens | None, text: Tokens | None, text_vector: Tensor | None) -> Expression:
        """At least one kind is there; `text_vector` [B, C] is the text encoder's own summary.

        Queries carry the mean of the vectors that there are, so that either alone has the scale of both.
        """
        given = [tokens for tokens in (audio, text) if tokens is not None]
        heard = None if audio is None else self.audio_mlp(audio.mean())
        read = None if text_vector is None else self.text_mlp(text_vector)
        vectors = torch.stack([vector for vector in (heard, read) if vector is not None])
        joint = summed(given)
        return Expression(joint, joint, vectors.mean(0), heard, read)


class Collaboration(nn.Module):
    """Sound looks at words and words at sound; each with its residual, then summed."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.audio_from_text = Attention(dim, heads, dropout=dropout)
        self.text_from_audio = Attention(dim, heads, dropout=dropout)

    def forward(self, audio: Tokens | None, text: Tokens | None) -> Tokens:
        """The referring feature; of one kind alone it is that kind."""
        if audio is None or text is None:
            return summed([tokens for tokens in (audio, text) if tokens is not None])
        heard = audio.x + self.audio_from_text(audio.x, text.x + text.positions(), text.x, mask=text.mask)
        read = text.x + self.text_from_audio(text.x, audio.x + audio.positions(), audio.x, mask=audio.mask)
        return summed([Tokens(heard, audio.present), Tokens(read, text.present)])


class Interaction(nn.Module):
    """Pixels look at the expression, and the expression at pixels (EVA, second block); both are added to what was."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.visual_from_expression = Attention(dim, heads, dropout=dropout)
        self.expression_from_visual = Attention(dim, heads, dropout=dropout)

    def forward(self, visual: Tensor, joint: Tokens) -> tuple[Tensor, Tensor]:
        """visual [B, T·h·w, C]; gives the visual features, and what the expression sees [B, L, C], without residual."""
        keys = joint.x + joint.positions()
        seen = self.expression_from_visual(keys, visual, visual)
        return visual + self.visual_from_expression(visual, keys, joint.x, mask=joint.mask), seen
