"""One file adds a family of models, found by listing the folder; answers get another identity."""

from builders.library_copy import copy_library, run

from snakeval.files.code_digest import code_digest
from snakeval.models.identity import ENGINE, NOT_ENGINE

ECHO = '''
"""Models that answer nothing."""

import transformers

from snakeval.backends.local.family import Family

FAMILY = Family("echo", transformers.AutoModel, lambda loaded: None)
'''
USE = """
import json
from snakeval.backends.local import build

print(json.dumps(sorted(build.families())))
"""


def test_a_new_file_is_a_family(tmp_path):
    library = copy_library(tmp_path)
    before = code_digest(ENGINE, NOT_ENGINE, library)
    file = library / "backends/local/echo.py"
    file.write_text(ECHO)
    added = code_digest(ENGINE, NOT_ENGINE, library)
    assert run(library, USE) == ["causal", "classifier", "echo", "extractive", "seq2seq"]
    file.write_text(ECHO.replace("None)", "loaded)"))
    assert len({before, added, code_digest(ENGINE, NOT_ENGINE, library)}) == 3
