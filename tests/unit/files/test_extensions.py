"""Files of the user are listed, loaded once per content, and refused with a reason."""

import hashlib

import pytest

from snakeval.errors import UserError
from snakeval.files import extensions


def test_a_folder_stands_for_its_python_files_by_name(tmp_path):
    for name in ("b.py", "a.py", "_shared.py", "notes.txt"):
        (tmp_path / name).write_text("FILTERS = {}")
    files = extensions.python_files([str(tmp_path), str(tmp_path / "notes.txt")], "my.yaml")
    assert [file.name for file in files] == ["a.py", "b.py", "notes.txt"]
    (first, *_) = extensions.signed([str(tmp_path)], "my.yaml")
    digest = hashlib.sha256(b"FILTERS = {}").hexdigest()
    assert first == {"file": str(tmp_path / "a.py"), "digest": digest}


def test_a_path_must_exist_and_a_folder_must_hold_a_file(tmp_path):
    with pytest.raises(UserError, match=r"extensions: .*nowhere: no such file or folder"):
        extensions.python_files([str(tmp_path / "nowhere")], "my.yaml")
    with pytest.raises(UserError, match="the folder holds no Python file"):
        extensions.python_files([str(tmp_path)], "my.yaml")


@pytest.mark.parametrize(
    ("name", "content", "digest", "message"),
    [
        ("mine.py", "x = 1", None, "declares none of METRICS, AGGREGATIONS, FILTERS"),
        ("mine.py", "x = ", None, "the import fails: SyntaxError"),
        ("mine.py", "METRICS = ()", "0", "changed since the run was planned"),
        ("mine.txt", "METRICS = ()", None, "ends in .py"),
    ],
)
def test_a_file_that_is_not_an_extension_is_refused(tmp_path, name, content, digest, message):
    path = tmp_path / name
    path.write_text(content)
    digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(UserError, match=message) as refused:
        extensions.load(str(path), digest)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        extensions.load(str(tmp_path / "mine.py"), "0")
