"""Requests for edits: which tool is called with what, what is told of it, and what is done where nothing is there."""

from __future__ import annotations

from typing import Any

import pytest

from planners.embedded.goal import of_several, read_goals
from planners.embedded.movement_words import read_asked_movement, read_movement
from planners.embedded.policy import EmbeddedPolicy
from planners.embedded.skills.editing import EDITING
from planners.state import ToolCall
from tests.planners.embedded.playing import Outcome, play
from tools.editing.base import EditResult
from tools.movements.tool import FindMovements, Happening
from tools.segmentation.tool import Segment, SegmentedObject
from tools.shots.tool import ListShots
from tools.tracking.follow_tool import FollowedObject, TrackObjects
from tools.types import Artifact, Box, Evidence, Interval

NOT_THERE = ("ToolFailed", "no entity 'bird' in memory of clip; memory holds none")
NO_DETECTOR = ("MissingModel", "finding 'bird' needs the weights of a detector: get them")


def edited(name: str = "made.mp4", *, duration_s: float = 6.0, entities: tuple[str, ...] = ()) -> EditResult:
    spot = Evidence(video="v", start_s=1.0, end_s=2.0, tool="cut", model="m", confidence=1.0)
    kind: Any = "video" if name.endswith(".mp4") else "image"
    return EditResult(
        summary="kept 1.00-2.00 s of clip", model="m", evidence=[spot], intervals=[Interval(1.0, 2.0)],
        artifacts=[Artifact(path=f"/out/{name}", kind=kind, description="a file")], duration_s=duration_s,
        entities=list(entities),
    )  # fmt: skip


def first(policy: EmbeddedPolicy, request: str) -> ToolCall:
    calls, _ = play(policy, request, dict.fromkeys(EDITS, edited()))
    return calls[0]


EDITS = [move.tool for move in EDITING]


@pytest.mark.parametrize(
    ("request_", "tool", "arguments"),
    [
        ("blur every face", "blur_region", {"categories": ["face"], "style": "blur"}),
        ("Pixelate faces.", "blur_region", {"categories": ["face"], "style": "pixelate"}),
        ("blur the people in the video from 2 to 4 s", "blur_region",
         {"categories": ["person"], "style": "blur", "start_s": 2.0, "end_s": 4.0}),
        ("blur the box 10,20,100,200", "blur_region", {"boxes": [[10.0, 20.0, 100.0, 200.0]], "style": "blur"}),
        ("make a 10 s summary", "summary_clip", {"length_s": 10.0}),
        ("make a ten-second summary of all videos", "summary_clip", {"length_s": 10.0}),
        ("make a summary of the parts where the bird is visible", "summary_clip", {"what": "entity", "query": "bird"}),
        ("create a trailer of 20 seconds", "summary_clip", {"length_s": 20.0}),
        ("slow down the first 2 seconds to half speed", "slow_motion", {"start_s": 0.0, "end_s": 2.0, "factor": 2.0}),
        ("play the part where someone speaks in slow motion", "slow_motion", {"what": "speech"}),
        ("remove the ball from the video", "remove_object", {"phrase": "ball"}),
        ("make the cups disappear", "remove_object", {"phrase": "all cups"}),
        ("cut out the first three seconds", "cut", {"start_s": 0.0, "end_s": 3.0, "keep": "outside"}),
        ("trim from 2 s to 5 s", "cut", {"start_s": 2.0, "end_s": 5.0}),
        ("trim it to 5 seconds", "cut", {"start_s": 0.0, "end_s": 5.0}),
        ("remove everything after 0:05", "cut", {"start_s": 5.0, "end_s": 20.0, "keep": "outside"}),
        ("keep everything except the last 4 s", "cut", {"start_s": 16.0, "end_s": 20.0, "keep": "outside"}),
        ("keep shots 1 and 3", "cut", {"what": "shot", "which": "1, 3"}),
        ("cut out the silences", "cut", {"what": "sound", "which": "silence", "keep": "outside"}),
        ("make a clip of the part where the text 'EXIT' is visible", "cut", {"what": "text", "which": "EXIT"}),
        ("give me a clip of the bird", "cut", {"what": "entity", "which": "bird"}),
        ("crop to vertical following the person", "crop_to_subject", {"aspect": "9:16", "categories": ["person"]}),
        ("crop it to 4:5", "crop_to_subject", {"aspect": "4:5"}),
        ("make it square", "crop_to_subject", {"aspect": "1:1"}),
        ("stabilise it", "stabilise", {}),
        ("make a gif of the first 2 seconds", "gif", {"start_s": 0.0, "end_s": 2.0}),
        ("turn it into a gif", "gif", {}),
        ("contact sheet", "contact_sheet", {}),
        ("make a contact sheet with 9 frames", "contact_sheet", {"count": 9}),
        ("put the text 'HELLO' at the top", "overlay_text", {"text": "HELLO", "position": "top"}),
        ('write "Stop, and cut it" in big red letters from 1 to 2 s', "overlay_text",
         {"text": "Stop, and cut it", "position": "bottom", "size": 0.12, "colour": "#e02020", "start_s": 1.0,
          "end_s": 2.0}),
        ("add subtitles", "subtitles", {}),
        ("save the subtitles as srt", "subtitles", {"output": "srt"}),
        ("add subtitles to cups-cut-0a1b2c3d.mp4", "subtitles", {"video": "cups-cut-0a1b2c3d.mp4"}),
        ("blur the cup in cups-cut-0a1b2c3d.mp4", "blur_region",
         {"phrase": "cup", "style": "blur", "video": "cups-cut-0a1b2c3d.mp4"}),
        ("speed it up 2x", "speed", {"factor": 2.0}),
        ("play it three times as fast", "speed", {"factor": 3.0}),
        ("highlight the red cup", "highlight", {"phrase": "red cup"}),
        ("put the two videos side by side", "side_by_side", {}),
        ("show both clips below each other", "side_by_side", {"layout": "column"}),
        ("join the videos", "concat", {}),
        ("export the memory as COCO", "export", {"format": "coco"}),
        ("remove the compression artefacts", "denoise_artifacts", {}),
        ("rotate it", "rotate", {"turn": "right"}),
        ("turn the video upside down", "rotate", {"turn": "upside down"}),
        ("rotate it by 90 degrees counterclockwise", "rotate", {"turn": "left"}),
        ("rotate the video 270 degrees", "rotate", {"turn": "left"}),
        ("flip it vertically", "rotate", {"turn": "flip"}),
        ("mirror the video", "rotate", {"turn": "mirror"}),
        ("make it black and white", "adjust", {"saturation": 0.0}),
        ("brighten the first 2 seconds", "adjust", {"brightness": 0.15, "start_s": 0.0, "end_s": 2.0}),
        ("increase the contrast", "adjust", {"contrast": 1.3}),
        ("mute the video", "volume", {"factor": 0.0}),
        ("remove the sound from 2 to 4 s", "volume", {"factor": 0.0, "start_s": 2.0, "end_s": 4.0}),
        ("make it three times as loud", "volume", {"factor": 3.0}),
        ("turn the volume down", "volume", {"factor": 0.5}),
        ("extract the audio", "extract_audio", {}),
        ("save the sound of the first 3 seconds as wav", "extract_audio",
         {"format": "wav", "start_s": 0.0, "end_s": 3.0}),
        ("fade it in and out", "fade", {"in_s": 1.0, "out_s": 1.0}),
        ("add a 2 second fade out", "fade", {"in_s": 0.0, "out_s": 2.0}),
        ("crop it to 10,20,100,200", "crop", {"box": [10.0, 20.0, 100.0, 200.0]}),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_what_the_tool_is_told(
    policy: EmbeddedPolicy, request_: str, tool: str, arguments: dict[str, Any]
) -> None:
    call = first(policy, request_)
    assert (call.tool, dict(call.arguments)) == (tool, arguments)


@pytest.mark.parametrize(
    "question",
    [
        "Summarise the video.",
        "Give me a summary.",
        "Make a summary in three sentences",
        "Show me the subtitles",
        "Are the cars side by side?",
        "What is cut out at the end?",
        "How long is the clip?",
        "Highlight the best moments",
        "Cut to the chase: what happens?",
    ],
)
def test_questions_stay_questions(question: str) -> None:
    assert read_goals(question, 20.0) == ()


def test_an_edit_tells_what_it_touched(policy: EmbeddedPolicy) -> None:
    _, draft = play(policy, "keep the parts where the bird is visible", {"cut": edited(entities=("o:1", "o:2"))})
    assert draft.status == "answered"
    assert draft.answer == "Kept 1.00-2.00 s of clip. Objects in memory: o:1, o:2."
    assert [(one.start_s, one.end_s) for one in draft.evidence] == [(1.0, 2.0)]


def test_edits_follow_one_another_on_the_file_that_was_made(policy: EmbeddedPolicy) -> None:
    outcomes = {
        "summary_clip": edited("summary.mp4"), "subtitles": edited("said.mp4"), "gif": edited("last.gif"),
    }  # fmt: skip
    request = "make a 10 s summary with subtitles, and then make a gif of the last 2 seconds"
    calls, draft = play(policy, request, outcomes)
    assert [(call.tool, dict(call.arguments)) for call in calls] == [
        ("summary_clip", {"length_s": 10.0}),
        ("subtitles", {"video": "summary.mp4"}),
        ("gif", {"video": "said.mp4", "start_s": 4.0, "end_s": 6.0}),
    ]
    assert draft.status == "answered"


def test_after_an_edit_that_was_not_made_none_is(policy: EmbeddedPolicy) -> None:
    calls, draft = play(
        policy, "blur every face and add subtitles", {"blur_region": ("ToolFailed", "no face is there")}
    )
    assert ([call.tool for call in calls], draft.status) == (["blur_region"], "cannot")
    assert "no face is there" in draft.answer
    assert "'add subtitles'" in draft.answer


def test_a_step_that_fails_is_told_beside_what_was_made(policy: EmbeddedPolicy) -> None:
    outcomes: dict[str, Outcome] = {"cut": edited(), "subtitles": ("ToolFailed", "no speech in memory")}
    _, draft = play(policy, "trim from 2 s to 5 s and add subtitles", outcomes)
    assert draft.status == "uncertain"
    assert "Kept 1.00-2.00 s" in draft.answer
    assert "'add subtitles' cannot be done: no speech in memory" in draft.answer


def test_what_memory_does_not_know_is_looked_for_in_the_pictures(policy: EmbeddedPolicy) -> None:
    track = FollowedObject(
        entity_id="t", phrase="bird", first_s=1.0, last_s=4.0, times_s=[1.0, 4.0], boxes=[Box(0, 0, 9, 9)] * 2,
        stays=[], confidence=0.9,
    )  # fmt: skip
    tracks = TrackObjects.Result(summary="1", confidence=0.9, model="m", tracks=[track], num_tracks=1, num_frames=9)
    asked = ToolCall("cut", {"what": "entity", "which": "bird"})
    outcomes: dict[str, Outcome] = {asked.key: NOT_THERE, "track_objects": tracks, "cut": edited()}
    calls, draft = play(policy, "make a clip of the parts where the bird is visible", outcomes)
    assert dict(calls[-1].arguments) == {"intervals": [[1.0, 4.0]]}
    assert draft.status == "answered"
    outcomes = {"summary_clip": edited(), "track_objects": tracks} | {
        ToolCall("summary_clip", {"what": "entity", "query": "bird"}).key: NOT_THERE
    }
    calls, _ = play(policy, "make a summary of the parts where the bird is visible", outcomes)
    assert dict(calls[-1].arguments) == {"what": "entity", "query": "t"}


def test_what_may_be_something_else_is_uncertain(policy: EmbeddedPolicy) -> None:
    asked = ToolCall("cut", {"what": "entity", "which": "bird"})
    outcomes: dict[str, Outcome] = {asked.key: NOT_THERE, "track_objects": NO_DETECTOR, "cut": edited()}
    calls, draft = play(policy, "keep the parts where the bird is visible", outcomes)
    assert dict(calls[-1].arguments) == {"what": "entity", "which": "moving object"}
    assert (draft.status, "whether it is the bird was not checked" in draft.answer) == ("uncertain", True)


def test_nothing_that_matches_is_no_file(policy: EmbeddedPolicy) -> None:
    outcomes: dict[str, Outcome] = {"cut": NOT_THERE, "track_objects": NO_DETECTOR}
    _, draft = play(policy, "keep the parts where the vase is visible", outcomes)
    assert draft.status == "cannot"
    assert "No file was made" in draft.answer
    assert NOT_THERE[1] in draft.answer


LIFTED = ToolCall("find_movements", {"thing": "cup", "movement": "lifted"})
ANYTHING_LIFTED = ToolCall("find_movements", {"thing": "moving object", "movement": "lifted"})


def movement(confidence: float, note: str = "") -> FindMovements.Result:
    happening = Happening(
        entity_id="t", at_s=3.0, start_s=3.0, end_s=3.5, strength=1.0, confidence=confidence, note=note
    )  # fmt: skip
    return FindMovements.Result(
        summary="'cup' is lifted at 3.00 s", confidence=confidence, model="m", found=[happening]
    )


@pytest.mark.parametrize(
    ("request_", "tool", "arguments"),
    [
        ("slow down the moment when the cup is lifted", "slow_motion", {"what": "movement", "which": "cup: lifted"}),
        ("make a gif of the moment the cup is picked up", "gif",
         {"what": "movement", "which": "cup: lifted", "before_s": 0.5, "after_s": 0.5}),
        ("cut out the moment when she lifts the cup", "cut",
         {"what": "movement", "which": "cup: lifted", "keep": "outside"}),
        ("highlight the cup when it is lifted", "highlight", {"phrase": "cup", "start_s": 3.0, "end_s": 3.5}),
    ],
)  # fmt: skip
def test_a_moment_of_motion_is_found_first(
    policy: EmbeddedPolicy, request_: str, tool: str, arguments: dict[str, Any]
) -> None:
    calls, draft = play(policy, request_, {LIFTED.key: movement(0.9)} | dict.fromkeys(EDITS, edited()))
    assert [(call.tool, dict(call.arguments)) for call in calls] == [
        ("find_movements", dict(LIFTED.arguments)), (tool, arguments),
    ]  # fmt: skip
    assert draft.status == "answered"


def test_a_moment_that_is_not_there_makes_no_file(policy: EmbeddedPolicy) -> None:
    nothing = movement(0.9).model_copy(update={"found": [], "status": "empty", "summary": "nothing of it is lifted"})
    calls, draft = play(policy, "slow down the moment when the cup is lifted", {LIFTED.key: nothing})
    assert (len(calls), draft.status, "nothing of it is lifted" in draft.answer) == (1, "cannot", True)


def test_what_nothing_recognises_may_be_what_is_lifted(policy: EmbeddedPolicy) -> None:
    outcomes: dict[str, Outcome] = {LIFTED.key: NO_DETECTOR, "slow_motion": edited()}
    request = "slow down the moment when the cup is lifted"
    calls, draft = play(policy, request, outcomes | {ANYTHING_LIFTED.key: movement(0.6)})
    assert calls[-1].arguments["which"] == "moving object: lifted"
    assert (draft.status, "Whether it is the cup was not checked" in draft.answer) == ("uncertain", True)
    _, draft = play(policy, request, outcomes | {ANYTHING_LIFTED.key: movement(0.3)})
    assert (draft.status, draft.missing) == ("cannot", (NO_DETECTOR[1],))


def test_when_it_moves_is_a_question(policy: EmbeddedPolicy) -> None:
    calls, draft = play(policy, "When is the cup lifted?", {LIFTED.key: movement(0.9)})
    assert (calls, draft.status, draft.value) == ([LIFTED], "answered", (3.0, 3.5))
    assert draft.answer == "'cup' is lifted at 3.00 s."
    _, draft = play(policy, "When is the cup lifted?", {LIFTED.key: movement(0.9, "red (not checked)")})
    assert draft.status == "uncertain"


@pytest.mark.parametrize(
    ("clause", "meant"),
    [
        ("the cup is lifted off the ball", ("cup", "lifted")),
        ("someone picks the ball up", ("ball", "lifted")),
        ("she puts the glass down on the table", ("glass", "put down")),
        ("the red car starts moving again", ("red car", "starts")),
        ("the cars stop", ("cars", "stops")),
        ("the bear comes towards the camera", ("bear", "closer")),
        ("the man turns around", ("man", "turns")),
        ("the dog leaves the picture", ("dog", "leaves")),
        ("the music stops", None),
        ("the man stops talking", None),
        ("the light turns red", None),
        ("the camera moves left", None),
        ("something falls", None),
    ],
)
def test_words_for_movements(clause: str, meant: tuple[str, str] | None) -> None:
    assert read_movement(clause) == meant


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("When is the red cup lifted?", ("red cup", "lifted")),
        ("At what time does the man lift the cup?", ("cup", "lifted")),
        ("when does the car start moving", ("car", "starts")),
        ("When is the red car visible?", None),
        ("When does it rain?", None),
        ("Is the cup lifted?", None),
    ],
)
def test_words_that_ask_for_movements(question: str, meant: tuple[str, str] | None) -> None:
    assert read_asked_movement(question) == meant


def test_what_was_not_approved_is_not_tried_in_another_way(policy: EmbeddedPolicy) -> None:
    denied = ("Denied", "remove_object(...) was not approved (it takes about 275 s); do without it")
    calls, draft = play(policy, "remove the ball", {"remove_object": denied})
    assert (len(calls), draft.status) == (1, "cannot")
    assert "was not approved (it takes about 275 s)." in draft.answer


def test_a_place_is_segmented_first(policy: EmbeddedPolicy) -> None:
    seen = Segment.Result(
        summary="seen", confidence=0.9, model="m",
        objects=[SegmentedObject(object=1, entity_id="s:1", intervals=[Interval(1.0, 2.0)], num_frames=25,
                                 colour="red", confidence=0.9)],
    )  # fmt: skip
    calls, _ = play(policy, "remove the thing at 120,80 at 2 s", {"segment": seen, "remove_object": edited()})
    assert dict(calls[0].arguments) == {"points": [[120.0, 80.0, 2.0]]}
    assert dict(calls[1].arguments) == {"entities": ["s:1"]}


def test_a_shot_is_found_first(policy: EmbeddedPolicy) -> None:
    shots = ListShots.Result.model_validate(
        {
            "summary": "2 shots", "count": 2, "cuts": [4.0], "model": "m",
            "shots": [{"index": k, "start_s": s, "end_s": s + 4, "keyframe_s": s} for k, s in enumerate((0.0, 4.0))],
        }
    )  # fmt: skip
    outcomes: dict[str, Outcome] = {"list_shots": shots, "cut": edited(), "blur_region": edited()}
    calls, _ = play(policy, "keep the last shot", outcomes)
    assert dict(calls[1].arguments) == {"start_s": 4.0, "end_s": 8.0}
    calls, _ = play(policy, "blur the faces in the second shot", outcomes)
    assert calls[1].arguments["start_s"] == 4.0
    _, draft = play(policy, "delete the third shot", outcomes)
    assert (draft.status, "no such shot" in draft.answer) == ("cannot", True)


@pytest.mark.parametrize("request_", ["blur the background", "reverse it", "add some music"])
def test_what_no_tool_does_is_said(policy: EmbeddedPolicy, request_: str) -> None:
    calls, draft = play(policy, request_, {})
    assert (calls, draft.status) == ([], "cannot")
    assert "no tool" in draft.answer


def test_what_was_not_said_is_asked_for(policy: EmbeddedPolicy) -> None:
    for request in ("blur it", "keep the best parts of it", "make a summary of the first 5 seconds"):
        calls, draft = play(policy, request, dict.fromkeys(EDITS, NOT_THERE) | {"track_objects": NO_DETECTOR})
        assert draft.status == "cannot", calls


def test_what_is_made_of_several_videos_together() -> None:
    assert of_several("join the videos and add subtitles")
    assert of_several("make a 20 s summary of both clips")
    assert not of_several("blur every face")
    assert not of_several("Which video is the longest?")
