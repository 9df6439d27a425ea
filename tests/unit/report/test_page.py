"""The page as text: what it says, that nothing hostile gets through, and how large it is."""

import base64
import hashlib
import json
import math
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders import report_run

from snakeval.analysis.comparisons import ALL_PAIRS
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.report import board, cost, samples, text, variety
from snakeval.report.page import _json_block, write_page
from snakeval.schemas.model import RESPONSES, TIMINGS, TOKENS
from snakeval.schemas.run import COMPARISONS, HEALTH, SCORE_TABLE
from snakeval.schemas.task import REQUESTS


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, dict]:
    """A small hostile run with its report."""
    folder = tmp_path_factory.mktemp("run")
    settings = report_run.make(folder, documents=12, hostile=True)
    write_page(folder, settings, folder / "report/index.html")
    return folder, settings


@pytest.fixture(scope="module")
def page(run) -> str:
    return (run[0] / "report/index.html").read_text(encoding="utf-8")


class _Structure(HTMLParser):
    """Tags in order, ids, and what the policy forbids: event attributes, inline styles, addresses that leave the page."""

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


def _unpack(path: Path) -> tuple[str, object]:
    name, packed = re.fullmatch(
        r'snakevalFile\("([^"]+)","([A-Za-z0-9+/=]+)"\)\n', path.read_text(encoding="ascii")
    ).groups()
    return name, json.loads(zlib.decompress(base64.b64decode(packed)))


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
    folder = Path(board.__file__).parent / "static"
    for path in folder.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function",
            path.read_text(),
        ), path


def test_hostile_names_are_escaped_and_made_visible(tmp_path):
    odd = "<script>alert(1)</script>\u202e\u200b\x00&amp;"
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=3)
    settings["title"] = odd
    settings["provenance"]["configuration"] = odd * 3
    settings["provenance"]["hardware"]["processor"] = odd
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩⟨U+200B⟩⟨U+0000⟩&amp;amp;" in page
    assert not re.search("[\x00\u202e\u200b]", page)
    assert "<script>alert" not in page


def test_hostile_names_in_data_blocks_cannot_end_them():
    block = str(_json_block({"name": "</script><!-- <script> & \u2028"}))
    assert not re.search("[<>&]", block)
    assert json.loads(block) == {"name": "</script><!-- <script> & \u2028"}


def test_same_tables_give_the_same_bytes(run, tmp_path):
    folder, settings = run
    write_page(folder, settings, tmp_path / "index.html")
    first = {
        p.relative_to(folder / "report"): p.read_bytes()
        for p in (folder / "report").rglob("*")
        if p.is_file()
    }
    second = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert first == second


def test_every_score_of_the_table_stands_in_the_page(run, page):
    table = parquet.read(run[0] / "tables/scores.parquet", SCORE_TABLE).to_pylist()
    for line in table:
        assert f">{text.number(line['value'])}<" in page
        assert f"{text.number(line['ci_low'])}–{text.number(line['ci_high'])}" in page


def test_verdict_names_the_better_model_and_the_difference(page):
    verdict = re.search(r'<p class="verdict">(.*?)</p>', page, re.S)[1]
    plain = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", verdict)).strip()
    assert re.fullmatch(
        r"large is better than small: 0\.\d\d against 0\.\d\d on average, ahead by 0\.\d\d \(95.% interval 0\.\d\d to 0\.\d\d\)\.",
        plain,
    )


@pytest.mark.parametrize("models", [1, 2, 5])
@pytest.mark.parametrize("tasks", [1, 7])
def test_any_size_of_run(tmp_path, models, tasks):
    settings = report_run.make(
        tmp_path, models=models, tasks=tasks, documents=1 if tasks == 1 else 6
    )
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    structure = _Structure((tmp_path / "report/index.html").read_text(encoding="utf-8"))
    assert structure.open == []
    assert ("compare" in structure.ids) == (models > 1)


@pytest.mark.parametrize("second_is_compared", [True, False])
def test_of_many_models_those_not_compared_are_told_apart_from_those_undecided(
    tmp_path, second_is_compared
):
    """model-20 leads, and is the best but on passages: there it was compared with the best alone, model-19, the second, or model-18."""
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
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    told = re.sub(
        r"\s+",
        " ",
        re.sub("<[^>]+>", "", page[page.index('<p class="verdict">') : page.index("<figure")]),
    )
    assert "every other model" not in told
    if second_is_compared:
        assert "model-20 is better than model-19" in told
        assert re.search(
            r"It was not compared with model-\d\d, model-\d\d, model-\d\d and 16 more on every task\.",
            told,
        )
        assert "ahead of model-19 on 2 of 3 tasks, behind on 1 (passages)." in told
    else:
        assert "ahead of model-19 on 2 of 3 tasks, behind on none; not compared: passages." in told
    assert "Of more than 20 models each is compared with the best one of a task alone" in page


def test_a_model_without_an_benchmark_is_left_out_of_it(tmp_path):
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
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    _, index = _unpack(tmp_path / f"report/samples/{benchmark}/index.js")
    assert sorted(index["models"]) == ["model-00", "model-02"]


def test_a_run_without_scores_from_0_to_1_counts_tasks_instead(tmp_path):
    settings = report_run.make(tmp_path, models=3, tasks=5, documents=4) | {
        "tasks": ["unseen_text"]
    }
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert re.search(r"is best or tied with the best on <strong>1 of 1</strong> tasks", page)
    assert 'data-name="models"' not in page


def test_models_and_tasks_that_left_the_configuration_leave_the_page(tmp_path):
    settings = report_run.make(tmp_path, models=3, tasks=3, documents=4) | {
        "tasks": ["boolean", "passages"],
        "models": ["model-02", "model-00"],
    }
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
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
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert '<option value="target">' in page and '"target":0.9' in page


def test_an_infinite_score_leaves_the_page_s_data_readable(tmp_path):
    settings = report_run.make(tmp_path, tasks=5, documents=4)
    path = tmp_path / "tables/scores.parquet"
    lines = parquet.read(path, SCORE_TABLE).to_pylist()
    for line in lines:
        if (line["model"], line["task"]) == ("small", "unseen_text"):
            line |= {"value": math.inf, "ci_low": None, "ci_high": None, "stderr": None}
    parquet.write(pa.Table.from_pylist(lines, SCORE_TABLE), path, SCORE_TABLE)
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
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
        write_page(tmp_path, settings, tmp_path / "report/index.html")


def test_tokens_of_other_documents_are_refused(tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=3)
    path = tmp_path / "responses/model-00/boolean.parquet"
    table = parquet.read(path, RESPONSES)
    parquet.write(table.slice(1), path, RESPONSES)
    with pytest.raises(UserError, match="does not match"):
        write_page(tmp_path, settings, tmp_path / "report/index.html")


def test_samples_hold_every_document_whole(run):
    folder, settings = run
    for benchmark in settings["tasks"]:
        name, index = _unpack(folder / f"report/samples/{benchmark}/index.js")
        assert name == f"{benchmark}/index"
        requests = parquet.read(folder / f"requests/{benchmark}.parquet", REQUESTS).to_pylist()
        held = _rows_of(folder, benchmark, "q", index)
        assert [
            (r["task"], r["doc_id"], r["questions"], r["choices"], r["references"]) for r in held
        ] == [
            (r["task"], r["doc_id"], r["questions"], r["choices"], r["references"])
            for r in requests
        ]
        for i, model in enumerate(
            sorted(index["models"])
        ):  # the best model, which is "large", comes first
            responses = parquet.read(
                folder / f"responses/{model}/{benchmark}.parquet", RESPONSES
            ).to_pylist()
            tokens = parquet.read(
                folder / f"tokens/{model}/{benchmark}.parquet", TOKENS
            ).to_pylist()
            held = _rows_of(folder, benchmark, f"m{i}", index)
            assert [row["texts"] for row in held] == [row["texts"] for row in responses]
            assert [row["prompts"] for row in held] == [row["prompts"] for row in tokens]
            assert [row["prompt_tokens"] for row in held] == [
                [len(ids) for ids in row["contexts"]] for row in tokens
            ]
            np.testing.assert_allclose(
                [x for row in held for x in row["loglikelihoods"]],
                [x for row in responses for x in row["loglikelihoods"]],
                atol=1e-6,
            )


def _rows_of(folder: Path, benchmark: str, stem: str, index: dict) -> list[dict]:
    rows = []
    for k, start in enumerate(index["files"][stem]):
        assert start == len(rows)
        rows += _unpack(folder / f"report/samples/{benchmark}/{stem}-{k}.js")[1]
    return rows


def test_flags_agree_with_the_health_table(run):
    folder, _ = run
    columns = {
        "truncated": "truncated",
        "dropped": "dropped_shots",
        "cut": "cut_answers",
        "empty": "empty_answers",
        "unextracted": "extraction_failed",
        "refused": "refusals",
        "repeating": "repeating",
    }
    for line in parquet.read(folder / "tables/health.parquet", HEALTH).to_pylist():
        _, index = _unpack(folder / f"report/samples/{line['benchmark']}/index.js")
        task = index["tasks"].index(line["task"])
        flags = [
            flag
            for flag, own in zip(
                index["models"][line["model"]]["flags"], index["task"], strict=True
            )
            if own == task
        ]
        for name, column in columns.items():
            assert sum(bool(flag & samples.FLAGS[name]) for flag in flags) == line[column], (
                line["task"],
                column,
            )


def test_samples_of_an_earlier_run_do_not_stay(run, tmp_path):
    folder, settings = run
    (tmp_path / "samples/old").mkdir(parents=True)
    (tmp_path / "samples/old/index.js").write_text("snakevalFile()")
    write_page(folder, settings, tmp_path / "index.html")
    assert not (tmp_path / "samples/old").exists()


def test_infinite_likelihoods_survive(tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=2)
    path = tmp_path / "responses/model-00/boolean.parquet"
    lines = parquet.read(path, RESPONSES).to_pylist()
    lines[0]["loglikelihoods"][0] = -math.inf
    parquet.write(pa.Table.from_pylist(lines, schema=RESPONSES), path, RESPONSES)
    write_page(tmp_path, settings, tmp_path / "report/index.html")
    _, rows = _unpack(tmp_path / "report/samples/boolean/m0-0.js")
    assert rows[0]["loglikelihoods"][0] == "-inf"


def test_clusters_are_averaged_per_model(run):
    folder, settings = run
    table = parquet.read(folder / "tables/scores.parquet", SCORE_TABLE).to_pylist()
    found = variety.measure(
        folder,
        settings["tasks"],
        settings["models"],
        board.rows(table, settings["models"], settings["tasks"]),
    )["clustered"]
    assert found == []  # 12 documents in 6 passages are too few
    rows = board.rows(
        [line for line in table if line["task"] == "passages"], settings["models"], ["passages"]
    )
    lead = next(row for row in rows if row.primary)
    clustered = variety._clustered(
        lead,
        {"x": {"small": [1.0, 0.0] * 5}, "y": {"small": [1.0] * 10, "large": [0.5]}},
        ["small", "large"],
    )
    assert clustered.means == {"small": [0.5, 1.0], "large": [None, 0.5]}
    assert clustered.sizes == [10, 10]


def test_costs_are_summed_and_the_cheaper_and_better_stand_out(run):
    folder, settings = run
    timings = parquet.read(folder / "tables/efficiency.parquet", TIMINGS).to_pylist()
    standings = [
        board.Standing("large", 0.8, 0.7, 0.9, 1, 1),
        board.Standing("small", 0.3, 0.2, 0.4, 0, 1),
    ]
    small = next(
        c
        for c in cost.summed(timings, standings, settings["provenance"])["models"]
        if c.model == "small"
    )
    own = [line for line in timings if line["model"] == "small"]
    assert small.sent == sum(
        line["requests"] - line["duplicates"] - line["from_store"] for line in own
    )
    assert small.tokens_per_second == pytest.approx(
        sum(line["computed_tokens"] + line["generated_tokens"] for line in own)
        / sum(line["seconds"] for line in own)
    )
    assert small.precision == "bfloat16, gptq 4 bit"
    chart = cost.pareto(
        cost.summed(timings, standings, settings["provenance"])["models"], standings
    )
    assert {point.strong for point in chart.points} == {True}  # small is cheaper, large is better
