"""`CheckpointMap`: from the tensor names and layouts of a released file to those of a model of ours, strictly.

A map is an ordered list of rules; each takes a state dict and gives one. `load` then wants exactly the model's tensors:
what is missing, unexpected or mis-shaped is listed in the error. Reading files is `tools/nn/weights.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn

from tools.base import MissingModel

State = Mapping[str, Tensor]
Rule = Callable[[State], dict[str, Tensor]]
Layout = Literal["3hd", "h3d", "hd3"]
"""How the rows of a fused projection are ordered: all queries, then keys, then values (timm, CLIP, Phi-3); within each
head, or each key-value head with its group of queries (GPT-NeoX, BLOOM, InternLM2, Falcon); within each channel."""
MAX_LISTED = 8


class CheckpointError(MissingModel):
    """The weights cannot be used; the message says what differs and what to do."""


@dataclass(frozen=True)
class Rename:
    """Replace every match of a regular expression in the names; `to` may use groups."""

    pattern: str
    to: str

    def __call__(self, state: State) -> dict[str, Tensor]:
        renamed: dict[str, Tensor] = {}
        for name, tensor in state.items():
            new = re.sub(self.pattern, self.to, name)
            if new in renamed:
                raise CheckpointError(f"two tensors of the file would both be named {new!r}; the map is wrong for it")
            renamed[new] = tensor
        return renamed


@dataclass(frozen=True)
class Ignore:
    """Leave out the tensors whose whole name matches; the reason is for the reader."""

    pattern: str
    reason: str

    def __call__(self, state: State) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in state.items() if not re.fullmatch(self.pattern, name)}


@dataclass(frozen=True)
class Transpose:
    """Permute the axes of the tensors whose whole name matches; by default the last two are swapped."""

    pattern: str
    axes: tuple[int, ...] | None = None

    def __call__(self, state: State) -> dict[str, Tensor]:
        def turn(tensor: Tensor) -> Tensor:
            return tensor.transpose(-1, -2) if self.axes is None else tensor.permute(self.axes)

        return {n: turn(t).contiguous() if re.fullmatch(self.pattern, n) else t for n, t in state.items()}


@dataclass(frozen=True)
class Reshape:
    """View the tensors whose whole name matches in another shape: a linear patch embedding as a convolution, say."""

    pattern: str
    shape: tuple[int, ...]

    def __call__(self, state: State) -> dict[str, Tensor]:
        return {n: t.reshape(self.shape) if re.fullmatch(self.pattern, n) else t for n, t in state.items()}


@dataclass(frozen=True)
class SplitRows:
    """One tensor to as many as it has rows: `to` with the number of the row in place of `{}`, each [1, ...]."""

    name: str
    to: str

    def __call__(self, state: State) -> dict[str, Tensor]:
        out = {name: tensor for name, tensor in state.items() if name != self.name}
        rows = state[self.name].split(1) if self.name in state else ()
        return out | {self.to.format(i): row for i, row in enumerate(rows)}


@dataclass(frozen=True)
class SplitQKV:
    """Fused projections to three. `to` are the names of q, k, v and may use groups of the pattern (whole name)."""

    pattern: str
    to: tuple[str, str, str]
    heads: int
    layout: Layout = "3hd"
    kv_heads: int | None = None

    def __call__(self, state: State) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        for name, tensor in state.items():
            match = re.fullmatch(self.pattern, name)
            if match is None:
                out[name] = tensor
                continue
            parts = split_qkv(tensor, self.layout, heads=self.heads, kv_heads=self.kv_heads)
            out.update(zip((match.expand(part) for part in self.to), parts, strict=True))
        return out


@dataclass(frozen=True)
class FuseQKV:
    """Three projections to one. The pattern matches the whole name of q; `others` are the names of k and v and `to` the
    fused one, with its groups. Where the file has no k or no v the part is zeros (EVA and BEiT: no bias on keys)."""

    pattern: str
    others: tuple[str, str]
    to: str
    heads: int
    layout: Layout = "3hd"
    kv_heads: int | None = None

    def __call__(self, state: State) -> dict[str, Tensor]:
        out = dict(state)
        for name, q in state.items():
            match = re.fullmatch(self.pattern, name)
            if match is None:
                continue
            rows = q.shape[0] // self.heads * (self.kv_heads or self.heads)
            names = [match.expand(part) for part in self.others]
            k, v = (state.get(part, q.new_zeros(rows, *q.shape[1:])) for part in names)
            for part in (name, *names):
                out.pop(part, None)
            out[match.expand(self.to)] = fuse_qkv(q, k, v, self.layout, heads=self.heads, kv_heads=self.kv_heads)
        return out


def split_qkv(
    fused: Tensor, layout: Layout, *, heads: int, kv_heads: int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of q [heads * d, ...], k and v [kv_heads * d, ...] of a fused weight or bias [(heads + 2 kv) * d, ...]."""
    groups = kv_heads or heads
    d, rest = divmod(fused.shape[0], heads + 2 * groups)
    if rest or heads % groups or (layout == "hd3" and groups != heads):
        raise CheckpointError(f"{fused.shape[0]} rows are no q, k and v of {heads} and {groups} heads in {layout!r}")
    tail = fused.shape[1:]
    if layout == "3hd":
        q, k, v = fused.split([heads * d, groups * d, groups * d])
    elif layout == "h3d":
        q, k, v = fused.view(groups, -1, d, *tail).split([heads // groups, 1, 1], dim=1)
    else:
        q, k, v = fused.view(heads, d, 3, *tail).unbind(2)
    return q.reshape(-1, *tail), k.reshape(-1, *tail), v.reshape(-1, *tail)


def fuse_qkv(q: Tensor, k: Tensor, v: Tensor, layout: Layout, *, heads: int, kv_heads: int | None = None) -> Tensor:
    """The inverse of `split_qkv`."""
    groups = kv_heads or heads
    tail = q.shape[1:]
    if layout == "3hd":
        return torch.cat([q, k, v])
    d = q.shape[0] // heads
    if layout == "h3d":
        parts = [q.view(groups, -1, d, *tail), k.view(groups, 1, d, *tail), v.view(groups, 1, d, *tail)]
        return torch.cat(parts, dim=1).reshape(-1, *tail)
    return torch.stack([part.view(heads, d, *tail) for part in (q, k, v)], dim=2).reshape(-1, *tail)


@dataclass(frozen=True)
class CheckpointMap:
    """One published layout: the rules that turn it into ours, and a name that only this layout has."""

    rules: Sequence[Rule] = ()
    marker: str = ""
    """A file has this layout when a name in it matches this expression somewhere; empty: any file."""

    def fits(self, names: Sequence[str]) -> bool:
        """Whether these are names of this layout."""
        return any(re.search(self.marker, name) for name in names)

    def apply(self, state: State) -> dict[str, Tensor]:
        """The state dict in our names and shapes."""
        return reduce(lambda current, rule: rule(current), self.rules, dict(state))

    def load(self, model: nn.Module, state: State, *, what: str = "the file") -> None:
        """Give the model (which may be on the meta device) these weights, as float32 where they are floating point.

        Raises CheckpointError that lists missing, unexpected and mis-shaped tensors; then the model is untouched.
        """
        mapped = self.apply(state)
        own = model.state_dict()
        missing = [name for name in own if name not in mapped]
        unexpected = [name for name in mapped if name not in own]
        misshaped = [
            f"{name} is {list(mapped[name].shape)}, wanted {list(tensor.shape)}"
            for name, tensor in own.items()
            if name in mapped and mapped[name].shape != tensor.shape
        ]
        if missing or unexpected or misshaped:
            found = (("missing", missing), ("unexpected", unexpected), ("mis-shaped", misshaped))
            faults = "; ".join(f"{len(names)} {kind}: {_listed(names)}" for kind, names in found if names)
            raise CheckpointError(
                f"{what} does not fit {type(model).__name__}: {faults}. Use the file that was released for this size"
            )
        model.load_state_dict({n: t.float() if t.is_floating_point() else t for n, t in mapped.items()}, assign=True)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
