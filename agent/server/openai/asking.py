"""One request of a chat: from the messages to lines of reasoning and what is said in the end."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from agent.run import Effort
from agent.server.answer_text import Said, approval_text, said_of
from agent.server.asking import Question
from agent.server.errors import ApiError
from agent.server.openai.chats import Chats, Place, history_of, new_thread
from agent.server.openai.chores import chore
from agent.server.openai.parts import Reference, Turn
from agent.server.openai.videos import Found, by_name, find, which
from agent.server.services import Services
from agent.server.steps import Steps
from agent.store.database import StoreError

YES = re.compile(r"\W*(y|yes|yeah|yep|ok|okay|sure|agreed?|allow(ed)?|approved?|do it|go ahead|please do)\b", re.I)
NO = re.compile(r"\W*(n|no|nope|don'?t|do not|deny|denied|stop|never|without it)\b", re.I)
MAX_WORD = 60
"""Characters of a message that is a yes or no and nothing more."""
MAX_QUESTION, MAX_VIDEOS = 4_000, 20
"""As of /api/threads."""
WORDLESS = "What happens in the video?"
"""The question of a message that holds a video and no words."""

log = logging.getLogger(__name__)

Json = dict[str, Any]
Reply = AsyncGenerator[str | Said]
"""Lines of reasoning, then what is said. The first line is empty; it comes when nothing can be refused any more."""


@dataclass(frozen=True)
class Request:
    """What is asked, in which chat."""

    turns: tuple[Turn, ...]
    """All that was said; the last is the user's question."""
    effort: Effort = "standard"
    base_url: str = ""
    """Of links in the answer, without a slash at the end."""
    as_json: bool = False
    """Whether the answer is given as its JSON and not in words."""
    stops: tuple[str, ...] = ()
    """Texts before which the answer ends."""
    previous: str = ""
    """Name of what was said before, where the client has one and does not send it."""
    name: str = ""
    """Under which the client may go on after the answer, besides sending all that was said."""

    @property
    def before(self) -> tuple[Turn, ...]:
        return self.turns[:-1]

    @property
    def last(self) -> Turn:
        return self.turns[-1]

    def histories(self, said: Said) -> list[str]:
        """The names of what was said, with the answer."""
        whole = [history_of([*self.turns, Turn("assistant", said.text)])] if not self.previous else []
        return whole + ([self.name] if self.name else [])


def check_last(turns: Sequence[Turn]) -> None:
    """Raises ApiError 400 unless the last message is a user's that says something."""
    if turns[-1].role != "user":
        raise ApiError(400, "the last message has to be the user's", code="last_message", param="messages")
    if not turns[-1].text.strip() and not turns[-1].videos:
        raise ApiError(400, "the last message is empty: ask something", code="empty_message", param="messages")


async def reply(services: Services, chats: Chats, request: Request) -> Reply:
    """Answer a request. Raises ApiError, Busy, TaskFailed, TaskCancelled; closing it cancels the question."""
    done = chore(request.last.text) if not request.last.videos else None
    if done is not None:
        yield ""
        yield Said(done)
        return
    if len(request.last.text) > MAX_QUESTION:
        message = f"a question may have {MAX_QUESTION:,} characters: ask something shorter"
        raise ApiError(400, message, code="question_too_long", param="messages")
    async with chats.claimed(request.previous or history_of(request.before)) as place:
        if place is None and request.previous:
            raise ApiError(409, "this chat is being asked in already: wait for the answer", code="chat_busy")
        if place is not None and place.waits and (agreed := yes_or_no(request.last.text)) is not None:
            answering = _decided(services, request, place, agreed)
        else:
            answering = _asked(services, request, place)
        async with aclosing(answering):
            async for item in answering:
                if isinstance(item, _Ended):
                    said = _said(request, item).before(request.stops)
                    try:
                        chats.note(request.histories(said), item.place)
                    except StoreError as error:  # the answer is there; the next question begins a new thread
                        log.warning("a chat cannot be gone on with: %s", error)
                    yield said
                else:
                    yield item


def yes_or_no(text: str) -> bool | None:
    """What a short message says to a question of ours; None when it is neither."""
    if len(text) > MAX_WORD:
        return None
    return True if YES.match(text) else False if NO.match(text) else None


@dataclass(frozen=True)
class _Ended:
    """The last event of a question, and where it leaves its thread."""

    event: Json
    place: Place
    names: Mapping[str, str]


_Answering = AsyncGenerator[str | Said | _Ended]


async def _asked(services: Services, request: Request, place: Place | None) -> _Answering:
    """Put the question to its thread, or to a new one about the videos that were named so far."""
    named = request.last.videos or (_named(request.before) if place is None else ())
    if len(named) > MAX_VIDEOS:
        raise ApiError(400, f"at most {MAX_VIDEOS} videos at a time", code="too_many_videos", param="messages")
    videos = [await find(services, one) for one in named]
    if place is None and not videos:
        videos = await by_name(services, request.last.text)
        if not videos:
            yield ""
            yield Said(await which(services))
            return
    place = place or Place(new_thread())
    arguments = {
        "question": _question(request, videos),
        "videos": [video.id for video in videos],
        "options": [],
        "thread": place.thread,
        "key": "",
        "at": "" if place.is_end else place.point,
        "budget": request.effort,
    }
    jobs = [job.id for video in videos if (job := services.jobs.watching(video.id)) is not None]
    names = {video.id: video.name for video in videos}
    async with aclosing(_work(Question(services, "ask", arguments, jobs), place, names)) as working:
        async for item in working:
            yield item


async def _decided(services: Services, request: Request, place: Place, agreed: bool) -> _Answering:
    """Go on with the question that waits."""
    if not place.is_end:
        yield ""
        yield Said("That was decided already: ask the question again to decide otherwise.")
        return
    arguments = {"thread": place.thread, "agreed": agreed, "budget": request.effort}
    async with aclosing(_work(Question(services, "decide", arguments), place, {})) as working:
        async for item in working:
            yield item


async def _work(question: Question, place: Place, names: Mapping[str, str]) -> _Answering:
    steps, last = Steps(), {}
    try:
        yield ""
        async with aclosing(question.events()) as events:
            async for last in events:
                if line := steps.line(last):
                    yield line
    finally:
        question.cancel()
        await question.ended()  # as long as it has not, its thread can be asked nothing else
    waits = last["event"] == "NeedsApproval"
    yield _Ended(last, Place(place.thread, place.point if waits else last["point"], waits), names)


def _said(request: Request, ended: _Ended) -> Said:
    if ended.place.waits:
        return Said(approval_text(ended.event))
    answer = ended.event["answer"]
    if request.as_json:
        return Said(json.dumps(answer, ensure_ascii=False))
    shown = {item["video"] for item in answer["evidence"]}
    return said_of(answer, request.base_url, ended.names if len(shown) > 1 else {})


def _question(request: Request, videos: Sequence[Found]) -> str:
    """What to ask; where the message only names a video, as it was asked which, the question before it."""
    text = request.last.text.strip()
    earlier = [turn.text.strip() for turn in request.before if turn.role == "user"]
    if earlier and any(_stem(text) == _stem(video.name) for video in videos):
        text = earlier[-1]
    return text or WORDLESS


def _stem(name: str) -> str:
    """A title or the name of a file, as people write it."""
    return PurePath(name.strip(" .!?\"'")).stem.lower()


def _named(turns: Sequence[Turn]) -> tuple[Reference, ...]:
    """The videos of all messages, each once."""
    found = {video.key: video for turn in turns for video in turn.videos}
    return tuple(found.values())
