"""Parameters: values, spelling, formats, templates, and the records that groups become."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.errors import SpecError
from torc_tui.model import Json, Value, WorkflowSpec
from torc_tui.units import printed
from torc_tui.workflow_file.document import List
from torc_tui.workflow_file.load import loads
from torc_tui.workflow_file.parameters import Allowance, values_of
from torc_tui.workflow_file.templates import ParameterRows, formatted, substitute
from torc_tui.workflow_file.values import InvalidValue, number_of, typed


def text_of(name: str) -> str:
    return "" if name == "empty.txt" else "# lr\n 0.10 \n\n2\r\nadam\u2028w\n"


def read(given: Json) -> tuple[Value, ...]:
    if isinstance(given, list):
        items = List()
        items.extend(given)
        given = items
    return values_of(given, text_of, Allowance())


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("1:4", (1, 2, 3, 4)),
        ("0:100:50", (0, 50, 100)),
        ("0:10:4", (0, 4, 8)),
        ("10:1:-3", (10, 7, 4, 1)),
        ("3:3", (3,)),
        ("-2:0", (-2, -1, 0)),
        ("0.0:1.0:0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("0.0:0.5:0.1", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        ("0.0:2.0", (0.0, 1.0, 2.0)),
        ("0:1:0.5", (0.0, 0.5, 1.0)),
        ("0.0001:0.01:10", (0.0001,)),
        ("001:010:003", (1, 4, 7, 10)),
        ("{1:3}", (1, 2, 3)),
        ("[1,5,10]", (1, 5, 10)),
        ("[0.1, 1e-5, adam]", (0.1, "1e-5", "adam")),
        ("[007, 3.10, 1e5, 0.00001]", ("007", "3.10", "1e5", 0.00001)),
        ("['a','b']", ("a", "b")),
        ("""["a, b", 'c:d', "e\\"f", e f, '1']""", ("a, b", "c:d", 'e"f', "e f", "1")),
        ("[a,b,]", ("a", "b")),
        ("7", (7,)),
        ("007", ("007",)),
        ("+7", ("+7",)),
        ("0.50", ("0.50",)),
        ("adam", ("adam",)),
        ("", ("",)),
        ("http://host:80/x", ("http://host:80/x",)),
        ("localhost:8080", ("localhost:8080",)),
        ("2026-11-28T12:30:00", ("2026-11-28T12:30:00",)),
        ("10.0.0.1:80", ("10.0.0.1:80",)),
        ("a:b", ("a:b",)),
        ("1_000", ("1_000",)),
        ("nan", ("nan",)),
        ("@values.txt", ("0.10", 2, "adam\u2028w")),
        ([1, 0.5, "x", "1:3", True], (1, 0.5, "x", "1:3", "true")),
        (3, (3,)),
        (0.5, (0.5,)),
        (False, ("false",)),
    ],
)
def test_values(given: Json, values: tuple[Value, ...]) -> None:
    found = read(given)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("5:1", "has the empty range '5:1'"),
        ("1:5:-1", "has the empty range '1:5:-1'"),
        ("[]", "has an empty list"),
        ("[ ]", "has an empty list"),
        ([], "has an empty list"),
        ("@empty.txt", "has no values: the file 'empty.txt'"),
        ("1:1O", "is not a valid range: '1:1O'"),
        ("O:10", "is not a valid range"),
        ("1:l0:2", "is not a valid range"),
        ("1:b", "is not a valid range"),
        ("12:30:45:10", "is not a valid range"),
        ("1:10:", "is not a valid range"),
        ("1:10:0", "a step of 0"),
        ("1:99999999999", "more than 1000000 values"),
        ("0:1:1e-9", "more than 1000000 values"),
        ("""["a, b", 'it''s', c d]""", "a quote or a comma is missing"),
        ("[a,,b]", "nothing between two commas"),
        ("[a", "without its closing bracket"),
        ("['a, b]", "a quote or a comma is missing"),
        ([[1]], "must be a string or a number, not a list"),
        ([None], "not null"),
        ({"a": 1}, "not a mapping"),
        ([float("nan")], "not nan"),
        ("a\0b", "NUL"),
        (["\ud800"], "not valid Unicode"),
    ],
)
def test_impossible_values(given: Json, words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read(given)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.0, "0"), (-0.0, "0"), (1e-5, "0.00001"), (1e22, "1" + "0" * 22), (0.1, "0.1"),
     (-2.50, "-2.5"), (10, "10"), (100.0, "100"), ("1.0", "1.0")],
)  # fmt: skip
def test_printing(value: Value, text: str) -> None:
    assert printed(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_printed_floats_round_trip(value: float) -> None:
    text = printed(value)
    assert float(text) == value
    assert "e" not in text.lower()


def test_ranges_of_large_numbers_are_exact() -> None:
    step = 3 * 10**17 - 1
    assert read(f"0:{3 * step - 1}:{step}") == (0, step, 2 * step)
    assert read(f"{step}:{step + 3}") == (step, step + 1, step + 2, step + 3)


@given(st.integers(-1000, 1000), st.integers(1, 500), st.integers(0, 60), st.integers(0, 4))
def test_float_ranges_are_exact(start: int, step: int, count: int, digits: int) -> None:
    def decimal(units: int) -> str:
        return f"{units / 10**digits:.{digits}f}" if digits else f"{units}.0"

    found = read(f"{decimal(start)}:{decimal(start + step * count)}:{decimal(step)}")
    assert [printed(one) for one in found] == [
        printed(float(decimal(start + step * index))) for index in range(count + 1)
    ]


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (7, "03d", "007"),
        (-7, "03d", "-07"),
        ("007", "d", "7"),
        ("1e2", "05d", "00100"),
        (2.0, "03d", "002"),
        (255, "x", "ff"),
        (0.5, ".2f", "0.50"),
        (1, ".2f", "1.00"),
        ("3.10", ".3f", "3.100"),
        (0.00123, ".2e", "1.23e-03"),
        ("1e-3", "g", "0.001"),
        (0.5, "06.2f", "000.50"),
        ("it's", "q", "'it'\"'\"'s'"),
        ("plain", "q", "plain"),
        ("3.10", "q", "3.10"),
        (2.5, "03d", None),
        (7, "5d", None),
        ("a", "03d", None),
        ("a", ".2f", None),
        (1.5, "x", None),
        (7, "03.2d", None),
    ],
)
def test_formats(value: Value, form: str, text: str | None) -> None:
    assert formatted(value, form) == text


def test_unfit_format_warning() -> None:
    found = spec(
        "- {name: 'j_{i:03d}', command: 'c {i:.1f} {k:5d} {k:q}', parameters: {i: [1, x], k: '1'}}"
    )
    assert [(job.name, job.command) for job in found.jobs] == [
        ("j_001", "c 1.0 1 1"),
        ("j_x", "c x 1 1"),
    ]
    told = [(problem.kind, problem.line, problem.message) for problem in found.warnings]
    assert [(kind, line) for kind, line, _ in told] == [("format-ignored", 4)] * 3
    assert "the format of {i:03d} does not fit the value 'x'" in told[0][2]


@pytest.mark.parametrize(
    ("form", "told"), [("5", 1), (">5", 1), (",", 1), ("03", 1), ("%", 1), ("+d", 1), ("", 0)]
)
def test_formats_of_other_languages_are_left_out(form: str, told: int) -> None:
    found = spec(f"- {{name: 'j_{{i:{form}}}', command: c, parameters: {{i: [1, x]}}}}")
    assert [job.name for job in found.jobs] == ["j_1", "j_x"]
    assert [problem.kind for problem in found.warnings] == ["format-ignored"] * told


def test_a_name_may_not_be_blank() -> None:
    with pytest.raises(SpecError, match="a name is empty after its parameters are filled in"):
        spec("- {name: '{i}', command: c, parameters: {i: ['  ']}}")


def test_only_ascii_digits_are_numbers() -> None:
    found = spec("- {name: 'j_{i}', command: c, parameters: {i: '١:٣'}}")
    assert [job.name for job in found.jobs] == ["j_١:٣"]


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("plain", None),
        ("{i: 1} {i:d[i]} {i:'x'} {i!r}", None),
        ("${HOME} {a,b} {print} {} {j} ${i} ${i:-1} { i }", None),
        ("awk '{print $1}'", None),
        ("{i}", ["1", "10"]),
        ("{i:03d}{i}", ["0011", "01010"]),
        ("100% {i} %s %(i)s {x:.2f}", ["100% 1 %s %(i)s 0.50", "100% 10 %s %(i)s 1.00"]),
        (
            "${user_data.output.result_{i}}",
            ["${user_data.output.result_1}", "${user_data.output.result_10}"],
        ),
        ("{{i}}", ["{i}", "{i}"]),
        ("{{i}} {i} {{j}} {{{i}}}", ["{i} 1 {{j}} {{i}}", "{i} 10 {{j}} {{i}}"]),
        ("${{i}} {{i:03d}}", ["${i} {001}", "${i} {010}"]),
        ("{ii}{i}", ["{ii}1", "{ii}10"]),
        ('{"i": {i}}', ['{"i": 1}', '{"i": 10}']),
    ],
)
def test_templates(template: str, texts: list[str] | None) -> None:
    rows = ParameterRows(("i", "x"), [(1, 0.5), (10, 1.0)])
    assert rows.text(template) == texts


@settings(max_examples=100)
@given(
    st.lists(
        st.sampled_from(["{i}", "{x}", "{i:03d}", "%", "%s", "{", "}", "$", "a", "{j}"]), max_size=8
    ).map("".join),
    st.lists(
        st.tuples(st.integers(-5, 500), st.sampled_from(["u", "%d", "{i}", "{x}", "$"])),
        min_size=1,
        max_size=4,
    ),
)
def test_columns_match_naive_replacement(template: str, values: list[tuple[int, str]]) -> None:
    def slow(number: int, text: str) -> str:
        out, at = "", 0
        while at < len(template):
            for sign, value in (
                ("{{i}}", "{i}"),
                ("{{x}}", "{x}"),
                ("{i:03d}", f"{number:03d}"),
                ("{i}", str(number)),
                ("{x}", text),
            ):
                escape = sign.startswith("{{")
                if template.startswith(sign, at) and (escape or template[at - 1 : at] != "$"):
                    out, at = out + value, at + len(sign)
                    break
            else:
                out, at = out + template[at], at + 1
        return out

    expected = [slow(number, text) for number, text in values]
    column = ParameterRows(("i", "x"), values).text(template)
    assert (column if column is not None else [template] * len(values)) == expected


def test_variable_replacement() -> None:
    value = {"a": ["{X} {Y} ${X} {XX}", {"b": "{X}"}], "{X}": 1}
    assert substitute(value, {"X": "{Y}", "Y": "2"}) == {
        "a": ["{Y} 2 ${X} {XX}", {"b": "{Y}"}],
        "{X}": 1,
    }
    shared = ["{X}"]
    assert substitute({"a": shared, "b": shared}, {"X": "{X}{X}"}) == {
        "a": ["{X}{X}"],
        "b": ["{X}{X}"],
    }
    assert substitute({"a": shared}, {"X": "y"}, [shared]) == {"a": ["{X}{X}"]}


def spec(entry: str, more: str = "") -> WorkflowSpec:
    return loads(f"name: w\n{more}\njobs:\n{entry}", format="yaml")


def test_collect_pattern() -> None:
    found = spec(
        "- name: worker_{i}\n  command: |\n    R=$(p --id {i})\n"
        "    torc user-data update ${user_data.output.result_{i}}"
        ' --data "$R"\n  parameters:\n    i: "1:10"\n'
        "- name: aggregate\n  command: torc user-data get ${user_data.input.result_$i} >> "
        "all.json\n"
    )
    assert [job.name for job in found.jobs] == [*[f"worker_{i}" for i in range(1, 11)], "aggregate"]
    assert (
        found.jobs[9].command
        == 'R=$(p --id 10)\ntorc user-data update ${user_data.output.result_10} --data "$R"\n'
    )
    assert "${user_data.input.result_$i}" in found.jobs[10].command
    assert found.entries == {"jobs": 2, "files": 0, "user_data": 0}


def test_fields_with_placeholders() -> None:
    found = spec(
        "- {name: 'j_{i}', command: 'c {i}', invocation_script: 's {i}', resource_requirements: "
        "'r{i}',"
        " scheduler: 'q{i}', failure_handler: 'h{i}', env: {A: '{i}', B: x}, depends_on: "
        "['d{i}', e],"
        " depends_on_regexes: '^p{i}$', input_files: ['f{i}'], output_files: ['o{i}'],"
        " input_file_regexes: ['x{i}'], output_user_data: ['u{i}'], parameters: {i: [3, 4]}}"
    )
    job = found.jobs[1]
    assert (job.name, job.command, job.invocation_script, job.resource_requirements) == (
        "j_4",
        "c 4",
        "s 4",
        "r4",
    )
    assert (job.scheduler, job.failure_handler, job.env) == ("q4", "h4", {"A": "4", "B": "x"})
    assert (job.depends_on, job.depends_on_regexes, job.input_files) == (
        ("d4", "e"),
        ("^p4$",),
        ("f4",),
    )
    assert (job.output_files, job.input_file_regexes, job.output_user_data) == (
        ("o4",),
        ("x4",),
        ("u4",),
    )


def test_user_data_parameters() -> None:
    found = loads(
        "name: w\njobs: []\nuser_data:\n"
        "- {name: 'd_{i}', data: {k: ['v{i}', 1]}, parameters: {i: 1:2}, is_ephemeral: true}"
    )
    assert [(one.name, one.data, one.is_ephemeral) for one in found.user_data] == [
        ("d_1", {"k": ["v1", 1]}, True),
        ("d_2", {"k": ["v2", 1]}, True),
    ]


def test_merged_jobs() -> None:
    found = spec(
        "- {name: 'report_{d}', command: 'r {d}', depends_on: ['an_{d}_{a}', first], "
        "input_files: ['f_{a}'],"
        " parameters: {d: [x, y], a: 1:3}}\n"
        "- {name: all, command: c, depends_on: ['w_{i}'], parameters: {i: 1:3}}"
    )
    assert [job.name for job in found.jobs] == ["report_x", "report_y", "all"]
    assert found.jobs[0].depends_on == ("an_x_1", "first", "an_x_2", "an_x_3")
    assert found.jobs[0].input_files == ("f_1", "f_2", "f_3")
    assert found.jobs[0].values == (("d", "x"),)
    assert found.jobs[2].depends_on == ("w_1", "w_2", "w_3")


def messages(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        loads(text, format="yaml")
    return str(caught.value)


def test_merge_conflict() -> None:
    found = messages("name: w\njobs:\n- {name: a, command: 'b{i}', parameters: {i: 1:3}}")
    assert "3: job 'a'" in found and "'b1' and 'b2'" in found
    found = messages("name: w\njobs: []\nfiles:\n- {name: a, path: 'b{i}', parameters: {i: 1:3}}")
    assert "file 'a'" in found and "'b1' and 'b2'" in found


def test_duplicate_names_of_entries() -> None:
    found = messages(
        "name: w\njobs:\n- {name: a_2, command: b}\n- {name: 'a_{i}', command: b, parameters: "
        "{i: 1:3}}"
    )
    assert "4: job 'a_2' is declared twice, first in line 3" in found


def test_shared_parameters() -> None:
    shared = "parameters: {b: 1:2, a: [x, y], unused: 1:9}"
    found = spec(
        "- {name: 'j_{a}_{b}', command: c, use_parameters: [a, b]}\n- {name: k, command: c}", shared
    )
    assert [job.name for job in found.jobs] == ["j_x_1", "j_x_2", "j_y_1", "j_y_2", "k"]
    found = spec("- {name: 'j_{a}', command: c, parameters: {a: 5}, use_parameters: [b]}", shared)
    assert [job.name for job in found.jobs] == ["j_5"]
    found_text = messages(
        f"name: w\n{shared}\njobs:\n- {{name: j, command: c, use_parameters: [unusd]}}"
    )
    assert "no shared parameter is called 'unusd' (did you mean 'unused'?)" in found_text


def test_values_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("# comment\nadam\n\n0.10\n3\n")
    found = loads(
        "name: w\njobs: [{name: 'j_{o}', command: c, parameters: {o: '@v.txt'}}]",
        format="yaml",
        directory=tmp_path,
    )
    assert [job.name for job in found.jobs] == ["j_adam", "j_0.10", "j_3"]
    with pytest.raises(SpecError, match=r"'nope.txt': No such file"):
        loads(
            "name: w\njobs: [{name: j, command: c, parameters: {o: '@nope.txt'}}]",
            directory=tmp_path,
        )


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("{i: '1:10:0'}", "step of 0"),
        ("{i: '[]'}", "parameter 'i' has an empty list of values"),
        ("{i: '5:1'}", "did you mean '5:1:-1'?"),
        ("{i: '1:1O'}", "or for one string a list: ['1:1O']"),
        ("{i: [1, [2]]}", "must be a string or a number"),
        ("{i: 1:3, k: 1:2}, parameter_mode: zip", "'i' has 3 values, 'k' has 2"),
        ("{i: 1:3}, parameter_mode: zipp", "did you mean 'zip'"),
        ("{i: 1:2000, k: 1:2000}", "4000000 combinations"),
        ("{i: ['a\\nb', c]}".replace("'", '"'), "line break"),
        ("{V: 1:2}", "is also a variable"),
        ("{'a b': 1:2}", "is not a name for a parameter"),
        ("[1, 2]", "must be a mapping"),
    ],
)
def test_invalid_parameters(parameters: str, words: str) -> None:
    job = f"{{name: 'j_{{i}}', command: c, parameters: {parameters}}}"
    assert words in messages(f"name: w\nvariables: {{V: x}}\njobs:\n- {job}")


def test_typed_strings() -> None:
    texts = ("1", "-1", "+1", "1.", ".5", "0.5", "1e3", "1e", "0x1", "", "1 2", "-0", "1.0")
    assert [typed(text) for text in texts] == [
        *(1, -1, "+1", "1.", ".5", 0.5, "1e3", "1e", "0x1", "", "1 2", "-0", "1.0")
    ]
    assert [number_of(text) for text in texts] == [
        *(1, -1, 1, 1.0, 0.5, 0.5, 1000.0, None, None, None, None, 0, 1.0)
    ]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("[007, 3.10, 1e5, .5, +1, 0x1f, True, true]", "007 3.10 1e5 .5 +1 0x1f True true"),
        ("'[007, 3.10, 1e5]'", "007 3.10 1e5"),
        ("007", "007"),
        ("3.10", "3.10"),
        ("FALSE", "FALSE"),
        ("&a [01, 2.0]", "01 2.0"),
        ("!!int 007", "7"),
        ('["007", "1e5"]', "007 1e5"),
    ],
)
def test_yaml_keeps_the_spelling_of_values(value: str, names: str) -> None:
    found = spec(f"- {{name: 'j_{{s}}', command: c, parameters: {{s: {value}}}}}")
    assert [job.name for job in found.jobs] == [f"j_{name}" for name in names.split()]


def test_yaml_keeps_spelling_through_aliases_and_merge_keys() -> None:
    found = spec(
        "- &base {name: 'a_{s}', command: c, parameters: {s: &zip 01234}, env: {ZIP: *zip}}\n"
        "- {<<: *base, name: 'b_{s}', parameters: &p {s: [*zip, 1.50]}}\n"
        "- {name: 'c_{s}', command: c, parameters: {<<: *p}, env: {<<: {A: 1e3}, B: 0o7}}"
    )
    assert [job.name for job in found.jobs] == [
        *("a_01234", "b_01234", "b_1.50", "c_01234", "c_1.50")
    ]
    assert found.jobs[0].env == found.jobs[1].env == {"ZIP": "01234"}
    assert found.jobs[3].env == {"A": "1e3", "B": "0o7"}


@pytest.mark.parametrize("format", ["json", "json5", "kdl"])
def test_native_numbers_of_other_formats_are_printed_shortest(format: str) -> None:
    if format == "kdl":
        text = 'job "j_{s}" { command "{V}"; parameters { s 3.10; }\n env { A 1e5; B #true; } }\n'
        text += "variables { V 2.50; }"
    else:
        text = (
            '{"variables": {"V": 2.50}, "jobs": [{"name": "j_{s}", "command": "{V}",'
            ' "parameters": {"s": [3.10]}, "env": {"A": 1e5, "B": true}}]}'
        )
    (job,) = loads(text, format=format).jobs
    assert (job.name, job.command, job.env) == ("j_3.1", "2.5", {"A": "100000", "B": "true"})


def test_variables_and_env_keep_their_spelling() -> None:
    found = loads(
        "variables: {V: 1e5, W: 007}\nenv: {ZIP: 01234, ON: True, N: 7, X: 3.10}\n"
        "jobs:\n- {name: a, command: '{V} {W} {W:q} {{V}}', env: {A: '{V}', Z: 0.0}}"
    )
    assert found.env == {"ZIP": "01234", "ON": "True", "N": "7", "X": "3.10"}
    assert found.jobs[0].command == "1e5 007 007 {V}"
    assert found.jobs[0].env == {"A": "1e5", "Z": "0.0"}


def test_quoting_for_the_shell() -> None:
    found = spec(
        "- {name: 'j_{n}', command: 'echo {s:q}', parameters: {s: ['a b', \"it's\"], n: 1:2},"
        " parameter_mode: zip}"
    )
    assert [job.command for job in found.jobs] == ["echo 'a b'", "echo 'it'\"'\"'s'"]


@pytest.mark.parametrize(
    "entries",
    [
        "files: [{name: 'f_{i}', path: 'p{i}', parameters: {i: '1:600'}}]\n"
        "jobs: [{name: 'j_{i}', command: c, parameters: {i: '1:600'}}]",
        "parameters: {a: '1:600', b: '1:600'}\njobs: []",
        "jobs:\n- {name: 'a_{i}_{k}', command: c, parameters: {i: '1:10', k: '1:70'}}\n"
        "- {name: 'b_{i}_{k}', command: c, parameters: {i: '1:10', k: '1:70'}}",
    ],
    ids=["files and jobs", "shared parameters", "combinations"],
)
def test_the_limit_counts_for_the_whole_file(entries: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torc_tui.workflow_file.parameters.LIMIT", 1000)
    found = messages(f"name: w\n{entries}")
    assert found.count("1000") == 1
