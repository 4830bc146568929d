"""The one line, and the chain."""

from __future__ import annotations

import pytest

from torc_tui.model import EdgeKind, Job
from torc_tui.status import JobStatus
from torc_tui.views.why import Blocker, Facts, exit_text, explain, lines, why

S = JobStatus


def job(status: JobStatus, number: int = 1, name: str = "train", **values: object) -> Job:
    return Job(number, name, status, **values)  # type: ignore[arg-type]  # table of keyword values


def blocker(number: int, name: str, status: JobStatus = S.RUNNING, **values: object) -> Blocker:
    return Blocker(number, name, status, **values)  # type: ignore[arg-type]  # table of keyword values


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(job=job(S.COMPLETED)), ""),
        (
            Facts(
                job=job(S.BLOCKED),
                blockers=[blocker(2, "prep"), blocker(3, "align_3")],
                blocking=14,
            ),
            "waits for prep, align_3 (+12)",
        ),
        (Facts(job=job(S.BLOCKED), blockers=[blocker(2, "prep")]), "waits for prep"),
        (Facts(job=job(S.BLOCKED, unmet=3)), "waits for 3 jobs"),
        (Facts(job=job(S.READY), shortfalls=["needs 2 GPUs, 1 free"]), "needs 2 GPUs, 1 free"),
        (
            Facts(job=job(S.READY), never=["8 CPUs, machine has 2"]),
            "can never run here: 8 CPUs, machine has 2",
        ),
        (
            Facts(job=job(S.CANCELED), blockers=[blocker(2, "prep", S.FAILED, return_code=3)]),
            "canceled: prep failed (exit 3)",
        ),
        (
            Facts(
                job=job(S.CANCELED),
                blockers=[blocker(2, "a", S.CANCELED), blocker(3, "b", S.TERMINATED)],
            ),
            "canceled: b was terminated (+1)",
        ),
        (Facts(job=job(S.CANCELED, reason="prep failed")), "canceled: prep failed"),
        (
            Facts(
                job=job(S.CANCELED, reason="canceled by me@here"),
                blockers=[blocker(2, "a", S.FAILED)],
            ),
            "canceled by me@here",
        ),
        (Facts(job=job(S.CANCELED)), "canceled"),
        (
            Facts(job=job(S.READY, attempt_id=2, not_before=18.0), now=10.0, attempts=4),
            "attempt 2 of 4 in 8 s",
        ),
        (Facts(job=job(S.RUNNING, attempt_id=2), attempts=4), "attempt 2 of 4"),
        (Facts(job=job(S.RUNNING)), ""),
        (Facts(job=job(S.READY, held=True), runners=0), "held"),
        (Facts(job=job(S.READY), paused=True), "workflow is paused"),
        (Facts(job=job(S.READY), runners=0), "no runner"),
        (Facts(job=job(S.READY), ahead=3), "3 jobs come first"),
        (Facts(job=job(S.READY)), "starts next"),
        (Facts(job=job(S.FAILED, return_code=3)), "exit 3"),
        (Facts(job=job(S.FAILED, return_code=137)), "exit 137, SIGKILL"),
        (
            Facts(job=job(S.TERMINATED, return_code=152, reason="over its runtime")),
            "over its runtime (exit 152, SIGXCPU)",
        ),
        (Facts(job=job(S.FAILED, return_code=3, reason="exit 3, no rule")), "exit 3, no rule"),
        (Facts(job=job(S.DISABLED)), "disabled"),
        (Facts(job=job(S.PENDING)), "starting"),
        (Facts(job=job(S.UNINITIALIZED)), "not initialized"),
    ],
)
def test_one_line(facts: Facts, expected: str) -> None:
    assert why(facts) == expected


def test_chain_goes_down_to_the_cause() -> None:
    table = {
        1: Facts(
            job=job(S.BLOCKED, 1, "eval"),
            blockers=[blocker(2, "train", S.BLOCKED), blocker(3, "prep", S.READY)],
        ),
        2: Facts(
            job=job(S.BLOCKED, 2, "train"),
            blockers=[blocker(3, "prep", S.READY, kind=EdgeKind.FILE, via="data.csv")],
        ),
        3: Facts(job=job(S.READY, 3, "prep"), shortfalls=["needs 2 GPUs, 1 free"], runners=0),
    }
    assert lines(explain(1, table.get)) == [
        "eval is blocked",
        "├─ train is blocked",
        "│  └─ prep is ready, writes file data.csv",
        "│     ├─ needs 2 GPUs, 1 free",
        "│     └─ no runner",
        "└─ prep is ready (explained above)",
    ]
    assert lines(explain(1, table.get), plain=True)[-1] == "`- prep is ready (explained above)"


def test_chain_of_a_canceled_job_names_the_exit() -> None:
    table = {
        1: Facts(
            job=job(S.CANCELED, 1, "eval"), blockers=[blocker(2, "prep", S.FAILED, return_code=3)]
        ),
        2: Facts(job=job(S.FAILED, 2, "prep", return_code=3)),
    }
    assert lines(explain(1, table.get)) == ["eval is canceled", "└─ prep is failed", "   └─ exit 3"]


def test_chain_is_bounded() -> None:
    def facts_of(number: int) -> Facts:
        return Facts(
            job=job(S.BLOCKED, number, f"j{number}"),
            blockers=[blocker(number + 1, "next", S.BLOCKED)],
        )

    assert len(lines(explain(1, facts_of, depth=5))) == 7
    assert lines(explain(1, facts_of, depth=5))[-1].endswith("waits for 1 more jobs")
    wide = Facts(job=job(S.BLOCKED), blockers=[blocker(n, "x") for n in range(2, 40)], blocking=100)
    made = explain(1, lambda number: wide if number == 1 else None, width=3)
    assert [child.text for child in made.children][-1] == "and 97 more" and len(made.children) == 4


def test_texts() -> None:
    assert [exit_text(code) for code in (None, 0, 139, 255)] == [
        "",
        "exit 0",
        "exit 139, SIGSEGV",
        "exit 255",
    ]
