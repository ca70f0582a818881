"""/v1/files with the official client, and chats about what was uploaded."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from agent.server.pool import TaskFailed
from tests.agent.server.openai.serving import Served, served
from tests.agent.server.openai.talking import Agent
from tests.agent.server.sending import clip_bytes, left_on_disk

MAX_BYTES = 1_000_000


@pytest.fixture(scope="module")
def go() -> threading.Event:
    """The ingest waits for it."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films").resolve()


@pytest.fixture(scope="module")
def server(folder: Path, films: Path, go: threading.Event) -> Iterator[Served]:
    async def ingest(task: Any, *, path: str, title: str) -> dict[str, Any]:
        task.tell({"event": "Progress", "trace_id": "", "text": "watching", "share": 0.25})
        while not go.is_set():
            await asyncio.sleep(0.01)
        return {"video_id": "", "reused": []}

    tasks = Agent().tasks | {"ingest": ingest}
    with served(folder, tasks, max_upload_bytes=MAX_BYTES, folders=(films,)) as found:
        yield found


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[openai.OpenAI]:
    with server.client() as found:
        yield found


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return clip_bytes(tmp_path_factory.mktemp("clip"))


def about(part: dict[str, Any], text: str = "Who?") -> list[Any]:
    return [{"role": "user", "content": [part, {"type": "text", "text": text}]}]


def test_a_file_lives_from_upload_to_deletion(client: openai.OpenAI, server: Served, clip: bytes) -> None:
    file = client.files.create(file=("Küche.mp4", clip), purpose="user_data")
    assert (file.object, file.filename, file.bytes, file.purpose) == ("file", "Küche.mp4", len(clip), "user_data")
    assert file.id.startswith("file-")
    assert abs(file.created_at - time.time()) < 60
    assert file.expires_at is None
    client.files.wait_for_processing(file.id, poll_interval=0.05)
    assert server.asked("ingest")[-1]["title"].startswith("Küche")
    assert client.files.content(file.id).read() == clip
    assert client.files.delete(file.id).deleted
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(file.id)


def test_files_are_listed_by_the_page(client: openai.OpenAI, clip: bytes) -> None:
    files = [client.files.create(file=(f"{n}.mp4", clip), purpose="user_data").id for n in range(5)]
    page = client.files.list(limit=2)
    assert [file.id for file in page.data] == files[:2:-1]
    assert page.has_next_page()
    assert [file.id for file in client.files.list(limit=2)] == files[::-1]
    assert [file.id for file in client.files.list(order="asc")] == files
    assert client.files.list(purpose="vision").data == []
    with pytest.raises(openai.BadRequestError):
        client.files.list(after="file-none")
    for file in files:
        client.files.delete(file)


def test_a_file_may_end_by_itself(client: openai.OpenAI, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    after: Any = {"anchor": "created_at", "seconds": 3600}
    file = client.files.create(file=("a.mp4", clip), purpose="user_data", expires_after=after)
    assert file.expires_at is not None
    assert abs(file.expires_at - file.created_at - 3600) <= 1
    later = time.time() + 3601
    monkeypatch.setattr("agent.server.openai.videos.time.time", lambda: later)
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    with pytest.raises(openai.BadRequestError, match="3600"):
        client.files.create(file=("a.mp4", clip), purpose="user_data", expires_after=after | {"seconds": 60})


def test_what_is_no_video_leaves_nothing(client: openai.OpenAI, folder: Path, clip: bytes) -> None:
    before = left_on_disk(folder)
    with pytest.raises(openai.APIStatusError) as refused:
        client.files.create(file=("a.mp4", b"no video at all" * 1_000), purpose="user_data")
    assert refused.value.status_code == 415
    with pytest.raises(openai.APIStatusError) as refused:
        client.files.create(file=("a.mp4", clip + bytes(MAX_BYTES)), purpose="user_data")
    assert refused.value.status_code == 413
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("a.mp4", clip), purpose="fine-tune")
    assert left_on_disk(folder) == before


def test_fields_stand_before_the_file(server: Served, folder: Path, clip: bytes) -> None:
    before = left_on_disk(folder)
    head = '--X\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'

    def body() -> Iterator[bytes]:
        yield head.format("purpose", "").encode() + b"user_data\r\n"
        yield head.format("file", '; filename="a.mp4"').encode() + clip + bytes(200_000) + b"\r\n"
        yield head.format("expires_after[seconds]", "").encode() + b"3600\r\n--X--\r\n"

    with httpx2.Client(trust_env=False) as http:
        kind = {"content-type": "multipart/form-data; boundary=X"}
        reply = http.post(f"{server.url}/v1/files", content=body(), headers=kind)
    assert reply.status_code == 400
    assert "before the file" in reply.json()["error"]["message"]
    assert left_on_disk(folder) == before


def test_a_chat_waits_until_its_file_was_watched(
    client: openai.OpenAI, server: Served, folder: Path, go: threading.Event
) -> None:
    go.clear()
    try:
        file = client.files.create(file=("new.mp4", clip_bytes(folder, 13)), purpose="user_data")
        assert file.status == "uploaded"
        asked = len(server.asked("ask"))
        part = {"type": "file", "file": {"file_id": file.id}}
        chunks = client.chat.completions.create(model="videre", messages=about(part), stream=True)
        reasoning = ""
        for chunk in chunks:
            reasoning += getattr(chunk.choices[0].delta, "reasoning_content", "")
            if "watching (25%)" in reasoning and not go.is_set():
                assert len(server.asked("ask")) == asked
                go.set()
    finally:
        go.set()
    assert "find_text" in reasoning
    assert server.asked("ask")[-1]["videos"] == [file.model_extra and file.model_extra["video_id"]]


def test_a_file_that_cannot_be_watched_is_said_to_be_so(
    client: openai.OpenAI, server: Served, folder: Path, go: threading.Event
) -> None:
    def fails(task: Any, **_rest: Any) -> Any:
        raise TaskFailed("MediaError", "bad.mp4: no picture can be decoded")

    ingest, server.pool.tasks["ingest"] = server.pool.tasks["ingest"], fails
    try:
        file = client.files.create(file=("bad.mp4", clip_bytes(folder, 15)), purpose="user_data")
        while (file := client.files.retrieve(file.id)).status == "uploaded":
            time.sleep(0.02)
    finally:
        server.pool.tasks["ingest"] = ingest
    assert (file.status, file.status_details) == ("error", "bad.mp4: no picture can be decoded")
    part = {"type": "file", "file": {"file_id": file.id}}
    with pytest.raises(openai.UnprocessableEntityError, match="no picture"):
        client.chat.completions.create(model="videre", messages=about(part))


@pytest.mark.parametrize("kind", ["file_data", "data url", "plain"])
def test_a_small_video_may_come_in_the_message(client: openai.OpenAI, server: Served, folder: Path, kind: str) -> None:
    content = base64.b64encode(clip_bytes(folder, 14)).decode()
    url = f"data:video/mp4;base64,{content}"
    part = {
        "file_data": {"type": "file", "file": {"file_data": url, "filename": "in.mp4"}},
        "data url": {"type": "video_url", "video_url": {"url": url}},
        "plain": {"type": "file", "file": {"file_data": content}},
    }[kind]
    completion = client.chat.completions.create(model="videre", messages=about(part))
    assert "You asked: Who?" in (completion.choices[0].message.content or "")
    assert len({tuple(one["videos"]) for one in server.asked("ask")[-1:]}) == 1
    names = [file.filename for file in client.files.list() if file.bytes == len(base64.b64decode(content))]
    assert len(names) == 1  # kept once, however often it comes


@pytest.mark.parametrize("data", ["data:video/mp4;base64,###", "no base64", base64.b64encode(b"x" * 99).decode()])
def test_data_that_are_no_video_are_refused(client: openai.OpenAI, data: str) -> None:
    part = {"type": "file", "file": {"file_data": data}}
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="videre", messages=about(part))
    assert refused.value.status_code in (400, 415)


def test_a_long_body_is_pointed_to_files(server: Served) -> None:
    part = {"type": "file", "file": {"file_data": "A" * (9 << 20)}}
    with server.client() as client, pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="videre", messages=about(part))
    assert refused.value.status_code == 413
    assert "/v1/files" in refused.value.message


def test_a_path_under_an_allowed_folder_names_a_video(
    client: openai.OpenAI, server: Served, films: Path, folder: Path, clip: bytes
) -> None:
    (films / "a b.mp4").write_bytes(clip)
    (films / "link.mp4").symlink_to(folder / "jobs.sqlite")
    for url in (str(films / "a b.mp4"), f"file://{films}/a%20b.mp4"):
        part = {"type": "video_url", "video_url": {"url": url}}
        client.chat.completions.create(model="videre", messages=about(part))
        assert len(server.asked("ask")[-1]["videos"]) == 1
    assert server.asked("ingest")[-1]["path"] == str(films / "a b.mp4")
    elsewhere = (f"{films}/../x.mp4", f"{films}x.mp4", "relative.mp4", "/dev/zero")
    for url in (*elsewhere, str(films / "link.mp4"), str(films / "none.mp4")):
        part = {"type": "video_url", "video_url": {"url": url}}
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="videre", messages=about(part))


def test_our_own_url_of_a_file_names_it(client: openai.OpenAI, server: Served, clip: bytes) -> None:
    file = client.files.create(file=("a.mp4", clip), purpose="user_data")
    part = {"type": "video_url", "video_url": {"url": f"{server.url}/v1/files/{file.id}/content"}}
    client.chat.completions.create(model="videre", messages=about(part))
    assert server.asked("ask")[-1]["videos"] == [(file.model_extra or {})["video_id"]]
