"""Keys and nodes of Torc's files with little or no effect here."""

from __future__ import annotations

import pytest

from torc_tui.errors import SpecError
from torc_tui.plan.resolve import resolve
from torc_tui.workflow_file.load import loads


def error(text: str, format: str = "yaml") -> str:
    with pytest.raises(SpecError) as caught:
        loads(text, format=format)
    return str(caught.value)


def test_nodes_for_dependencies() -> None:
    spec = loads(
        """
        job "a" { command "true"; }
        job "b" { command "true"; depends_on_job "a"; }
        job "c" { command "true"; depends_on_job "a"; depends_on_job "b"; }
        job "d" { command "true"; depends_on_jobs "a" "b"; depends_on "c"; }
        """,
        format="kdl",
    )
    assert [job.depends_on for job in spec.jobs] == [(), ("a",), ("a", "b"), ("a", "b", "c")]


def test_keys_without_effect() -> None:
    spec = loads(
        "files: [{name: f, path: f, st_mtime: 1764377000.5}]\n"
        "execution_config: {srun_mpi: pmix}\n"
        "jobs: [{name: a, command: 'cat ${files.input.f}'}]\n"
    )
    found = [problem.message for problem in resolve(spec).warnings]
    assert "'st_mtime' of file 'f' has no effect here" in found
    assert "'srun_mpi' of execution_config has no effect here" in found


@pytest.mark.parametrize("value", ["now", "true", "[1]"])
def test_a_time_is_a_number(value: str) -> None:
    found = error(f"files: [{{name: f, path: f, st_mtime: {value}}}]\njobs: []\n")
    assert "file 'f': 'st_mtime' must be a number of seconds since 1970" in found


def test_schedulers_without_a_name() -> None:
    spec = loads("slurm_schedulers: [{account: a}, {name: x, account: b}, {account: c}]\njobs: []")
    assert [one.name for one in spec.slurm_schedulers] == ["scheduler_1", "x", "scheduler_3"]


def test_a_removed_key_says_where_its_options_went() -> None:
    found = error("slurm_config: {mode: x}\njobs: []\n")
    assert "unknown key 'slurm_config' (its options are keys of 'execution_config' now)" in found


def test_top_level_keys_for_anchors() -> None:
    spec = loads(
        "variables: {WHO: me}\n"
        "x-base: &base {command: 'echo {WHO}', priority: 3}\n"
        "x-more: 7\n"
        "jobs:\n- {<<: *base, name: a}\n- {<<: *base, name: b, priority: 4}\n"
    )
    assert [(job.command, job.priority) for job in spec.jobs] == [("echo me", 3), ("echo me", 4)]
    assert spec.warnings == ()


def test_only_top_level_keys_are_free() -> None:
    assert "job 'a': unknown key 'x-y'" in error("jobs: [{name: a, command: b, x-y: 1}]\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dynamic_jobs: {max_iterations: 0}", "'max_iterations' must be at least 1, not 0"),
        ("dynamic_jobs: {max_iteration: 3}", "unknown key 'max_iteration' (did you mean"),
        ("dynamic_jobs: {max_jobs: 0}", "'max_jobs' must be at least 1, not 0"),
        ("resource_monitor: {granularity: TimeSeries}", "'granularity' must be one of summary"),
        ("resource_monitor: {compute_node: {granularity: x}}", "must be one of summary"),
    ],
)
def test_values_that_are_checked(text: str, expected: str) -> None:
    assert expected in error(f"{text}\njobs: []\n")


def test_formats_of_numbers() -> None:
    text = "jobs: [{name: 'a{lr:.2e}', command: '{lr:.3E} {n:.1f}', parameters: {lr: 0.001, n: 2}}]"
    (job,) = loads(text).jobs
    assert (job.name, job.command) == ("a1.00e-03", "1.000E-03 2.0")


def test_only_four_prefixes_begin_a_token() -> None:
    command = 'node -e "`${files.length} ${user_data.x.y} ${input.value} ${file}`"'
    plan = resolve(loads(f"jobs:\n- name: a\n  command: |\n    {command}\n"))
    assert plan.warnings == ()
