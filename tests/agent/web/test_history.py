"""Going back in a conversation, SQL over the memory, names of conversations: in a headless Chromium."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from agent.web.serving import FOLDER
from memory.schema import TABLES
from memory.views import VIEWS
from tests.agent.server.canned import TASKS
from tests.agent.server.openai.serving import served
from tests.agent.web.page import Page
from tests.agent.web.stand_in import StandIn
from tests.agent.web.test_page import open_video, time_shown


def questions(page: Page) -> list[str]:
    found = page.js("return [...document.querySelectorAll('.asked-text')].map((one) => one.textContent)")
    return [str(one) for one in found]


def ask(page: Page, *texts: str) -> None:
    for text in texts:
        page.ask(text)
        page.find(".turn:last-child .asked-text", text)
        page.answer()


def test_an_answer_can_be_gone_back_to_and_what_was_left_be_found_again(page: Page, stand_in: StandIn) -> None:
    open_video(page)
    ask(page, "First?", "Second?", "Third?")
    assert page.js("return document.documentElement.scrollHeight <= innerHeight")  # only its parts scroll
    assert len([one for one in page.all(".go-back") if one.is_displayed()]) == 2  # nothing comes after the last
    page.click(".turn:first-child .go-back")
    assert "2 questions after it" in page.find("dialog").text
    page.click("dialog button", "Keep")
    page.gone("dialog")
    assert questions(page) == ["First?", "Second?", "Third?"]
    page.click(".turn:first-child .go-back")
    page.click("dialog button", "Go back")
    page.wait(lambda: questions(page) == ["First?"], "conversation of one question")
    ask(page, "Other?")
    assert [turn["question"] for turn in next(iter(stand_in.turns.values()))] == ["First?", "Other?"]

    page.click("#history")
    page.find("dialog.history")
    rows = [one.text.split("\n")[0] for one in page.all(".history li")]
    assert rows == ["Other?", "Third?", "Second?", "First?"]
    assert page.find(".history li[aria-current]", "Now").text.startswith("Other?")
    page.click(".history li button[aria-label*='Third?']")
    page.wait(lambda: questions(page) == ["First?", "Second?", "Third?"], "conversation of three questions")
    page.driver.refresh()
    page.wait(lambda: questions(page) == ["First?", "Second?", "Third?"], "the same after a reload")
    assert page.problems() == []


def write(page: Page, statement: str) -> None:
    page.find("#statement").send_keys(Keys.CONTROL, "a")
    page.find("#statement").send_keys(statement)


@pytest.mark.slow
def test_going_back_works_by_keys_alone(page: Page) -> None:
    open_video(page)
    ask(page, "First?", "Second?")
    page.js("document.querySelector('#history').focus()")
    page.keys(Keys.ENTER)
    page.find("dialog.history")
    for _ in range(4):
        if "First?" in page.focused("aria-label"):
            break
        page.keys(Keys.TAB)
    page.keys(Keys.ENTER)
    page.wait(lambda: questions(page) == ["First?"], "conversation of one question")
    page.wait(lambda: page.focused() == "question", "focus on the question")
    page.js("document.querySelector('#history').focus()")
    page.keys(Keys.ENTER)
    page.find("dialog.history")
    page.keys(Keys.ESCAPE)
    page.gone("dialog")
    page.click("#new-thread")
    page.click("#history")
    assert "listed here" in page.find("dialog.history").text


def test_the_memory_is_asked_in_sql_and_times_lead_into_the_video(page: Page) -> None:
    open_video(page)
    page.click("#tab-memory")
    assert "sample.mp4" in page.find("#memory h2").text
    write(page, "SELECT start_s, text FROM event")
    page.find("#statement").send_keys(Keys.CONTROL, Keys.ENTER)
    page.find("#memory .rows")
    heads = [one.text for one in page.all("#memory th")]
    assert heads == ["start_s", "end_s", "text", "attributes"]
    assert [one.text for one in page.all("#memory tbody tr:first-child td")] == ["0", "4", "shot 1", "–"]
    assert "2 rows." in page.find("#memory .tool-out").text
    assert page.js("return document.querySelectorAll('#memory td script, #memory td img').length") == 0
    page.click("#memory tbody tr:nth-child(2) td:first-child button")
    page.find(".player")
    page.wait(lambda: time_shown(page) == pytest.approx(4.0, abs=0.05), "seek to 4 s")
    page.click("#tab-memory")
    page.click("#memory .tables button", "entity")
    page.find("#memory .tool-out", "there are more")
    assert page.find("#statement").get_attribute("value") == "SELECT * FROM entity LIMIT 100"
    write(page, "DROP TABLE shot")
    page.click("#memory button", "Run")
    assert "exactly one SELECT is allowed" in page.find("#memory .bad").text
    write(page, "SELECT * FROM shot WHERE false")
    page.click("#memory button", "Run")
    page.find("#memory .tool-out", "0 rows.")
    assert page.problems() == []


def test_the_tables_that_are_offered_are_there() -> None:
    offered = re.search(r"TABLES = (\[.*\]);", (FOLDER / "js/memory.js").read_text())
    assert offered
    assert set(json.loads(offered[1])) <= {*TABLES, *VIEWS}


def test_without_a_video_there_is_no_memory_to_ask(page: Page) -> None:
    page.open()
    page.click("#tab-memory")
    assert "Choose a video" in page.find("#memory").text
    assert not page.find("#memory .empty").find_elements("css selector", "textarea")


@pytest.mark.slow
def test_a_conversation_with_a_slash_in_its_name_is_reached(browser: object, tmp_path: Path) -> None:
    with served(tmp_path / "server", TASKS) as server:
        page = Page(browser, server.url)
        page.open(path="/#thread=kitchen%2Fleft+50+%25")
        page.answer()
        page.ask("And now?")
        page.wait(lambda: server.asked("ask"), "question")
        page.leave()
    assert server.asked("thread")[0] == {"name": "kitchen/left 50 %"}
    assert server.asked("ask")[0]["thread"] == "kitchen/left 50 %"
