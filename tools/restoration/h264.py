"""What H.264 makes of the same pictures: sizes and errors at several CRFs, to compare other codecs with.

x264 as FFmpeg carries it, yuv420p, preset medium. Bytes are those of the stream itself, without a file around it and
without the note about itself (700 bytes) that x264 writes into it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from tools.media.frame import Picture
from tools.restoration.quality import psnr, ssim

CRFS = (18, 23, 28, 33, 38, 43, 48)
PRESET = "medium"
START_BYTES, UNIT_TYPE, SUPPLEMENTAL = 4, 0x1F, 6


class Point(NamedTuple):
    """A place on a curve of rate and distortion."""

    name: str
    num_bytes: int
    bits_per_pixel: float
    psnr_db: float
    """Of RGB pictures, over all of them together."""
    ssim: float
    """Mean of the pictures."""


def point(name: str, num_bytes: int, found: Sequence[Picture], truth: Sequence[Picture]) -> Point:
    """Of decoded pictures beside the true ones."""
    pixels = len(truth) * truth[0].shape[0] * truth[0].shape[1]
    similar = [ssim(one, true) for one, true in zip(found, truth, strict=True)]
    return Point(
        name, num_bytes, 8 * num_bytes / pixels, psnr(np.stack(found), np.stack(truth)), float(np.mean(similar))
    )


def h264_curve(pictures: Sequence[Picture], fps: Fraction, crfs: Sequence[int] = CRFS) -> list[Point]:
    """A point for each CRF; uint8 RGB pictures of one size. Odd sides are made even by repeating an edge."""
    height, width = pictures[0].shape[:2]
    even = [np.pad(one, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") for one in pictures]
    points = []
    for crf in crfs:
        packets = _encoded(even, fps, crf)
        found = [one[:height, :width] for one in _decoded(packets)]
        points.append(point(f"H.264, CRF {crf}", sum(map(_size, packets)), found, pictures))
    return points


def _encoded(pictures: Sequence[Picture], fps: Fraction, crf: int) -> list[bytes]:
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.height, encoder.width = pictures[0].shape[:2]
    encoder.pix_fmt, encoder.framerate, encoder.time_base = "yuv420p", fps, 1 / fps
    encoder.options = {"crf": str(crf), "preset": PRESET}
    packets = []
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts = index
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets + [bytes(packet) for packet in encoder.encode(None)]


def _size(packet: bytes) -> int:
    """Bytes of the units of a packet (Annex B of the standard) that are no supplemental information."""
    units = re.split(b"\x00\x00\x00?\x01", packet)[1:]
    return sum(START_BYTES + len(unit) for unit in units if unit[0] & UNIT_TYPE != SUPPLEMENTAL)


def _decoded(packets: Sequence[bytes]) -> list[Picture]:
    decoder = av.VideoCodecContext.create("h264", "r")
    frames = [frame for data in packets for frame in decoder.decode(av.Packet(data))]
    frames += decoder.decode(None)
    return [
        np.asarray(frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray(), np.uint8) for frame in frames
    ]


def bytes_for(psnr_db: float, curve: Sequence[Point]) -> float:
    """What a curve needs for this PSNR: bytes, logarithm of them linear between points and beyond the ends."""
    ordered = sorted(curve, key=lambda one: one.psnr_db)
    places = [one.psnr_db for one in ordered]
    index = int(np.clip(np.searchsorted(places, psnr_db), 1, len(ordered) - 1))
    low, high = ordered[index - 1], ordered[index]
    share = (psnr_db - low.psnr_db) / max(high.psnr_db - low.psnr_db, 1e-9)
    return float(low.num_bytes * (high.num_bytes / low.num_bytes) ** share)
