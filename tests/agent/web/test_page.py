"""The page in a headless Chromium, on a stand-in of the server: asking, evidence, conversations, keys, colours."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.agent.web.page import Page
from tests.agent.web.stand_in import NASTY, StandIn


def open_video(page: Page) -> None:
    page.open()
    page.click(".video-button")
    page.wait(lambda: page.js("return document.querySelector('video').readyState >= 2"), "playable video")
    page.find(".entities button")


def time_shown(page: Page) -> float:
    return float(page.js("return document.querySelector('video').currentTime"))


def test_a_question_shows_its_steps_its_answer_and_where_to_check_it(page: Page, stand_in: StandIn) -> None:
    stand_in.step_s = 0.3
    open_video(page)
    page.ask("When is it visible?")
    page.find(".step .mark.working")  # a step is shown before the answer is there
    answer = page.answer()
    assert "It is visible from 5.0 s" in answer.text
    assert "Answered" in answer.text
    assert "87 %" in answer.text
    assert "a vision model" in answer.text
    assert stand_in.asked[0]["videos"] == list(stand_in.videos)
    page.click(".steps-box > summary")
    page.click(".step summary", "find_text")
    page.find(".step-body", '"query": "exit"')
    picture = page.find(".step-picture")
    assert "frame?t_s=5.000" in picture.get_attribute("src")
    assert "box=93,210,545,255" in picture.get_attribute("src").replace("%2C", ",")


def test_a_click_on_evidence_goes_there_and_draws_its_box(page: Page) -> None:
    open_video(page)
    page.ask("When is it visible?")
    page.answer()
    assert time_shown(page) == 0
    page.click(".evidence-chip", "0:05.0")
    page.wait(lambda: time_shown(page) == pytest.approx(5.0, abs=0.05), "seek to 5 s")
    page.wait(lambda: page.js("return document.querySelector('.overlay').dataset.drawn === '1'"), "box over the video")
    page.js("document.querySelector('video').currentTime = 8.5")  # no evidence there
    page.wait(lambda: page.js("return document.querySelector('.overlay').dataset.drawn === '0'"), "empty overlay")


def test_a_reload_shows_the_conversation_and_its_steps_again(page: Page, stand_in: StandIn) -> None:
    open_video(page)
    page.ask("When is it visible?")
    page.answer()
    page.driver.refresh()
    assert "It is visible" in page.answer().text
    assert page.find(".asked-text").text == "When is it visible?"
    assert "sample.mp4" in page.find(".about").text
    page.click(".steps-box > summary")
    assert page.find(".step", "find_speech").is_displayed()  # out of the search tree
    page.click("#new-thread")
    page.gone(".answer")
    page.click(".thread-button", "When is it visible?")
    assert "It is visible" in page.answer().text


@pytest.mark.slow
def test_what_needs_a_word_asks_for_it_also_after_a_reload(page: Page) -> None:
    open_video(page)
    page.ask("approve it")
    assert 'blur_region({"phrase": "face"})' in page.find(".approval").text
    page.driver.refresh()
    page.click(".approval button", "Decline")
    assert "You declined." in page.answer().text


@pytest.mark.slow
def test_a_question_can_be_stopped_and_gone_on_with(page: Page, stand_in: StandIn) -> None:
    open_video(page)
    page.ask("slow")
    page.find(".step .mark.working")
    page.click("#send.stop")
    assert "Stopped." in page.find(".halted").text
    page.driver.refresh()
    page.click(".halted button", "Go on")
    assert "Gone on with." in page.answer().text


@pytest.mark.slow
def test_a_failure_is_told_in_one_line_and_can_be_tried_again(page: Page, stand_in: StandIn) -> None:
    open_video(page)
    page.ask("fail please")
    assert "The worker died; ask again." in page.find(".halted").text
    page.click(".halted button", "Try again")
    page.wait(lambda: len(stand_in.asked) == 2, "second try")
    assert stand_in.asked[0]["key"] == stand_in.asked[1]["key"]
    page.find(".halted")
    assert len(page.all(".step")) == 1  # what is done again is not shown twice


def test_words_out_of_videos_and_names_stay_words(page: Page, stand_in: StandIn) -> None:
    stand_in.videos.clear()
    stand_in.add(NASTY)
    open_video(page)
    page.ask(f"What is {NASTY}?")
    page.answer()
    page.click(".steps-box > summary")
    page.click(".step summary")
    page.click("#library-search")
    page.keys("<b>red</b>")
    page.find(".hit-button")
    page.click(".answer button", "How it was found")
    page.find(".node")
    page.click("#tab-artifacts")
    assert "onerror" in page.text()
    # its own pictures come from its own addresses; no element was made of words
    assert page.js("return document.querySelectorAll('img[onerror], img[src=x], #app script, #app b').length") == 0
    assert page.js("return document.title") == "Videre"


def test_nothing_is_asked_of_other_machines_and_nothing_breaks_the_policy(page: Page) -> None:
    open_video(page)
    page.ask("When?")
    page.answer()
    page.click("#tab-solid")
    page.find("#solid p", "2,400 points")
    for tab in ("search", "artifacts", "tools"):
        page.click(f"#tab-{tab}")
    asked = [address for address in page.addresses() if not address.startswith(("about:", "chrome", "data:"))]
    assert 20 < len(asked) < 70  # nothing is asked for again and again
    assert [address for address in asked if not address.startswith(page.url + "/")] == []
    assert page.problems() == []


@pytest.mark.slow
def test_the_page_works_by_keys_alone(page: Page) -> None:
    page.open()
    page.find(".video-button")
    page.keys(Keys.TAB)
    assert page.focused("class") == "skip"
    for _ in range(12):
        if page.focused("class") == "video-button":
            break
        page.keys(Keys.TAB)
    page.keys(Keys.ENTER)
    page.find(".lanes")
    page.js("document.querySelector('.skip').focus()")
    page.keys(Keys.ENTER)
    assert page.focused() == "question"
    page.keys("When?", Keys.ENTER)
    page.answer()
    page.js("document.querySelector('#scroll').focus()")
    for _ in range(6):
        page.keys(Keys.TAB)
        if page.focused("class") == "evidence-chip":
            break
    page.keys(Keys.ENTER)
    page.wait(lambda: time_shown(page) == pytest.approx(5.0, abs=0.05), "seek by the Enter key")


@pytest.mark.slow
def test_answers_to_choose_among_are_sent_with_the_question(page: Page, stand_in: StandIn) -> None:
    open_video(page)
    page.click("#choices-button")
    page.keys("left", Keys.ENTER, " right ", Keys.ENTER)
    page.ask("Which way?")
    page.answer()
    assert stand_in.asked[0]["options"] == ["left", "right"]
    assert page.find(".asked small").text == "left / right"
    page.ask("And now?")
    page.wait(lambda: len(stand_in.asked) == 2, "second question")
    assert stand_in.asked[1]["options"] == []


@pytest.mark.slow
def test_the_keys_are_told_by_a_key(page: Page) -> None:
    open_video(page)
    page.js("document.querySelector('#scroll').focus()")
    page.keys("?")
    assert "Whole screen".lower() in page.find("dialog.help").text.lower()
    page.keys(Keys.ESCAPE)
    page.gone("dialog")


@pytest.mark.slow
def test_everything_that_can_be_used_has_a_name(page: Page) -> None:
    open_video(page)
    page.ask("When?")
    page.answer()
    page.click(".steps-box > summary")
    page.click(".as-list summary")
    used = {"button", "checkbox", "textbox", "searchbox", "combobox", "slider", "tab", "link", "treeitem", "meter"}
    seen = set()
    for view in ("watch", "search", "solid", "artifacts", "memory", "tools"):
        page.click(f"#tab-{view}")
        for node in page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]:
            role = node.get("role", {}).get("value")
            if role in used and not node["ignored"]:
                seen.add(role)
                assert node["name"]["value"].strip(), node
    assert seen >= used - {"checkbox", "treeitem"}
    ids = page.js("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_the_timeline_works_by_keys_and_says_where_it_is(page: Page) -> None:
    open_video(page)
    page.js("document.querySelector('.lanes').focus()")
    page.keys(Keys.ARROW_DOWN, "]", "]")  # lane of shots; its second and third
    page.wait(lambda: time_shown(page) == pytest.approx(7.0, abs=0.05), "third shot")
    lanes = page.find(".lanes")
    page.wait(lambda: lanes.get_attribute("aria-valuetext") == "0:07.0 of 0:10.0", "spoken place")
    assert page.js("return document.querySelector('#spoken').textContent") == "Shots: shot 3, 0:07.0–0:10.0"
    page.keys(Keys.ARROW_LEFT)
    page.wait(lambda: time_shown(page) == pytest.approx(6.0, abs=0.05), "a second back")
    page.click(".as-list summary")
    page.click(".as-list button", "watch once, ask many times")
    page.wait(lambda: time_shown(page) == pytest.approx(5.0, abs=0.05), "seek by the list")


@pytest.mark.slow
def test_entities_are_drawn_over_the_video(page: Page) -> None:
    open_video(page)
    page.click(".entities button", "red circle")
    page.wait(lambda: page.js("return document.querySelector('.overlay').dataset.drawn === '1'"), "mask")
    opacity = (
        "const c = document.querySelector('.overlay'), s = c.width / 640, p = c.getContext('2d');"
        "return [[320, 120], [200, 120]].map(([x, y]) => p.getImageData(x * s, y * s, 1, 1).data[3])"
    )
    inside, outside = page.js(opacity)
    assert inside > 50  # the square of the mask is tinted
    assert outside == 0
    page.click(".entities button", "red circle")
    page.wait(lambda: page.js("return document.querySelector('.overlay').dataset.drawn === '0'"), "empty overlay")
    assert page.js(opacity) == [0, 0]


@pytest.mark.slow
def test_overlays_fit_where_pixels_are_not_square(page: Page, stand_in: StandIn) -> None:
    for video in stand_in.videos.values():  # the clip is shown as 640 x 360; of half as many pixels across
        video["width"] = 320
    open_video(page)
    page.click(".entities button", "blue moving object")  # at first x is 50 to 154 source pixels
    page.wait(lambda: page.js("return document.querySelector('.overlay').dataset.drawn === '1'"), "box")
    edges = page.js(
        "const c = document.querySelector('.overlay'), y = Math.round(270 * c.height / 360), w = c.width;"
        "const row = c.getContext('2d').getImageData(0, y, w, 1).data;"
        "const seen = [...Array(w).keys()].filter((x) => row[4 * x + 3] > 0);"
        "return [seen[0] / w, seen[seen.length - 1] / w]"
    )
    assert edges == pytest.approx([50 / 320, 154 / 320], abs=0.01)


@pytest.mark.slow
def test_dark_follows_the_system_until_it_is_chosen_and_then_stays(page: Page) -> None:
    def ground() -> str:
        return str(page.js("return getComputedStyle(document.body).backgroundColor"))

    page.open(dark=True)
    dark = ground()
    page.prefer("light")
    page.wait(lambda: ground() != dark, "light page")
    page.click("#theme")  # light
    page.click("#theme")  # dark
    assert ground() == dark
    page.driver.refresh()
    page.find("#app")
    assert ground() == dark


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 400, 768])
def test_a_narrow_screen_shows_one_part_at_a_time_and_never_scrolls_sideways(page: Page, width: int) -> None:
    def fits() -> bool:
        return bool(page.js("return document.documentElement.scrollWidth <= innerWidth"))

    page.open(width=width, height=780)
    page.click("#panes button", "Videos")
    page.click(".video-button")
    page.find(".player")
    assert fits()
    page.click("#panes button", "Ask")
    page.gone(".player")
    page.ask("When?")
    page.answer()
    assert fits()
    page.click(".evidence-chip")
    page.find(".player")  # a click on evidence shows the player
    assert fits()
    if width < 600:
        assert page.find("#panes [aria-current]").text == "Watch"


@pytest.mark.slow
def test_a_video_that_the_browser_cannot_play_is_shown_in_single_frames(
    page: Page, stand_in: StandIn, tmp_path: Path
) -> None:
    stand_in.clip = tmp_path / "broken.mp4"
    stand_in.clip.write_bytes(b"no video at all")
    page.open()
    page.click(".video-button")
    page.click(".as-list summary")
    page.click(".as-list button", "watch once")
    assert "t_s=5.000" in page.find("img.still").get_attribute("src")
