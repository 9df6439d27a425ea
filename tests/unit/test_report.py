"""The page as text: what it says, that nothing hostile gets through, and how large it is."""

import base64
import hashlib
import itertools
import json
import math
import re
import subprocess
import zlib
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import report_fixture

from snakeval import parquet, provenance, report, schemas
from snakeval.errors import UserError
from snakeval.report import board, charts, cost, history, quality, rule_graph, samples, text, variety


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, dict]:
    """A small hostile run with its report."""
    folder = tmp_path_factory.mktemp("run")
    settings = report_fixture.make(folder, documents=12, hostile=True)
    report.write(folder, settings, folder / "report/index.html")
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
    name, packed = re.fullmatch(r'snakevalFile\("([^"]+)","([A-Za-z0-9+/=]+)"\)\n', path.read_text(encoding="ascii")).groups()
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
        assert f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policies[0]
    assert policies[0].startswith("default-src 'none'; script-src 'sha256-")
    assert not any("unsafe" in policy or "http" in policy for policy in policies)


def test_scripts_never_write_markup():
    folder = Path(report.__file__).parent / "static"
    for path in folder.glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", path.read_text()), path


def test_hostile_names_are_escaped_and_made_visible(tmp_path):
    odd = "<script>alert(1)</script>\u202e\u200b\x00&amp;"
    settings = report_fixture.make(tmp_path, models=1, tasks=1, documents=3)
    settings["title"] = odd
    settings["provenance"]["configuration"] = odd * 3
    settings["provenance"]["hardware"]["processor"] = odd
    report.write(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩⟨U+200B⟩⟨U+0000⟩&amp;amp;" in page
    assert not re.search("[\x00\u202e\u200b]", page)
    assert "<script>alert" not in page


def test_hostile_names_in_data_blocks_cannot_end_them():
    block = str(report.page._json_block({"name": "</script><!-- <script> & \u2028"}))
    assert not re.search("[<>&]", block)
    assert json.loads(block) == {"name": "</script><!-- <script> & \u2028"}


def test_same_tables_give_the_same_bytes(run, tmp_path):
    folder, settings = run
    report.write(folder, settings, tmp_path / "index.html")
    first = {p.relative_to(folder / "report"): p.read_bytes() for p in (folder / "report").rglob("*") if p.is_file()}
    second = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert first == second


def test_every_score_of_the_table_stands_in_the_page(run, page):
    table = parquet.read(run[0] / "tables/scores.parquet", schemas.SCORE_TABLE).to_pylist()
    for line in table:
        assert f">{text.number(line['value'])}<" in page
        assert f"{text.number(line['ci_low'])}–{text.number(line['ci_high'])}" in page


def test_verdict_names_the_better_model_and_the_difference(page):
    verdict = re.search(r'<p class="verdict">(.*?)</p>', page, re.S)[1]
    plain = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", verdict)).strip()
    assert re.fullmatch(
        r"large is better than small: 0\.\d\d against 0\.\d\d on average, ahead by 0\.\d\d \(95.% interval 0\.\d\d to 0\.\d\d\)\.", plain
    )


@pytest.mark.parametrize("models", [1, 2, 5])
@pytest.mark.parametrize("tasks", [1, 7])
def test_any_size_of_run(tmp_path, models, tasks):
    settings = report_fixture.make(tmp_path, models=models, tasks=tasks, documents=1 if tasks == 1 else 6)
    report.write(tmp_path, settings, tmp_path / "report/index.html")
    structure = _Structure((tmp_path / "report/index.html").read_text(encoding="utf-8"))
    assert structure.open == []
    assert ("compare" in structure.ids) == (models > 1)


def test_a_model_without_an_entry_is_left_out_of_it(tmp_path):
    settings = report_fixture.make(tmp_path, models=3, tasks=2, documents=4)
    entry = settings["tasks"][0]
    for kind in ("tokens", "responses", "scores"):
        (tmp_path / kind / "model-01" / f"{entry}.parquet").unlink()
    for name, schema in (("scores", schemas.SCORE_TABLE), ("health", schemas.HEALTH), ("efficiency", schemas.TIMINGS)):
        path = tmp_path / f"tables/{name}.parquet"
        kept = [line for line in parquet.read(path, schema).to_pylist() if (line["model"], line["entry"]) != ("model-01", entry)]
        parquet.write(pa.Table.from_pylist(kept, schema=schema), path, schema)
    report.write(tmp_path, settings, tmp_path / "report/index.html")
    _, index = _unpack(tmp_path / f"report/samples/{entry}/index.js")
    assert sorted(index["models"]) == ["model-00", "model-02"]


def test_a_run_without_scores_from_0_to_1_counts_tasks_instead(tmp_path):
    settings = report_fixture.make(tmp_path, models=3, tasks=5, documents=4) | {"tasks": ["unseen_text"]}
    report.write(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert re.search(r"is best or tied with the best on <strong>1 of 1</strong> tasks", page)
    assert 'data-name="models"' not in page


def test_models_and_tasks_that_left_the_configuration_leave_the_page(tmp_path):
    settings = report_fixture.make(tmp_path, models=3, tasks=3, documents=4) | {
        "tasks": ["boolean", "passages"],
        "models": ["model-02", "model-00"],
    }
    report.write(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    body = page[page.index("<main>") : page.index('id="provenance"')]
    assert "model-01" not in body and "arithmetic" not in body
    assert sorted(p.name for p in (tmp_path / "report/samples").iterdir()) == ["boolean", "passages"]


def test_target_is_offered_where_one_is_set(tmp_path):
    settings = report_fixture.make(tmp_path, models=1, tasks=1, documents=4) | {"targets": {"boolean": 0.9}}
    report.write(tmp_path, settings, tmp_path / "report/index.html")
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert '<option value="target">' in page and '"target":0.9' in page


def test_missing_table_is_named(tmp_path):
    settings = report_fixture.make(tmp_path, models=1, tasks=1, documents=2)
    (tmp_path / "tables/health.parquet").unlink()
    with pytest.raises(UserError, match=r"health\.parquet: "):
        report.write(tmp_path, settings, tmp_path / "report/index.html")


def test_tokens_of_other_documents_are_refused(tmp_path):
    settings = report_fixture.make(tmp_path, models=1, tasks=1, documents=3)
    path = tmp_path / "responses/model-00/boolean.parquet"
    table = parquet.read(path, schemas.RESPONSES)
    parquet.write(table.slice(1), path, schemas.RESPONSES)
    with pytest.raises(UserError, match="does not match"):
        report.write(tmp_path, settings, tmp_path / "report/index.html")


def test_samples_hold_every_document_whole(run):
    folder, settings = run
    for entry in settings["tasks"]:
        name, index = _unpack(folder / f"report/samples/{entry}/index.js")
        assert name == f"{entry}/index"
        requests = parquet.read(folder / f"requests/{entry}.parquet", schemas.REQUESTS).to_pylist()
        held = _rows_of(folder, entry, "q", index)
        assert [(r["task"], r["doc_id"], r["questions"], r["choices"], r["references"]) for r in held] == [
            (r["task"], r["doc_id"], r["questions"], r["choices"], r["references"]) for r in requests
        ]
        for i, model in enumerate(sorted(index["models"])):  # the best model, which is "large", comes first
            responses = parquet.read(folder / f"responses/{model}/{entry}.parquet", schemas.RESPONSES).to_pylist()
            tokens = parquet.read(folder / f"tokens/{model}/{entry}.parquet", schemas.TOKENS).to_pylist()
            held = _rows_of(folder, entry, f"m{i}", index)
            assert [row["texts"] for row in held] == [row["texts"] for row in responses]
            assert [row["prompts"] for row in held] == [row["prompts"] for row in tokens]
            assert [row["prompt_tokens"] for row in held] == [[len(ids) for ids in row["contexts"]] for row in tokens]
            np.testing.assert_allclose(
                [x for row in held for x in row["loglikelihoods"]], [x for row in responses for x in row["loglikelihoods"]], atol=1e-6
            )


def _rows_of(folder: Path, entry: str, stem: str, index: dict) -> list[dict]:
    rows = []
    for k, start in enumerate(index["files"][stem]):
        assert start == len(rows)
        rows += _unpack(folder / f"report/samples/{entry}/{stem}-{k}.js")[1]
    return rows


def test_flags_agree_with_the_health_table(run):
    folder, _ = run
    columns = {
        "truncated": "truncated",
        "dropped": "dropped_shots",
        "cut": "cut_answers",
        "empty": "empty_answers",
        "unextracted": "extraction_failed",
    }
    for line in parquet.read(folder / "tables/health.parquet", schemas.HEALTH).to_pylist():
        _, index = _unpack(folder / f"report/samples/{line['entry']}/index.js")
        task = index["tasks"].index(line["task"])
        flags = [flag for flag, own in zip(index["models"][line["model"]]["flags"], index["task"], strict=True) if own == task]
        for name, column in columns.items():
            assert sum(bool(flag & samples.FLAGS[name]) for flag in flags) == line[column], (line["task"], column)


def test_samples_of_an_earlier_run_do_not_stay(run, tmp_path):
    folder, settings = run
    (tmp_path / "samples/old").mkdir(parents=True)
    (tmp_path / "samples/old/index.js").write_text("snakevalFile()")
    report.write(folder, settings, tmp_path / "index.html")
    assert not (tmp_path / "samples/old").exists()


def test_infinite_likelihoods_survive(tmp_path):
    settings = report_fixture.make(tmp_path, models=1, tasks=1, documents=2)
    path = tmp_path / "responses/model-00/boolean.parquet"
    lines = parquet.read(path, schemas.RESPONSES).to_pylist()
    lines[0]["loglikelihoods"][0] = -math.inf
    parquet.write(pa.Table.from_pylist(lines, schema=schemas.RESPONSES), path, schemas.RESPONSES)
    report.write(tmp_path, settings, tmp_path / "report/index.html")
    _, rows = _unpack(tmp_path / "report/samples/boolean/m0-0.js")
    assert rows[0]["loglikelihoods"][0] == "-inf"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\x00", "⟨U+0000⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("né 漢字 👍", "né 漢字 👍"),
    ],
)
def test_visible(given, shown):
    assert text.visible(given) == shown


def test_the_page_and_its_scripts_hide_the_same_characters():
    source = (Path(report.__file__).parent / "static/text.js").read_text(encoding="utf-8")
    pattern = re.search(r"const HIDDEN = /(.*)/u;", source)[1]
    script = re.compile(re.sub(r"\\u\{(\w+)\}", lambda m: f"\\U{int(m[1], 16):08x}", pattern))
    for code in [*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE2000)]:
        assert bool(script.match(chr(code))) == (text.visible(chr(code)) != chr(code)), hex(code)


def test_fifths_by_length_are_taken_within_each_task():
    values = {("short", i): float(i >= 5) for i in range(10)} | {("long", i): float(i < 5) for i in range(10)}
    lengths = {("short", i): i for i in range(10)} | {("long", i): 1000 + i for i in range(10)}
    found = quality._fifths("m", np.concatenate(quality._by_length(values, lengths)))
    assert found.n == 20
    assert [mean for _, mean, _, _ in found.fifths] == [0.5] * 5  # the tasks go opposite ways, and neither is the longer one's end


def test_shortened_keeps_both_ends_within_the_width():
    assert text.shortened("short", 10) == "short"
    assert text.shortened("abcdefghijklmnop", 9) == "abcd…mnop"
    assert text._columns(text.shortened("漢字" * 20, 11)) <= 11


@pytest.mark.parametrize(
    ("value", "shown"), [(0.12345, "0.123"), (-1.5, "−1.500"), (12.3456, "12.35"), (1234.5, "1 234"), (None, "–"), (2.5e7, "2.5e07")]
)
def test_number(value, shown):
    assert text.number(value) == shown


def test_nice_ticks_are_round_and_inside():
    assert charts.nice_ticks(0.0, 1.0, 4) == [0.0, 0.5, 1.0]
    assert charts.nice_ticks(2.1, 9.7, 4) == [4.0, 6.0, 8.0]
    for low, high in ((-3.7, 12.0), (0.001, 0.0042), (5.0, 5.5)):
        ticks = charts.nice_ticks(low, high, 4)
        assert 2 <= len(ticks) <= 10
        assert all(low <= tick <= high for tick in ticks)


def test_csv_keeps_formulas_as_text():
    assert charts.csv(("name", "value"), [("=1+1", 0.1234567), ('say "a, b"', None)]) == 'name,value\n\'=1+1,0.123457\n"say ""a, b""",\n'


def test_mean_difference_combines_paired_intervals():
    """Against the standard error of the mean of independent differences, computed directly."""
    rng = np.random.default_rng(0)
    gaps = [rng.normal(0.1, 0.3, 400), rng.normal(-0.05, 0.2, 300)]
    means, errors = [g.mean() for g in gaps], [g.std(ddof=1) / math.sqrt(len(g)) for g in gaps]
    table = [_line(model, f"t{i}", 0.5 + (means[i] if model == "a" else 0)) for i in range(2) for model in "ab"]
    found = board.pairs([_comparison(f"t{i}", means[i], 1.96 * errors[i]) for i in range(2)])
    pair = board.mean_difference(board.top(board.rows(table, ["a", "b"], ["e"])), found, "a", "b")
    half = 1.96 * math.sqrt(errors[0] ** 2 + errors[1] ** 2) / 2
    assert (pair.difference, pair.low, pair.high) == pytest.approx((np.mean(means), np.mean(means) - half, np.mean(means) + half))
    turned = board.mean_difference(board.top(board.rows(table, ["a", "b"], ["e"])), found, "b", "a")
    assert (turned.difference, turned.low, turned.high) == pytest.approx((-pair.difference, -pair.high, -pair.low))


def test_mean_of_a_score_that_does_not_vary_has_an_interval():
    table = [_line("a", "t0", 0.0) | {"ci_low": 0.0, "ci_high": 0.02}, _line("a", "t1", 0.5) | {"ci_low": 0.4, "ci_high": 0.6}]
    (standing,) = board.standings(board.top(board.rows(table, ["a"], ["e"])), {}, ["a"])
    assert (standing.mean, standing.low, standing.high) == pytest.approx((0.25, 0.2, 0.25 + math.hypot(0.02, 0.1) / 2))


def test_record_turns_where_lower_is_better():
    table = [_line(model, "ppl", 3.0 if model == "a" else 4.0, higher=False) for model in "ab"]
    found = board.pairs([_comparison("ppl", -1.0, 0.2)])
    assert board.record(found, board.top(board.rows(table, ["a", "b"], ["e"])), "a", "b") == (["ppl"], [], [])
    assert board.averaged(board.top(board.rows(table, ["a", "b"], ["e"]))) == []


def test_rows_stand_below_their_group_and_further_metrics_below_the_leading_one():
    table = [
        _line("a", "leaf_1", 0.1, parent="area"),
        _line("a", "leaf_1", 0.2, parent="area", metric="acc_norm", primary=False),
        _line("a", "area", 0.3, parent="group", group=True),
        _line("a", "group", 0.4, group=True),
    ]
    rows = board.rows(table, ["a"], ["e"])
    assert [(row.task, row.metric, row.depth, row.children) for row in rows] == [
        ("group", "acc", 0, True),
        ("area", "acc", 1, True),
        ("leaf_1", "acc", 2, False),
        ("leaf_1", "acc_norm", 2, False),
    ]


def _line(model, task, value, *, higher=True, parent=None, metric="acc", primary=True, group=False) -> dict:
    empty = dict.fromkeys(schemas.SCORE_TABLE.names)
    known = {"model": model, "entry": "e", "task": task, "parent": parent, "is_group": group, "filter": "none", "metric": metric}
    return empty | known | {"n": 10, "value": value, "ci_method": "t", "higher_is_better": higher, "primary": primary}


def _comparison(task, difference, half) -> dict:
    known = {"entry": "e", "task": task, "filter": "none", "metric": "acc", "model_a": "a", "model_b": "b", "n": 100}
    return known | {"difference": difference, "ci_low": difference - half, "ci_high": difference + half, "p_holm": 0.001}


def test_calibration_error_against_a_plain_computation():
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.25, 1.0, 500)
    right = (rng.random(500) < sure**2).astype(float)
    edges = np.linspace(0, 1, 11)
    expected = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (sure >= low) & (sure < high)
        if inside.any():
            expected += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    found = quality._calibrate("m", np.stack([sure, right], axis=1))
    assert found.error == pytest.approx(expected)
    assert found.coverage[-1] == (1.0, pytest.approx(right.mean()))
    half = np.argsort(-sure)[:250]
    assert dict(found.coverage)[0.5] == pytest.approx(right[half].mean())


def test_wilson_against_scipy():
    from scipy.stats import binomtest

    for right, n in ((0, 5), (3, 10), (99, 100)):
        expected = binomtest(right, n).proportion_ci(method="wilson")
        assert quality.wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_provenance_knows_this_checkout_and_marks_changes(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True, capture_output=True)

    assert provenance.checkout(tmp_path) == {"commit": None, "dirty": False, "changed": [], "digest": ""}
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    clean = provenance.checkout(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", clean["commit"]) and not clean["dirty"]
    (tmp_path / "file").write_text("two")
    changed = provenance.checkout(tmp_path)
    assert changed["dirty"] and changed["changed"] == ["file"] and changed["digest"]
    (tmp_path / "file").write_text("three")
    assert provenance.checkout(tmp_path)["digest"] != changed["digest"]


def test_provenance_fingerprint_covers_what_makes_scores(tmp_path):
    given = {"repository": tmp_path, "configuration": "a: 1", "seeds": {"run": 1}, "models": [{"model": "m", "digest": "x"}], "data": []}
    first = provenance.collect(**given, command="snakemake")
    assert provenance.collect(**given, command="snakemake --cores 8")["fingerprint"] == first["fingerprint"]
    assert provenance.collect(**given | {"seeds": {"run": 2}}, command="snakemake")["fingerprint"] != first["fingerprint"]
    assert (
        provenance.collect(**given | {"models": [{"model": "m", "digest": "y"}]}, command="snakemake")["fingerprint"]
        != first["fingerprint"]
    )
    assert first["hardware"]["cores"] >= 1 and first["versions"]["python"].startswith("3.")
    assert json.loads(json.dumps(first)) == first


def test_rules_stand_right_of_what_they_need():
    graph = rule_graph.layout([["a", "b"], ["b", "d"], ["a", "c"], ["c", "d"], ["a", "d"]])
    place = {node.name: node.x for node in graph.nodes}
    assert place["a"] < place["b"] == place["c"] < place["d"]
    assert len(graph.edges) == 5
    assert rule_graph.layout([]).nodes == []
    with pytest.raises(ValueError, match="circle"):
        rule_graph.layout([["a", "b"], ["b", "a"]])


def test_history_pairs_documents_of_the_same_requests_and_marks_regressions(tmp_path):
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    report_fixture.make(earlier, tasks=2, documents=60)
    settings = report_fixture.make(now, tasks=2, documents=60)
    path = now / "scores/large/boolean.parquet"
    lines = parquet.read(path, schemas.SCORES).to_pylist()
    worse = [line | {"value": 0.0} if line["metric"] == "acc" and line["doc_id"] % 3 == 0 else line for line in lines]
    parquet.write(pa.Table.from_pylist(worse, schema=schemas.SCORES), path, schemas.SCORES)
    before = np.array([line["value"] for line in lines if line["metric"] == "acc"])
    after = np.array([line["value"] for line in worse if line["metric"] == "acc"])
    path = now / "tables/scores.parquet"
    table = parquet.read(path, schemas.SCORE_TABLE).to_pylist()
    changed = [
        line | {"value": float(after.mean())} if (line["model"], line["task"], line["metric"]) == ("large", "boolean", "acc") else line
        for line in table
    ]
    parquet.write(pa.Table.from_pylist(changed, schema=schemas.SCORE_TABLE), path, schemas.SCORE_TABLE)
    leading = board.top(board.rows(changed, ["small", "large"], settings["tasks"]))
    found = history.courses([{"label": "earlier", "results": str(earlier)}], now, leading)
    first = found[0]
    assert (first.model, first.task, first.verdict, first.paired) == ("large", "boolean", "regression", True)
    gaps = after - before
    half = 1.959964 * gaps.std(ddof=1) / math.sqrt(60)
    assert (first.change, first.low, first.high) == pytest.approx((gaps.mean(), gaps.mean() - half, gaps.mean() + half), abs=1e-6)
    assert {course.verdict for course in found[1:]} == {""}
    settings["history"] = [{"label": "earlier", "results": str(earlier)}]
    report.write(now, settings, now / "report/index.html")
    assert "1 regression and 0 improvements" in (now / "report/index.html").read_text(encoding="utf-8")


def test_history_of_other_requests_is_not_paired(tmp_path):
    report_fixture.make(tmp_path / "earlier", models=1, tasks=1, documents=30, seed=1)
    report_fixture.make(tmp_path / "now", models=1, tasks=1, documents=30, seed=2)
    table = parquet.read(tmp_path / "now/tables/scores.parquet", schemas.SCORE_TABLE).to_pylist()
    old = parquet.read(tmp_path / "earlier/tables/scores.parquet", schemas.SCORE_TABLE).to_pylist()
    (course,) = history.courses(
        [{"label": "x", "results": str(tmp_path / "earlier")}], tmp_path / "now", board.top(board.rows(table, ["model-00"], ["boolean"]))
    )
    assert not course.paired
    assert course.high - course.change == pytest.approx(1.959964 * math.hypot(table[0]["stderr"], old[0]["stderr"]))


def test_an_answer_given_to_most_documents_is_found():
    right = {("t", i): (f"choice {i % 4 + 1}", 4) for i in range(40)}
    found = variety._frequent("m", "e", "t", Counter({"choice 1": 30, "choice 2": 10}), right)
    assert (found.answer, found.share, found.reference_share) == ("choice 1", 0.75, 0.25)
    assert variety._frequent("m", "e", "t", Counter({f"choice {i}": 10 for i in range(4)}), right) is None
    same = {("t", i): ("yes", 2) for i in range(40)}
    assert variety._frequent("m", "e", "t", Counter({"yes": 40}), same) is None


def test_clusters_are_averaged_per_model(run):
    folder, settings = run
    table = parquet.read(folder / "tables/scores.parquet", schemas.SCORE_TABLE).to_pylist()
    found = variety.measure(folder, settings["tasks"], settings["models"], board.rows(table, settings["models"], settings["tasks"]))[
        "clustered"
    ]
    assert found == []  # 12 documents in 6 passages are too few
    rows = board.rows([line for line in table if line["task"] == "passages"], settings["models"], ["passages"])
    lead = next(row for row in rows if row.primary)
    clustered = variety._clustered(lead, {"x": {"small": [1.0, 0.0] * 5}, "y": {"small": [1.0] * 10, "large": [0.5]}}, ["small", "large"])
    assert clustered.means == {"small": [0.5, 1.0], "large": [None, 0.5]}
    assert clustered.sizes == [10, 10]


def test_costs_are_summed_and_the_cheaper_and_better_stand_out(run):
    folder, settings = run
    timings = parquet.read(folder / "tables/efficiency.parquet", schemas.TIMINGS).to_pylist()
    standings = [board.Standing("large", 0.8, 0.7, 0.9, 1, 1), board.Standing("small", 0.3, 0.2, 0.4, 0, 1)]
    small = next(c for c in cost.summed(timings, standings, settings["provenance"])["models"] if c.model == "small")
    own = [line for line in timings if line["model"] == "small"]
    assert small.sent == sum(line["requests"] - line["duplicates"] - line["from_store"] for line in own)
    assert small.tokens_per_second == pytest.approx(
        sum(line["computed_tokens"] + line["generated_tokens"] for line in own) / sum(line["seconds"] for line in own)
    )
    assert small.settings == "float32"
    chart = cost.pareto(cost.summed(timings, standings, settings["provenance"])["models"], standings)
    assert {point.strong for point in chart.points} == {True}  # small is cheaper, large is better


def test_labels_are_moved_apart():
    assert charts.apart([10, 12, 40, 11], 10) == [10, 30.0, 40.0, 20.0]
