"""Keys without effect have a warning at their line; keys with an effect have none."""

from __future__ import annotations

import pytest

from torc_tui.plan.lint import MONITOR as HINTS
from torc_tui.plan.resolve import resolve
from torc_tui.workflow_file.load import loads
from torc_tui.workflow_file.schema import MONITOR, SETTINGS

HEAD = "name: w\njobs:\n- {name: a, command: x}\n"
HONORED = {
    "dynamic_jobs": "{max_iterations: 3}",
    "compute_node_wait_for_new_jobs_seconds": "5",
    "compute_node_min_time_for_new_jobs_seconds": "60",
    "compute_node_wait_for_healthy_database_minutes": "5",
    "compute_node_expiration_buffer_seconds": "60",
    "jobs_sort_method": "gpus_runtime_memory",
    "resource_monitor": "{enabled: false}",
    "output_check": "written",
    "wait_for_background": "true",
    "rerun_on": "[command, data]",
    "hash_limit": "1g",
    "on_lost": "fail",
    "shell": "bash -eu -c",
    "on_oom": "x1.5",
    "on_timeout": "{runtime: x2}",
    "cpu_bind": "cores",
    "slurm_defaults": "{account: a}",
}
IGNORED = {
    "compute_node_ignore_workflow_completion": "true",
    "enable_ro_crate": "true",
    "access_groups": "[a]",
    "datasets": "[a]",
}
HONORED_MONITOR = {
    "enabled": "false",
    "granularity": "summary",
    "jobs": "{enabled: false}",
    "compute_node": "{granularity: summary}",
}
MONITOR_VALUES = {
    "sample_interval_seconds": "5",
    "flush_interval_seconds": "5",
    "generate_plots": "true",
}


def said(text: str) -> list[tuple[str, int | None]]:
    return [
        (one.message, one.line)
        for one in resolve(loads(text, format="yaml")).warnings
        if one.kind == "no-effect"
    ]


def test_every_setting_is_ignored_or_honored() -> None:
    assert set(SETTINGS) == {*HONORED, *IGNORED}


@pytest.mark.parametrize("key", IGNORED)
def test_ignored_setting(key: str) -> None:
    assert said(f"{HEAD}{key}: {IGNORED[key]}\n") == [(f"'{key}' has no effect here", 4)]


@pytest.mark.parametrize("key", HONORED)
def test_honored_setting(key: str) -> None:
    assert said(f"{HEAD}{key}: {HONORED[key]}\n") == []


@pytest.mark.parametrize(
    ("text", "word", "line"),
    [
        (
            HEAD + "execution_config: {staggered_start: false}\n",
            "'staggered_start' of execution_config",
            4,
        ),
        (
            HEAD + "execution_config: {sigkill_headroom_seconds: 5}\n",
            "'sigkill_headroom_seconds'",
            4,
        ),
        (
            HEAD + "execution_config: {srun_termination_signal: TERM}\n",
            "'srun_termination_signal'",
            4,
        ),
        (HEAD + "execution_config: {enable_cpu_bind: true}\n", "'enable_cpu_bind'", 4),
        (HEAD + "execution_config: {mode: slurm}\n", "the mode 'slurm'", 4),
        (
            HEAD + "resource_monitor: {sample_interval_seconds: 5}\n",
            "'sample_interval_seconds' of resource_monitor",
            4,
        ),
        (
            HEAD + "files:\n- name: f\n  path: f\n  identifier: doi\n",
            "'identifier' of file 'f'",
            7,
        ),
    ],
)
def test_ignored_keys_of_entries(text: str, word: str, line: int) -> None:
    assert any(word in message and at == line for message, at in said(text)), said(text)


@pytest.mark.parametrize("key", HONORED_MONITOR)
def test_honored_key_of_the_monitor(key: str) -> None:
    assert said(f"{HEAD}resource_monitor: {{{key}: {HONORED_MONITOR[key]}}}\n") == []


@pytest.mark.parametrize("key", sorted({*MONITOR} - {*HONORED_MONITOR}))
def test_hints_of_monitor_keys(key: str) -> None:
    text = HEAD + f"resource_monitor: {{{key}: {MONITOR_VALUES[key]}}}\n"
    (warning,) = resolve(loads(text, format="yaml")).warnings
    assert warning.hint == HINTS[key]
    assert list(HINTS.values()).count(HINTS[key]) == 1


def test_defaults_have_no_warning() -> None:
    text = (
        HEAD + "execution_config: {mode: direct, staggered_start: true, termination_signal: INT, "
        "gpu_binding: index}\n"
    )
    assert said(text + "enable_ro_crate: false\naccess_groups: []\n") == []
