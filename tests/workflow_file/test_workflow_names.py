"""The default name of a workflow, and names that cannot be stored."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from torc_tui.errors import SpecError
from torc_tui.plan.resolve import load_plan
from torc_tui.workflow_file.load import STDIN, load, loads

JOBS = "jobs: [{name: a, command: 'true'}]\n"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("deps.yaml", "deps"),
        ("my flow.v2.yaml", "my flow.v2"),
        ("plain", "plain"),
        (".yaml", ".yaml"),
        ("größe.yml", "größe"),
    ],
)
def test_a_workflow_without_a_name_is_named_after_its_file(
    file: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / file
    path.write_text(JOBS)
    assert load(path).name == name
    path.write_text("name: own\n" + JOBS)
    assert load(path).name == "own"


@pytest.mark.parametrize("text", [JOBS, "name:\n" + JOBS, 'job "a" { command "b"; }'])
def test_standard_input(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").write_text(text)
    with (tmp_path / "in").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        spec = load("-")
    assert (spec.name, spec.file) == ("stdin", STDIN)


def test_an_error_in_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").write_text("jobs: [{name: a}]")
    with (tmp_path / "in").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(SpecError) as caught:
            load_plan("-")
    assert str(caught.value).startswith("<stdin>:1: job 'a': the key 'command' is missing")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(SpecError, match="cannot read '<stdin>'"):
        load("-")


@pytest.mark.parametrize(
    "job",
    [
        "name: {long}, command: c, parameters: {{i: '1:{long}'}}",
        "name: {long}, command: c, parameters: {{{long}: '[]'}}",
        "name: {long}, command: c, use_parameters: {long}",
        "name: {long}, command: c, {long}: 1",
        "name: {long}, {long}: c, priority: {long}",
    ],
)
def test_names_are_shortened_in_every_error(job: str) -> None:
    text = f"parameters: {{k{'k' * 70_000}: 1}}\njobs: [{{{job.format(long='n' * 70_000)}}}]"
    with pytest.raises(SpecError) as caught:
        loads(text, format="yaml")
    assert max(len(str(problem)) for problem in caught.value.problems) < 1000


@pytest.mark.parametrize("format", ["yaml", "json", "json5", "kdl", None])
def test_a_text_that_is_not_unicode(format: str | None) -> None:
    with pytest.raises(SpecError, match=r"2: the text is not valid Unicode"):
        loads("# é\n# \ud83d\n" + JOBS, format=format)


def test_a_text_without_a_file() -> None:
    assert loads(JOBS).name == "stdin"


@pytest.mark.parametrize("name", [b"\xe9.yaml", b"a\nb.yaml", b" .yaml"])
def test_file_name_without_letters(name: bytes, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_text(JOBS)
    if name == b"\xe9.yaml":
        spec = load(path)
        assert spec.name == "\\xe9"
        assert spec.file is not None and spec.file.endswith("/\\xe9.yaml")
        return
    with pytest.raises(SpecError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert "cannot be named" in problem.message
    assert problem.hint == "write a 'name'"
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ('{"jobs": [{"name": "a\\ud800", "command": "b"}]}', "json"),
        ("{jobs: [{name: 'a', command: 'b\\ud800'}]}", "json5"),
        ('jobs: [{name: "a\\ud800", command: b}]', "yaml"),
        ('job "a\\u{d800}" { command "b"; }', "kdl"),
        ('jobs: [{name: "a\\e[1m", command: b}]', "yaml"),
        ('jobs: [{name: a, command: b}]\nfiles: [{name: "a\\u2028b", path: c}]', "yaml"),
        ('jobs: [{name: "j_{i}", command: b, parameters: {i: ["a\\x07"]}}]', "yaml"),
    ],
)
def test_names_and_commands_that_cannot_be_stored(text: str, format: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(text, format=format)
    assert str(caught.value).isprintable()
