"""Warnings about braces that are not replaced but look like a placeholder."""

from __future__ import annotations

import json

import pytest

from torc_tui.errors import Problem
from torc_tui.workflow_file.load import loads


def warnings(command: str, more: str = "", name: str = "a") -> list[Problem]:
    spec = loads(
        f"jobs:\n- name: {json.dumps(name)}\n  command: {json.dumps(command)}\n{more}",
        format="yaml",
        file="w.yaml",
    )
    return list(spec.warnings)


PARAMETERS = "  parameters: {seed: 3, i: 1}\n"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("echo 1 {j}", "its parameters: seed, i"),
        ("echo 1 {sed:03d}", "did you mean {seed}?"),
        ('echo "run {j}"', "its parameters: seed, i"),
        ("sh -c 'train {seeed}'", "did you mean {seed}?"),
        ("echo {sed} {sed} {seed}", "did you mean {seed}?"),
    ],
)
def test_braces_of_a_job_with_parameters(text: str, hint: str) -> None:
    (found,) = warnings(text, PARAMETERS)
    assert (found.kind, found.hint) == ("parameter-left", hint)
    assert (found.file, found.line, found.key) == ("w.yaml", 3, "command")


@pytest.mark.parametrize(
    "text",
    [
        "awk '{print}' x",
        'awk -F, "{print}" x',
        "echo ${j} {a,b} {1..3} {}",
        "python -c \"print(f'{x}')\"",
        'python -c "print({x})"',
        "cat <<EOF\n{x}\nEOF",
        "echo {seed} {{seed}} {{i}} ${sed}",
    ],
)
def test_braces_of_other_programs_are_left_alone(text: str) -> None:
    assert warnings(text, PARAMETERS) == []


def test_a_job_without_parameters() -> None:
    (found,) = warnings("python x.py --seed {seed}")
    assert (found.kind, found.hint) == ("parameter-left", None)
    assert "'{seed}' is not replaced in the command of job 'a'" in found.message


def test_a_parameter_of_another_entry() -> None:
    more = "- {name: 'b_{seed}', command: c, parameters: {seed: '1:3'}}\n"
    (found,) = warnings("sh -c 'x {seed}'", more)
    assert "it has no such parameter" in found.message
    assert warnings("sh -c 'x {other}'", more) == []


def test_variables() -> None:
    more = "variables: {DATA: /data}\n"
    assert warnings("ls {DATA} {{DATA}}", more) == []
    (found,) = warnings("sh -c 'ls {DTA}'", more)
    assert found.hint == "did you mean {DATA}?"


@pytest.mark.parametrize("used", ["use_parameters: lr", "use_parameters: [lr]"])
def test_shared_parameters(used: str) -> None:
    more = f"  {used}\nparameters: {{lr: 1}}\n"
    assert warnings("echo '{lr}'", more) == []
    (found,) = warnings("echo '{lrr}'", more)
    assert found.hint == "did you mean {lr}?"


def test_names_and_paths() -> None:
    (found,) = warnings("true", name="a_{i}")
    assert (found.key, found.line) == ("name", 2)
    (found,) = warnings("true", "files:\n- {name: f, path: 'x/{i}.txt'}\n")
    assert "in the path of file 'f'" in found.message
