"""What the documents say of keys and commands is so."""

import re

import pytest

from snakeval.config.dataset import DataSource
from snakeval.config.model import Answers, Model
from snakeval.config.run import Config, Gate, Power
from snakeval.config.task import Benchmark

SECTIONS = [Config, Model, Answers, Benchmark, DataSource, Gate, Power]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_the_configuration_is_documented(repository, section):
    text = (repository / "config" / "README.md").read_text()
    for name, field in section.model_fields.items():
        assert re.search(
            rf"^\| `{name}` \| .+ \| {re.escape(field.description)} \|$", text, re.MULTILINE
        ), name


def test_links_between_documents_lead_somewhere(repository):
    for page in [
        *repository.glob("*.md"),
        *repository.glob("docs/*.md"),
        *repository.glob("config/*.md"),
    ]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
