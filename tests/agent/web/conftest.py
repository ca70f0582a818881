"""A headless Chromium, and the page on a stand-in of the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.web.page import Page, no_browser, open_browser
from tests.agent.web.stand_in import Serving, StandIn


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """One browser for all tests; skips where there is none."""
    reason = no_browser()
    if reason:
        pytest.skip(reason)
    driver = open_browser()
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip of `videre sample`: H.264, 10 s, 640 x 360."""
    from tools.media.sample import render_sample

    path = tmp_path_factory.mktemp("clip") / "sample.mp4"
    render_sample(path)
    return path


@pytest.fixture
def stand_in(clip: Path) -> StandIn:
    """A server with one video that was watched."""
    return StandIn(clip)


@pytest.fixture
def page(browser: object, stand_in: StandIn) -> Iterator[Page]:
    """The page, fresh: nothing is kept of another test."""
    serving = Serving(stand_in)
    shown = Page(browser, serving.url)
    yield shown
    shown.leave()
    serving.close()
