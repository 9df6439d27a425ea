"""The response store: what a key covers; kills, damage, compaction and several writers."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.inference import store
from snakeval.inference.store import Store
from snakeval.schemas.model import CALLS, OUTPUTS

SETTINGS = {
    "until": ["\n", "Q:"], "max_new_tokens": 8, "do_sample": True, "temperature": 0.7,
    "top_p": 0.9, "top_k": 5, "repetition_penalty": 1.1, "samples": 3, "seed": 7,
}  # fmt: skip
CALL = {
    "kind": "generate", "context": [1, 2, 3], "continuation": [4, 5], "token_types": [0, 0, 1],
    "offsets": [0, 1, -1, -1], "passage": "text", "generation": SETTINGS, "sample": 1,
}  # fmt: skip


def _key(identity="model", tokenizer="tokenizer", **changes):
    table = pa.Table.from_pylist(
        [{**CALL, **changes}], pa.schema([field for field in CALLS if field.name != "key"])
    )
    return store.keys(table, identity, tokenizer)[0].as_py()


def _answers(names, value=0.0, text=None):
    rows = [
        {"key": f"{name:064}", "loglikelihood": value, "greedy": False, "text": text, "n_tokens": 1}
        for name in names
    ]
    return pa.Table.from_pylist(rows, OUTPUTS)


def _keys(names):
    return pa.array([f"{name:064}" for name in names], pa.string())


def _found(folder, names):
    return sorted(int(key) for key in Store(folder, "m").lookup(_keys(names))["key"].to_pylist())


@pytest.mark.parametrize(
    "change",
    [
        {"identity": "other"},
        {"tokenizer": "other"},
        {"kind": "extract"},
        {"context": [1, 2, 4]},
        {"context": [1, 2]},
        {"continuation": [4, 6]},
        {"context": [1, 2, 3, 4], "continuation": [5]},  # the same tokens cut elsewhere
        {"context": [1, 2], "continuation": [3, 4, 5]},
        {"token_types": [0, 1, 1]},
        {"token_types": None},
        {"token_types": []},
        {"offsets": [0, 2, -1, -1]},
        {"offsets": None},
        {"passage": "Text"},
        {"passage": None},
        {"passage": ""},
        {"sample": 2},
        {"generation": None},
        *({"generation": {**SETTINGS, **change}} for change in (
            {"until": ["\n"]}, {"until": ["\n", "Q", ":"]}, {"until": []}, {"max_new_tokens": 9},
            {"do_sample": False}, {"temperature": 0.8}, {"top_p": 0.8}, {"top_k": 6},
            {"repetition_penalty": 1.0}, {"seed": 8},
        )),
    ],
)  # fmt: skip
def test_each_field_of_the_key_counts(change):
    assert _key(**change) != _key()


def test_what_cannot_change_the_answer_does_not_count():
    assert (
        _key(generation={**SETTINGS, "until": ["Q:", "\n", "Q:"]}) == _key()
    )  # the first of them to occur ends the text
    assert _key(generation={**SETTINGS, "samples": 5}) == _key()
    greedy = {**SETTINGS, "do_sample": False}
    for change in ({"seed": 8}, {"temperature": 0.0}, {"top_p": 1.0}, {"top_k": 0}):
        assert _key(generation={**greedy, **change}) == _key(generation=greedy)
    assert _key(generation=greedy, sample=2) == _key(generation=greedy)
    assert _key(generation=None, tokenizer="other") == _key(generation=None)


def test_no_two_requests_share_a_key_by_where_a_row_stands():
    rows = [
        {**CALL, "token_types": types, "context": ids}
        for ids in ([1], [], [1, 2])
        for types in (None, [], [0], [1, 2])
    ]
    schema = pa.schema([field for field in CALLS if field.name != "key"])
    table = pa.Table.from_pylist(rows, schema)
    together = store.keys(table, "m", "t").to_pylist()
    assert together == [_key("m", "t", **row) for row in rows]
    assert len(set(together)) == len(rows)
    sliced = pa.concat_tables([table.slice(5), table.slice(0, 5)])
    assert store.keys(sliced, "m", "t").to_pylist() == together[5:] + together[:5]


def test_many_keys_are_fast():
    n, length = 20_000, 50
    ids = pa.ListArray.from_arrays(
        pa.array(np.arange(n + 1) * length, pa.int32()), pa.array(np.arange(n * length), pa.int32())
    )
    given = {"kind": ["loglikelihood"] * n, "context": ids, "continuation": ids}
    given["sample"] = pa.array([0] * n, pa.int32())
    nulls = {field.name: pa.nulls(n, field.type) for field in CALLS if field.nullable}
    table = pa.table(nulls | given)
    start = time.process_time()
    assert len(pc.unique(store.keys(table, "m", ""))) == n
    assert time.process_time() - start < 2


def test_an_answer_is_known_after_leaving_and_others_are_not(tmp_path):
    with Store(tmp_path, "m") as writer:
        writer.append(_answers(range(5)))
    assert _found(tmp_path, range(3, 8)) == [3, 4]
    assert len(Store(tmp_path, "another").lookup(_keys(range(5)))) == 0


def test_an_empty_store_and_an_empty_question(tmp_path):
    assert _found(tmp_path, [1]) == []
    with Store(tmp_path, "m") as writer:
        writer.append(_answers([1]))
    assert _found(tmp_path, []) == []


def test_every_column_comes_back(tmp_path):
    rows = [
        {
            "key": "a",
            "loglikelihood": float("-inf"),
            "greedy": True,
            "text": None,
            "finish_reason": None,
            "n_tokens": 2,
        },
        {
            "key": "b",
            "loglikelihood": None,
            "greedy": None,
            "text": "é\0\n",
            "finish_reason": "stop",
            "n_tokens": 0,
        },
    ]
    with Store(tmp_path, "m") as writer:
        writer.append(pa.Table.from_pylist(rows, OUTPUTS))
    found = Store(tmp_path, "m").lookup(pa.array(["b", "a"])).sort_by("key").to_pylist()
    assert found == rows


def test_a_thousand_answers_are_written_at_once_and_a_table_stays_whole(tmp_path):
    writer = Store(tmp_path, "m")
    writer.append(_answers(range(600)))
    assert _found(tmp_path, range(2000)) == []
    writer.append(_answers(range(600, 1300)))
    assert _found(tmp_path, range(2000)) == list(range(1300))
    assert len(list((tmp_path / "m").iterdir())) == 1


def test_few_answers_are_written_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "SECONDS_AT_RISK", 0.05)
    writer = Store(tmp_path, "m")
    writer.append(_answers([1]))
    deadline = time.monotonic() + 10
    while not _found(tmp_path, [1]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _found(tmp_path, [1]) == [1]


def test_a_failure_to_write_late_is_raised_at_the_next_call(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "SECONDS_AT_RISK", 0.01)

    def full(*_):
        raise UserError("no space left on the device")

    monkeypatch.setattr(store.parquet, "write", full)
    writer = Store(tmp_path, "m")
    writer.append(_answers([1]))
    time.sleep(0.2)
    with pytest.raises(UserError, match="no space left"):
        writer.append(_answers([2]))


def test_answers_before_an_error_are_kept(tmp_path):
    with pytest.raises(RuntimeError, match="engine"), Store(tmp_path, "m") as writer:
        writer.append(_answers([1]))
        raise RuntimeError("engine")
    assert _found(tmp_path, [1]) == [1]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other table"])
def test_a_damaged_part_is_named_and_ignored(tmp_path, caplog, damage):
    writer = Store(tmp_path, "m")
    for names in (range(5), range(5, 9)):
        writer.append(_answers(names))
        writer.flush()
    part = sorted((tmp_path / "m").iterdir())[0]
    content = bytearray(part.read_bytes())
    if damage == "flip":
        content[40] ^= 255
        part.write_bytes(content)
    elif damage == "other table":
        parquet.write(pa.table({"key": ["x"]}), part, None)
    else:
        part.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    reader = Store(tmp_path, "m")
    for _ in range(2):
        assert sorted(int(key) for key in reader.lookup(_keys(range(9)))["key"].to_pylist()) == [
            5,
            6,
            7,
            8,
        ]
    assert [record.getMessage() for record in caplog.records].count(
        caplog.records[0].getMessage()
    ) == 1
    assert str(part) in caplog.text and "computed again" in caplog.text


def test_compaction_keeps_every_answer_once_and_the_oldest(tmp_path):
    writer = Store(tmp_path, "m")
    for turn in range(40):
        writer.append(_answers([turn, turn + 1], value=-float(turn)))
        writer.flush()
    before = Store(tmp_path, "m").lookup(_keys(range(41))).sort_by("key")
    assert before["loglikelihood"].to_pylist() == [0.0, *(-float(turn) for turn in range(40))]
    reader = Store(tmp_path, "m")
    reader.lookup(_keys([0]))
    writer.compact()
    assert len(list((tmp_path / "m").iterdir())) == 1
    assert Store(tmp_path, "m").lookup(_keys(range(41))).sort_by("key") == before
    assert (
        reader.lookup(_keys(range(41))).sort_by("key") == before
    )  # it had listed the parts that are gone
    writer.append(_answers([3], value=-99.0))
    writer.flush()
    assert Store(tmp_path, "m").lookup(_keys([3]))["loglikelihood"].to_pylist() == [-2.0]


def test_a_reader_between_listing_and_reading_sees_the_merged_part(tmp_path, monkeypatch):
    writer = Store(tmp_path, "m")
    for turn in range(20):
        writer.append(_answers([turn]))
        writer.flush()
    reader = Store(tmp_path, "m")
    rows, compacted = store._rows, []

    def late(path, indices):
        if not compacted:
            compacted.append(True)
            Store(tmp_path, "m").compact()
        return rows(path, indices)

    monkeypatch.setattr(store, "_rows", late)
    assert len(reader.lookup(_keys(range(20)))) == 20


def test_compaction_leaves_damaged_and_large_parts_and_removes_abandoned_files(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "ROWS_OF_A_LARGE_PART", 50)
    writer = Store(tmp_path, "m")
    for names in [range(100), *([turn] for turn in range(200, 220))]:
        writer.append(_answers(names))
        writer.flush()
    folder = tmp_path / "m"
    (folder / "damaged.parquet").write_bytes(b"nothing")
    for name, age in ((".old.tmp", 2 * 86400), (".new.tmp", 0)):
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (time.time() - age,) * 2)
    writer.compact()
    assert len(list(folder.iterdir())) == 4
    assert not (folder / ".old.tmp").exists()
    assert (folder / ".new.tmp").exists()
    assert _found(tmp_path, range(300)) == [*range(100), *range(200, 220)]


def test_rows_are_found_in_every_row_group(tmp_path):
    n = 3 * parquet.ROWS_PER_GROUP + 5
    columns = {
        "key": [f"{i:064}" for i in range(n)],
        "loglikelihood": np.arange(float(n)),
        "greedy": [False] * n,
        "n_tokens": [1] * n,
    }
    texts = pa.table(
        {**columns, "text": pa.nulls(n, pa.string()), "finish_reason": pa.nulls(n, pa.string())}
    )
    with Store(tmp_path, "m") as writer:
        writer.append(texts)
    some = [0, 8191, 8192, 16383, 3 * 8192 - 1, n - 1]
    assert (
        Store(tmp_path, "m").lookup(_keys(some)).sort_by("key")["loglikelihood"].to_pylist() == some
    )


WRITER = """
import sys, pyarrow as pa
from snakeval.inference import store
from snakeval.schemas.model import OUTPUTS
first, count, root = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
writer = store.Store(root, "m")
for n in range(first, first + count):
    row = {"key": f"{n:064}", "loglikelihood": float(n), "greedy": False, "n_tokens": 1}
    rows = [row | {"text": "x" * 20000}]
    writer.append(pa.Table.from_pylist(rows, OUTPUTS))
    writer.flush()
    if n % 20 == 19:
        writer.compact()
    print(n, flush=True)
"""


def test_each_part_is_checked_once_by_a_reader(tmp_path, monkeypatch):
    for number in range(3):
        with Store(tmp_path, "m") as writer:
            writer.append(_answers([number]))
    checked, verify = [], parquet.verify
    monkeypatch.setattr(parquet, "verify", lambda path: checked.append(path) or verify(path))
    reader = Store(tmp_path, "m")
    assert [len(reader.lookup(_keys(range(5)))) for _ in range(2)] == [3, 3]
    assert len(checked) == 3


def test_two_processes_write_and_compact_at_once(tmp_path):
    run = [sys.executable, "-c", WRITER]
    writers = [
        subprocess.Popen([*run, str(first), "60", str(tmp_path)], stdout=subprocess.PIPE)
        for first in (0, 1000)
    ]
    reader = Store(tmp_path, "m")
    seen = 0
    while any(writer.poll() is None for writer in writers):
        now = len(reader.lookup(_keys([*range(60), *range(1000, 1060)])))
        assert now >= seen, "an answer was in the store and is no more"
        seen = now
    assert [writer.communicate() and writer.returncode for writer in writers] == [0, 0]
    assert _found(tmp_path, range(2000)) == [*range(60), *range(1000, 1060)]


@pytest.mark.parametrize("moment", [3, 7, 30])
def test_killed_in_the_middle_of_writing(tmp_path, moment, caplog):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, "0", "100000", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(moment):
        last = int(writer.stdout.readline())
    time.sleep(0.002 * moment)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    found = _found(tmp_path, range(100000))
    assert found[: last + 1] == list(range(last + 1))
    assert not caplog.records, "a killed writer leaves nothing damaged"
    with Store(tmp_path, "m") as again:
        again.append(_answers([200000]))
    assert _found(tmp_path, [200000]) == [200000]
