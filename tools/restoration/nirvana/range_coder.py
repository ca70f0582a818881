"""An adaptive range coder: integers to bytes and back, exactly, with whole numbers only, so on any machine alike.

Range coding (Martin 1979) with 48 bits, a byte at a time; carries run through bytes that are held back. Counts grow as
symbols come, by the estimator of Krichevsky and Trofimov (1981), so that no tables are stored.
"""

from __future__ import annotations

from collections.abc import Sequence

BITS, BYTE = 48, 8
TOP, BOTTOM = 1 << BITS, 1 << (BITS - BYTE)
MOST_TOTAL = 1 << 30
"""Sum of the counts of a model: so many keep 10 bits of precision in the narrowest range."""
FLUSH_BYTES = BITS // BYTE
MOST_SYMBOLS = 1 << 16
"""Size of an alphabet."""


class Damaged(ValueError):
    """What is read was not written by us, or has changed since."""


class RangeEncoder:
    """Takes shares of the range, gives bytes."""

    def __init__(self) -> None:
        self._low, self._range = 0, TOP
        self._held = bytearray()

    def encode(self, start: int, count: int, total: int) -> None:
        """The symbol that has `count` of `total`, after `start` of others."""
        part = self._range // total
        self._low += start * part
        self._range = count * part
        if self._low >= TOP:
            self._carry()
        while self._range <= BOTTOM:
            self._held.append(self._low >> (BITS - BYTE))
            self._low = (self._low << BYTE) & (TOP - 1)
            self._range <<= BYTE

    def _carry(self) -> None:
        self._low -= TOP
        place = len(self._held) - 1
        while self._held[place] == 0xFF:
            self._held[place] = 0
            place -= 1
        self._held[place] += 1

    def finish(self) -> bytes:
        """All bytes; zeros at the end are left out, the decoder reads them beyond it."""
        # The number with the most zeros at its end that lies in the range.
        for keep in range(FLUSH_BYTES + 1):
            unit = 1 << (BITS - BYTE * keep)
            value = -(-self._low // unit) * unit
            if value < self._low + self._range:
                break
        self._low = value
        if self._low >= TOP:
            self._carry()
        return bytes(self._held + self._low.to_bytes(FLUSH_BYTES, "big")).rstrip(b"\0")


class RangeDecoder:
    """Gives back what a RangeEncoder took."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, FLUSH_BYTES
        self._value = int.from_bytes(data[:FLUSH_BYTES].ljust(FLUSH_BYTES, b"\0"), "big")
        self._range = TOP

    def place(self, total: int) -> int:
        """Which of `total` places is next; `take` must follow. Raises Damaged."""
        self._part = self._range // total
        place = self._value // self._part
        if place >= total:
            raise Damaged("the coded symbols are damaged")
        return place

    def take(self, start: int, count: int) -> None:
        """The symbol was found: it has `count` places after `start` of others."""
        self._value -= start * self._part
        self._range = count * self._part
        while self._range <= BOTTOM:
            byte = self._data[self._place] if self._place < len(self._data) else 0
            self._value = (self._value << BYTE) | byte
            self._range <<= BYTE
            self._place += 1


class Counts:
    """How often each of `size` symbols came so far, twice, plus 1."""

    def __init__(self, size: int) -> None:
        self.counts = [1] * size
        self.total = size

    def saw(self, symbol: int) -> None:
        if self.total < MOST_TOTAL:
            self.counts[symbol] += 2
            self.total += 2


def zigzag(value: int) -> int:
    """0, -1, 1, -2, 2 ... to 0, 1, 2, 3, 4 ...: what comes often is found first."""
    return 2 * value if value >= 0 else -2 * value - 1


def encode_column(encoder: RangeEncoder, values: Sequence[int], size: int) -> None:
    """Integers whose zigzag numbers are below `size`."""
    model = Counts(size)
    for value in values:
        symbol = zigzag(value)
        encoder.encode(sum(model.counts[:symbol]), model.counts[symbol], model.total)
        model.saw(symbol)


def decode_column(decoder: RangeDecoder, length: int, size: int) -> list[int]:
    """`length` integers that `encode_column` wrote. Raises Damaged."""
    model, values = Counts(size), []
    for _ in range(length):
        place, start = decoder.place(model.total), 0
        symbol = 0
        while place >= start + model.counts[symbol]:
            start += model.counts[symbol]
            symbol += 1
        decoder.take(start, model.counts[symbol])
        model.saw(symbol)
        values.append(symbol // 2 if symbol % 2 == 0 else -(symbol + 1) // 2)
    return values
