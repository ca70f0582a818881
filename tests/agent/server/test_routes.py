"""Routes of conversations, tools, jobs, searches and artefacts, over tasks of the tests' own."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.evidence import MAX_PICTURES
from agent.server.artifacts import artifacts_folder
from agent.server.pool import TaskFailed
from tests.agent.server.canned import ANSWER, TASKS, TRACE, VIDEO
from tests.agent.server.openai.serving import Served, served

Json = dict[str, Any]
SOON_S = 20.0


async def forever(task: Any, **_arguments: Any) -> Json:
    """Tells that it has begun, and goes on until it is stopped."""
    task.tell({"event": "Progress", "trace_id": "", "text": "working", "share": 0.5})
    await asyncio.Event().wait()
    return {}


class Gate:
    """Watching a video waits here, until the test lets it go on."""

    def __init__(self) -> None:
        self.open = False

    async def __call__(self, task: Any, *, path: str, title: str = "") -> Json:
        task.tell({"event": "Progress", "trace_id": "", "text": f"watching {title}", "share": 0.5})
        while not self.open:
            await asyncio.sleep(0.01)
        return {"video_id": VIDEO, "seconds": {}, "reused": [], "missing": {}, "warning": ""}


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def server(tmp_path: Path, gate: Gate) -> Iterator[Served]:
    slow: Json = {"ingest": gate}
    with served(tmp_path / "server", TASKS | slow) as one:
        yield one


@pytest.fixture
def client(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=SOON_S) as one:
        yield one


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def events(answer: httpx.Response) -> list[Json]:
    """Of a stream; each is named by what is in it."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in filter(None, answer.text.split("\n\n")):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert found[-1].get("event", found[-1].get("state")) == name.removeprefix("event: ")
    return found


def test_a_question_is_streamed_and_its_answer_comes_last(client: httpx.Client, server: Served) -> None:
    asked = {"question": "How many?", "videos": [VIDEO], "options": ["2", "3"], "key": "k1", "at": "p0"}
    told = events(client.post("/api/threads/my thread/ask", json=asked))
    assert [event["event"] for event in told] == ["Understood", "Finished"]
    assert told[-1]["trace_id"] == TRACE
    assert told[-1]["point"] == "p1"
    assert told[-1]["answer"]["artifacts"][0]["url"] == f"/api/artifacts/{TRACE}/a%20b.png"
    assert server.asked("ask") == [asked | {"thread": "my thread"}]


def test_a_question_may_wait_for_a_person(client: httpx.Client, server: Served) -> None:
    need = {"action": "write a file", "why": "it changes something"}
    server.pool.tasks["ask"] = lambda task, **_: {"needs_approval": need, "thread": "t"}
    told = events(client.post("/api/threads/t/ask", json={"question": "Cut it."}))
    assert told == [{"event": "NeedsApproval", "trace_id": "", **need}]
    told = events(client.post("/api/threads/t/decide", json={"agreed": True}))
    assert told[-1]["event"] == "Finished"
    assert server.asked("decide") == [{"thread": "t", "agreed": True}]


def test_what_goes_wrong_on_the_way_is_the_last_event(client: httpx.Client, server: Served) -> None:
    def fails(_task: Any, **_more: Any) -> Json:
        raise TaskFailed("MediaError", "the file is gone")

    server.pool.tasks["resume"] = fails
    (told,) = events(client.post("/api/threads/t/resume"))
    assert told["event"] == "Failed"
    assert set(told["error"]) == {"message", "type", "code", "param"}


@pytest.mark.parametrize(("verb", "body"), [("resume", {}), ("decide", {"agreed": True})])
def test_where_nothing_waits_that_is_said_before_anything_streams(
    client: httpx.Client, server: Served, verb: str, body: Json
) -> None:
    answer = client.post(f"/api/threads/idle/{verb}", json=body)
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("nothing_waits", "conflict_error")
    assert error["message"] == "conversation 'idle' has no interrupted question: ask one"
    assert server.asked(verb) == []
    assert server.asked("obstacle") == [{"name": "idle", "deciding": verb == "decide"}]


def test_with_too_much_to_do_a_question_is_refused_before_it_streams(client: httpx.Client, server: Served) -> None:
    server.pool.full = True
    answer = client.post("/api/threads/t/ask", json={"question": "How many?"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"question": ""},
        {"question": "x" * 5000},
        {"question": "q", "videos": ["/etc/passwd"]},
        {"question": "q", "videos": ["../x"]},
        {"question": "q", "key": "../../x"},
        {"question": "q", "key": "a/b"},
        {"question": "q", "videos": [VIDEO] * 21},
        {"question": 7},
    ],
)
def test_no_path_and_nothing_too_long_reaches_a_worker(client: httpx.Client, server: Served, wrong: Json) -> None:
    assert client.post("/api/threads/t/ask", json=wrong).status_code == 422
    assert server.asked("ask") == []


def test_a_client_that_goes_away_cancels_its_question(client: httpx.Client, server: Served) -> None:
    server.pool.tasks["ask"] = forever
    with client.stream("POST", "/api/threads/t/ask", json={"question": "How many?"}) as stream:
        lines = stream.iter_lines()  # dropped, it closes the stream
        assert next(lines) == "event: Progress"
        assert server.pool.cancelled == []
    until(lambda: server.pool.cancelled == ["ask"])


def test_a_question_waits_for_its_video_and_tells_how_far_it_is(
    client: httpx.Client, server: Served, gate: Gate
) -> None:
    job = server.services.jobs
    server.call(lambda: job.add("ingest", {"path": "/x", "title": "cups"}, video=VIDEO))
    with client.stream("POST", "/api/threads/t/ask", json={"question": "How many?", "videos": [VIDEO]}) as stream:
        lines = stream.iter_lines()
        assert any('"watching cups"' in line for line in lines)
        assert server.asked("ask") == []
        gate.open = True
        rest = "\n".join(lines)
    assert "event: Finished" in rest


def test_a_question_about_a_video_that_cannot_be_watched_fails(
    client: httpx.Client, server: Served, gate: Gate
) -> None:
    def damaged(_task: Any, **_: Any) -> Json:
        raise TaskFailed("MediaError", "the file is damaged at 3 s")

    async def later(task: Any, **arguments: Any) -> Json:
        await gate(task, **arguments)
        return damaged(task)

    server.pool.tasks["ingest"] = later
    server.call(lambda: server.services.jobs.add("ingest", {"path": "/x", "title": "cups"}, video=VIDEO))
    with client.stream("POST", "/api/threads/t/ask", json={"question": "How many?", "videos": [VIDEO]}) as stream:
        lines = stream.iter_lines()
        next(lines)
        gate.open = True
        rest = "\n".join(lines)
    assert "event: Failed" in rest
    assert "damaged at 3 s" in rest
    assert server.asked("ask") == []


def test_a_conversation_is_listed_read_gone_back_in_and_forgotten(client: httpx.Client) -> None:
    assert client.get("/api/threads").json()["threads"][0]["name"] == "t"
    turn = client.get("/api/threads/t").json()["turns"][0]
    assert turn["answer"]["value"] == 3
    assert turn["answer"]["artifacts"][0]["url"]
    assert turn["answer"]["evidence"][0]["box"] == ANSWER["evidence"][0]["box"]
    assert client.get("/api/threads/t/points").json()["points"][0]["id"] == "p1"
    assert client.post("/api/threads/t/back", json={"point": "p1"}).json() == {"name": "t", "turns": 0}
    assert client.delete("/api/threads/t").status_code == 204
    assert client.delete("/api/threads/other").status_code == 404


def test_a_tool_is_shown_and_run(client: httpx.Client, server: Served) -> None:
    assert client.get("/api/tools").json()["tools"] == [client.get("/api/tools/count_objects").json()]
    assert client.get("/api/tools/no_such").status_code == 404
    assert client.post("/api/tools/no_such", json={}).status_code == 404
    call = {"videos": [VIDEO], "arguments": {"what": "cups"}}
    result = client.post("/api/tools/count_objects", json=call).json()
    assert result["summary"] == "count_objects {'what': 'cups'}"
    assert result["artifacts"][0]["url"] == f"/api/artifacts/{TRACE}/a%20b.png"
    assert server.asked("tool") == [call | {"name": "count_objects"}]


def test_a_tool_that_nobody_waits_for_any_more_is_stopped(client: httpx.Client, server: Served) -> None:
    server.pool.tasks["tool"] = forever
    with pytest.raises(httpx.ReadTimeout):
        client.post("/api/tools/count_objects", json={}, timeout=3.0)
    until(lambda: server.pool.cancelled == ["tool"])


def test_a_tool_as_a_job_can_be_followed_and_its_result_kept(client: httpx.Client) -> None:
    begun = client.post("/api/tools/count_objects", json={"wait": False, "videos": [VIDEO]})
    assert begun.status_code == 202
    job = begun.json()["job"]
    last = events(client.get(f"/api/jobs/{job}/events"))[-1]
    assert (last["state"], last["share"]) == ("done", 1.0)
    kept = client.get(f"/api/jobs/{job}").json()
    assert kept == last
    assert kept["result"]["artifacts"][0]["url"]
    assert client.get("/api/jobs").json()["jobs"] == [kept]


def test_a_job_is_stopped(client: httpx.Client, server: Served) -> None:
    server.pool.tasks["tool"] = forever
    job = client.post("/api/tools/count_objects", json={"wait": False}).json()["job"]
    assert client.delete(f"/api/jobs/{job}").status_code == 200
    until(lambda: client.get(f"/api/jobs/{job}").json()["state"] == "cancelled")
    assert client.delete("/api/jobs/none").status_code == 404
    assert client.get("/api/jobs/none/events").status_code == 404


def test_a_job_may_be_left_alone(client: httpx.Client, server: Served) -> None:
    server.pool.tasks["tool"] = forever
    job = client.post("/api/tools/count_objects", json={"wait": False}).json()["job"]
    with client.stream("GET", f"/api/jobs/{job}/events") as stream:
        next(stream.iter_lines())
    assert client.get(f"/api/jobs/{job}").json()["state"] == "running"
    assert server.pool.cancelled == []


def test_a_search_as_a_document_and_as_a_page(client: httpx.Client) -> None:
    assert client.get(f"/api/searches/{TRACE}").json()["question"] == "How many?"
    page = client.get(f"/api/searches/{TRACE}", params={"format": "html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]
    assert client.get("/api/searches/none").status_code == 404
    assert client.get(f"/api/searches/{TRACE}", params={"format": "pdf"}).status_code == 422


def test_the_page_of_a_search_shows_the_frames_of_its_evidence(client: httpx.Client, server: Served) -> None:
    gone = "0" * 16
    common = {"tool": "count", "model": "m", "confidence": 1.0, "text": None, "note": "a cup"}
    evidence = [
        common | {"video": VIDEO, "start_s": 1.0, "end_s": 3.0, "box": [1.5, 2.0, 3.0, 4.0]},
        common | {"video": gone, "start_s": 1.0, "end_s": 3.0, "box": None},
        common | {"video": VIDEO, "start_s": 1.0, "end_s": 3.0, "box": None},
        *[common | {"video": VIDEO, "start_s": float(at), "end_s": float(at), "box": None} for at in range(4, 10)],
    ]
    found = TASKS["tree"](None, trace_id=TRACE) | {"answer": ANSWER, "evidence": evidence}
    server.pool.tasks["tree"] = lambda _task, trace_id: found
    for _ in range(2):
        page = client.get(f"/api/searches/{TRACE}", params={"format": "html"})
        picture = base64.b64encode(b"\xff\xd8").decode()
        assert page.text.count(f'src="data:image/jpeg;base64,{picture}"') == MAX_PICTURES - 1  # one video is gone
        assert "img-src data:" in page.headers["content-security-policy"]
    asked = [(one["id"], one["t_s"], one["box"]) for one in server.asked("frame")]
    assert asked.count((VIDEO, 1.0, (1.5, 2.0, 3.0, 4.0))) == 1  # kept, and not made again
    assert asked.count((VIDEO, 2.0, None)) == 1


def test_artefacts_are_given_and_nothing_else(client: httpx.Client, server: Served) -> None:
    folder = artifacts_folder(server.services.options.folder) / TRACE
    folder.mkdir(parents=True)
    (folder / "a b.png").write_bytes(b"picture")
    (folder / "evil.html").write_text("<script>")
    answer = client.get(f"/api/artifacts/{TRACE}/a b.png", headers={"Range": "bytes=0-2"})
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (206, b"pic", "image/png")
    assert client.head(f"/api/artifacts/{TRACE}/a b.png").headers["content-length"] == "7"
    assert client.get(f"/api/artifacts/{TRACE}/evil.html").headers["content-disposition"].startswith("attachment")
    for path in ("..%2F..%2Fjobs.sqlite", "../../jobs.sqlite", "%2e%2e", "..", "a%00b", "%2Fetc%2Fpasswd"):
        assert client.get(f"/api/artifacts/{TRACE}/{path}").status_code in (404, 422)
    for trace in ("..", "%2e%2e", ".", "a.b"):
        assert client.get(f"/api/artifacts/{trace}/jobs.sqlite").status_code in (404, 422)


def test_what_is_known_of_a_video(client: httpx.Client, server: Served) -> None:
    rows = client.get(f"/api/videos/{VIDEO}/memory", params={"table": "event", "start_s": 1.5, "limit": 2}).json()
    assert rows["columns"] == ["start_s", "text"]
    wanted = {"id": VIDEO, "table": "event", "limit": 2, "start_s": 1.5, "end_s": None, "entity_id": ""}
    assert server.asked("memory") == [wanted]
    assert client.get(f"/api/videos/{VIDEO}/timeline").json()["lanes"][0]["name"] == "shots"
    assert client.get(f"/api/videos/{VIDEO}/observations").json()["observations"][0]["entity_id"] == "e1"
    sql = client.post(f"/api/videos/{VIDEO}/sql", json={"statement": "SELECT 1"})
    assert sql.json()["rows"] == [[1.5, "a"], [None, None]]
    assert client.get("/api/search", params={"q": "a car"}).json()["hits"][0]["text"] == "a car"
    for path in (f"/api/videos/{'0' * 16}/timeline", f"/api/videos/{'0' * 16}/memory?table=event"):
        assert client.get(path).status_code == 404
    for path in ("/api/videos/..%2fx/timeline", f"/api/videos/{VIDEO}/memory?table=event&limit=0", "/api/search?q="):
        assert client.get(path).status_code in (404, 422)
    assert client.get(f"/api/videos/{VIDEO}/memory?table=event&start_s=nan").status_code == 422
