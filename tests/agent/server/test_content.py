"""Files sent whole or in part."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.server.content import CHUNK_BYTES, Part, file_response, inside, media_type_of, requested
from agent.server.errors import ApiError

DATA = bytes(range(256)) * 4


def fetched(path: Path, method: str = "GET", **headers: str) -> httpx.Response:
    """One request for a file."""

    async def answer(request: Request) -> Response:
        try:
            return await file_response(request, path)
        except ApiError as error:
            return error.response()

    async def ask() -> httpx.Response:
        app = Starlette(routes=[Route("/", answer)])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as client:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, "/", headers=sent)

    return asyncio.run(ask())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(DATA)
    return path


def test_a_whole_file(clip: Path) -> None:
    answer = fetched(clip)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"].startswith("inline")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("0-0", 0, 1),
        ("10-19", 10, 20),
        ("1000-", 1000, 1024),
        ("-24", 1000, 1024),
        ("-9999", 0, 1024),
        ("5-9999", 5, 1024),
    ],
)
def test_a_part_of_a_file(clip: Path, asked: str, start: int, end: int) -> None:
    answer = fetched(clip, range=f"bytes={asked}")
    assert (answer.status_code, answer.content) == (206, DATA[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/1024"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["1024-", "2000-3000", "-0"])
def test_a_part_that_is_not_there(clip: Path, asked: str) -> None:
    answer = fetched(clip, range=f"bytes={asked}")
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */1024")


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=9-3", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "x"])
def test_ranges_that_we_do_not_know_get_the_whole(clip: Path, asked: str) -> None:
    answer = fetched(clip, range=asked)
    assert (answer.status_code, answer.content) == (200, DATA)


def test_a_part_of_another_version_is_not_given(clip: Path) -> None:
    tag = fetched(clip).headers["etag"]
    assert fetched(clip, range="bytes=0-9", if_range=tag).status_code == 206
    os.utime(clip, ns=(1, 1))
    answer = fetched(clip, range="bytes=0-9", if_range=tag)
    assert (answer.status_code, answer.content) == (200, DATA)


def test_what_the_client_has_is_not_sent_again(clip: Path) -> None:
    tag = fetched(clip).headers["etag"]
    again = fetched(clip, if_none_match=f'"other", {tag}')
    assert (again.status_code, again.content) == (304, b"")


def test_head_gives_the_headers_alone(clip: Path) -> None:
    answer = fetched(clip, "HEAD", range="bytes=0-9")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (206, b"", "10")


def test_a_file_longer_than_a_chunk_and_an_empty_one(tmp_path: Path) -> None:
    long, empty = tmp_path / "a.bin", tmp_path / "b.bin"
    data = os.urandom(2 * CHUNK_BYTES + 7)
    long.write_bytes(data)
    empty.touch()
    assert fetched(long).content == data
    assert fetched(long, range=f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES + 1}").content == data[CHUNK_BYTES - 1 :][:3]
    assert (fetched(empty).status_code, fetched(empty).content) == (200, b"")
    assert fetched(empty, range="bytes=0-0").status_code == 416


def test_what_a_browser_might_run_is_only_downloaded(tmp_path: Path) -> None:
    for name in ("page.html", "picture.svg", "code.js", "x.xhtml", "none", "PAGE.HTM"):
        path = tmp_path / name
        path.write_text("<script>alert(1)</script>")
        answer = fetched(path)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
    assert media_type_of("A.JPG") == "image/jpeg"


def test_a_name_cannot_break_out_of_its_header(tmp_path: Path) -> None:
    path = tmp_path / 'a";\r\nX-Evil: 1; ü.png'
    path.touch()
    answer = fetched(path)
    assert "x-evil" not in answer.headers
    assert answer.headers["content-disposition"].isascii()


def test_a_file_that_is_gone_or_no_file(tmp_path: Path) -> None:
    assert fetched(tmp_path / "gone.mp4").status_code == 404
    assert fetched(tmp_path).status_code == 404


@given(
    header=st.one_of(st.text(max_size=40), st.from_regex(r"bytes=\d*-\d*", fullmatch=True)), size=st.integers(0, 10**9)
)
def test_no_range_leads_out_of_the_file(header: str, size: int) -> None:
    try:
        part = requested(header, size)
    except ApiError as error:
        part = None if error.status_code == 416 else Part(-1, -1)
    assert part is None or 0 <= part.start < part.end <= size


def test_the_last_bytes(clip: Path) -> None:
    assert requested("bytes=-1", 5) == Part(4, 5)


@pytest.mark.parametrize(
    "names",
    [
        ("..", "secret"),
        ("../secret",),
        ("a", "../../secret"),
        ("link",),
        ("dir", "f"),
        ("", "f"),
        ("a\0b",),
        ("x" * 999,),
        ("sub",),
        (".",),
        ("..",),
        ("ring",),
    ],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    (tmp_path / "f").write_text("s")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "dir").symlink_to(tmp_path)
    (folder / "ring").symlink_to(folder / "ring")
    with pytest.raises(ApiError) as caught:
        inside(folder, *names)
    assert caught.value.status_code == 404


def test_a_file_in_the_folder_is_found_also_by_way_of_a_link_to_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "f.png").touch()
    (tmp_path / "link").symlink_to(folder)
    assert inside(tmp_path / "link", "f.png").is_file()
