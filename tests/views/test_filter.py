"""The filter language."""

from __future__ import annotations

from json import dumps

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torc_tui.model import Job, ResourceRequirements
from torc_tui.status import JobStatus
from torc_tui.tui.jobs.filter_values import filter_values
from torc_tui.views.filter_syntax import parse
from torc_tui.views.filter_tokens import KEYS, FilterError
from torc_tui.views.job_filter import Context, compile_filter
from torc_tui.views.job_parameters import parameter_names, place_of

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
        labels=("gpu", "windows"),
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
        ("label:win", [3]),
        ("label=gpu", []),
        ("label=gpu,windows", [3]),
        ("label!~.", [1, 2, 4]),
        ("cpus<1.5", [1, 4]),
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


SWEEP = [
    Job(1, "a", S.COMPLETED, "t_{lr}_{model}", values='{"lr":0.001,"model":"res net"}'),
    Job(2, "b", S.BLOCKED, "t_{lr}_{model}", values='{"lr":"0.10","model":"vgg"}'),
    Job(3, "c", S.READY, "t_{lr}_{model}", values='{"lr":"1e-1","model":"ResNet"}'),
    Job(4, "d", S.FAILED, "other"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr:0.1", [2, 3]),
        ("lr=0.1", [2, 3]),
        ("lr!=0.1", [1]),
        ("lr>0.01", [2, 3]),
        ("lr<=0.001", [1]),
        ("lr>1e-2", [2, 3]),
        ("-lr:0.1", [1, 4]),
        ("model:res", [1, 3]),
        ("model=vgg", [2]),
        ("model~^Res", [3]),
        ("model!~net", [2]),
        ('model:"res net"', [1]),
        ("model>3", []),
        ("status:waiting", [2, 3]),
        ("status:waiting,failed", [2, 3, 4]),
    ],
)
def test_parameters(text: str, expected: list[int]) -> None:
    names = parameter_names(SWEEP)
    assert names == ["lr", "model"]
    test = compile_filter(text, Context(parameters=names))
    assert [job.id for job in SWEEP if test(job)] == expected


@pytest.mark.parametrize("text", ["lr>", "lr:", "lr>high", "model~("])
def test_wrong_values_of_parameters(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text, ["lr", "model"])


def test_a_parameter_hides_no_key() -> None:
    assert parse("status:failed", ["status"]) == parse("status:failed")


def test_order_by_a_parameter() -> None:
    values = ('{"p":10}', '{"p":9}', "", '{"p":"a"}')
    jobs = [Job(n, "x", S.READY, values=text) for n, text in enumerate(values)]
    assert [job.id for job in sorted(jobs, key=lambda job: place_of(job, "p"))] == [1, 0, 3, 2]


@given(st.text(max_size=30))
@example("\"'0")
@example("a q=b")
def test_values_of_jobs_become_filters_that_they_pass(value: str) -> None:
    job = Job(1, "x", S.READY, "x_{p}", values=dumps({"p": value}))
    for text in filter_values(job):
        try:
            test = compile_filter(text, Context(parameters=["p"]))
        except FilterError:
            assert not value.strip()
        else:
            assert test(job), text
