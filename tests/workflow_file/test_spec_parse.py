"""Known keys, their older names, and the errors for all others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from torc_tui.errors import Problem, SpecError
from torc_tui.model import ExecutionConfig, FailureRule, WorkflowSpec
from torc_tui.workflow_file.load import load, loads


def problems(text: str) -> list[Problem]:
    with pytest.raises(SpecError) as caught:
        loads(text, format="yaml", file="w.yaml")
    return list(caught.value.problems)


def test_all_errors_with_their_lines() -> None:
    found = problems(
        """name: x
jobs:
  - name: a
    comand: echo
    depends: [b]
    priority: high
  - name: "../../x; rm -rf"
    command: "it's \\"quoted\\" \\n ünï"
    depends_on:
      - b
      - 3
    input_file_names: [a]
    input_files: [b]
  - name: "a\\nb"
    command: x
  - 17
  - name: p_{i}
    command: x
    parameters:
      i: "1:10:0"
    use_parameters: [lrr]
    stdio: {mod: none}
parameters: {lr: 1}
resource_requirements:
  - name: r
    num_cpus: -1
    memory: 512mb
    num_gpus: 1.5
    runtime: 1h
    gpu_model: "("
execution_config: {mode: none, termination_signal: TREM}
project: 3
nam: y
"""
    )
    assert [(problem.line, problem.key) for problem in found] == [
        (3, "command"),
        (4, "comand"),
        (5, "depends"),
        (6, "priority"),
        (11, "depends_on"),
        (13, "input_files"),
        (14, "name"),
        (16, "jobs"),
        (20, "i"),
        (21, "use_parameters"),
        (22, "mod"),
        (26, "num_cpus"),
        (27, "memory"),
        (28, "num_gpus"),
        (29, "runtime"),
        (30, "gpu_model"),
        (31, "mode"),
        (31, "termination_signal"),
        (32, "project"),
        (33, "nam"),
    ]
    assert {problem.file for problem in found} == {"w.yaml"}
    hints = {problem.key: problem.hint for problem in found}
    assert hints["comand"] == "did you mean 'command'?"
    assert hints["depends"] == "did you mean 'depends_on'?"
    assert hints["use_parameters"] == "did you mean 'lr'?"
    assert hints["mod"] == "did you mean 'mode'?"
    assert hints["memory"] == "write 512m"
    assert hints["runtime"] == "write PT1H"
    assert hints["termination_signal"] == "did you mean 'SIGTERM'?"
    assert hints["nam"] == "did you mean 'name'?"
    assert str(found[1]) == "w.yaml:4: job 'a': unknown key 'comand' (did you mean 'command'?)"
    assert found[1].kind == "unknown-key"
    assert found[0].kind == "missing-key"


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("resource_requirements_name", "resource_requirements", "r"),
        ("blocked_by_job_names", "depends_on", "[a]"),
        ("blocked_by", "depends_on", "[a]"),
        ("blocked_by_job_name_regexes", "depends_on_regexes", "[a]"),
        ("blocked_by_regexes", "depends_on_regexes", "[a]"),
        ("input_file_names", "input_files", "[a]"),
        ("output_file_names", "output_files", "[a]"),
        ("input_file_name_regexes", "input_file_regexes", "[a]"),
        ("output_file_name_regexes", "output_file_regexes", "[a]"),
        ("input_user_data_names", "input_user_data", "[a]"),
        ("output_data_names", "output_user_data", "[a]"),
        ("output_user_data_names", "output_user_data", "[a]"),
        ("input_user_data_name_regexes", "input_user_data_regexes", "[a]"),
        ("output_user_data_name_regexes", "output_user_data_regexes", "[a]"),
        ("scheduler_name", "scheduler", "s"),
    ],
)
def test_older_names_of_job_keys(old: str, new: str, value: str) -> None:
    spec = loads(
        f"name: w\nuser: me\nstart_server_on_head_node: true\njobs: [{{name: a, command: b, "
        f"{old}: {value}}}]"
    )
    assert getattr(spec.jobs[0], new) in (("a",), value)


def test_older_names_of_action_keys() -> None:
    spec = loads(
        "name: w\njobs: []\nactions:\n- {trigger_type: on_jobs_ready, action_type: "
        "schedule_nodes, job_names: [a],"
        " scheduler_name: s, scheduler_type: slurm}"
    )
    assert spec.actions[0].jobs == ("a",)
    assert spec.actions[0].settings == {"scheduler": "s", "scheduler_type": "slurm"}


def test_the_tutorial_in_the_older_dialect() -> None:
    spec = loads(
        """name: config_pipeline
user: myuser
description: Jobs that pass configuration via user_data

jobs:
  - name: generate_config
    command: |
      echo '{"learning_rate": 0.001, "batch_size": 32, "epochs": 10}' > /tmp/config.json
      torc-client user-data update ${user_data.output.ml_config} \\
        --data "$(cat /tmp/config.json)"
    resource_requirements_name: minimal

user_data:
  - name: ml_config
    data: null  # Will be populated by generate_config job

resource_requirements:
  - name: minimal
    num_cpus: 1
    memory: 1g
    runtime: PT5M
"""
    )
    assert spec.jobs[0].resource_requirements == "minimal"
    assert spec.jobs[0].command.startswith(
        'echo \'{"learning_rate": 0.001, "batch_size": 32, "epochs": 10}\' >'
    )
    assert spec.user_data[0].data is None
    assert spec.user_data[0].declared
    assert (spec.resource_requirements[0].memory, spec.resource_requirements[0].runtime) == (
        1 << 30,
        300.0,
    )


def test_null_equals_missing() -> None:
    spec = loads(
        "name: w\ndescription: null\njobs: [{name: a, command: b, depends_on: ~, env: "
        "null}]\nfiles: ~\nenv:\n"
    )
    assert spec.description is None
    assert spec.jobs[0].depends_on == ()
    assert spec.files == []
    assert [problem.key for problem in problems("name: ~\njobs: null\n")] == ["jobs"]


def test_defaults() -> None:
    spec = loads(
        "name: w\njobs: [{name: a, command: b}]\nfailure_handlers: [{name: h, rules: "
        "[{exit_codes: 3}]}]"
    )
    job = spec.jobs[0]
    assert job.cancel_on_blocking_job_failure
    assert (job.priority, job.env, job.stdio, job.require_user_data, job.group) == (
        0,
        {},
        None,
        None,
        "a",
    )
    assert spec.execution_config == ExecutionConfig()
    assert spec.failure_handlers[0].rules == (FailureRule(exit_codes=(3,), max_retries=3),)
    assert spec.settings == {}
    assert spec.metadata is None


def test_string_as_list() -> None:
    assert loads("name: w\njobs: [{name: a, command: b, depends_on: c}]").jobs[0].depends_on == (
        "c",
    )


def test_metadata() -> None:
    as_text = loads("name: w\njobs: []\nmetadata: '{\"a\": [1]}'")
    as_mapping = loads("name: w\njobs: []\nmetadata: {a: [1]}")
    assert as_text.metadata == as_mapping.metadata == {"a": [1]}
    assert "must hold JSON" in str(problems("name: w\njobs: []\nmetadata: '{'")[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 500 + "]" * 500, "deeper"),
        ("[NaN]", "not JSON"),
        ('["\\ud800"]', "surrogate"),
        ("[" * 99999, "must hold JSON"),
    ],
    ids=["deep", "nan", "surrogate", "endless"],
)
def test_json_in_strings(text: str, words: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for key in ("metadata", 'user_data "u" { data'):
        kdl = f'name "w"\njob "a" {{ command "b"; }}\n{key} {quoted}\n' + (
            "}" if "{" in key else ""
        )
        with pytest.raises(SpecError, match=words) as caught:
            loads(kdl, format="kdl")
        assert caught.value.problems[0].line == 3


def test_variables() -> None:
    spec = loads(
        "name: w_{V}\nvariables: {V: a b, N: 3, F: true}\n"
        "jobs: [{name: 'j_{V}', command: 'x {V} ${V} {F} {W}', parameters: {i: '1:{N}'}, "
        "depends_on: ['{V}_{i}']}]\n"
        "files: [{name: f, path: '{V}/f'}]\nresource_requirements: [{name: r, num_cpus: 1, "
        "memory: '{N}g'}]\n"
        "user_data: [{name: u, data: {t: '{V}'}, schema: {pattern: '^{N}$'}}]\n"
    )
    assert spec.name == "w_a b"
    assert spec.jobs[0].command == "x a b ${V} true {W}"
    assert spec.jobs[0].depends_on == ("a b_1", "a b_2", "a b_3")
    assert spec.files[0].path == "a b/f"
    assert spec.resource_requirements[0].memory == 3 << 30
    assert spec.user_data[0].data == {"t": "a b"}
    assert spec.user_data[0].schema == {"pattern": "^{N}$"}


def requirement(more: str) -> WorkflowSpec:
    return loads(
        f"name: w\njobs: []\nresource_requirements: [{{name: r, num_cpus: 1, memory: 1g, {more}}}]"
    )


def test_gpus() -> None:
    found = requirement(
        "num_gpus: 0.25, gpu_memory: 12g, gpu_model: 'A100|H100'"
    ).resource_requirements[0]
    assert (found.num_gpus, found.gpu_memory, found.gpu_model) == (0.25, 12 << 30, "A100|H100")
    whole = requirement("num_gpus: 2.0").resource_requirements[0].num_gpus
    assert whole == 2 and isinstance(whole, int)
    assert requirement("num_gpus: 0").resource_requirements[0].num_gpus == 0


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("num_gpus", "1.5", "a share of one GPU below 1"),
        ("num_gpus", "-1", "must be between"),
        ("num_gpus", "true", "must be a number of GPUs"),
        ("num_gpus", ".inf", "must be a number of GPUs"),
        ("gpu_memory", "12gb", "write 12g"),
        ("gpu_memory", "0", "must be greater than 0"),
        ("gpu_model", "'('", "not a regular expression"),
        ("num_nodes", "0", "at least 1"),
        ("runtime", "PT0S", "must be greater than 0"),
        ("runtime", "4h", "write PT4H"),
        ("runtime", "3600", "put it in quotes"),
    ],
)
def test_invalid_requirements(key: str, value: str, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)) as caught:
        requirement(f"{key}: {value}")
    assert caught.value.problems[0].key == key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jobs: [{name: a, command: b, cancel_on_blocking_job_failure: "
         "'true'}]", "(without quotes)"),
        ("jobs: [{name: 5, command: b}]", "must be a string, not the number 5 (put it in quotes"),
        ("jobs: [{name: ' ', command: b}]", "'name' is empty"),
        ("jobs: [{name: a, command: ''}]", "'command' is empty"),
        ('jobs: [{name: a, command: "a\\0b"}]', "NUL"),
        ('jobs: [{name: "a\\tb", command: c}]', "control character"),
        ("jobs: {name: a, command: b}", "must be a list, not a mapping (begin each entry with "
                                        "'- ')"),
        ("jobs: [{name: a, command: b, env: {1A: x}}]", "'1A' is not a name for a variable"),
        ("jobs: [{name: a, command: b, env: {A: [1]}}]", "'A' must be a string, not a list"),
        ("jobs: [{name: a, command: b, priority: -1}]", "'priority' must be at least 0, not -1"),
        ("jobs: []\ndynamic_jobs: {max_iterations: "
         "0}", "'max_iterations' must be at least 1, not 0"),
        ("jobs: []\ndynamic_jobs: {max_iteration: "
         "9}", "unknown key 'max_iteration' (did you mean 'max_iterations'?)"),
        ("jobs: []\nresource_monitor: {granularity: "
         "sumary}", "'granularity' must be one of summary, time_series, not the string 'sumary' "
                    "(did you mean 'summary'?)"),
        ("jobs: []\nresource_monitor: {jobs: {granularity: "
         "1}}", "'jobs' 'granularity' must be one of"),
        ("jobs: []\nresource_monitor: {sample_interval_seconds: 0}", "must be at least 1"),
        ("jobs: [{name: a\\u0085b, command: "
         "c}]".replace("a\\u0085b", '"a\\u0085b"'), "control character"),
        ("jobs: [{name: a, command: b, depends_on: {c: "
         "d}}]", "must be a list of strings, not a mapping"),
        ("jobs: []\nfiles: [{name: f}]", "file 'f': the key 'path' is missing"),
        ("jobs: []\nfiles: [{name: f, path: p}, {name: f, path: "
         "q}]", "file 'f' is declared twice, first in line 3"),
        ("jobs: []\nuser_data: [{name: f, schema: 3}]", "must be a JSON Schema"),
        ("jobs: []\nuser_data: [{name: f, data: [.nan]}]", "nan is not JSON"),
        ("jobs: []\nuser_data: [{data: 3}]", "user data: the key 'name' is missing"),
        ("jobs: []\nfailure_handlers: [{name: h, rules: [{exit_codes: "
         "[300]}]}]", "entry 1 must be at most 255"),
        ("jobs: []\nfailure_handlers: [{name: h, rules: [{exit_code: "
         "[3]}]}]", "did you mean 'exit_codes'?"),
        ("jobs: []\nfailure_handlers: [{name: h, rules: "
         "[3]}]", "failure handler 'h': rule 1 must be a mapping"),
        ("jobs: []\nslurm_schedulers: [{name: s, max_nodes: 0}]", "must be at least 1"),
        ("jobs: []\nslurm_defaults: {Partition: x}", "cannot be a default"),
        ("jobs: []\nactions: [{trigger_type: on_jobs_redy, action_type: "
         "run_commands}]", "on_jobs_ready'?"),
        ("jobs: []\nactions: [{trigger_type: on_jobs_ready, action_type: "
         "run_commands}]", "'commands' is missing"),
        ("jobs: []\nactions: [{trigger_type: on_jobs_ready, action_type: "
         "schedule_nodes}]", "'scheduler' is missing"),
        ("jobs: []\nexecution_config: {timeout_exit_code: 0}", "at least 1"),
        ("jobs: []\nexecution_config: {stdio: {mode: merged}}", "must be one of separate"),
        ("jobs: []\nvariables: [a]", "'variables' must be a mapping"),
        ("jobs: []\njobs_sort_method: size", "must be one of"),
        ("job: []", "did you mean 'jobs'?"),
    ],
)  # fmt: skip
def test_invalid_values(text: str, words: str) -> None:
    found = problems(f"name: w\n{text}")
    assert any(words in str(problem) for problem in found), found


def test_error_limit() -> None:
    found = problems(
        "name: w\njobs:\n" + "".join(f"- {{name: j{i}, comand: x}}\n" for i in range(1000))
    )
    assert len(found) == 101
    assert found[-1].message == "and 1900 more errors"


def test_path_of_the_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.yml").write_text("name: w\njobs: []\n")
    monkeypatch.chdir(tmp_path)
    assert load("w.yml").file == "w.yml"
    assert load(tmp_path / "w.yml").file == str(tmp_path / "w.yml")
