"""The only place that opens media files: local files, whitelisted protocols, containers and codecs, hard limits."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tools.base import MediaError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg"
SOUND_CONTAINERS = CONTAINERS + ",wav,mp3,flac,aac"
CAMERA_FORMAT = "v4l2"
LOOK_AHEAD_US = 2_000_000
"""What comes within it is looked at to find out what a live stream holds."""
VIDEO_CODECS = frozenset(
    (
        "h264",
        "hevc",
        "vp8",
        "vp9",
        "av1",
        "libdav1d",
        "mpeg1video",
        "mpeg2video",
        "mpeg4",
        "mjpeg",
        "prores",
        "rawvideo",
    )
)
SOUND_CODECS = frozenset(("aac", "mp3", "mp3float", "mp2", "ac3", "opus", "vorbis", "flac", "alac", "pcm_s16le"))
MAX_SIDE_PX = 8192
MAX_PIXELS = 36_000_000
MAX_SECONDS = 24 * 3600.0
MAX_STREAMS = 64
SINGLE_THREAD_PIXELS = 3840 * 2160
"""Above this size each decoder thread holds too much memory, so one has to do."""


def open_media(path: Path, *, sound: bool = False) -> InputContainer:
    """Open a local file for reading. Raises MediaError with one line that names the file.

    With `sound`, files that hold nothing but sound are let in too.
    """
    import av

    path = path.expanduser().absolute()
    try:
        if not path.exists():
            raise MediaError(f"{path}: no such file; check the path")
        if not path.is_file():
            raise MediaError(f"{path}: not a file; name a video file")
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty; copy or record it again")
    except OSError as error:
        raise MediaError(f"{path}: cannot be looked at ({error.strerror}); check the path") from error
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": SOUND_CONTAINERS if sound else CONTAINERS,
        # FFmpeg decodes a little to find out what is in a file: even then with the allowed decoders only.
        "codec_whitelist": ",".join(sorted(VIDEO_CODECS | SOUND_CODECS)),
    }
    try:
        container = av.open(str(path), options=options, metadata_errors="replace")
    except PermissionError as error:
        raise MediaError(f"{path}: may not be read; check its permissions") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(_why_not(path, error)) from error
    return _of_few_streams(container, path)


def _of_few_streams(container: InputContainer, path: Path) -> InputContainer:
    if len(container.streams) > MAX_STREAMS:
        container.close()
        raise MediaError(f"{path}: more than {MAX_STREAMS} streams; extract the one that you need")
    return container


def open_live(path: Path, content: BinaryIO | None, patience_s: float) -> InputContainer:
    """Open what is still being made: `content` gives the bytes as they come, None stands for a camera (V4L2) at `path`.

    A camera that gives nothing for `patience_s` fails. Raises MediaError with one line that names the source.
    """
    import av

    options = {
        "protocol_whitelist": "file",
        "format_whitelist": CONTAINERS if content is not None else f"video4linux2,{CAMERA_FORMAT}",
        "codec_whitelist": ",".join(sorted(VIDEO_CODECS | SOUND_CODECS)),
        "analyzeduration": str(LOOK_AHEAD_US),
    }
    try:
        if content is not None:
            container = av.open(content, "r", options=options, metadata_errors="replace")
        else:
            patience = (patience_s, patience_s)
            container = av.open(str(path), "r", format=CAMERA_FORMAT, options=options, timeout=patience)
    except PermissionError as error:
        raise MediaError(f"{path}: may not be read; check its permissions") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        what = "a camera that can be used" if content is None else "a video that can be followed"
        raise MediaError(
            f"{path}: not {what}; a file has to be MPEG-TS, Matroska or fragmented MP4 to be watched while it grows"
        ) from error
    return _of_few_streams(container, path)


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The first sound stream whose codec is allowed; None when there is none."""
    for stream in container.streams.audio:
        if stream.codec_context is not None and stream.codec_context.name in SOUND_CODECS:
            return stream
    return None


def _why_not(path: Path, error: Exception) -> str:
    if getattr(error, "errno", None) in (errno.EMFILE, errno.ENOMEM):
        return f"{path}: cannot be opened now ({error.strerror if isinstance(error, OSError) else error}); try again"
    return f"{path}: not a video that can be read (damaged, cut off before its index, or another kind of file)"


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The video stream, checked against codec list and limits before anything is decoded. Raises MediaError."""
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        raise MediaError(f"{path}: has no video stream; name a file with pictures")
    stream = streams[0]
    codec = stream.codec_context
    if codec is None or codec.name not in VIDEO_CODECS:
        raise MediaError(
            f"{path}: codec {codec.name if codec else 'unknown'!r} is not supported; convert the file to H.264"
        )
    width, height = codec.width, codec.height
    if width < 1 or height < 1:
        raise MediaError(f"{path}: holds no pictures (size {width}x{height}); record or convert it again")
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise MediaError(f"{path}: {width}x{height} pixels are too many (at most {MAX_SIDE_PX} a side); scale it down")
    if stream.duration and stream.time_base and float(stream.duration * stream.time_base) > MAX_SECONDS:
        raise MediaError(f"{path}: longer than 24 hours; cut it into parts")
    codec.options = {**codec.options, "max_pixels": str(MAX_PIXELS)}  # holds for changes of size on the way, too
    codec.thread_count = 1 if width * height > SINGLE_THREAD_PIXELS else 0
    stream.thread_type = "SLICE" if width * height > SINGLE_THREAD_PIXELS else "AUTO"
    return stream


def _is_cover(stream: Any) -> bool:
    """Cover art of a music file is an attached picture, not a video."""
    import av

    return bool(stream.disposition & av.stream.Disposition.attached_pic)
