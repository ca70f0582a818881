"""Which tool the embedded policy tries first: questions in words that are no exemplars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from planners.embedded.policy import EmbeddedPolicy
from planners.state import Draft, State, Task, ToolCall

First = Callable[..., ToolCall | Draft]


@pytest.mark.parametrize(
    ("question", "options", "tool", "arguments"),
    [
        ("How many different scenes make up the clip?", (), "list_shots", {}),
        ("At which second does the picture cut for the second time?", (), "list_shots", {}),
        ("Is the camera held still?", (), "camera_motion", {}),
        ("Does the camera pan, tilt or zoom?", (), "camera_motion", {}),
        ("Which way does the horse run?", ("to the left", "to the right"), "track_motion", {}),
        ("Does the truck approach or drive off?", ("it approaches", "it drives away"), "track_motion", {}),
        ("Where does the car go?", ("left", "right"), "track_motion", {}),
        ("Does the red balloon move?", (), "track_motion", {"colour": "red"}),
        ("Is the footage shaky?", (), "camera_motion", {}),
        ("How wide is the picture in pixels?", (), "video_info", {}),
        ("Is there a cut between 2 and 5 seconds?", (), "list_shots", {}),
        ("Where is the red ball at the end?", (), "find_colour_regions", {"colours": ["red"], "end_s": 20.0}),
        ("How many people can be seen?", (), "find_people", {}),
        ("Is anyone visible in the last shot?", (), "list_shots", {}),
        ("How many yellow balls are on the lawn?", (), "find_colour_regions", {"colours": ["yellow"]}),
        ("What colour is the lady's coat?", ("red", "blue"), "find_colour_regions", {"kind": "figure"}),
        ("What colour is the sky?", ("grey", "blue"), "find_colour_regions", {"kind": "upper surface"}),
        ("What colour is the vase?", ("green", "white"), "find_colour_regions", {"colours": ["green", "white"]}),
        ("How many things lie on the floor?", (), "count", {"what": "objects"}),
        ("Does the clip have a sound track?", (), "describe_sound", {}),
        ("Can anybody be heard talking?", (), "describe_sound", {}),
        ("How long is this video?", (), "video_info", {}),
        ("What is the resolution of the video?", (), "video_info", {}),
        ("Which of these is seen first?", ("the red car", "the title"), "order_events", {}),
    ],
)
def test_the_first_call(
    first: First, question: str, options: tuple[str, ...], tool: str, arguments: Mapping[str, Any]
) -> None:
    action = first(question, *options)
    assert isinstance(action, ToolCall), action
    assert action.tool == tool
    assert arguments.items() <= dict(action.arguments).items()


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("What breed is the dog?", ()),
        ("What is the cook adding to the pan?", ("salt", "oil")),
        ("Why does the child cry?", ()),
        ("What does the woman wear on her head?", ("a hat", "a scarf")),
        ("What is in the frying pan?", ()),
        ("What is the man with the camera doing?", ()),
        ("What is under the cup?", ("a coin", "nothing")),
    ],
)
def test_what_needs_eyes_is_not_guessed(first: First, question: str, options: tuple[str, ...]) -> None:
    action = first(question, *options)
    assert isinstance(action, Draft), action
    assert action.status == "cannot"
    assert action.missing


def test_priors_are_a_distribution_and_no_action_comes_twice(policy: EmbeddedPolicy) -> None:
    state = State(Task("When does the title appear?", ("v",), (), 20.0), ())
    offered = policy.propose(state, 6)
    assert sum(proposal.prior for proposal in offered) == pytest.approx(1.0)
    assert len({proposal.action.key for proposal in offered}) == len(offered)
    rest = policy.propose(state, 6, [offered[0].action])
    assert offered[0].action.key not in {proposal.action.key for proposal in rest}
