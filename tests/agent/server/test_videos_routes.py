"""Videos over HTTP: sent, named by path, listed with their state, looked at, deleted. Jobs and files are real."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from agent.server import frames, videos
from agent.server.app import create_app
from agent.server.services import Services
from tests.agent.server.facing import Face, Json, said, with_face
from tests.agent.server.pools import until
from tests.agent.server.sending import clip_bytes, left_on_disk, pieces

pytestmark = pytest.mark.timeout(60)


def test_a_video_that_is_sent_is_watched_and_then_ready(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path)

    async def work(face: Face) -> None:
        taken = await face.sent(data)
        video = taken["video"]
        assert (video["title"], video["name"], video["bytes"]) == ("My clip.mp4", "My clip.mp4", len(data))
        assert (video["width"], video["height"]) == (160, 120)
        assert video["job"] == taken["job"]
        assert video["state"] in ("queued", "ingesting")
        await asyncio.sleep(0)
        assert (await face.state(video["id"]))["state"] == "ingesting"
        await face.watched()
        (listed,) = (await face.client.get("/api/videos")).json()["videos"]
        assert (listed["id"], listed["state"], listed["name"]) == (video["id"], "ready", "My clip.mp4")
        assert listed["error"] is None

    with_face(tmp_path, work)


def test_an_upload_in_pieces_ends_with_the_video(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path, 60)

    async def work(face: Face) -> None:
        begun = (await face.client.post("/api/uploads", json={"name": "a.mp4", "size": len(data)})).json()
        assert begun["offset"] == 0
        url = f"/api/uploads/{begun['id']}"
        offset = 0
        for piece in pieces(data, 3000):
            answer = await face.client.patch(url, content=piece, headers={"Upload-Offset": str(offset)})
            offset += len(piece)
            assert answer.status_code == 200, answer.text
            assert answer.json()["offset"] == offset
            assert answer.headers["Upload-Offset"] == str(offset)
        done = answer.json()
        assert done["video"]["name"] == "a.mp4"
        assert done["job"] == done["video"]["job"]
        again = await face.client.get(url)
        assert again.json()["video"]["id"] == done["video"]["id"]
        assert (await face.client.delete(url)).status_code == 204
        assert (await face.client.get(url)).status_code == 404
        assert (await face.state(done["video"]["id"]))["id"] == done["video"]["id"]

    with_face(tmp_path, work)


def test_a_wrong_offset_tells_the_right_one(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path)

    async def work(face: Face) -> None:
        begun = (await face.client.post("/api/uploads", json={"name": "a.mp4", "size": len(data)})).json()
        url = f"/api/uploads/{begun['id']}"
        await face.client.patch(url, content=data[:1000], headers={"Upload-Offset": "0"})
        answer = await face.client.patch(url, content=data[:1000], headers={"Upload-Offset": "0"})
        assert answer.status_code == 409
        assert answer.headers["Upload-Offset"] == "1000"
        assert "1000 bytes have come" in said(answer)
        assert (await face.client.get(url)).json() == {"offset": 1000, "size": len(data)}
        missing = await face.client.patch(url, content=data[1000:])
        assert missing.status_code == 422

    with_face(tmp_path, work)


def test_requests_that_make_no_sense(tmp_path: Path) -> None:
    asked: list[tuple[str, Json]] = [
        ("/api/uploads", {"name": "a.mp4", "size": 0}),
        ("/api/uploads", {"name": "a.mp4", "size": -1}),
        ("/api/uploads", {"name": "a" * 2000, "size": 10}),
        ("/api/uploads", {"size": 10}),
        ("/api/videos/path", {"path": ""}),
        ("/api/videos/path", {"path": "a\0b"}),
        ("/api/videos/path", {}),
    ]

    async def work(face: Face) -> None:
        for path, body in asked:
            answer = await face.client.post(path, json=body)
            assert answer.status_code == 422, (path, body)
            said(answer)

    with_face(tmp_path, work)


def test_what_is_refused_is_refused_with_a_line_and_leaves_nothing(tmp_path: Path) -> None:
    async def work(face: Face) -> None:
        text = await face.client.post("/api/videos", content=b"text " * 9000)
        assert (text.status_code, "not a video" in said(text)) == (415, True)
        damaged = await face.client.post("/api/videos", content=b"\0\0\0\x18ftypisom" + bytes(9000))
        assert (damaged.status_code, "video: not a video" in said(damaged)) == (422, True)
        large = await face.client.post("/api/uploads", json={"name": "a.mp4", "size": 10**7})
        assert (large.status_code, "at most 1 MB" in said(large)) == (413, True)
        assert (await face.client.get("/api/videos")).json() == {"videos": []}
        assert left_on_disk(face.options.folder) == []

    with_face(tmp_path, work, max_upload_bytes=10**6)


def test_a_file_of_more_than_a_json_body_may_have_is_taken(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path) + (5000).to_bytes(4, "big") + b"free" + bytes(4992)

    async def work(face: Face) -> None:
        assert (await face.sent(data))["video"]["bytes"] == len(data)
        refused = await face.client.post("/api/uploads", content=b" " * 2000 + b"{}")
        assert refused.status_code == 413

    with_face(tmp_path, work, max_json_bytes=1000)


def test_a_client_that_goes_away_is_no_error_of_the_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = clip_bytes(tmp_path)
    app_messages = [
        {"type": "http.request", "body": data[:1000], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def work(face: Face) -> None:
        app = create_app(cast(Services, face))
        answers: list[Any] = []

        async def receive() -> Any:
            return app_messages.pop(0)

        async def send(message: Any) -> None:
            answers.append(message)

        headers = [(b"host", b"127.0.0.1"), (b"content-length", str(len(data)).encode())]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/videos",
            "raw_path": b"/api/videos",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
        }
        await app(scope, receive, send)
        assert answers[0]["status"] == 499
        assert left_on_disk(face.options.folder) == []

    with_face(tmp_path, work)
    assert "Traceback" not in caplog.text


def test_a_file_may_be_named_where_folders_are_allowed(tmp_path: Path) -> None:
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    (allowed / "deep").mkdir(parents=True)
    other.mkdir()
    inside, outside = allowed / "deep" / "in.mp4", other / "out.mp4"
    inside.write_bytes(clip_bytes(tmp_path))
    outside.write_bytes(clip_bytes(tmp_path, 13))
    (allowed / "link.mp4").symlink_to(outside)
    (allowed / "good.mp4").symlink_to(inside)
    (allowed / "text.mp4").write_text("text")
    refused = (
        outside,
        allowed / "link.mp4",
        allowed / ".." / "other" / "out.mp4",
        allowed / "missing.mp4",
        Path("/etc/passwd"),
        Path("in.mp4"),
        tmp_path / "allowed-not" / "x.mp4",
    )

    async def work(face: Face) -> None:
        for path in refused:
            answer = await face.client.post("/api/videos/path", json={"path": str(path)})
            assert answer.status_code == 403, path
            assert "VIDERE_SERVER_FOLDERS" in said(answer)
        assert (await face.client.post("/api/videos/path", json={"path": str(allowed)})).status_code == 404
        text = await face.client.post("/api/videos/path", json={"path": str(allowed / "text.mp4")})
        assert text.status_code == 415
        for path in (inside, allowed / "good.mp4"):
            answer = await face.client.post("/api/videos/path", json={"path": str(path)})
            assert answer.status_code == 201, answer.text
        video = answer.json()["video"]
        assert (video["name"], video["width"]) == ("in.mp4", 160)
        await face.watched()
        content = await face.client.get(f"/api/videos/{video['id']}/content")
        assert content.content == inside.read_bytes()
        assert (await face.client.delete(f"/api/videos/{video['id']}")).status_code == 204
        assert inside.exists()
        assert (await face.client.get("/api/videos")).json() == {"videos": []}

    with_face(tmp_path, work, folders=(allowed.resolve(),))


def test_the_content_comes_back_as_what_it_is(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path, suffix=".mkv")

    async def work(face: Face) -> None:
        video = (await face.sent(data, "x.html"))["video"]
        url = f"/api/videos/{video['id']}/content"
        whole = await face.client.get(url)
        assert whole.content == data
        assert whole.headers["content-type"] == "video/x-matroska"
        assert whole.headers["x-content-type-options"] == "nosniff"
        part = await face.client.get(url, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, data[10:20])
        assert (await face.client.head(url)).headers["content-length"] == str(len(data))
        assert (await face.client.get(url.replace(video["id"], "0" * 16))).status_code == 404

    with_face(tmp_path, work)


def test_deleting_takes_all_of_a_video(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path)

    async def work(face: Face) -> None:
        for name in ("a.mp4", "b.mp4"):
            video = (await face.sent(data, name))["video"]
        await face.watched()
        face.jobs.add("tool", {"name": "clip", "videos": [video["id"]]})
        assert (await face.client.get(f"/api/videos/{video['id']}/poster.jpg")).status_code == 200
        assert (await face.client.delete(f"/api/videos/{video['id']}")).status_code == 204
        assert left_on_disk(face.options.folder) == []
        assert [*(face.options.folder / "frames").rglob("*.jpg")] == []
        assert face.library.held == {}
        assert face.files.store.all() == []
        assert face.jobs.all() == []
        assert (await face.client.get(f"/api/videos/{video['id']}")).status_code == 404
        assert (await face.client.delete(f"/api/videos/{video['id']}")).status_code == 404

    with_face(tmp_path, work)


def test_deleting_stops_the_job_that_watches(tmp_path: Path) -> None:
    async def work(face: Face) -> None:
        taken = await face.sent(clip_bytes(tmp_path))
        await asyncio.sleep(0.01)
        assert (await face.client.delete(f"/api/videos/{taken['video']['id']}")).status_code == 204
        assert face.pool.cancelled == ["ingest"]
        assert face.jobs.get(taken["job"]) is None
        assert (await face.client.get("/api/videos")).json() == {"videos": []}

    with_face(tmp_path, work)


def test_an_ingest_that_failed_says_why(tmp_path: Path) -> None:
    async def work(face: Face) -> None:
        data = clip_bytes(tmp_path)
        sha256 = hashlib.sha256(data).hexdigest()
        face.library.fails = f"files/{sha256[:2]}/{sha256}: no picture can be decoded"
        video = (await face.sent(data))["video"]
        await face.watched()
        shown = await face.state(video["id"])
        assert (shown["state"], shown["error"]) == ("failed", "My clip.mp4: no picture can be decoded")
        face.library.fails = ""
        await face.sent(data)  # to send it again tries again
        await face.watched()
        assert (await face.state(video["id"]))["state"] == "ready"

    with_face(tmp_path, work)


def test_what_is_too_much_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async def work(face: Face) -> None:
        for number in range(12, 15):  # one is worked on, two wait
            await face.sent(clip_bytes(tmp_path, number))
        for path in ("/api/videos", "/api/uploads"):
            answer = await face.client.post(path, json={"name": "a.mp4", "size": 10})
            assert answer.status_code == 429
            assert int(answer.headers["Retry-After"]) > 0

    with_face(tmp_path, work)


def test_a_file_without_a_job_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ended, or was too busy, between the last byte and the job."""
    monkeypatch.setattr(videos, "SWEEP_S", 0.02)

    async def begin(face: Face) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield clip_bytes(tmp_path)

        await face.videos.close()
        await face.files.receive(body(), "a.mp4")
        (shown,) = (await face.client.get("/api/videos")).json()["videos"]
        assert (shown["state"], shown["job"]) == ("queued", None)

    async def go_on(face: Face) -> None:
        await until(lambda: bool(face.jobs.all()))
        await face.watched()
        (shown,) = (await face.client.get("/api/videos")).json()["videos"]
        assert shown["state"] == "ready"

    with_face(tmp_path, begin)
    with_face(tmp_path, go_on)


def test_a_file_that_expires_takes_its_memory_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "SWEEP_S", 0.02)

    async def work(face: Face) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield clip_bytes(tmp_path)

        entry = await face.files.receive(body(), "a.mp4", expires_at=4e9)
        await until(lambda: bool(face.jobs.all()))
        await face.watched()
        assert face.library.held
        monkeypatch.setattr(videos.time, "time", lambda: 4e9 + 1)
        await until(lambda: not face.library.held)
        await until(lambda: left_on_disk(face.options.folder) == [])
        assert face.files.store.get(entry.id) is None

    with_face(tmp_path, work)


def test_frames_are_made_once_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_FRAMES", 3)

    async def work(face: Face) -> None:
        video = (await face.sent(clip_bytes(tmp_path)))["video"]
        await face.watched()
        url = f"/api/videos/{video['id']}/frame"
        first = await face.client.get(url, params={"t_s": 0.1, "box": "1,2,3,4"})
        assert first.headers["content-type"] == "image/jpeg"
        assert first.content == "\xff\xd8 0.1 640 (1.0, 2.0, 3.0, 4.0)".encode("latin-1")
        same = [face.client.get(url, params={"t_s": 0.2, "width": 100}) for _ in range(5)]
        assert len({answer.content for answer in await asyncio.gather(*same)}) == 1
        assert len([name for _, name, _ in face.pool.asked if name == "frame"]) == 2
        for number in range(5):
            await face.client.get(url, params={"t_s": number})
        assert len([*(face.options.folder / "frames").rglob("*.jpg")]) == 3

    with_face(tmp_path, work)


def test_frames_that_there_cannot_be(tmp_path: Path) -> None:
    asked: list[Json] = [
        {},
        {"t_s": -1},
        {"t_s": "nan"},
        {"t_s": "inf"},
        {"t_s": 0, "width": 5},
        {"t_s": 0, "width": 10**6},
        {"t_s": 0, "box": "1,2,3"},
        {"t_s": 0, "box": "a,b,c,d"},
        {"t_s": 0, "box": "nan,1,2,3"},
        {"t_s": 0, "box": "-1,1,2,3"},
    ]

    async def work(face: Face) -> None:
        for arguments in asked:
            answer = await face.client.get(f"/api/videos/{'0' * 16}/frame", params=arguments)
            assert answer.status_code == 422, arguments
            said(answer)

    with_face(tmp_path, work)


def test_unknown_videos_are_not_found(tmp_path: Path) -> None:
    async def work(face: Face) -> None:
        for rest in ("", "/content", "/poster.jpg", "/frame?t_s=0"):
            answer = await face.client.get(f"/api/videos/{'0' * 16}{rest}")
            assert answer.status_code == 404, rest
            said(answer)

    with_face(tmp_path, work)
