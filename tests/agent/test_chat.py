"""The chat in the terminal: from a pipe, at a terminal, with hostile texts, with pictures."""

from __future__ import annotations

import base64
import codecs
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from agent import VideoAgent
from agent.chat import pictures
from agent.chat.commands import completions
from agent.chat.screen import Screen
from agent.chat.session import Chat
from agent.cli import build_app
from agent.cli.errors import run_app
from memory import VideoRecord
from tests.agent.noting import OTHER, VIDEO, agent_in, runs, watch
from tests.fixtures.openai_server import OpenAIServer, Reply, Silence
from tests.fixtures.render import render, stamped_pictures

SHOTS = "How many shots are there?"
NOTE = "Please note that."
NASTY = "\x1b]0;owned\x07\x1b[2J‮evil\x9b31m"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    watch(tmp_path)
    monkeypatch.setenv("VIDERE_HOME", str(tmp_path / "library"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def piped(*lines: str, words: tuple[str, ...] = (VIDEO, "--thread", "t")) -> str:
    """What the chat says to these lines."""
    done = CliRunner().invoke(
        build_app(), ("chat", *words), input="".join(f"{line}\n" for line in lines), catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def chat_with(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Says lines to a chat of an agent, and gives what it answers."""

    def say(agent: VideoAgent, *lines: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        chat = Chat(agent, "t", Screen(Console(file=sys.stdout, highlight=False)))
        chat.videos = chat.videos or [VIDEO]
        chat.run()
        return capsys.readouterr().out

    return say


def answered(answer: str) -> Reply:
    given = {"answer": answer, "confidence": 0.9, "citations": [f"[{VIDEO}, 1-2]"]}
    return Reply(calls=[("answer", json.dumps(given))])


def called(tool: str, text: str) -> Reply:
    return Reply(calls=[(tool, json.dumps({"text": text}))])


def test_a_conversation_through_a_pipe(folder: Path) -> None:
    said = piped(SHOTS, "How many shots does it have?", f"/video add {OTHER}", SHOTS, "/video list", "/threads")
    assert said.count("The video has 2 shot") >= 2
    assert "list_shots" in said  # steps are told
    assert "clip of 5" in said
    assert "Traceback" not in said
    again = piped("How many shots are there in clip of 5?", "/video list", words=("--thread", "t"))
    assert "5" in again
    assert "clip of 2" in again  # the videos of the conversation are there again
    assert "\x1b" not in said + again  # no colours in a pipe


def test_each_command_does_its_work(folder: Path) -> None:
    said = piped(
        *(SHOTS, "/trace", "/tools", "/tools find_text", "/tool list_shots", "/save out", "/video remove 'clip of 2'"),
        *("/video list", "/help", "/quit", "/never-read"),
    )
    for what in ("→ list_shots", "query", "shot 1 of 2", "no video yet", "/video add PATH", "out/answer.json"):
        assert what in said
    assert "never-read" not in said
    assert json.loads(Path("out/answer.json").read_text())["value"] == 2
    assert json.loads(Path("out/trace.json").read_text())["question"] == SHOTS
    assert "list_shots" in Path("out/trace.html").read_text()


def test_what_is_wrong_is_one_line_and_the_chat_goes_on(folder: Path) -> None:
    screen = io.StringIO()
    chat = Chat(agent_in(folder), "t", Screen(Console(file=screen, highlight=False)))
    for line, said in (
        (SHOTS, "no video to ask about"),
        ("/tool list_shots", "no video to look at"),
        ("/nonsense", "no command /nonsense"),
        ("/vide", "did you mean /video"),
        ("/", "no command"),
        ("/video add nowhere.mp4", "no such file"),
        ("/video fly", "/video add PATH"),
        ("/video remove x", "not among"),
        ("/tool", "/tool NAME"),
        ("/tool nothing", "no tool"),
        ("/tool list_shots colour", "key=value"),
        ('/save "out', "quotation"),
        ("/trace", "nothing was answered"),
        ("/evidence 2", "nothing was answered"),
        ("/back", "0 answered"),
        ("/resume", "no interrupted question"),
        ("/threads " + "x" * 101, "name of 1 to 100"),
    ):
        screen.seek(0)
        screen.truncate(0)
        assert chat.do(line)
        assert said in screen.getvalue()
        assert len(screen.getvalue().splitlines()) == 1, line


def test_a_video_that_is_none_ends_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["videre", "chat", "nowhere.mp4"])
    assert run_app(build_app()) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_going_back_forgets_what_followed(folder: Path) -> None:
    said = piped(
        SHOTS,
        f"/video add {OTHER}",
        SHOTS,
        "How many shots does it have?",
        "/back 2",
        "/video list",
        "/threads",
        "/trace",
    )
    assert "(1 question)" in said
    assert "clip of 5" not in said.split("(1 question)")[1]
    piped("What was that?", SHOTS, "/back")
    turns = VideoAgent().thread("t").turns()
    assert [turn.question for turn in turns] == [SHOTS, "What was that?"]


def test_a_person_is_asked_in_place(chat_with: Callable[..., str], folder: Path) -> None:
    with OpenAIServer([called("post", "hello"), *[answered("It is noted.")] * 6]) as server:
        said = chat_with(agent_in(folder, server.url), NOTE, "y")
    assert "May it?" in said
    assert "It is noted." in said
    assert runs(folder) == ["hello"]


@pytest.mark.slow
def test_what_is_not_agreed_to_is_not_done(chat_with: Callable[..., str], folder: Path) -> None:
    with OpenAIServer([called("post", "hello"), called("note", "bye"), *[answered("It is noted.")] * 6]) as server:
        said = chat_with(agent_in(folder, server.url), NOTE, "what?")
    assert "It is noted." in said
    assert runs(folder) == ["bye"]


def test_a_question_that_was_interrupted_is_offered(chat_with: Callable[..., str], folder: Path) -> None:
    with OpenAIServer([called("post", "hello"), *[answered("It is noted.")] * 6]) as server:
        agent = agent_in(folder, server.url)
        assert list(agent.thread("t").stream(NOTE, [VIDEO]))
        said = chat_with(agent_in(folder, server.url), "/resume", "yes", "/trace", "/resume")
    assert "waits for your word on post" in said
    assert "It is noted." in said
    assert "no interrupted question" in said
    assert runs(folder) == ["hello"]


# --- hostile texts ----------------------------------------------------------------------------------------------


def harmless(text: str) -> bool:
    """No control signs but line ends, none that turn or hide text."""
    return {unicodedata.category(sign) for sign in text.replace("\n", "")} & {
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Zl",
        "Zp",
    } == set()


def test_no_text_of_a_video_or_a_model_steers_the_terminal(chat_with: Callable[..., str], folder: Path) -> None:
    agent = agent_in(folder)
    media = agent.library.video(VIDEO).media
    agent.library.add_video(VideoRecord(VIDEO, VIDEO * 4, folder / f"{NASTY}.mp4", media, NASTY))
    text = {"kind": "text", "start_s": 1.0, "end_s": 2.0, "text": f"SIGN {NASTY}", "confidence": 0.9}
    look = {"position": ["top", "left"], "box": [1, 2, 30, 20], "colour": "red", "background": "blue"}
    read = {"best_read_s": 1.5, "readings": [{"text": NASTY}], "digits": ""}
    text |= {"attributes": look | read}
    agent.library.write_segment(VIDEO, "words", "1", {}, {"event": [text | {"event_id": "w1"}]})
    with OpenAIServer([called("note", NASTY), *[answered(f"It says {NASTY}")] * 6]) as server:
        said = chat_with(agent_in(folder, server.url), NOTE, "/trace", "/threads", "/resume", f"/video add {NASTY}")
    said += chat_with(
        agent,
        *("Which text is visible?", f"Where is '{NASTY}'?", "/tool find_text", "/video list", "/evidence 1", "/trace"),
        *(f"/{NASTY}", f"/tool {NASTY}", f"/tool find_text query={NASTY}", f"/save {folder}/nowhere/{NASTY}/\0"),
    )
    assert "SIGN" in said
    assert "evil" in said
    assert harmless(said)


def test_the_other_commands_are_harmless_too(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("sys.argv", ["videre", "ask", f"{NASTY}.mp4", "What is this?"])
    assert run_app(build_app()) == 2
    assert harmless(capsys.readouterr().err)


# --- pictures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "iTerm.app"}, "blocks"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "dumb"}, "none"),
        ({}, "none"),
    ],
)
def test_terminals_are_told_apart(environment: dict[str, str], way: str) -> None:
    assert pictures.way_of(environment, True) == way
    assert pictures.way_of(environment, False) == "none"


@pytest.mark.parametrize("size", [1, 3 * 1024, 3 * 1024 + 1, 20_000])
def test_a_picture_arrives_whole(size: int) -> None:
    png = bytes(range(256)) * (size // 256 + 1)
    commands = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", pictures.kitty(png[:size]))
    assert base64.b64decode("".join(chunk for _, chunk in commands)) == png[:size]
    assert all(len(chunk) <= 4096 for _, chunk in commands)
    assert [keys.endswith("m=1") for keys, _ in commands] == [True] * (len(commands) - 1) + [False]
    (sent,) = re.findall(r":([A-Za-z0-9+/=]+)\x07", pictures.iterm2(png[:size]))
    assert base64.b64decode(sent) == png[:size]


@pytest.mark.parametrize(("height", "width"), [(60, 80), (1, 1), (7, 300), (300, 7)])
def test_half_blocks_have_the_colours_and_the_shape_of_the_picture(height: int, width: int) -> None:
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: (height + 1) // 2] = (255, 0, 0)
    text = pictures.blocks(rgb, 40)
    lines = text.plain.splitlines()
    columns = min(40, width)
    assert {len(line) for line in lines} == {columns}
    assert len(lines) == max(1, round(height / width * columns / 2))
    first = text.spans[0].style
    assert not isinstance(first, str)
    assert first.color is not None
    assert first.color.triplet is not None
    assert first.color.triplet[0] > 200


def test_evidence_is_shown_in_the_terminal_and_kept_as_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render(folder / "2.mp4", stamped_pictures(75))
    agent = agent_in(folder)
    screen = io.StringIO()
    monkeypatch.setenv("TERM", "xterm-kitty")
    chat = Chat(agent, "t", Screen(Console(file=screen, force_terminal=True, highlight=False, width=200)))
    chat.videos = [VIDEO]
    assert chat.do(SHOTS)
    assert chat.do("/evidence 1")
    assert "\x1b_Gf=100,a=T" in screen.getvalue()
    path = Path(screen.getvalue().splitlines()[-1].strip())
    assert path.read_bytes().startswith(b"\x89PNG")
    path.unlink()
    screen.truncate(0)
    assert chat.do("/evidence 9")
    assert "/evidence 1" in screen.getvalue()


# --- completion and the terminal --------------------------------------------------------------------------------


def test_commands_names_and_paths_are_completed(folder: Path) -> None:
    (folder / "films").mkdir()
    (folder / "films" / "a.mp4").write_bytes(b"")
    chat = Chat(agent_in(folder), "t", Screen())
    chat.videos = [VIDEO]
    for before, word, found in (
        ("", "/vi", ["/video "]),
        ("", "How", []),
        ("/video ", "", ["add ", "remove ", "list "]),
        ("/video add ", "fi", ["films/"]),
        ("/video add ", "films/", ["films/a.mp4 "]),
        ("/video add ", "nowhere/x", []),
        ("/video remove ", "clip", ["clip of 2 "]),
        ("/tool ", "list_sh", ["list_shots "]),
        ("/tool find_text ", "q", ["query="]),
        ("/tool nothing ", "q", []),
        ("/threads ", "", []),
        ("/nonsense ", "", []),
        ("Where is ", "fi", []),
    ):
        assert list(completions(chat, before, word)) == found, (before, word)


def _at_its_terminal() -> None:
    """Take the terminal at standard input; Ctrl-C ends what it reaches, also where tests run in the background."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """`videre chat` at a terminal of its own."""

    def __init__(self, *words: str, **environment: str) -> None:
        self._ours, theirs = pty.openpty()
        code = "from agent.cli import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "chat", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm"} | environment,
            start_new_session=True,
            preexec_fn=_at_its_terminal,
        )
        os.close(theirs)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end in the middle of a character
        self.seen = ""

    def until(self, text: str, deadline_s: float = 120) -> str:
        """Read until a text comes; gives what came before it."""
        end = time.monotonic() + deadline_s
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self._ours], [], [], 0.2)[0]:
                try:
                    self.seen += self._decoder.decode(os.read(self._ours, 65536))
                except OSError as error:  # the other end is gone
                    raise AssertionError(self.seen) from error
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.mark.slow
def test_at_a_terminal_control_c_cancels_the_question_and_not_the_chat(folder: Path) -> None:
    with OpenAIServer([Silence()] * 8) as server:
        terminal = Terminal(
            *(VIDEO, "--thread", "t"), VIDERE_LLM_MODEL="m", VIDERE_LLM_BASE_URL=server.url, VIDERE_LEARN="false"
        )
        try:
            terminal.until("› ")
            terminal.type("/vi\tli\t\r")  # completed to /video list
            assert "clip of 2" in terminal.until("› ")
            terminal.type(f"{SHOTS}\r")
            assert server.arrived.wait(120)
            terminal.type("\x03")
            terminal.until("cancelled")
            terminal.until("/resume goes on")
            terminal.until("› ")
            terminal.type("\x1b[A\x1b[A\r")  # the line before the last
            assert "clip of 2" in terminal.until("› ")
            terminal.type("\x03")
            terminal.until("leaves")
            terminal.until("› ")
            terminal.type("\x04")
            assert terminal.process.wait(60) == 0
        finally:
            terminal.close()
    history = folder / "library" / "agent" / "chat_history"
    assert SHOTS in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
