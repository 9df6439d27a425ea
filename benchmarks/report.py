"""Size and speed of the report, opened in Chromium without a window.

    python benchmarks/report.py [--models 10] [--tasks 60] [--documents 167] [--keep FOLDER]

Prints a table; without options of a report with 100,200 samples. The run is synthetic
(tests/builders/report_run.py). From seven tasks on it has a group of subtasks, whose samples are
listed and searched. Needs chromium and chromedriver.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
sys.path[:0] = [str(REPOSITORY / "workflow"), str(REPOSITORY / "tests")]

from builders import report_run  # noqa: E402
from builders.browser import IS_INSTALLED, chromium  # noqa: E402

OPENINGS, STEPS = 5, 60
UNTIL = """
const finished = arguments[0];
const started = performance.now();
const look = () => (DONE ? finished(performance.now() - started) : requestAnimationFrame(look));
ACT;
requestAnimationFrame(look);
"""
TITLE = "document.querySelector('#sample h2')?.textContent"
COUNT = "document.getElementById('sample-count').textContent"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("models", 10), ("tasks", 60), ("documents", 167)):
        parser.add_argument(f"--{name}", type=int, default=value)
    keep = "folder for the run and its report"
    parser.add_argument("--keep", type=Path, help=keep)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        figures = write(folder, options.models, options.tasks, options.documents)
        figures |= opened(folder / "report" / "index.html")
    print("| what | measured |\n|---|---|")
    for what, figure in figures.items():
        print(f"| {what} | {figure} |")


def write(folder: Path, models: int, tasks: int, documents: int) -> dict[str, str]:
    """Make the run and its report; sizes, and processor time and memory of writing."""
    settings = report_run.make(folder, models=models, tasks=tasks, documents=documents)
    started = time.process_time()
    page = report_run.write(folder, settings)
    seconds = time.process_time() - started
    samples = [file.stat().st_size for file in (folder / "report" / "samples").rglob("*.js")]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = models * tasks * documents
    return {
        "run": f"{models} models × {tasks} tasks × {documents} documents: {count} samples",
        "page": f"{page.stat().st_size / 1e6:.2f} MB",
        "samples": f"{sum(samples) / 1e6:.1f} MB in {len(samples)} files",
        "writing": f"{seconds:.1f} s of processor time",
        "memory": f"at most {memory:.0f} MiB, making the run included",
    }


def opened(page: Path) -> dict[str, str]:
    """Milliseconds of what a reader does."""
    opening = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    with chromium() as browser:
        openings = []
        for _ in range(OPENINGS):
            browser.get("about:blank")
            browser.get(page.resolve().as_uri())
            openings.append(browser.execute_script(opening))
        views = {
            name: _took(
                browser,
                f"location.hash = '#{name}'",
                f"document.querySelector('.view.current').id === '{name}'",
            )
            for name in ("tasks", "health", "quality", "cost", "provenance")
        }
        forest = "document.querySelectorAll('#forest circle').length > 0"
        compare = _took(browser, "location.hash = '#compare'", forest)
        slowest = max(views, key=views.__getitem__)
        return {
            "opened": f"{statistics.median(openings):.0f} ms, median of {OPENINGS}",
            "another view": f"{views[slowest]:.0f} ms ({slowest}, the slowest)",
            "two models compared": f"{compare:.0f} ms",
        } | _samples(browser)


def _samples(browser) -> dict[str, str]:
    """The list of samples, steps in it, and a search."""
    listed = _took(
        browser,
        "location.hash = '#samples/model-00/subjects?all=1'",
        f"{COUNT}.includes(' samples') && {TITLE}",
    )
    number = browser.execute_script(f"return {COUNT}")
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))"
    steps = []
    for _ in range(STEPS):
        before = browser.execute_script(f"return {TITLE}")
        steps.append(_took(browser, press, f"{TITLE} !== {before!r}"))
    search = _took(
        browser,
        "const box = document.getElementById('sample-query'); box.value = 'no such words';"
        " box.dispatchEvent(new Event('input'))",
        f"{COUNT}.startsWith('0 ')",
    )
    step, slowest = statistics.median(steps), max(steps)
    return {
        "list of samples": f"{listed:.0f} ms ({number})",
        "a step to the next sample": f"{step:.0f} ms, the slowest of {STEPS} {slowest:.0f} ms",
        "search through all their texts": f"{search:.0f} ms",
    }


def _took(browser, act: str, done: str) -> float:
    """Milliseconds from the statement `act` until the expression `done` is true."""
    browser.set_script_timeout(120)
    return browser.execute_async_script(UNTIL.replace("DONE", done).replace("ACT", act))


if __name__ == "__main__":
    if not IS_INSTALLED:
        sys.exit("chromium and chromedriver are needed (Debian: chromium, chromium-driver)")
    main()
