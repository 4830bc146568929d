"""Messages about mistakes in a workflow file do not depend on the parser."""

from __future__ import annotations

import pytest
import yaml

from torc_tui.errors import SpecSyntaxError
from torc_tui.workflow_file import kdl
from torc_tui.workflow_file.load import loads


def refusal(text: str, format: str) -> tuple[int | None, str, str | None]:
    with pytest.raises(SpecSyntaxError) as caught:
        loads(text, format=format)
    problem = caught.value.problems[0]
    return problem.line, problem.message, problem.hint


@pytest.fixture
def other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the parsers by others with different messages."""
    original = yaml.error.MarkedYAMLError.__init__

    def say(self: yaml.error.MarkedYAMLError, *words: object) -> None:
        original(self, *words)
        self.problem = self.context = "xyzzy"

    def parse(text: str, *, version: str) -> object:
        try:
            return real(text, version=version)
        except kdl.ckdl.ParseError:
            raise kdl.ckdl.ParseError("xyzzy") from None

    real = kdl.ckdl.parse
    monkeypatch.setattr(yaml.error.MarkedYAMLError, "__init__", say)
    monkeypatch.setattr(kdl.ckdl, "parse", parse)


YAML = {
    "tab": ("a:\n\t- b\n", 2, "a tab indents this line"),
    "tab in a value": ("a:\n  - b\n\tc: d\n", 3, "a tab indents this line"),
    "colon in a value": ("a: b: c\n", 1, "a key is not expected here"),
    "indented key": ("a: 1\n b: 2\n", 2, "a key is not expected here"),
    "no colon": ("a\nb: 1\n", 2, "a key is not expected here"),
    "outdented key": ("a:\n  b: 1\n c: 2\n", 3, "this line is not indented like the lines"),
    "outdented text": ("a: |\n  x\n y\n", 3, "this line is not indented like the lines"),
    "key after a list": ("- a\nb: 1\n", 2, "this line is not indented like the lines"),
    "list after a key": ("a: - b\n", 1, "a list is not expected here"),
    "bracket, more lines": ("a: [1, 2\nb: 3\n", 1, "the bracket [ is not closed"),
    "bracket": ("a: {x: 1\n", 1, "the bracket { is not closed"),
    "braces in a list": ("a: [w_{i}]\n", 1, "a comma or the closing ] is missing before this"),
    "two keys in braces": ("a: {b: c d: e}\n", 1, "a comma or the closing } is missing"),
    "wrong bracket": ("a: [}\n", 1, "a value cannot begin with }"),
    "quote": ("a: 'x\nb: 1\n", 1, "the quote ' is not closed"),
    "double quote": ('a: "x\nb: 1\n', 1, 'the quote " is not closed'),
    "escape": ('a: "\\q"\n', 1, "this escape is not known in double quotes"),
    "hexadecimal escape": ('a: "\\xZZ"\n', 1, "this escape is not known in double quotes"),
    "at": ("a: @x\n", 1, "a value cannot begin with @"),
    "backquote": ("a: `x`\n", 1, "a value cannot begin with `"),
    "percent": ("a: %x\n", 1, "a value cannot begin with %"),
    "comma": ("a: , b\n", 1, "a value cannot begin with ,"),
    "anchor": ("a: &\n", 1, "a name must follow &"),
    "alias": ("a: *\n", 1, "a name must follow *"),
    "block": ("a: |x\n  t\n", 1, "nothing can follow | on its line"),
    "after a quote": ("a: 'x' y\n", 1, "this does not belong to the value before it"),
    "control character": ("a: b\x07\n", 1, "YAML does not allow the character U+0007"),
    "deep lists": ("a: " + "[" * 2000, 1, "nested deeper than"),
    "deep dashes": ("- " * 3000 + "x", 1, "nested deeper than"),
    "deep, in lines": ("a: [\n" + "[\n" * 2000, None, "nested deeper than"),
}
KDL = {
    "quote": ('name "x"\njob "a" {\n  command "b\n}\n', 3, "this quote is not closed"),
    "brace": ('job "a" {\n  b {\n  c 1\n', 2, "the block of the node 'b' is not closed"),
    "brace of the first": ('job "a" {\n  b 1\n', 1, "the block of the node 'job \"a\"' is not"),
    "brace too many": ('name "x"\n}\n', 2, "this } closes no block"),
    "value": ('name "x"\njob "a" {\n  command =b\n}\n', 3, "the node 'command =b' cannot be read"),
}


@pytest.mark.parametrize("case", YAML)
def test_yaml(case: str, other_words: None) -> None:
    text, line, words = YAML[case]
    found = refusal(text, "yaml")
    assert line is None or found[0] == line
    assert found[1].startswith(words) and "xyzzy" not in found[1]


@pytest.mark.parametrize("case", KDL)
def test_kdl(case: str, other_words: None) -> None:
    text, line, words = KDL[case]
    found = refusal(text, "kdl")
    assert found[0] == line and found[1].startswith(words)


def test_an_unknown_mistake_keeps_the_detail(other_words: None) -> None:
    """The message of the parser follows ours if the mistake is not known."""
    assert refusal("%x\n---\na\n", "yaml")[1] == "this is not YAML (xyzzy)"
    assert refusal('name "x"\njob =b\n', "kdl")[1] == "the node 'job =b' cannot be read (xyzzy)"


@pytest.mark.parametrize("format", ["yaml", "kdl"])
def test_the_words_are_the_same(format: str, request: pytest.FixtureRequest) -> None:
    """Messages stay the same when the parser changes its own, except for the detail."""
    cases = YAML if format == "yaml" else KDL
    before = {case: refusal(text, format) for case, (text, _, _) in cases.items()}
    request.getfixturevalue("other_words")
    for case, (text, _, _) in cases.items():
        line, message, hint = refusal(text, format)
        assert (line, message.partition(" (")[0], hint) == (
            before[case][0],
            before[case][1].partition(" (")[0],
            before[case][2],
        )
