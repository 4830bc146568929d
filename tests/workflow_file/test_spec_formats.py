"""The four formats: equal results, positions, and errors."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.errors import SpecError, SpecSyntaxError
from torc_tui.model import NOWHERE, WorkflowSpec
from torc_tui.records import fields, replace
from torc_tui.workflow_file.load import load, loads

DATA = Path(__file__).parent / "data"
FORMATS = ("yaml", "json", "json5", "kdl")


def essence(spec: WorkflowSpec) -> dict[str, Any]:
    """Return the spec without the fields that depend on its file and format."""
    found = {}
    for field in fields(spec):
        value = getattr(spec, field.name)
        if field.name in ("file", "real_path", "text", "format", "source"):
            continue
        if isinstance(value, list | tuple):
            value = [
                replace(one, source=NOWHERE) if hasattr(one, "source") else one for one in value
            ]
        if field.name == "warnings":
            value = [(one.kind, one.message) for one in value]
        found[field.name] = value
    return found


@pytest.mark.parametrize("format", FORMATS)
def test_formats_are_equivalent(format: str) -> None:
    reference = load(DATA / "full.yaml")
    spec = load(DATA / f"full.{format}")
    assert essence(spec) == essence(reference)
    assert spec.format == format
    assert spec.text == (DATA / f"full.{format}").read_text()


def test_the_workflow_in_the_data_folder() -> None:
    spec = load(DATA / "full.yaml")
    assert [job.name for job in spec.jobs] == [
        "prepare",
        *[f"train_{lr}_{seed}" for lr in ("0.1", "1e-5") for seed in (1, 2, 3)],
        "pair_x_1",
        "pair_y, z_2",
    ]
    train = spec.jobs[2]
    assert train.group == "train_{lr}_{seed}"
    assert train.values == (("lr", 0.1), ("seed", 2))
    assert train.command.splitlines()[0] == "train --lr 0.1 --seed 02 > ${files.output.data_2}"
    assert (
        train.command.splitlines()[1]
        == "torc user-data update ${user_data.output.score_2} --data 1"
    )
    assert train.depends_on == ("prepare",)
    assert spec.jobs[0].command == "prepare v1 ${HOME} {a,b}"
    assert spec.jobs[0].env == {"A": "1", "B": "v1"}
    assert spec.env == {"OMP_NUM_THREADS": "4", "WHERE": "/data"}
    assert [file.path for file in spec.files] == [
        "/data/d_001.csv",
        "/data/d_002.csv",
        "/data/d_003.csv",
        "out/report.txt",
    ]
    assert [data.name for data in spec.user_data] == [
        "config",
        "score_1",
        "score_2",
        "score_3",
        "word",
    ]
    assert spec.user_data[0].data["nested"] == {"deep": {"x": 1}}
    assert type(spec.user_data[0].data) is dict
    assert spec.resource_requirements[1].num_gpus == 0.5
    assert spec.resource_requirements[1].gpu_memory == 12 << 30
    assert spec.failure_handlers[0].rules[1].max_retries == 3
    assert spec.execution_config.stdio_mode == "combined"
    assert spec.execution_config.termination_signal == "SIGINT"
    assert spec.metadata == {"team": "a", "level": 3}
    assert spec.entries == {"jobs": 3, "files": 2, "user_data": 3}


@pytest.mark.parametrize("format", FORMATS)
def test_lines_of_entries(format: str) -> None:
    spec = load(DATA / f"full.{format}")
    lines = (DATA / f"full.{format}").read_text().splitlines()
    for job in spec.jobs:
        line = job.source.line_of("name")
        assert line is not None
        assert job.group in lines[line - 1]
        assert job.source.file == str(DATA / f"full.{format}")
        command = job.source.line_of("command")
        assert command is not None
        assert "command" in lines[command - 1]


def kdl_text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


names = st.text(st.sampled_from("abcXYZ019_-. äß漢"), min_size=1, max_size=8).filter(
    lambda name: name.strip() == name
)
commands = st.text(
    st.sampled_from("ab'\"\\ \n\t$#{}[],:;|&%ü🙂/-*"), min_size=1, max_size=25
).filter(lambda text: not text.isspace())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(names, commands, st.lists(names, max_size=2)),
        max_size=3,
        unique_by=lambda job: job[0],
    )
)
def test_strings_round_trip(jobs: list[tuple[str, str, list[str]]]) -> None:
    plain = {
        "name": "w",
        "jobs": [
            {"name": name, "command": command, "depends_on": after} for name, command, after in jobs
        ],
    }
    text = json.dumps(plain, indent=1)
    rows = ['name "w"']
    for name, command, after in jobs:
        rows.append(f"job {kdl_text(name)} {{ command {kdl_text(command)}")
        rows += [f"  depends_on {kdl_text(one)}" for one in after]
        rows.append("}")
    reference = essence(loads(text, format="json"))
    assert [(job.name, job.command, list(job.depends_on)) for job in reference["jobs"]] == jobs
    assert essence(loads(text, format="json5")) == reference
    assert essence(loads(json.dumps(plain, ensure_ascii=False), format="yaml")) == reference
    if jobs:
        assert essence(loads("\n".join(rows), format="kdl")) == reference


def refusal(text: str, format: str) -> list[tuple[int | None, str]]:
    with pytest.raises(SpecError) as caught:
        loads(text, format=format, file="w")
    for problem in caught.value.problems:
        assert len(str(problem)) < 1000
        assert str(problem).isprintable()
        assert problem.file == "w"
    return [(problem.line, str(problem)) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("format", "text", "line", "words"),
    [
        ("yaml", "name: x\njobs:\n\t- name: a\n", 3, "does not allow tabs"),
        ("yaml", "name: x\njobs:\n  - name: a\n\tcommand: b\n", 4, "does not allow tabs"),
        ("yaml", "name: x\njobs: []\nname: y\n", 3, "'name' is given twice (first in line 1)"),
        ("yaml", "name: x\njobs: []\n---\nname: y\n", 3, "second document"),
        ("yaml", "name: x\njobs: &a [*a]\n", 2, "stands inside itself"),
        ("yaml", "name: x\njobs: *a\n", 2, "no anchor before it"),
        ("yaml", "name: x\njobs: !!python/name:os.system x\n", 2, "tag"),
        ("yaml", "name: x\njobs: [{name: a, depends_on: [w_{i}]}]\n", 2, "in quotes"),
        ("yaml", "name: x\n? [a]\n: b\n", 2, "a key must be a string"),
        ("yaml", "name: x\njobs: " + "[" * 20_000, 2, "nested deeper"),
        ("yaml", "- " * 20_000, 1, "nested deeper"),
        ("yaml", "just a text", 1, "must hold a mapping"),
        ("yaml", "name: x\nbig: " + "9" * 6000, 2, "too long"),
        ("json", '{"name": "x",\n "jobs": [],}', 2, "name the file .json5"),
        ("json", '{"name": "x",\n "jobs": [], "n\\u0061me": 1}', 2, "'name' is given twice"),
        ("json", '{"name": "x",\n "jobs": [], "metadata": NaN}', 2, "NaN is not a JSON value"),
        ("json", '{"name": "\\ud800", "jobs": []}', None, "surrogate"),
        ("json", "[" * 20_000, None, "nested deeper"),
        (
            "json",
            '{"name": "x", "jobs": [], "metadata": ' + "[" * 80 + "]" * 80 + "}",
            1,
            "nested deeper",
        ),
        ("json5", '{name: "x",\n jobs: [,],\n}', 2, "a value is missing before ,"),
        ("json5", "{name: 'x',\n jobs: [],\n 'name': 'y'}", 3, "'name' is given twice"),
        ("json5", "{name: 'x',\n jobs: [], metadata: Infinity}", 2, "inf is not JSON"),
        ("json5", "[" * 20_000, None, "nested deeper"),
        (
            "kdl",
            'name "x"\njob "a" {\n  command "b"\n  supports_termination =true\n}\n',
            4,
            "supports_termination",
        ),
        (
            "kdl",
            'name "x"\njob "a" {\n  command "b\n  priority 1\n}\n',
            3,
            "this quote is not closed",
        ),
        (
            "kdl",
            'name "x"\njob "a" {\n  command "b"\n\njob "b" { command "c"; }\n',
            2,
            "is not closed",
        ),
        ("kdl", 'name "x"\njob "a" {\n command "b"\n foo 1\n}\n', 4, "unknown key 'foo'"),
        ("kdl", 'name "x"\njob "a" {\n command 1 2\n}\n', 3, "takes exactly one value"),
        ("kdl", 'name "x"\nuser_data "u" {\n data "{"\n}\n', 3, "must hold JSON"),
        ("kdl", 'name "x"\nname "y"\njob "a" { command "b"; }', 2, "'name' is given twice"),
        ("kdl", 'name "x"\nnothing "y"\njob "a" { command "b"; }', 2, "unknown key 'nothing'"),
        ("kdl", "a {\n" * 20_000, 64, "nested deeper"),
        ("kdl", "word " * 1000, None, "no node of this file"),
    ],
)
def test_syntax_errors(format: str, text: str, line: int | None, words: str) -> None:
    found = refusal(text, format)
    assert any(one[0] == line and words in one[1] for one in found), found


def test_yaml_core_schema() -> None:
    spec = loads(
        "name: yes\njobs:\n- {name: no, command: on, parameters: {i: 1:3}}\n- {name: 0o1_0, "
        "command: 12:30}"
    )
    assert spec.name == "yes"
    assert [(job.name, job.command) for job in spec.jobs] == [("no", "on"), ("0o1_0", "12:30")]
    spec = loads(
        "name: a\njobs: []\nuser_data: [{name: d, data: [2024-01-02, 0x1f, 0o17, 1e3, ~, .5, "
        "'1', 1_0]}]"
    )
    assert spec.user_data[0].data == ["2024-01-02", 31, 15, 1000.0, None, 0.5, "1", "1_0"]


def test_anchors_and_merge_keys() -> None:
    spec = loads(
        "name: x\njobs:\n- &base {name: a, command: c, priority: 2}\n- {<<: *base, name: b}\n"
        "- {<<: [{command: first}, *base], name: c, depends_on: &l [a]}\n- {name: d, command: "
        "x, depends_on: *l}\n",
        format="yaml",
    )
    assert [(job.name, job.command, job.priority) for job in spec.jobs] == [
        ("a", "c", 2),
        ("b", "c", 2),
        ("c", "first", 2),
        ("d", "x", 0),
    ]
    assert spec.jobs[3].depends_on == ("a",)


def test_alias_expansion_is_limited() -> None:
    levels = "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    found = refusal("name: x\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + levels + "jobs: []\n", "yaml")
    assert "stand for too much text" in found[0][1]


def test_kdl_of_both_versions() -> None:
    one = loads(
        'name "x"\njob "a" {\n command r"b\\d"\n supports_termination true\n}', format="kdl"
    )
    two = loads('name x\njob a { command #"b\\d"#; supports_termination #true; }', format="kdl")
    assert essence(one) == essence(two)
    assert one.jobs[0].supports_termination


def test_kdl_lines_with_comments() -> None:
    text = (
        'name "x" // a comment with { and "\n/* and /* { */\n } */ /-job "no" { command "c"\n}\n'
        'job \\\n  "a" /- 5 { command """\n  }\n  { x\n  """; /-priority 3\n nope 1\n}\n/- a '
        "{\n}\nnothing 1\n"
    )
    found = refusal(text, "kdl")
    assert [(line, message.split("unknown key ")[1]) for line, message in found] == [
        (10, "'nope'"),
        (14, "'nothing'"),
    ]


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ('{"name": "x", "jobs": []}', "json"),
        ("{name: 'x', jobs: [],}", "json5"),
        ("name: x\njobs: []\n", "yaml"),
        ('name "x"\njob "a" { command "b: c"; }\n', "kdl"),
    ],
)
def test_unknown_extension(text: str, format: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.wf"
    path.write_text(text)
    assert load(path).format == format
    (tmp_path / f"flow.{format.upper()}").write_text("\ufeff" + text)
    assert load(tmp_path / f"flow.{format.upper()}").name == "x"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("run.sh", "#!/bin/bash\necho hello\n", "read as yaml: "),
        ("flow.wf", "} this ] is { nothing", "read as yaml: "),
        ("flow.wf", '{"name": "x", "jobs": [}', "read as json5: "),
        ("flow.wf", 'name "x"\njob "a" {\n', "read as kdl: "),
    ],
)
def test_error_of_the_most_likely_format(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SpecSyntaxError) as caught:
        load(path)
    (problem,) = caught.value.problems
    extension = f"the extension {path.suffix} is none of .json .json5 .yaml .yml .kdl"
    refused = f"{extension}, and the text is in none of these formats"
    assert problem.message.startswith(f"{refused}; {said}") and problem.file == str(path)


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files(format: str) -> None:
    whole = (DATA / f"full.{format}").read_text()
    chance = random.Random(7)
    signs = [
        *"\"'{}[]:,#-\n\t\\~\0é",
        "/-",
        "/*",
        "null",
        ".inf",
        "9" * 30,
        "&a ",
        "*a ",
        "<<: ",
        '"""',
        '#"',
        "@x",
        "1e999",
    ]
    refused = 0
    for _ in range(100):
        text = whole
        for _ in range(chance.randint(1, 3)):
            at, other = chance.randrange(len(text)), chance.randrange(len(text))
            text = chance.choice(
                [
                    text[:at] + text[at + chance.randint(1, 8) :],
                    text[:at] + chance.choice(signs) + text[at:],
                    text[:at] + text[other : other + 40] + text[at:],
                ]
            )
        try:
            loads(text, format=format, file="w")
        except SpecError as error:
            refused += 1
            assert all(str(problem).isprintable() and problem.line for problem in error.problems), (
                error
            )
    assert refused > 50


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_bytes(b" \n")
    (tmp_path / "binary.yaml").write_bytes(b"\x7fELF\0\0\0\1")
    (tmp_path / "latin.yaml").write_bytes(b"name: x\njobs: []\nuser: caf\xe9\n")
    for path, words in (
        (tmp_path, "Is a directory"),
        (tmp_path / "missing.yaml", "No such file or directory"),
        (tmp_path / "empty.yaml", "the file is empty"),
        (tmp_path / "binary.yaml", "binary file"),
        (tmp_path / "latin.yaml", "not UTF-8 text"),
        (Path("/dev/zero"), "a device"),
        (Path("a\0b"), "null byte"),
    ):
        with pytest.raises(SpecError, match=words):
            load(path)
    with pytest.raises(SpecError, match="did you mean 'yaml'"):
        loads("name: x", format="ymal")


@pytest.mark.parametrize("format", [*FORMATS, "wf"])
@pytest.mark.parametrize(
    "unit", ['"\\', '"', "{", "[", "word: other\n", "a 1\n", "\u00e9\u2028x ", '#"', "/*", "&a "]
)
def test_long_invalid_text(format: str, unit: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(unit * (200_000 // len(unit)), file=f"w.{format}")
    assert len(str(caught.value)) < 60_000


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yaml", "name: w\njobs:\n- name: a\n  command: |-\n    echo 1\n    echo 2\n"),
        ("kdl", 'name "w"\njob "a" {\n  command "echo 1\necho 2"\n}\n'),
        ("kdl", 'name "w"\njob "a" {\n  command """\n    echo 1\n    echo 2\n    """\n}\n'),
    ],
)
def test_windows_line_ends(form: str, text: str) -> None:
    (job,) = loads(text.replace("\n", "\r\n"), format=form).jobs
    assert job.command == "echo 1\necho 2"
    assert job.source.line == loads(text, format=form).jobs[0].source.line


def test_second_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fast parser refuses without a known mistake is read by the reference parser."""
    import pyjson5

    from torc_tui.workflow_file import json_text

    def refuse(text: str, depth: int) -> None:
        raise pyjson5.Json5IllegalCharacter("no", None, "x")

    monkeypatch.setattr(pyjson5, "decode", refuse)
    assert json_text.read_json5("{a: [1, .5, 'b'],}").value == {"a": [1, 0.5, "b"]}


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (
            "name: w\nexecution_config: {stdio: combined}\n"
            "jobs: [{name: a, command: x, stdio: none}]",
            "yaml",
        ),
        (
            'name "w"\nexecution_config { stdio "combined" }\n'
            'job "a" { command "x"; stdio "none" }',
            "kdl",
        ),
    ],
)
def test_a_mode_alone_says_how_output_is_kept(text: str, format: str) -> None:
    spec = loads(text, format=format)
    assert spec.execution_config.stdio_mode == "combined"
    assert spec.jobs[0].stdio == {"mode": "none"}


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("jobs: [{name: a, command: x, stdio: both}]", "yaml"),
        ('job "a" { command "x"; stdio "both" }', "kdl"),
    ],
)
def test_invalid_mode(text: str, format: str) -> None:
    with pytest.raises(SpecError, match="must be one of separate, combined"):
        loads(text, format=format)
