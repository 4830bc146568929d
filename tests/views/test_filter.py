"""The filter language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import Job, ResourceRequirements
from torc_tui.status import JobStatus
from torc_tui.views.filter_syntax import KEYS, FilterError, parse
from torc_tui.views.job_filter import Context, compile_filter

S = JobStatus
JOBS = [
    Job(
        1,
        "prep",
        S.COMPLETED,
        "prep",
        started_at=0.0,
        ended_at=30.0,
        return_code=0,
        requirement_id=1,
    ),
    Job(
        2,
        "train_lr0.1",
        S.FAILED,
        "train_{lr}",
        started_at=0.0,
        ended_at=700.0,
        return_code=137,
        requirement_id=2,
    ),
    Job(
        3,
        "train_lr=1",
        S.RUNNING,
        "train_{lr}",
        priority=5,
        started_at=900.0,
        attempt_id=2,
        requirement_id=2,
    ),
    Job(4, "Evaluate (all)", S.BLOCKED, "Evaluate (all)", held=True, requirement_id=1),
]
CONTEXT = Context(
    requirements={
        1: ResourceRequirements(name="small", num_cpus=1, memory=1 << 30),
        2: ResourceRequirements(name="big", num_cpus=8, memory=32 << 30, num_gpus=2, runtime=7200),
    },
    now=1000.0,
    why=lambda job: "waits for train" if job.status is S.BLOCKED else "",
    gpus=lambda job: ("0", "1") if job.id == 3 else (),
    after=lambda name: {2, 3, 4} if name == "prep" else set(),
    before=lambda name: {1} if name == "train_lr0.1" else set(),
)


def ids(text: str) -> list[int]:
    test = compile_filter(text, CONTEXT)
    return [job.id for job in JOBS if test(job)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1, 2, 3, 4]),
        ("  ", [1, 2, 3, 4]),
        ("train", [2, 3]),
        ("TRAIN 0.1", [2]),
        ("evaluate all", [4]),
        ('"evaluate (all)"', [4]),
        ("status:failed", [2]),
        ("status:fail,run", [2, 3]),
        ("status!=failed", [1, 3, 4]),
        ("stat:c", None),
        ("cpus>4", [2, 3]),
        ("cpus:1", [1, 4]),
        ("memory>=2g", [2, 3]),
        ("memory<2GiB", [1, 4]),
        ("gpus>0", [2, 3]),
        ("runtime>1h", [2, 3]),
        ("priority>1", [3]),
        ("attempt>1", [3]),
        ("exit:137", [2]),
        ("exit!=0", [2]),
        ("name~^train_.*1$", [2, 3]),
        ("name~(prep|eval)", [1, 4]),
        ("name!~train", [1, 4]),
        ("name=prep", [1]),
        ("group:train", [2, 3]),
        ("gpu:1", [3]),
        ("after:prep", [2, 3, 4]),
        ("before:train_lr0.1", [1]),
        ("why~waits", [4]),
        ("time>10m", [2]),
        ("time>90s", [2, 3]),
        ("held:yes", [4]),
        ("-train", [1, 4]),
        ("not train", [1, 4]),
        ("not not train", [2, 3]),
        ("prep or eval", [1, 4]),
        ("train and status:failed or prep", [1, 2]),
        ("train (status:failed or prep)", [2]),
        ("-(train or prep)", [4]),
        ("train_lr=1", [3]),
        ("id>=3", [3, 4]),
    ],
)
def test_filters(text: str, expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(FilterError):
            ids(text)
    else:
        assert ids(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("statsu:failed", 1, "one of"),
        ("train status:bad", 14, "completed"),
        ("status:failed,bad", 15, "ready"),
        ("cpus>many", 6, "a number"),
        ("cpus~4", 5, ":"),
        ("memory>2x", 8, "512m"),
        ("name~(", 6, "regular expression"),
        ("(train", 7, ")"),
        ("train)", 6, "the end"),
        ("train or", 9, "a word"),
        ("or train", 1, "a word"),
        ('"train', 1, "second"),
        ("exit:", 6, "exit code"),
        ("held:maybe", 6, "yes or no"),
        ("gpu>1", 4, ":"),
        ("p:1", None, ""),
    ],
)
def test_position_of_errors(text: str, column: int | None, expected: str) -> None:
    if column is None:
        assert parse(text)  # unique beginning of priority
        return
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert caught.value.column == column
    assert expected in caught.value.expected


WORDS = st.sampled_from(
    [*KEYS, *":=<>~!()-\"' ", ">=", "!=", "or", "and", "not", "1", "2g", "fail", "(a|b", "[", "é"]
)


@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(WORDS, max_size=15).map("".join),
        st.lists(WORDS).map(" ".join),
    )
)
def test_parse_never_crashes(text: str) -> None:
    try:
        test = compile_filter(text, CONTEXT)
    except FilterError as error:
        assert 1 <= error.column <= len(text) + 1
    else:
        for job in JOBS:
            assert test(job) in (True, False)


@given(
    st.sampled_from(["train", "cpus>4", "status:failed", "prep"]),
    st.sampled_from(["0.1", "held:yes", "exit!=0"]),
)
def test_boolean_operators(left: str, right: str) -> None:
    both, either = set(ids(f"{left} {right}")), set(ids(f"{left} or {right}"))
    assert both == set(ids(left)) & set(ids(right))
    assert either == set(ids(left)) | set(ids(right))
    assert set(ids(f"-({left} or {right})")) == {1, 2, 3, 4} - either
