"""Where the taps of a convolution stand before they are moved."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Stride, padding and dilation of a convolution, each (rows, columns)."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)

    def out_size(self, size: Pair, kernel: Pair) -> Pair:
        """Height and width of the result; 0 where the taps do not fit."""
        rows, columns = (
            max(0, (n + 2 * p - d * (k - 1) - 1) // s + 1)
            for n, k, s, p, d in zip(size, kernel, self.stride, self.padding, self.dilation, strict=True)
        )
        return rows, columns
