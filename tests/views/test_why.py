"""The one line, and the chain."""

from __future__ import annotations

import pytest

from torc_tui.model import EdgeKind, Job
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.views.why import Blocker, Facts, explain, lines, reason_of, why

S = JobStatus
IN_USE = because(Kind.TEXT, text="needs 2 GPUs, 1 free")
LIMIT = because(Kind.TEXT, text="at most 1 job")
TOO_LARGE = because(Kind.TEXT, text="8 CPUs, machine has 2")
TIMEOUT = because(Kind.TIMEOUT, limit=10)
MISSING = because(Kind.MISSING_FILES, files=(("out", "o.txt"),))
BY_ME = because(Kind.CANCELED_BY_USER, actor="me@here")
OLD = because(Kind.TEXT, text="prep failed (exit 3)")
DESIGN = because(
    Kind.DEPENDENCY, job="canceled by design", status="failed", reason=because(Kind.EXIT, code=3)
)


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
            "waits for prep, align_3 and 12 more",
        ),
        (Facts(job=job(S.BLOCKED), blockers=[blocker(2, "prep")]), "waits for prep"),
        (Facts(job=job(S.BLOCKED, unmet=3)), "waits for 3 jobs"),
        (Facts(job=job(S.READY), shortfalls=[IN_USE, LIMIT]), f"{IN_USE['text']}, {LIMIT['text']}"),
        (Facts(job=job(S.READY), never=[TOO_LARGE]), f"unschedulable: {TOO_LARGE['text']}"),
        (
            Facts(job=job(S.CANCELED), blockers=[blocker(2, "prep", S.FAILED, return_code=3)]),
            "canceled: prep failed (exit 3)",
        ),
        (
            Facts(
                job=job(S.CANCELED),
                blockers=[blocker(2, "a", S.CANCELED), blocker(3, "b", S.TERMINATED)],
            ),
            "canceled: b was terminated, and 1 more dependency did not succeed",
        ),
        (
            Facts(
                job=job(S.CANCELED),
                blockers=[blocker(2, "prep", S.FAILED, return_code=1, reason=MISSING)],
            ),
            "canceled: prep failed: exit 0, but did not write its output file out (path o.txt)",
        ),
        (Facts(job=job(S.CANCELED, reason=DESIGN)), "canceled: canceled by design failed (exit 3)"),
        (
            Facts(job=job(S.CANCELED, reason=BY_ME), blockers=[blocker(2, "a", S.FAILED)]),
            "canceled by me@here",
        ),
        (Facts(job=job(S.CANCELED, reason=OLD)), "prep failed (exit 3)"),
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
        (Facts(job=job(S.READY), ahead=3), "waits for its turn, 3 jobs ahead"),
        (Facts(job=job(S.READY)), "next in line"),
        (Facts(job=job(S.READY), looked=False), ""),
        (Facts(job=job(S.FAILED, return_code=3)), "exit 3"),
        (Facts(job=job(S.FAILED, return_code=137)), "exit 137, SIGKILL"),
        (
            Facts(job=job(S.TERMINATED, return_code=152, reason=TIMEOUT)),
            "ran longer than its runtime of 10 s (exit 152)",
        ),
        (
            Facts(job=job(S.TERMINATED, return_code=42, reason=TIMEOUT)),
            "ran longer than its runtime of 10 s (exit 42)",
        ),
        (
            Facts(job=job(S.FAILED, return_code=137, reason=because(Kind.EXIT, code=137))),
            "exit 137, SIGKILL",
        ),
        (
            Facts(job=job(S.FAILED, return_code=137, reason=OLD)),
            f"{OLD['text']} (exit 137, SIGKILL)",
        ),
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
        3: Facts(job=job(S.READY, 3, "prep"), shortfalls=[IN_USE], runners=0),
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
    assert lines(explain(1, table.get)) == [
        "eval is canceled",
        "└─ prep has failed",
        "   └─ exit 3",
    ]


def test_chain_is_bounded() -> None:
    def facts_of(number: int) -> Facts:
        return Facts(
            job=job(S.BLOCKED, number, f"j{number}"),
            blockers=[blocker(number + 1, "next", S.BLOCKED)],
        )

    assert len(lines(explain(1, facts_of, depth=5))) == 7
    assert lines(explain(1, facts_of, depth=5))[-1].endswith("waits for 1 job")
    wide = Facts(job=job(S.BLOCKED), blockers=[blocker(n, "x") for n in range(2, 40)], blocking=100)
    made = explain(1, lambda number: wide if number == 1 else None, width=3)
    assert [child.text for child in made.children][-1] == "and 97 more" and len(made.children) == 4


def test_cause_is_named_once() -> None:
    """The chain of a canceled job names the outcome of its dependency exactly once."""
    exit_3 = because(Kind.EXIT, code=3)
    table = {
        1: Facts(
            job=job(S.CANCELED, 1, "eval", reason=DESIGN),
            blockers=[blocker(2, "canceled by design", S.FAILED, return_code=3, reason=exit_3)],
        ),
        2: Facts(job=job(S.FAILED, 2, "canceled by design", return_code=3, reason=exit_3)),
    }
    assert lines(explain(1, table.get)) == [
        "eval is canceled",
        "└─ canceled by design has failed",
        "   └─ exit 3",
    ]


def test_canceled_by_user() -> None:
    """A job that a user canceled names that, and not its unfinished dependencies."""
    facts = Facts(job=job(S.CANCELED, reason=BY_ME), blockers=[blocker(2, "a", S.FAILED)])
    assert lines(explain(1, {1: facts}.get)) == ["train is canceled", "└─ canceled by me@here"]


def test_kinds() -> None:
    """Decisions are made from the kind of a reason."""
    facts = Facts(job=job(S.READY), never=[TOO_LARGE])
    reason = reason_of(facts)
    assert reason is not None and reason.kind is Kind.UNSCHEDULABLE
    (child,) = explain(1, {1: Facts(job=job(S.BLOCKED, unmet=0), runners=0)}.get).children
    assert child.kind is Kind.NO_RUNNER
