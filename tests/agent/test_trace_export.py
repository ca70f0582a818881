"""The trace of an answer as a document and as a page; also of a question that still waits, and of hostile texts."""

from __future__ import annotations

import json
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from agent.cli import build_app
from agent.cli.errors import run_app
from agent.trace_document import SCHEMA, trace_document, trace_document_from_snapshot
from agent.trace_html import trace_html
from tests.agent.noting import OTHER, VIDEO, agent_in, watch
from tests.fixtures.openai_server import OpenAIServer, Reply
from tools.base import ApprovalRequired, InvalidArguments

SHOTS = "How many shots are there?"
NOTE = "Please note that."
PLAIN_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "h3", "p", "small"),
    *("b", "q", "code", "span", "div", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "details", "summary"),
    *("meter", "figure", "img"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    watch(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def called(tool: str, text: str) -> Reply:
    return Reply(calls=[(tool, json.dumps({"text": text}))])


def noted(answer: str) -> Reply:
    given = {"answer": answer, "confidence": 0.9, "citations": [f"[{VIDEO}, 1-2]"]}
    return Reply(calls=[("answer", json.dumps(given))])


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if not self.open or self.open[-1] != "style" else ""


def checked(html: str) -> Page:
    """The page, which is balanced, loads nothing, runs nothing, and holds no sign that hides or turns text."""
    page = Page(html)
    assert page.open == []
    assert page.tags <= PLAIN_TAGS
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("href", "action")]
    assert all(value.startswith("data:image/png;base64,") for name, value in page.attributes if name == "src")
    assert {unicodedata.category(sign) for sign in html} & {"Cf", "Cs", "Co", "Zl", "Zp"} == set()
    assert {sign for sign in html if unicodedata.category(sign) == "Cc"} <= {"\n"}
    return page


def test_what_is_kept_gives_the_same_document_as_the_run(folder: Path) -> None:
    agent = agent_in(folder)
    thread = agent.thread("t")
    thread.ask(SHOTS, [VIDEO, OTHER])
    assert agent.last_run is not None
    document = trace_document(agent.last_run)
    kept = trace_document_from_snapshot(agent_in(folder).store, document["trace_id"], agent.library)
    for one in (document, kept):
        for tree in one["trees"]:
            tree["cost"] = {}  # of a snapshot: what was used until its last step
    assert kept == json.loads(json.dumps(document))
    assert document["schema"] == SCHEMA
    assert (document["question"], document["thread"]) == (SHOTS, "t")
    assert [tree["title"] for tree in document["trees"]] == ["clip of 2", "clip of 5"]
    assert document["answer"]["value"] == thread.turns()[-1].answer.value
    page = checked(trace_html(document))
    for said in (SHOTS, "clip of 2", "clip of 5", "list_shots"):
        assert said in page.text


def test_the_way_to_the_answer_is_marked_and_votes_are_shared(folder: Path) -> None:
    agent = agent_in(folder)
    answer = agent.ask(VIDEO, SHOTS)
    assert agent.last_run is not None
    document = trace_document(agent.last_run)
    (tree,) = document["trees"]
    marked = [node for node in tree["nodes"] if node["in_answer"]]
    assert [node["kind"] for node in marked] == ["root", "call", "draft"]
    assert marked[-1]["what"] == answer.answer
    assert marked[1]["num_evidence"] >= len(marked[1]["evidence"]) > 0
    assert sum(vote["share"] for vote in tree["votes"]) == pytest.approx(1, abs=1e-3)
    assert document["evidence"][0]["note"] is not None


def test_a_question_that_waits_has_a_trace_without_an_answer(folder: Path) -> None:
    with OpenAIServer([called("note", "nothing"), called("post", "hello"), *[noted("It is noted.")] * 6]) as server:
        agent = agent_in(folder, server.url)
        thread = agent.thread("t")
        with pytest.raises(ApprovalRequired):
            thread.ask(NOTE, [VIDEO])
        assert thread.pending is not None
        document = trace_document_from_snapshot(agent.store, thread.pending.trace_id, agent.library)
        assert document["answer"] is None
        assert document["question"] == NOTE
        states = {node.get("tool"): node["state"] for node in document["trees"][0]["nodes"]}
        assert states["note"] == "failed"
        assert states["post"] == "open"
        assert "Not answered yet" in checked(trace_html(document)).text
        thread.decide(True)
    done = trace_document_from_snapshot(agent.store, document["trace_id"])
    assert done["answer"]["answer"] == "It is noted."
    with pytest.raises(InvalidArguments, match="nobody"):
        trace_document_from_snapshot(agent.store, "nobody")


def test_questions_whose_keys_begin_alike_are_told_apart(folder: Path) -> None:
    agent = agent_in(folder)
    agent.thread("t").ask(SHOTS, [VIDEO], key="k")
    agent.thread("t").ask(SHOTS, [OTHER], key="k:1")
    agent.thread("t").ask(SHOTS, [OTHER], key="%")
    found = {key: trace_document_from_snapshot(agent.store, key)["trees"] for key in ("k", "k:1", "%")}
    assert {key: [tree["video"] for tree in trees] for key, trees in found.items()} == {
        "k": [VIDEO],
        "k:1": [OTHER],
        "%": [OTHER],
    }


def test_a_video_that_was_forgotten_goes_by_its_id(folder: Path) -> None:
    agent = agent_in(folder)
    agent.thread("t").ask(SHOTS, [VIDEO])
    agent.library.remove(VIDEO)
    (turn,) = agent.thread("t").turns()
    document = trace_document_from_snapshot(agent.store, turn.trace_id, agent.library)
    assert document["videos"] == {VIDEO: VIDEO}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a question with notes, a failure, untried calls and a draft."""
    folder = tmp_path_factory.mktemp("traced")
    watch(folder)
    with (
        pytest.MonkeyPatch.context() as patch,
        OpenAIServer([called("note", "nothing"), called("note", "a"), *[noted("It is noted.")] * 6]) as server,
    ):
        patch.setenv("NO_PROXY", "127.0.0.1")
        agent = agent_in(folder, server.url)
        agent.ask(VIDEO, NOTE)
    assert agent.last_run is not None
    return trace_document(agent.last_run)


def _hostile(value: Any, text: str) -> Any:
    """The document with the text in place of all others; names of what is known stay."""
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [_hostile(one, text) for one in value]
    if isinstance(value, dict):
        fixed = ("kind", "state")
        return {key: one if key in fixed else _hostile(one, text) for key, one in value.items()}
    return value


@given(text=st.text(st.characters(exclude_categories=())) | st.sampled_from(["</style><script>x()</script>", "\"'><b"]))
def test_no_text_of_a_document_becomes_markup(document: dict[str, Any], text: str) -> None:
    page = checked(trace_html(_hostile(document, text)))
    shown = "".join(sign for sign in text if sign.isprintable()).replace(" ", "")
    assert shown in page.text.replace(" ", "")


def test_pictures_of_the_evidence_are_inside_the_page(document: dict[str, Any]) -> None:
    page = checked(trace_html(document, {0: b"\x89PNG"}))
    assert ("src", "data:image/png;base64,iVBORw==") in page.attributes


# --- the commands -----------------------------------------------------------------------------------------------


def videre(*words: str) -> Result:
    return CliRunner().invoke(build_app(), words, catch_exceptions=False, standalone_mode=False)


def test_the_commands_write_pages_and_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDERE_HOME", str(folder / "library"))
    monkeypatch.chdir(folder)
    videre("ask", VIDEO, SHOTS, "--thread", "t", "--trace-file", "first.html")
    assert "list_shots" in checked(Path("first.html").read_text()).text
    videre("ask", OTHER, SHOTS, "--thread", "t")
    for question, value in (("0", 5), ("1", 2), ("2", 5)):
        assert "out.json" in videre("thread", "trace", "t", "--out", "out.json", "--question", question).output
        assert json.loads(Path("out.json").read_text())["answer"]["value"] == value
    assert "list_shots" in videre("thread", "trace", "t").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ask", VIDEO, SHOTS, "--trace-file", "out.txt"), ".html or .json"),
        (("ask", VIDEO, SHOTS, "--trace-file", "nowhere/out.html"), "no folder"),
        (("thread", "trace", "nobody"), "0 question"),
        (("thread", "trace", "nobody", "--question", "3"), "0 question"),
    ],
)
def test_what_cannot_be_written_is_said_first(
    words: tuple[str, ...],
    said: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIDERE_HOME", str(folder / "library"))
    monkeypatch.setattr("sys.argv", ["videre", *words])
    assert run_app(build_app()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
