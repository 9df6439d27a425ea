"""Size and speed of the report: 10 models × 60 tasks with 100,200 samples, opened in Chromium without a window.

    python benchmarks/report.py [--models 10] [--tasks 60] [--documents 167] [--keep FOLDER]

Prints a table. The run is synthetic (tests/report_run.py), with a group of subtasks from seven tasks on, whose samples are listed and
searched. It needs chromium and chromedriver.
"""

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
sys.path[:0] = [str(REPOSITORY / "workflow"), str(REPOSITORY / "tests")]

from builders import report_run  # noqa: E402
from builders.screenshots import chromium  # noqa: E402

from snakeval.report.page import write_page  # noqa: E402

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
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder for the run and its report; what it holds is taken as it is",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        figures = write(folder, options.models, options.tasks, options.documents) | opened(
            folder / "report" / "index.html"
        )
    print("| what | measured |\n|---|---|")
    for what, figure in figures.items():
        print(f"| {what} | {figure} |")


def write(folder: Path, models: int, tasks: int, documents: int) -> dict[str, str]:
    """Make the run and its report; sizes, and processor time and memory of writing."""
    settings = report_run.make(folder, models=models, tasks=tasks, documents=documents)
    started = time.process_time()
    write_page(folder, settings, folder / "report" / "index.html")
    seconds = time.process_time() - started
    samples = [file.stat().st_size for file in (folder / "report" / "samples").rglob("*.js")]
    page = (folder / "report" / "index.html").stat().st_size
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "run": f"{models} models × {tasks} tasks × {documents} documents: {models * tasks * documents} samples",
        "page": f"{page / 1e6:.2f} MB",
        "samples": f"{sum(samples) / 1e6:.1f} MB in {len(samples)} files",
        "writing": f"{seconds:.1f} s of processor time, at most {memory:.0f} MiB (making the run included)",
    }


def opened(page: Path) -> dict[str, str]:
    """Milliseconds of what a reader does."""
    with chromium() as browser:
        opening = []
        for _ in range(OPENINGS):
            browser.get("about:blank")
            browser.get(page.resolve().as_uri())
            opening.append(
                browser.execute_script(
                    "return performance.getEntriesByType('navigation')[0].loadEventEnd"
                )
            )

        def took(act: str, done: str) -> float:
            browser.set_script_timeout(120)
            return browser.execute_async_script(UNTIL.replace("DONE", done).replace("ACT", act))

        views = {
            name: took(
                f"location.hash = '#{name}'",
                f"document.querySelector('.view.current').id === '{name}'",
            )
            for name in ("tasks", "health", "quality", "cost", "provenance")
        }
        compare = took(
            "location.hash = '#compare'", "document.querySelectorAll('#forest circle').length > 0"
        )
        listed = took(
            "location.hash = '#samples/model-00/subjects?all=1'",
            f"{COUNT}.includes(' samples') && {TITLE}",
        )
        number = browser.execute_script(f"return {COUNT}")
        steps = []
        for _ in range(STEPS):
            before = browser.execute_script(f"return {TITLE}")
            press = (
                "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))"
            )
            steps.append(took(press, f"{TITLE} !== {before!r}"))
        search = took(
            "const box = document.getElementById('sample-query'); box.value = 'no such words'; box.dispatchEvent(new Event('input'))",
            f"{COUNT}.startsWith('0 ')",
        )
    return {
        "opened": f"{statistics.median(opening):.0f} ms, median of {OPENINGS}",
        "another view": f"{max(views.values()):.0f} ms ({max(views, key=views.__getitem__)}, the slowest)",
        "two models compared": f"{compare:.0f} ms",
        "list of samples": f"{listed:.0f} ms ({number})",
        "a step to the next sample": f"{statistics.median(steps):.0f} ms, the slowest of {STEPS} {max(steps):.0f} ms",
        "search through all their texts": f"{search:.0f} ms",
    }


if __name__ == "__main__":
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        sys.exit("chromium and chromedriver are needed (Debian: chromium, chromium-driver)")
    main()
