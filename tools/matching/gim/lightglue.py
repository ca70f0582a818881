"""gim_lightglue: points of two pictures look at each other until each knows its partner, or that it has none.

LightGlue (Lindenberger et al., arXiv 2306.13643) on points of SuperPoint's shape, with the names and the settings of
GIM (Shen et al., arXiv 2402.11095, xuelunshen/gim): no early exit, no pruning; the heads for it are trained all the
same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.matching.gim.pair import PairMatches, PairNetwork
from tools.matching.gim.superpoint import SIZES as SUPERPOINTS
from tools.matching.gim.superpoint import Points, SuperPoint, SuperPointConfig
from tools.nn.attention import AttentionCall, HookedAttention
from tools.nn.rope import Rotation


@dataclass(frozen=True)
class LightGlueConfig:
    """Depth; the width is that of the descriptors."""

    superpoint: SuperPointConfig = field(default_factory=SuperPointConfig)
    layers: int = 9
    heads: int = 4
    threshold: float = 0.1
    """Least chance of a match."""


SIZES = {
    "gim_lightglue": LightGlueConfig(),
    "small": LightGlueConfig(SUPERPOINTS["small"], layers=6),
    "tiny": LightGlueConfig(SUPERPOINTS["tiny"], layers=2, heads=2),
}
"""Parameters without the detector: 11,851,601 as released; 1,984,427; 42,483."""


class Described(NamedTuple):
    """Points of B pictures."""

    places: Tensor
    """[B, N, 2]: (x, y), -1 to 1 along the longer side of the picture, 0 in its middle."""
    descriptors: Tensor
    """[B, N, C]."""


class PositionEncoding(nn.Module):
    """Angles by which pairs of channels are turned: a learned linear function of the place."""

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.Wr = nn.Linear(2, head_dim // 2, bias=False)
        nn.init.normal_(self.Wr.weight)

    def forward(self, places: Tensor) -> Rotation:
        """[B, N, 2] to turns for all heads."""
        angles = self.Wr(places)[:, None]
        return Rotation(torch.polar(torch.ones_like(angles), angles))


class SelfBlock(HookedAttention):
    """Points of one picture look at each other; where they are enters as a difference of places only."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(heads)
        self.Wqkv, self.out_proj, self.ffn = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim), _ffn(dim)

    def forward(self, x: Tensor, turns: Rotation) -> Tensor:
        """[B, N, dim] to the same."""
        q, k, v = (part.transpose(1, 2) for part in self.Wqkv(x).unflatten(-1, (self.heads, -1, 3)).unbind(-1))
        message = self.out_proj(self._mix(AttentionCall(q, k, v, rotate_q=turns, rotate_k=turns)))
        out: Tensor = x + self.ffn(torch.cat([x, message], dim=-1))
        return out


class CrossBlock(HookedAttention):
    """Points of two pictures look at each other, both at once; queries and keys share a projection."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(heads)
        self.to_qk, self.to_v, self.to_out = (nn.Linear(dim, dim) for _ in range(3))
        self.ffn = _ffn(dim)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """[B, N, dim] and [B, M, dim] to the same."""
        (one, two), values = ([self._heads(project(x)) for x in (first, second)] for project in (self.to_qk, self.to_v))
        calls = AttentionCall(one, two, values[1]), AttentionCall(two, one, values[0])
        messages = [self.to_out(self._mix(call)) for call in calls]
        first, second = (
            x + self.ffn(torch.cat([x, message], dim=-1)) for x, message in zip((first, second), messages, strict=True)
        )
        return first, second


class Layer(nn.Module):
    """Within both pictures, then between them."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.self_attn, self.cross_attn = SelfBlock(dim, heads), CrossBlock(dim, heads)

    def forward(self, first: Tensor, second: Tensor, turns: tuple[Rotation, Rotation]) -> tuple[Tensor, Tensor]:
        """[B, N, dim] and [B, M, dim] to the same."""
        found: tuple[Tensor, Tensor] = self.cross_attn(
            self.self_attn(first, turns[0]), self.self_attn(second, turns[1])
        )
        return found


class Assignment(NamedTuple):
    """Logarithms of chances."""

    pairs: Tensor
    """[B, N, M]: that two points show the same."""
    alone: tuple[Tensor, Tensor]
    """[B, N] and [B, M]: that a point has no partner."""


class MatchAssignment(nn.Module):
    """log p = log softmax over the rows + over the columns + log chance that either has a partner (equation 6)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.matchability, self.final_proj = nn.Linear(dim, 1), nn.Linear(dim, dim)

    def forward(self, first: Tensor, second: Tensor) -> Assignment:
        """[B, N, dim] and [B, M, dim]."""
        one, two = (self.final_proj(x) / x.shape[-1] ** 0.25 for x in (first, second))
        z0, z1 = (self.matchability(x)[..., 0] for x in (first, second))
        likeness = one @ two.mT
        pairs = likeness.log_softmax(dim=2) + likeness.log_softmax(dim=1)
        pairs = pairs + F.logsigmoid(z0)[:, :, None] + F.logsigmoid(z1)[:, None]
        return Assignment(pairs, (F.logsigmoid(-z0), F.logsigmoid(-z1)))


class TokenConfidence(nn.Module):
    """Whether a point's match will not change any more; only trained, as in GIM."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.token = nn.Sequential(nn.Linear(dim, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, N] of [B, N, dim]; no gradient reaches x."""
        logits: Tensor = self.token[0](x.detach())[..., 0]
        return logits


class LightGlue(nn.Module):
    """The part without the detector."""

    def __init__(self, dim: int, heads: int, layers: int) -> None:
        super().__init__()
        self.posenc = PositionEncoding(dim // heads)
        self.transformers = nn.ModuleList(Layer(dim, heads) for _ in range(layers))
        self.log_assignment = nn.ModuleList(MatchAssignment(dim) for _ in range(layers))
        self.token_confidence = nn.ModuleList(TokenConfidence(dim) for _ in range(layers - 1))

    def forward(self, first: Described, second: Described) -> list[tuple[Tensor, Tensor]]:
        """States [B, N, C] and [B, M, C] after each layer."""
        turns = self.posenc(first.places), self.posenc(second.places)
        one, two, states = first.descriptors, second.descriptors, []
        for layer in self.transformers:
            one, two = layer(one, two, turns)
            states.append((one, two))
        return states


class GimLightGlue(PairNetwork):
    """Detector and matcher; the detector is not trained with it."""

    CONFIG: ClassVar[type[LightGlueConfig]] = LightGlueConfig
    config: LightGlueConfig
    side_px: ClassVar[int] = 1024

    def __init__(self, config: LightGlueConfig) -> None:
        super().__init__(config)
        self.superpoint = SuperPoint(config.superpoint).requires_grad_(False)
        self.model = LightGlue(config.superpoint.descriptor, config.heads, config.layers)

    @torch.no_grad()
    def match(self, first: Tensor, second: Tensor) -> PairMatches:
        """Matches of two pictures [3, H, W], RGB in 0..1, sides multiples of 8; they may differ in size."""
        one, two = self.superpoint.detect(first), self.superpoint.detect(second)
        if not min(len(one.scores), len(two.scores)):
            return PairMatches(one.places[:0], two.places[:0], one.scores[:0])
        states = self.model(described(one, first.shape), described(two, second.shape))[-1]
        log_chance = self.model.log_assignment[-1](*states).pairs[0]
        rows, columns = mutual_best(log_chance, self.config.threshold)
        return PairMatches(one.places[rows], two.places[columns], log_chance[rows, columns].exp()).ordered()


def described(points: Points, shape: torch.Size) -> Described:
    """Points of a picture of a shape [..., H, W]; as in GIM, pixels are counted from the corner of the picture."""
    size = points.places.new_tensor([shape[-1], shape[-2]])
    return Described(((points.places + 0.5 - size / 2) / (size.max() / 2))[None], points.descriptors[None])


def mutual_best(log_chance: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Indices of what is best for each other in a table [N, M], where the chance is above the threshold."""
    best = log_chance.argmax(dim=1)
    rows = torch.arange(len(best), device=best.device)
    kept = (log_chance.argmax(dim=0)[best] == rows) & (log_chance[rows, best].exp() > threshold)
    return rows[kept], best[kept]


def _ffn(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2 * dim, 2 * dim), nn.LayerNorm(2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
