"""`overview`, `skim`, `focus`: what a model finds on one rung names the interval and the tool of the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fixtures.looking import answering, pictures, texts
from tests.fixtures.openai_server import OpenAIServer, Reply
from tests.fixtures.render import read_stamp, render, stamped_pictures
from tests.tools.vision.conftest import COLOURS, FPS, Seeing
from tools.base import InvalidArguments, MissingModel, Tool
from tools.types import Perceived
from tools.vision.ladder import Focus, Overview, Skim


def says(*moments: tuple[int, int, str, float], answered: bool = True) -> Reply:
    found = [
        {"first_frame": first, "last_frame": last, "what": what, "confidence": confidence}
        for first, last, what, confidence in moments
    ]
    return Reply(json.dumps({"answer": "A cup.", "answered": answered, "confidence": 0.7, "moments": found}))


@pytest.fixture(scope="session")
def slow_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute, a frame a second."""
    return render(tmp_path_factory.mktemp("clips") / "slow.mp4", stamped_pictures(60), 1)


def climb(tool: Tool, seeing: Seeing, clip: Path, server: OpenAIServer, **arguments: Any) -> Any:
    return tool.call(arguments, seeing(clip, server.url))


def test_from_the_whole_to_the_moment(seeing: Seeing, stamped_clip: Path) -> None:
    with OpenAIServer(
        [says((1, 1, "a table", 0.2), (4, 5, "a cup", 0.9)), says((6, 7, "the cup falls", 0.8))]
    ) as server:
        wide = climb(Overview(), seeing, stamped_clip, server, question="When does the cup fall?")
        best = wide.moments[0]
        close = climb(Focus(), seeing, stamped_clip, server, question="When?", start_s=best.start_s, end_s=best.end_s)
    step_s = 10.0 / 12
    assert (best.start_s, best.end_s) == pytest.approx((3 * step_s, 5 * step_s), abs=0.05)
    assert (best.text, best.next_tool) == (Perceived(text="a cup", source="vision"), "focus")
    assert f"next: focus {best.start_s:.2f}-{best.end_s:.2f} s" in wide.summary
    assert [row.text.text for row in wide.evidence] == ["a cup", "a table"]
    (sheet,) = pictures(server.requests[0])
    assert sheet.shape == (4 * 120, 3 * 160, 3)
    frames = [read_stamp(picture) / FPS for picture in pictures(server.requests[1])]
    assert len(frames) == 12
    assert best.start_s <= frames[0] < frames[-1] <= best.end_s
    (moment,) = close.moments
    assert frames[5] >= moment.start_s >= frames[4]
    assert frames[6] <= moment.end_s <= frames[7]
    assert moment.next_tool == ""
    assert close.evidence[0].confidence == 0.8


def test_a_long_moment_is_skimmed_before_it_is_focussed(seeing: Seeing, slow_clip: Path) -> None:
    with OpenAIServer([says((1, 6, "a walk", 0.9)), says((2, 3, "a dog", 0.6))]) as server:
        wide = climb(Overview(), seeing, slow_clip, server, question="Is there a dog?")
        assert wide.moments[0].next_tool == "skim"
        found = climb(Skim(), seeing, slow_clip, server, question="Is there a dog?", start_s=0.0, end_s=30.0, number=6)
    assert (found.moments[0].start_s, found.moments[0].end_s) == pytest.approx((5.0, 15.0), abs=1.0)
    assert found.moments[0].next_tool == "focus"
    assert found.step_s == pytest.approx(5.0)


def test_without_a_question_it_tells_the_parts_in_order(seeing: Seeing, stamped_clip: Path) -> None:
    with OpenAIServer([says((7, 12, "then a title", 0.9), (1, 6, "first a table", 0.8))]) as server:
        found = climb(Overview(), seeing, stamped_clip, server)
    assert [moment.text.text for moment in found.moments] == ["first a table", "then a title"]
    assert {moment.next_tool for moment in found.moments} == {""}
    assert (found.moments[0].start_s, found.moments[-1].end_s) == (0.0, 10.0)
    assert "what it is about" in texts(server.requests[0])[-1]


def test_many_frames_need_several_sheets(seeing: Seeing, colour_clip: Path) -> None:
    with OpenAIServer([says((30, 30, "a cup", 0.9))]) as server:
        found = climb(Overview(), seeing, colour_clip, server, question="A cup?", number=30)
    sheets = pictures(server.requests[0])
    assert [sheet.shape for sheet in sheets] == [(480, 480, 3)] * 2 + [(3 * 120, 2 * 160, 3)]
    for sheet, second in zip(sheets, (0, 2, 4), strict=True):
        assert np.abs(sheet[50:70, 70:90].mean(axis=(0, 1)) - COLOURS[second]).max() < 12
    assert texts(server.requests[0])[2].startswith("Frames in numbered cells, row by row: 25: 4.")
    assert found.moments[0].end_s == 6.0


def test_numbers_that_there_are_not_become_the_nearest(seeing: Seeing, stamped_clip: Path) -> None:
    with OpenAIServer([says((0, 2, "early", 0.5), (11, 99, "late", 0.4), (5, 3, "turned", 0.3))]) as server:
        found = climb(Overview(), seeing, stamped_clip, server, question="What?")
    spans = [(moment.start_s, moment.end_s) for moment in found.moments]
    assert spans[0][0] == 0.0
    assert spans[1][1] == 10.0
    assert all(start_s < end_s for start_s, end_s in spans)


def test_nothing_found_is_an_empty_result(seeing: Seeing, stamped_clip: Path) -> None:
    with OpenAIServer([says(answered=False)]) as server:
        found = climb(Focus(), seeing, stamped_clip, server, question="A dog?", start_s=1.0, end_s=4.0)
    assert (found.status, found.evidence) == ("empty", [])


def test_an_empty_interval_asks_nobody(seeing: Seeing, stamped_clip: Path) -> None:
    with answering(lambda body: says()) as server:
        for start_s, end_s in ((3.0, 3.0), (11.0, 20.0)):
            with pytest.raises(InvalidArguments, match="empty"):
                climb(Skim(), seeing, stamped_clip, server, question="?", start_s=start_s, end_s=end_s)
    assert server.requests == []


@pytest.mark.parametrize("tool", [Overview(), Skim(), Focus()])
def test_without_a_model_it_is_said_how_to_get_one(seeing: Seeing, stamped_clip: Path, tool: Tool) -> None:
    arguments = {} if isinstance(tool, Overview) else {"question": "?", "start_s": 0.0, "end_s": 1.0}
    with pytest.raises(MissingModel, match="VIDERE_LLM_MODEL"):
        tool.call(arguments, seeing(stamped_clip))
