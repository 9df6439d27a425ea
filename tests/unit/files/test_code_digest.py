"""The code digest sees what can change a result, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snakeval.files import code_digest
from snakeval.files.code_digest import LIBRARY

SOURCE = '''\
"""What this does."""
from lib.b import g


def f(x, *, y=1):
    """Docstring."""
    # a comment
    text = f"{x:>{y}.2f} and {x!r}" "tail"
    return g(x) + y, text, {**x}, "it's"
'''
REFORMATTED = """\
from lib.b import (
    g,
)
def f(
    x,
    *,
    y = 1,  # why
):
    text = f'{x:>{y}.2f} and {x!r}tail'
    return (g(x) + y), text, {**x}, 'it\\'s'
"""


@pytest.fixture
def lib(tmp_path):
    folder = tmp_path / "lib"
    (folder / "pack").mkdir(parents=True)
    for name, text in {
        "__init__.py": "version = 1\n",
        "a.py": SOURCE,
        "b.py": "def g(x):\n    from lib import c\n    return c.h(x)\n",
        "c.py": "import os\nfrom .pack import deep\ndef h(x):\n    return deep.k(x)\n",
        "pack/__init__.py": "",
        "pack/deep.py": "from ..e import z\nfrom . import near\ndef k(x):\n    return x + z\n",
        "pack/near.py": "n = 1\n",
        "pack/page.html": "<p>",
        "e.py": "z = 2\n",
        "alone.py": "q = 3\n",
    }.items():
        (folder / name).write_text(text)
    return folder


def _digest(lib, *modules, without=()):
    return code_digest.code_digest(modules or ["lib.a"], without=without, library=lib)


def test_formatting_comments_and_docstrings_do_not_count(lib):
    before = _digest(lib)
    (lib / "a.py").write_text(REFORMATTED)
    assert _digest(lib) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("y=1", "y=2"),
        ("y=1", "y=True"),
        ("y=1", "y=1.0"),
        ("+ y", "- y"),
        ("{**x}", "{x: x}"),
        ("!r", "!s"),
        ("tail", "tale"),
        ("*, y=1", "y=1"),
    ],
)
def test_every_change_of_meaning_counts(lib, old, new):
    before = _digest(lib)
    (lib / "a.py").write_text(SOURCE.replace(old, new))
    assert _digest(lib) != before


@pytest.mark.parametrize(
    "file",
    ["b.py", "c.py", "pack/__init__.py", "pack/deep.py", "pack/near.py", "e.py", "pack/page.html"],
)
def test_imported_modules_count_through_any_chain(lib, file):
    before = _digest(lib)
    (lib / file).write_text((lib / file).read_text() + "added = 1\n")
    assert _digest(lib) != before


@pytest.mark.parametrize("file", ["alone.py", "__init__.py"])
def test_other_modules_and_the_top_package_do_not_count(lib, file):
    before = _digest(lib)
    (lib / file).write_text("changed = 1\n")
    assert _digest(lib) == before


def test_left_out_modules_do_not_count(lib):
    before = _digest(lib, without=["lib.e"])
    (lib / "e.py").write_text("z = 3\n")
    assert _digest(lib, without=["lib.e"]) == before


def test_order_and_repetition_of_names_do_not_count(lib):
    assert (
        _digest(lib, "lib.a", "lib.alone")
        == _digest(lib, "lib.alone", "lib.a", "lib.a")
        != _digest(lib)
    )


@pytest.mark.parametrize("name", ["lib.nothing", "scripts/nothing.py"])
def test_unknown_module_is_an_error(lib, name):
    with pytest.raises(ValueError, match=rf"{name}: no such module"):
        _digest(lib, name)


def test_of_a_script_its_own_words_count(lib):
    script = lib.parent / "scripts/do.py"
    script.parent.mkdir()
    script.write_text('"""Do."""\nfrom lib import b\nb.g(1)\n')
    before = _digest(lib, "scripts/do.py", "lib.alone")
    script.write_text('"""Do it."""\nfrom lib import b  # what does it\nb.g(1)\n')
    (lib / "b.py").write_text("changed = 1\n")
    assert _digest(lib, "scripts/do.py", "lib.alone") == before != _digest(lib, "lib.alone")
    script.write_text("from lib import b\nb.g(2)\n")
    assert _digest(lib, "scripts/do.py", "lib.alone") != before


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_the_version_of_python_does_not_count(lib, version):
    other = _python(version)
    if other is None:
        pytest.skip(f"no Python {version} on this machine")
    shutil.copy(code_digest.__file__, lib.parent / "code_digest.py")
    code = (
        "import sys, pathlib; from code_digest import code_digest; "
        "print(code_digest(sys.argv[2:], library=pathlib.Path(sys.argv[1])))"
    )
    for library, modules in ((lib, ["lib.a"]), (LIBRARY, _all_modules())):
        run = subprocess.run(
            [other, "-c", code, library, *modules],
            cwd=lib.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == code_digest.code_digest(modules, library=library)


def test_imports_nothing_but_the_standard_library():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import code_digest; "
        "print('numpy' in sys.modules, 'pyarrow' in sys.modules)"
    )
    command = [sys.executable, "-c", code, LIBRARY / "files"]
    assert subprocess.check_output(command, text=True).split() == ["False", "False"]


def _all_modules() -> list[str]:
    files = sorted(LIBRARY.rglob("*.py"))
    return [
        ".".join(("snakeval", *file.relative_to(LIBRARY).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for file in files
    ]


def _python(version: str) -> str | None:
    found = shutil.which(f"python{version}")
    if (
        found
        and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    ):
        return found
    return next(
        (str(path) for path in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))),
        None,
    )


def test_what_is_remembered_is_used_while_a_file_stays_as_it_is(lib, monkeypatch):
    before = _digest(lib)
    code_digest._remembered.cache_clear()  # as another process
    with monkeypatch.context() as patched:
        patched.setattr(code_digest, "_module", lambda *_: pytest.fail("parsed again"))
        assert _digest(lib) == before
    (lib / "c.py").write_text((lib / "c.py").read_text() + "x = 1\n")
    assert _digest(lib) != before
    kept = lib / code_digest.REMEMBERED
    for damaged in ("", "{}", '{"by": "another", "modules": {"lib.a": ["", "0", []]}}'):
        kept.write_text(damaged)
        code_digest._remembered.cache_clear()
        assert _digest(lib) not in ("", before)


def test_nothing_can_be_remembered_in_a_folder_that_is_read_only(lib, monkeypatch):
    monkeypatch.setattr(
        code_digest, "REMEMBERED", "a.py/code_digests.json"
    )  # a file where a folder is wanted
    assert _digest(lib) == _digest(lib)


LISTING = "from lib.files.neighbours import neighbours\nFOUND = list(neighbours(__name__))\n"


def test_a_module_that_lists_its_folder_depends_on_all_of_it(lib):
    (lib / "files").mkdir()
    for package in (lib / "files", lib / "plugins", lib / "plugins" / "more"):
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("")
    (lib / "files" / "neighbours.py").write_text("def neighbours(name):\n    return []\n")
    (lib / "plugins" / "registry.py").write_text(LISTING)
    digests = [_digest(lib, "lib.plugins.registry")]
    for name in ("plugins/one.py", "plugins/more/two.py"):
        for text in ("A = 1\n", "A = 2\n"):
            (lib / name).write_text(text)
            code_digest._remembered.cache_clear()
            digests.append(_digest(lib, "lib.plugins.registry"))
    assert len(set(digests)) == 5
    (lib / "other.py").write_text("A = 1\n")
    assert _digest(lib, "lib.plugins.registry") == digests[-1]
