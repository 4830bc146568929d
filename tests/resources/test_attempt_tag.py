"""Recognize processes of an attempt outside of its session, as those of containers are."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_tui.model import AttemptKey
from torc_tui.resources import gpu_processes
from torc_tui.resources.attempt_tag import attempt_tag
from torc_tui.resources.gpu_processes import GpuProcesses
from torc_tui.resources.host_ledger import Ledger

TAG = attempt_tag("sqlite:////a.db", AttemptKey(1, 3, 2, 4))
OTHER = attempt_tag("sqlite:////b.db", AttemptKey(1, 3, 2, 4))
IDS = {"TORC_WORKFLOW_ID": 1, "TORC_RUN_ID": 2, "TORC_JOB_ID": 3, "TORC_ATTEMPT_ID": 4}
PID, LEADER = 3_999_998, 3_999_999
"""Processes that do not exist here."""


def environ(**variables: object) -> str:
    return "".join(f"{name}={value}\0" for name, value in variables.items())


@pytest.mark.parametrize(
    ("variables", "groups", "own"),
    [
        ("", "", False),
        (environ(**IDS), "", True),
        (environ(**IDS | {"TORC_WORKFLOW_ID": 11}), "", False),
        (environ(**IDS | {"TORC_ATTEMPT_ID": 5}), "", False),
        (environ(TORC_ATTEMPT_ID=4), "", False),
        (environ(**IDS, TORC_CGROUP=TAG), "", True),
        (environ(**IDS, TORC_CGROUP=OTHER), "", False),
        ("", f"0::/{TAG}/docker-12ab.scope\n", True),
        ("", f"0::/torc.slice/{TAG}/docker-12ab.scope\n", True),
        ("", f"12:devices:/\n1:name=systemd:/{TAG}/12ab\n", True),
        ("", f"0::/{OTHER}/docker-12ab.scope\n", False),
        ("", f"0::/x{TAG}/12ab\n", False),
        ("", "0::/user.slice/torc-1.slice\n", False),
    ],
)
def test_whose_process(
    monkeypatch: pytest.MonkeyPatch, variables: str, groups: str, own: bool
) -> None:
    files = {"environ": variables, "cgroup": groups}
    monkeypatch.setattr(gpu_processes, "_text", lambda path: files[Path(path).name])
    processes = GpuProcesses()
    processes.begin({LEADER: TAG}, 1.0)
    [found] = processes.of({PID: (5, False)}, 10, None)
    assert found.leader == (LEADER if own else 0)


def test_a_tag_is_a_name_of_a_slice() -> None:
    assert TAG != OTHER
    assert TAG.startswith("torc-")
    assert TAG.endswith("-1-2-3-4.slice")


def test_a_tag_tells_nothing_of_the_password() -> None:
    """Other users can read process and file names, and could guess a password from its hash."""
    key = AttemptKey(1, 3, 2, 4)
    url = "postgresql://ada:{}@host/torc"
    assert attempt_tag(url.format("secret"), key) == attempt_tag(url.format("other"), key)
    assert attempt_tag(url.format("secret"), key) != attempt_tag("postgresql://host/torc", key)
    assert Ledger(url.format("secret")).name(1) == Ledger(url.format("other")).name(1)
