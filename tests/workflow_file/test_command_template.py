"""Each untrusted line becomes one word of a command, whatever it contains."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.workflow_file.command_template import CommandTemplate, words_text
from torc_tui.workflow_file.parameters import Allowance, combine
from torc_tui.workflow_file.templates import ParameterRows
from torc_tui.workflow_file.values import InvalidValue

LINES = [
    b"plain",
    b"two words",
    b"it's",
    b"; rm -rf x #",
    b"$(id) `id` $HOME",
    b"-rf",
    b"\x1b[31mred\x07",
    b"caf\xe9 \xff",
    "naïve ‮ ☃".encode(),
    b"\\' \\\\",
    b"{raw} {} %s",
]


def filled(text: str, line: bytes | None, *, appends: bool = False) -> list[str]:
    return [command for command, _ in CommandTemplate(text, appends=appends).fill(line)]


def words_of(command: str) -> list[bytes]:
    """Return the arguments that bash makes of a command that begins with ``show``."""
    script = f"show() {{ printf '%s\\0' \"$@\"; }}; {command}"
    return subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.split(
        b"\0"
    )[:-1]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_line_is_one_word(line: bytes) -> None:
    (command,) = filled("show a {} b", line)
    assert command.isprintable()
    assert words_of(command) == [b"a", line, b"b"]
    (command,) = filled("show x", line, appends=True)
    assert words_of(command) == [b"x", line]
    (command,) = filled(words_text(["show", "p {}.gz", "$HOME"]), line)
    assert words_of(command) == [b"p " + line + b".gz", b"$HOME"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=30).map(lambda text: text.replace(b"\0", b"").replace(b"\n", b"")))
def test_any_bytes(line: bytes) -> None:
    (command,) = filled("show {}", line)
    assert words_of(command) == [line]


@pytest.mark.parametrize(
    "text",
    [
        *("echo '{}'", 'echo "{}"', "echo `cat {}`", "cat <<E\n{}\nE\n", "echo \\{}"),
        *("echo $(( {} ))", "echo $[ {} ]", "[[ {} -eq 1 ]]", "echo # {}", "sh -c 'rm {}'"),
    ],
)
def test_refused_inside_quotes(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        CommandTemplate(text, appends=False)
    assert "is inside quotes or an expression" in caught.value.message


def test_refused_behind_an_open_quote() -> None:
    with pytest.raises(InvalidValue):
        CommandTemplate("grep 'x", appends=True)


def test_placeholders() -> None:
    assert filled("a {raw} {{}} ${} {x}", b"l 1") == ["a l 1 {} ${} {x}"]
    assert filled('f "$(cat {})"', b"a b") == ["f \"$(cat 'a b')\""]
    assert filled("a b", None) == ["a b"]
    with pytest.raises(ValueError, match="UTF-8"):
        filled("{raw}", b"\xff")


def test_parameters() -> None:
    rows = ParameterRows(
        ["lr", "s"], combine({"lr": (1, "0.10"), "s": (7,)}, "product", Allowance())
    )
    template = CommandTemplate("t {lr} {s:03d} {}", rows, appends=False)
    assert list(template.fill(b"x y")) == [
        ("t 1 007 'x y'", (("line", "x y"), ("lr", 1), ("s", 7))),
        ("t 0.10 007 'x y'", (("line", "x y"), ("lr", "0.10"), ("s", 7))),
    ]
    words = words_text(["t", "--v={lr}", "a b"], ["lr"])
    rows = ParameterRows(["lr"], [("it's",)])
    ((command, _),) = CommandTemplate(words, rows, appends=False).fill(None)
    assert words_of(command.replace("t ", "show ", 1)) == [b"--v=it's", b"a b"]
