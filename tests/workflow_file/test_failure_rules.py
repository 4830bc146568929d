"""Failure rules, `on_oom` and `on_timeout` in every format, and invalid ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from torc_tui.errors import SpecError
from torc_tui.model import FailureRule
from torc_tui.plan.resolve import resolve
from torc_tui.store import run_context, workflow_export, workflow_import
from torc_tui.store.creation import create
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads

RULE = FailureRule(
    exit_codes=(3, 4),
    causes=("oom", "timeout"),
    max_retries=5,
    delay=30.0,
    backoff=2.0,
    max_delay=600.0,
    memory=1.5,
    runtime=2.0,
    memory_limit=8 << 30,
    runtime_limit=7200.0,
    recovery_script="mend",
    recovery_timeout=60.0,
    if_script_fails="fail",
    then="ignore",
)
FILES = {
    "yaml": """
on_timeout: {runtime: x2, max_retries: 1}
failure_handlers:
  - name: h
    rules:
      - exit_codes: [3, 4]
        causes: [oom, timeout]
        max_retries: 5
        delay: PT30S
        backoff: 2
        max_delay: PT10M
        memory: x1.5
        runtime: x2
        memory_limit: 8g
        runtime_limit: PT2H
        recovery_script: mend
        recovery_timeout: PT1M
        if_script_fails: fail
        then: ignore
jobs:
  - {name: a, command: x, failure_handler: h, on_oom: x1.5}
""",
    "kdl": """
name "w"
on_timeout { runtime "x2"; max_retries 1 }
failure_handler "h" {
  rule {
    exit_codes 3 4
    causes "oom" "timeout"
    max_retries 5
    delay "PT30S"
    backoff 2
    max_delay "PT10M"
    memory "x1.5"
    runtime "x2"
    memory_limit "8g"
    runtime_limit "PT2H"
    recovery_script "mend"
    recovery_timeout "PT1M"
    if_script_fails "fail"
    then "ignore"
  }
}
job "a" { command "x"; failure_handler "h"; on_oom "x1.5" }
""",
    "json5": """
{on_timeout: {runtime: 'x2', max_retries: 1},
 failure_handlers: [{name: 'h', rules: [{exit_codes: [3, 4], causes: ['oom', 'timeout'],
   max_retries: 5, delay: 'PT30S', backoff: 2, max_delay: 'PT10M', memory: 'x1.5',
   runtime: 'x2', memory_limit: '8g', runtime_limit: 'PT2H', recovery_script: 'mend',
   recovery_timeout: 'PT1M', if_script_fails: 'fail', then: 'ignore'}]}],
 jobs: [{name: 'a', command: 'x', failure_handler: 'h', on_oom: 'x1.5'}]}
""",
}


@pytest.mark.parametrize("format", FILES)
def test_formats(format: str) -> None:
    spec = loads(FILES[format], format=format)
    assert spec.failure_handlers[0].rules == (RULE,)
    assert spec.settings["on_timeout"] == {"runtime": 2.0, "max_retries": 1}
    assert spec.jobs[0].options == {"on_oom": {"memory": 1.5, "gpu_memory": 1.5}}
    assert list(resolve(spec).warnings) == []


def test_export(sqlite_store: Store, tmp_path: Path) -> None:
    """The rules of an exported and imported workflow are those of its file."""
    plan = resolve(loads(FILES["yaml"], format="yaml"))
    first = create(sqlite_store, plan, user="u", directory=str(tmp_path), at=1.0)
    document = json.loads(json.dumps(workflow_export.export_workflow(sqlite_store, first)))
    copy = workflow_import.import_workflow(
        sqlite_store, document, user="u", directory=str(tmp_path), at=2.0
    )
    for workflow_id in (first, copy):
        with sqlite_store.read() as conn:
            context = run_context.read(conn, workflow_id)
        assert list(context.rules.values()) == [[RULE]]
        assert context.settings["on_timeout"] == {"runtime": 2.0, "max_retries": 1}


@pytest.mark.parametrize(
    ("where", "value", "words", "hint"),
    [
        ("memory", "1.5g", "'memory' '1.5g' is not a factor", "write x1.5"),
        ("memory", "x0.5", "'memory' must be above 1 and at most 100, not 0.5", "write x1.5"),
        ("memory", "x1", "'memory' must be above 1 and at most 100, not 1", "write x1.5"),
        ("memory", "x1000", "'memory' must be above 1 and at most 100, not 1000", "write x1.5"),
        ("memory", "true", "'memory' must be a factor such as x1.5", None),
        ("memory", "[2]", "'memory' must be a factor such as x1.5", None),
        ("runtime", "PT1H", "'runtime' 'PT1H' is not a factor", "write x1.5"),
        ("memory_limit", "8gb", "'memory_limit' '8gb' is not a size", "write 8g"),
        ("memory_limit", "x2", "'memory_limit' 'x2' is not a size", None),
        ("runtime_limit", "2h", "'runtime_limit' '2h' is not a duration", "write PT2H"),
        ("delay", "30s", "'delay' '30s' is not a duration", "write PT30S"),
        ("backoff", "0.5", "'backoff' must be a number from 1 to 100, not", None),
        ("backoff", "x2", "'backoff' must be a number from 1 to 100, not", None),
        ("causes", "[ooom]", "'causes' entry 1 must be one of exit, signal, oom", None),
        ("causes", "[canceled]", "'causes' entry 1 must be one of exit, signal, oom", None),
        ("then", "retry", "'then' must be one of fail, pending, ignore", None),
        ("if_script_fails", "no", "'if_script_fails' must be one of retry, fail", None),
        ("failure_handler", "h", "unknown key 'failure_handler'", None),
    ],
)
def test_wrong_values(where: str, value: str, words: str, hint: str | None) -> None:
    """Units and factors that are mixed up, and a handler that refers to itself."""
    text = (
        "jobs: [{name: a, command: x, failure_handler: h}]\n"
        "failure_handlers:\n"
        "- name: h\n"
        "  rules:\n"
        "  - exit_codes: [1]\n"
        f"    {where}: {value}\n"
    )
    with pytest.raises(SpecError) as error:
        loads(text, format="yaml")
    (problem,) = error.value.problems
    assert words in problem.message
    assert problem.line == 6
    if hint is not None:
        assert problem.hint is not None
        assert hint in problem.hint


def test_handler_that_contains_itself() -> None:
    text = "jobs: []\nfailure_handlers: &all\n- name: h\n  rules: *all\n"
    with pytest.raises(SpecError) as error:
        loads(text, format="yaml")
    assert "all" in error.value.problems[0].message


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("on_oom: 1.5g", "workflow: 'on_oom' '1.5g' is not a factor", 2),
        ("on_oom: {memroy: x2}", "on_oom: unknown key 'memroy'", 2),
        ("on_oom: {exit_codes: [1]}", "on_oom: unknown key 'exit_codes'", 2),
        ("on_timeout: [x2]", "workflow: 'on_timeout' must be a factor such as x1.5", 2),
    ],
)
def test_wrong_rules_of_ends(text: str, words: str, line: int) -> None:
    with pytest.raises(SpecError) as error:
        loads(f"jobs: [{{name: a, command: x}}]\n{text}\n", format="yaml")
    (problem,) = error.value.problems
    assert words in problem.message
    assert problem.line == line


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{max_retries: 2}", "rule 1 of failure_handler 'h' never applies"),
        (
            "{exit_codes: [1], memory_limit: 8g}",
            "'memory_limit' of rule 1 of failure_handler 'h' has no effect without 'memory'",
        ),
        (
            "{exit_codes: [1], backoff: 2}",
            "'backoff' of rule 1 of failure_handler 'h' has no effect without 'delay'",
        ),
        (
            "{exit_codes: [1], if_script_fails: fail}",
            "'if_script_fails' of rule 1 of failure_handler 'h' has no effect without"
            " 'recovery_script'",
        ),
    ],
)
def test_warnings(rule: str, words: str) -> None:
    text = (
        "jobs: [{name: a, command: x, failure_handler: h}]\n"
        f"failure_handlers: [{{name: h, rules: [{rule}]}}]\n"
    )
    found = resolve(loads(text, format="yaml")).warnings
    assert [one.message for one in found] == [words]


def test_warning_of_a_job() -> None:
    """Jobs of one entry are named once."""
    text = (
        "jobs:\n- {name: 'a_{i}', command: 'x {i}', parameters: {i: '1:9'},"
        " on_timeout: {runtime_limit: PT1H}}\n"
    )
    found: list[Any] = resolve(loads(text, format="yaml")).warnings
    assert [one.message for one in found] == [
        "'runtime_limit' of on_timeout of job 'a_{i}' has no effect without 'runtime'"
    ]
