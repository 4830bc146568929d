"""The documentation: its generated pages, its topics, and the tables behind them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import torc_tui
from tests.reference.__main__ import FOLDER, PAGES
from torc_tui import settings
from torc_tui.cli import diagnostics
from torc_tui.docs import tables, topics
from torc_tui.engine import report
from torc_tui.errors import NotFound
from torc_tui.workflow_file import schema

CODE = {path: path.read_text() for path in Path(torc_tui.__file__).parent.rglob("*.py")}


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str) -> None:
    """`python -m tests.reference` writes what the repository holds."""
    assert (FOLDER / f"{name}.md").read_text() == PAGES[name]()


def test_topics_are_the_files() -> None:
    assert sorted(topics.ORDER) == sorted(path.stem for path in FOLDER.glob("*.md"))


@pytest.mark.parametrize("topic", topics.ORDER)
def test_topic(topic: str) -> None:
    text = topics.text_of(topic)
    assert text.startswith("# ")
    assert topics.summary_of(topic).endswith(".")
    assert len(topics.summary_of(topic)) <= 54


@pytest.mark.parametrize("topic", topics.ORDER)
def test_names_in_texts(topic: str) -> None:
    """Topics and commands that a page names exist."""
    text = topics.text_of(topic)
    for other in re.findall(r"torc\s+help\s+([a-z][\w-]*)", text):
        assert other in topics.ORDER


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("job", "did you mean jobs?"), ("GPU", "did you mean gpus?"), ("nothing", "topics: ")],
)
def test_unknown_topic(asked: str, hint: str) -> None:
    with pytest.raises(NotFound) as caught:
        topics.text_of(asked)
    assert hint in str(caught.value.hint)


def test_exit_codes() -> None:
    told = {code for code, _ in tables.EXIT_CODES}
    codes = {
        *(value for name, value in vars(report).items() if name.startswith("EXIT_")),
        diagnostics.OK,
        diagnostics.FAILED,
        diagnostics.WRONG_USE,
        diagnostics.INTERRUPTED,
        diagnostics.BROKEN_PIPE,
    }
    assert told == codes


def test_settings() -> None:
    assert [key for key, _ in tables.SETTINGS] == [*settings.KEYS]


def test_variables() -> None:
    """Every TORC_ variable of the code is documented, and no other."""
    used = {
        name
        for path, text in CODE.items()
        if path.parent.name != "docs"
        for name in re.findall(r"[\"'$(]\{?(TORC_[A-Z_]+)\b", text)
    }
    rows = (*tables.JOB_VARIABLES, *tables.SCRIPT_VARIABLES, *tables.USER_VARIABLES)
    told = {name for names, _ in rows for name in re.findall(r"TORC_\w+", names)}
    assert used - {"TORC_"} == told - {"TORC_SECTION__KEY"}


@pytest.mark.parametrize(
    ("table", "heading"), [(schema.WORKFLOW, "## Workflow"), (schema.JOB, "## Jobs")]
)
def test_keys_of_a_workflow_file(table: schema.KeyTable, heading: str) -> None:
    rows = topics.text_of("workflow-files").split(heading)[1].split("\n\n")[1].splitlines()[2:]
    told = {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert told <= {*table.keys}
    if table is schema.JOB:
        assert {*table.keys} == told


def test_keys_of_entries() -> None:
    """The page names only keys that the tables of the entries have."""
    known = {
        key for one in vars(schema).values() if isinstance(one, schema.KeyTable) for key in one.keys
    }
    section = topics.text_of("workflow-files").split("## Files, user data")[1].split("## ")[0]
    told = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)[:`]", section))
    assert "recovery_script" in told
    assert (
        told - {"run_commands", "blocked_by", "input_file_names", "resource_requirements_name"}
        <= known
    )
