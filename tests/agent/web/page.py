"""The page in a browser, as a person has it: look, click, type."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Found = TypeVar("Found")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def no_browser() -> str:
    """Why there is no browser to test with; empty where there is one."""
    if not _browser() or not shutil.which("chromedriver"):
        return "no browser: install chromium and chromedriver (Debian: apt install chromium chromium-driver)"
    return ""


def _browser() -> str:
    return next((path for name in BROWSERS if (path := shutil.which(name))), "")


def open_browser(*flags: str) -> Any:
    """A headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _browser()
    own = ("headless=new", "no-sandbox", "disable-gpu", "enable-unsafe-swiftshader", "window-size=1440,900")
    for flag in (*own, "autoplay-policy=no-user-gesture-required", "disable-dev-shm-usage", *flags):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


class Page:
    """One visit."""

    def __init__(self, driver: Any, url: str, deadline_s: float = 20.0) -> None:
        self.driver, self.url, self.deadline_s = driver, url, deadline_s
        driver.get_log("browser")
        driver.get_log("performance")

    def open(self, *, width: int = 1440, height: int = 900, dark: bool = False, path: str = "/") -> None:
        """Go there, with a window of this size."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self.prefer("dark" if dark else "light")
        self.driver.get(self.url + path)
        self.find("#app:not([hidden]), #login:not([hidden])")

    def prefer(self, colours: str) -> None:
        """What the system of the person is set to."""
        features = [{"name": "prefers-color-scheme", "value": colours}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def leave(self) -> None:
        """Forget all that the page kept."""
        self.js("localStorage.clear(); window.onbeforeunload = null")
        self.driver.delete_all_cookies()
        self.driver.get("about:blank")

    def js(self, code: str, *arguments: Any) -> Any:
        """What a function body gives."""
        return self.driver.execute_script(code, *arguments)

    def module(self, code: str, *arguments: Any) -> Any:
        """What an async function body gives; it may import the page's modules from /js/."""
        run = f"const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1);\
            (async () => {{ {code} }})().then(done, (error) => done({{error: String(error)}}))"
        return self.driver.execute_async_script(run, *arguments)

    def all(self, css: str) -> list[Any]:
        """Elements that are there now."""
        return list(self.driver.find_elements("css selector", css))

    def find(self, css: str, text: str = "") -> Any:
        """The first element that is to be seen and holds a text, as soon as there is one."""

        def look() -> Any:
            return self.js(
                "return [...document.querySelectorAll(arguments[0])].find((one) =>"
                " one.checkVisibility() && one.textContent.includes(arguments[1])) ?? null",
                css,
                text,
            )

        return self.wait(look, f"{css} {text!r}")

    def wait(self, look: Callable[[], Found], what: str) -> Found:
        """What `look` gives as soon as it is true. Raises AssertionError after `deadline_s`."""
        end = time.monotonic() + self.deadline_s
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.03)
        raise AssertionError(f"there is no {what}; the page says: {self.text()[:2000]}")

    def gone(self, css: str) -> None:
        """Wait until no such element is to be seen."""
        self.wait(
            lambda: (
                not self.js(
                    "return [...document.querySelectorAll(arguments[0])].some((one) => one.checkVisibility())", css
                )
            ),
            f"page without {css}",
        )

    def click(self, css: str, text: str = "") -> None:
        """Click the first of these."""
        from selenium.common.exceptions import StaleElementReferenceException

        def press() -> bool:
            try:
                found = self.find(css, text)
                self.js("arguments[0].scrollIntoView({block: 'nearest'})", found)
                found.click()
            except StaleElementReferenceException:  # the page drew it anew meanwhile
                return False
            return True

        self.wait(press, css)

    def text(self) -> str:
        """All that is to be read."""
        return str(self.js("return document.body.innerText"))

    def keys(self, *keys: str) -> None:
        """Press keys where the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self, read: str = "id") -> str:
        """An attribute, or the text, of what has the focus."""
        one = self.driver.switch_to.active_element
        return str((one.text if read == "text" else one.get_attribute(read)) or "")

    def ask(self, question: str) -> None:
        """Type a question and send it."""
        from selenium.webdriver.common.keys import Keys

        self.find("#question").send_keys(question, Keys.ENTER)

    def answer(self) -> Any:
        """The card of the last answer."""
        self.gone("#send.stop")
        return self.find(".turn:last-child .answer")

    def upload(self, *paths: Path) -> None:
        """Choose files, as by the button."""
        self.driver.find_element("id", "files").send_keys("\n".join(map(str, paths)))

    def problems(self) -> list[str]:
        """Errors in the console, policy violations among them; refused requests that a test made are not."""
        rows = self.driver.get_log("browser")
        return [row["message"] for row in rows if row["level"] == "SEVERE" and "Failed to load" not in row["message"]]

    def addresses(self) -> list[str]:
        """Where requests went since the visit began."""
        rows = [json.loads(row["message"])["message"] for row in self.driver.get_log("performance")]
        return [row["params"]["request"]["url"] for row in rows if row["method"] == "Network.requestWillBeSent"]
