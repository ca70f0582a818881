"""Which kind of file it is by its first bytes; the name and what a client says of it do not count."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

HEAD_BYTES = 4096


class Container(NamedTuple):
    """A kind of file that may be kept."""

    name: str
    media_type: str
    """What it is served as."""
    suffix: str
    sound_only: bool = False


MP4 = Container("MP4", "video/mp4", ".mp4")
QUICKTIME = Container("QuickTime", "video/quicktime", ".mov")
WEBM = Container("WebM", "video/webm", ".webm")
MATROSKA = Container("Matroska", "video/x-matroska", ".mkv")
AVI = Container("AVI", "video/x-msvideo", ".avi")
TRANSPORT_STREAM = Container("MPEG-TS", "video/mp2t", ".ts")
PROGRAM_STREAM = Container("MPEG", "video/mpeg", ".mpg")
FLASH = Container("FLV", "video/x-flv", ".flv")
OGG = Container("Ogg", "video/ogg", ".ogv")
SOUND = Container("sound", "application/octet-stream", "", sound_only=True)

BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
"""With which files of the MP4 family begin, after four bytes of length."""
SOUND_MARKS = (b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xfa", b"\xff\xf1", b"\xff\xf9")
SYNC = 0x47
PACKET_BYTES = (188, 192, 204)
"""Of transport streams: plain, with time stamps before (M2TS), with error correction behind."""
SYNCS = 4
"""So many at equal distance are no accident."""


def sniff(head: bytes) -> Container | None:
    """The container that the first HEAD_BYTES of a file belong to; None when it is none that is taken."""
    if head[4:8] in BOXES:
        return QUICKTIME if head[8:12] == b"qt  " or head[4:8] != b"ftyp" else MP4
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return WEBM if b"webm" in head[:64] else MATROSKA
    if head[:4] == b"RIFF":
        return {b"AVI ": AVI, b"WAVE": SOUND}.get(head[8:12])
    if head[:4] in (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"):
        return PROGRAM_STREAM
    if head[:4] == b"FLV\x01":
        return FLASH
    if head[:4] == b"OggS":
        return OGG
    if head.startswith(SOUND_MARKS):
        return SOUND
    return TRANSPORT_STREAM if _keeps_time(head) else None


def sniff_file(path: Path) -> Container | None:
    """The same of a file. Raises OSError."""
    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES))


def _keeps_time(head: bytes) -> bool:
    """Whether sync bytes stand at equal distance; a recording may begin in the middle of a packet."""
    for length in PACKET_BYTES:
        for start in range(min(length, len(head))):
            marks = head[start::length]
            if len(marks) >= SYNCS and marks.count(SYNC) == len(marks):
                return True
    return False
