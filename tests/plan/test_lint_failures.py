"""The warning of commands in which an early failure is lost."""

from __future__ import annotations

import pytest

from torc_tui.model import JobSpec, WorkflowSpec
from torc_tui.plan.resolve import resolve


def _lost(*commands: str, shell: str | None = None, **job: object) -> list[str]:
    jobs = [
        JobSpec(name=f"j{n}", command=text, **job)  # type: ignore[arg-type]
        for n, text in enumerate(commands)
    ]
    spec = WorkflowSpec(name="w", jobs=jobs, settings={"shell": shell} if shell else {})
    return [one.message for one in resolve(spec).warnings if one.kind == "lost-failure"]


@pytest.mark.parametrize(
    ("command", "lost"),
    [
        ("false; cp a b; echo ok", "false"),
        ("python x.py\necho done", "python x.py"),
        ("python x.py | tee log", "python x.py"),
        ("X=1 python x.py; echo", "X=1 python x.py"),
        ("cd d && make; echo done", None),
        ("make && make install; echo done", "make && make install"),
        ("set -u; ./run", None),
        ("set -u; ./run; echo", "./run"),
        ("gzip a | cat; echo", "gzip a | cat"),
        ("set -e; ./run | cat", "./run"),
        ("./run 2>&1 | sort > out", "./run 2>&1"),
    ],
)
def test_lost(command: str, lost: str | None) -> None:
    found = _lost(command)
    assert len(found) == (lost is not None)
    assert lost is None or f"{lost!r} is lost" in found[0]


@pytest.mark.parametrize(
    "command",
    [
        "python x.py",
        "python x.py && echo ok",
        "echo start; sleep 1; python x.py",
        "module load gcc\nmake",
        "set -e\nmake\necho ok",
        "set -euo pipefail; make | tee log; echo ok",
        "set -o errexit; make; echo",
        "make || exit 1; echo ok",
        "make; exit $?",
        "cat a | sort | uniq > b",
        "python - <<'E'\nimport x; x.run()\nE",
        "echo 'a; b | c'",
        "python -c 'import x\nx.run()' --fast",
        "python -c '\nimport x\n' > out",
        "args=(\n  --lr 0.1\n)\ntrain ${args[@]}",
        "torc user-data get 1 | jq .x > c.json\npython x.py",
        "for i in 1 2; do make $i; done",
        "if make; then echo; fi",
        "(make; echo)",
        "a || b",
        "make; # the end",
        "X=1; make",
        "awk '{print $1; exit}' file",
    ],
)
def test_kept(command: str) -> None:
    assert _lost(command) == []


@pytest.mark.parametrize(
    ("shell", "command", "is_lost"),
    [
        ("bash -euo pipefail -c", "make; echo | cat", False),
        ("bash -euo pipefail -c", "make | tee log", False),
        ("/bin/sh -e -c", "make; echo", False),
        ("/bin/sh -e -c", "make | tee log", True),
        ("bash -o errexit -c", "make; echo", False),
        ("bash -c", "make; echo", True),
        ("python3 -c", "import x; x.run(); print()", False),
    ],
)
def test_shell(shell: str, command: str, is_lost: bool) -> None:
    assert bool(_lost(command, shell=shell)) == is_lost
    assert bool(_lost(command, options={"shell": shell})) == is_lost


def test_own_shell_first() -> None:
    strict = "bash -ec"
    assert _lost("make; echo", shell=strict) == []
    assert _lost("make; echo", shell=strict, options={"shell": "bash -c"}) != []
    assert _lost("make; echo", shell=strict, invocation_script="time") != []


def test_one_warning() -> None:
    [found] = _lost(*["make; echo"] * 7)
    assert found.startswith("commands of jobs 'j0', 'j1', 'j2', 'j3', 'j4' and 2 more: a failure")


def test_each_command_once() -> None:
    """A warning about several jobs quotes each of their commands."""
    [found] = _lost("make; echo", "python x; echo", "make; echo 2")
    assert found.startswith("commands of jobs 'j0', 'j1' and 'j2': failures of 'make' and")
    assert "'python x' are lost: only the exit code of the last command counts" in found
