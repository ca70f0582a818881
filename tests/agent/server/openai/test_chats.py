"""Which thread a chat goes on in."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from agent.server.openai.chats import KEPT_S, Chats, Place, history_of
from agent.server.openai.parts import Reference, Turn

FIRST = (Turn("user", "How many shots?", (Reference("file", "file-1"),)), Turn("assistant", "2 shots."))


@pytest.fixture
def chats(tmp_path: Path) -> Chats:
    return Chats(tmp_path / "chats.sqlite", patience_s=0.2)


def free(chats: Chats, history: str) -> Place | None:
    async def claim() -> Place | None:
        async with chats.claimed(history) as place:
            return place

    return asyncio.run(claim())


def test_the_same_words_are_known_whatever_their_spacing_and_what_the_system_says() -> None:
    spaced = (Turn("system", "Be kind."), Turn("user", " How  many\nshots?", FIRST[0].videos), FIRST[1])
    assert history_of(spaced) == history_of(FIRST)
    thinking = Turn("assistant", '<details type="reasoning" done="true">\n> find\n</details>\n2 shots.')
    assert history_of([FIRST[0], thinking]) == history_of(FIRST)
    assert history_of([FIRST[0], Turn("assistant", "3 shots.")]) != history_of(FIRST)
    assert history_of([Turn("user", FIRST[0].text), FIRST[1]]) != history_of(FIRST)
    assert history_of([Turn("assistant", "a"), Turn("user", "b")]) != history_of([Turn("user", "a b")])


def test_a_chat_goes_on_where_its_words_led(chats: Chats) -> None:
    assert free(chats, "h") is None
    chats.note(["h"], Place("t", "p1"))
    assert free(chats, "h") == Place("t", "p1")
    chats.note(["h2"], Place("t", "p2", waits=True))
    assert free(chats, "h2") == Place("t", "p2", waits=True)
    assert free(chats, "h") == Place("t", "p1", is_end=False)


def test_chats_that_said_the_same_go_on_apart(chats: Chats) -> None:
    chats.note(["h"], Place("one", "p"))
    chats.note(["h"], Place("two", "q"))

    async def claim() -> None:
        async with chats.claimed("h") as first, chats.claimed("h") as second, chats.claimed("h") as third:
            assert first is not None
            assert second is not None
            assert {first.thread, second.thread} == {"one", "two"}
            assert third is None

    asyncio.run(claim())
    chats.note(["h2"], Place("two", "r"))  # one chat went on
    place = free(chats, "h")
    assert place is not None
    assert place.thread == "one"


def test_who_asks_again_waits_until_the_thread_is_free(tmp_path: Path) -> None:
    chats = Chats(tmp_path / "chats.sqlite")
    chats.note(["h"], Place("t", "p"))
    order: list[str] = []

    async def claim() -> None:
        async with chats.claimed("h") as place:
            assert place is not None
            order.append("claimed")
            await asyncio.sleep(0.01)
            order.append("freed")

    async def twice() -> None:
        await asyncio.gather(claim(), claim())

    asyncio.run(twice())
    assert order == ["claimed", "freed"] * 2


def test_before_the_first_answer_there_is_no_way_back(chats: Chats) -> None:
    chats.note(["h"], Place("t", "", waits=True))
    chats.note(["h2"], Place("t", "p"))
    assert free(chats, "h") is None


def test_a_point_may_have_several_names(chats: Chats) -> None:
    chats.note(["h", "resp_1"], Place("t", "p"))
    assert free(chats, "h") == free(chats, "resp_1") == Place("t", "p")
    assert chats.knows("resp_1")
    assert not chats.knows("resp_2")


def test_chats_are_forgotten_when_nothing_was_asked_for_long(chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    chats.note(["old"], Place("t", "p"))
    chats.note(["u"], Place("u", "p"))
    later = time.time() + KEPT_S / 2
    monkeypatch.setattr(time, "time", lambda: later)
    chats.note(["new"], Place("u", "q"))
    assert chats.expired() == []
    monkeypatch.setattr(time, "time", lambda: later + KEPT_S / 2 + 1)
    assert chats.expired() == ["t"]
    assert chats.expired() == []
    assert free(chats, "old") is None
    assert free(chats, "u") == Place("u", "p", is_end=False)


def test_it_is_all_there_after_a_restart(tmp_path: Path, chats: Chats) -> None:
    chats.note(["h"], Place("t", "p", waits=True))
    chats.close()
    assert free(Chats(tmp_path / "chats.sqlite"), "h") == Place("t", "p", waits=True)
