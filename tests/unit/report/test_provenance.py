"""What a run was made from."""

import json
import re
import subprocess

from snakeval.report import provenance


def test_provenance_knows_this_checkout_and_marks_changes(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            check=True,
            capture_output=True,
        )

    assert provenance.checkout(tmp_path) == {
        "commit": None,
        "dirty": False,
        "changed": [],
        "digest": "",
    }
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
    given = {
        "repository": tmp_path,
        "configuration": "a: 1",
        "seeds": {"run": 1},
        "models": [{"model": "m", "digest": "x"}],
        "data": [],
    }
    first = provenance.collect(**given, command="snakemake")
    assert (
        provenance.collect(**given, command="snakemake --cores 8")["fingerprint"]
        == first["fingerprint"]
    )
    assert (
        provenance.collect(**given | {"seeds": {"run": 2}}, command="snakemake")["fingerprint"]
        != first["fingerprint"]
    )
    assert (
        provenance.collect(
            **given | {"models": [{"model": "m", "digest": "y"}]}, command="snakemake"
        )["fingerprint"]
        != first["fingerprint"]
    )
    assert first["hardware"]["cores"] >= 1 and first["versions"]["python"].startswith("3.")
    assert json.loads(json.dumps(first)) == first
