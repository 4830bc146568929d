"""All errors of a file are reported at once, without those that only follow from another."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_tui.errors import SpecError
from torc_tui.plan.resolve import load_plan

MISTAKES = """
name: x
jobs:
  - name: a
    command: cat ${files.input.f} > ${files.output.g}
    depends_on: [prpe]
    resource_requirement: big
  - name: prep
    command: cat ${files.input.g} > ${files.output.f}
    priorty: 3
files:
  - {name: f, path: f}
  - {name: g, path: g}
"""


def problems(tmp_path: Path, text: str) -> list[tuple[int | None, str]]:
    file = tmp_path / "w.yaml"
    file.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_plan(file)
    return [(problem.line, problem.kind) for problem in caught.value.problems]


def test_errors_of_reading_and_resolving(tmp_path: Path) -> None:
    assert sorted(problems(tmp_path, MISTAKES)) == [
        (4, "cycle"),
        (6, "unknown-name"),
        (7, "unknown-key"),
        (10, "unknown-key"),
    ]


def test_misspelt_section(tmp_path: Path) -> None:
    assert problems(tmp_path, MISTAKES.replace("files:", "fils:")) == [
        (6, "unknown-name"),
        (7, "unknown-key"),
        (10, "unknown-key"),
        (11, "unknown-key"),
    ]


MANY = """
name: x
descripton: ten of them
jobs:
  - name: a
    command: cat ${files.input.raww}
    priority: high
    resource_requirement: big
  - name: b
    comand: echo
    depends_on: z
    failure_handler: retri
  - name: c
    command: echo
    depends_on: b
    env: 5
    input_files: [raw]
    cancel_on_blocking_job_failure: maybe
  - {name: 'p_{i}', command: 'echo {i}', parameters: {i: '1:3'}, suports_termination: true}
  - {name: last, command: 'true', depends_on: p_3, resource_requirements: small}
files:
  - {name: raw, path: raw.txt}
resource_requirements:
  - {name: small, num_cpus: 1, memory: 5 parsecs, runtime: PT1H}
failure_handlers:
  - {name: retry, rules: [{exit_codes: [1], max_retries: often}]}
use_pending_failed: perhaps
"""


def test_values_and_names(tmp_path: Path) -> None:
    found = problems(tmp_path, MANY)
    assert [line for line, kind in found if kind == "unknown-name"] == [6, 11, 12]
    assert [line for line, kind in found if kind != "unknown-name"] == [
        3,
        7,
        8,
        9,
        10,
        16,
        18,
        19,
        24,
        26,
        27,
    ]


WHOLE = """
name: whole
variables: {V: seven}
parameters: {k: '1:2'}
jobs:
  - name: prep
    command: cat ${files.input.raw} > ${files.output.clean}
    resource_requirements: small
    failure_handler: retry
  - name: work_{i}
    command: torc-x ${user_data.input.config} ${user_data.output.result_{i}} {V}
    parameters: {i: '1:2'}
    parameter_mode: product
    depends_on: prep
  - name: zip_{i}_{j}
    command: echo
    parameters: {i: '1:2', j: '3:4'}
    parameter_mode: zip
  - name: shared_{k}
    command: echo
    use_parameters: [k]
    output_user_data: ['made_{k}']
  - name: plain
    command: cat ${files.input.clean}
    input_user_data: [made_1]
    input_user_data_regexes: ['made_.*']
    depends_on: [work_1, zip_1_3, shared_2]
    depends_on_regexes: ['^work_']
    input_files: [clean]
  - name: end
    command: echo ${user_data.input.result_1}
    depends_on: plain
files:
  - name: raw
    path: raw.txt
  - name: clean
    path: clean.txt
user_data:
  - name: config
    data: 5
resource_requirements:
  - name: small
    num_cpus: 1
    memory: 1m
    runtime: PT1H
failure_handlers:
  - name: retry
    rules: [{exit_codes: [1], max_retries: 1}]
actions:
  - trigger_type: on_jobs_complete
    action_type: run_commands
    jobs: [prep]
    commands: [echo]
"""
LINES = WHOLE.split("\n")


@pytest.mark.parametrize("wrong", ["key", "strange key", "value", "list", "number"])
def test_no_errors_that_only_follow(tmp_path: Path, wrong: str) -> None:
    """Every error is about the line of the mistake, or about what its entry lacks because of it."""
    for number, line in enumerate(LINES):
        lead, colon, value = line.partition(":")
        if not colon:
            continue
        changed = {
            "key": f"{lead}x:{value}",
            "strange key": f"{lead[: len(lead) - len(lead.lstrip(' -'))]}qqqq:{value}",
            "value": f"{lead}: {{zz: [1]}}",
            "list": f"{lead}: [[1]]",
            "number": f"{lead}: -1.5",
        }[wrong]
        if wrong not in ("key", "strange key") and not value:
            continue
        if wrong == "value" and lead.endswith("parameters"):
            continue  # that is a value for them
        text = "\n".join([*LINES[:number], changed, *LINES[number + 1 :]])
        file = tmp_path / "w.yaml"
        file.write_text(text)
        try:
            load_plan(file)
        except SpecError as error:
            for problem in error.problems:
                assert problem.line == number + 1 or problem.kind == "missing-key", (
                    changed,
                    str(problem),
                )


def test_valid_file(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("name: x\njobs:\n  - {name: a, command: 'true'}\n")
    assert len(load_plan(file).jobs) == 1
