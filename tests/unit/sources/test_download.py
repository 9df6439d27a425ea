"""Downloads of models and documents.

The hub is reached with its real client, in a process of its own, from a server on this machine.
"""

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders.fake_hub import COMMIT, FakeHub, Fault

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.generators.generate import generate
from snakeval.jobs.retry import Retry, Trouble, persist
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.task import DOCUMENT_FILES
from snakeval.sources import documents, download, hub, hub_errors
from snakeval.sources.repository import Repository

TOKEN = "hf_secretTokenOfTheTests"
SAID: list[str] = []


def quiet(**changes) -> Retry:
    return Retry(
        **({"say": SAID.append, "sleep": lambda seconds: None, "chance": lambda: 1.0} | changes)
    )


def subsets(name=None, splits=("test",), **kwargs):
    return {name or "default": {"name": name, "kwargs": kwargs, "splits": list(splits)}}


# Trying again


class Passing(Exception):
    pass


def failing(times, result="done"):
    calls = []

    def action():
        calls.append(1)
        if len(calls) <= times:
            raise Passing(f"failure {len(calls)}")
        return result

    return action, calls


def always_passing(wait=None):
    return lambda error: (
        Trouble(f"models.a: {error}", True, wait) if isinstance(error, Passing) else None
    )


def test_back_off_doubles_up_to_a_limit():
    waits = []
    action, calls = failing(5)
    assert persist(action, always_passing(), quiet(sleep=waits.append, longest_delay=6)) == "done"
    assert waits == [1, 2, 4, 6, 6] and len(calls) == 6
    waits.clear()
    persist(failing(2)[0], always_passing(), quiet(sleep=waits.append, chance=lambda: 0.0))
    assert waits == [0.5, 1]


def test_a_wait_that_the_server_asks_for_is_kept():
    waits = []
    persist(failing(1)[0], always_passing(wait=30), quiet(sleep=waits.append))
    assert waits == [30]
    with pytest.raises(UserError, match="the server asks to wait 3600 s"):
        persist(failing(1)[0], always_passing(wait=3600), quiet())


def test_giving_up():
    action, calls = failing(99)
    with pytest.raises(UserError, match=r"^models.a: failure 3 \(tried 3 times\)$"):
        persist(action, always_passing(), quiet(attempts=3))
    assert len(calls) == 3
    action, calls = failing(99)
    with pytest.raises(UserError, match=r"^no$"):
        persist(action, lambda error: Trouble("no", False), quiet())
    assert len(calls) == 1
    with pytest.raises(ZeroDivisionError):
        persist(lambda: 1 // 0, always_passing(), quiet())


# Local models and data sets


@pytest.fixture
def model_folder(tmp_path):
    folder = tmp_path / "own model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(os.urandom(3000))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "README.md").write_text("not needed")
    return folder


def test_local_model(model_folder):
    table = download.model(
        {"source": "path:own model", "revision": None},
        "mine",
        base=model_folder.parent,
        retry=quiet(),
    )
    assert table.schema == MODEL_FILES
    assert table["file"].to_pylist() == ["config.json", "model.safetensors", "tokenizer.json"]
    for row in table.to_pylist():
        content = Path(row["folder"], row["file"]).read_bytes()
        assert (row["size"], row["sha256"], row["revision"]) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
            None,
        )


def test_demo_model(model_folder, tmp_path):
    (tmp_path / "resources" / "demo").mkdir(parents=True)
    model_folder.rename(tmp_path / "resources" / "demo" / "small")
    table = download.model({"source": "demo:small"}, "small", root=tmp_path, retry=quiet())
    assert set(table["folder"].to_pylist()) == {str(tmp_path / "resources" / "demo" / "small")}


def test_a_model_without_config_is_named_by_its_key(model_folder):
    (model_folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"^models.mine.source: no config.json in .*own model"):
        download.model({"source": f"path:{model_folder}"}, "mine", retry=quiet())


def test_local_data_set(tmp_path):
    (tmp_path / "law.csv").write_text("question,answer\nWhy?,007\n")
    settings = {
        "source": "path:{name}.csv",
        "revision": None,
        "splits": {},
        "columns": None,
        "text": None,
        "subsets": subsets("law"),
    }
    [(subset, split, table)] = download.dataset(settings, base=tmp_path, retry=quiet())
    assert (subset, split, table.to_pylist()) == (
        "law",
        "test",
        [{"question": "Why?", "answer": "007"}],
    )
    assert table.schema.metadata == {b"source": b"path:{name}.csv"}


def test_generated_data_set():
    settings = {
        "source": "generator:boolean",
        "subsets": subsets(splits=["train", "test"], size=5, seed=3),
    }
    made = {
        split: documents.rows(table)
        for _, split, table in download.dataset(settings, retry=quiet())
    }
    assert made == {
        split: generate("boolean", split=split, size=5, seed=3) for split in ("train", "test")
    }
    with pytest.raises(
        UserError,
        match=r"generator:boolean: dataset_kwargs: unknown key sise. Use seed, size, difficulty",
    ):
        list(
            download.dataset(
                {"source": "generator:boolean", "subsets": subsets(sise=5)}, retry=quiet()
            )
        )


def test_write_dataset_keeps_files_that_are_up_to_date(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps({"split": split}))
    settings = {"source": f"path:{tmp_path}", "signature": "1", "subsets": subsets(splits=["test"])}
    folder, index = tmp_path / "out" / "mine", tmp_path / "out" / "index.parquet"

    def write(**changes):
        SAID.clear()
        download.write_dataset(settings | changes, folder, index, retry=quiet())
        return [line.split(": ")[1] for line in SAID]

    assert write() == ["1 documents of test"]
    assert write() == []
    assert write(subsets=subsets(splits=["test", "train"])) == ["1 documents of train"]
    files = parquet.read(index, DOCUMENT_FILES).to_pylist()
    assert [(row["file"], row["documents"], row["name"], row["revision"]) for row in files] == [
        ("default/test.parquet", 1, None, None),
        ("default/train.parquet", 1, None, None),
    ]
    assert all(row["digest"] == parquet.digest(folder / row["file"]) for row in files)
    assert write(signature="2") == ["1 documents of test"]
    assert parquet.digest(folder / "default" / "test.parquet") == files[0]["digest"]


def test_documents_from_a_tasks_own_function(tmp_path):
    (tmp_path / "own.py").write_text(
        "import datasets\n\n\ndef made(size):\n"
        "    return {'test': datasets.Dataset.from_list([{'n': n} for n in range(size)]), "
        "'train': [{'n': 'x'}]}\n\n\n"
        "def odd(**_):\n    return [1]\n\n\ndef failing(**_):\n    return 1 / 0\n"
    )

    def load(name, splits=("train", "test")):
        function = {"!function": f"own.{name}", "file": str(tmp_path / "task.yaml"), "digest": None}
        settings = {
            "source": f"function:own.{name}",
            "function": function,
            "subsets": subsets(splits=list(splits), size=3),
        }
        return {
            split: documents.rows(table)
            for _, split, table in download.dataset(settings, retry=quiet())
        }

    assert load("made") == {"train": [{"n": "x"}], "test": [{"n": 0}, {"n": 1}, {"n": 2}]}
    with pytest.raises(
        UserError,
        match=r"task\.yaml: custom_dataset: !function own\.made returned splits test, train, not "
        r"a dict with dev",
    ):
        load("made", ["dev"])
    with pytest.raises(UserError, match="returned list, not a dict with train, test"):
        load("odd")
    with pytest.raises(UserError, match="failing raised ZeroDivisionError"):
        load("failing")


# The hub


@pytest.fixture
def repositories(tmp_path):
    """A hub with a model, and data sets in the usual layouts."""
    folder = tmp_path / "hub"
    model = folder / "models" / "org" / "tiny"
    (model / "onnx").mkdir(parents=True)
    (model / "config.json").write_text('{"model_type": "llama"}')
    (model / "model.safetensors").write_bytes(bytes(range(256)) * 40)
    (model / "pytorch_model.bin").write_bytes(b"a pickle")
    (model / "README.md").write_text("# tiny")
    (model / "onnx" / "config.json").write_text("{}")
    quiz = folder / "datasets" / "org" / "quiz"
    card = ["configs:"]
    for name in ("law", "art"):
        (quiz / name).mkdir(parents=True)
        card += [f"- config_name: {name}", "  data_files:"]
        for split in ("train", "test"):
            pq.write_table(
                pa.table({"question": [f"{name} {split}?"], "label": [1]}),
                quiz / name / f"{split}-00000-of-00001.parquet",
            )
            card += [f"  - split: {split}", f"    path: {name}/{split}-*"]
    (quiz / "README.md").write_text("\n".join(["---", *card, "---", "# Quiz"]))
    lines = folder / "datasets" / "org" / "lines"
    (lines / "data").mkdir(parents=True)
    (lines / "data" / "test.jsonl").write_text(
        '{"q": "007", "meta": {"a": 1}}\n{"q": "x", "meta": {"b": "y"}}\n'
    )
    (folder / "datasets" / "org" / "script").mkdir()
    (folder / "datasets" / "org" / "script" / "script.py").write_text(
        "raise SystemExit('a data set script ran')"
    )
    return folder


CHILD = textwrap.dedent(
    """
    import json, sys, time
    pause, said = time.sleep, []
    time.sleep = lambda seconds: pause(min(seconds, 0.01))  # the client's own pauses
    from snakeval.sources import documents, download
    from snakeval.errors import UserError
    from snakeval.jobs.retry import Retry
    retry = Retry(
        sleep=lambda seconds: said.append(f"slept {seconds:.0f}"),
        say=said.append,
        chance=lambda: 1.0,
        attempts=3,
    )

    def fetch(settings):
        if "subsets" not in settings:
            return download.model(settings, "tiny", retry=retry).to_pylist()
        return [
            [*key, documents.rows(table), table.schema.metadata[b"revision"].decode()]
            for *key, table in download.dataset(settings, retry=retry)
        ]

    results, errors = [], []
    for settings in json.loads(sys.argv[1]):
        try:
            results.append(fetch(settings))
            errors.append(None)
        except UserError as error:
            results.append(None)
            errors.append(str(error))
    print(json.dumps([results, errors, said]))
    """
)


@dataclass
class Outcome:
    results: list[list | None]
    errors: list[str | None]
    said: list[str]
    requests: list[tuple[str, str, str | None]]

    @property
    def result(self) -> list | None:
        return self.results[0]

    @property
    def error(self) -> str | None:
        return self.errors[0]

    def count(self, part: str, method: str = "GET") -> int:
        return sum(part in path and verb == method for verb, path, _ in self.requests)


def ask(
    settings: dict | list[dict], folder: Path, fault: Fault | None = None, **environment: str
) -> Outcome:
    """Download in a new process from a hub that serves `folder`.

    The hub's client reads its environment when it is imported.
    """
    asked = settings if isinstance(settings, list) else [settings]
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))
    }
    with FakeHub(folder, fault) as server:
        variables = {
            "HF_ENDPOINT": server.endpoint,
            "HF_HOME": str(folder.parent / "home"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **environment,
        }
        command = [sys.executable, "-c", CHILD, json.dumps(asked)]
        child = subprocess.run(
            command, env=inherited | variables, capture_output=True, text=True, timeout=120
        )
    assert child.returncode == 0, child.stderr
    assert TOKEN not in child.stdout + child.stderr
    results, errors, said = json.loads(child.stdout.splitlines()[-1])
    assert all(error is None or "\n" not in error for error in errors)
    return Outcome(results, errors, said, server.requests)


MODEL = {"source": "hf:org/tiny", "revision": None}


def test_hub_model(repositories):
    outcome = ask(MODEL, repositories, HF_TOKEN=TOKEN)
    assert [row["file"] for row in outcome.result] == ["config.json", "model.safetensors"]
    for row in outcome.result:
        content = (repositories / "models" / "org" / "tiny" / row["file"]).read_bytes()
        assert (row["revision"], row["size"], row["sha256"]) == (
            COMMIT,
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
    assert not outcome.count("pytorch_model.bin") and not outcome.count("onnx")
    assert {token for _, _, token in outcome.requests} == {f"Bearer {TOKEN}"}
    again = ask(MODEL | {"revision": COMMIT}, repositories)
    assert again.result == outcome.result
    assert not again.count("/resolve/")
    offline = ask(MODEL, repositories, HF_HUB_OFFLINE="1")
    assert offline.result == outcome.result and not offline.requests


def in_turn(part: str, *answers, method: str = "GET") -> Fault:
    """Answer the first requests for a path with `answers`, one after another."""
    return lambda verb, path, count: (
        answers[count] if verb == method and part in path and count < len(answers) else None
    )


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_fault_of_the_hub(repositories, status):
    outcome = ask(
        MODEL,
        repositories,
        in_turn("/api/models/org/tiny/tree", *[(status, {"Retry-After": "7"}, b"")] * 2),
    )
    assert len(outcome.result) == 2
    assert outcome.count("/tree/") >= 3


def test_a_lasting_fault_of_the_hub(repositories):
    outcome = ask(MODEL, repositories, lambda *request: (503, {"Retry-After": "7"}, b""))
    assert (
        outcome.error
        == "models.tiny.source: hf:org/tiny: the hub reports a fault of its own (HTTP 503) "
        "(tried 3 times)"
    )
    assert outcome.said.count("slept 7") == 2
    assert "trying again in 7.0 s (attempt 2 of 3)" in outcome.said[0]


def test_half_a_file(repositories):
    weights = (repositories / "models" / "org" / "tiny" / "model.safetensors").read_bytes()
    half = (200, {"Content-Length": str(len(weights))}, weights[: len(weights) // 2])
    outcome = ask(MODEL, repositories, in_turn("model.safetensors", half))
    assert {row["file"]: row["sha256"] for row in outcome.result}[
        "model.safetensors"
    ] == hashlib.sha256(weights).hexdigest()
    assert outcome.count("model.safetensors") == 2


def test_a_file_cut_short_without_saying_so(repositories):
    outcome = ask(MODEL, repositories, in_turn("model.safetensors", (200, {}, b"short")))
    assert len(outcome.result) == 2
    assert (
        "hf:org/tiny: the download of a file is incomplete; trying again in 1.0 s"
        in outcome.said[1]
    )


def test_wrong_content(repositories):
    weights = (repositories / "models" / "org" / "tiny" / "model.safetensors").read_bytes()
    wrong = (200, {}, weights[::-1])
    healed = ask(MODEL, repositories, in_turn("model.safetensors", wrong))
    assert {row["sha256"] for row in healed.result} >= {hashlib.sha256(weights).hexdigest()}
    assert any(
        "model.safetensors has other content than the hub names" in line for line in healed.said
    )
    config = (200, {}, b'{"model_type": "LLAMA"}')
    lasting = ask(
        MODEL,
        repositories,
        in_turn("config.json", *[config] * 9),
        HF_HOME=str(repositories.parent / "other home"),
    )
    assert "config.json has other content than the hub names" in lasting.error
    assert lasting.error.endswith("(tried 3 times)")


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", b'{"error": 1}', b"[1, 2]"])
def test_answers_that_do_not_come_from_a_hub(repositories, content):
    page = (200, {"Content-Type": "text/html"}, content)
    assert len(ask(MODEL, repositories, in_turn("/tree/", page)).result) == 2
    lasting = ask(
        MODEL,
        repositories,
        in_turn("/tree/", *[page] * 99),
        HF_HOME=str(repositories.parent / "other home"),
    )
    assert "does not answer as a hub" in lasting.error and lasting.error.endswith("(tried 3 times)")


PRIVATE = (401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, b"")
GATED = (403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}, b"")


@pytest.mark.parametrize(
    ("fault", "revision", "message"),
    [
        (
            lambda verb, path, count: GATED,
            None,
            "is gated. Ask for access at ENDPOINT/org/tiny, then set HF_TOKEN",
        ),
        (
            lambda verb, path, count: GATED if "/resolve/" in path else None,
            None,
            "is gated. Ask for access at ENDPOINT/org/tiny, then set HF_TOKEN",
        ),
        (
            lambda verb, path, count: PRIVATE,
            None,
            "no such model at ENDPOINT, or it is private. Correct the name, or set HF_TOKEN",
        ),
        (
            lambda verb, path, count: (401, {}, b""),
            None,
            "access denied (HTTP 401). Set HF_TOKEN to a token that may read ENDPOINT/org/tiny",
        ),
        (
            lambda verb, path, count: (403, {}, b""),
            None,
            "access denied (HTTP 403). Set HF_TOKEN to a token that may read ENDPOINT/org/tiny",
        ),
        (
            None,
            "v9",
            "hf:org/tiny at revision v9: no such revision. See ENDPOINT/org/tiny/tree/main",
        ),
    ],
)
def test_refusals_of_the_hub(repositories, fault, revision, message):
    outcome = ask(MODEL | {"revision": revision}, repositories, fault, HF_TOKEN=TOKEN)
    assert outcome.error.startswith("models.tiny.source: hf:org/tiny")
    assert message in re.sub(r"http://[^/, ]+", "ENDPOINT", outcome.error)
    assert not any("trying again" in line for line in outcome.said)


def test_no_such_repository_and_pickles(repositories):
    absent = ask(MODEL | {"source": "hf:org/tinny"}, repositories)
    assert "hf:org/tinny: no such model at http://127.0.0.1" in absent.error
    (repositories / "models" / "org" / "tiny" / "model.safetensors").unlink()
    pickled = ask(MODEL, repositories)
    assert pickled.error.startswith(
        "models.tiny.source: hf:org/tiny has only pickled weights (pytorch_model.bin)"
    )
    assert not pickled.count("/resolve/")


def test_offline(repositories):
    unreachable = ask(MODEL, repositories, HF_ENDPOINT="http://user:password@127.0.0.1:9")
    assert (
        "models.tiny.source: hf:org/tiny: cannot reach http://127.0.0.1:9 (ConnectError)"
        in unreachable.error
    )
    assert (
        "set HF_ENDPOINT to a mirror, or give a local copy: `source: path:FOLDER`"
        in unreachable.error
    )
    assert "password" not in unreachable.error
    forbidden = ask(MODEL, repositories, HF_HUB_OFFLINE="1")
    assert (
        "HF_HUB_OFFLINE forbids the download. Unset it and run the download on a machine with a "
        "network" in forbidden.error
    )


def quiz(**changes) -> dict:
    return {
        "source": "hf:org/quiz",
        "revision": None,
        "subsets": subsets("law", ["train", "test"]),
    } | changes


def test_hub_data_sets(repositories, monkeypatch):
    decoy = repositories.parent / "org" / "quiz"  # a folder with the name of the repository
    decoy.mkdir(parents=True)
    (decoy / "test.jsonl").write_text('{"question": "decoy"}')
    monkeypatch.chdir(repositories.parent)
    lines = {"source": "hf:org/lines", "revision": "main", "subsets": subsets()}
    outcome = ask(
        [quiz(), lines],
        repositories,
        in_turn("law/test-00000-of-00001.parquet", (200, {}, b"PAR1 nonsense")),
    )
    assert outcome.result == [
        ["law", "train", [{"question": "law train?", "label": 1}], COMMIT],
        ["law", "test", [{"question": "law test?", "label": 1}], COMMIT],
    ]
    assert not outcome.count("/art/")
    assert any("the download of a file is incomplete" in line for line in outcome.said)
    [[_, _, rows, revision]] = outcome.results[1]
    assert [row["q"] for row in rows] == ["007", "x"] and revision == COMMIT


def test_bad_requests_for_hub_data(repositories):
    cases = [
        (quiz(subsets=subsets("law", ["validation"])), "Should be one of"),
        (quiz(subsets=subsets("lwa")), "Available: ['law', 'art']"),
        (
            quiz(source="hf:org/script", subsets=subsets()),
            "Dataset scripts are no longer supported",
        ),
        (
            quiz(subsets=subsets("law", streaming=True)),
            "dataset_kwargs: streaming cannot be set",
        ),
        (quiz(source="hf:org/nothing"), "hf:org/nothing: no such dataset at http://127.0.0.1"),
        (quiz(revision="v9"), "hf:org/quiz at revision v9: no such revision"),
    ]
    outcome = ask([settings for settings, _ in cases], repositories)
    for error, (_, message) in zip(outcome.errors, cases, strict=True):
        assert error.startswith("datasets: ") and message in error
    assert not any("trying again" in line for line in outcome.said)


def test_loaders_of_plain_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    (tmp_path / "x.jsonl").write_text('{"q": "a"}\n')
    code = textwrap.dedent(
        """
        import sys
        from snakeval.sources import download
        kwargs = {"data_files": {"test": sys.argv[1]}}
        subsets = {"x": {"name": None, "kwargs": kwargs, "splits": ["test"]}}
        settings = {"source": "hf:json", "revision": None, "subsets": subsets}
        [(_, _, table)] = download.dataset(settings)
        assert table.to_pylist() == [{"q": "a"}], table
        """
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.jsonl")], capture_output=True, text=True
    )
    assert child.returncode == 0, child.stderr


def test_a_plain_file_without_documents_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    (tmp_path / "x.jsonl").touch()
    code = textwrap.dedent(
        """
        import sys
        from snakeval.sources import download
        kwargs = {"data_files": {"test": sys.argv[1]}}
        subsets = {"x": {"name": None, "kwargs": kwargs, "splits": ["test"]}}
        list(download.dataset({"source": "hf:json", "revision": None, "subsets": subsets}))
        """
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.jsonl")], capture_output=True, text=True
    )
    assert (
        "UserError: datasets: hf:json cannot be loaded (a file without documents)" in child.stderr
    )


def test_a_full_disk_is_not_tried_again():
    repository = Repository("model", "org/tiny", None, "models.tiny.source")
    wrapped = RuntimeError("while writing")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    trouble = hub_errors.diagnose(wrapped, repository)
    assert (
        trouble.line
        == "models.tiny.source: hf:org/tiny: no space left on the device for the download. "
        "Free some space, or set HF_HOME to a larger device."
    )
    assert not trouble.passing
    assert hub_errors.diagnose(KeyError("a defect"), repository) is None


def test_names_that_leave_the_folder_are_refused():
    repository = Repository("dataset", "org/quiz", None, "datasets")
    for name in ("../../escaped.parquet", "/etc/passwd", "a/../../b"):
        with pytest.raises(UserError, match="would leave its folder"):
            hub.fetch(repository, COMMIT, [name], quiet())


# ModelScope


def test_modelscope_model(model_folder, monkeypatch):
    errors = pytest.importorskip("modelscope_hub.errors")
    asked = []

    def snapshot_download(name, **options):
        asked.append((name, options["revision"]))
        if len(asked) == 1:
            raise errors.ServerError("busy")
        return str(model_folder)

    monkeypatch.setitem(
        sys.modules, "modelscope", SimpleNamespace(snapshot_download=snapshot_download)
    )
    table = download.model(
        {"source": "modelscope:org/tiny", "revision": "v2"}, "tiny", retry=quiet()
    )
    assert asked == [("org/tiny", "v2")] * 2
    assert table["file"].to_pylist() == ["config.json", "model.safetensors", "tokenizer.json"]
    assert set(table["revision"].to_pylist()) == {"v2"}
    asked.clear()

    def refuse(name, **options):
        raise errors.NotExistError("no such thing")

    monkeypatch.setitem(sys.modules, "modelscope", SimpleNamespace(snapshot_download=refuse))
    with pytest.raises(UserError, match=r"^models.tiny.source: modelscope:org/tiny: NotExistError"):
        download.model({"source": "modelscope:org/tiny"}, "tiny", retry=quiet())


def test_modelscope_data_set(repositories, tmp_path):
    code = textwrap.dedent(
        """
        import sys, types
        from snakeval.sources import download
        fake = types.SimpleNamespace(dataset_snapshot_download=lambda name, **options: sys.argv[1])
        sys.modules["modelscope"] = fake
        subsets = {"art": {"name": "art", "kwargs": {}, "splits": ["test"]}}
        settings = {"source": "modelscope:org/quiz", "revision": None, "subsets": subsets}
        [(_, _, table)] = download.dataset(settings)
        assert table.to_pylist() == [{"question": "art test?", "label": 1}], table
        metadata = table.schema.metadata
        assert metadata == {b"source": b"modelscope:org/quiz", b"revision": b"master"}, metadata
        """
    )
    command = [sys.executable, "-c", code, str(repositories / "datasets" / "org" / "quiz")]
    child = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HOME": str(tmp_path / "home")},
    )
    assert child.returncode == 0, child.stderr


def test_modelscope_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "modelscope", None)
    for fetch in (
        lambda: download.model({"source": "modelscope:org/tiny"}, "tiny", retry=quiet()),
        lambda: list(
            download.dataset({"source": "modelscope:org/quiz", "subsets": subsets()}, retry=quiet())
        ),
    ):
        with pytest.raises(UserError, match=r"Run `pip install 'snakeval\[modelscope\]'"):
            fetch()
