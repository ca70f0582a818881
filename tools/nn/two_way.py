"""Two-way transformer of SAM (Kirillov et al., arXiv 2304.02643, appendix A): tokens and picture attend to another."""

from __future__ import annotations

from torch import Tensor, nn

from tools.nn.attention import Attention
from tools.nn.blocks import MLP


class TwoWayBlock(nn.Module):
    """Token self-attention, tokens to picture, MLP, picture to tokens; post-norm. Positions are added to q and k."""

    def __init__(self, dim: int, heads: int, mlp: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(dim, heads)
        self.cross_attn_token_to_image = Attention(dim, heads, inner=dim // 2)
        self.cross_attn_image_to_token = Attention(dim, heads, inner=dim // 2)
        self.mlp = MLP(dim, mlp, dim)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(dim) for _ in range(4))

    def forward(self, tokens: Tensor, pixels: Tensor, token_pos: Tensor, pixel_pos: Tensor) -> tuple[Tensor, Tensor]:
        """tokens [B, N, C], pixels [B, h * w, C] and their positions; gives both."""
        if self.first:  # without positions, and in place of the tokens rather than added to them
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pos
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)
        tokens = tokens + self.cross_attn_token_to_image(tokens + token_pos, pixels + pixel_pos, pixels)
        tokens = self.norm2(tokens)
        tokens = self.norm3(tokens + self.mlp(tokens))
        pixels = pixels + self.cross_attn_image_to_token(pixels + pixel_pos, tokens + token_pos, tokens)
        return tokens, self.norm4(pixels)


class TwoWayTransformer(nn.Module):
    """`depth` blocks and a last attention of the tokens to the picture."""

    def __init__(self, dim: int, heads: int, mlp: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(dim, heads, mlp, first=i == 0) for i in range(depth))
        self.final_attn_token_to_image = Attention(dim, heads, inner=dim // 2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(self, image: Tensor, image_pos: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """image [B, C, h, w], image_pos [1 or B, C, h, w], tokens [B, N, C] (they are their own positions).

        Gives tokens [B, N, C] and pixels [B, h * w, C].
        """
        pixels, pixel_pos = (x.flatten(2).transpose(1, 2).contiguous() for x in (image, image_pos))
        token_pos = tokens
        for layer in self.layers:
            tokens, pixels = layer(tokens, pixels, token_pos, pixel_pos)
        seen = self.final_attn_token_to_image(tokens + token_pos, pixels + pixel_pos, pixels)
        return self.norm_final_attn(tokens + seen), pixels
