"""Evidence that says it was read in memory is looked up there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memory import Library, VideoMemory, VideoRecord
from planners.recorded import unrecorded
from planners.state import Draft, Observation, State, Task, ToolCall
from planners.verifier import EvidenceVerifier
from tests.planners.worlds import result, spot
from tools.types import Evidence, Perceived

VIDEO = "ab" * 8


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> VideoMemory:
    folder = tmp_path_factory.mktemp("recorded")
    library = Library(folder / "library")
    media = {"duration_s": 20.0, "fps": "25/1", "width": 320, "height": 240, "num_frames": 500, "has_audio": True}
    library.add_video(VideoRecord(VIDEO, VIDEO * 4, Path("clip.mp4"), media, "clip"))
    common: dict[str, Any] = {"attributes": {}, "entity_id": None, "confidence": 0.9}
    events = [
        {"event_id": "s", "kind": "speech", "start_s": 2.0, "end_s": 5.0, "text": "we sail"} | common,
        {"event_id": "t", "kind": "text", "start_s": 8.0, "end_s": 9.0, "text": "EXIT"} | common,
        {"event_id": "c", "kind": "camera", "start_s": 0.0, "end_s": 20.0, "text": "static"} | common,
    ]
    library.write_segment(VIDEO, "all", "1", {}, {"event": events})
    library.write_segment(
        VIDEO, "shots", "1", {}, {"shot": [{"shot_id": 0, "start_s": 0.0, "end_s": 12.0, "keyframe_s": 1.0}]}
    )
    return library.open(VIDEO)


def cites(tool: str, start_s: float, end_s: float, words: str = "") -> Evidence:
    text = Perceived(text=words, source="ocr") if words else None
    return spot(start_s, end_s, tool=tool).model_copy(update={"video": VIDEO, "text": text})


@pytest.mark.parametrize(
    ("item", "there"),
    [
        (cites("find_text", 8.0, 9.0, "EXIT"), True),
        (cites("find_text", 8.0, 9.0, "EXTRA"), False),
        (cites("find_text", 12.0, 13.0, "EXIT"), False),
        (cites("find_text", 12.0, 12.0, "EXIT"), True),  # a frame that was read again
        (cites("find_speech", 2.0, 5.0, "we sail"), True),
        (cites("find_speech", 8.0, 9.0), False),  # there is a text, but no speech
        (cites("camera_motion", 3.0, 4.0), True),  # a part of a row
        (cites("list_shots", 0.0, 12.0), True),
        (cites("list_shots", 0.0, 15.0), False),
        (cites("memory", 2.0, 5.0, "we sail"), True),
        (cites("memory", 2.0, 5.0, "we stay"), False),
        (cites("search_memory", 8.0, 9.0), True),
        (cites("track_motion", 15.0, 16.0), True),  # measured, no row
    ],
)
def test_a_row_of_the_kind_with_these_times_and_words(memory: VideoMemory, item: Evidence, there: bool) -> None:
    assert (unrecorded(memory, [item]) == []) is there


def test_all_evidence_of_a_draft_is_looked_up_at_once(memory: VideoMemory) -> None:
    lost = cites("find_text", 18.0, 19.0, "EXIT")
    asked: list[str] = []

    class Counting:
        def sql(self, query: str, parameters: Any = ()) -> list[dict[str, Any]]:
            asked.append(query)
            return memory.sql(query, parameters)

    many = [cites("find_text", 8.0, 9.0, "EXIT"), lost, cites("find_speech", 2.0, 5.0)]
    assert unrecorded(Counting(), many) == [lost]
    assert len(asked) == 1


def test_a_draft_that_cites_what_memory_does_not_hold_is_worth_nothing(memory: VideoMemory) -> None:
    verifier = EvidenceVerifier(memory={VIDEO: memory}.__getitem__)
    task = Task("What is written?", (VIDEO,), duration_s=20.0)
    for row, worth in ((cites("find_text", 8.0, 9.0, "EXIT"), 0.8), (cites("find_text", 3.0, 4.0, "EXIT"), 0.0)):
        state = State(task, (Observation(ToolCall("find_text"), result(evidence=[row])),))
        verdict = verifier.score(state, Draft("answered", "EXIT", confidence=0.8, evidence=(row,)), ())
        assert verdict.value == pytest.approx(worth)
    assert "is not in the memory" in verdict.reasons[0]
