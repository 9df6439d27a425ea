"""Local files: their formats, the layouts of data sets, and what is wrong with damaged ones."""

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.sources import documents, file_formats
from snakeval.sources.file_formats import Reading
from snakeval.sources.split_files import LocalData, find, read

DATA = os.environ.get("SNAKEVAL_DATA")
real_data = pytest.mark.skipif(DATA is None, reason="SNAKEVAL_DATA names no folder with real data")

ROWS = [
    {"question": "Größe\u2028 of “007”?\nYes", "answer": "007"},
    {"question": "", "answer": "None"},
    {"question": 'a "b", c\t', "answer": "1e5"},
]


def put(file: Path, content: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def as_csv(rows):
    return "\n".join(
        ",".join('"' + value.replace('"', '""') + '"' for value in row)
        for row in [rows[0].keys(), *(row.values() for row in rows)]
    )


def as_jsonl(rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"


def load(path, name=None, split="test", only_subset=True, splits=None, **reading):
    return documents.rows(
        read(
            LocalData(path, splits or {}, Reading(**reading)), name, split, only_subset=only_subset
        )
    )


FORMATS = {
    "test.json": lambda rows: json.dumps(rows),
    "test.jsonl": as_jsonl,
    "test.ndjson": as_jsonl,
    "lines.json": as_jsonl,
    "test.csv": as_csv,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_formats_give_the_same_documents(tmp_path, name, packed, prefix):
    content = prefix + FORMATS[name](ROWS).encode()
    file = put(tmp_path / (name + ".gz" * packed), gzip.compress(content) if packed else content)
    assert load(file) == ROWS


def test_parquet(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "x.parquet")
    assert load(tmp_path / "x.parquet") == ROWS


def test_tsv_has_no_quotes(tmp_path):
    file = put(tmp_path / "x.tsv", 'a\tb\n"Go," he said\t1\n5" nails\tNA\r\n')
    assert load(file) == [{"a": '"Go," he said', "b": "1"}, {"a": '5" nails', "b": "NA"}]


def test_csv_values_are_text_unless_types_convert_them(tmp_path):
    file = put(tmp_path / "x.csv", "text,label,share,flag\n007,1,1e5,true\nNA,,nan,False\n")
    assert load(file) == [
        {"text": "007", "label": "1", "share": "1e5", "flag": "true"},
        {"text": "NA", "label": "", "share": "nan", "flag": "False"},
    ]
    typed = load(file, types={"label": "int", "flag": "bool"})
    assert [(row["label"], row["flag"], row["share"]) for row in typed] == [
        (1, True, "1e5"),
        (None, False, "nan"),
    ]
    with pytest.raises(UserError, match=r"x.csv: column text, row 1 \(from 0\): 'NA' is not int"):
        load(file, types={"text": "int"})
    with pytest.raises(
        UserError,
        match=r"column n: 99999999999999999999 needs more than 64 bits\. Correct it, or read the "
        r"column as text\.",
    ):
        load(put(tmp_path / "n.csv", "n\n1\n99999999999999999999\n"), types={"n": "int"})
    with pytest.raises(
        UserError,
        match=r"`types` names column 'lable', which does not exist. Use one of text, label",
    ):
        load(file, types={"lable": "int"})


def test_headerless_csv(tmp_path):
    file = put(tmp_path / "x.csv", "What?,1,2,A\nWhy?,None,null,B\n")
    assert load(file, columns=("question", "A", "B", "answer"))[1] == {
        "question": "Why?",
        "A": "None",
        "B": "null",
        "answer": "B",
    }
    with pytest.raises(UserError, match=r"x.csv, line 1: 4 values for 3 columns"):
        load(file, columns=("question", "A", "B"))


def test_csv_with_long_and_multiline_values(tmp_path):
    rows = [{"a": "x" * 500_000, "b": "two\nlines"}, {"a": "y", "b": "z"}]
    assert load(put(tmp_path / "x.csv", as_csv(rows))) == rows


def test_json_field(tmp_path):
    file = put(tmp_path / "x.json", json.dumps({"canary": "x", "data": {"examples": ROWS}}))
    assert load(file, field="data.examples") == ROWS
    with pytest.raises(
        UserError, match=r"x.json: one JSON object with keys canary, data, not a list of documents"
    ):
        load(file)
    with pytest.raises(UserError, match=r"Set `field: examples`"):
        load(put(tmp_path / "y.json", json.dumps({"version": 1, "examples": ROWS})))
    with pytest.raises(
        UserError, match=r"no key 'exmples' on the way to field 'data.exmples'. Found: examples"
    ):
        load(file, field="data.exmples")


ARTICLES = (
    " \n = Lobster = \n \n It is red . \n \n = = Range = = \n \n Wide . \n = not a heading = \n"
    " \n = Gold = \n \n A metal . \n"
)


@pytest.mark.parametrize(
    ("how", "starts"),
    [
        ("file", [" \n = Lobster = \n"]),
        ("article", [" \n = Lobster = \n", " \n = Gold = \n"]),
        ("line", ARTICLES.split("\n")[:-1]),
    ],
)
def test_plain_text(tmp_path, how, starts):
    file = put(tmp_path / "x.txt", ARTICLES)
    texts = [row["text"] for row in load(file, text=how)]
    assert len(texts) == len(starts)
    assert all(text.startswith(start) for text, start in zip(texts, starts, strict=True))
    assert ("\n" if how == "line" else "").join(texts) + "\n" * (how == "line") == ARTICLES
    assert [row["page"] for row in load(file, text=how, columns=("page",))] == texts


def test_a_format_can_be_named(tmp_path):
    assert load(put(tmp_path / "x.dat", "a\tb\n1\t2\n"), format="tsv") == [{"a": "1", "b": "2"}]
    with pytest.raises(UserError, match=r"x.dat: unknown format. Known are .parquet"):
        load(tmp_path / "x.dat")


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["test.jsonl", "train.jsonl"], None),
        (["data/test.jsonl"], None),
        (["data/test-00000-of-00002.jsonl", "data/test-00001-of-00002.jsonl"], None),
        (["test-00000-of-00001-0123abcd.jsonl"], None),
        (["test/part-1.jsonl", "test/part-2.jsonl", "train/part-1.jsonl"], None),
        (["anatomy/test.jsonl", "virology/test.jsonl"], "anatomy"),
        (["anatomy/data/test-00000-of-00001.jsonl"], "anatomy"),
        (["test.jsonl"], "main"),
    ],
)
def test_layouts(tmp_path, files, name):
    for number, file in enumerate(files):
        put(tmp_path / file, as_jsonl([{"file": file, "number": number}]))
    put(tmp_path / "README.md", "x")
    put(tmp_path / ".cache" / "test.jsonl", "x")
    wanted = [file for file in files if "train" not in file and "virology" not in file]
    assert [row["file"] for row in load(tmp_path, name)] == wanted


def test_placeholders(tmp_path):
    put(tmp_path / "val" / "law_val.csv", "q\n1\n")
    path = tmp_path / "{split}" / "{name}_{split}.csv"
    assert load(path, "law", "validation", only_subset=False, splits={"validation": "val"}) == [
        {"q": "1"}
    ]
    with pytest.raises(
        UserError,
        match=r"no such file. Found: val/law_val.csv. Correct the path, or write under `splits`",
    ):
        load(path, "law", "validation")
    with pytest.raises(UserError, match="the task has no dataset_name"):
        load(path, None, "val")
    for name in ("../law", "/etc/law"):
        with pytest.raises(UserError, match="would leave the folder"):
            load(path, name, "val")


def test_files_without_a_subsets_name_serve_only_a_lone_subset(tmp_path):
    file = put(tmp_path / "test.jsonl", as_jsonl(ROWS))
    for path in (tmp_path, file, tmp_path / "{split}.jsonl"):
        assert load(path, "law") == ROWS
        with pytest.raises(UserError, match="tasks read subset law and others"):
            load(path, "law", only_subset=False)
    for subject in ("law", "art"):
        put(tmp_path / "dev" / f"{subject}_dev.jsonl", as_jsonl(ROWS))
    with pytest.raises(UserError, match="both look like split dev"):
        load(tmp_path, None, "dev")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no file of split test. Found: no data file"),
        (
            {"dev.jsonl": "{}", "train.csv": "a"},
            "Found: dev, train. Write under `splits` what the files call test",
        ),
        (
            {"test.jsonl": "{}", "test.csv": "a\n1"},
            r"test.csv and .*test.jsonl both look like split test",
        ),
        (
            {"test-00000-of-00003.jsonl": "{}", "test-00002-of-00003.jsonl": "{}"},
            "part 1 of 3 of .* is missing. Copy all parts",
        ),
        (
            {"test/1.jsonl": '{"a": 1}', "test/2.jsonl": '{"b": 1}'},
            "2.jsonl: column 'a' is not in all files of the split",
        ),
        (
            {"test/1.jsonl": '{"a": 1}', "test/2.jsonl": '{"a": "x"}'},
            "columns differ between the files",
        ),
    ],
)
def test_bad_folders(tmp_path, files, message):
    for name, content in files.items():
        put(tmp_path / name, content)
    with pytest.raises(UserError, match=message):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", '{"a": 1}\n\n{"a": 2,}\n', "x.jsonl, line 3: not JSON"),
        ("x.jsonl", '{"a": 1}\n[1]\n', "x.jsonl, line 2: not a JSON object"),
        ("x.jsonl", "[" * 100_000, "x.jsonl, line 1: not JSON"),
        (
            "x.jsonl",
            '{"a": "\\ud800"}\n',
            r"x.jsonl: key 'a': '\\ud800' holds half a surrogate pair",
        ),
        ("x.jsonl", '{"a": 1}\n{"a": "\\ud800"}\n', r"x.jsonl: key 'a': .* half a surrogate pair"),
        (
            "x.jsonl",
            '{"a": {"b": 1}}\n{"a": {"\\ud800": 1}}\n',
            r"x.jsonl: key 'a': .* half a surrogate pair",
        ),
        ("x.jsonl", '{"\\ud800": 1}\n', r"x.jsonl: key '\\ud800': .* half a surrogate pair"),
        (
            "x.jsonl",
            '{"a": 1}\n{"a": ' + 5000 * "9" + "}",
            "x.jsonl, line 2: not JSON .a number of thousands of digits",
        ),
        (
            "x.json",
            '[{"a": ' + 5000 * "9" + "}]",
            "x.json: not JSON .a number of thousands of digits",
        ),
        ("x.json", '[{"a": 1}', "x.json, line 1: not JSON"),
        ("x.json", "3", "x.json: the JSON is not a list of documents"),
        ("x.json", "[[1]]", r"x.json: record 0 \(from 0\) is not a JSON object"),
        ("x.json", "", "x.json, line 1: not JSON"),
        ("x.json", "[]", "x.json: no documents"),
        ("x.jsonl", "\n", "x.jsonl: no documents"),
        ("x.csv", "", "x.csv: no documents"),
        ("x.csv", "a,b\n", "x.csv: no documents"),
        ("x.csv", 'a,b\n1,2\n1,"2\n', "x.csv, line 3: not CSV"),
        ("x.csv", "a,b\n1,2\n1\n", "x.csv, line 3: 1 values for 2 columns"),
        ("x.csv", "a,a\n1,2\n", "column 'a' is twice"),
        ("x.txt", "", "x.txt: no documents"),
        ("x.txt", b"good\nbad \xff\n", r"x.txt, line 2: not UTF-8 text \(byte 9\)"),
        (
            "x.jsonl",
            '{"a": "ü"}\n'.encode("latin-1"),
            r"x.jsonl, line 1: not UTF-8 text \(byte 7\)",
        ),
        ("x.jsonl", '{"a": 1}\n'.encode("utf-16"), "x.jsonl, line 1: not UTF-8 text"),
        ("x.jsonl.gz", b"no gzip", "x.jsonl.gz: damaged gzip file"),
        (
            "x.jsonl.gz",
            gzip.compress(b'{"a": 1}\n' * 99, mtime=0)[:-12],
            "x.jsonl.gz: damaged gzip file",
        ),
        ("x.parquet", b"PAR1 no", "x.parquet: not a readable Parquet file"),
        ("x.parquet", b"", "x.parquet: not a readable Parquet file"),
        ("x.xlsx", b"", "x.xlsx: unknown format"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    with pytest.raises(UserError, match=message) as caught:
        load(put(tmp_path / name, content))
    assert "\n" not in str(caught.value)


def test_a_parquet_file_damaged_inside(tmp_path):
    pq.write_table(
        pa.table({"a": list(range(10_000))}), tmp_path / "x.parquet", write_page_checksum=True
    )
    content = bytearray((tmp_path / "x.parquet").read_bytes())
    content[len(content) // 3] ^= 0xFF
    put(tmp_path / "x.parquet", bytes(content))
    with pytest.raises(UserError, match=r"x.parquet: not a readable Parquet file"):
        load(tmp_path / "x.parquet")


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        load(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"x.jsonl: cannot be read \(Is a directory\)"):
        file_formats.read(put(tmp_path / "x.jsonl" / "y", "").parent, Reading())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(st.fixed_dictionaries({"a": JSON, "b": JSON}), min_size=1, max_size=4))
def test_any_json_survives_the_way_through_parquet(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("json") / "x.parquet"
    parquet.write(documents.table(rows, "here"), file, None)
    back = documents.rows(parquet.read(file))
    assert json.dumps(back, sort_keys=True) == json.dumps(rows, sort_keys=True)


def test_a_key_that_a_document_lacks_is_null():
    assert documents.rows(documents.table([{"a": 1}, {"b": "x"}], "here")) == [
        {"a": 1, "b": None},
        {"a": None, "b": "x"},
    ]


def test_json_inside_lists_and_dictionaries_is_decoded():
    inner = pa.array(['{"x": 1}', "[2]", None], pa.json_())
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 3]), inner)
    table = pa.table(
        {
            "list": lists,
            "struct": pa.StructArray.from_arrays(
                [inner.slice(0, 2), pa.array(["p", "q"])], ["j", "s"]
            ),
        }
    )
    assert documents.rows(table) == [
        {"list": [{"x": 1}, [2]], "struct": {"j": {"x": 1}, "s": "p"}},
        {"list": [None], "struct": {"j": [2], "s": "q"}},
    ]


@real_data
def test_real_data():
    root = Path(DATA or "")
    mmlu = load(
        root / "mmlu" / "{split}" / "{name}_{split}.csv",
        "anatomy",
        only_subset=False,
        columns=("question", "A", "B", "C", "D", "answer"),
    )
    assert len(mmlu) == 60 and {row["answer"] for row in mmlu} == set("ABCD")
    assert len(load(root / "gsm8k", "main")) == 500
    assert (
        len(load(root / "hellaswag" / "hellaswag_val.jsonl", split="validation")[0]["endings"]) == 4
    )
    articles = load(root / "wikitext2" / "valid.txt", text="article", columns=("page",))
    assert len(articles) == 60  # as published for WikiText-2's validation set
    assert "".join(row["page"] for row in articles) == (root / "wikitext2" / "valid.txt").read_text(
        encoding="utf-8"
    )
    assert len(load(root / "humaneval" / "HumanEval.jsonl.gz")) == 82
    assert load(root / "bbh" / "bbh" / "{name}.json", "boolean_expressions", field="examples")[
        0
    ].keys() == {"input", "target"}
    truthful = load(root / "truthfulqa" / "mc_task.json")
    assert truthful == json.loads(
        (root / "truthfulqa" / "mc_task.json").read_text(encoding="utf-8")
    )
    mrpc = load(
        root / "glue_mrpc" / "msr_paraphrase_test.txt", format="tsv", types={"Quality": "int"}
    )
    assert len(mrpc) == 600 and {row["Quality"] for row in mrpc} == {0, 1}
    assert find(
        LocalData(root / "winogrande", {"validation": "dev"}), None, "validation", only_subset=True
    ) == [root / "winogrande" / "dev.jsonl"]
