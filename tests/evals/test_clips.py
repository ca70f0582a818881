"""The clips suite: reading questions.jsonl, its errors, and what counts as an abstention."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evals.suites.base import load_suite
from evals.suites.clips import ClipsSuite
from tests.evals.reply import Reply
from tools.base import InvalidArguments

GOOD = {"id": "a-1", "clip": "a.mp4", "skill": "shots", "tier": "embedded", "kind": "number", "question": "How many?"}


def write(folder: Path, *rows: Any) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_rows_become_samples_with_the_path_of_the_clip(tmp_path: Path) -> None:
    choice = GOOD | {"id": "a-2", "kind": "choice", "answer": "red", "options": ["red", "blue"]}
    write(tmp_path, GOOD | {"answer": 4, "tolerance": 0}, "", choice)
    first, second = ClipsSuite(tmp_path).samples()
    assert (first.video, first.expected, first.tolerance, first.options) == (tmp_path / "a.mp4", 4, 0.0, ())
    assert (second.id, second.options, second.tier, second.skill) == ("a-2", ("red", "blue"), "embedded", "shots")


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{not json", "not JSON"),
        ({"id": "b"}, "clip"),
        (GOOD | {"id": "b", "answer": "four"}, "a number answer is a number, not 'four'"),
        (GOOD | {"id": "b", "answer": True}, "a number answer is a number"),
        (GOOD | {"id": "b", "answer": 1, "kind": "essay"}, "kind"),
        (GOOD | {"id": "b", "answer": 1, "tier": "magic"}, "tier"),
        (GOOD | {"id": "b", "answer": 1, "tolerance": -1}, "tolerance"),
        (GOOD | {"id": "b", "kind": "choice", "answer": "red", "options": ["blue", "green"]}, "none of the options"),
        (GOOD | {"id": "b", "kind": "choice", "answer": "red"}, "at least two different options"),
        (GOOD | {"id": "b", "kind": "interval", "answer": [3, 2]}, "[start, end]"),
        (GOOD | {"id": "b", "kind": "interval", "answer": 3}, "[start, end]"),
        (GOOD | {"id": "b", "kind": "boolean", "answer": 1}, "true or false"),
        (GOOD | {"id": "b", "kind": "text", "answer": " "}, "text"),
        (GOOD | {"id": "b", "answer": 1, "clip": "../a.mp4"}, "plain path"),
        (GOOD | {"answer": 4}, "id 'a-1' is that of line 1 too"),
    ],
)
def test_a_bad_row_is_refused_with_the_number_of_its_line(tmp_path: Path, bad: Any, says: str) -> None:
    write(tmp_path, GOOD | {"answer": 4}, "", bad)
    with pytest.raises(InvalidArguments) as caught:
        ClipsSuite(tmp_path)
    assert "line 3: " in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="--data"):
        ClipsSuite(tmp_path)
    with pytest.raises(InvalidArguments, match="no question"):
        ClipsSuite(write(tmp_path, ""))


def test_cannot_is_an_abstention_and_uncertain_counts_by_what_it_says(tmp_path: Path) -> None:
    suite = ClipsSuite(write(tmp_path, GOOD | {"answer": 4}))
    [sample] = suite.samples()
    assert suite.score(sample, Reply(status="cannot", value=4)) == "abstained"
    assert suite.score(sample, Reply(status="uncertain", value=4)) == "right"
    assert suite.score(sample, Reply(status="uncertain", value=5)) == "wrong"
    assert suite.score(sample, Reply(value=4)) == "right"


def test_the_fingerprint_changes_with_an_answer(tmp_path: Path) -> None:
    before = ClipsSuite(write(tmp_path, GOOD | {"answer": 4})).fingerprint()
    assert ClipsSuite(write(tmp_path, GOOD | {"answer": 5})).fingerprint() != before


def test_the_suite_is_found_by_its_entry_point(tmp_path: Path) -> None:
    write(tmp_path, GOOD | {"answer": 4})
    assert isinstance(load_suite("clips", tmp_path), ClipsSuite)
    with pytest.raises(InvalidArguments, match="clips"):
        load_suite("nosuch", tmp_path)
