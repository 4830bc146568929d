"""The decisions, as tables, and as properties over random graphs held in plain dictionaries."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lifecycle import invariants
from torc_tui.lifecycle.decide import (
    LOST_RETURN_CODE,
    AttemptFacts,
    Waiting,
    outcome,
    outlives_lease,
    reruns_left,
    settle,
    verdict,
)
from torc_tui.lifecycle.failure_policy import Policies
from torc_tui.model import AttemptKey, Cause, Exited, FailureRule
from torc_tui.reasons import Kind, Reason, because
from torc_tui.status import JobStatus

S = JobStatus


def exited(code: int | None = 0, cause: Cause | None = None) -> Exited:
    return Exited(
        key=AttemptKey(1, 1, 1, 1), return_code=code, started_at=0.0, ended_at=1.0, cause=cause
    )


OUT = [("out", "out.txt")]
RETRY_TWICE = (FailureRule(exit_codes=(3,), max_retries=2),)
ANY_ONCE = (FailureRule(match_all_exit_codes=True, max_retries=1),)


@pytest.mark.parametrize(
    ("end", "facts", "status", "code", "releases"),
    [
        (exited(0), AttemptFacts(), S.COMPLETED, 0, True),
        (exited(3), AttemptFacts(), S.FAILED, 3, True),
        (exited(0), AttemptFacts(missing_files=OUT), S.FAILED, 1, True),
        (exited(0), AttemptFacts(unwritten_files=OUT), S.COMPLETED, 0, True),
        (exited(0), AttemptFacts(unwritten_files=OUT, require_written=True), S.FAILED, 1, True),
        (exited(3), AttemptFacts(unwritten_files=OUT), S.FAILED, 3, True),
        (exited(0), AttemptFacts(missing_user_data=["x"]), S.COMPLETED, 0, True),
        (
            exited(0),
            AttemptFacts(missing_user_data=["x"], require_user_data=True),
            S.FAILED,
            1,
            True,
        ),
        (exited(143, Cause.CANCELED), AttemptFacts(), S.CANCELED, 143, True),
        (
            exited(143, Cause.CANCELED),
            AttemptFacts(requested=S.TERMINATED),
            S.TERMINATED,
            143,
            True,
        ),
        (exited(143, Cause.STOPPED), AttemptFacts(), S.TERMINATED, 143, False),
        (exited(0, Cause.STOPPED), AttemptFacts(), S.COMPLETED, 0, True),
        (exited(143, Cause.TIME_LIMIT), AttemptFacts(), S.TERMINATED, 152, False),
        (exited(42, Cause.TIME_LIMIT), AttemptFacts(), S.TERMINATED, 42, False),
        (exited(143, Cause.TIMEOUT), AttemptFacts(), S.TERMINATED, 152, True),
        (exited(137, Cause.TIMEOUT), AttemptFacts(timeout_exit_code=99), S.TERMINATED, 99, True),
        (exited(42, Cause.TIMEOUT), AttemptFacts(), S.TERMINATED, 42, True),
        (exited(0, Cause.TIMEOUT), AttemptFacts(), S.TERMINATED, 0, True),
        (exited(137, Cause.OOM), AttemptFacts(), S.FAILED, 137, True),
        (exited(143, Cause.OOM), AttemptFacts(oom_exit_code=99), S.FAILED, 99, True),
        (exited(42, Cause.OOM), AttemptFacts(), S.FAILED, 42, True),
        (exited(126, Cause.LAUNCH), AttemptFacts(), S.FAILED, 126, True),
        (exited(None, Cause.LOST), AttemptFacts(), S.FAILED, LOST_RETURN_CODE, True),
        (exited(3), AttemptFacts(use_pending_failed=True), S.PENDING_FAILED, 3, False),
    ],
)
def test_outcomes(end: Exited, facts: AttemptFacts, status: S, code: int, releases: bool) -> None:
    found = outcome(end, facts)
    assert (found.status, found.return_code, found.releases, found.retry) == (
        status,
        code,
        releases,
        None,
    )
    if status is not S.COMPLETED:
        assert found.reason


@pytest.mark.parametrize(
    ("code", "rules", "used", "retried"),
    [
        (3, RETRY_TWICE, 0, True),
        (3, RETRY_TWICE, 1, True),
        (3, RETRY_TWICE, 2, False),
        (4, RETRY_TWICE, 0, False),
        (4, RETRY_TWICE + ANY_ONCE, 0, True),
        (
            3,
            ANY_ONCE + RETRY_TWICE,
            1,
            True,
        ),  # the rule that names the code counts, wherever it stands
        (4, ANY_ONCE, 1, False),
        (3, (FailureRule(exit_codes=(3,), max_retries=0),), 0, False),
    ],
)
def test_n_retries_after_the_first_attempt(
    code: int, rules: Sequence[FailureRule], used: int, retried: bool
) -> None:
    assert (
        outcome(exited(code), AttemptFacts(policies=Policies(rules), retries=used)).retry
        is not None
    ) is retried


def test_a_missing_output_may_be_retried_by_code_one() -> None:
    facts = AttemptFacts(policies=Policies((FailureRule(exit_codes=(1,)),)), missing_files=OUT)
    assert outcome(exited(0), facts).retry


@pytest.mark.parametrize(
    ("end", "facts", "cause", "kind"),
    [
        (exited(0), AttemptFacts(), Cause.EXIT, None),
        (exited(3), AttemptFacts(), Cause.EXIT, Kind.EXIT),
        (exited(139), AttemptFacts(), Cause.SIGNAL, Kind.EXIT),
        (exited(255), AttemptFacts(), Cause.EXIT, Kind.EXIT),
        (exited(0), AttemptFacts(missing_files=OUT), Cause.MISSING_OUTPUT, Kind.MISSING_FILES),
        (
            exited(0),
            AttemptFacts(unwritten_files=OUT, require_written=True),
            Cause.MISSING_OUTPUT,
            Kind.FILES_NOT_WRITTEN,
        ),
        (exited(143, Cause.CANCELED), AttemptFacts(), Cause.CANCELED, Kind.CANCELED_BY_USER),
        (
            exited(143, Cause.CANCELED),
            AttemptFacts(requested=S.TERMINATED),
            Cause.CANCELED,
            Kind.TERMINATED_BY_USER,
        ),
        (exited(143, Cause.STOPPED), AttemptFacts(), Cause.STOPPED, Kind.RUNNER_STOPPED),
        (exited(143, Cause.TIME_LIMIT), AttemptFacts(), Cause.TIME_LIMIT, Kind.TIME_LIMIT),
        (exited(0, Cause.TIMEOUT), AttemptFacts(), Cause.TIMEOUT, Kind.TIMEOUT),
        (exited(137, Cause.GPU_OOM), AttemptFacts(), Cause.GPU_OOM, Kind.OUT_OF_MEMORY),
        (exited(126, Cause.LAUNCH), AttemptFacts(), Cause.LAUNCH, Kind.LAUNCH),
        (exited(None, Cause.LOST), AttemptFacts(), Cause.LOST, Kind.LOST),
    ],
)
def test_cause(end: Exited, facts: AttemptFacts, cause: Cause, kind: Kind | None) -> None:
    """Every end has its cause, and every end but a success has a reason."""
    found = outcome(end, facts)
    assert found.cause is cause
    assert (found.reason and found.reason.kind) is kind


SIGNALS = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM XCPU XFSZ SYS"


@pytest.mark.parametrize("code", range(1, 256))
def test_signal_codes(code: int) -> None:
    """A code above 128 stands for a signal where the system has one that ends a process."""
    numbers = {getattr(signal, f"SIG{name}").value for name in SIGNALS.split()}
    expected = Cause.SIGNAL if code - 128 in numbers else Cause.EXIT
    assert outcome(exited(code), AttemptFacts()).cause is expected


@pytest.mark.parametrize(
    ("code", "cause", "reruns", "places", "status", "again"),
    [
        (None, Cause.LOST, 2, (), S.TERMINATED, True),
        (None, Cause.LOST, 1, ("hpc1",), S.TERMINATED, True),
        (137, Cause.LOST, 1, ("hpc1",), S.TERMINATED, True),
        (None, Cause.LOST, 0, ("hpc1", "hpc2"), S.FAILED, False),
        (None, Cause.GPU_LOST, 2, (), S.TERMINATED, True),
        (None, Cause.GPU_LOST, 0, (), S.FAILED, False),
    ],
)
def test_lost(
    code: int | None, cause: Cause, reruns: int, places: tuple[str, ...], status: S, again: bool
) -> None:
    """A lost attempt reruns and keeps its dependents waiting, until the limit of losses."""
    lost = because(Kind.LOST, places=places) if places else None
    found = outcome(exited(code, cause), AttemptFacts(reruns=reruns, lost=lost))
    assert (found.status, found.cause) == (status, cause)
    assert found.return_code == (LOST_RETURN_CODE if code is None else code)
    assert (found.interrupted, found.releases) == (again, not again)
    assert found.reason == (lost or because(Kind.LOST))


@pytest.mark.parametrize(
    ("on_lost", "lost", "left", "waits"),
    [
        (None, 0, 2, True),
        ("wait", 1, 1, True),
        ("rerun", 2, 0, False),
        ("rerun", 3, 0, False),
        ("fail", 0, 0, False),
    ],
)
def test_on_lost(on_lost: str | None, lost: int, left: int, waits: bool) -> None:
    """The limit of reruns, and waiting without proof."""
    assert (reruns_left(on_lost, lost), outlives_lease(on_lost)) == (left, waits)


@pytest.mark.parametrize(
    ("by_file", "require", "fails"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"out": True}, False, True),
        ({"out": False}, True, False),
    ],
)
def test_output_check_of_a_file(by_file: dict[str, bool], require: bool, fails: bool) -> None:
    """The key of the file comes before that of the job and the workflow."""
    facts = AttemptFacts(
        unwritten_files=[("out", "out.txt")], require_written=require, written_files=by_file
    )
    found = outcome(exited(0), facts)
    assert (found.status is S.FAILED) is fails
    kinds = [found.reason.kind] if found.reason else [one.kind for one in found.warnings]
    assert kinds == [Kind.FILES_NOT_WRITTEN]


@pytest.mark.parametrize("require", [False, True])
def test_failure_of_user_data(require: bool) -> None:
    """The reason of a success without its record names the record only where it is required."""
    found = outcome(exited(0), AttemptFacts(missing_user_data=["x"], require_user_data=require))
    wanted = because(Kind.MISSING_USER_DATA, names=("x",)) if require else None
    assert found.reason == wanted


def test_no_empty_steps() -> None:
    """An end that changes nothing else yields nothing; a cancellation is followed."""
    graph = Dictionary({0: [], 1: [0], 2: [1]}, {0: True, 1: True, 2: True})
    graph.status[0] = S.FAILED
    steps = list(settle(graph, [(0, S.FAILED)]))
    assert [[change.job_id for change in step] for step in steps] == [[1], [2]]
    graph = Dictionary({0: [], 1: [0]}, {0: True, 1: True})
    graph.status[0] = S.COMPLETED
    assert [[(c.job_id, c.status) for c in step] for step in settle(graph, [(0, S.COMPLETED)])] == [
        [(1, S.READY)]
    ]
    assert list(settle(Dictionary({0: []}, {0: True}), [(0, S.COMPLETED)])) == []


def test_successful_jobs_of_a_step() -> None:
    """The graph learns of each end whether it was a success; a cancellation is none."""
    graph = Dictionary({0: [], 1: [0], 2: []}, {0: True, 1: True, 2: True})
    graph.status |= {0: S.FAILED, 2: S.COMPLETED}
    told: list[tuple[int, bool]] = []

    class Listening(Dictionary):
        def release(self, ended: Sequence[tuple[int, bool]]) -> list[Waiting]:
            told.extend(ended)
            return graph.release(ended)

    list(settle(Listening({}, {}), [(0, S.FAILED), (2, S.COMPLETED)]))
    assert told == [(0, False), (2, True), (1, False)]


def test_first_retry() -> None:
    """Without a count, no retry was used."""
    assert outcome(exited(1), AttemptFacts(policies=Policies(ANY_ONCE))).retry is ANY_ONCE[0]


def test_codes_of_torc() -> None:
    """Exit codes that Torc gives to ends without one of their own."""
    assert outcome(exited(None, Cause.LOST), AttemptFacts()).return_code == -128
    facts = AttemptFacts(unwritten_files=OUT, require_written=True)
    assert outcome(exited(0), facts).reason == because(
        Kind.FILES_NOT_WRITTEN, files=tuple(OUT), code=0
    )


def test_end_of_runner() -> None:
    """The end of a runner uses neither a retry nor a failure handler."""
    facts = AttemptFacts(policies=Policies(ANY_ONCE))
    for cause in (Cause.STOPPED, Cause.TIME_LIMIT):
        found = outcome(exited(143, cause), facts)
        assert (found.retry, found.interrupted, found.releases) == (None, True, False)


class Dictionary:
    """A slow and obvious implementation of the port `DependencyGraph`."""

    def __init__(self, depends_on: dict[int, list[int]], cancel: dict[int, bool]) -> None:
        self.depends_on = depends_on
        self.cancel = cancel
        self.status = {job: S.BLOCKED if needs else S.READY for job, needs in depends_on.items()}

    def release(self, ended: Sequence[tuple[int, bool]]) -> list[Waiting]:
        free = []
        for job_id, _ in ended:
            for job, needs in self.depends_on.items():
                if (
                    job_id not in needs
                    or self.status[job] is not S.BLOCKED
                    or job in [w.job_id for w in free]
                ):
                    continue
                if all(self.status[n] in (S.COMPLETED, S.FAILED, S.CANCELED) for n in needs):
                    bad = sum(self.status[n] in (S.FAILED, S.CANCELED) for n in needs)
                    free.append(Waiting(job, bad, self.cancel[job]))
        for waiting in free:
            doomed = waiting.unsuccessful and waiting.cancel_on_blocking_job_failure
            self.status[waiting.job_id] = S.CANCELED if doomed else S.READY
        return free

    def failed_dependency(self, job_id: int) -> Reason:
        return because(Kind.DEPENDENCY, job="prep")


@st.composite
def graphs(draw: st.DrawFn) -> Dictionary:
    size = draw(st.integers(1, 12))
    depends_on = {
        job: sorted(draw(st.sets(st.integers(0, job - 1), max_size=4))) if job else []
        for job in range(size)
    }
    return Dictionary(depends_on, {job: draw(st.booleans()) for job in range(size)})


@given(graphs(), st.data())
def test_random_graphs_finish(graph: Dictionary, data: st.DataObject) -> None:
    while ready := [job for job, status in graph.status.items() if status is S.READY]:
        job = data.draw(st.sampled_from(ready))
        graph.status[job] = data.draw(st.sampled_from([S.COMPLETED, S.FAILED]))
        for wave in settle(graph, [(job, graph.status[job])]):
            assert all(graph.status[change.job_id] is change.status for change in wave)
        nodes = {
            job: invariants.Node(job, status, graph.depends_on[job], 1, graph.cancel[job])
            for job, status in graph.status.items()
        }
        assert invariants.violations(nodes) == []
    assert set(graph.status.values()) <= {S.COMPLETED, S.FAILED, S.CANCELED}


def test_blocked_job_has_a_reason() -> None:
    graph = Dictionary({}, {})
    (change,) = verdict(graph, [Waiting(5, 1, True)])
    assert (change.job_id, change.status, change.reason) == (
        5,
        S.CANCELED,
        graph.failed_dependency(5),
    )


def test_invariants_detect_violations() -> None:
    nodes = {
        1: invariants.Node(1, S.FAILED, [], 0),
        2: invariants.Node(2, S.READY, [1], 0),
        3: invariants.Node(3, S.BLOCKED, [1], 0),
        4: invariants.Node(4, S.RUNNING, [2], 0),
    }
    text = " / ".join(invariants.violations(nodes))
    for piece in ("job 2", "did not succeed", "blocked by nothing", "counter of 0", "went ahead"):
        assert piece in text


def test_warnings_of_a_completed_job() -> None:
    facts = AttemptFacts(unwritten_files=OUT, missing_user_data=("record",))
    assert outcome(exited(0), facts).warnings == (
        because(Kind.FILES_NOT_WRITTEN, files=tuple(OUT)),
        because(Kind.USER_DATA_NOT_WRITTEN, names=("record",)),
    )
    assert outcome(exited(1), facts).warnings == ()
