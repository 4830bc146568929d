"""Doubts: each is said when it applies, and a clean workflow has none."""

from __future__ import annotations

import pytest

from torc_tui.model import (
    Action,
    FailureHandler,
    FileSpec,
    JobSpec,
    ResourceRequirements,
    Source,
    UserDataSpec,
    WorkflowSpec,
)
from torc_tui.plan.resolve import resolve

HERE = Source("w.yaml", 7)


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
        (command("python x.py --seed {seed}"), "parameter-left", "{seed}"),
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
def test_said(spec: WorkflowSpec, kind: str, text: str) -> None:
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
def test_not_said(text: str) -> None:
    assert kinds(command(text)) == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("echo 1 {j}", "its parameters: seed, i"),
        ("echo 1 {sed:03d}", "did you mean {seed}?"),
        ('echo "run {j}"', "its parameters: seed, i"),
        ("sh -c 'train {seeed}'", "did you mean {seed}?"),
    ],
)
def test_what_is_no_parameter_of_a_job_that_has_some(text: str, hint: str) -> None:
    values = (("seed", 3), ("i", 1))
    spec = WorkflowSpec(
        name="w", jobs=[JobSpec(name="a", command=text, values=values, source=HERE)]
    )
    (found,) = resolve(spec).warnings
    assert (found.kind, found.hint) == ("parameter-left", hint)


@pytest.mark.parametrize(
    "text",
    [
        "awk '{print}' x",
        'awk -F, "{print}" x',
        "echo ${j} {a,b} {1..3} {}",
        "python -c \"print(f'{x}')\"",
        'python -c "print({x})"',
        "cat <<EOF\n{x}\nEOF",
    ],
)
def test_braces_of_others_are_left_alone_where_there_are_parameters(text: str) -> None:
    spec = WorkflowSpec(
        name="w", jobs=[JobSpec(name="a", command=text, values=(("seed", 3),), source=HERE)]
    )
    assert resolve(spec).warnings == ()


def test_many_equal_doubts_are_one() -> None:
    spec = WorkflowSpec(name="w", files=[FileSpec(name=f"f{i}", path=f"p{i}") for i in range(100)])
    assert len(kinds(spec)) == 1
