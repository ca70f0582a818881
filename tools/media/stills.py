"""Still pictures from files: PNG and JPEG, decoded by PyAV with hard limits."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tools.base import MediaError
from tools.media.frame import Frame, Picture
from tools.media.open import MAX_PIXELS, MAX_SIDE_PX

if TYPE_CHECKING:
    import av

FORMATS, CODECS = "png_pipe,jpeg_pipe", "png,mjpeg"
MAX_BYTES = 256 << 20


def read_picture(path: Path) -> Picture:
    """The picture in a file, upright, uint8 RGB [H, W, 3]. Raises MediaError with one line that names the file."""
    return decode_picture(_read(path), str(path))


def read_labels(path: Path) -> npt.NDArray[np.uint8]:
    """The numbers in a label picture, uint8 [H, W]: indices into its palette, or grey values.

    Raises MediaError with one line that names the file, also for a picture in colours.
    """
    picture = _decode(_read(path), str(path))
    if picture.format.name == "pal8":
        labels = picture.to_ndarray()[0]
    elif picture.format.name in ("gray", "ya8", "monob"):
        labels = picture.to_ndarray(format="gray")
    else:
        raise MediaError(f"{path}: a picture in colours ({picture.format.name}); give labels as a palette or in grey")
    return np.ascontiguousarray(labels, np.uint8)


def decode_picture(data: bytes, name: str) -> Picture:
    """The picture in the bytes of a PNG or JPEG file; `name` is used in errors. Raises MediaError."""
    return Frame.from_av(0, 0.0, _decode(data, name)).rgb


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MediaError(f"{path}: more than {MAX_BYTES >> 20} MiB; no still picture is that large")
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _decode(data: bytes, name: str) -> av.VideoFrame:
    import av

    # Without a file name FFmpeg looks at the content only, and cannot take the name for a pattern of names.
    options = {"format_whitelist": FORMATS, "codec_whitelist": CODECS, "protocol_whitelist": ""}
    try:
        with av.open(io.BytesIO(data), "r", options=options, metadata_errors="replace") as container:
            stream = container.streams.video[0]
            width, height = stream.codec_context.width, stream.codec_context.height
            if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
                raise MediaError(f"{name}: {width}x{height} pixels are too many (at most {MAX_SIDE_PX} a side)")
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS), "err_detect": "explode"}
            stream.codec_context.thread_count = 1
            return next(container.decode(stream))
    except (av.error.FFmpegError, OSError, ValueError, IndexError, StopIteration) as error:
        raise MediaError(f"{name}: not a PNG or JPEG picture that can be read; save it again") from error
