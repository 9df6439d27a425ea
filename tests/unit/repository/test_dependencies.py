"""Dependencies are declared once, in pyproject.toml; pins and conda environments follow."""

import re
import tomllib

import pytest
import yaml

ENVIRONMENTS = ("data", "model", "score")


def normal(name: str) -> str:
    """The name alone, without extras, as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pins(repository):
    lines = [
        line
        for line in (repository / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    pins = dict(line.split("==") for line in lines)
    return {normal(name): version for name, version in pins.items()}


def names(requirements):
    return {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}


def pip_packages(repository, environment):
    content = yaml.safe_load((repository / "envs" / f"{environment}.yaml").read_text())
    return dict(line.split("==") for line in content["dependencies"][-1]["pip"])


def test_every_dependency_is_pinned(project, pins):
    declared = names(project["dependencies"]).union(
        *map(names, project["optional-dependencies"].values())
    )
    assert declared <= pins.keys()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_holds_declared_packages_at_their_pins(
    repository, project, pins, environment
):
    packages = pip_packages(repository, environment)
    assert {normal(name) for name in packages} <= names(project["dependencies"])
    assert {name: pins[normal(name)] for name in packages} == packages
    extras = {name for name in packages if "[" in name}
    assert extras <= set(project["dependencies"])


def test_together_the_environments_hold_what_the_jobs_need(repository, project):
    packages = set().union(*(pip_packages(repository, environment) for environment in ENVIRONMENTS))
    assert {normal(name) for name in packages} == names(project["dependencies"]) - {"snakemake"}


def test_every_rule_with_a_script_names_an_environment(repository):
    for rules in (repository / "workflow" / "rules").glob("*.smk"):
        text = rules.read_text()
        found = re.findall(r'conda:\s+"\.\./\.\./envs/(\w+)\.yaml"', text)
        assert len(found) == text.count("script:")
        assert set(found) <= set(ENVIRONMENTS)
