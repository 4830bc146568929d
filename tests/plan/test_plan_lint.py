"""Warnings: each is given where it applies, and a clean workflow has none."""

from __future__ import annotations

import pytest

from torc_tui.errors import SpecError
from torc_tui.model import (
    Action,
    FailureHandler,
    FileSpec,
    JobSpec,
    ResourceRequirements,
    SourceLocation,
    UserDataSpec,
    WorkflowSpec,
)
from torc_tui.plan.resolve import resolve

HERE = SourceLocation("w.yaml", 7)


def kinds(spec: WorkflowSpec) -> list[tuple[str, str]]:
    return [(problem.kind, problem.message) for problem in resolve(spec).warnings]


def command(text: str, **more: object) -> WorkflowSpec:
    return WorkflowSpec(name="w", jobs=[JobSpec(name="a", command=text, source=HERE)])


@pytest.mark.parametrize(
    ("spec", "kind", "text"),
    [
        (WorkflowSpec(name="w", files=[FileSpec(name="f", path="f")]), "unused", "the file 'f'"),
        (WorkflowSpec(name="w", user_data=[UserDataSpec(name="u")]), "unused", "the user data 'u'"),
        (
            WorkflowSpec(
                name="w",
                user_data=[UserDataSpec(name="u")],
                jobs=[JobSpec(name="a", command="x", input_user_data=("u",))],
            ),
            "never-written",
            "'u'",
        ),
        (
            WorkflowSpec(
                name="w",
                user_data=[UserDataSpec(name="config", data=1)],
                jobs=[
                    JobSpec(name="a", command="${user_data.output.confg}"),
                    JobSpec(name="b", command="${user_data.input.config}"),
                ],
            ),
            "created",
            "'confg'",
        ),
        (
            WorkflowSpec(
                name="w", resource_requirements=[ResourceRequirements(name="r", source=HERE)]
            ),
            "unused",
            "'r'",
        ),
        (WorkflowSpec(name="w", failure_handlers=[FailureHandler(name="h")]), "unused", "'h'"),
        (
            WorkflowSpec(
                name="w",
                resource_requirements=[ResourceRequirements(name="r", num_nodes=2)],
                jobs=[JobSpec(name="a", command="x", resource_requirements="r")],
            ),
            "not-local",
            "2 nodes",
        ),
        (
            WorkflowSpec(name="w", jobs=[JobSpec(name=n, command="date > out.txt") for n in "ab"]),
            "shared-output",
            "'out.txt'",
        ),
        (
            WorkflowSpec(
                name="w",
                actions=[
                    Action(
                        trigger_type="on_workflow_start",
                        action_type="schedule_nodes",
                        settings={"scheduler": "s", "scheduler_type": "local"},
                    )
                ],
            ),
            "not-local",
            "schedule_nodes",
        ),
        (
            WorkflowSpec(
                name="w",
                actions=[Action(trigger_type="on_workflow_start", action_type="run_commands")],
            ),
            "empty",
            "no commands",
        ),
    ],
)
def test_a_warning_is_given(spec: WorkflowSpec, kind: str, text: str) -> None:
    found = kinds(spec)
    assert [one for one, _ in found] == [kind]
    assert text in found[0][1]


@pytest.mark.parametrize(
    "text",
    [
        "awk '{print}' x",
        "echo ${HOME} {a,b} {1..3}",
        "python -c \"print(f'{x}')\"",
        "cat <<EOF\n{x}\nEOF",
        "a >> log.txt 2>&1",
        "a > /dev/null 2>/dev/null",
    ],
)
def test_a_clean_command_has_no_warning(text: str) -> None:
    assert kinds(command(text)) == []


def two_jobs(first: str, second: str, **more: object) -> WorkflowSpec:
    return WorkflowSpec(
        name="w",
        jobs=[JobSpec(name="a", command=first), JobSpec(name="b", command=second, **more)],  # type: ignore[arg-type]  # keys of a job
        files=[FileSpec(name="f", path="./out/f.txt")],
    )


@pytest.mark.parametrize(
    ("first", "second", "target"),
    [
        ("a > out.txt", "b > out.txt", "'out.txt'"),
        ("a>out.txt", "b 1> ./out.txt; c", "'out.txt'"),
        ("x=$(a > out.txt)", "{ b; } > out.txt && c", "'out.txt'"),
        ("echo '>' > out.txt", "cat <<E > out.txt\nx\nE", "'out.txt'"),
        ("cd x && a > /tmp/o", "b > /tmp/o", "'/tmp/o'"),
        ("a > ${files.output.f}", "b > out/f.txt", "'out/f.txt'"),
    ],
)
def test_unordered_jobs_that_write_one_file(first: str, second: str, target: str) -> None:
    (kind, message) = next(one for one in kinds(two_jobs(first, second)) if one[0] != "unused")
    assert kind == "shared-output"
    assert target in message and "jobs 'a' and 'b' write" in message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("awk '$3 > 10' x", "awk '$3 > 10' y"),
        ("sed 's/a>b/c/' x", "sed 's/a>b/c/' y"),
        ("python -c \"f'{k:>4}'\"", "python -c \"f'{k:>4}'\""),
        ("python <<E\nif a > 10: pass\nE", "python <<E\nif a > 10: pass\nE"),
        ("(( n > 10 )) && a", "(( n > 10 )) && b"),
        ("[[ $a > b ]]", "[[ $a > b ]]"),
        ("a > out_$i.txt", "b > out_$i.txt"),
        ('a > out"$x"', 'b > out"$x"'),
        ("cd x && a > out.txt", "cd y && b > out.txt"),
        ("a # > out.txt", "b # > out.txt"),
        ("a > >(tee log)", "b > >(tee log)"),
        ("echo a->b", "echo a->b"),
    ],
)
def test_what_does_not_write_one_file(first: str, second: str) -> None:
    assert [kind for kind, _ in kinds(two_jobs(first, second))] == ["unused"]


def test_ordered_jobs_may_write_one_file() -> None:
    chain = [
        JobSpec(
            name=f"j{number}",
            command="date > out.txt" if number % 2 else "true",
            depends_on=(f"j{number - 1}",) if number else (),
        )
        for number in range(8)
    ]
    assert kinds(WorkflowSpec(name="w", jobs=chain)) == []
    branch = JobSpec(name="k", command="date > out.txt", depends_on=("j5",))
    ((kind, message),) = kinds(WorkflowSpec(name="w", jobs=[*chain, branch]))
    assert kind == "shared-output"
    assert "'k'" in message and "'j7'" in message and "(5 jobs write it)" in message
    assert kinds(two_jobs("a > out.txt", "b > out.txt", depends_on=("a",))) == [
        ("unused", "no job reads or writes the file 'f'")
    ]


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("python train.py\n  --lr 0.1\n  --epochs 3\n", "'--lr'"),
        ("a && \\\n  b\n  -n 3", "'-n'"),
        ("x=1 cat t.py | tee log\n\t-v", "'-v'"),
    ],
)
def test_an_option_that_begins_a_line(text: str, option: str) -> None:
    ((kind, message),) = kinds(command(text))
    assert kind == "option-line" and option in message


@pytest.mark.parametrize(
    "text",
    [
        "python train.py \\\n  --lr 0.1 \\\n  --epochs 3",
        'args=(\n  --lr 0.1\n  --epochs 3\n)\ntrain "${args[@]}"',
        "cat <<E\n  --lr 0.1\nE",
        "python -c '\n  -x\n'",
        'echo "a\n  --b"',
        "case $1 in\n  -h|--help) usage;;\n  --all) all;;\nesac",
        "a\n  - b",
        "a\n# list:\n#  --b",
    ],
)
def test_an_option_that_belongs_to_its_command(text: str) -> None:
    assert kinds(command(text)) == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("cat ${file.input.f}", "did you mean '${files.input.f}'?"),
        ("cat ${user_data.inptu.x}", "did you mean '${user_data.input.x}'?"),
        ("cat ${FILES.Input.f}", "did you mean '${files.input.f}'?"),
        ("cat ${files.out.f}", "did you mean '${files.output.f}'?"),
        ("cat ${files.f}", "write ${files.input.NAME} or ${files.output.NAME}"),
    ],
)
def test_a_misspelt_token(text: str, hint: str) -> None:
    spec = WorkflowSpec(
        name="w",
        files=[FileSpec(name="f", path="f")],
        jobs=[
            JobSpec(name="a", command=text, source=HERE),
            JobSpec(name="b", command="cat ${files.input.f}"),
        ],
    )
    (problem,) = resolve(spec).warnings
    assert (problem.kind, problem.line, problem.hint) == ("near-token", 7, hint)
    assert "is not a token and is left to the shell" in problem.message


def test_expansions_of_other_programs_are_left_alone() -> None:
    script = "node <<'E'\nconsole.log(`${files.length} ${files.map.size} ${input.value}`)\nE"
    plan = resolve(command(script))
    assert plan.jobs[0].command == script
    assert plan.warnings == ()


def test_names_are_shortened_in_every_message() -> None:
    long = "n" * 70_000
    spec = WorkflowSpec(
        name="w",
        jobs=[
            JobSpec(name=long, command=f"${{files.input.{long}}} ${{files.output.{long}}}"),
            JobSpec(
                name=f"{long}2",
                command="true",
                depends_on=(f"x{long}",),
                depends_on_regexes=(f"^{long}$", "("),
                input_user_data=(long,),
                resource_requirements=long,
                failure_handler=long,
                scheduler=long,
            ),
            JobSpec(name=f"{long}3", command="true", depends_on=(f"{long}3",)),
            JobSpec(name="d", command="true", depends_on=(f"{{i}}\n{long}",)),
            JobSpec(name="e", command=f"${{files.input.$i{long}}}"),
        ],
        actions=[
            Action(trigger_type="on_jobs_ready", action_type="run_commands", jobs=(f"y{long}",))
        ],
    )
    with pytest.raises(SpecError) as caught:
        resolve(spec)
    assert len(caught.value.problems) >= 10
    assert max(len(str(problem)) for problem in caught.value.problems) < 1000
    assert all(str(problem).isprintable() for problem in caught.value.problems)
    spec = WorkflowSpec(
        name="w",
        files=[FileSpec(name=long, path=long)],
        user_data=[UserDataSpec(name=long), UserDataSpec(name=f"{long}2")],
        resource_requirements=[ResourceRequirements(name=long, num_nodes=2, source=HERE)],
        failure_handlers=[FailureHandler(name=long)],
        jobs=[JobSpec(name="a", command="true", input_user_data=(long,))],
    )
    warnings = resolve(spec).warnings
    assert len(warnings) >= 6
    assert max(len(str(problem)) for problem in warnings) < 1000


def test_equal_warnings_are_given_once() -> None:
    spec = WorkflowSpec(name="w", files=[FileSpec(name=f"f{i}", path=f"p{i}") for i in range(100)])
    assert len(kinds(spec)) == 1
