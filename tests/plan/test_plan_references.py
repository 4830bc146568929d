"""Tokens of commands: which texts are tokens, and what bash makes of their replacement."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import render
from torc_tui.plan.references import Token, scan, substitute


def names(text: str) -> list[tuple[str, str, str]]:
    found = scan(text)
    assert not found.errors and not found.near
    return [(token.section, token.direction, token.name) for token in found.tokens]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat ${files.input.a}", [("files", "input", "a")]),
        (
            "x ${files.input.a} ${user_data.output.b}",
            [("files", "input", "a"), ("user_data", "output", "b")],
        ),
        ("${files.output.my file.v1-2}", [("files", "output", "my file.v1-2")]),
        ("${user_data.input.r_${i}} x", [("user_data", "input", "r_${i}")]),
        ("${user_data.input.r_$i} x", [("user_data", "input", "r_$i")]),
        ("${user_data.input.r_$((i - 1))} x", [("user_data", "input", "r_$((i - 1))")]),
        ("${HOME} ${x%.*} ${x#a.b} ${a:-b.c} ${y/./_} ${!x} $x", []),
        ("${x:-files.input.a}", []),
        (r"\${files.input.a}", []),
        ("$${files.input.a}", []),
        (r"\\${files.input.a}", [("files", "input", "a")]),
        ("node -e '`${user.name}`'", []),
        ("node <<'E'\nconsole.log(`${files.length} ${files.raw.path} ${input.value}`)\nE", []),
        ("${user_data} ${user_data.x.y} ${files.sort.input}", []),
        ("", []),
    ],
)
def test_tokens(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("${files.input.}", "name"),
        ("echo ${files.input.x\necho }", "write } after the name"),
        ("echo ${files.input.x", "write } after the name"),
    ],
)
def test_invalid_tokens(text: str, hint: str) -> None:
    found = scan(text)
    assert not found.tokens and not found.near
    assert len(found.errors) == 1
    assert hint in (found.errors[0].hint or "")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("${user_data.inptu.x}", "${user_data.input.x}"),
        ("${file.input.x}", "${files.input.x}"),
        ("${userdata.output.x}", "${user_data.output.x}"),
        ("${user-data.output.x}", "${user_data.output.x}"),
        ("${files.outputs.x}", "${files.output.x}"),
        ("${input.files.x}", "${files.input.x}"),
    ],
)
def test_misspelt_tokens(text: str, meant: str) -> None:
    found = scan(text)
    assert not found.tokens and not found.errors
    assert [near.hint for near in found.near] == [f"did you mean '{meant}'?"]


def test_tokens_without_a_direction() -> None:
    assert scan("${files.raw} ${user_data.x} ${file.y} ${files.a.b}").short == [
        ("files", "raw"),
        ("user_data", "x"),
    ]


def test_render_ids() -> None:
    text = "get ${user_data.input.a}${user_data.input.b} < ${files.input.f}"
    script = substitute(
        text,
        scan(text).tokens,
        lambda token: token.name + ".txt" if token.section == "files" else "ab".index(token.name),
    )
    assert script == ("get ", 0, 1, " < f.txt")
    assert render(script, range(40, 50)) == "get 4041 < f.txt"


@given(st.text(alphabet="ab$ {}.'\"\\(`#<\n", max_size=40))
def test_text_is_unchanged(text: str) -> None:
    tokens = scan(text).tokens
    assert substitute(text, tokens, lambda token: text[token.start : token.end]) == text


@given(
    st.text(alphabet="ab$ ()'\"\\`#<\n", max_size=30),
    st.text(alphabet="ab$ ()'\"\\`#<\n", max_size=30),
)
def test_arbitrary_surroundings(before: str, after: str) -> None:
    tokens = scan(f"{before} ${{user_data.input.r_$i}}{after}").tokens
    assert len(tokens) <= 1


T = "${user_data.input.result_$i}"


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (f"i='1 2'; printf '<%s>' {T}", "<result_1 2>"),
        (f"i='1 2'; printf '<%s>' \"{T}\"", "<result_1 2>"),
        (f"i=3; printf '<%s>' \"{T}x\"", "<result_3x>"),
        (f"i=3; printf '<%s>' {T}x", "<result_3x>"),
        (f"i='1 2'; x=\"$(printf '<%s>' {T})\"; echo -n \"$x\"", "<result_1 2>"),
        (f"i='1 2'; x=$(printf '<%s>' \"{T}\"); echo -n \"$x\"", "<result_1 2>"),
        (f"i=3; x=`printf '<%s>' {T}`; echo -n \"$x\"", "<result_3>"),
        (f"# it's a comment\ni='1 2'; printf '<%s>' {T} # \"", "<result_1 2>"),
        (f'bash -c \'i="1 2"; printf "<%s>" {T}\'', "<result_1 2>"),
        (f'bash -c \'i="1 2"; printf "<%s>" "{T}"\'', "<result_1 2>"),
        (f"i=4; cat <<EOF\nit's {T}\nEOF\nprintf '<%s>' {T}", "it's result_4\n<result_4>"),
        (f"bash <<'EOF'\ni='1 2'\nprintf '<%s>' {T}\nEOF", "<result_1 2>"),
        (f"(i='1 2'; echo $((1+1)); printf '<%s>' {T})", "2\n<result_1 2>"),
        (f"i='1 2'; cat <<< {T}", "result_1 2\n"),
        (f"i='1 2'; echo it\\'s {T}", "it's result_1 2\n"),
        ("i=3; printf '<%s>' ${user_data.input.r_$((i - 1))_${i}}", "<r_2_3>"),
        ("printf '<%s>' ${user_data.input.a \"b`_$#_$0}", None),
    ],
)
def test_names_in_bash(command: str, output: str | None) -> None:
    tokens = scan(command).tokens
    assert tokens
    script = substitute(command, tokens, lambda token: token.shell_text)
    assert isinstance(script, str)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    if output is None:
        assert done.stdout == '<a "b`_$#_bash>'
    else:
        assert done.stdout == output


def test_names_with_variables() -> None:
    token = Token(0, 0, "user_data", "input", "r.$i_x")
    assert token.glob == "r.*"
    assert Token(0, 0, "user_data", "input", "r.${i}_x").glob == "r.*_x"
    names = ["r.12_x", "ra12_x", "r.12_xy"]
    assert Token(0, 0, "user_data", "input", "r.${i}_x").matching(names) == (0,)
    assert not Token(0, 0, "user_data", "input", "cost$").has_variable
