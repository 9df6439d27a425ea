"""The documents agree with the code: keys, tables, commands, links."""

import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import generate
import generate_keys
import pytest
from builders.pages import blocks
from builders.project import REPOSITORY
from generate import GENERATED

from snakeval.config.run import Config
from snakeval.tasks import definition

PAGES = [
    *REPOSITORY.glob("*.md"),
    *REPOSITORY.glob("docs/**/*.md"),
    *REPOSITORY.glob("config/*.md"),
]
PLAIN = {  # programs of the system, and of packages that a page has installed
    *("cd", "cp", "mkdir", "ls", "tar", "grep", "cat", "export", "source"),
    ".venv/bin/pip",
}
FILE_OPTIONS = ("--configfile", "--configfiles")  # of snakemake: take every word after them
OTHER_OPTIONS = ("--cores", "--resources", "--config", "--until", "--quiet", "--report")


def sections():
    return [section for _, section in generate_keys.sections(Config, "")]


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_key_of_the_configuration_is_documented(section):
    for text in (GENERATED["configuration"](), generate.COPY.read_text(encoding="utf-8")):
        for name, field in section.model_fields.items():
            assert field.description, name
            meaning = re.escape(" ".join(field.description.split()).replace("|", "\\|"))
            assert re.search(rf"^\| `{name}` \| .+ \| {meaning} \|$", text, re.MULTILINE), name


def test_the_copy_of_the_keys_is_what_the_code_says():
    assert generate.COPY.read_text(encoding="utf-8") == generate.copy(), (
        "run `python docs/generate.py --write`"
    )


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_table_has_rows_and_a_place(name):
    text = GENERATED[name]()
    assert len(text.splitlines()) > 5
    places = [
        page
        for page in (REPOSITORY / "docs").glob("**/*.md")
        if f"<!-- generated: {name} -->" in page.read_text(encoding="utf-8")
    ]
    assert len(places) == 1


def test_every_table_has_its_path():
    page = (REPOSITORY / "docs/reference/tables.md").read_text(encoding="utf-8")
    tables = re.findall(r"^### `(\w+)`$", GENERATED["tables"](), re.MULTILINE)
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)) == set(tables)


def test_the_keys_of_task_files_are_those_that_the_page_names():
    page = (REPOSITORY / "docs/reference/tasks.md").read_text(encoding="utf-8")
    for heading, known in {
        "Keys of a task": {"include", *definition.KEYS},
        "Keys of `fewshot_config`": set(definition.FEWSHOT_KEYS),
        "Keys of `generation_kwargs`": set(definition.GENERATION_KEYS),
    }.items():
        part = re.search(rf"^#+ {re.escape(heading)}$(.*?)^##", page, re.MULTILINE | re.DOTALL)[1]
        rows = re.findall(r"^\| (`.*?`) \| ", part, re.MULTILINE)
        assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == known


def test_links_between_documents_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_documents_that_the_code_names_exist():
    folders = ["workflow", "benchmarks", "profiles", "config", "tests", "resources", "envs"]
    files = [file for folder in folders for file in (REPOSITORY / folder).rglob("*.*")]
    files = [file for file in files if file.suffix in (".py", ".smk", ".yaml", ".md", ".rst")]
    assert len(files) > 300
    for file in files:
        for name in re.findall(r"\bdocs/[\w/-]+\.md", file.read_text(encoding="utf-8")):
            assert Path(REPOSITORY, name).is_file(), f"{file}: {name}"


def test_every_page_is_in_the_navigation():
    text = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    docs = REPOSITORY / "docs"
    listed = set(re.findall(r"([\w/-]+\.md)$", text, re.MULTILINE))
    assert listed == {str(page.relative_to(docs)) for page in docs.glob("**/*.md")}


def test_the_site_builds_without_a_dead_link_and_loads_nothing_from_a_network(tmp_path):
    build = importlib.import_module("mkdocs.commands.build").build
    load = importlib.import_module("mkdocs.config").load_config
    build(load(str(REPOSITORY / "mkdocs.yml"), site_dir=str(tmp_path), strict=True))
    pages = list(tmp_path.glob("**/*.html"))
    assert len(pages) > 30 and (tmp_path / "search" / "search_index.js").is_file()
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<!-- generated" not in text
        assert not re.search(r"<(script|img|iframe)[^>]* src=\"?(https?:)?//", text), page
        assert not re.search(r"<link[^>]* rel=\"?(stylesheet|preload|preconnect)[^>]*//", text)


def test_measured_tables_have_their_place():
    """Every script that writes a table with `page.write` finds its page and its comments."""
    explanation = REPOSITORY / "docs" / "explanation"
    calls = [
        call
        for script in (REPOSITORY / "benchmarks").glob("*.py")
        for call in re.findall(
            r'page\.write\(\s*"([\w.-]+)",\s*"([^"]+)"', script.read_text(encoding="utf-8")
        )
    ]
    assert len(calls) > 3
    for page, command in calls:
        text = (explanation / page).read_text(encoding="utf-8")
        assert re.search(
            rf"<!-- written by {re.escape(command)} -->.+?<!-- end -->", text, re.DOTALL
        )


def commands() -> Iterator[tuple[str, str]]:
    """Every command of every page, with the page's name."""
    for page in PAGES:
        for block in blocks(page):
            for command in block.commands if block.language == "console" else ():
                yield page.stem, command


@pytest.fixture(scope="module")
def rules():
    return set(re.findall(r"^\| `(\w+)` \|", GENERATED["rules"](), re.MULTILINE)) | {"all"}


@pytest.fixture(scope="module")
def extras():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return set(project["optional-dependencies"])


def test_commands_name_what_exists(rules, extras):
    found = list(commands())
    assert len(found) > 40
    for page, command in found:
        words = shlex.split(command, comments=True)
        while re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        problem = check(words[0], words[1:], rules, extras)
        assert problem is None, f"{page}: {command}: {problem}"


def check(program: str, words: list[str], rules: set[str], extras: set[str]) -> str | None:
    """What does not exist of a command, or None."""
    match program:
        case "make":
            targets = re.findall(
                r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE
            )
            return next((word for word in words if "=" not in word and word not in targets), None)
        case "python":
            file = next((word for word in words if word.endswith(".py")), None)
            titles = {block.title for page in PAGES for block in blocks(page)}
            return None if not file or file in titles or Path(REPOSITORY, file).is_file() else file
        case "pip" | ".venv/bin/pip":
            named = re.findall(r"\[([\w,-]+)\]", " ".join(words))
            return next((e for names in named for e in names.split(",") if e not in extras), None)
        case "snakemake":
            return check_snakemake(words, rules)
        case "profiles/slurm/resume":
            return None if words[0] in ("adopt", "cancel") else words[0]
    return None if program in PLAIN else program


def check_snakemake(words: list[str], rules: set[str]) -> str | None:
    """A word of a snakemake command that is no file, rule or value of the option before it."""
    option = ""
    for word in words:
        if word.startswith("-"):
            option = word
        elif option in FILE_OPTIONS:
            if not word.endswith(".yaml"):
                return f"{word} would be read as a file of {option}"
            if "/" in word and not Path(REPOSITORY, word).is_file():
                return word
        elif option == "--workflow-profile":
            if not Path(REPOSITORY, word, "config.yaml").is_file():
                return word
        elif option in ("", "--until"):
            if word not in rules:
                return f"no rule {word}"
        elif option not in OTHER_OPTIONS:
            return f"{word} after {option}"
    return None


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("make nonsense", "nonsense"),
        ("snakemake --cores 2 --configfile my.yaml preflight", "preflight would be read as a file"),
        ("snakemake nonsense --cores 2", "no rule nonsense"),
        ("snakemake --workflow-profile profiles/nonsense", "profiles/nonsense"),
        ("python benchmarks/nonsense.py", "benchmarks/nonsense.py"),
        ("pip install -e '.[nonsense]'", "nonsense"),
        ("nonsense", "nonsense"),
    ],
)
def test_what_does_not_exist_is_found(command, problem, rules, extras):
    words = shlex.split(command)
    assert problem in (check(words[0], words[1:], rules, extras) or "")
