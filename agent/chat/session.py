"""A chat: one conversation of the agent, the videos it is about, and what the latest question left."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agent.api import VideoAgent
from agent.chat.lines import Lines
from agent.chat.screen import Screen
from agent.events import Event, Finished, NeedsApproval
from agent.run import Caller
from agent.streaming import streamed
from memory.library import LibraryError
from tools.base import Cancelled, InvalidArguments, VidereError

if TYPE_CHECKING:
    from agent.store.turns import SavedTurn

T = TypeVar("T")
PROMPT = "› "


class Chat:
    """What the commands (agent.chat.commands) work with."""

    def __init__(self, agent: VideoAgent, name: str, screen: Screen) -> None:
        """Raises InvalidArguments for a name that is none."""
        self.agent: VideoAgent = agent
        self.screen = screen
        self.videos: list[str] = []
        """Ids of the videos that questions are about."""
        self._told: list[str] = []
        """Those that the conversation was told of: a follow-up may be about fewer of them."""
        self.lines = Lines(agent.store.folder / "chat_history", self._complete)
        self.open(name or f"chat {datetime.now():%F %T}")

    def _complete(self, before: str, word: str) -> Sequence[str]:
        from agent.chat.commands import completions

        return completions(self, before, word)

    def open(self, name: str) -> None:
        """Go to a conversation; one that has not begun is about the videos at hand."""
        self.thread = self.agent.thread(name)
        if about := self.thread.videos:
            self.about(about)
        else:
            self._told = []

    def about(self, videos: Sequence[str]) -> None:
        """Take over the videos of the conversation."""
        self.videos, self._told = list(videos), list(videos)

    def run(self) -> None:
        """Read and do, line by line, until the person leaves."""
        self.tell_pending()
        while True:
            try:
                line = self.lines.read(PROMPT)
            except KeyboardInterrupt:  # an empty line, as in a shell
                self.screen.say("/quit or Ctrl-D leaves", "dim")
                continue
            if line is None or not self.do(line.strip()):
                return

    def do(self, line: str) -> bool:
        """A question or a command; whether the chat goes on after it."""
        from agent.chat.commands import command

        try:
            if line.startswith("/"):
                words = _words(line[1:])
                return command(words[0] if words else "")(self, words[1:])
            if line:
                self.ask(line)
        except (KeyboardInterrupt, Cancelled):
            self.screen.say("cancelled", "yellow")
            self.tell_pending()
        except OSError as error:
            self.screen.say(f"{error.filename or 'input'}: {error.strerror}; name another place", "red")
        except (VidereError, LibraryError) as error:
            self.screen.say(" ".join(str(error).split()), "red")
        return True

    def ask(self, question: str) -> None:
        """Answer a question about the videos at hand."""
        if not self.videos:
            raise InvalidArguments("there is no video to ask about: /video add my.mp4")
        videos = list(self.videos) if self.videos != self._told else []
        self.follow(lambda caller: self.thread.ask(question, videos, caller=caller))
        self._told = list(self.videos)

    def follow(self, ask: Callable[[Caller], object]) -> None:
        """Show a question's steps and its answer; a person is asked on the spot what it has to be asked."""
        with self.screen.working():
            last = None
            for event in self._events(ask):
                self.screen.event(event)
                last = event
        if isinstance(last, Finished):
            cited = dict.fromkeys(item.video for item in last.answer.evidence)
            self.screen.answer(last.answer, self.titles(list(cited)) if len(self.videos) > 1 else {})
        elif isinstance(last, NeedsApproval):
            agreed = self.lines.confirm(f"{last.action} ({last.why}). May it?")
            self.follow(lambda caller: self.thread.decide(agreed, caller=caller))

    def work(self, work: Callable[[VideoAgent], T]) -> T:
        """Do something that takes a while, with progress; Ctrl-C stops it."""
        done: list[T] = []
        with self.screen.working():
            for event in self._events(lambda caller: done.append(work(self.agent.view(caller)))):
                self.screen.event(event)
        return done[0]

    def _events(self, ask: Callable[[Caller], object]) -> Iterator[Event]:
        """As they happen; whatever interrupts the listener stops the work."""
        with closing(streamed(self.agent.caller, ask)) as events:
            yield from events

    def add(self, path: str) -> None:
        """Watch a video, and ask about it from now on. Raises MediaError."""
        report = self.work(lambda agent: agent.ingest(Path(path).expanduser()))
        if report.video_id not in self.videos:
            self.videos.append(report.video_id)
        (title,) = self.titles([report.video_id]).values()
        self.screen.say(f"{title}  {report.video_id}", "green")
        for name, lacks in report.missing.items():
            self.screen.say(f"  {name} left out: {lacks}", "yellow")
        if report.warning:
            self.screen.say(f"  warning: {report.warning}", "yellow")

    def titles(self, videos: Sequence[str]) -> dict[str, str]:
        """Names of videos for a person."""
        return {one: self.agent.library.video(one).title or one for one in videos}

    def latest(self) -> SavedTurn:
        """The question that was answered last. Raises InvalidArguments when there is none."""
        turns = self.thread.turns()
        if not turns:
            raise InvalidArguments("nothing was answered in this conversation yet: ask something")
        return turns[-1]

    def tell_pending(self) -> None:
        """Offer to go on with a question that was interrupted."""
        pending = self.thread.pending
        if pending is not None:
            waits = f"waits for your word on {pending.action}" if pending.action else "was interrupted"
            self.screen.say(f"“{pending.question}” {waits}: /resume goes on with it, or ask something else", "yellow")

    def resume(self) -> None:
        """Go on with the question that was interrupted. Raises InvalidArguments when there is none."""
        pending = self.thread.pending
        if pending is not None and pending.action:
            agreed = self.lines.confirm(f"{pending.action} ({pending.why}). May it?")
            self.follow(lambda caller: self.thread.decide(agreed, caller=caller))
        else:
            self.follow(lambda caller: self.thread.resume(caller))
        self.about(self.thread.videos)


def _words(line: str) -> list[str]:
    """As a shell splits them. Raises InvalidArguments on quotes that are not closed."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidArguments(f"this cannot be read ({error}): close the quotes") from error
