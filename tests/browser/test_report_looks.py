"""Themes, widths, print, downloads and accessibility."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import pytest
from builders import report_run
from builders.browser import displayed, empty_logs, go, one, until

from snakeval.report.views.registry import VIEWS

ADDRESSES = {
    "compare": "compare/large/small/boolean/boolean",
    "samples": "samples/large/arithmetic/arithmetic/3",
}
LOADED = {"compare": "#flips table", "samples": "#sample h2"}


@contextmanager
def window(page, width: int) -> Iterator[None]:
    """A window of that many pixels."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_charts_are_saved_as_images_and_tables(page, tmp_path):
    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", where)

    def saved(figure: str, kind: str) -> str:
        one(page, f"figure[data-name={figure}] [data-save={kind}]").click()
        file = tmp_path / f"{figure}.{kind}"
        until(lambda: file.exists() and file.stat().st_size)
        return file.read_text()

    image = saved("models", "svg")
    assert image.startswith("<svg") and "rgb(" in image and "var(" not in image and "large" in image
    lines = saved("scores", "csv").splitlines()
    assert lines[0].startswith("task,filter,metric,model,n,score,ci_low,ci_high")
    assert len(lines) == 1 + len(page.find_elements("css selector", "#scores tbody .v"))


def test_the_theme_changes_and_back(page):
    colour = lambda: page.execute_script("return getComputedStyle(document.body).backgroundColor")  # noqa: E731
    light = colour()
    one(page, "#theme").click()
    assert colour() != light
    one(page, "#theme").click()
    assert colour() == light


def test_prints_all_but_the_comparison_and_the_samples(page):
    printed = page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    pdf = base64.b64decode(printed)
    assert pdf.startswith(b"%PDF-") and len(pdf) > 20_000
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = {view.get_attribute("id") for view in displayed(page, ".view")}
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown == set(VIEWS) - {"compare", "samples"}


def test_narrow_window_does_not_scroll_sideways(page):
    with window(page, 390):
        for view in VIEWS:
            go(page, f"#{view}")
            time.sleep(0.15)
            width = page.execute_script("return document.documentElement.scrollWidth")
            assert width <= 390, view


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_accessible_by_axe(page, theme, width):
    """axe-core finds nothing in any view, with all groups and details open."""
    axe = resources.files("axe_playwright_python") / "axe.min.js"
    page.execute_script(axe.read_text(encoding="utf-8"))
    page.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    page.execute_script("document.getElementById('unfold').click()")
    open_all = "for (const each of document.querySelectorAll('details')) each.open = true"
    found = []
    with window(page, width):
        for name in VIEWS:
            go(page, f"#{ADDRESSES.get(name, name)}")
            until(lambda name=name: one(page, ".view.current").get_attribute("id") == name)
            until(lambda name=name: displayed(page, LOADED.get(name, ".view.current h1")))
            page.execute_script(open_all)
            result = page.execute_async_script("axe.run(document).then(arguments[0])")
            found += [
                (name, each["id"], [node["target"] for node in each["nodes"]][:4])
                for each in result["violations"]
            ]
    assert found == []


def test_large_run_is_small_and_whole(browser, tmp_path):
    """10 models × 60 tasks take at most 2 MB without samples."""
    settings = report_run.make(tmp_path, models=10, tasks=60, documents=3)
    page = report_run.write(tmp_path, settings)
    assert page.stat().st_size <= 2_000_000
    browser.get(page.as_uri())
    assert len(browser.find_elements("css selector", "#scores thead [data-column]")) == 10
    assert empty_logs(browser)[0] == []
