"""Tools that read a whole video's memory, on the sample clip: red circles, then a title and a line, then a pan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest

from agent import VideoAgent
from tools.base import InvalidArguments, ToolContext
from tools.media.sample import render_sample
from tools.registry import Registry


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> ToolContext:
    folder = tmp_path_factory.mktemp("understanding")
    return VideoAgent(folder / "library").context(render_sample(folder / "sample.mp4"), folder / "artifacts")


def call(name: str, context: ToolContext, **arguments: Any) -> Any:
    return Registry.load().get(name).call(arguments, context)


def test_facts_of_the_file(sample: ToolContext) -> None:
    facts = call("video_info", sample)
    media = sample.memory("").video.media
    assert (facts.width, facts.height) == (media["width"], media["height"])
    assert facts.duration_s == pytest.approx(media["duration_s"])


def test_order_follows_the_first_sighting(sample: ToolContext) -> None:
    phrases = ["the text 'watch once, ask many times'", "red circles"]
    found = call("order_events", sample, phrases=phrases)
    assert found.order == phrases[::-1]


def test_when_finds_text_by_its_words(sample: ToolContext) -> None:
    found = call("when", sample, phrase="the text watch once, ask many times")
    best = found.intervals[0]
    assert best.start_s == pytest.approx(5.0, abs=0.6)


def test_a_summary_names_what_was_seen(sample: ToolContext) -> None:
    said = call("summarise", sample)
    assert "3 shot" in said.summary
    assert said.evidence


def test_frames_are_saved_as_pictures_in_the_artefact_folder(sample: ToolContext) -> None:
    found = call("look_at_frames", sample, start_s=1.0, end_s=3.0)
    assert found.artifacts
    for artifact in found.artifacts:
        path = Path(artifact.path)
        assert path.parent == sample.artifacts
        picture = cv2.imread(str(path))
        assert picture.shape[1] == sample.memory("").video.media["width"]


def test_an_empty_interval_is_refused_in_words(sample: ToolContext) -> None:
    with pytest.raises(InvalidArguments, match="before"):
        call("find_colour_regions", sample, colours=["red"], start_s=4.0, end_s=4.0)


def test_things_of_a_colour_in_the_sample(sample: ToolContext) -> None:
    found = call("find_colour_regions", sample, colours=["red"], end_s=2.0)
    assert found.colours[0].count == 3
    assert found.confidence > 0.6
