"""`cpu_bind: cores`: each job runs on whole cores that no other job uses."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from torc_tui.resources.cpu_cores import read_cores

Shell = Callable[..., CompletedProcess[str]]

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs Linux and two CPUs",
)
SEEN = "grep Cpus_allowed_list /proc/self/status | cut -f 2; echo ${OMP_NUM_THREADS-none}"
SPEC = """
cpu_bind: cores
resource_requirements: [{name: one, num_cpus: 1}, {name: half, num_cpus: 0.5}]
jobs:
- {name: a, command: "touch a; until [ -e b ]; do sleep 0.05; done; SEEN", resource_requirements: one}
- {name: b, command: "touch b; until [ -e a ]; do sleep 0.05; done; SEEN", resource_requirements: one}
- {name: c, command: "SEEN", resource_requirements: half, depends_on: [a, b]}
- {name: d, command: "SEEN", depends_on: [a, b]}
- {name: e, command: "SEEN", depends_on: [a, b], cpu_bind: none, resource_requirements: one}
- {name: f, command: "SEEN", depends_on: [a, b], resource_requirements: one, env: {OMP_NUM_THREADS: 7}}
""".replace("SEEN", SEEN)  # fmt: skip


def said(user_shell: Shell, job: str) -> list[str]:
    return user_shell(f"torc logs 1/{job} --stdout").stdout.split()


def test_jobs_are_bound_to_cores_of_their_own(user_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "work/w.yaml").write_text(SPEC)
    ledger = str(tmp_path / "ledger")
    done = user_shell("torc run w.yaml", TORC_GPU_LEDGER=ledger, OMP_NUM_THREADS="")
    assert done.returncode == 0, done.stdout + done.stderr
    (a, threads), (b, _) = said(user_shell, "a"), said(user_shell, "b")
    assert a != b and threads == "1"
    assert re.fullmatch(r"[\d,-]+", a)
    assert said(user_shell, "c")[1] == "1"
    every = user_shell(SEEN).stdout.split()[0]
    assert said(user_shell, "d")[0] != every
    assert said(user_shell, "e")[0] == every
    assert said(user_shell, "f")[1] == "7"


def test_threads_are_set_only_where_the_file_declares_both(
    user_shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "work/w.yaml").write_text(SPEC)
    run = "unset OMP_NUM_THREADS; torc run w.yaml"
    done = user_shell(run, TORC_GPU_LEDGER=str(tmp_path / "ledger"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [said(user_shell, job)[1] for job in "acdef"] == ["1", "1", "none", "none", "7"]


def test_threads_of_inline_requirements(user_shell: Shell, tmp_path: Path) -> None:
    """Requirements inside a job that declare no CPUs set no threads, after an import neither."""
    spec = {
        "cpu_bind": "cores",
        "jobs": [
            {"name": "a", "command": SEEN, "resource_requirements": {"memory": "1g"}},
            {"name": "b", "command": SEEN, "resource_requirements": {"num_cpus": 1}},
        ],
    }
    (tmp_path / "work/w.json").write_text(json.dumps(spec))
    run = "unset OMP_NUM_THREADS; torc run w.json && torc workflows export 1 -o e.json"
    run += " && torc workflows import e.json && torc run 2"
    done = user_shell(run, TORC_GPU_LEDGER=str(tmp_path / "ledger"))
    assert done.returncode == 0, done.stdout + done.stderr
    for workflow in (1, 2):
        found = [user_shell(f"torc logs {workflow}/{job} --stdout").stdout for job in "ab"]
        assert [one.split()[1] for one in found] == ["none", "1"]


def test_jobs_of_two_databases_share_no_core(user_shell: Shell, tmp_path: Path) -> None:
    """While one database holds a core, the jobs of another run on the other core, one by one."""
    text = (
        "cpu_bind: cores\nresource_requirements: [{name: one, num_cpus: 1}]\n"
        f"jobs: [{{name: 'NAME{{i}}', command: \"{SEEN}; WAIT\", resource_requirements: one,"
        " parameters: {i: '1:COUNT'}}]\n"
    )
    work = tmp_path / "work"
    first = text.replace("NAME", "x").replace("COUNT", "1")
    (work / "x.yaml").write_text(
        first.replace("WAIT", "touch held; until [ -e go ]; do sleep 0.05; done")
    )
    second = text.replace("NAME", "y").replace("COUNT", "4")
    (work / "y.yaml").write_text(second.replace("WAIT", "true"))
    script = (
        "export TORC_GPU_LEDGER=$PWD/ledger; TORC_DATABASE=$PWD/x.db torc run x.yaml & "
        "until [ -e held ]; do sleep 0.05; done; torc run y.yaml -o y; code=$?; touch go; wait $!;"
        " TORC_DATABASE=$PWD/x.db torc logs 1/x1 --stdout > x.txt; exit $code"
    )
    done = user_shell(script, cwd=work, seconds=120)
    assert done.returncode == 0, done.stdout + done.stderr
    held = (work / "x.txt").read_text().split()[0]
    assert all(said(user_shell, f"y{i}")[0] != held for i in range(1, 5))
    listed = json.loads(user_shell("torc jobs list 1 -f json").stdout)
    assert {job["status"] for job in listed} == {"completed"}


def test_a_runner_inside_a_bound_job(user_shell: Shell, tmp_path: Path) -> None:
    """The jobs of the inner runner use only the cores of the job around it."""
    inner = (
        "cpu_bind: cores\nresource_requirements: [{name: one, num_cpus: 1}]\n"
        f'jobs: [{{name: i, command: "{SEEN}; echo $TORC_CPUS", resource_requirements: one}}]\n'
    )
    (tmp_path / "work/inner.yaml").write_text(inner)
    outer = inner.replace(f"{SEEN}; echo $TORC_CPUS", "RUN").replace("name: i,", "name: o,")
    run = "TORC_DATABASE=$PWD/inner.db torc run inner.yaml -q -o in; echo $TORC_CPUS > cpus"
    (tmp_path / "work/outer.yaml").write_text(outer.replace("RUN", run))
    done = user_shell("torc run outer.yaml", TORC_GPU_LEDGER=str(tmp_path / "ledger"))
    assert done.returncode == 0, done.stdout + done.stderr
    seen = user_shell("TORC_DATABASE=$PWD/inner.db torc logs 1/i --stdout").stdout.split()
    assert seen[0] == seen[2] == (tmp_path / "work/cpus").read_text().strip()


def test_why_a_job_waits_for_cores(user_shell: Shell, tmp_path: Path) -> None:
    work = tmp_path / "work"
    text = (
        "cpu_bind: cores\nresource_requirements: [{name: one, num_cpus: 1}]\n"
        f"jobs: [{{name: 'x{{i}}', command: \"touch x{{i}}; until [ -e go ]; do sleep 0.05; done\","
        f" resource_requirements: one, parameters: {{i: '1:{len(read_cores())}'}}}}]\n"
    )
    (work / "x.yaml").write_text(text)
    (work / "y.yaml").write_text(
        "cpu_bind: cores\njobs: [{name: y, command: 'true', cpu_bind: cores}]\n"
    )
    script = (
        "export TORC_GPU_LEDGER=$PWD/ledger; TORC_DATABASE=$PWD/x.db torc run x.yaml -q -o x & "
        f"until [ $(ls x[1-9]* 2> /dev/null | wc -l) = {len(read_cores())} ]; do sleep 0.05; done;"
        " torc run y.yaml -q & "
        "until torc why y 2> /dev/null | grep 'needs 1 core, 0 free'; do sleep 0.1; done; touch go;"
        " wait; torc why y"
    )
    done = user_shell(script, cwd=work, seconds=120)
    assert "y has completed" in done.stdout, done.stdout + done.stderr
