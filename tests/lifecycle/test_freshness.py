"""Whether a job is up to date: single cases, and random workflows against a slow reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.lifecycle.fingerprint import (
    DIRECTORY,
    Baseline,
    Check,
    FileState,
    Fingerprint,
    baselines,
    differs,
    needs_hash,
)
from torc_tui.lifecycle.freshness import (
    EVERYTHING,
    Aspect,
    CurrentJob,
    FileNow,
    Findings,
    RecordNow,
    examine,
)
from torc_tui.lifecycle.rerun_plan import Follows, JobVerdict, RerunDecision, keeps, plan
from torc_tui.model import EdgeKind
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.status import JobStatus

SECOND = 1_000_000_000
START, END = 1_000_000.0, 1_000_060.0
START_NS, END_NS = int(START * SECOND), int(END * SECOND)
OLD = FileState(0, 7, 100, START_NS - 90 * SECOND, START_NS - 90 * SECOND, "aa")
WRITTEN = FileState(0, 8, 50, END_NS - SECOND, END_NS - SECOND, "bb")
RECORDED = Fingerprint(
    started_at=START,
    recorded_at=END,
    began=10,
    ended=12,
    command="fit --lr 0.1",
    env={"A": "1"},
    inputs={1: OLD},
    outputs={2: WRITTEN},
    data={3: 1},
)
INPUT = FileNow("in", "in.txt", OLD)
OUTPUT = FileNow("out", "out.txt", WRITTEN)
DATA = RecordNow("lr", 1, is_same=True)
FRESH = CurrentJob(
    id=1,
    name="fit",
    status=JobStatus.COMPLETED,
    command="fit --lr 0.1",
    env={"A": "1"},
    inputs={1: INPUT},
    outputs={2: OUTPUT},
    data={3: DATA},
    recorded=RECORDED,
)


def findings(job: CurrentJob) -> Findings:
    return examine(job, baselines([job.recorded] if job.recorded else []))


def kinds(found: Findings) -> tuple[list[Kind], list[Kind], list[Kind]]:
    return (
        [reason.kind for reason in found.certain],
        [reason.kind for reason in found.provisional],
        [reason.kind for reason in found.unknown],
    )


def test_fresh() -> None:
    assert findings(FRESH) == Findings()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (JobStatus.UNINITIALIZED, Kind.NEVER_RAN),
        (JobStatus.BLOCKED, Kind.NEVER_RAN),
        (JobStatus.READY, Kind.NEVER_RAN),
        (JobStatus.RUNNING, Kind.NEVER_RAN),
        (JobStatus.FAILED, Kind.UNSUCCESSFUL),
        (JobStatus.CANCELED, Kind.UNSUCCESSFUL),
        (JobStatus.TERMINATED, Kind.UNSUCCESSFUL),
        (JobStatus.PENDING_FAILED, Kind.UNSUCCESSFUL),
    ],
    ids=lambda value: value.name.lower(),
)
def test_unfinished(status: JobStatus, kind: Kind) -> None:
    """A job without a good end runs, whatever was recorded of an earlier attempt."""
    assert kinds(findings(replace(FRESH, status=status))) == ([kind], [], [])


def test_interrupted() -> None:
    job = replace(FRESH, status=JobStatus.TERMINATED, is_interrupted=True)
    assert kinds(findings(job)) == ([Kind.INTERRUPTED], [], [])


def test_disabled() -> None:
    assert findings(replace(FRESH, status=JobStatus.DISABLED, recorded=None)) == Findings()


def test_may_be_kept() -> None:
    """A job that was reset only because it follows others is judged by its last result."""
    assert findings(replace(FRESH, status=JobStatus.BLOCKED, may_be_kept=True)) == Findings()


NEWER = OLD._replace(mtime_ns=OLD.mtime_ns + 1, ctime_ns=OLD.ctime_ns + 1)
CHANGES: dict[str, tuple[dict[str, Any], tuple[list[Kind], list[Kind], list[Kind]]]] = {
    "command": ({"command": "fit --lr 0.2"}, ([Kind.COMMAND_CHANGED], [], [])),
    "script": ({"script": "bash -l"}, ([Kind.COMMAND_CHANGED], [], [])),
    "env": ({"env": {"A": "2"}}, ([Kind.ENV_CHANGED], [], [])),
    "env-gone": ({"env": {}}, ([Kind.ENV_CHANGED], [], [])),
    "touched": ({"inputs": {1: INPUT._replace(state=NEWER)}}, ([], [], [])),
    "content": (
        {"inputs": {1: INPUT._replace(state=NEWER._replace(hash="cc"))}},
        ([Kind.INPUT_CHANGED], [], []),
    ),
    "size": (
        {"inputs": {1: INPUT._replace(state=NEWER._replace(size=1, hash=None))}},
        ([Kind.INPUT_CHANGED], [], []),
    ),
    "missing": ({"inputs": {1: INPUT._replace(state=None)}}, ([Kind.INPUT_MISSING], [], [])),
    "produced": (
        {"inputs": {1: INPUT._replace(state=None, is_produced=True)}},
        ([], [Kind.INPUT_MISSING], []),
    ),
    "unseen": (
        {"inputs": {1: INPUT._replace(state=None, is_visible=False)}},
        ([], [], [Kind.NOT_VISIBLE]),
    ),
    "unreadable": (
        {"inputs": {1: INPUT._replace(state=NEWER._replace(hash=None))}},
        ([], [], [Kind.NOT_VISIBLE]),
    ),
    "never": ({"inputs": {1: INPUT._replace(state=None, check=Check.NEVER)}}, ([], [], [])),
    "time": (
        {"inputs": {1: INPUT._replace(state=NEWER, check=Check.TIME)}},
        ([Kind.INPUT_CHANGED], [], []),
    ),
    "declared": (
        {"inputs": {1: INPUT, 9: INPUT._replace(name="new")}},
        ([Kind.INPUTS_DECLARED], [], []),
    ),
    "undeclared": ({"inputs": {}}, ([Kind.INPUTS_DECLARED], [], [])),
    "data": ({"data": {3: DATA._replace(version=2, is_same=False)}}, ([Kind.DATA_CHANGED], [], [])),
    "data-back": ({"data": {3: DATA._replace(version=3)}}, ([], [], [])),
    "data-produced": (
        {"data": {3: DATA._replace(version=2, is_same=False, is_produced=True)}},
        ([], [Kind.DATA_CHANGED], []),
    ),
    "own-data": (
        {"data": {3: DATA._replace(version=2, is_same=False)}, "output_data": frozenset({3})},
        ([], [], []),
    ),
    "own-data-edited": (
        {
            "data": {3: DATA._replace(version=2, is_same=False, is_edited=True)},
            "output_data": frozenset({3}),
        },
        ([Kind.DATA_CHANGED], [], []),
    ),
    "output-missing": (
        {"outputs": {2: OUTPUT._replace(state=None)}},
        ([Kind.OUTPUT_MISSING], [], []),
    ),
    "output-changed": (
        {"outputs": {2: OUTPUT._replace(state=WRITTEN._replace(hash="cc"))}},
        ([Kind.OUTPUT_CHANGED], [], []),
    ),
    "output-unseen": (
        {"outputs": {2: OUTPUT._replace(state=None, is_visible=False)}},
        ([], [], [Kind.NOT_VISIBLE]),
    ),
    "unrecorded": ({"recorded": None}, ([], [], [Kind.NOT_RECORDED])),
    "unrecorded-missing": (
        {"recorded": None, "outputs": {2: OUTPUT._replace(state=None)}},
        ([Kind.OUTPUT_MISSING], [], [Kind.NOT_RECORDED]),
    ),
}
ASPECT_OF = {
    "command": Aspect.COMMAND,
    "script": Aspect.COMMAND,
    "env": Aspect.ENV,
    "content": Aspect.FILES,
    "missing": Aspect.FILES,
    "declared": Aspect.FILES,
    "data": Aspect.DATA,
    "output-missing": Aspect.OUTPUTS,
    "output-changed": Aspect.OUTPUTS,
}


@pytest.mark.parametrize("case", CHANGES)
def test_change(case: str) -> None:
    changes, expected = CHANGES[case]
    assert kinds(findings(replace(FRESH, **changes))) == expected


@pytest.mark.parametrize("case", ASPECT_OF)
def test_rerun_on(case: str) -> None:
    """A change of an aspect that a job does not list does not count."""
    job = replace(FRESH, **CHANGES[case][0], rerun_on=EVERYTHING - {ASPECT_OF[case]})
    assert findings(job) == Findings()
    job = replace(job, rerun_on=frozenset({ASPECT_OF[case]}))
    assert kinds(findings(job)) == CHANGES[case][1]


def test_evidence() -> None:
    """Reasons contain old and new values as data."""
    job = replace(
        FRESH, command="fit --lr 0.2", inputs={1: INPUT._replace(state=NEWER._replace(size=9))}
    )
    assert findings(job).certain == (
        because(Kind.COMMAND_CHANGED, before="fit --lr 0.1", after="fit --lr 0.2"),
        because(
            Kind.INPUT_CHANGED,
            name="in",
            path="in.txt",
            before=(100, OLD.mtime_ns / 1e9),
            after=(9, NEWER.mtime_ns / 1e9),
        ),
    )


@pytest.mark.parametrize("kind", ["inputs", "data"])
@pytest.mark.parametrize("removed", [0, 1, 2])
def test_declared_inputs(kind: str, removed: int) -> None:
    """The reason names what was added, and counts what was removed."""
    known = dict.fromkeys(range(20, 20 + removed), OLD if kind == "inputs" else 1)
    old = getattr(RECORDED, kind)
    added = {9: INPUT._replace(name="new") if kind == "inputs" else DATA._replace(name="new")}
    job = replace(
        FRESH,
        recorded=replace(RECORDED, **{kind: {**old, **known}}),
        **{kind: {**getattr(FRESH, kind), **added}},
    )
    assert findings(job).certain == (
        because(Kind.INPUTS_DECLARED, added=("new",), removed=removed),
    )
    aspect = Aspect.FILES if kind == "inputs" else Aspect.DATA
    assert findings(replace(job, rerun_on=EVERYTHING - {aspect})) == Findings()


def test_removed_of_both() -> None:
    """Files and records that are no longer declared are counted together."""
    assert findings(replace(FRESH, inputs={}, data={})).certain == (
        because(Kind.INPUTS_DECLARED, added=(), removed=2),
    )


def test_appeared() -> None:
    """An input that did not exist at the start, and does now."""
    recorded = replace(RECORDED, inputs={1: None})
    assert findings(replace(FRESH, recorded=recorded)).certain == (
        because(Kind.INPUT_APPEARED, name="in", path="in.txt", after=OLD.seen),
    )
    missing = replace(FRESH, recorded=recorded, inputs={1: INPUT._replace(state=None)})
    assert findings(missing) == Findings()


def test_output_that_cannot_be_read() -> None:
    """An output whose content is needed for the answer, and cannot be read, is unknown."""
    unreadable = WRITTEN._replace(inode=9, hash=None)
    found = findings(replace(FRESH, outputs={2: OUTPUT._replace(state=unreadable)}))
    assert kinds(found) == ([], [], [Kind.NOT_VISIBLE])
    assert found.unknown[0]["path"] == "out.txt"


def test_output_without_baseline() -> None:
    """An output of which nothing was recorded is not compared, but must exist."""
    assert examine(FRESH, {}) == Findings()
    missing = replace(FRESH, outputs={2: OUTPUT._replace(state=None)})
    assert kinds(examine(missing, {})) == ([Kind.OUTPUT_MISSING], [], [])
    assert examine(missing, {2: Baseline(None, END_NS)}) == Findings()


@pytest.mark.parametrize(
    ("before", "asks"), [(2 * SECOND - 1, True), (2 * SECOND, False), (2 * SECOND + 1, False)]
)
def test_racy(before: int, asks: bool) -> None:
    """A file needs its content if it was modified less than 2 s before it was recorded."""
    state = OLD._replace(mtime_ns=START_NS - before, ctime_ns=START_NS - before)
    assert needs_hash(state, state, START_NS) is asks


def test_times_in_nanoseconds() -> None:
    recorded = replace(RECORDED, started_at=1.25, recorded_at=2.5)
    assert (recorded.started_ns, recorded.recorded_ns) == (1_250_000_000, 2_500_000_000)


@pytest.mark.parametrize("state", [OLD, NEWER], ids=["back", "touched"])
def test_changed_during_the_run(state: FileState) -> None:
    """An input that changed while the job ran makes it stale, also when it is changed back."""
    recorded = replace(RECORDED, changed_files=(1,), changed_data=(3,))
    job = replace(FRESH, inputs={1: INPUT._replace(state=state)}, recorded=recorded)
    assert kinds(findings(job)) == ([Kind.CHANGED_WHILE_RUNNING] * 2, [], [])


RACY = OLD._replace(mtime_ns=START_NS - SECOND, ctime_ns=START_NS - SECOND)
FUTURE = OLD._replace(mtime_ns=START_NS + 10**6 * SECOND)
LARGE = OLD._replace(hash=None)
FOLDER = OLD._replace(size=DIRECTORY)


@pytest.mark.parametrize(
    ("old", "now", "asks", "changed"),
    [
        (OLD, OLD, False, False),
        (OLD, OLD._replace(device=9, hash=None), False, False),
        (OLD, OLD._replace(inode=9), True, False),
        (OLD, OLD._replace(inode=9, hash="cc"), True, True),
        (OLD, OLD._replace(ctime_ns=1, hash="cc"), True, True),  # `touch -r` hides a change
        (OLD, OLD._replace(ctime_ns=1, hash=None), True, None),
        (OLD, OLD._replace(size=1), False, True),
        (RACY, RACY, True, False),
        (RACY, RACY._replace(hash="cc"), True, True),  # two changes within the same second
        (FUTURE, FUTURE, True, False),
        (FUTURE, FUTURE._replace(hash="cc"), True, True),
        (LARGE, LARGE, False, False),
        (LARGE, NEWER._replace(hash=None), False, True),
        (FOLDER, FOLDER, True, False),
        (FOLDER, FOLDER._replace(hash="cc"), True, True),
        (FOLDER, OLD, False, True),
    ],
    ids=[
        "same",
        "device",
        "inode",
        "replaced",
        "times",
        "unreadable",
        "size",
        "racy",
        "racy-changed",
        "future",
        "future-changed",
        "large",
        "large-touched",
        "folder",
        "folder-changed",
        "folder-file",
    ],
)
def test_differs(old: FileState, now: FileState, asks: bool, changed: bool | None) -> None:
    assert needs_hash(old, now, START_NS) is asks
    assert differs(old, now, START_NS, Check.CONTENT) is changed
    assert differs(old, now, START_NS, Check.NEVER) is False


def test_last_writer_counts() -> None:
    """Where several jobs write a file, its state after the last of them is the right one."""
    later = WRITTEN._replace(hash="cc")
    first = RECORDED
    second = replace(RECORDED, ended=20, recorded_at=END + 9, outputs={2: later})
    for order in ([first, second], [second, first]):
        assert baselines(order) == {2: Baseline(later, int((END + 9) * SECOND))}


def test_the_same_end() -> None:
    """Of two records with one number, the later in the list counts, also with the number 0."""
    for ended in (0, 20):
        one = replace(RECORDED, ended=ended, outputs={2: WRITTEN._replace(hash="cc")})
        other = replace(RECORDED, ended=ended)
        assert baselines([one, other])[2].state == WRITTEN
        assert baselines([one])[2].state == one.outputs[2]


# -- what follows ----------------------------------------------------------------------------------


def job(number: int, **changes: Any) -> CurrentJob:
    recorded = replace(RECORDED, inputs={}, outputs={}, data={}, began=number * 10)
    recorded = replace(recorded, ended=number * 10 + 5)
    plain = CurrentJob(
        id=number,
        name=f"j{number}",
        status=JobStatus.COMPLETED,
        command=recorded.command,
        env=recorded.env,
        recorded=recorded,
    )
    return replace(plain, **changes)


STALE = {"command": "another"}
CHANGED_INPUT = Findings(provisional=(because(Kind.INPUT_CHANGED, name="in", path="in"),))


def verdicts(
    jobs: list[CurrentJob], edges: list[Follows], more: Mapping[int, Findings] | None = None
) -> dict[int, JobVerdict]:
    by_id = {one.id: one for one in jobs}
    found = {one.id: findings(one) for one in jobs} | dict(more or {})
    return plan(by_id, found, edges)


@pytest.mark.parametrize(
    ("kind", "certain"),
    [
        (EdgeKind.EXPLICIT, True),
        (EdgeKind.REGEX, True),
        (EdgeKind.FILE, False),
        (EdgeKind.USER_DATA, False),
    ],
    ids=lambda value: str(value),
)
def test_follows(kind: EdgeKind, certain: bool) -> None:
    """Jobs that depend through files or data may be kept; other dependents run."""
    found = verdicts([job(1, **STALE), job(2), job(3)], [Follows(2, 1, kind)])
    follows = (because(Kind.FOLLOWS, jobs=("j1",)),)
    assert found[2] == JobVerdict(2, "j2", RerunDecision.RUN, certain, follows)
    assert found[3].verdict is RerunDecision.KEEP


def test_cut_off_behind_cut_off() -> None:
    """A job behind a job that may be kept may be kept as well, whatever its own edge is."""
    edges = [Follows(2, 1, EdgeKind.FILE), Follows(3, 2, EdgeKind.EXPLICIT)]
    found = verdicts([job(1, **STALE), job(2), job(3)], edges)
    assert [found[number].certain for number in (1, 2, 3)] == [True, False, False]


def test_own_reason_wins() -> None:
    edges = [Follows(2, 1, EdgeKind.FILE)]
    found = verdicts([job(1, **STALE), job(2, **STALE)], edges)
    assert found[2].certain
    assert [one.kind for one in found[2].reasons] == [Kind.COMMAND_CHANGED, Kind.FOLLOWS]


def test_input_of_a_producer() -> None:
    """A changed input counts at once if its producer is kept, and after its end if it runs."""
    edges = [Follows(2, 1, EdgeKind.FILE)]
    more = {2: CHANGED_INPUT}
    assert verdicts([job(1), job(2)], edges, more)[2].certain
    assert not verdicts([job(1, **STALE), job(2)], edges, more)[2].certain


def test_unknown_follows() -> None:
    """An undecided job is kept, unless it depends on a job that runs."""
    unknown = job(2, recorded=None)
    edges = [Follows(2, 1, EdgeKind.FILE)]
    assert verdicts([job(1), unknown], edges)[2].verdict is RerunDecision.UNKNOWN
    assert verdicts([job(1, **STALE), unknown], edges)[2].certain


def test_writes_its_input() -> None:
    """A job that changes its own input cannot be kept: the input is no longer there."""
    own = job(2, inputs={1: INPUT}, outputs={1: INPUT})
    found = verdicts([job(1, **STALE), own], [Follows(2, 1, EdgeKind.FILE)], {2: Findings()})
    assert found[2].certain


def test_rerun_on_command_only() -> None:
    """A job that does not care for files and data is kept when only these may change."""
    keep = job(2, rerun_on=frozenset({Aspect.COMMAND}))
    found = verdicts([job(1, **STALE), keep], [Follows(2, 1, EdgeKind.FILE)])
    assert found[2].verdict is RerunDecision.KEEP
    found = verdicts([job(1, **STALE), keep], [Follows(2, 1, EdgeKind.EXPLICIT)])
    assert found[2].certain


@pytest.mark.parametrize(
    ("kind", "ended", "verdict"),
    [
        (EdgeKind.EXPLICIT, 20, RerunDecision.KEEP),
        (EdgeKind.EXPLICIT, 21, RerunDecision.RUN),
        (EdgeKind.FILE, 21, RerunDecision.KEEP),
    ],
    ids=["before", "after", "file"],
)
def test_reran_during_the_check(kind: EdgeKind, ended: int, verdict: RerunDecision) -> None:
    """A job runs if one that it depends on as such has run again since it began (number 20)."""
    before = job(1)
    assert before.recorded is not None
    before = replace(before, recorded=replace(before.recorded, ended=ended))
    found = verdicts([before, job(2)], [Follows(2, 1, kind)])
    assert found[2].verdict is verdict
    order = [] if kind is EdgeKind.FILE else [("j1", ended)]
    assert keeps(job(2), Findings(), order) is (verdict is RerunDecision.KEEP)


def test_counts_of_many_reasons() -> None:
    jobs = [*(job(number, **STALE) for number in range(1, 7)), job(7)]
    gate = [Follows(-1, number, EdgeKind.REGEX) for number in range(1, 7)]
    found = verdicts(jobs, [*gate, Follows(7, -1, EdgeKind.REGEX)])
    assert found[7].reasons == (because(Kind.FOLLOWS, jobs=("j1", "j2", "j3"), more=3),)


def test_sure_and_maybe() -> None:
    """A job behind one that runs and one that may run names both."""
    edges = [
        Follows(2, 1, EdgeKind.FILE),
        Follows(3, 1, EdgeKind.EXPLICIT),
        Follows(3, 2, EdgeKind.EXPLICIT),
    ]
    found = verdicts([job(1, **STALE), job(2), job(3)], edges)
    assert found[3].reasons == (because(Kind.FOLLOWS, jobs=("j1", "j2")),)


@st.composite
def workflows(draw: st.DrawFn) -> tuple[list[CurrentJob], list[Follows], list[Follows]]:
    """Return jobs, their edges without gates, and the same with gates."""
    size = draw(st.integers(1, 9))
    jobs = []
    for number in range(1, size + 1):
        changes: dict[str, Any] = draw(
            st.sampled_from(
                [{}, {}, {}, STALE, {"recorded": None}, {"status": JobStatus.DISABLED},
                 {"status": JobStatus.FAILED}, {"inputs": {1: INPUT}, "outputs": {1: INPUT}}]
            )
        )  # fmt: skip
        one = job(number, **changes)
        if one.recorded is not None and draw(st.integers(0, 5)) == 0:  # it ran again later
            one = replace(one, recorded=replace(one.recorded, ended=999))
        jobs.append(one)
    plain: list[Follows] = []
    gated: list[Follows] = []
    for number in range(2, size + 1):
        befores = draw(st.sets(st.integers(1, number - 1), max_size=4))
        kind = draw(st.sampled_from(list(EdgeKind)))
        plain += [Follows(number, before, kind) for before in befores]
        if draw(st.booleans()):
            gated += [Follows(-number, before, kind) for before in befores]
            gated.append(Follows(number, -number, kind))
        else:
            gated += [Follows(number, before, kind) for before in befores]
    return jobs, plain, gated


def ran_after(on: CurrentJob, job: CurrentJob) -> bool:
    if job.recorded is None or on.recorded is None or not job.is_finished_well:
        return False
    return on.recorded.ended > job.recorded.began


def slow_truth(
    jobs: list[CurrentJob], edges: list[Follows], found: Mapping[int, Findings]
) -> dict[int, tuple[RerunDecision, bool]]:
    """Apply each rule until nothing changes."""
    sure: set[int] = set()
    maybe: set[int] = set()
    by_id = {one.id: one for one in jobs}
    before: tuple[set[int], set[int]] | None = None
    while before != (sure, maybe):
        before = set(sure), set(maybe)
        sure |= {number for number, one in found.items() if one.certain}
        for edge in edges:
            one, on = by_id[edge.job], by_id[edge.on]
            if one.status is JobStatus.DISABLED:
                continue
            data = edge.kind in (EdgeKind.FILE, EdgeKind.USER_DATA) and not one.changes_inputs
            if edge.on in sure and (not data or one.recorded is None):
                sure.add(one.id)
            elif edge.on in sure | maybe:
                (maybe if one.recorded else sure).add(one.id)
            elif not data and ran_after(on, one):
                sure.add(one.id)
        maybe -= sure
    verdicts = {}
    for one in jobs:
        runs = one.id in sure | maybe
        unknown = found[one.id].unknown and one.status is not JobStatus.DISABLED
        kept = RerunDecision.UNKNOWN if unknown else RerunDecision.KEEP
        verdicts[one.id] = (RerunDecision.RUN if runs else kept, one.id not in maybe)
    return verdicts


@given(workflows())
def test_equals_slow_reference(
    drawn: tuple[list[CurrentJob], list[Follows], list[Follows]],
) -> None:
    jobs, plain, gated = drawn
    found = {
        one.id: Findings() if one.changes_inputs and one.recorded else findings(one) for one in jobs
    }
    expected = slow_truth(jobs, plain, found)
    for edges in (plain, gated):
        verdicts = plan({one.id: one for one in jobs}, found, edges)
        told = {number: (one.verdict, one.certain) for number, one in verdicts.items()}
        assert told == expected
        for one in verdicts.values():
            assert bool(one.reasons) is (one.verdict is not RerunDecision.KEEP)
