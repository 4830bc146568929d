"""The key `shell`: the program that runs the command of a job."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

WORKFLOW = """
name: shells
shell: bash -euo pipefail -c
jobs:
  - {name: strict, command: "false; echo lost"}
  - {name: piped, command: "false | cat"}
  - {name: plain, command: "false; echo kept", shell: bash -c}
  - {name: wrapped, command: "false; echo kept", invocation_script: env A=1}
  - name: python
    shell: python3 -c
    command: |
      import os, sys
      print(os.environ["TORC_JOB_NAME"], sys.argv)
      sys.exit(3)
  - {name: missing, command: x, shell: no-such-shell -c}
"""


@pytest.fixture
def codes(torc: Any, place: Path) -> dict[str, int]:
    (place / "w.yaml").write_text(WORKFLOW)
    torc("run", "w.yaml", "-q")
    results = json.loads(torc("results", "list", 1, "-f", "json").out)
    jobs = {job["id"]: job["name"] for job in json.loads(torc("jobs", "list", 1, "-f", "json").out)}
    return {jobs[result["job_id"]]: result["return_code"] for result in results}


def test_codes(torc: Any, codes: dict[str, int]) -> None:
    expected = {"strict": 1, "piped": 1, "plain": 0, "wrapped": 0, "python": 3, "missing": 127}
    assert codes == expected
    assert torc("logs", "python", "-w", 1).out.splitlines()[-1] == "python ['-c']"


def test_by_hand(torc: Any, place: Path, codes: dict[str, int]) -> None:
    """The line that `jobs reproduce` prints starts the same program."""
    for name in ("strict", "python", "wrapped"):
        line = torc("jobs", "reproduce", name, "-w", 1).out
        assert subprocess.run(["bash", "-c", line], capture_output=True).returncode == codes[name]


def test_another_shell_makes_stale(torc: Any, place: Path) -> None:
    spec = "jobs: [{name: a, command: 'true', shell: bash -c}]"
    (place / "w.yaml").write_text(spec)
    torc("run", "w.yaml", "-q")
    assert torc("plan", 1, "--check").code == 0
    with sqlite3.connect(os.environ["TORC_DATABASE"]) as database:
        database.execute("""UPDATE job SET options = '{"shell": "sh -c"}'""")
    database.close()
    answer = torc("plan", 1, "--check")
    assert answer.code == 1 and "command changed: [-bash-] {+sh+} -c" in answer.out


def test_long_commands(torc: Any, place: Path) -> None:
    """A command that is longer than an argument may be is a script of the same shell."""
    long = "# " + "x" * 200_000
    jobs = [
        {"name": "bash", "shell": "bash -eu -c", "command": f"{long}\nfalse\necho lost"},
        {"name": "python", "shell": "python3 -c", "command": f"{long}\nprint(7)"},
    ]
    (place / "w.json").write_text(json.dumps({"name": "w", "jobs": jobs}))
    assert torc("run", "w.json", "-q").code == 1
    assert torc("logs", "python", "-w", 1).out.splitlines()[-1] == "7"
    [failed] = json.loads(torc("jobs", "list", 1, "--status", "failed", "-f", "json").out)
    assert failed["name"] == "bash"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('shell: "bash \'x"', "has a quote that is not closed"),
        ("shell: ''", "'shell' is empty"),
        ("shell: [bash, -c]", "'shell' must be a string, not a list"),
        ("shell: bash -c, invocation_script: env", "cannot be used together"),
    ],
    ids=["quote", "empty", "list", "both"],
)
def test_wrong(torc: Any, place: Path, keys: str, message: str) -> None:
    (place / "w.yaml").write_text(f"jobs:\n- {{name: a, command: x, {keys}}}\n")
    answer = torc("validate", "w.yaml")
    assert answer.code == 2 and "w.yaml:2: job 'a': " in answer.err and message in answer.err
