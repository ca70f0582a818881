"""Messages on a pipe: eight bytes of length, then the content."""

from __future__ import annotations

import struct
from typing import BinaryIO

HEADER = struct.Struct("<Q")


def write_frame(pipe: BinaryIO, content: bytes) -> None:
    pipe.write(HEADER.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def read_frame(pipe: BinaryIO) -> bytes | None:
    """The next message; None at the end of the pipe. Raises EOFError when it ends in the middle of a message."""
    header = pipe.read(HEADER.size)
    if not header:
        return None
    content = pipe.read(HEADER.unpack(header)[0]) if len(header) == HEADER.size else b""
    if len(header) < HEADER.size or len(content) < HEADER.unpack(header)[0]:
        raise EOFError("the pipe ended in the middle of a message")
    return content
