"""What a job finds around itself: the same for the engine and for the line that reproduces it,
tried by bash."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.raw_sql import execute
from torc_tui.engine.orders import OrderMaker
from torc_tui.engine.report import RunOptions
from torc_tui.errors import NotFound, UsageError
from torc_tui.model import Allocation, Gpu, GpuGrant
from torc_tui.operations import job_shell
from torc_tui.operations import workflows as acts
from torc_tui.operations.job_environment import attempt_variables, expand, shell_line
from torc_tui.plan.resolve import resolve
from torc_tui.store import ready_jobs, run_context
from torc_tui.store.database import Store
from torc_tui.store.scheduling import ReadyJob, encode_allocation
from torc_tui.workflow_file.load import loads

BASH = shutil.which("bash")
SPEC = """
name: w
env: {GREETING: "it's $$HOME; \\"quoted\\"", SHARED: workflow}
user_data: [{name: config, data: 1}]
jobs:
  - name: "a b"
    command: |
      printf '%s\\n' "$GREETING" "$SHARED" "$OWN" "$TORC_JOB_NAME" "$TORC_WORKFLOW_ID/$TORC_RUN_ID/$TORC_ATTEMPT_ID"
      printf '%s\\n' "[$CUDA_VISIBLE_DEVICES]" ${user_data.input.config} "$PWD" "it's"
    env: {OWN: "line one\\nline two", SHARED: job}
"""


def run(line: str) -> list[str]:
    assert BASH
    done = subprocess.run([BASH, "-c", line], capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.splitlines()


@pytest.fixture
def made(tmp_path: Path):  # type: ignore[no-untyped-def]  # a generator fixture
    store = Store.open(str(tmp_path / "torc.db"))
    folder = tmp_path / "it's here"
    folder.mkdir()
    workflow = acts.create_workflow(
        store, resolve(loads(SPEC, format="yaml")), user="u", directory=str(folder), actor=None
    )
    acts.initialize(store, workflow)
    yield store, workflow, folder
    store.close()


def ready(store: Store) -> ReadyJob:
    with store.read() as conn:
        [job] = ready_jobs.ready_jobs(conn, ready_jobs.ReadyOf(1, now=0.0), 0, 1)
    return job


def test_reproduced_command(made: tuple[Store, int, Path]) -> None:
    store, workflow, folder = made
    setting = job_shell.read(store, ready(store).id)
    said = run(setting.line)
    assert said[:5] == ['it\'s $HOME; "quoted"', "job", "line one", "line two", "a b"]
    assert said[5:8] == [f"{workflow}/1/1", "[]", "1"] and said[8:] == [str(folder), "it's"]


def test_the_engine_starts_it_with_the_same_variables(made: tuple[Store, int, Path]) -> None:
    store, workflow, folder = made
    gpu = Gpu(uuid="GPU-7", index=3, name="A")
    allocation = Allocation(num_cpus=1, memory=1, gpus=(GpuGrant(uuid="GPU-7"),))
    with store.write() as conn:
        context = run_context.read(conn, workflow)
        execute(conn, "UPDATE job SET allocation = ?", (encode_allocation(allocation),))
    maker = OrderMaker(
        context,
        RunOptions(),
        store_url=store.url,
        output_dir=str(folder / "torc_output"),
        gpus=[gpu],
        inherited={"HOME": "/h"},
    )
    order = maker.make(ready(store), allocation)
    setting = job_shell.read(store, ready(store).id)
    theirs = {
        name: value for name, value in order.environment.items() if name not in ("HOME", "PATH")
    }
    assert setting.variables == theirs
    assert theirs["CUDA_VISIBLE_DEVICES"] == "GPU-7"
    assert setting.directory == order.directory and setting.command == order.command


def test_unknown_job(made: tuple[Store, int, Path]) -> None:
    with pytest.raises(NotFound):
        job_shell.read(made[0], 999)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, ["plain"]),
        ("env WRAPPED=yes", ["plain"]),
        ('echo before; "$@"; echo after', ["before", "plain", "after"]),
        ('#!/bin/bash\necho "it\'s $#"\n"$@"', ["it's 4", "plain"]),
    ],
)
def test_invocation_scripts(script: str | None, said: list[str], tmp_path: Path) -> None:
    found = run(shell_line(str(tmp_path), {"A": "b"}, "echo plain", script))
    assert found == said if script is None or "$#" not in script else found[-1] == "plain"


NAMES = st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,6}\Z").map(lambda name: "T_" + name)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=20
)


@given(st.dictionaries(NAMES, TEXTS, min_size=1, max_size=3), st.data())
def test_quoting(variables: Mapping[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(variables)))
    line = shell_line("/", variables, f'printf %s "${name}" | od -An -v -tx1')
    assert bytes.fromhex("".join(run(line)).replace(" ", "")) == variables[name].encode()


def test_a_job_without_gpus_sees_none() -> None:
    found = attempt_variables(job_id=1, name="j", attempt_id=2, allocation=Allocation())
    assert found["CUDA_VISIBLE_DEVICES"] == "" and found["TORC_ATTEMPT_ID"] == "2"


@pytest.mark.parametrize(
    ("value", "expanded"),
    [
        ("$A", "1 2"),
        ("${A}b$A", "1 2b1 2"),
        ("$$A", "$A"),
        ("$${A}", "${A}"),
        ("$$$A", "$$A"),
        ("$", "$"),
        ("$$", "$$"),
        ("5$ $1 $(A) ${A:-x} ${A.b}", "5$ $1 $(A) ${A:-x} ${A.b}"),
        ("$EMPTY", ""),
    ],
)
def test_references_in_env(value: str, expanded: str) -> None:
    assert expand({"K": value}, {"A": "1 2", "EMPTY": ""}, "job 'j'") == {"K": expanded}


@pytest.mark.parametrize("value", ["$B", "x${B}"])
def test_undefined_reference(value: str) -> None:
    with pytest.raises(UsageError, match=r"env of job 'j': K uses \$B, which is not set"):
        expand({"K": value}, {"A": ""}, "job 'j'")
