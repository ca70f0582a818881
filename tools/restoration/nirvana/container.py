"""The file: a header, one block a group, an index, and a seal over header and index.

    magic (8 bytes) | header | block 0 | block 1 | ... | index | seal

Header and index are JSON, deflated. The seal is where the index lies and the SHA-256 of header and index; the index has
a CRC-32 of every block. So a reader opens a block anywhere without reading the others, and notices every change.
Nothing in a file is ever executed, and every number has a bound that is checked before memory is taken.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from memory.atomic import temporary_name
from tools.base import MediaError
from tools.restoration.nirvana.network import Config

MAGIC = b"VNIRVANA"
LENGTH = struct.Struct("<I")
SEAL = struct.Struct("<QI32s")
"""Offset and length of the index, hash of header and index."""
MOST_HEADER_BYTES, MOST_INDEX_BYTES = 1 << 16, 1 << 26
"""Inflated."""
MOST_SIDE_PX = 8192


class Header(BaseModel):
    """What holds for all groups."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = 1
    width: int = Field(ge=1, le=MOST_SIDE_PX, description="Of the pictures, pixels.")
    height: int = Field(ge=1, le=MOST_SIDE_PX)
    network: Config
    comment: str = Field("", max_length=4096, description="What made it.")


class Block(BaseModel):
    """Where a group lies, and what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: int = Field(ge=0, description="Offset in the file.")
    size: int = Field(ge=0, description="Bytes.")
    crc32: int = Field(ge=0, lt=1 << 32)
    whole: bool = Field(description="Whether it stands alone; if not it is a change of the one before.")
    frames: int = Field(ge=1, le=16)


class Index(BaseModel):
    """All groups, and when their pictures are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    blocks: list[Block] = Field(min_length=1)
    times: list[int] = Field(description="Of the pictures, in units of 1/90000 s, rising from 0.")
    end: int = Field(ge=1, description="Until when the last one is shown.")

    @model_validator(mode="after")
    def _agrees(self) -> Index:
        if not self.blocks[0].whole:
            raise ValueError("the first group must stand alone")
        if sum(block.frames for block in self.blocks) != len(self.times):
            raise ValueError("there must be a time for every picture")
        ends = [*self.times, self.end]
        if ends[0] != 0 or any(a >= b for a, b in pairwise(ends)):
            raise ValueError("times must rise from 0")
        return self


class Writer:
    """Context manager; the file appears under its name when the block ends without an error. Raises OSError."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path, self._header = path, _deflated(header)
        self._blocks: list[Block] = []
        self._times: list[int] = []

    def __enter__(self) -> Writer:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = temporary_name(self.path)
        self._file = self._temporary.open("wb")
        self._file.write(MAGIC + LENGTH.pack(len(self._header)) + self._header)
        return self

    def add(self, payload: bytes, *, whole: bool, times: list[int]) -> None:
        """A group, with the times of its pictures."""
        at = self._file.tell()
        self._blocks.append(Block(at=at, size=len(payload), crc32=zlib.crc32(payload), whole=whole, frames=len(times)))
        self._times += times
        self._file.write(payload)

    def finish(self, end: int) -> int:
        """Write index and seal; the whole size in bytes."""
        at, index = self._file.tell(), _deflated(Index(blocks=self._blocks, times=self._times, end=end))
        self._file.write(index + SEAL.pack(at, len(index), hashlib.sha256(self._header + index).digest()))
        return self._file.tell()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None:
            self._temporary.replace(self.path)
        else:
            self._temporary.unlink(missing_ok=True)


class Reader:
    """An opened file: header and index are read and checked, blocks when they are asked for. Raises MediaError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise MediaError(f"{path.name}: cannot be read ({error.strerror}); check that it is there") from error
        try:
            self.header, self.index = self._opened()
        except (ValidationError, ValueError, struct.error, zlib.error) as error:
            self._file.close()
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise MediaError(f"{path.name}: no whole NIRVANA file ({why}); compress the video again") from error

    def _opened(self) -> tuple[Header, Index]:
        size = self._file.seek(0, 2)
        self._file.seek(0)
        if self._file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin as one")
        (length,) = LENGTH.unpack(self._file.read(LENGTH.size))
        header = self._file.read(min(length, MOST_HEADER_BYTES))
        self._file.seek(max(0, size - SEAL.size))
        at, count, digest = SEAL.unpack(self._file.read(SEAL.size))
        if at + count + SEAL.size != size:
            raise ValueError("its end is missing")
        self._file.seek(at)
        index = self._file.read(count)
        if hashlib.sha256(header + index).digest() != digest:
            raise ValueError("header or index changed after it was written")
        opened = Index.model_validate_json(_inflated(index, MOST_INDEX_BYTES))
        known = Header.model_validate_json(_inflated(header, MOST_HEADER_BYTES))
        for block in opened.blocks:
            if block.at + block.size > at or block.frames > known.network.frames:
                raise ValueError("its index is wrong")
        return known, opened

    def payload(self, group: int) -> bytes:
        """Of a group. Raises MediaError where it changed."""
        block = self.index.blocks[group]
        self._file.seek(block.at)
        data = self._file.read(block.size)
        if len(data) != block.size or zlib.crc32(data) != block.crc32:
            raise MediaError(f"{self.path.name}: group {group} is damaged; ask for other frames, or compress again")
        return data

    def close(self) -> None:
        self._file.close()


def _deflated(what: BaseModel) -> bytes:
    return zlib.compress(what.model_dump_json().encode(), 9)


def _inflated(data: bytes, most: int) -> bytes:
    """Raises ValueError where there is more than `most`, zlib.error."""
    inflate = zlib.decompressobj()
    content = inflate.decompress(data, most)
    if not inflate.eof:
        raise ValueError("header or index is too long")
    return content
