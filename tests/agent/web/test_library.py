"""Uploads, the library, logging in, tools, the search tree and 3D: in a headless Chromium, on a stand-in."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.agent.web.page import Page
from tests.agent.web.stand_in import Serving, StandIn

pytestmark = pytest.mark.slow


@pytest.fixture
def film(clip: Path, tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(clip.read_bytes())
    return path


def came(stand_in: StandIn) -> bytes:
    return bytes(next(iter(stand_in.uploads.values()), b""))


def patches(stand_in: StandIn) -> int:
    return sum(line.startswith("PATCH") for line in stand_in.requests)


def error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"message": message}}, status, headers)


def test_an_upload_goes_in_pieces_and_the_video_is_watched(page: Page, stand_in: StandIn, film: Path) -> None:
    page.open()
    page.find(".video-button", "sample.mp4")
    page.upload(film)
    page.find(".video progress")  # it is being watched
    page.gone(".video progress")
    assert page.find(".video.open .name").text == "film.mp4"
    assert came(stand_in) == film.read_bytes()
    assert patches(stand_in) > 3


def test_an_upload_goes_on_after_the_connection_was_lost(page: Page, stand_in: StandIn, film: Path) -> None:
    fails = iter([False, True, True, False, True])

    def refuse(request: Request) -> Response | None:
        # Chromium sends the body of a refused request in vain, as when the network is gone
        return error(503, "Too busy.") if request.method == "PATCH" and next(fails, False) else None

    stand_in.refuse = refuse
    page.open()
    page.upload(film)
    page.find(".upload small", "Trying again")
    page.js("window.dispatchEvent(new Event('online'))")  # the network is back: no more waiting
    page.wait(lambda: page.js("window.dispatchEvent(new Event('online'))") or page.all(".video.open"), "uploaded video")
    assert came(stand_in) == film.read_bytes()


def test_progress_is_found_again_after_the_connection_was_lost(page: Page, stand_in: StandIn) -> None:
    stand_in.add("long.mp4", "ingesting")
    events = iter([True, False])
    stand_in.refuse = lambda request: (
        error(502, "Bad gateway.") if request.url.path.endswith("/events") and next(events, False) else None
    )
    page.open()
    page.find(".video progress")
    page.gone(".video progress")
    assert sum(line.endswith("/events") for line in stand_in.requests) == 2


def test_an_upload_can_pause_and_is_found_again_after_a_reload(page: Page, stand_in: StandIn, film: Path) -> None:
    halt = False

    def refuse(request: Request) -> Response | None:
        nonlocal halt
        halt = halt or len(came(stand_in)) >= 2 * stand_in.chunk_bytes
        return error(503, "Too busy.") if halt and request.method == "PATCH" else None

    stand_in.refuse = refuse
    page.open()
    page.upload(film)
    page.find(".upload small", "Trying again")
    page.click(".upload button[aria-label^='Pause']")
    page.find(".upload small", "paused at")
    page.driver.refresh()
    page.find(".video-button")
    stand_in.refuse = lambda _request: None
    before = len(came(stand_in))
    page.upload(film)
    page.find(".video.open .name", "film.mp4")
    assert before == 2 * stand_in.chunk_bytes
    assert came(stand_in) == film.read_bytes()
    assert len(stand_in.uploads) == 1


def test_several_files_and_one_that_is_refused(page: Page, stand_in: StandIn, film: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no video")
    other = tmp_path / "other.mp4"
    other.write_bytes(film.read_bytes()[:50_000])
    page.open()
    page.upload(film, notes, other)
    assert page.find("[role='alert']").text == "notes.txt: notes.txt is no video"
    page.find(".video-button", "other.mp4")
    assert sorted(video["name"] for video in stand_in.videos.values()) == ["film.mp4", "other.mp4", "sample.mp4"]
    page.click(".upload button[aria-label^='Give up']")
    page.gone(".upload")


def test_files_can_be_dropped_on_the_page(page: Page, stand_in: StandIn) -> None:
    page.open()
    page.find(".video-button")
    page.js(
        "const data = new DataTransfer(); data.items.add(new File([new Uint8Array(40000)], 'dropped.mp4'));"
        "for (const name of ['dragenter', 'dragover', 'drop'])"
        "  document.body.dispatchEvent(new DragEvent(name, {dataTransfer: data, bubbles: true, cancelable: true}));"
    )
    page.find(".video-button", "dropped.mp4")
    assert len(came(stand_in)) == 40_000


def test_a_video_goes_only_when_the_person_agrees(page: Page, stand_in: StandIn) -> None:
    page.open()
    page.click(".video .delete")
    page.click("dialog button", "Keep")
    assert len(stand_in.videos) == 1
    page.click(".video .delete")
    page.click("dialog button", "Delete")
    page.find(".videos .empty")
    assert stand_in.videos == {}


def test_a_question_about_several_videos_names_those_that_are_ticked(page: Page, stand_in: StandIn) -> None:
    stand_in.add("other.mp4")
    page.open()
    page.click(".video input[aria-label='Ask about sample.mp4']")
    page.click(".video input[aria-label='Ask about other.mp4']")
    page.find(".about .chip", "other.mp4")
    page.ask("Which is longer?")
    page.answer()
    assert sorted(stand_in.asked[0]["videos"]) == sorted(stand_in.videos)


def test_search_finds_places_and_opens_them(page: Page) -> None:
    page.open()
    page.find("#library-search").send_keys("watch once")
    page.click(".hit-button")
    page.wait(
        lambda: page.js("return document.querySelector('video').currentTime") == pytest.approx(5, abs=0.05), "seek"
    )


def test_a_server_with_a_token_asks_for_it(browser: object, clip: Path) -> None:
    stand_in = StandIn(clip, token="open sesame")
    serving = Serving(stand_in)
    page = Page(browser, serving.url)
    try:
        page.open()
        page.find("#token").send_keys("guess", Keys.ENTER)
        page.find("[role='alert']", "not the token")
        assert not any("videos" in line for line in stand_in.requests)
        page.find("#token").clear()
        page.find("#token").send_keys("open sesame", Keys.ENTER)
        page.find(".video-button")
        page.driver.refresh()
        page.find(".video-button")  # the cookie is kept
        stand_in.token = "another"
        page.click("#new-thread")
        page.click(".video-button")
        page.find("#token")  # what the server refuses asks anew
    finally:
        page.leave()
        serving.close()


def test_a_tool_is_run_by_the_form_of_its_schema(page: Page, stand_in: StandIn) -> None:
    page.open()
    page.click("#tab-tools")
    page.click(".tool-list button", "find_text")
    page.click(".tool-form button", "Run")
    assert page.find(".tool-out [role='alert']").text == "query: must be filled in"
    page.find("#field-query").send_keys("exit")
    page.find("#field-start_s").send_keys("1.5")
    page.find("#field-words").send_keys("one\ntwo")
    page.find("#field-box").send_keys("[1, 2, 3, 4]")
    page.click("#field-digits_only")
    page.click(".tool-form button", "Run")
    assert "found 'exit'" in page.find(".tool-out .card").text
    video = next(iter(stand_in.videos))
    given = {"video": video, "query": "exit", "start_s": 1.5, "digits_only": True, "words": ["one", "two"]}
    assert stand_in.asked == [{"videos": [video], "arguments": given | {"box": [1, 2, 3, 4]}, "wait": False}]


def test_the_search_tree_folds_and_moves_by_keys(page: Page) -> None:
    page.open()
    page.click(".video-button")
    page.ask("When?")
    page.answer()
    page.click(".answer button", "How it was found")
    page.find(".node")
    assert [one.get_attribute("aria-level") for one in page.all("[role='treeitem']")] == ["1", "2", "1", "1"]
    assert len(page.all(".node.chosen")) == 2
    assert "ToolFailed: no sound track" in page.find(".node", "find_speech").text
    assert "not tried" in page.find(".node.untried").text
    page.js("document.querySelector('[role=treeitem][tabindex=\"0\"]').focus()")
    page.keys(Keys.ARROW_DOWN)
    assert "It is visible" in page.focused("aria-label")
    page.keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)  # to the parent, which then folds
    page.gone("[role='treeitem'] [role='treeitem']")


def test_a_point_cloud_is_drawn_and_turns(page: Page) -> None:
    page.open()
    page.click(".video-button")
    page.ask("When?")
    page.answer()
    page.click(".file button", "View in 3D")
    page.find("#solid p", "2,400 points")
    before = page.wait(lambda: _colours(page), "drawn points")
    page.js("document.querySelector('.solid-canvas').focus()")
    page.keys(Keys.ARROW_RIGHT * 8)
    page.wait(lambda: (now := _colours(page)) and now != before, "turned points")


def _colours(page: Page) -> list[int]:
    """Every 997th byte of the picture of the canvas, where it shows more than a few colours."""
    shot = base64.b64decode(page.find(".solid-canvas").screenshot_as_base64)
    pixels = Image.open(io.BytesIO(shot)).convert("RGB").tobytes()[::997]
    return list(pixels) if len(set(pixels)) > 20 else []
