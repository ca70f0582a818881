"""Semantic attention of the abstract memory (Flash-VStream, section 3.2): an average that follows what resembles it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn

UPSTREAM = "model.attention_model."
"""Prefix of its keys in the released checkpoint."""


class SemanticAttention(nn.Module):
    """Learned queries and keys of the abstract memory; 134,240 parameters at the published size.

    Only the projections of queries and keys are used; the others are in the released checkpoint and are kept, so that
    it loads strictly.
    """

    def __init__(self, width: int = 1024, hidden: int = 32) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, hidden) for _ in range(3))
        self.out_proj = nn.Linear(hidden, width)
        self.out_ln = nn.LayerNorm(width, eps=1e-12)

    @classmethod
    def from_checkpoint(cls, state: Mapping[str, Tensor], prefix: str = UPSTREAM) -> SemanticAttention:
        """From the tensors of a released checkpoint. Raises KeyError, RuntimeError for missing or wrong ones."""
        own = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        hidden, width = own["q_proj.weight"].shape
        module = cls(width, hidden)
        module.load_state_dict(own)
        return module.eval()

    def forward(self, memory: Tensor, chunk: Tensor) -> Tensor:
        """Weights [M, E] with which the rows of memory [M, C] look at a chunk [E, C]; each row sums to 1."""
        return _weights(self.q_proj(memory), self.k_proj(chunk))


def attend(memory: Tensor, chunk: Tensor, alpha: float, attention: SemanticAttention | None = None) -> Tensor:
    """Memory [M, C] moved by the rate `alpha` towards the frames of a chunk [E, C] that it attends to.

    Without `attention` features themselves are the queries and keys.
    """
    weights = alpha * (_weights(memory, chunk) if attention is None else attention(memory, chunk))
    return memory * (1.0 - weights.sum(dim=1, keepdim=True)) + weights @ chunk


def _weights(queries: Tensor, keys: Tensor) -> Tensor:
    return (queries @ keys.T / math.sqrt(queries.shape[1])).softmax(dim=1)
