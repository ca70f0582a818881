"""Messages: which videos they name, and what is refused with a line that says what is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from agent.server.errors import ApiError
from agent.server.openai.parts import Turn, turn_of
from agent.server.openai.wire import Message

HOST = "here:8000"
FILE = "file-" + "0a" * 16
VIDEO = "ab" * 8


def turn(*parts: dict[str, Any], role: str = "user") -> Turn:
    return turn_of(Message.model_validate({"role": role, "content": list(parts)}), HOST)


def url(text: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": text}}


def test_text_is_taken_as_a_string_or_in_parts() -> None:
    assert turn_of(Message(role="user", content="Who?"), HOST) == Turn("user", "Who?")
    assert turn({"type": "text", "text": "Who?"}, {"type": "text", "text": "When?"}) == Turn("user", "Who?\nWhen?")
    assert turn_of(Message(role="assistant", content=None), HOST) == Turn("assistant", "")


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ({"type": "file", "file": {"file_id": FILE}}, f"file:{FILE}"),
        ({"type": "file", "file": {"file_id": VIDEO}}, f"video:{VIDEO}"),
        (url(f"http://{HOST}/v1/files/{FILE}/content"), f"file:{FILE}"),
        (url(f"/api/videos/{VIDEO}/content#t=1,2"), f"video:{VIDEO}"),
        (url("file:///films/a%20b.mp4"), "path:/films/a b.mp4"),
        (url("/films/a b.mp4"), "path:/films/a b.mp4"),
    ],
)
def test_a_video_is_named_in_many_ways(part: dict[str, Any], key: str) -> None:
    (video,) = turn(part).videos
    assert video.key == key


def test_the_same_bytes_are_the_same_video_however_they_come() -> None:
    plain = turn({"type": "file", "file": {"file_data": "AAAA", "filename": "a.mp4"}})
    assert plain.videos[0].key == turn(url("data:video/mp4;base64,AAAA")).videos[0].key
    assert plain.videos[0].key != turn(url("data:video/mp4;base64,AAAB")).videos[0].key


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.mp4"}},
        {"type": "file"},
        {"type": "video_url"},
        url("https://example.com/a.mp4"),
        url("http://here:8000.evil.example/v1/files/x/content"),
        url("//example.com/a.mp4"),
        url(f"http://{HOST}/etc/passwd"),
        url("ftp://here/a.mp4"),
        url("http://[broken"),
        url("data:video/mp4,plain"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_what_can(part: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        turn(part)
    assert refused.value.status_code == 400
    assert "accepted are `text`" in refused.value.detail
    assert "/v1/files" in refused.value.detail


def test_only_users_show_videos() -> None:
    assert turn({"type": "file", "file": {"file_id": FILE}}, role="assistant").videos == ()
