"""Weights as whole numbers: W = q Psi + shift, with one small decoder Psi and one shift for each kind of layer.

As in LilNetX (Girish et al., ICLR 2023), which NIRVANA's quantisation follows: the kernels of a layer are rows, with
one symbol a column; Psi is learned and stored in half precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from tools.restoration.nirvana.network import Config, PatchNetwork
from tools.restoration.nirvana.range_coder import (
    MOST_SYMBOLS,
    Damaged,
    RangeDecoder,
    RangeEncoder,
    decode_column,
    encode_column,
    zigzag,
)

KERNEL = 9
"""Values of a row of a convolution; all others have rows of one."""
SIZE_BYTES = 3


class Part(NamedTuple):
    """Tensors of one kind of layer, one below the other."""

    kind: str
    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    columns: int

    @property
    def rows(self) -> int:
        return sum(shape.numel() for shape in self.shapes) // self.columns


def parts_of(config: Config) -> list[Part]:
    """How the network's tensors are put together."""
    with torch.device("meta"):
        named = {name: value.shape for name, value in PatchNetwork(config).named_parameters()}
    kinds: dict[str, list[str]] = {}
    for name, shape in named.items():
        if len(shape) == 1:
            kind = "bias"
        elif name == "trunk.0.weight":  # reaches far wider than the sine layers behind it
            kind = "first"
        else:
            kind = name.split(".")[0]
        kinds.setdefault(kind, []).append(name)
    return [
        Part(kind, tuple(names), tuple(named[name] for name in names), KERNEL if len(named[names[0]]) == 4 else 1)
        for kind, names in kinds.items()
    ]


@dataclass(frozen=True, eq=False)
class Quantised:
    """The network of a group as it is stored; every tensor in the order of `parts_of`."""

    symbols: list[Tensor]
    """int32 [rows, columns] each."""
    psi: list[Tensor]
    """float32 [columns, columns] each, values of half precision."""
    shift: list[Tensor]
    """float32 [columns] each, likewise."""

    def weights(self, parts: list[Part]) -> dict[str, Tensor]:
        """The network's tensors by name, the same to the bit on every machine."""
        each = zip(parts, self.symbols, self.psi, self.shift, strict=True)
        return {
            name: tensor
            for part, symbols, psi, shift in each
            for name, tensor in unpacked(part, decoded(symbols.float(), psi, shift)).items()
        }


def decoded(latents: Tensor, psi: Tensor, shift: Tensor) -> Tensor:
    """latents Psi + shift, [rows, columns], summed in the order of the columns."""
    weights = shift.expand_as(latents)
    for column in range(latents.shape[1]):
        weights = weights + latents[:, column : column + 1] * psi[column]
    return weights


def packed(part: Part, tensors: Mapping[str, Tensor]) -> Tensor:
    """The part's tensors as rows [rows, columns]."""
    return torch.cat([tensors[name].reshape(-1, part.columns) for name in part.names])


def unpacked(part: Part, rows: Tensor) -> dict[str, Tensor]:
    """The reverse of `packed`."""
    pieces = rows.flatten().split([shape.numel() for shape in part.shapes])
    return {name: piece.view(shape) for name, shape, piece in zip(part.names, part.shapes, pieces, strict=True)}


class RoundThrough(torch.autograd.Function):
    """Rounds; the gradient passes as if it did not (straight-through estimator, Bengio et al., 2013)."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        return gradients[0]


def round_through(x: Tensor) -> Tensor:
    """Whole numbers, with the gradient of x."""
    rounded: Tensor = RoundThrough.apply(x)
    return rounded


def to_payload(state: Quantised, base: Quantised | None) -> bytes:
    """A group as bytes: decoders and symbols, or, over a `base`, only what its symbols differ by.

    One size of the alphabet for each column, then all symbols in one run of the coder.
    """
    head = bytearray()
    if base is None:
        for psi, shift in zip(state.psi, state.shift, strict=True):
            head += psi.half().numpy().astype("<f2").tobytes() + shift.half().numpy().astype("<f2").tobytes()
    columns = []
    for index, symbols in enumerate(state.symbols):
        values = symbols if base is None else symbols - base.symbols[index]
        columns += [column.tolist() for column in values.T]
    sizes = [1 + max(map(zigzag, column)) for column in columns]
    encoder = RangeEncoder()
    for column, size in zip(columns, sizes, strict=True):
        if size > 1:
            encode_column(encoder, column, size)
    return bytes(head) + b"".join(size.to_bytes(SIZE_BYTES, "little") for size in sizes) + encoder.finish()


def from_payload(data: bytes, parts: list[Part], base: Quantised | None) -> Quantised:
    """What `to_payload` wrote, with the same `base`. Raises Damaged."""
    reader = _Bytes(data)
    psi, shift = (base.psi, base.shift) if base is not None else ([], [])
    if base is None:
        for part in parts:
            psi.append(reader.halves(part.columns**2).view(part.columns, part.columns))
            shift.append(reader.halves(part.columns))
    sizes = [[int.from_bytes(reader.take(SIZE_BYTES), "little") for _ in range(part.columns)] for part in parts]
    if not all(1 <= size <= MOST_SYMBOLS for of_part in sizes for size in of_part):
        raise Damaged("the sizes of the alphabets are damaged")
    decoder = RangeDecoder(reader.rest())
    symbols = []
    for index, part in enumerate(parts):
        columns = [decode_column(decoder, part.rows, size) if size > 1 else [0] * part.rows for size in sizes[index]]
        values = torch.tensor(columns, dtype=torch.int32).T.contiguous()
        symbols.append(values if base is None else values + base.symbols[index])
    return Quantised(symbols, psi, shift)


class _Bytes:
    """Reads on from the front; Damaged where there is not enough."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise Damaged("a group is cut short")
        self._at += count
        return piece

    def halves(self, count: int) -> Tensor:
        import numpy as np

        values = np.frombuffer(self.take(2 * count), "<f2").astype(np.float32)
        if not np.isfinite(values).all():
            raise Damaged("a decoder of weights is damaged")
        return torch.from_numpy(values)

    def rest(self) -> bytes:
        return self._data[self._at :]
