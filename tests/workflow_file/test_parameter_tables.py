"""Tables of parameters: CSV, JSON and JSON lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_tui.errors import SpecError
from torc_tui.model import WorkflowSpec
from torc_tui.workflow_file.load import load
from torc_tui.workflow_file.tables import read_table

JOB = "jobs: [{name: 't_{m}', command: 'run {m} {lr} {lr:.2e} {n:03d}', parameters_file: %s}]\n"
CSV = 'm,lr,n\nvit,1e-4,016\n"a, b",0.10,2\n'


def write(folder: Path, name: str, text: str, file: str = JOB) -> Path:
    (folder / name).write_bytes(text.encode())
    path = folder / "w.yaml"
    path.write_text(file.replace("%s", name))
    return path


def commands(spec: WorkflowSpec) -> list[str]:
    return [job.command for job in spec.jobs]


def error(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.csv", CSV, ["run vit 1e-4 1.00e-04 016", "run a, b 0.10 1.00e-01 002"]),
        ("t.CSV", "\ufeff" + CSV.replace("\n", "\r\n") + "\r\n", ["run vit 1e-4", "run a, b 0"]),
        ("t.csv", ' m , "lr", n\nx , 2 , 3 \n\n', ["run x 2 2.00e+00 003"]),
        (
            "t.json",
            '[{"m": "007", "lr": 0.5, "n": 1}, {"n": 2, "lr": 2, "m": true}]',
            ["run 007 0.5 5.00e-01 001", "run true 2 2.00e+00 002"],
        ),
        (
            "t.jsonl",
            '{"m": null, "lr": 1, "n": 1}\n\n{"m": {"b": [1], "a": "ä"}, "lr": 2, "n": 2}\n',
            ["run null 1 1.00e+00 001", 'run {"b":[1],"a":"ä"} 2 2.00e+00 002'],
        ),
        ("t.ndjson", '{"m": 1, "lr": 1, "n": 1}', ["run 1 1 1.00e+00 001"]),
    ],
    ids=["csv", "crlf", "spaces", "json", "jsonl", "ndjson"],
)
def test_rows_become_jobs_in_order(
    tmp_path: Path, name: str, text: str, expected: list[str]
) -> None:
    found = commands(load(write(tmp_path, name, text)))
    assert len(found) == len(expected)
    assert all(a.startswith(b) for a, b in zip(found, expected, strict=True)), found


def test_a_cell_may_be_long() -> None:
    assert read_table("t.csv", f"m\n{'x' * 200_000}\n").rows == [("x" * 200_000,)]


def test_only_newlines_end_lines() -> None:
    """JSON may contain the other line separators of Unicode unescaped."""
    table = read_table("t.jsonl", '{"m": "a\u2028b"}\r\n{"m": "\x85c"}')
    assert table.rows == [("a\u2028b",), ("\x85c",)]


def test_values_keep_their_type(tmp_path: Path) -> None:
    spec = load(write(tmp_path, "t.csv", "m,lr,n\nx,0.5,07\n"))
    assert dict(spec.jobs[0].values) == {"m": "x", "lr": 0.5, "n": "07"}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.csv", "m,lr\n", "'t.csv' has no rows"),
        ("t.csv", "", "'t.csv' has no rows"),
        ("t.json", "[]", "'t.json' has no rows"),
        ("t.csv", "m,lr,n\na,1,2\nb,1\n", "row 2 (line 3) has 2 cells; the header has 3"),
        ("t.csv", 'm,lr,n\n"a\nb",1,2\n\nb\n', "row 2 (line 5) has 1 cell; the header has 3"),
        ("t.csv", "m,lr,m\na,1,2\n", "header has the column 'm' twice"),
        ("t.csv", "m,,n\na,1,2\n", "header: a column has no name"),
        ("t.csv", "m;n\na;1\n", "columns must be separated by commas (found ';' between"),
        ("t.csv", "m\tn\na\t1\n", "columns must be separated by commas (found '\\t' between"),
        ("t.csv", 'm,lr,n\na,"1"2,3\n', "row 1 (line 2) is not valid CSV"),
        ("t.csv", 'm,lr,n\na,1,2\nb,1,"2\n', "row 2 (line 3) is not valid CSV"),
        ("t.csv", "m,lr,n\na,\0,2\n", "row 1 (line 2): a value holds a NUL character"),
        ("t.json", '[{"m": 1}, {"lr": 1}]', "row 2 has no column 'm'"),
        ("t.json", '[{"m": 1}, {"m": 1, "lr": 1}]', "row 2 has the column 'lr', which row 1"),
        ("t.json", '[{"m": 1}, {"m": 1, "m": 2}]', "row 2 has the column 'm' twice"),
        ("t.json", '[{"m": 1}, 7]', "row 2 must be a JSON object, not the number 7"),
        ("t.json", '[{}]', "row 1 has no columns"),
        ("t.json", '{"m": 1}', "must hold a JSON array of objects, not a mapping"),
        ("t.json", '[{"m": 1},\n{"m": }]', "'t.json' (line 2) is not valid JSON"),
        ("t.jsonl", '{"m": 1}\n\n{"m": \n', "row 2 (line 3) is not valid JSON"),
        ("t.jsonl", '{"m": 1e999}\n', "row 1 (line 1): a value must be a string, not inf"),
        ("t.tsv", "m\n1\n", "'t.tsv' is not a table of a supported format (extensions: .csv, .json,"),
    ],
)  # fmt: skip
def test_faults_name_file_and_row(tmp_path: Path, name: str, text: str, expected: str) -> None:
    found = error(write(tmp_path, name, text))
    assert expected in found
    assert "w.yaml:1: job 't_{m}': 'parameters_file' cannot be used: " in found


def test_a_missing_or_binary_table(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", CSV)
    (tmp_path / "t.csv").write_bytes(b"m\n\xff\n")
    assert "cannot take its values from 't.csv': it is not UTF-8 text" in error(path)
    (tmp_path / "t.csv").unlink()
    assert "'parameters_file' cannot take its values from 't.csv'" in error(path)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("parameters_file: t.csv, parameters: {i: 1}", "cannot be used together with 'parameters'"),
        ("parameters_file: t.csv, parameter_mode: zip", "cannot be used together with"),
        ("parameters_file: t.csv, use_parameters: [i]", "cannot be used together with"),
        ("use_parameters_file: true, parameters: {i: 1}", "'use_parameters_file' cannot be used"),
        ("parameters_file: t.csv, use_parameters_file: true", "with 'use_parameters_file'"),
        ("use_parameters_file: true", "needs the key 'parameters_file' of the workflow"),
    ],
)
def test_one_source_of_parameters(tmp_path: Path, entry: str, expected: str) -> None:
    file = "parameters: {i: '1:2'}\njobs: [{name: 'a{m}', command: x, " + entry + "}]\n"
    assert expected in error(write(tmp_path, "t.csv", CSV, file))


def test_one_shared_source_of_parameters(tmp_path: Path) -> None:
    file = "parameters: {i: '1:2'}\nparameters_file: t.csv\njobs: [{name: a, command: x}]\n"
    found = error(write(tmp_path, "t.csv", CSV, file))
    assert "w.yaml:2: workflow: 'parameters_file' and 'parameters' cannot be used" in found


SHARED = """
variables: {WHERE: t}
parameters_file: "{WHERE}.csv"
jobs:
- {name: "t_{n}", command: "run {lr} ${files.output.f_{n}}", use_parameters_file: true}
- {name: all, command: sum, depends_on_regexes: ["^t_"]}
- {name: no, command: sum, use_parameters_file: false}
files: [{name: "f_{n}", path: "{n}.csv", use_parameters_file: true}]
user_data: [{name: "u_{n}", parameters_file: t.csv}]
"""


def test_a_shared_table(tmp_path: Path) -> None:
    spec = load(write(tmp_path, "t.csv", CSV, SHARED))
    assert [job.name for job in spec.jobs] == ["t_016", "t_2", "all", "no"]
    assert [file.path for file in spec.files] == ["016.csv", "2.csv"]
    assert [one.name for one in spec.user_data] == ["u_016", "u_2"]
    assert spec.warnings == ()


def test_a_broken_table_is_reported_once(tmp_path: Path) -> None:
    found = error(write(tmp_path, "t.csv", "m,lr,n\na\n", SHARED))
    assert found.count("row 1 (line 2)") == 1
    assert "w.yaml:5: job 't_{n}': 'use_parameters_file' cannot be used: 't.csv', row 1" in found


def test_misspelt_columns_are_warned_about(tmp_path: Path) -> None:
    file = "jobs: [{name: 't_{m}', command: 'run {lrr}', parameters_file: t.csv}]\n"
    (found,) = load(write(tmp_path, "t.csv", CSV, file)).warnings
    assert (found.kind, found.hint) == ("parameter-left", "did you mean {lr}?")


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are relative to the directory of the file, otherwise to the current one, as in Torc."""
    folder, here = tmp_path / "folder", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    path = write(folder, "t.csv", "m,lr,n\nfolder,1,1\n")
    (here / "t.csv").write_text("m,lr,n\nhere,1,1\n")
    assert commands(load(path)) == ["run folder 1 1.00e+00 001"]
    (folder / "t.csv").unlink()
    assert commands(load(path)) == ["run here 1 1.00e+00 001"]


def test_a_table_in_kdl(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", CSV)
    path = path.with_suffix(".kdl")
    path.write_text('job "t_{m}" { command "run {n}"; parameters_file "t.csv" }\n')
    assert commands(load(path)) == ["run 016", "run 2"]


def test_columns_may_have_any_name() -> None:
    table = read_table("t.csv", "learning rate,i\n0.1,2\n")
    assert table == (("learning rate", "i"), [(0.1, 2)])
