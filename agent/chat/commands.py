"""The commands of a chat: `/name words...`."""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.chat.lines import paths
from agent.cli.tool import parse
from tools.base import InvalidArguments, ToolResult
from tools.wording import counted

if TYPE_CHECKING:
    from agent.chat.session import Chat

Do = Callable[["Chat", Sequence[str]], bool]
"""Does a command with its words; whether the chat goes on. Raises what Chat.do shows."""

ARTIFACTS = Path("videre-out")
"""Folder for files that tools write."""
RESULT_LINES = 40
"""Of a tool's result as JSON that are shown."""


@dataclass(frozen=True)
class Command:
    """A command, how it is written, and what it is for."""

    usage: str
    help: str
    do: Do
    complete: Callable[[Chat, str, str], Sequence[str]] = lambda _chat, _before, _word: ()
    """What a word after it may become, given the line before the word."""


def command(name: str) -> Do:
    """Raises InvalidArguments for one that is not there."""
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean /{close[0]}?" if close else "/help lists them"
        raise InvalidArguments(f"there is no command /{name}; {hint}")
    return COMMANDS[name].do


def completions(chat: Chat, before: str, word: str) -> Sequence[str]:
    """What the word at the end of a line may become."""
    if not before.strip():
        return [f"/{name} " for name in COMMANDS if f"/{name}".startswith(word)] if word.startswith("/") else []
    name = before.split()[0].removeprefix("/")
    return COMMANDS[name].complete(chat, before, word) if before.startswith("/") and name in COMMANDS else []


def _video(chat: Chat, words: Sequence[str]) -> bool:
    verb, rest = (words[0], words[1:]) if words else ("list", ())
    if verb == "add" and rest:
        for path in rest:
            chat.add(path)
    elif verb == "remove" and rest:
        for one in rest:
            chat.videos.remove(_named(chat, one))
    elif verb != "list" or rest:
        raise InvalidArguments(f"write {COMMANDS['video'].usage}")
    if verb == "list":
        now = set(chat.thread.videos)
        records = [chat.agent.library.video(one) for one in chat.videos]
        chat.screen.table(
            ("", "video", "id", "length", "file"),
            [
                ("•" if one.video_id in now else "", one.title, one.video_id, _length(one.media), str(one.path))
                for one in records
            ],
        )
        if not records:
            chat.screen.say("no video yet: /video add my.mp4", "dim")
    return True


def _length(media: Mapping[str, Any]) -> str:
    return f"{media['duration_s']:.1f} s"


def _named(chat: Chat, word: str) -> str:
    """The id of a video at hand by its id, title or path. Raises InvalidArguments."""
    for one in chat.videos:
        record = chat.agent.library.video(one)
        if word in (one, record.title, record.path.name) or Path(word).expanduser().absolute() == record.path:
            return one
    raise InvalidArguments(f"{word!r} is not among the videos of this chat: /video list has them")


def _tools(chat: Chat, words: Sequence[str]) -> bool:
    registry = chat.agent.registry
    if not words:
        chat.screen.table(
            ("tool", "what it does"), [(name, registry.get(name).description) for name in registry.names()]
        )
        return True
    tool = registry.get(words[0])
    chat.screen.say(f"{tool.name}: {tool.description}")
    schema = tool.schema()
    needed = set(schema.get("required", ()))
    chat.screen.table(
        ("argument", "default", "what it is"),
        [
            (name, "needed" if name in needed else json.dumps(one.get("default")), str(one.get("description", "")))
            for name, one in schema.get("properties", {}).items()
        ],
    )
    return True


def _tool(chat: Chat, words: Sequence[str]) -> bool:
    if not words:
        raise InvalidArguments(f"write {COMMANDS['tool'].usage}; /tools lists the names")
    tool = chat.agent.registry.get(words[0])
    arguments = dict(parse(word) for word in words[1:])
    if not chat.videos:
        raise InvalidArguments("there is no video to look at: /video add my.mp4")
    videos: list[str | Path] = list(chat.videos)
    result = chat.work(lambda agent: tool.call(arguments, agent.context(videos, ARTIFACTS)))
    chat.screen.say(result.summary, "green" if result.status == "ok" else "yellow")
    chat.screen.evidence(result.evidence, chat.titles(chat.videos) if len(chat.videos) > 1 else {})
    for file in result.artifacts:
        chat.screen.say(f"  {file.kind}: {file.path}")
    found = result.model_dump_json(indent=1, exclude={*ToolResult.model_fields})
    shown = found.splitlines()
    if len(shown) > 1:
        chat.screen.say("\n".join([*shown[:RESULT_LINES], *(["…"] if len(shown) > RESULT_LINES else [])]), "dim")
    return True


def _trace(chat: Chat, words: Sequence[str]) -> bool:
    from agent.trace_document import trace_document_from_snapshot

    document = trace_document_from_snapshot(chat.agent.store, chat.latest().trace_id, chat.agent.library)
    for tree in document["trees"]:
        chat.screen.tree(tree)
    if not document["trees"]:
        chat.screen.say("this question was answered without a search", "dim")
    return True


def _save(chat: Chat, words: Sequence[str]) -> bool:
    from agent.cli.tracing import write_trace
    from agent.trace_document import trace_document_from_snapshot

    if len(words) != 1:
        raise InvalidArguments(f"write {COMMANDS['save'].usage}")
    folder, turn = Path(words[0]).expanduser(), chat.latest()
    folder.mkdir(parents=True, exist_ok=True)
    document = trace_document_from_snapshot(chat.agent.store, turn.trace_id, chat.agent.library)
    answer = folder / "answer.json"
    answer.write_text(json.dumps(turn.answer.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    chat.screen.say(str(answer))
    for name in ("trace.html", "trace.json"):
        write_trace(folder / name, document, turn.answer, chat.agent.library)
        chat.screen.say(str(folder / name))
    for path in chat.agent.save_evidence(turn.answer, folder):
        chat.screen.say(str(path))
    return True


def _evidence(chat: Chat, words: Sequence[str]) -> bool:
    from agent.evidence import evidence_picture
    from tools.media.draw import save_picture

    turn = chat.latest()
    cited = turn.answer.evidence
    number = words[0] if words else "1"
    if not number.isdecimal() or not 1 <= int(number) <= len(cited):
        raise InvalidArguments(
            f"the answer has {counted(len(cited), 'piece')} of evidence: /evidence 1 shows the first"
        )
    picture, t_s = evidence_picture(cited[int(number) - 1], chat.agent.library)
    chat.screen.picture(picture)
    name = f"evidence-{turn.trace_id[:12]}-{number}-{t_s:.2f}s.png"
    chat.screen.say(str(save_picture(Path(tempfile.gettempdir()) / "videre-artifacts" / Path(name).name, picture)))
    return True


def _threads(chat: Chat, words: Sequence[str]) -> bool:
    if words:
        chat.open(" ".join(words))
        chat.screen.say(f"{chat.thread.name}: {counted(len(chat.thread.turns()), 'question')}")
        chat.tell_pending()
        return True
    rows = [
        (
            "•" if one.name == chat.thread.name else "",
            one.name,
            str(one.turns),
            f"{datetime.fromtimestamp(one.last_at):%F %T}",
            one.last_question,
        )
        for one in chat.agent.threads()
    ]
    chat.screen.table(("", "conversation", "questions", "asked", "latest"), rows)
    return True


def _back(chat: Chat, words: Sequence[str]) -> bool:
    turns = chat.thread.turns()
    steps = words[0] if words else "1"
    if not steps.isdecimal() or not 1 <= int(steps) < len(turns):
        raise InvalidArguments(
            f"there are {counted(len(turns), 'answered question')}: /back 1 forgets the latest of several"
        )
    left = len(turns) - int(steps)
    question = turns[left - 1].question
    # Also what was gone back from is there; the latest of its place and question is on the way to now.
    points = (one for one in chat.thread.points() if not one.next_step and one.turns == left)
    point = next(one for one in points if one.question == question)
    chat.thread.back(point.id)
    chat.about(chat.thread.videos)
    chat.screen.say(f"back at “{question}” ({counted(left, 'question')})")
    return True


def _resume(chat: Chat, words: Sequence[str]) -> bool:
    chat.resume()
    return True


def _help(chat: Chat, words: Sequence[str]) -> bool:
    chat.screen.table(("command", "what it does"), [(one.usage, one.help) for one in COMMANDS.values()])
    chat.screen.say("Everything else is a question. Ctrl-C cancels a question, Ctrl-D leaves.", "dim")
    return True


def _quit(chat: Chat, words: Sequence[str]) -> bool:
    return False


def _among(names: Sequence[str], word: str) -> list[str]:
    return [f"{name} " for name in names if name.startswith(word)]


def _video_words(chat: Chat, before: str, word: str) -> Sequence[str]:
    given = before.split()
    if len(given) == 1:
        return _among(("add", "remove", "list"), word)
    if given[1] == "remove":
        return _among([*chat.titles(chat.videos).values(), *chat.videos], word)
    return paths(word) if given[1] == "add" else []


def _tool_words(chat: Chat, before: str, word: str) -> Sequence[str]:
    given = before.split()
    if len(given) == 1:
        return _among(chat.agent.registry.names(), word)
    if given[0] == "/tools" or given[1] not in chat.agent.registry.names():
        return []
    names = chat.agent.registry.get(given[1]).schema().get("properties", {})
    return [f"{name}=" for name in names if name.startswith(word)]


COMMANDS = {
    "video": Command(
        "/video add PATH... | remove NAME... | list", "Videos that questions are about.", _video, _video_words
    ),
    "tools": Command("/tools [NAME]", "All tools, or the arguments of one.", _tools, _tool_words),
    "tool": Command("/tool NAME key=value...", "Run one tool on the videos.", _tool, _tool_words),
    "evidence": Command("/evidence [N]", "Show the picture of a piece of evidence.", _evidence),
    "trace": Command("/trace", "The search tree of the latest answer.", _trace),
    "save": Command(
        "/save FOLDER",
        "Answer, trace and pictures of the evidence as files.",
        _save,
        lambda _chat, _before, word: paths(word),
    ),
    "threads": Command(
        "/threads [NAME]",
        "All conversations, or go to one (a new name begins one).",
        _threads,
        lambda chat, _before, word: _among([one.name for one in chat.agent.threads()], word),
    ),
    "back": Command("/back [N]", "Forget the latest question, or the latest N.", _back),
    "resume": Command("/resume", "Go on with the question that was interrupted.", _resume),
    "help": Command("/help", "This list.", _help),
    "quit": Command("/quit", "Leave.", _quit),
}
