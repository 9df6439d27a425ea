"""Pictures of a report, light, dark and in a narrow window: `python tests/browser/screenshots.py results/report/index.html FOLDER`."""

import argparse
import base64
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

VIEWS = (
    "overview",
    "tasks",
    "compare",
    "samples",
    "health",
    "quality",
    "cost",
    "published",
    "history",
    "provenance",
)
FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"
LOOKS = {
    "light": (1280, "light"),
    "dark": (1280, "dark"),
    "narrow": (400, "light"),
}  # name -> width in pixels, theme


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium without a window, with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        browser = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            yield browser
        finally:
            browser.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--views", nargs="+", default=VIEWS)
    parser.add_argument("--looks", nargs="+", default=list(LOOKS), choices=LOOKS)
    parser.add_argument(
        "--whole", action="store_true", help="the whole height of the page, not the window's"
    )
    parser.add_argument("--pdf", action="store_true", help="print.pdf too")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        browser.get(options.page.resolve().as_uri())
        there = [view for view in options.views if browser.find_elements("id", view.split("/")[0])]
        for look in options.looks:
            width, theme = LOOKS[look]
            window = {"width": width, "height": 860, "deviceScaleFactor": 2, "mobile": False}
            browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
            for view in there:
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", window)
                browser.execute_script("location.hash = arguments[0]", f"#{view}")
                time.sleep(0.5)
                if options.whole:
                    height = browser.execute_script("return document.documentElement.scrollHeight")
                    browser.execute_cdp_cmd(
                        "Emulation.setDeviceMetricsOverride",
                        window | {"height": height, "deviceScaleFactor": 1},
                    )
                    time.sleep(0.2)
                picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})[
                    "data"
                ]
                (options.folder / f"{view.replace('/', '-')}-{look}.png").write_bytes(
                    base64.b64decode(picture)
                )
        if options.pdf:
            browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
            pdf = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
            (options.folder / "print.pdf").write_bytes(base64.b64decode(pdf))


if __name__ == "__main__":
    main()
