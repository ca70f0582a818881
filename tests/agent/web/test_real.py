"""The page on a real `videre serve`: upload a clip, ask, check the evidence, reload; nothing is written down here."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.web.page import Page

pytestmark = pytest.mark.slow

SERVE = "from agent.cli import main; main()"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server with an empty library."""
    folder = tmp_path_factory.mktemp("served")
    environment = os.environ | {"VIDERE_HOME": str(folder / "library"), "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--port", "0"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert server.stdout is not None
        said = server.stdout.readline()
        where = re.search(r"http://\S+", said)
        assert where, f"{said!r} {(folder / 'log').read_text()[-2000:]}"
        yield where.group().rstrip("/")
        server.send_signal(signal.SIGINT)
        server.wait(30)
        server.stdout.close()


@pytest.fixture
def page(browser: object, address: str) -> Iterator[Page]:
    shown = Page(browser, address, deadline_s=90)
    yield shown
    shown.leave()


def test_a_clip_is_uploaded_watched_asked_about_and_found_again(page: Page, clip: Path) -> None:
    page.open()
    page.find(".videos .empty")
    page.upload(clip)
    page.find(".video progress")
    page.gone(".video progress")  # it was watched
    assert "0:10 · 640×360" in page.find(".video-button").text
    page.wait(lambda: page.js("return document.querySelector('video').readyState >= 2"), "playable video")

    page.ask("When does the text 'watch once, ask many times' appear?")
    answer = page.answer()
    assert "5.00 s to 6.80 s" in answer.text
    assert "Answered" in answer.text
    page.click(".evidence-chip")
    page.wait(
        lambda: page.js("return document.querySelector('video').currentTime") == pytest.approx(5.0, abs=0.06), "seek"
    )
    page.wait(lambda: page.js("return document.querySelector('.overlay').dataset.drawn === '1'"), "box over the video")
    loaded = "return [...document.querySelectorAll('.evidence-chip img')].every((one) => one.naturalWidth > 0)"
    page.wait(lambda: page.js(loaded), "picture of the evidence")

    page.driver.refresh()
    assert "5.00 s to 6.80 s" in page.answer().text
    page.click(".steps-box > summary")
    page.find(".step", "find_text")
    page.click(".answer button", "How it was found")
    assert "find_text" in page.find(".node.chosen").text
    page.click("#tab-watch")
    page.find(".as-list summary").click()
    assert "VIDERE DEMO" in page.find(".as-list").text

    page.find("#library-search").send_keys("watch once")
    page.click(".hit-button", "watch once")
    foreign = [one for one in page.addresses() if not one.startswith((page.url, "about:", "chrome", "data:"))]
    assert foreign == []
    assert page.problems() == []


def test_a_tool_runs_from_its_form_and_its_file_can_be_had(page: Page, clip: Path) -> None:
    page.open()
    page.upload(clip)
    page.find(".video-button", "640×360")
    page.click("#tab-tools")
    page.click(".tool-list button", "contact_sheet")
    page.click(".tool-form button", "Run")
    page.find(".tool-out .file img")
    loaded = "return document.querySelector('.tool-out .file img').naturalWidth > 100"
    page.wait(lambda: page.js(loaded), "picture that the tool made")
    page.click("#tab-artifacts")
    page.find(".file", ".png")
