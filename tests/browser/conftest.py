"""The page in a real browser, from a file:// address."""

from collections.abc import Iterator

import pytest
from builders import report_run
from builders.browser import IS_INSTALLED, chromium, empty_logs


@pytest.fixture(scope="session")
def browser() -> Iterator:
    if not IS_INSTALLED:
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    with chromium(logs=True) as driver:
        yield driver


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> str:
    """A hostile run of two models, in a folder whose name must be encoded."""
    folder = tmp_path_factory.mktemp("run") / "a folder # with % signs"
    settings = report_run.make(folder, documents=30, hostile=True)
    settings["history"] = [{"label": "before", "results": str(folder)}]
    return report_run.write(folder, settings).as_uri()


@pytest.fixture
def page(browser, address) -> Iterator:
    """The page, newly opened.

    Afterwards its console must be empty and its title the same, and it must have loaded files only.
    """
    empty_logs(browser)
    browser.get("about:blank")
    browser.get(address)
    yield browser
    assert browser.title == "A synthetic run · snakeval"
    console, requested = empty_logs(browser)
    assert console == []
    assert requested and {url.split(":")[0] for url in requested} <= {"file", "blob", "about"}
