"""The JSON Schema for editors accepts what the reader accepts, and refuses the usual mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from torc_tui.cli.arguments import TEMPLATES
from torc_tui.docs.key_meanings import key_meanings
from torc_tui.errors import SpecError
from torc_tui.views.json_schema import check
from torc_tui.workflow_file.editor_schema import workflow_schema
from torc_tui.workflow_file.key_tables import KeyTable
from torc_tui.workflow_file.load import loads
from torc_tui.workflow_file.schema import JOB, WORKFLOW

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    [
        *ROOT.glob("examples/*/*.yaml"),
        *ROOT.glob("examples/*/*.json"),
        *ROOT.glob("torc_tui/templates/*.yaml"),
        *ROOT.glob("tests/*/data/**/*.yaml"),
    ]
)
SCHEMA = workflow_schema(key_meanings())


def problems(text: str) -> list[str]:
    return [one.text for one in check(yaml.safe_load(text), SCHEMA)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_files_that_are_valid(path: Path) -> None:
    assert problems(path.read_text()) == []


def test_there_are_files() -> None:
    assert len(FILES) > len(TEMPLATES) + 5


ENTRY = "jobs: [{{name: a, command: b, {}}}]"
REQUEST = "resource_requirements: [{{name: r, num_cpus: 1, {}}}]\njobs: []"


@pytest.mark.parametrize(
    "text",
    [
        "x-base: &b {command: c}\njobs: [{<<: *b, name: a}]",
        "jobs: []\nparameters: {a: 1, b: '1:3', c: [1, x], d: null}\nvariables: {A: 1}",
        "jobs: []\nstart_server_on_head_node: true\nproject: null",
        "jobs: []\nslurm_schedulers: [{account: a, nodes: 2}]\nslurm_defaults: {qos: x}",
        "jobs: []\nresource_monitor: {granularity: summary, other: 1, jobs: {enabled: true}}",
        "jobs: []\nexecution_config: {stdio: none, termination_signal: term}\nhash_limit: 5",
        "jobs: []\non_oom: x1.5\non_timeout: {runtime: 2, max_retries: 3, delay: PT5M}",
        "user_data: [{name: u, data: [1, {a: null}], schema: {type: array}}]\njobs: []",
        "files: [{name: f, path: p, report: Caption}, {name: g, path: q, report: {group: x}}]\njobs: []",
        ENTRY.format("resource_requirements: {memory: 16g}, depends_on: a"),
        ENTRY.format("stdio: {mode: combined}, env: {A: 1}, labels: [gpu]"),
        ENTRY.format("resource_requirements_name: r, blocked_by: [x], input_file_names: [f]"),
        ENTRY.format("on_oom: 1.5, shell: bash -c, canary: 2, cancel_on_blocking_job_failure: false"),
        REQUEST.format("memory: 1024, num_gpus: 0.5, gpu_memory: 50%, runtime: P1DT2H"),
        REQUEST.format("memory: 16 G, num_gpus: 2, runtime: pt1.5h"),
        "failure_handlers: [{name: h, rules: [{exit_codes: 3}, {causes: [oom]}]}]\njobs: []",
    ],
)  # fmt: skip
def test_other_files_that_are_valid(text: str) -> None:
    loads(text)
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("name: w", "."),
        ("jobs: {}", ".jobs"),
        ("jobs: [{name: a}]", ".jobs[0]"),
        ("jobs: [{command: a}]", ".jobs[0]"),
        ("jobs: []\njob: []", ".job"),
        ("jobs: []\nshell: 7", ".shell"),
        ("jobs: []\non_lost: never", ".on_lost"),
        ("jobs: []\nvariables: [A]", ".variables"),
        ("jobs: []\nexecution_config: {mod: direct}", ".execution_config.mod"),
        ("jobs: []\nexecution_config: {stdio: both}", ".execution_config.stdio"),
        ("jobs: []\ndynamic_jobs: {max_iterations: 0}", ".dynamic_jobs.max_iterations"),
        ("jobs: []\nresource_monitor: {granularity: x}", ".resource_monitor.granularity"),
        (ENTRY.format("priority: -1"), ".jobs[0].priority"),
        (ENTRY.format("priority: high"), ".jobs[0].priority"),
        (ENTRY.format("depends_on: [1]"), ".jobs[0].depends_on"),
        (ENTRY.format("labels: ['a,b']"), ".jobs[0].labels"),
        (ENTRY.format("comand: x"), ".jobs[0].comand"),
        (REQUEST.format("memory: 512mb"), ".resource_requirements[0].memory"),
        (REQUEST.format("runtime: 1h"), ".resource_requirements[0].runtime"),
        (REQUEST.format("num_nodes: 0"), ".resource_requirements[0].num_nodes"),
        ("actions: [{trigger_type: x, action_type: run_commands}]\njobs: []", ".actions[0]"),
    ],
)
def test_broken_files(text: str, where: str) -> None:
    with pytest.raises(SpecError):
        loads(text)
    assert any(one.startswith(where) for one in problems(text)), problems(text)


def tables(table: KeyTable) -> Iterator[KeyTable]:
    yield table
    for key in table.keys.values():
        if key.table is not None:
            yield from tables(key.table)


def test_every_key_is_in_the_schema() -> None:
    """A new key has a schema, and the documented ones have their meaning."""
    names = {name for table in tables(WORKFLOW) for name in table.keys}
    text = json.dumps(SCHEMA)
    assert all(f'"{name}": ' in text for name in names)
    entry: Any = SCHEMA["properties"]["jobs"][
        "anyOf" if "anyOf" in SCHEMA["properties"]["jobs"] else "items"
    ]
    assert {name for name in JOB.keys if "description" not in entry["properties"][name]} == set()
    assert entry["properties"]["canary"]["description"].startswith("with parameters: this many")
