"""The page as text: what it says, that nothing hostile gets through, and how large it is."""

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from builders import report_run
from builders.report_run import unpack

from snakeval.analysis.comparisons import ALL_PAIRS
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.report import board, text
from snakeval.report.packed import json_block
from snakeval.schemas.model import TIMINGS
from snakeval.schemas.run import COMPARISONS, HEALTH, SCORE_TABLE


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, dict]:
    """A small hostile run with its report."""
    folder = tmp_path_factory.mktemp("run")
    settings = report_run.make(folder, documents=12, hostile=True)
    report_run.write(folder, settings)
    return folder, settings


@pytest.fixture(scope="module")
def page(run) -> str:
    return (run[0] / "report/index.html").read_text(encoding="utf-8")


class _Structure(HTMLParser):
    """Tags in order, ids, and what the policy forbids.

    That is event attributes, inline styles, and addresses that leave the page.
    """

    def __init__(self, content: str):
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.foreign: list[tuple] = []
        self.open: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in {"meta", "link", "input", "br", "img", "hr"}:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            outside = name in {"href", "src", "action"} and not value.startswith("#")
            if name.startswith("on") or name == "style" or outside:
                self.foreign.append((tag, name, value))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _words(markup: str) -> str:
    """What a reader sees of HTML."""
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", "", markup)).strip()


def test_page_is_well_formed_and_reaches_for_nothing(page):
    structure = _Structure(page)
    assert structure.open == []
    assert structure.foreign == []
    assert len(structure.ids) == len(set(structure.ids))
    assert structure.tags.count("script") == 4  # two blocks of data, a line at the start, the code
    assert {"img", "link", "iframe", "object", "form"}.isdisjoint(structure.tags)


def test_policy_names_the_code_of_the_page(page):
    policies = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    code = re.findall(r"<script>(.*?)</script>", page, re.S)
    style = re.findall(r"<style>(.*?)</style>", page, re.S)
    assert (len(policies), len(code), len(style)) == (2, 2, 1)
    for content in (*code, *style):
        assert (
            f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
            in policies[0]
        )
    assert policies[0].startswith("default-src 'none'; script-src 'sha256-")
    assert not any("unsafe" in policy or "http" in policy for policy in policies)


def test_scripts_never_write_markup():
    writes = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    scripts = list(Path(board.__file__).parent.rglob("*.js"))
    assert {"app.js", "view.js", "sample.js"} <= {script.name for script in scripts}
    for script in scripts:
        assert not re.search(writes, script.read_text(encoding="utf-8")), script


def test_hostile_names_are_escaped_and_made_visible(tmp_path):
    odd = "<script>alert(1)</script>\u202e\u200b\x00&amp;"
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=3)
    settings["title"] = odd
    settings["provenance"]["configuration"] = odd * 3
    settings["provenance"]["hardware"]["processor"] = odd
    page = report_run.write(tmp_path, settings).read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩⟨U+200B⟩⟨U+0000⟩&amp;amp;" in page
    assert not re.search("[\x00\u202e\u200b]", page)
    assert "<script>alert" not in page


def test_hostile_names_in_data_blocks_cannot_end_them():
    block = str(json_block({"name": "</script><!-- <script> & \u2028"}))
    assert not re.search("[<>&]", block)
    assert json.loads(block) == {"name": "</script><!-- <script> & \u2028"}


def test_same_tables_give_the_same_bytes(run, tmp_path):
    folder, settings = run
    report_run.write(folder, settings, tmp_path / "index.html")
    first = {
        p.relative_to(folder / "report"): p.read_bytes()
        for p in (folder / "report").rglob("*")
        if p.is_file()
    }
    second = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert first == second


def test_every_score_of_the_table_is_in_the_page(run, page):
    for line in parquet.read(run[0] / "tables/scores.parquet", SCORE_TABLE).to_pylist():
        assert f">{text.number(line['value'])}<" in page
        assert f"{text.number(line['ci_low'])}–{text.number(line['ci_high'])}" in page


def test_verdict_names_the_better_model_and_the_difference(page):
    assert re.fullmatch(
        r"large is better than small: 0\.\d\d against 0\.\d\d on average, "
        r"ahead by 0\.\d\d \(95.% interval 0\.\d\d to 0\.\d\d\)\.",
        _words(re.search(r'<p class="verdict">(.*?)</p>', page, re.S)[1]),
    )


@pytest.mark.parametrize("models", [1, 2, 5])
@pytest.mark.parametrize("tasks", [1, 7])
def test_any_size_of_run(tmp_path, models, tasks):
    documents = 1 if tasks == 1 else 6
    settings = report_run.make(tmp_path, models=models, tasks=tasks, documents=documents)
    structure = _Structure(report_run.write(tmp_path, settings).read_text(encoding="utf-8"))
    assert structure.open == []
    assert ("compare" in structure.ids) == (models > 1)


@pytest.mark.parametrize("second_is_compared", [True, False])
def test_models_that_were_not_compared_are_not_shown_as_undecided(tmp_path, second_is_compared):
    """model-20 leads, and is the best except on passages.

    There it was compared only with the best: model-19, which is the second, or model-18.
    """
    settings = report_run.make(tmp_path, models=ALL_PAIRS + 1, tasks=3, documents=4)
    best = dict.fromkeys(settings["tasks"], "model-20") | {
        "passages": "model-19" if second_is_compared else "model-18"
    }
    known = {"model-20": 0.9, "model-19": 0.5}

    def score(task, model):
        return 0.98 if model == best[task] else known.get(model, 0.1)

    path = tmp_path / "tables/scores.parquet"
    lines = parquet.read(path, SCORE_TABLE).to_pylist()
    for line in lines:
        value = score(line["task"], line["model"])
        line |= {"value": value, "ci_low": value - 0.01, "ci_high": value + 0.01}
    parquet.write(pa.Table.from_pylist(lines, SCORE_TABLE), path, SCORE_TABLE)
    path = tmp_path / "tables/comparisons.parquet"
    lines = [
        line
        for line in parquet.read(path, COMPARISONS).to_pylist()
        if best[line["task"]] in (line["model_a"], line["model_b"])
    ]
    for line in lines:
        gap = score(line["task"], line["model_a"]) - score(line["task"], line["model_b"])
        line |= {"difference": gap, "ci_low": gap - 0.02, "ci_high": gap + 0.02, "p_holm": 0.001}
    parquet.write(pa.Table.from_pylist(lines, COMPARISONS), path, COMPARISONS)
    page = report_run.write(tmp_path, settings).read_text(encoding="utf-8")
    shown = _words(page[page.index('<p class="verdict">') : page.index("<figure")])
    assert "every other model" not in shown
    if second_is_compared:
        assert "model-20 is better than model-19" in shown
        others = r"model-\d\d, model-\d\d, model-\d\d and 16 more"
        assert re.search(rf"It was not compared with {others} on every task\.", shown)
        assert "ahead of model-19 on 2 of 3 tasks, behind on 1 (passages)." in shown
    else:
        assert "ahead of model-19 on 2 of 3 tasks, behind on none; not compared: passages." in shown
    assert "Of more than 20 models each is compared with the best one of a task alone" in page


def test_a_model_without_a_benchmark_is_left_out_of_it(tmp_path):
    settings = report_run.make(tmp_path, models=3, tasks=2, documents=4)
    benchmark = settings["tasks"][0]
    for kind in ("tokens", "responses", "scores"):
        (tmp_path / kind / "model-01" / f"{benchmark}.parquet").unlink()
    for name, schema in (("scores", SCORE_TABLE), ("health", HEALTH), ("efficiency", TIMINGS)):
        path = tmp_path / f"tables/{name}.parquet"
        kept = [
            line
            for line in parquet.read(path, schema).to_pylist()
            if (line["model"], line["benchmark"]) != ("model-01", benchmark)
        ]
        parquet.write(pa.Table.from_pylist(kept, schema=schema), path, schema)
    report_run.write(tmp_path, settings)
    _, index = unpack(tmp_path / f"report/samples/{benchmark}/index.js")
    assert sorted(index["models"]) == ["model-00", "model-02"]


def test_a_run_without_scores_from_0_to_1_counts_tasks_instead(tmp_path):
    settings = report_run.make(tmp_path, models=3, tasks=5, documents=4) | {
        "tasks": ["unseen_text"]
    }
    page = report_run.write(tmp_path, settings).read_text(encoding="utf-8")
    assert "is best or tied with the best on 1 of 1 tasks" in _words(page)
    assert 'data-name="models"' not in page


def test_models_and_tasks_that_left_the_configuration_leave_the_page(tmp_path):
    settings = report_run.make(tmp_path, models=3, tasks=3, documents=4) | {
        "tasks": ["boolean", "passages"],
        "models": ["model-02", "model-00"],
    }
    page = report_run.write(tmp_path, settings).read_text(encoding="utf-8")
    body = page[page.index("<main>") : page.index('id="provenance"')]
    assert "model-01" not in body and "arithmetic" not in body
    assert sorted(p.name for p in (tmp_path / "report/samples").iterdir()) == [
        "boolean",
        "passages",
    ]


def test_target_is_offered_where_one_is_set(tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=4) | {
        "targets": {"boolean": 0.9}
    }
    page = report_run.write(tmp_path, settings).read_text(encoding="utf-8")
    assert '<option value="target">' in page and '"target":0.9' in page


def test_an_infinite_score_leaves_the_page_s_data_readable(tmp_path):
    settings = report_run.make(tmp_path, tasks=5, documents=4)
    path = tmp_path / "tables/scores.parquet"
    lines = parquet.read(path, SCORE_TABLE).to_pylist()
    for line in lines:
        if (line["model"], line["task"]) == ("small", "unseen_text"):
            line |= {"value": math.inf, "ci_low": None, "ci_high": None, "stderr": None}
    parquet.write(pa.Table.from_pylist(lines, SCORE_TABLE), path, SCORE_TABLE)
    page = report_run.write(tmp_path, settings).read_text(encoding="utf-8")
    run = json.loads(
        re.search(r'<script type="application/json" id="run">(.*?)</script>', page, re.S)[1],
        parse_constant=pytest.fail,
    )
    (row,) = [row for row in run["rows"] if row["task"] == "unseen_text"]
    assert run["models"] == ["large", "small"] and row["values"][1] is None and row["values"][0] > 1
    assert ">∞<" in page


def test_missing_table_is_named(tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=2)
    (tmp_path / "tables/health.parquet").unlink()
    with pytest.raises(UserError, match=r"health\.parquet: "):
        report_run.write(tmp_path, settings)
