"""Pictures of a report, light, dark and in a narrow window: `python tests/browser/screenshots.py results/report/index.html FOLDER`."""

import argparse
import base64
import shutil
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

VIEWS = ("overview", "tasks", "compare", "samples", "health", "quality", "cost", "provenance")
FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync"
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (400, "light")}  # name -> width in pixels, theme


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--views", nargs="+", default=VIEWS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chrome = webdriver.ChromeOptions()
    chrome.binary_location = shutil.which("chromium") or ""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
            chrome.add_argument(flag)
        browser = webdriver.Chrome(chrome, Service(shutil.which("chromedriver")))
        browser.get(options.page.resolve().as_uri())
        for look, (width, theme) in LOOKS.items():
            window = {"width": width, "height": 860, "deviceScaleFactor": 2, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", window)
            browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
            for view in options.views:
                browser.execute_script("location.hash = arguments[0]", f"#{view}")
                time.sleep(0.5)
                picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
                (options.folder / f"{view}-{look}.png").write_bytes(base64.b64decode(picture))
        browser.quit()


if __name__ == "__main__":
    main()
