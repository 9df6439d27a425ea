"""Pictures of a report: light, dark and in a narrow window.

PYTHONPATH=workflow:tests python -m builders.screenshots results/report/index.html FOLDER
"""

import argparse
import base64
import time
from pathlib import Path

from builders.browser import chromium
from snakeval.report.views.registry import VIEWS

LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (400, "light")}
"""Name -> width in pixels, theme."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--views", nargs="+", default=list(VIEWS), help="or addresses in them")
    parser.add_argument("--looks", nargs="+", default=list(LOOKS), choices=LOOKS)
    whole = "the whole height of the page, not the window's"
    parser.add_argument("--whole", action="store_true", help=whole)
    parser.add_argument("--pdf", action="store_true", help="also print.pdf")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        browser.get(options.page.resolve().as_uri())
        shown = [view for view in options.views if browser.find_elements("id", view.split("/")[0])]
        for look in options.looks:
            for view in shown:
                picture = picture_of(browser, view, look, options.whole)
                name = f"{view.replace('/', '-')}-{look}.png"
                (options.folder / name).write_bytes(picture)
        if options.pdf:
            browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
            pdf = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
            (options.folder / "print.pdf").write_bytes(base64.b64decode(pdf))


def picture_of(browser, view: str, look: str, whole: bool) -> bytes:
    """A PNG of a view."""
    width, theme = LOOKS[look]
    window = {"width": width, "height": 860, "deviceScaleFactor": 2, "mobile": False}
    resize = "Emulation.setDeviceMetricsOverride"
    browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    browser.execute_cdp_cmd(resize, window)
    browser.execute_script("location.hash = arguments[0]", f"#{view}")
    time.sleep(0.5)
    if whole:
        height = browser.execute_script("return document.documentElement.scrollHeight")
        browser.execute_cdp_cmd(resize, window | {"height": height, "deviceScaleFactor": 1})
        time.sleep(0.2)
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    return base64.b64decode(picture)


if __name__ == "__main__":
    main()
