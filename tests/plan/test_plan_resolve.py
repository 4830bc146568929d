"""Plans: edges with their reasons, gates, and all errors at once."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.errors import DependencyCycle, DuplicateProducer, SpecError, UnknownName
from torc_tui.model import (
    Action,
    EdgeKind,
    FailureHandler,
    FileSpec,
    JobSpec,
    Json,
    Plan,
    ResourceRequirements,
    SlurmScheduler,
    SourceLocation,
    UserDataSpec,
    WorkflowSpec,
    render,
)
from torc_tui.plan.describe import describe, describe_problems, edge_reasons
from torc_tui.plan.edge_reasons import pairs
from torc_tui.plan.resolve import resolve
from torc_tui.wording import sentence


def job(name: str, command: str = "true", **keys: Json) -> JobSpec:
    return JobSpec(name=name, command=command, **keys)


def plan_of(*jobs: JobSpec, **keys: Json) -> Plan:
    return resolve(WorkflowSpec(name="w", jobs=jobs, **keys))


def files(*names: str) -> list[FileSpec]:
    return [FileSpec(name=name, path=f"data/{name}.txt") for name in names]


def data(*names: str, value: Json = None) -> list[UserDataSpec]:
    return [UserDataSpec(name=name, data=value) for name in names]


def reasons(plan: Plan) -> list[tuple[str, str, str]]:
    return sorted((job, other, sentence(reason)) for job, other, reason in edge_reasons(plan))


def refused(*jobs: JobSpec, **keys: Json) -> SpecError:
    with pytest.raises(SpecError) as caught:
        plan_of(*jobs, **keys)
    return caught.value


def test_the_diamond_of_the_seed() -> None:
    plan = plan_of(
        job("pre", "p -i ${files.input.raw} -o ${files.output.a} -o ${files.output.b}"),
        job("left", "l ${files.input.a} ${files.output.c}"),
        job("right", "r ${files.input.b}", output_files=("d",)),
        job("post", "q ${files.input.c}", input_files=("d",)),
        files=files("raw", "a", "b", "c", "d"),
    )
    assert reasons(plan) == [
        ("left", "pre", "file 'a'"),
        ("post", "left", "file 'c'"),
        ("post", "right", "file 'd'"),
        ("right", "pre", "file 'b'"),
    ]
    assert plan.jobs[0].command == "p -i data/raw.txt -o data/a.txt -o data/b.txt"
    assert plan.file_groups[plan.jobs[3].input_files or 0] == (3, 4)


def test_user_data_of_the_seed() -> None:
    plan = plan_of(
        job("generate", "torc user-data update ${user_data.output.config} --data '{}'"),
        job("train", 'python train.py --config="${user_data.input.config}"'),
        user_data=data("other", "config", value=1)[:1] + data("config"),
    )
    assert render(plan.jobs[1].command, range(10, 20)) == 'python train.py --config="11"'
    assert reasons(plan) == [("train", "generate", "user data 'config'")]


def test_undeclared_results() -> None:
    workers = [
        job(f"worker_{i}", f"torc user-data update ${{user_data.output.result_{i}}} --data 1")
        for i in (1, 2, 3)
    ]
    collect = job(
        "aggregate", "for i in 1 2 3; do torc user-data get ${user_data.input.result_$i}; done"
    )
    plan = plan_of(*workers, collect)
    assert [(one.name, one.data, one.declared) for one in plan.user_data] == [
        (f"result_{i}", None, False) for i in (1, 2, 3)
    ]
    assert plan.jobs[3].command == 'for i in 1 2 3; do torc user-data get "result_${i}"; done'
    assert reasons(plan) == [
        ("aggregate", f"worker_{i}", f"user data 'result_{i}'") for i in (1, 2, 3)
    ]
    assert plan.user_data_groups[plan.jobs[3].input_user_data or 0] == (0, 1, 2)
    assert not plan.warnings


def test_a_collector_does_not_wait_for_itself() -> None:
    plan = plan_of(
        job("a", "x ${user_data.output.result_1}"),
        job("all", "x ${user_data.input.result_$i} ${user_data.output.result_all}"),
        user_data=data("result_unused"),
    )
    assert reasons(plan) == [("all", "a", "user data 'result_1'")]
    assert "no other job writes" in str(refused(job("all", "x ${user_data.input.result_$i}")))


def test_outputs_with_a_variable_must_be_declared() -> None:
    command = "for i in 1 2; do torc user-data update ${user_data.output.r_$i} --data 1; done"
    error = refused(job("a", command))
    assert "output_user_data" in (error.problems[0].hint or "")
    plan = plan_of(
        job("a", command, output_user_data=("r_1", "r_2")), job("b", "${user_data.input.r_2}")
    )
    assert plan.jobs[0].command == 'for i in 1 2; do torc user-data update "r_${i}" --data 1; done'
    error = refused(job("a", "cat ${files.input.part_$i}"), files=files("part_1"))
    assert "input_file_regexes: ['^part_.*$']" in (error.problems[0].hint or "")


def test_a_declared_name_with_a_dollar_is_a_name() -> None:
    plan = plan_of(job("a", "x ${user_data.input.cost_$i}"), user_data=data("cost_$i", value=3))
    assert render(plan.jobs[0].command, range(5, 9)) == "x 5"


def test_tokens_and_lists_are_merged() -> None:
    plan = plan_of(
        job(
            "a",
            "x ${files.output.f}",
            output_files=("g",),
            invocation_script="with ${files.output.h} --",
        ),
        files=files("f", "g", "h"),
    )
    assert plan.file_groups[plan.jobs[0].output_files or 0] == (0, 1, 2)
    assert plan.jobs[0].invocation_script == "with data/h.txt --"


def test_the_first_reason_counts() -> None:
    plan = plan_of(
        job("a", "${files.output.f} ${user_data.output.u}"),
        job(
            "b",
            "${files.input.f} ${user_data.input.u}",
            depends_on_regexes=("a",),
            depends_on=("a",),
        ),
        job("c", "${files.input.f} ${user_data.input.u}", depends_on_regexes=("^a",)),
        job("d", "${user_data.input.u} ${files.input.f}"),
        files=files("f"),
    )
    assert [(edge[0], edge[2]) for edge in plan.edges] == [(1, 1), (2, 2), (3, 3)]
    assert ("c", "a", "depends_on_regexes '^a'") in reasons(plan)


def test_a_pattern_leaves_the_job_itself_out() -> None:
    plan = plan_of(job("w_1"), job("w_2"), job("w_all", depends_on_regexes=("w_",)))
    assert [edge[:2] for edge in plan.edges] == [(2, 0), (2, 1)]
    assert "only the job itself" in str(refused(job("a", depends_on_regexes=("a",))))
    plan = plan_of(
        job("x", output_files=("o1",)),
        job("y", input_file_regexes=("^o",), output_files=("o2",)),
        files=files("o1", "o2"),
    )
    assert reasons(plan) == [("y", "x", "file 'o1'")]


@pytest.mark.parametrize(
    "keys",
    [
        {"depends_on": tuple(f"a_{i}" for i in range(30))},
        {"depends_on_regexes": ("^a_",)},
        {"input_files": tuple(f"f_{i}" for i in range(30))},
        {"input_file_regexes": ("^f_",)},
        {"input_user_data": tuple(f"u_{i}" for i in range(30))},
        {"input_user_data_regexes": ("^u_",)},
        {"command": "x ${user_data.input.u_$i}"},
    ],
)
def test_a_shared_set_is_stored_once(keys: dict[str, Json]) -> None:
    first = [
        job(f"a_{i}", output_files=(f"f_{i}",), output_user_data=(f"u_{i}",)) for i in range(30)
    ]
    second = [job(f"b_{i}", **keys) for i in range(40)]
    plan = plan_of(*first, *second, files=files(*(f"f_{i}" for i in range(30))))
    assert len(plan.edges) == 0
    assert [(len(gate.members), len(gate.waiting)) for gate in plan.gates] == [(30, 40)]
    assert len(set(edge_reasons(plan))) == 1200
    assert describe(plan)["summary"]["edge_count"] == 1200
    assert all(reason not in ("file", "user data") for _, _, reason in reasons(plan))


def test_gates_and_edges_are_disjoint() -> None:
    first = [job(f"a_{i}") for i in range(10)]
    second = [
        job(f"b_{i}", depends_on=(f"a_{i}", "z"), depends_on_regexes=("^a_",)) for i in range(10)
    ]
    inside = job("a_x", depends_on_regexes=("^a_",))
    plan = plan_of(*first, job("z"), *second, inside)
    (gate,) = plan.gates
    assert len(gate.members) == 11 and gate.waiting == tuple(range(11, 21)) and gate.via == "^a_"
    assert not set(gate.members) & set(gate.waiting)
    counts = [
        sum(1 for edge in plan.edges if edge[0] == number) for number in range(len(plan.jobs))
    ]
    assert counts == [0] * 11 + [1] * 10 + [10]


def test_cycles_through_gates() -> None:
    jobs = [job(f"a_{i}") for i in range(9)] + [job("a_9", depends_on=("b_0",))]
    error = refused(*jobs, *(job(f"b_{i}", depends_on_regexes=("^a_",)) for i in range(10)))
    assert isinstance(error, DependencyCycle)
    assert "a_9 -> b_0 -> a_9" in str(error)
    assert "b_0 waits for a_9 (depends_on_regexes '^a_')" in str(error)
    error = refused(*(job(f"j_{i}", depends_on_regexes=("^j",)) for i in range(300)))
    assert isinstance(error, DependencyCycle)


def test_cycle_message() -> None:
    error = refused(
        job("a", "${files.input.f} ${user_data.output.u}"),
        job("b", "${user_data.input.u}", depends_on=("c",)),
        job("c", depends_on=("a",), output_files=("f",), depends_on_regexes=("^b$",)),
        files=files("f"),
    )
    assert isinstance(error, DependencyCycle)
    message = error.problems[0].message
    assert "a waits for c (file 'f')" in message and "c waits for a (depends_on)" in message
    error = refused(job("a", depends_on=("a",)))
    assert isinstance(error, DependencyCycle)
    assert "a -> a" in str(error)


def test_two_cycles() -> None:
    error = refused(
        job("a", depends_on=("b",)),
        job("b", depends_on=("a",)),
        job("c", depends_on=("d",)),
        job("d", depends_on=("c",)),
    )
    assert len(error.problems) == 2


@pytest.mark.parametrize(
    ("jobs", "keys"),
    [
        ((job("a", "${files.output.f}"), job("b", output_files=("f",))), {"files": files("f")}),
        ((job("a", "${user_data.output.u}"), job("b", output_user_data=("u",))), {}),
        (
            (job("a", output_files=("f",)), job("b", output_files=("g",))),
            {"files": [FileSpec(name="f", path="x/y"), FileSpec(name="g", path="./x//y")]},
        ),
        (
            (job("a", output_file_regexes=("f",)), job("b", output_files=("f1",))),
            {"files": files("f1", "f2")},
        ),
    ],
)
def test_two_producers(jobs: tuple[JobSpec, ...], keys: dict[str, Json]) -> None:
    error = refused(*jobs, **keys)
    assert isinstance(error, DuplicateProducer)
    assert "'a'" in str(error) and "'b'" in str(error)


def test_equal_paths_are_one_file() -> None:
    plan = plan_of(
        job("a", output_files=("f",)),
        job("b", input_files=("g",)),
        files=[FileSpec(name="f", path="x"), FileSpec(name="g", path="./x")],
    )
    assert reasons(plan) == [("b", "a", "file 'g'")]


@pytest.mark.parametrize(
    ("one", "near", "keys"),
    [
        (job("b", depends_on=("prepp",)), "did you mean 'prep'?", {}),
        (job("b", depends_on=("work_{i}",)), "depends_on_regexes: ['^work_.*$']", {}),
        (job("b", resource_requirements="smal"), "did you mean 'small'?", {}),
        (job("b", failure_handler="rety"), "did you mean 'retry'?", {}),
        (job("b", scheduler="slrm"), "did you mean 'slurm'?", {}),
        (job("b", input_files=("inpt",)), "did you mean 'input'?", {}),
        (job("b", "${files.input.inpt}"), "did you mean 'input'?", {}),
        (job("b", "${files.output.xyz}"), "declare it under files", {}),
        (job("b", input_user_data=("confg",)), "did you mean 'config'?", {}),
        (job("b", "${user_data.input.confg}"), "did you mean 'config'?", {}),
    ],
)
def test_unknown_names(one: JobSpec, near: str, keys: dict[str, Json]) -> None:
    error = refused(
        job("prep"),
        one,
        resource_requirements=[ResourceRequirements(name="small")],
        failure_handlers=[FailureHandler(name="retry")],
        slurm_schedulers=[SlurmScheduler(name="slurm")],
        files=files("input"),
        user_data=data("config"),
    )
    assert isinstance(error, UnknownName)
    assert near in (error.problems[0].hint or "")


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (job("a", "${files.input.f} ${files.output.f}"), "input-and-output"),
        (job("a", "${user_data.input.u} ${user_data.output.u}"), "input-and-output"),
        (job("a", depends_on_regexes=("(",)), "invalid-regex"),
        (job("a", input_file_regexes=("(",)), "invalid-regex"),
        (job("a", output_user_data_regexes=("[",)), "invalid-regex"),
        (job("a", depends_on_regexes=("nobody",)), "no-match"),
        (job("a", input_file_regexes=("nothing",)), "no-match"),
        (job("a", input_file_regexes=("f",), output_files=("f",)), "no-match"),
        (job("a", "${files.input.f"), "invalid-reference"),
    ],
)
def test_other_problems(one: JobSpec, kind: str) -> None:
    assert [problem.kind for problem in refused(one, files=files("f")).problems] == [kind]


def test_all_problems_at_once_with_their_lines() -> None:
    source = SourceLocation("w.yaml", 10, {"depends_on": 12, "command": 11})
    error = refused(
        JobSpec(name="a", command="${files.input.}", depends_on=("nobody", "b"), source=source),
        job("b", depends_on=("a",), source=SourceLocation("w.yaml", 20)),
        actions=[
            Action(
                trigger_type="on_jobs_ready",
                action_type="schedule_nodes",
                jobs=("c",),
                source=SourceLocation("w.yaml", 5),
            )
        ],
        file="w.yaml",
    )
    found = [(problem.line, problem.kind) for problem in error.problems]
    assert found == [
        (5, "unknown-name"),
        (5, "missing-key"),
        (5, "missing-key"),
        (10, "cycle"),
        (11, "invalid-reference"),
        (12, "unknown-name"),
    ]
    assert type(error) is SpecError
    assert str(error).startswith("w.yaml:5:")
    described = describe_problems(error)
    assert described["valid"] is False and len(described["errors"]) == 6


def test_errors_of_a_group_are_reported_once() -> None:
    jobs = [job(f"t_{i}", group="t_{i}", depends_on=("nobody",)) for i in range(50)]
    assert len(refused(*jobs).problems) == 1


def test_requirements_end_with_the_default() -> None:
    plan = plan_of(
        job("a", resource_requirements="r"),
        job("b"),
        resource_requirements=[ResourceRequirements(name="r")],
    )
    assert [one.name for one in plan.requirements] == ["r", "default"]
    assert [one.requirement for one in plan.jobs] == [0, 1]
    own = ResourceRequirements(name="default", num_cpus=7)
    plan = plan_of(job("a"), resource_requirements=[own, ResourceRequirements(name="r")])
    assert plan.requirements[plan.jobs[0].requirement] is own


def test_actions_watch_jobs() -> None:
    action = Action(
        trigger_type="on_jobs_complete",
        action_type="run_commands",
        commands=("x",),
        jobs=("c",),
        job_name_regexes=("^a", "b"),
    )
    assert plan_of(job("a"), job("b"), job("c"), job("d"), actions=[action]).action_jobs == [
        (0, 1, 2)
    ]


def test_equal_lists_are_one_group() -> None:
    plan = plan_of(
        job("a", input_files=("f", "g")),
        job("b", "${files.input.g} ${files.input.f}"),
        files=files("f", "g"),
    )
    assert plan.file_groups == [(0, 1)]
    assert [one.input_files for one in plan.jobs] == [0, 0]


def test_describe() -> None:
    plan = plan_of(job("a"), job("b", depends_on=("a",)), entries={"jobs": 1}, files=files("f"))
    described = describe(plan)
    assert described["valid"] and not described["errors"]
    assert (
        described["summary"]["job_count"] == 2
        and described["summary"]["job_count_before_expansion"] == 1
    )
    assert described["summary"]["job_names"] == ["a", "b"]
    assert described["edges"] == [{"job": "b", "depends_on": "a", "reason": "depends_on"}]
    assert "'f'" in described["warnings"][0]["message"]


# -- random workflows ------------------------------------------------------------------------------


@st.composite
def workflows(draw: st.DrawFn, *, forward: bool) -> WorkflowSpec:
    """Return jobs that write one file and one record each, and wait by every means.

    With ``forward`` they wait for earlier jobs only.
    """
    count = draw(st.integers(2, 9))
    shared = draw(st.lists(st.sets(st.integers(0, count - 1), min_size=1), min_size=1, max_size=3))
    jobs = []
    for number in range(count):

        def pick(number: int = number) -> list[int]:
            base = draw(st.sampled_from([set(), set(), *shared]))
            return sorted(one for one in base if one < number or (not forward and one != number))

        explicit, by_regex, by_file, by_data = pick(), pick(), pick(), pick()
        jobs.append(
            JobSpec(
                name=f"j{number}",
                command="".join(f"${{user_data.input.u{one}}} " for one in by_data)
                + f"${{user_data.output.u{number}}}",
                depends_on=tuple(f"j{one}" for one in explicit),
                depends_on_regexes=(f"^j({'|'.join(map(str, by_regex))})$",) if by_regex else (),
                input_files=tuple(f"f{one}" for one in by_file),
                output_files=(f"f{number}",),
            )
        )
    return WorkflowSpec(
        name="w", jobs=jobs, files=files(*(f"f{number}" for number in range(count)))
    )


def naive(spec: WorkflowSpec) -> dict[tuple[int, int], set[EdgeKind]]:
    found: dict[tuple[int, int], set[EdgeKind]] = {}
    for a, one in enumerate(spec.jobs):
        for b, other in enumerate(spec.jobs):
            kinds = {
                EdgeKind.EXPLICIT: other.name in one.depends_on,
                EdgeKind.REGEX: a != b
                and any(re.search(p, other.name) for p in one.depends_on_regexes),
                EdgeKind.FILE: f"f{b}" in one.input_files,
                EdgeKind.USER_DATA: f"${{user_data.input.u{b}}}" in one.command,
            }
            if any(kinds.values()):
                found[a, b] = {kind for kind, holds in kinds.items() if holds}
    return found


@settings(max_examples=150)
@given(workflows(forward=True))
def test_edges_match_naive(spec: WorkflowSpec) -> None:
    plan = resolve(spec)
    expected = naive(spec)
    found = list(pairs(plan))
    assert {pair[:2] for pair in found} == set(expected)
    assert len(found) == len(expected) == describe(plan)["summary"]["edge_count"]
    assert all(kind in expected[a, b] for a, b, kind, _ in found)
    for a, b, kind, _ in plan.edges:
        assert kind == min(expected[a, b])
    gated = [{(a, b) for a in gate.waiting for b in gate.members} for gate in plan.gates]
    for gate in plan.gates:
        assert not set(gate.waiting) & set(gate.members)
        assert len(gate.waiting) > 1 and len(gate.members) > 1
    for gate_pairs in gated:
        assert gate_pairs.isdisjoint(edge[:2] for edge in plan.edges)
    for (left, one), (right, other) in combinations(zip(gated, plan.gates, strict=True), 2):
        if left & right:
            assert one.members != other.members


@settings(max_examples=150)
@given(workflows(forward=False))
def test_cycles_are_real(spec: WorkflowSpec) -> None:
    expected = naive(spec)
    try:
        plan = resolve(spec)
    except DependencyCycle as error:
        for problem in error.problems:
            steps = re.findall(r"j(\d) waits for j(\d)", problem.message)
            assert steps
            assert all((int(a), int(b)) in expected for a, b in steps)
            assert [b for _, b in steps] == [a for a, _ in steps[1:]] + [steps[0][0]]
    else:
        left = {pair[:2] for pair in pairs(plan)}
        assert left == set(expected)
        nodes = set(range(len(spec.jobs)))
        while free := {
            node for node in nodes if not any(a == node and b in nodes for a, b in left)
        }:
            nodes -= free
        assert not nodes


@pytest.mark.parametrize(
    ("key", "pattern", "found"),
    [
        ("depends_on_regexes", "^(a+)+$", True),
        ("input_file_regexes", "(a|aa)+$", True),
        ("input_user_data_regexes", "(a*)*b", False),
        ("depends_on_regexes", r"(a+)+\1b", None),
        ("output_file_regexes", "(", None),
    ],
)
def test_patterns_take_bounded_time(key: str, pattern: str, found: bool | None) -> None:
    """A pattern with catastrophic backtracking is searched; an unsupported one is an error."""
    name = "a" * 40
    spec = WorkflowSpec(
        name="w",
        file="w.yaml",
        files=[FileSpec(name=name, path="f")],
        user_data=[UserDataSpec(name=name, data=1)],
        jobs=[
            job(name),
            job("z", source=SourceLocation("w.yaml", 7, {key: 9}), **{key: (pattern,)}),
        ],
    )
    if found:
        resolve(spec)
        return
    with pytest.raises(SpecError) as caught:
        resolve(spec)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("w.yaml", 9)
    assert f"'{pattern}'" in problem.message
    assert ("cannot use the pattern" in problem.message) is (found is None)
