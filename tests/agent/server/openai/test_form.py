"""The form of an upload, read as it comes in pieces of any length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.server.errors import ApiError
from agent.server.openai.form import MAX_FIELD_BYTES, UploadForm

KIND = "multipart/form-data; boundary=XX"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    given = f'; filename="{filename}"' if filename is not None else ""
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{given}\r\n\r\n'.encode() + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def read(body: bytes, size: int = 1 << 16, kind: str = KIND) -> tuple[UploadForm, dict[str, str], bytes]:
    """The form at its end, the fields before the file, and the file."""

    async def reading() -> tuple[UploadForm, dict[str, str], bytes]:
        upload = UploadForm(pieces(body, size), kind)
        await upload.begin()
        before = dict(upload.fields)
        return upload, before, b"".join([chunk async for chunk in upload.chunks()])

    return asyncio.run(reading())


@given(st.binary(max_size=300), st.integers(1, 80), st.lists(st.sampled_from([b"\r\n--XX", b"\r\n--", b"\r"])))
def test_a_file_of_any_bytes_comes_through_in_pieces_of_any_length(data: bytes, size: int, traps: list[bytes]) -> None:
    content = data.replace(b"--XX", b"") + b"-".join(traps).replace(b"--XX", b"--X")
    body = form(part("purpose", b"user_data"), part("file", content, "a.mp4"), part("late", b"1"))
    upload, before, found = read(body, size)
    assert found == content
    assert before == {"purpose": "user_data"} or size > 40  # a large piece may hold what comes later
    assert upload.fields == {"purpose": "user_data", "late": "1"}
    assert upload.filename == "a.mp4"


def test_names_keep_their_letters() -> None:
    assert read(form(part("file", b"x", "Küche ü.mp4")))[0].filename == "Küche ü.mp4"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        form(part("purpose", b"user_data")),
        form(part("other", b"x", "a.mp4")),
        form(part("file", b"x", "a.mp4"), part("file", b"y", "b.mp4")),
        form(part("file", b"x", "a.mp4"))[:-8],
        form(part("purpose", b"x" * (MAX_FIELD_BYTES + 1)), part("file", b"x", "a.mp4")),
        form(*[part(f"f{index}", b"x") for index in range(40)], part("file", b"x", "a.mp4")),
    ],
)
@pytest.mark.parametrize("size", [7, 1 << 16])
def test_a_form_that_is_none_is_refused(body: bytes, size: int) -> None:
    with pytest.raises(ApiError) as refused:
        read(body, size)
    assert refused.value.status_code == 400


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="])
def test_another_type_of_body_is_refused(kind: str) -> None:
    with pytest.raises(ApiError) as refused:
        read(form(part("file", b"x", "a.mp4")), kind=kind)
    assert refused.value.status_code == 400


@given(st.binary(max_size=200))
def test_no_body_gets_another_error(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        read(body)
    assert refused.value.status_code == 400
