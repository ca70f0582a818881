"""What workers can do, called in this process: questions, conversations, rows, timelines, frames, tools."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.api import folder_name
from agent.ingest import IngestTools
from agent.server.tasks import TASKS, TaskContext
from agent.settings import Settings
from memory.library import LibraryError
from memory.query.errors import SqlRefused
from tests.agent.noting import OTHER, VIDEO, watch
from tools.base import Cancelled, InvalidArguments, MediaError
from tools.media.sample import render_sample
from tools.retrieval.minilm import MiniLMEmbedder
from tools.retrieval.remembered import RememberingEmbedder

SHOTS = "How many shots are there?"
_embedder = functools.cache(lambda: RememberingEmbedder(MiniLMEmbedder()))


class Worker:
    """A task context that keeps the events, on the library of two videos of tests.agent.noting."""

    def __init__(self, folder: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.library = watch(folder)
        self.context = TaskContext(
            Settings(home=str(folder / "library"), learn=False),
            folder=folder / "server",
            folders=[folder / "allowed"],
            send=self.events.append,
            cancelled=lambda: False,
        )
        self.context.agent.__dict__["_ingest_tools"] = IngestTools([], [], _embedder())

    def do(self, task: str, /, **arguments: Any) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(json.dumps(TASKS[task](self.context, **arguments), allow_nan=False))
        json.dumps(self.events)
        return result


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the file store keeps it: under the hash of its content."""
    rendered = render_sample(tmp_path_factory.mktemp("clip") / "sample.mp4")
    return rendered.rename(rendered.with_name(hashlib.sha256(rendered.read_bytes()).hexdigest()))


def test_a_question_in_a_thread_tells_at_once_that_it_is_read_and_where_it_ends(worker: Worker) -> None:
    first = worker.do("ask", question=SHOTS, videos=[VIDEO], thread="t")
    assert (first["answer"]["value"], first["thread"]) == (2, "t")
    names = [event["event"] for event in worker.events]
    assert names[0] == "Progress"
    assert names[-1] == "Finished"
    assert {"Understood", "Searched"} < set(names)
    second = worker.do("ask", question="And how many are in it?", videos=[OTHER], thread="t")
    points = worker.do("points", name="t")["points"]
    answered = [point["id"] for point in points if not point["next_step"]]
    assert [second["point"], first["point"]] == answered[:2]
    assert worker.do("ask", question=SHOTS, videos=[VIDEO], thread="t", at=first["point"])["point"] not in answered


def test_a_question_without_a_thread_leaves_none(worker: Worker) -> None:
    answer = worker.do("ask", question=SHOTS, videos=[OTHER])
    assert (answer["answer"]["value"], answer["thread"], answer["point"]) == (5, "", "")
    assert worker.do("threads") == {"threads": []}


def test_conversations_are_listed_read_gone_back_in_and_forgotten(worker: Worker) -> None:
    point = worker.do("ask", question=SHOTS, videos=[VIDEO], thread="t")["point"]
    worker.do("ask", question=SHOTS, videos=[OTHER], thread="t")
    assert [(one["name"], one["turns"]) for one in worker.do("threads")["threads"]] == [("t", 2)]
    thread = worker.do("thread", name="t")
    assert [(turn["videos"], turn["answer"]["value"]) for turn in thread["turns"]] == [([VIDEO], 2), ([OTHER], 5)]
    assert thread["pending"] is None
    tree = worker.do("tree", trace_id=thread["turns"][1]["trace_id"])
    assert tree["question"] == SHOTS
    assert tree["trees"][0]["nodes"]
    assert worker.do("back", name="t", point=point) == {"name": "t", "turns": 1}
    assert worker.do("forget", name="t") == {"forgotten": True}
    assert worker.do("thread", name="t")["turns"] == []


def test_a_question_that_needs_a_yes_waits_for_it(worker: Worker, clip: Path) -> None:
    video = worker.do("ingest", path=str(clip), title="holiday")["video_id"]
    worker.context.agent.settings = worker.context.settings.model_copy(update={"ask_above_seconds": 0.0})
    waits = worker.do("ask", question="Cut out the first 2 seconds.", videos=[video], thread="t")
    assert waits["needs_approval"]["action"].startswith("cut(")
    assert worker.events[-1]["event"] == "NeedsApproval"
    pending = worker.do("thread", name="t")["pending"]
    assert (pending["action"], pending["question"]) == (
        waits["needs_approval"]["action"],
        "Cut out the first 2 seconds.",
    )
    assert worker.do("obstacle", name="t", deciding=True) == {"obstacle": ""}
    answer = worker.do("decide", thread="t", agreed=True)["answer"]
    path = answer["artifacts"][0]["path"]
    assert path.startswith(f"{answer['trace_id']}/holiday-cut-")
    assert (worker.context.folder / "artifacts" / path).is_file()
    assert str(worker.context.folder) not in json.dumps(worker.events)
    worker.do("remove_video", id=OTHER)
    assert (worker.context.folder / "artifacts" / path).is_file()
    assert worker.do("forget", name="t") == {"forgotten": True}
    assert not (worker.context.folder / "artifacts" / path).exists()


def test_what_cannot_be_gone_on_with_is_told_in_a_line(worker: Worker) -> None:
    def obstacle(deciding: bool = False) -> str:
        return str(worker.do("obstacle", name="t", deciding=deciding)["obstacle"])

    assert "no interrupted question" in obstacle()
    caller = worker.context.caller
    worker.context.caller = replace(caller, cancelled=lambda: True)
    with pytest.raises(Cancelled):
        worker.do("ask", question=SHOTS, videos=[VIDEO], thread="t")
    worker.context.caller = caller
    assert obstacle() == ""
    assert "waits for no approval" in obstacle(deciding=True)
    with worker.context.agent.store.lock("t"):  # it is being answered
        assert "busy" in obstacle()
    worker.do("resume", thread="t")
    assert "no interrupted question" in obstacle()
    with pytest.raises(InvalidArguments, match="name"):
        worker.do("obstacle", name=" ", deciding=False)


def test_videos_go_by_the_title_that_they_were_given(worker: Worker, clip: Path) -> None:
    report = worker.do("ingest", path=str(clip), title="holiday.mp4")
    assert (report["reused"], report["missing"], report["warning"]) == ([], {}, "")
    worker.do("ingest", path=str(clip))
    video = worker.do("video", id=report["video_id"])
    assert (video["title"], video["name"], video["duration_s"], video["fps"]) == (
        "holiday.mp4",
        "holiday.mp4",
        10.0,
        25,
    )
    assert video["bytes"] == clip.stat().st_size
    assert worker.do("videos")["videos"][0] == video, "the latest is first"
    run = worker.context.agent.new_run()
    assert run.file_names([video["id"], VIDEO]) == {video["id"]: "holiday.mp4", VIDEO: "2.mp4"}
    worker.do("remove_video", id=video["id"])
    with pytest.raises(LibraryError):
        worker.do("video", id=video["id"])


def test_files_that_belong_to_no_conversation_are_deleted_when_they_are_old(worker: Worker) -> None:
    kept = worker.do("ask", question=SHOTS, videos=[VIDEO], thread="t", key="my own key/..")["answer"]["trace_id"]
    assert kept == "my own key/.."
    folders = [worker.context.artifacts / name for name in (folder_name(kept), "of-no-thread")]
    for folder in folders:
        folder.mkdir(parents=True)
    assert worker.do("tidy", older_s=60.0) == {"deleted": 0}
    assert worker.do("tidy", older_s=-1.0) == {"deleted": 1}
    assert [folder.exists() for folder in folders] == [True, False]


def test_rows_of_a_table_can_be_limited_in_number_and_time(worker: Worker) -> None:
    rows = worker.do("memory", id=OTHER, table="shot", limit=2)
    assert rows["columns"][0] == "shot_id"
    assert ([row[0] for row in rows["rows"]], rows["truncated"]) == ([0, 1], True)
    some = worker.do("memory", id=OTHER, table="shot", start_s=13.0, end_s=25.0)
    assert [row[0] for row in some["rows"]] == [1, 2]
    assert worker.do("memory", id=OTHER, table="video")["rows"][0][0] == OTHER
    assert "vector" not in worker.do("memory", id=OTHER, table="embedding")["columns"]
    for wrong in ({"table": "sqlite_master"}, {"table": "shot", "limit": 0}, {"table": "shot", "entity_id": "x"}):
        with pytest.raises(InvalidArguments):
            worker.do("memory", id=OTHER, **wrong)


def test_what_is_written_to_a_memory_is_seen_by_the_next_request(worker: Worker) -> None:
    assert worker.do("observations", id=VIDEO)["observations"] == []
    boxes = [
        {"entity_id": "e:1", "t_s": t_s, "x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0, "confidence": 0.5, "mask": mask}
        for t_s, mask in ((2.0, None), (1.0, "PPYo1"))
    ]
    people = [{"entity_id": "e:1", "category": "person", "first_s": 1.0, "last_s": 2.0}]
    events = [{"event_id": "s:1", "kind": "speech", "start_s": 3.0, "end_s": 4.0, "text": "hello"}]
    worker.library.write_segment(VIDEO, "people", "1", {}, {"observation": boxes, "entity": people, "event": events})
    found = worker.do("observations", id=VIDEO, entity_id="e:1")
    assert [(one["t_s"], one["box"], one.get("mask")) for one in found["observations"]] == [
        (1.0, [1.0, 2.0, 3.0, 4.0], "PPYo1"),
        (2.0, [1.0, 2.0, 3.0, 4.0], None),
    ]
    lanes = {lane["name"]: lane["items"] for lane in worker.do("timeline", id=VIDEO)["lanes"]}
    assert list(lanes) == ["shots", "speech", "people"]
    assert lanes["people"] == [{"start_s": 1.0, "end_s": 2.0, "label": "person", "entity_id": "e:1"}]
    assert lanes["speech"] == [{"start_s": 3.0, "end_s": 4.0, "label": "hello"}]


def test_a_timeline_stays_short(worker: Worker) -> None:
    events = [
        {"event_id": f"s:{n}", "kind": "sound", "start_s": n / 100, "end_s": n / 100 + n % 7, "text": "noise"}
        for n in range(5_000)
    ]
    worker.library.write_segment(VIDEO, "sound", "1", {}, {"event": events})
    lanes = worker.do("timeline", id=VIDEO)["lanes"]
    assert sum(len(lane["items"]) for lane in lanes) <= 2_000
    sound = lanes[1]
    assert sound["truncated"]
    assert min(item["end_s"] - item["start_s"] for item in sound["items"]) >= 5
    assert [item["start_s"] for item in sound["items"]] == sorted(item["start_s"] for item in sound["items"])


def test_sql_of_clients_is_run_behind_the_gate(worker: Worker) -> None:
    found = worker.do("sql", id=OTHER, statement="SELECT count(*) AS n FROM shot")
    assert found == {"columns": ["n"], "rows": [[5]], "truncated": False}
    with pytest.raises(SqlRefused):
        worker.do("sql", id=OTHER, statement="COPY shot TO '/tmp/x'")


def test_a_frame_is_a_small_jpeg_with_the_box_on_it(worker: Worker, clip: Path, tmp_path: Path) -> None:
    from tools.media.stills import read_picture

    video = worker.do("ingest", path=str(clip))["video_id"]
    plain, boxed = tmp_path / "plain.jpg", tmp_path / "new" / "boxed.jpg"
    told = worker.do("frame", id=video, t_s=1.0, width=320, path=str(plain))
    assert (told["t_s"], told["width"], told["height"]) == (1.0, 320, 180)
    worker.do("frame", id=video, t_s=1.0, width=320, path=str(boxed), box=[100, 100, 300, 200])
    assert read_picture(plain).shape == (180, 320, 3)
    red = read_picture(boxed)[75, 50].astype(int)
    assert red[0] > red[1] + 60
    assert worker.do("frame", id=video, t_s=1e9, width=9, path=str(plain))["t_s"] == 9.96
    with pytest.raises(InvalidArguments):
        worker.do("frame", id=video, t_s=1.0, width=0, path=str(plain))
    with pytest.raises(MediaError):
        worker.do("frame", id=OTHER, t_s=1.0, width=9, path=str(plain))


def test_a_tool_reads_no_files_of_the_server(worker: Worker, clip: Path, tmp_path: Path) -> None:
    video = worker.do("ingest", path=str(clip))["video_id"]
    words = "1\n00:00:01,000 --> 00:00:02,000\nsecret\n"
    allowed, secret = tmp_path / "allowed" / "my.srt", tmp_path / "secret.srt"
    for path in (allowed, secret):
        path.parent.mkdir(exist_ok=True)
        path.write_text(words)
    (tmp_path / "allowed" / "link.srt").symlink_to(secret)
    for name in (secret, f"{allowed.parent}/../secret.srt", allowed.parent / "link.srt"):
        with pytest.raises(InvalidArguments, match="may be named"):
            worker.do("tool", name="subtitles", videos=[video], arguments={"file": str(name)})
    made = worker.do("tool", name="subtitles", videos=[video], arguments={"file": str(allowed)})
    assert made["artifacts"][0]["path"].startswith(f"{made['trace_id']}/")
    worker.do("remove_video", id=video)
    assert not (worker.context.folder / "artifacts" / made["trace_id"]).exists(), "what was made of it goes with it"


def test_search_tools_and_doctor_answer(worker: Worker) -> None:
    assert worker.do("search", text="a ball") == {"hits": []}
    tools = {tool["name"]: tool for tool in worker.do("tools")["tools"]}
    assert tools["subtitles"]["effects"] == "writes_artifact"
    assert tools["search_library"]["schema"]["properties"]["query"]["type"] == "string"
    told = worker.do("doctor")
    assert "video and sound decoding" in [row["name"] for row in told["capabilities"]]
    assert told["failures"] == {}
