"""The benchmarks run, with sizes that measure nothing; their figures are never asserted here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.benchmarks.measuring import REPOSITORY
from tests.benchmarks.programs import PEERS, TORC_PROGRAM, Program, Work
from tests.waiting import DEADLINE, wait_for

ROWS = {
    "thousand": 2,
    "batch": 2,
    "batch-lines": 3,
    "generations": 2,
    "chain": 1,
    "update": 2,
    "commands": 8,
    "user-data": 2,
    "many-to-many": 4,
    "memory": 2,
    "growth": 5,
    "failures": 2,
    "report": 2,
    "gpus": 2,
    "log": 5,
    "app-paint": 2,
    "app-keys": 3,
    "gpu-placement": 2,
}
"""Rows of the benchmarks that have more than one, or that other programs are needed for."""

NEED_PROGRAMS = {"thousand", "chain", "runners", "gpus", "gpu-placement", "batch"}


SLOW = {"runners", "growth", "log", "memory", "gpus", "batch-lines", "generations"}


def _marks(name: str) -> list[pytest.MarkDecorator]:
    is_app = name.startswith("app-")
    marks = [pytest.mark.terminal] if is_app else []
    return [*marks, pytest.mark.long] if is_app or name in SLOW else marks


_MARKED = [pytest.param(name, marks=_marks(name)) for name in BENCHMARKS]


@pytest.mark.parametrize("name", _MARKED)
def test_benchmark_runs(name: str, tmp_path: Path) -> None:
    place, saved = tmp_path / "place", tmp_path / "run.json"
    place.mkdir()
    words = ["--tiny", "--rounds", "1", "--json", str(saved), name]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *words],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "TORC_BENCH_DIR": str(place)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(saved.read_text())
    rows, skipped = content["rows"], content["skipped"]
    assert len(rows) + len(skipped) == ROWS.get(name, 1)
    assert all(row["benchmark"] == name and row["unit"] for row in rows)
    assert all(row["what"] in done.stdout for row in rows)
    assert not skipped or name in NEED_PROGRAMS, skipped
    assert not list(place.iterdir())


def test_terminated_run_leaves_no_folder(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks", "--tiny", "app-idle"],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "TORC_BENCH_DIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: list(tmp_path.glob("*/*")) or child.poll() is not None, "a folder")
    child.terminate()
    assert child.wait(DEADLINE) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("chain", [False, True], ids=["independent", "chain"])
@pytest.mark.parametrize("program", [TORC_PROGRAM, *PEERS], ids=lambda each: each.name)
def test_program_runs_every_job(program: Program, chain: bool, tmp_path: Path) -> None:
    if program.find() is None:
        pytest.skip(f"{program.name} is not installed ({program.install})")
    ran, lock = tmp_path / "ran", tmp_path / "lock"
    command = f"mkdir {lock} && rmdir {lock} && echo x >> {ran}" if chain else f"echo x >> {ran}"
    cost = program.run(tmp_path, Work(5, chain=chain, command=command))
    assert ran.read_text() == "x\n" * 5
    assert cost.wall > 0


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["everything"], "NAME must be one of"),
        (["--compare", "a", "b", "c"], "--compare takes one or two files"),
        (["--rounds", "0"], "--rounds must be greater than 0"),
    ],
)
def test_wrong_use(argv: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err
