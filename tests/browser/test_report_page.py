"""The page in a real browser, from a file:// address: every view opened and used; nothing in the console, nothing from outside."""

import base64
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from importlib import resources

import pytest
from builders import report_run

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="needs chromium and chromedriver (Debian: chromium-driver)",
)
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --window-size=1400,900"
)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        driver.set_script_timeout(300)
        yield driver
        driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """A hostile run of two models, in a folder whose name must be encoded."""
    folder = tmp_path_factory.mktemp("run") / "a folder # with % signs"
    settings = report_run.make(folder, documents=30, hostile=True)
    settings["history"] = [{"label": "before", "results": str(folder)}]
    report_run.write(folder, settings)
    return (folder / "report/index.html").as_uri()


@pytest.fixture
def page(browser, address) -> Iterator:
    """The page freshly opened; afterwards: the console is empty, no address but files was asked for, the title is its own."""
    _empty_logs(browser)
    browser.get("about:blank")
    browser.get(address)
    yield browser
    assert browser.title == "A synthetic run · snakeval"
    console, asked = _empty_logs(browser)
    assert console == []
    assert asked and {url.split(":")[0] for url in asked} <= {"file", "blob", "about"}


def _empty_logs(browser) -> tuple[list, list[str]]:
    """Console messages and requested addresses since the last call, less what the browser's own first tab loads."""
    messages = [
        json.loads(benchmark["message"])["message"] for benchmark in browser.get_log("performance")
    ]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    asked = [
        each["request"]["url"] for each in sent if not each["documentURL"].startswith("chrome://")
    ]
    return browser.get_log("browser"), asked


def _all(page, selector: str) -> list:
    return [each for each in page.find_elements("css selector", selector) if each.is_displayed()]


def _one(page, selector: str):
    return page.find_element("css selector", selector)


def _texts(page, selector: str) -> list[str]:
    """What is to be read in the elements that show, gathered at one moment."""
    shown = "[...document.querySelectorAll(arguments[0])].filter((each) => each.checkVisibility()).map((each) => each.textContent.trim())"
    return page.execute_script(f"return {shown}", selector)


def _go(page, fragment: str) -> None:
    page.execute_script("location.hash = arguments[0]", fragment)


def _until(condition, seconds: float = 60.0):
    """The first true value of `condition`; fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.03)
    raise AssertionError(f"not within {seconds} s: {condition}")


def _choose(page, selector: str, label: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(_one(page, selector)).select_by_visible_text(label)


def _press(page, keys: str, element=None) -> None:
    (element or _one(page, "body")).send_keys(keys)


def test_every_view_opens_alone(page):
    for link in page.find_elements("css selector", "nav[aria-label=Views] a"):
        link.click()
        name = link.get_attribute("hash")[1:]
        _until(lambda name=name: [v.get_attribute("id") for v in _all(page, ".view")] == [name])
        assert link.get_attribute("aria-current") == "page"
        assert len(_all(page, "h1")) == 1


def test_reader_sees_at_once_which_model_is_better(page):
    verdict = _one(page, ".verdict")
    assert verdict.text.startswith("large is better than small")
    assert verdict.rect["y"] + verdict.rect["height"] < 300


def test_scores_sort_by_model_and_back(page):
    order = lambda: _texts(page, "#scores tbody .task")  # noqa: E731
    column = lambda i: [float(t) for t in _texts(page, f"#scores tbody td[data-column='{i}'] .v")]  # noqa: E731
    first, values = order(), column(0)
    button = _one(page, "#scores thead [data-sort='0']")
    button.click()
    bounded = [v for v in column(0) if v <= 1]
    assert bounded == sorted((v for v in values if v <= 1), reverse=True)
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    button.click()
    assert [v for v in column(0) if v <= 1] == sorted(v for v in values if v <= 1)
    button.click()
    assert order() == first
    _one(page, "#scores thead [data-sort=task]").click()
    assert order() == sorted(first)


def test_find_opens_the_groups_of_what_it_finds(page):
    assert "subjects_01" not in _texts(page, "#scores .task")
    _one(page, "#find").send_keys("subjects_01")
    assert _texts(page, "#scores .task") == ["subjects", "subjects_01"]
    _press(page, "\ue009a\ue000\ue003", _one(page, "#find"))
    assert len(_texts(page, "#scores .task")) == 6


def test_groups_open_by_keyboard(page):
    button = _one(page, "#scores .open")
    _press(page, "\ue007", button)
    assert button.get_attribute("aria-expanded") == "true"
    assert {"subjects_00", "subjects_01"} < set(_texts(page, "#scores .task"))
    _press(page, "\ue007", button)
    assert "subjects_00" not in _texts(page, "#scores .task")


def test_differences_come_from_the_comparisons(page):
    small = [float(t) for t in _texts(page, "#scores tbody td[data-column='1'] .v")]
    large = [float(t) for t in _texts(page, "#scores tbody td[data-column='0'] .v")]
    _choose(page, "#mode", "difference to small")
    shown = _until(lambda: _texts(page, "#scores tbody td[data-column='0'] .v"))
    for text, a, b in zip(shown, large, small, strict=True):
        if text.startswith("×"):  # perplexities are told as a ratio
            assert float(text[1:]) == pytest.approx(a / b, abs=0.002)
        else:
            assert float(text.replace("−", "-")) == pytest.approx(a - b, abs=0.0011)
    assert sum(text.startswith("×") for text in shown) == 1
    _choose(page, "#mode", "score")
    assert [float(t) for t in _texts(page, "#scores tbody td[data-column='0'] .v")] == large


def test_every_metric_can_be_shown(page):
    before = len(_texts(page, "#scores tbody tr"))
    _one(page, "#extra").click()
    assert len(_texts(page, "#scores tbody tr")) == before + 4


def test_two_models_forest_and_flipped_documents(page):
    _go(page, "#compare")
    _until(lambda: len(_all(page, "#forest circle")) == 6)
    assert "large is ahead on" in _one(page, "#compare-words").text
    _one(page, "#forest a[href$='/boolean/boolean']").click()
    _until(lambda: _all(page, "#flips table"))
    cells = [int(t) for t in _texts(page, "#flips td.num")]
    assert sum(cells) == 30
    listed = _texts(page, "#flips summary")
    assert f"Only large right ({cells[1]})" in listed
    _one(page, "#flips li a").click()
    _until(
        lambda: (
            "large" in _texts(page, "#sample .models [aria-current]")[0]
            if _all(page, "#sample .models")
            else False
        )
    )
    assert _texts(page, "#sample .badge")[0] == "✓ right"


def test_metrics_of_the_corpus_alone_say_so(page):
    _go(page, "#compare/large/small/unseen_text/unseen_text")
    _until(lambda: _texts(page, "#flips .caption") == ["This metric has no score per document."])


def test_swapping_turns_the_signs(page):
    _go(page, "#compare")
    _until(lambda: len(_all(page, "#forest circle")) == 6)
    before = [t for t in _texts(page, "#forest text.value") if t[0] in "+−"]
    _one(page, "#swap").click()
    after = _until(
        lambda: [t for t in _texts(page, "#forest text.value") if t[0] in "+−" and t not in before]
    )
    assert {t.split()[0].lstrip("+−") for t in before} == {t.split()[0].lstrip("+−") for t in after}


def test_samples_step_and_the_address_leads_back(page, address):
    _go(page, "#samples/large/arithmetic/arithmetic")
    _until(lambda: _texts(page, "#sample h2") == ["arithmetic #0"])
    _press(page, "jjjk")
    _until(lambda: _texts(page, "#sample h2") == ["arithmetic #2"])
    link = page.current_url
    assert link.endswith("#samples/large/arithmetic/arithmetic/2")
    _press(page, "]")
    _until(lambda: page.current_url.endswith("#samples/small/arithmetic/arithmetic/2"))
    page.get("about:blank")
    page.get(link)
    _until(lambda: _texts(page, "#sample h2") == ["arithmetic #2"])
    assert _texts(page, "#sample .models [aria-current]")[0].endswith("large")
    assert _all(page, "#sample-list [aria-selected=true] .doc")[0].text == "2"


def test_samples_filter_and_search(page):
    _go(page, "#samples/small/arithmetic/arithmetic")
    _until(lambda: _texts(page, "#sample h2"))
    signs = {"right": "✓", "wrong": "✗"}
    counts = {}
    for show in ("right", "wrong"):
        _choose(page, "#sample-show", show)
        _until(lambda show=show: set(_texts(page, "#sample-list .sign")) == {signs[show]})
        counts[show] = int(_one(page, "#sample-count").text.split()[0])
    assert sum(counts.values()) == 30
    _choose(page, "#sample-show", "prompt cut")
    _until(lambda: _texts(page, "#sample-list .doc") == ["3", "20"])
    _choose(page, "#sample-show", "all")
    _one(page, "#sample-query").send_keys("never closed")
    _until(
        lambda: (
            _texts(page, "#sample-list .doc") == ["1"]
            and _one(page, "#sample-count").text == "1 sample"
        )
    )
    _until(lambda: _texts(page, "#sample h2") == ["arithmetic #1"])


def test_health_leads_to_the_samples_behind_a_number(page):
    _go(page, "#health")
    link = _one(page, "#health a[href*='show=truncated']")
    expected = int(link.text)
    link.click()
    _until(lambda: _one(page, "#sample-count").text == f"{expected} samples")
    assert any("prompt cut by" in t for t in _texts(page, "#sample .badge"))


def test_hostile_text_is_shown_not_obeyed(page):
    _go(page, "#samples/large/passages/passages/0")
    _until(
        lambda: any(
            "<script>document.title = 'owned'</script>" in t
            for t in _texts(page, "#sample .answer")
        )
    )
    assert not _all(page, "#sample img, #sample script")
    _go(page, "#samples/large/passages/passages/2")
    _until(lambda: "U+202E" in _texts(page, "#sample .answer .hidden-character"))
    _go(page, "#samples/large/passages/passages/3")
    _until(
        lambda: (
            {"U+0000", "U+0007", "U+001B", "U+000D"}
            <= set(_texts(page, "#sample .answer .hidden-character"))
        )
    )
    assert any(t == "<|im_end|>" for t in _texts(page, "#sample .token"))


def test_policy_stops_what_is_not_the_page(browser, address):
    """Were markup to slip in, the browser itself would refuse to run it or to send anything away."""
    browser.get("about:blank")
    browser.get(address)
    stopped = browser.execute_async_script(
        """
        const done = arguments[0];
        const stopped = new Set();
        document.addEventListener("securitypolicyviolation", (event) => stopped.add(event.effectiveDirective));
        const add = (name, set) => document.body.append(Object.assign(document.createElement(name), set));
        add("script", { textContent: "document.title = 'owned'" });
        add("script", { src: "https://example.invalid/x.js" });
        add("img", { src: "https://example.invalid/x.png" });
        add("iframe", { src: "https://example.invalid/" });
        const box = document.createElement("div");
        box.innerHTML = "<b style='color: red' onclick='document.title=1'>x</b>";
        document.body.append(box);
        box.firstChild.click();
        fetch("https://example.invalid/").catch(() => {});
        setTimeout(() => done([...stopped].sort()), 500);
        """
    )
    assert stopped == [
        "connect-src",
        "frame-src",
        "img-src",
        "script-src-attr",
        "script-src-elem",
        "style-src-attr",
    ]
    assert browser.title == "A synthetic run · snakeval"
    _empty_logs(browser)


def test_a_megabyte_is_shortened_until_asked_for(page):
    _go(page, "#samples/large/arithmetic/arithmetic/6")
    more = _until(lambda: _all(page, "#sample .answer .more"))[0]
    assert len(_one(page, "#sample .answer").text) < 7000
    more.click()
    assert (
        page.execute_script("return document.querySelector('#sample .answer').textContent.length")
        > 1_000_000
    )


def test_wrong_addresses_tell_what_is_wrong(page):
    for fragment, told in (
        ("#samples/nobody/arithmetic/arithmetic/1", "this run has no model nobody"),
        ("#samples/large/nothing/nothing/1", "this run has no task nothing"),
        ("#samples/large/arithmetic/arithmetic/9999", "arithmetic has no document 9999"),
    ):
        _go(page, fragment)
        _until(lambda told=told: _texts(page, "#sample [role=alert]") == [told])


def test_missing_sample_files_are_named(browser, tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=2)
    report_run.write(tmp_path, settings)
    shutil.rmtree(tmp_path / "report/samples")
    browser.get((tmp_path / "report/index.html").as_uri() + "#samples")
    _until(
        lambda: any(
            "the folder “samples” must lie beside the page" in t
            for t in _texts(browser, "#sample [role=alert]")
        )
    )
    _empty_logs(browser)


def test_charts_are_saved_as_images_and_tables(page, tmp_path):
    page.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    _one(page, "figure[data-name=models] [data-save=svg]").click()
    image = _until(lambda: [p for p in tmp_path.glob("models.svg") if p.stat().st_size])[
        0
    ].read_text()
    assert image.startswith("<svg") and "rgb(" in image and "var(" not in image and "large" in image
    _one(page, "figure[data-name=scores] [data-save=csv]").click()
    lines = (
        _until(lambda: [p for p in tmp_path.glob("scores.csv") if p.stat().st_size])[0]
        .read_text()
        .splitlines()
    )
    assert lines[0].startswith("task,filter,metric,model,n,score,ci_low,ci_high")
    assert len(lines) == 1 + len(page.find_elements("css selector", "#scores tbody .v"))


def test_theme_changes_and_contrast_of_both(page):
    colour = lambda: page.execute_script("return getComputedStyle(document.body).backgroundColor")  # noqa: E731
    light = colour()
    _one(page, "#theme").click()
    assert colour() != light
    _one(page, "#theme").click()
    assert colour() == light


def test_prints_all_but_the_browser_of_samples(page, tmp_path):
    pdf = base64.b64decode(
        page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    )
    assert pdf.startswith(b"%PDF-") and len(pdf) > 20_000
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = {view.get_attribute("id") for view in _all(page, ".view")}
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown == {
        "overview",
        "tasks",
        "health",
        "quality",
        "cost",
        "history",
        "provenance",
        "published",
    }


def test_narrow_window_does_not_scroll_sideways(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        for view in (
            "overview",
            "tasks",
            "compare",
            "samples",
            "health",
            "quality",
            "cost",
            "history",
            "provenance",
        ):
            _go(page, f"#{view}")
            time.sleep(0.15)
            assert page.execute_script("return document.documentElement.scrollWidth") <= 390, view
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


VIEWS = (
    "overview",
    "tasks",
    "compare/large/small/boolean/boolean",
    "samples/large/arithmetic/arithmetic/3",
    "health",
    "quality",
    "cost",
    "published",
    "history",
    "provenance",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_accessible_by_axe(page, theme, width):
    """axe-core finds nothing in any view, with all groups and details open."""
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    page.execute_script(
        (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    )
    page.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    page.execute_script("document.getElementById('unfold').click()")
    found = []
    try:
        for view in VIEWS:
            _go(page, f"#{view}")
            _until(
                lambda view=view: (
                    _one(page, ".view.current").get_attribute("id") == view.split("/")[0]
                )
            )
            if "/" in view:
                _until(
                    lambda view=view: _all(
                        page, "#flips table" if view.startswith("compare") else "#sample h2"
                    )
                )
            page.execute_script(
                "for (const each of document.querySelectorAll('details')) each.open = true"
            )
            result = page.execute_async_script("axe.run(document).then(arguments[0])")
            found += [
                (view, each["id"], [node["target"] for node in each["nodes"]][:4])
                for each in result["violations"]
            ]
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert found == []


def test_large_run_is_small_and_whole(browser, tmp_path):
    """10 models × 60 tasks: at most 2 MB without samples (benchmarks/report.py tells how fast it opens)."""
    settings = report_run.make(tmp_path, models=10, tasks=60, documents=3)
    report_run.write(tmp_path, settings)
    assert (tmp_path / "report/index.html").stat().st_size <= 2_000_000
    browser.get((tmp_path / "report/index.html").as_uri())
    assert len(browser.find_elements("css selector", "#scores thead [data-column]")) == 10
    assert _empty_logs(browser)[0] == []
