"""A multipart form with one file, read as it comes: the file is never held in memory nor spooled. RFC 7578."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from agent.server.errors import ApiError

MAX_FIELDS, MAX_FIELD_BYTES = 32, 4_096


class UploadForm:
    """The fields before the file, then the file's bytes, then the fields after it."""

    def __init__(self, body: AsyncIterator[bytes], content_type: str) -> None:
        """Raises ApiError 400 for another content type."""
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise _malformed("send a form: multipart/form-data with the fields `purpose` and `file`")
        self.fields: dict[str, str] = {}
        """Of those that were read so far."""
        self.filename = ""
        self._body = body
        self._chunks: deque[bytes] = deque()
        self._head: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._value = bytearray()
        self._in_file = self._seen_file = self._ended = False
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._open,
                    "on_part_data": self._data,
                    "on_part_end": self._close,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _malformed("the form is malformed") from error

    async def begin(self) -> None:
        """Read up to the file. Raises ApiError 400 when there is none."""
        while not self._seen_file and await self._more():
            continue
        if not self._seen_file:
            raise ApiError(400, "the form has no file: send it as the field `file`", code="missing_file", param="file")

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes of the file; after the last one, all fields have been read. Raises ApiError 400."""
        while self._chunks or (not self._ended and await self._more()):
            while self._chunks:
                yield self._chunks.popleft()
        if not self._ended:
            raise _malformed("the form is cut off: send it again")

    async def _more(self) -> bool:
        """Parse what comes next; whether there was anything."""
        async for data in self._body:
            try:
                self._parser.write(data)
            except FormParserError as error:
                raise _malformed("the form is malformed") from error
            return True
        return False

    def _begin(self) -> None:
        self._head.clear()
        self._value.clear()

    def _end_header(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._head = parse_options_header(value.decode("latin-1"))[1]
        name.clear()
        value.clear()

    def _open(self) -> None:
        self._in_file = b"filename" in self._head
        if not self._in_file:
            return
        if self._seen_file:
            raise _malformed("the form has more than one file: send them one by one")
        if self._head.get(b"name") != b"file":
            raise ApiError(400, "send the file as the field `file`", code="missing_file", param="file")
        self._seen_file = True
        # The header was decoded as Latin-1, which keeps every byte.
        self.filename = self._head[b"filename"].decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._chunks.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > MAX_FIELD_BYTES:
            raise _malformed(f"a field of the form is longer than {MAX_FIELD_BYTES} bytes")

    def _close(self) -> None:
        if not self._in_file:
            if len(self.fields) >= MAX_FIELDS:
                raise _malformed("the form has too many fields")
            name = self._head.get(b"name", b"").decode("utf-8", "replace")
            self.fields[name] = self._value.decode("utf-8", "replace")
        self._in_file = False

    def _end(self) -> None:
        self._ended = True


def _malformed(message: str) -> ApiError:
    return ApiError(400, message, code="malformed_form")
