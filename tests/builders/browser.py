"""Chromium without a window, and what a test does in it."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import Select

IS_INSTALLED = bool(shutil.which("chromium") and shutil.which("chromedriver"))
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update --window-size=1400,900"
)


@contextmanager
def chromium(logs: bool = False) -> Iterator[webdriver.Chrome]:
    """Debian's Chromium with a new profile; with `logs` of its console and requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    if logs:
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        driver.set_script_timeout(300)
        try:
            yield driver
        finally:
            driver.quit()


def empty_logs(browser) -> tuple[list, list[str]]:
    """Console messages and requested addresses since the last call.

    What the browser's own first tab loads is left out.
    """
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    own = [each for each in sent if not each["documentURL"].startswith("chrome://")]
    return browser.get_log("browser"), [each["request"]["url"] for each in own]


def displayed(page, selector: str) -> list:
    """The elements that show."""
    return [each for each in page.find_elements("css selector", selector) if each.is_displayed()]


def one(page, selector: str):
    """The first element, whether it shows or not."""
    return page.find_element("css selector", selector)


def texts(page, selector: str) -> list[str]:
    """The texts of the elements that show, read at one moment."""
    return page.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter((each) => each.checkVisibility()).map((each) => each.textContent.trim())",
        selector,
    )


def go(page, fragment: str) -> None:
    """Change the address within the page."""
    page.execute_script("location.hash = arguments[0]", fragment)


def until(condition, seconds: float = 60.0):
    """The first true value of `condition`; fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.03)
    raise AssertionError(f"not within {seconds} s: {condition}")


def choose(page, selector: str, label: str) -> None:
    """Choose an option by its text."""
    Select(one(page, selector)).select_by_visible_text(label)


def press(page, keys: str, element=None) -> None:
    """Type into an element, or into the page."""
    (element or one(page, "body")).send_keys(keys)
